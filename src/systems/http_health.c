/* http_health.c: the role "health" by probes: addresses that must answer as expected within a time. The
 * built-in driver: with no probes configured it measures nothing and says so. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/health_look.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES_MAX = 200, PROBE_BODY_MAX = 1 << 20 };

struct probe {
    const char *name, *url;
    int64_t expect; /* status; 0 = any 2xx */
    int64_t max_ms;
    const char *contains; /* text of the body, or NULL */
    struct http_peer *peer;
};

struct http_health {
    struct system system;
    struct arena arena;
    struct probe *probes;
    int n;
};

/* --- probing ---------------------------------------------------------------------------------- */

static void plan(struct health_look *l)
{
    struct http_health *h = (struct http_health *)l->flow.system;
    for (int i = 0; i < h->n; i++)
        health_look_add(l, &h->probes[i], h->probes[i].name, h->probes[i].url, fill_url);
}

static struct http_call *send_probe(struct health_ask *q)
{
    const struct probe *p = q->what;
    /* No retries: a probe that fails now and then is what should be seen. */
    struct http_request r = {.method = "GET",
                             .path = q->text,
                             .what = q->name,
                             .no_retry = true,
                             .follow = p->expect / 100 != 3,
                             .body_max = PROBE_BODY_MAX};
    return http_send(p->peer, &r, health_look_answered, q);
}

static json_t *judge(struct health_ask *q, const struct http_reply *reply, struct outcome *broken)
{
    const struct probe *p = q->what;
    struct health_limits limits = HEALTH_NO_LIMITS;
    char says[ERROR_TEXT_MAX];
    (void)broken; /* whatever keeps a probe from being answered is what it is there to find */
    limits.max = (double)p->max_ms;
    limits.unit = "ms";
    bool expected = p->expect ? reply->status == p->expect : reply->status / 100 == 2;
    json_t *m = health_measure(q->name, true, (double)reply->took_ms, &limits, NULL);
    if (reply->status == 0)
        (void)snprintf(says, sizeof says, "no answer: %.400s", reply->error.text);
    else if (!expected)
        (void)snprintf(says, sizeof says, "answered %d, expected %s%d", reply->status,
                       p->expect ? "" : "2xx, like ", p->expect ? (int)p->expect : 200);
    else if (p->contains && !(reply->body && strstr(reply->body, p->contains)))
        (void)snprintf(says, sizeof says, "the answer does not contain \"%.200s\"", p->contains);
    else
        return m;
    json_object_set_new(m, "ok", json_false());
    json_object_set_new(m, "says", json_string(says));
    return m;
}

static const struct health_look_ops ops = {
    .plan = plan,
    .send = send_probe,
    .judge = judge,
    .nothing = "no probes are configured: nothing was measured",
};

/* --- verbs ------------------------------------------------------------------------------------ */

static struct task *snapshot(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    return health_look_snapshot(s, &ops, e, done, progress, ctx);
}

static struct task *watch(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    return health_look_watch(s, &ops, e, done, progress, ctx);
}

static struct task *mark(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    (void)e;
    (void)progress;
    return task_done(s, done, ctx,
                     json_pack("{s:s, s:s}", "id", "", "says", "probes have no dashboards to mark"));
}

static void checked(struct health_look *l)
{
    struct check *checks = ARENA_ARRAY(&l->flow.arena, (size_t)l->n + 1, struct check);
    int n = l->n;
    for (int i = 0; i < n; i++) {
        const json_t *m = l->asks[i].measure;
        checks[i] = (struct check){json_flag(m, "ok", false) ? CHECK_OK : CHECK_WARN, l->asks[i].name,
                                   json_str(m, "says", "")};
    }
    if (n == 0)
        checks[n++] =
            (struct check){CHECK_WARN, "probes",
                           "none that can be tried without a client and a service; see docs/systems/http.md"};
    flow_checked(&l->flow, checks, n);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    health_look_visit(s, &ops, done, ctx, checked);
}

