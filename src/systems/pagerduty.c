/* pagerduty.c: the pager driver for PagerDuty: configuration, who is on call, doctor. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/pagerduty_driver.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "from", "events_url", "routing_key", "services", NULL};

enum { A_PAGE = 100, PAGES_MAX = 5, ROUTES_MAX = 500 };

/* --- flows
 * ----------------------------------------------------------------------------------------------------- */

static void pagerduty_flow_free(struct flow *f)
{
    json_decref(((struct pagerduty_flow *)f)->people);
}

void *pagerduty_flow_new(size_t size, struct system *s, struct http_peer *peer, const struct effect *e,
                         outcome_fn *done, progress_fn *progress, void *ctx)
{
    struct pagerduty_flow *t = flow_new(size, s, peer, e, done, progress, ctx);
    t->p = (struct pagerduty *)s;
    t->people = json_array();
    t->f.on_free = pagerduty_flow_free;
    return t;
}

char *pagerduty_encoded(struct flow *f, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(&f->arena, buf_str(&b));
}

void pagerduty_get(struct flow *f, const char *what, const char *path,
                   void (*then)(struct flow *, const struct http_reply *))
{
    struct http_request r = {.method = "GET",
                             .what = what,
                             .path = path,
                             .headers = ((struct pagerduty *)f->system)->headers,
                             .repeatable = true};
    flow_send(f, &r, then);
}

/* --- who is on call
 * -------------------------------------------------------------------------------------------- */

static int64_t moment(const char *text)
{
    int64_t ms;
    return text && instant_parse_rfc3339(text, &ms, NULL) ? ms : 0;
}

/* One person, whatever the number of escalation policies that lead to them. */
static void add_on_call(json_t *people, const json_t *on_call)
{
    const char *name = json_str(on_call, "user.name", json_str(on_call, "user.summary", ""));
    const char *mail = json_str(on_call, "user.email", "");
    for (size_t i = 0; i < json_array_size(people); i++) {
        const json_t *p = json_array_get(people, i);
        if (str_eq(json_str(p, "name", ""), name) && str_eq(json_str(p, "mail", ""), mail))
            return;
    }
    json_array_append_new(people, json_pack("{s:s, s:s, s:s, s:I}", "name", name, "mail", mail, "phone", "",
                                            "until", (json_int_t)moment(json_str(on_call, "end", NULL))));
}

static void read_on_calls(struct flow *f);

