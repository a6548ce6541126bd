/* http_health.c: the role "health" by probes: addresses that must answer as expected within a time. The
 * built-in driver: with no probes configured it measures nothing and says so. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include "systems/flow.h"
#include "systems/health.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES_MAX = 200, PROBE_RUNS_MAX = 1000, PROBE_BODY_MAX = 1 << 20 };

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

/* --- one look: all probes at once
 * ------------------------------------------------------------------------------- */

struct look;

struct run {
    struct look *look;
    const struct probe *probe;
    const char *name, *url;
    struct http_call *call;
    json_t *measure;
};

struct look {
    struct flow flow;
    struct run *runs;
    int n, pending;
    void (*then)(struct look *l); /* all have answered */
    struct health_soak soak;      /* of a watch */
};

static struct http_health *of(struct look *l)
{
    return (struct http_health *)l->flow.system;
}

static void look_free(struct flow *f)
{
    struct look *l = (struct look *)f;
    for (int i = 0; i < l->n; i++) {
        if (l->runs[i].call)
            http_cancel(l->runs[i].call);
        json_decref(l->runs[i].measure);
    }
    health_soak_free(&l->soak);
}

static json_t *judge(const struct run *r, const struct http_reply *reply)
{
    const struct probe *p = r->probe;
    struct health_limits limits = HEALTH_NO_LIMITS;
    char says[ERROR_TEXT_MAX];
    limits.max = (double)p->max_ms;
    limits.unit = "ms";
    bool expected = p->expect ? reply->status == p->expect : reply->status / 100 == 2;
    if (reply->status == 0)
        (void)snprintf(says, sizeof says, "no answer: %.400s", reply->error.text);
    else if (!expected)
        (void)snprintf(says, sizeof says, "answered %d, expected %s%d", reply->status,
                       p->expect ? "" : "2xx, like ", p->expect ? (int)p->expect : 200);
    else if (p->contains && !(reply->body && strstr(reply->body, p->contains)))
        (void)snprintf(says, sizeof says, "the answer does not contain \"%.200s\"", p->contains);
    else
        return health_measure(r->name, true, (double)reply->took_ms, &limits, NULL);
    json_t *m = health_measure(r->name, true, (double)reply->took_ms, &limits, NULL);
    json_object_set_new(m, "ok", json_false());
    json_object_set_new(m, "says", json_string(says));
    return m;
}

static void probed(void *ctx, const struct http_reply *reply)
{
    struct run *r = ctx;
    struct look *l = r->look;
    r->call = NULL;
    json_decref(r->measure);
    r->measure = judge(r, reply);
    if (--l->pending == 0)
        l->then(l);
}

static void nothing_to_probe(struct flow *f)
{
    struct look *l = (struct look *)f;
    l->then(l);
}

static void send_probes(struct look *l)
{
    l->pending = l->n;
    if (l->n == 0) {
        flow_wait(&l->flow, 0, nothing_to_probe);
        return;
    }
    for (int i = 0; i < l->n; i++) {
        struct run *r = &l->runs[i];
        /* No retries: a probe that fails now and then is what should be seen. */
        struct http_request q = {.method = "GET",
                                 .path = r->url,
                                 .what = r->name,
                                 .no_retry = true,
                                 .follow = r->probe->expect / 100 != 3,
                                 .body_max = PROBE_BODY_MAX};
        r->call = http_send(r->probe->peer, &q, probed, r);
    }
}

static json_t *measured(const struct look *l)
{
    json_t *measures = json_array();
    for (int i = 0; i < l->n; i++)
        json_array_append(measures, l->runs[i].measure);
    json_t *snapshot = health_snapshot_of(measures);
    if (l->n == 0)
        json_object_set_new(snapshot, "says", json_string("no probes are configured: nothing was measured"));
    return snapshot;
}

/* --- which probes
 * ------------------------------------------------------------------------------------------------ */

static void add_run(struct look *l, const struct probe *p, const char *service)
{
    if (l->n == PROBE_RUNS_MAX)
        return;
    struct arena *a = &l->flow.arena;
    const json_t *args = l->flow.effect.args;
    const struct fill values[] = {{"client", json_str(args, "client", "")},
                                  {"env", json_str(args, "env", "")},
                                  {"service", service},
                                  {NULL, NULL}};
    struct run *r = &l->runs[l->n++];
    r->look = l;
    r->probe = p;
    r->url = fill(p->url, values, fill_url, a);
    r->name = fill(p->name, values, fill_plain, a);
    if (service && !fill_uses(p->name, "service"))
        r->name = arena_printf(a, "%s %s", r->name, service);
}

