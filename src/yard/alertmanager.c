/* Alertmanager: the alerts that the stand-in Prometheus fires, and the silences that keep them quiet. */
#include "base/instant.h"
#include "base/json.h"
#include "yard/measures.h"
#include "yard/silences.h"

/* --- alerts ------------------------------------------------------------------------------------------ */

static json_t *alert_view(struct call *c, const json_t *alert)
{
    const json_t *labels = json_object_get(alert, "labels");
    json_t *silenced = yard_silences_of(c->world, labels, c->now);
    char now[32], until[32];
    char *text = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
    const char *fingerprint = stable_id(c->a, 16, "%s", text);
    free(text);
    instant_rfc3339(c->now, now);
    instant_rfc3339(c->now + MINUTES(4), until);
    return json_pack("{s:s, s:O, s:O, s:O, s:s, s:s, s:s, s:[{s:s}], s:{s:s, s:o, s:[], s:[]}}",
                     "fingerprint", fingerprint, "labels", labels, "annotations",
                     json_object_get(alert, "annotations"), "startsAt", json_object_get(alert, "activeAt"),
                     "endsAt", until, "updatedAt", now, "generatorURL",
                     arena_printf(c->a, "%s/graph", yard_url(c->y, "prometheus")), "receivers", "name",
                     "operations", "status", "state", json_array_size(silenced) ? "suppressed" : "active",
                     "silencedBy", silenced, "inhibitedBy", "mutedBy");
}

static bool wanted(struct call *c, const char *what)
{
    const char *v = request_query(c->x, what);
    return !v || !str_eq(v, "false");
}

static void alerts(struct call *c)
{
    json_t *all = json_array(), *alert;
    size_t k;
    for (int i = 0; yard_measures_rules[i].name; i++) {
        _cleanup_json_ json_t *of_rule = yard_measures_alerts(c->y, i, c->now, c->a);
        json_array_foreach(of_rule, k, alert) {
            if (!str_eq(json_str(alert, "state", ""), "firing"))
                continue;
            _cleanup_json_ json_t *view = alert_view(c, alert);
            bool active = str_eq(json_str(view, "status.state", ""), "active");
            if (wanted(c, active ? "active" : "silenced"))
                json_array_append(all, view);
        }
    }
    call_answer(c, 200, all);
}

/* --- the wire ---------------------------------------------------------------------------------------- */

static void status(struct call *c)
{
    char now[32];
    instant_rfc3339(c->now, now);
    call_answer(c, 200,
                json_pack("{s:{s:s, s:[]}, s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:{s:s}, s:s}", "cluster",
                          "status", "disabled", "peers", "versionInfo", "version", "0.27.0", "revision",
                          "0000000", "branch", "HEAD", "buildUser", "", "buildDate", "20240228-00:00:00",
                          "goVersion", "go1.22", "config", "original", "route:\n  receiver: operations\n",
                          "uptime", now));
}

static void post(struct call *c)
{
    yard_silences_post(c, "alertmanager", 200);
}

static void lift(struct call *c)
{
    yard_silences_delete(c, "alertmanager");
}

static void healthy(struct call *c)
{
    call_answer_text(c, 200, "text/plain; charset=utf-8", "OK");
}

static const struct route routes[] = {
    {"GET", "/api/v2/silences", yard_silences_list},
    {"POST", "/api/v2/silences", post},
    {"GET", "/api/v2/silence/*", yard_silences_show},
    {"DELETE", "/api/v2/silence/*", lift},
    {"GET", "/api/v2/alerts", alerts},
    {"GET", "/api/v2/status", status},
    {"GET", "/-/healthy", healthy},
    {"GET", "/-/ready", healthy},
    {NULL, NULL, NULL},
};

/* It has no sign-in of its own; the proxy before it has one. */
static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (!call_signed_in(&c, "Bearer", yard_secret(y, "alertmanager"))) {
        yard_answer_header(y, x, "WWW-Authenticate", "Bearer");
        call_answer_text(&c, 401, "text/plain; charset=utf-8", "Unauthorized");
        return;
    }
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        call_answer(&c, 405,
                    json_pack("{s:i, s:s}", "code", 405, "message",
                              arena_printf(c.a, "method %s is not allowed", c.r->method)));
        break;
    case ROUTE_NO_PATH:
        call_answer(&c, 404,
                    json_pack("{s:i, s:s}", "code", 404, "message",
                              arena_printf(c.a, "path %s was not found", c.r->path)));
        break;
    }
}

static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)scenario;
    (void)now;
    return json_pack("{s:[]}", "silences");
}

const struct stand_in alertmanager_stand_in = {
    .name = "alertmanager",
    .imitates = "Alertmanager 0.27, API v2, behind a proxy that wants a token",
    .world = world_new,
    .serve = serve,
};