static void on_on_calls(struct flow *f, const struct http_reply *reply)
{
    struct pagerduty_flow *t = (struct pagerduty_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = json_object_get(answer, "oncalls");
    if (!json_is_array(list)) {
        flow_failed_look(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        add_on_call(t->people, json_array_get(list, i));
    if (json_flag(answer, "more", false) && ++t->page < PAGES_MAX)
        read_on_calls(f);
    else
        flow_done(f, json_pack("{s:O, s:s}", "people", t->people, "schedule", t->schedule));
}

static void read_on_calls(struct flow *f)
{
    struct pagerduty_flow *t = (struct pagerduty_flow *)f;
    pagerduty_get(
        f, "ask who is on call",
        arena_printf(&f->arena,
                     "/oncalls?schedule_ids%%5B%%5D=%s&include%%5B%%5D=users&earliest=true&limit=%d&"
                     "offset=%d",
                     pagerduty_encoded(f, t->schedule_id), A_PAGE, t->page * A_PAGE),
        on_on_calls);
}

static const char *schedule_name(const json_t *s)
{
    return json_str(s, "name", json_str(s, "summary", ""));
}

static void on_all_schedules(struct flow *f, const struct http_reply *reply)
{
    struct pagerduty_flow *t = (struct pagerduty_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = json_object_get(answer, "schedules");
    size_t n = json_array_size(list);
    const char **names = ARENA_ARRAY(&f->arena, n + 1, const char *);
    for (size_t i = 0; i < n; i++)
        names[i] = schedule_name(json_array_get(list, i));
    const char *near = str_near(t->schedule, names);
    flow_ends(f, OUTCOME_FAILED, SB_UNKNOWN, "PagerDuty has no schedule \"%s\"%s%s%s", t->schedule,
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void on_schedules(struct flow *f, const struct http_reply *reply)
{
    struct pagerduty_flow *t = (struct pagerduty_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = json_object_get(answer, "schedules");
    if (!json_is_array(list)) {
        flow_failed_look(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        if (!str_eq(schedule_name(s), t->schedule) && !str_eq(json_str(s, "id", ""), t->schedule))
            continue;
        t->schedule_id = arena_strdup(&f->arena, json_str(s, "id", ""));
        read_on_calls(f);
        return;
    }
    pagerduty_get(f, "list the schedules", arena_printf(&f->arena, "/schedules?limit=%d", A_PAGE),
                  on_all_schedules);
}

static struct task *oncall(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct pagerduty *p = (struct pagerduty *)s;
    struct pagerduty_flow *t = pagerduty_flow_new(sizeof *t, s, p->peer, e, done, NULL, ctx);
    struct flow *f = &t->f;
    t->schedule = arena_strdup(&f->arena, json_str(e->args, "schedule", ""));
    pagerduty_get(
        f, "look for the schedule",
        arena_printf(&f->arena, "/schedules?query=%s&limit=%d", pagerduty_encoded(f, t->schedule), A_PAGE),
        on_schedules);
    return &f->task;
}

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

static void check_route(struct checks *c, const char *name, const struct secret *key)
{
    struct error err = ERROR_NONE;
    _cleanup_secret_ char *value = secret_read(key, &err);
    const char *what = arena_printf(&c->f.arena, "routing key of %.80s", name);
    if (value)
        checks_add(c, CHECK_OK, what, "can be read; whether it is right shows at the first alert");
    else
        checks_add(c, CHECK_FAIL, what, "%s", err.text);
}

static void on_incidents(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    const struct pagerduty *p = (const struct pagerduty *)f->system;
    struct error err = ERROR_NONE;
    if (http_ok(f->peer, &f->request, reply, &err))
        checks_add(c, CHECK_OK, "may read incidents", "yes");
    else
        checks_failed(c, CHECK_FAIL, "may read incidents", reply);
    for (int i = 0; i < p->n_routes; i++)
        check_route(c, p->routes[i].name, &p->routes[i].key);
    if (p->fallback.ref)
        check_route(c, "all others", &p->fallback);
    if (!p->n_routes && !p->fallback.ref)
        checks_add(c, CHECK_FAIL, "routing keys", "none is configured: nobody can be alerted");
    checks_end(c);
}

static void on_schedule_list(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *list = json_object_get(answer, "schedules");
    if (json_is_array(list))
        checks_add(c, json_array_size(list) ? CHECK_OK : CHECK_WARN, "may read schedules",
                   json_array_size(list) ? "yes" : "there is none: nobody will be known to be on call");
    else
        checks_failed(c, CHECK_FAIL, "may read schedules", reply);
    checks_clock(c, reply);
    pagerduty_get(f, "read the incidents", "/incidents?limit=1", on_incidents);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, system, ((struct pagerduty *)system)->peer, done, ctx);
    pagerduty_get(&c->f, "list the schedules", "/schedules?limit=1", on_schedule_list);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static void pagerduty_close(struct system *system)
{
    struct pagerduty *p = (struct pagerduty *)system;
    tasks_cancel(system);
    if (p->peer)
        http_peer_free(p->peer);
    if (p->events)
        http_peer_free(p->events);
    arena_free(&p->arena);
    free(p);
}

static bool read_routes(struct pagerduty *p, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *map = yaml_get(config, "services");
    if (!config_secret(config, file, "routing_key", &p->arena, &p->fallback, err))
        return false;
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > ROUTES_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "services: expected a map of at most %d names to references such as env:NAME",
                        ROUTES_MAX);
    p->routes = ARENA_ARRAY(&p->arena, (size_t)map->n + 1, struct pagerduty_route);
    for (; p->n_routes < map->n; p->n_routes++) {
        struct pagerduty_route *r = &p->routes[p->n_routes];
        r->name = arena_strdup(&p->arena, map->keys[p->n_routes]->text);
        if (!config_secret(map, file, map->keys[p->n_routes]->text, &p->arena, &r->key, err))
            return false;
    }
    return true;
}

static bool read_from(struct pagerduty *p, const struct yaml *config, const char *file, struct error *err)
{
    const char *from =
        config_need(config, file, "from", "the mail address of a PagerDuty user, for what is written", err);
    if (!from)
        return false;
    if (!strchr(from, '@') || strpbrk(from, "\r\n")) {
        const struct yaml *y = yaml_get(config, "from");
        return error_at(err, SB_PARSE, file, y->line, y->column, "from: expected a mail address");
    }
    const char **read = ARENA_ARRAY(&p->arena, 2, const char *);
    const char **write = ARENA_ARRAY(&p->arena, 3, const char *);
    read[0] = write[0] = "Accept: application/vnd.pagerduty+json;version=2";
    write[1] = arena_printf(&p->arena, "From: %s", from);
    p->headers = read;
    p->write_headers = write;
    return true;
}

static bool configure(struct pagerduty *p, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {
        .name = "pagerduty",
        .base_url = "https://api.pagerduty.com",
        .auth = HTTP_AUTH_HEADER,
        .auth_prefix = "Token token=",
        .per_second = 5,
        .burst = 5,
        .total_ms = (int)SECONDS(20),
    };
    if (!config_peer(config, file, &defaults, &p->arena, &o, err) || !read_from(p, config, file, err) ||
        !read_routes(p, config, file, err))
        return false;
    p->peer = http_peer_new(p->system.around->http, &o, err);
    if (!p->peer)
        return false;
    struct http_peer_options events = o;
    events.base_url = config_str(config, "events_url", "https://events.pagerduty.com");
    events.auth = HTTP_AUTH_NONE;
    events.secret = (struct secret){0};
    events.user = NULL;
    p->events = http_peer_new(p->system.around->http, &events, err);
    return p->events != NULL;
}

static struct system *pagerduty_open(const struct driver *d, const struct yaml *config, const char *file,
                                     struct surroundings *around, struct error *err)
{
    struct pagerduty *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->system = (struct system){.driver = d, .name = d->name, .around = around};
    p->arena = arena_make();
    if (configure(p, config, file, err))
        return &p->system;
    pagerduty_close(&p->system);
    return NULL;
}

const struct driver pagerduty_driver = {
    .role = ROLE_PAGER,
    .name = "pagerduty",
    .says = "knows who is on call, and alerts teams, in PagerDuty",
    .keys = keys,
    .open = pagerduty_open,
    .close = pagerduty_close,
    .check = check,
    .verbs =
        {
            {.verb = "oncall", .perform = oncall},
            {.verb = "alert", .perform = pagerduty_act_alert, .find = pagerduty_find_alert},
            {.verb = "acknowledged", .perform = pagerduty_look_acknowledged},
            {.verb = "close", .perform = pagerduty_act_close, .repeatable = true},
            {.verb = NULL},
        },
};