static void choose_probes(struct look *l)
{
    struct http_health *h = of(l);
    const json_t *services = json_object_get(l->flow.effect.args, "services");
    l->runs = ARENA_ARRAY(&l->flow.arena, PROBE_RUNS_MAX, struct run);
    for (int i = 0; i < h->n; i++) {
        const struct probe *p = &h->probes[i];
        if (!fill_uses(p->url, "service")) {
            add_run(l, p, NULL);
            continue;
        }
        size_t k;
        json_t *service;
        json_array_foreach((json_t *)services, k, service) add_run(
            l, p, json_is_string(service) ? json_string_value(service) : json_str(service, "service", ""));
    }
}

static struct look *look_new(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx, void (*then)(struct look *))
{
    struct look *l = flow_new(sizeof *l, s, NULL, e, done, progress, ctx);
    l->flow.on_free = look_free;
    l->then = then;
    choose_probes(l);
    return l;
}

/* --- verbs
 * ------------------------------------------------------------------------------------------------------- */

static void snapshot_taken(struct look *l)
{
    flow_done(&l->flow, measured(l));
}

static struct task *snapshot(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    struct look *l = look_new(s, e, done, progress, ctx, snapshot_taken);
    send_probes(l);
    return &l->flow.task;
}

static void look_again(struct flow *f)
{
    send_probes((struct look *)f);
}

static void watched(struct look *l)
{
    _cleanup_json_ json_t *now = measured(l), *view = NULL;
    if (l->n == 0) {
        json_object_set_new(now, "worse", json_array());
        flow_done(&l->flow, json_incref(now));
        return;
    }
    enum health_verdict verdict = health_soak_look(&l->soak, json_object_get(l->flow.effect.args, "before"),
                                                   now, loop_mono_ms(), &view);
    if (verdict == HEALTH_GOOD) {
        flow_done(&l->flow, json_incref(view));
    } else if (verdict == HEALTH_WORSE) {
        struct outcome o = {.kind = OUTCOME_FAILED, .result = view};
        char text[1024];
        health_worse_text(l->soak.last_worse, text, sizeof text);
        (void)error_set(&o.error, SB_REMOTE, "health is not good, in two looks in a row: %s", text);
        flow_end(&l->flow, &o);
    } else if (!view || flow_tell(&l->flow, view)) {
        flow_wait(&l->flow, flow_pause(&l->flow, l->flow.system->around->poll_ms, 10), look_again);
    }
}

static struct task *watch(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    struct look *l = look_new(s, e, done, progress, ctx, watched);
    l->soak.soak_ms = flow_pause(&l->flow, health_soak_arg(e->args, MINUTES(5)), 1);
    send_probes(l);
    return &l->flow.task;
}

static struct task *mark(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    (void)e;
    (void)progress;
    return task_done(s, done, ctx,
                     json_pack("{s:s, s:s}", "id", "", "says", "probes have no dashboards to mark"));
}

/* --- doctor
 * ------------------------------------------------------------------------------------------------------ */

static void checked(struct look *l)
{
    struct check *checks = ARENA_ARRAY(&l->flow.arena, (size_t)l->n + 1, struct check);
    for (int i = 0; i < l->n; i++) {
        const json_t *m = l->runs[i].measure;
        bool ok = json_flag(m, "ok", false);
        checks[i] = (struct check){ok ? CHECK_OK : CHECK_WARN, l->runs[i].name, json_str(m, "says", "")};
    }
    int n = l->n;
    if (n == 0)
        checks[n++] =
            (struct check){CHECK_WARN, "probes",
                           "none that can be tried without a client and a service; see docs/systems/http.md"};
    flow_checked(&l->flow, checks, n);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct look *l = flow_visit(sizeof *l, s, NULL, done, ctx);
    struct http_health *h = (struct http_health *)s;
    l->flow.on_free = look_free;
    l->then = checked;
    l->runs = ARENA_ARRAY(&l->flow.arena, PROBE_RUNS_MAX, struct run);
    for (int i = 0; i < h->n; i++)
        if (!strchr(h->probes[i].url, '{'))
            add_run(l, &h->probes[i], NULL);
    send_probes(l);
}

/* --- configuration
 * ----------------------------------------------------------------------------------------------- */

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