/* --- configuration ---------------------------------------------------------------------------- */

static const char *const probe_keys[] = {"name",  "expect",  "contains", "max_ms",     "url",     "user",
                                         "token", "ca_file", "proxy",    "per_second", "timeout", NULL};

/* A credential goes to one origin, which must be known now; probes without one may have an address with a
 * template for its host. */
static bool open_peer(struct http_health *h, const struct yaml *y, const char *file, struct probe *p,
                      struct error *err)
{
    const char *host = strstr(p->url, "://");
    size_t n = host ? (size_t)(host - p->url) + 3 : 0;
    if (n == 0)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "url: expected http:// or https://, found \"%.100s\"", p->url);
    n += strcspn(p->url + n, "/?#");
    char *origin = arena_strndup(&h->arena, p->url, n);
    if (strchr(origin, '{')) {
        if (yaml_get(y, "token"))
            return error_at(err, SB_RANGE, file, y->line, y->column,
                            "a probe whose host is a template cannot carry a token: it would go to any host");
        origin = arena_strdup(&h->arena, "http://localhost");
    }
    struct http_peer_options defaults = {.name = "http", .total_ms = 10000, .concurrency = 16}, options;
    if (!config_peer(y, file, &defaults, &h->arena, &options, err))
        return false;
    options.base_url = origin;
    p->peer = http_peer_new(h->system.around->http, &options, err);
    return p->peer || error_at(err, err ? err->code : SB_PARSE, file, y->line, y->column, "url: %s",
                               err ? err->text : "");
}

static bool read_probe(struct http_health *h, const struct yaml *y, const char *file, struct probe *p,
                       struct error *err)
{
    if (!yaml_only(y, file, "a probe", probe_keys, err))
        return false;
    const char *name = config_need(y, file, "name", "the probe's name", err);
    const char *url = name ? config_need(y, file, "url", "the address that is asked", err) : NULL;
    if (!url)
        return false;
    p->name = arena_strdup(&h->arena, name);
    p->url = arena_strdup(&h->arena, url);
    p->contains = arena_strdup(&h->arena, config_str(y, "contains", NULL));
    return config_int(y, file, "expect", 0, 100, 599, &p->expect, err) &&
           config_int(y, file, "max_ms", 5000, 1, 600000, &p->max_ms, err) && open_peer(h, y, file, p, err);
}

static void close_system(struct system *s)
{
    struct http_health *h = (struct http_health *)s;
    tasks_cancel(s);
    for (int i = 0; i < h->n; i++)
        if (h->probes[i].peer)
            http_peer_free(h->probes[i].peer);
    arena_free(&h->arena);
    free(h);
}

static bool read_config(struct http_health *h, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *list = yaml_get(config, "probes");
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > PROBES_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "probes: expected a list of at most %d", PROBES_MAX);
    h->probes = ARENA_ARRAY(&h->arena, (size_t)list->n, struct probe);
    for (int i = 0; i < list->n; i++) {
        if (list->items[i]->kind != YAML_MAP)
            return error_at(err, SB_PARSE, file, list->items[i]->line, list->items[i]->column,
                            "probes: expected name, url, ... of each");
        h->n = i + 1;
        if (!read_probe(h, list->items[i], file, &h->probes[i], err))
            return false;
    }
    return true;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct http_health *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    h->system = (struct system){.driver = d, .name = d->name, .around = around};
    h->arena = arena_make();
    if (read_config(h, config, file, err))
        return &h->system;
    close_system(&h->system);
    return NULL;
}

static const char *const keys[] = {"probes", NULL};

const struct driver http_driver = {
    .role = ROLE_HEALTH,
    .name = "http",
    .says = "probes addresses and looks at status, body and time",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"snapshot", snapshot, NULL, false},
            {"watch", watch, NULL, false},
            {"mark", mark, NULL, true},
        },
};
