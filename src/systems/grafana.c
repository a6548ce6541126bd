/* grafana.c: the health driver for Grafana: configuration, doctor. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/grafana_driver.h"
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 50, LABELS_MAX = 20 };

static const char *const keys[] = {CONFIG_PEER_KEYS, "org",    "datasource", "measures", "rules",
                                   "dashboard",      "panels", "silences",   NULL};

void grafana_get(struct flow *f, const char *what, const char *path,
                 void (*then)(struct flow *f, const struct http_reply *reply))
{
    flow_send(f,
              &(struct http_request){.method = "GET",
                                     .what = what,
                                     .path = path,
                                     .headers = ((struct grafana *)f->system)->headers,
                                     .repeatable = true},
              then);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static struct task *snapshot(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    return health_look_snapshot(s, &grafana_look_ops, e, done, progress, ctx);
}

static struct task *watch(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    return health_look_watch(s, &grafana_look_ops, e, done, progress, ctx);
}

static struct task *silence(struct system *s, const struct effect *e, outcome_fn *done,
                            UNUSED progress_fn *progress, void *ctx)
{
    return silences_act(s, &((struct grafana *)s)->silences, e, done, ctx);
}

static struct task *find_silence(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    return silences_find(s, &((struct grafana *)s)->silences, e, done, ctx);
}

static struct task *unsilence(struct system *s, const struct effect *e, outcome_fn *done,
                              UNUSED progress_fn *progress, void *ctx)
{
    return silences_lift(s, &((struct grafana *)s)->silences, e, done, ctx);
}

static bool can(const struct system *s, const char *verb)
{
    const struct grafana *g = (const struct grafana *)s;
    if (str_eq(verb, "picture"))
        return g->n_panels > 0;
    return g->silencing || !strstr(verb, "silence");
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void finish(struct checks *c)
{
    const struct grafana *g = (const struct grafana *)c->f.system;
    checks_add(c, g->n_queries + g->n_rules ? CHECK_OK : CHECK_WARN, "measures",
               "%d measures, %d sets of rules", g->n_queries, g->n_rules);
    checks_end(c);
}

static void asked_silences(struct flow *f, const struct http_reply *reply)
{
    silences_told((struct checks *)f, reply);
    finish((struct checks *)f);
}

static void after_dashboard(struct checks *c)
{
    const struct grafana *g = (const struct grafana *)c->f.system;
    if (g->silencing)
        silences_ask(c, &g->silences, asked_silences);
    else
        finish(c);
}

static void asked_marks(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    if (http_ok(f->peer, &f->request, reply, &err))
        checks_add(
            c, CHECK_OK, "may read annotations",
            "yes; whether it may write them shows at the first mark (role Editor, or annotations:create)");
    else
        checks_failed(c, CHECK_FAIL, "may read annotations", reply);
    after_dashboard(c);
}

static void ask_marks(struct checks *c)
{
    grafana_get(&c->f, "read the annotations", "/api/annotations?limit=1&type=annotation", asked_marks);
}

/* An older Grafana keeps a mark for a dashboard that does not exist, and shows it nowhere. */
static void asked_dashboard(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *j = http_json(f->peer, &f->request, reply, &err);
    if (j)
        checks_add(c, CHECK_OK, "dashboard", "%s", json_str(j, "dashboard.title", "there"));
    else
        checks_failed(c, CHECK_FAIL, "dashboard", reply);
    ask_marks(c);
}

static void ask_dashboard(struct checks *c)
{
    const struct grafana *g = (const struct grafana *)c->f.system;
    if (g->dashboard)
        grafana_get(&c->f, "read the dashboard",
                    arena_printf(&c->f.arena, "/api/dashboards/uid/%s", g->dashboard), asked_dashboard);
    else
        ask_marks(c);
}

static void asked_rules(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *j = http_json(f->peer, &f->request, reply, &err);
    if (json_is_array(json_path(j, "data.groups")))
        checks_add(c, CHECK_OK, "may read alert rules", "%zu groups",
                   json_array_size(json_path(j, "data.groups")));
    else
        checks_failed(c, CHECK_FAIL, "may read alert rules", reply);
    ask_dashboard(c);
}

static void ask_rules(struct checks *c)
{
    if (((const struct grafana *)c->f.system)->n_rules)
        grafana_get(&c->f, "read the alert rules", "/api/prometheus/grafana/api/v1/rules", asked_rules);
    else
        ask_dashboard(c);
}

static void asked_datasource(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *j = http_json(f->peer, &f->request, reply, &err);
    if (j)
        checks_add(c, CHECK_OK, "data source", "%s (%s)", json_str(j, "name", "there"),
                   json_str(j, "type", "?"));
    else
        checks_failed(c, CHECK_FAIL, "data source", reply);
    ask_rules(c);
}

static void asked_org(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    const struct grafana *g = (const struct grafana *)f->system;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *j = http_json(f->peer, &f->request, reply, &err);
    checks_clock(c, reply);
    if (!j) {
        checks_failed(c, CHECK_FAIL, "signs in", reply);
        checks_end(c);
        return;
    }
    checks_add(c, CHECK_OK, "signs in", "to the organization %s", json_str(j, "name", "?"));
    if (g->datasource)
        grafana_get(f, "read the data source",
                    arena_printf(&f->arena, "/api/datasources/uid/%s", g->datasource), asked_datasource);
    else
        ask_rules(c);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, s, ((struct grafana *)s)->peer, done, ctx);
    grafana_get(&c->f, "read the organization", "/api/org", asked_org);
}

/* --- configuration ---------------------------------------------------------------------------- */

static char *encoded(struct arena *a, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    if (!text)
        return NULL;
    buf_add_url(&b, text);
    return arena_strdup(a, buf_str(&b));
}

/* As lines `label="text"`; what a line holds is escaped when it is filled in. */
static bool read_match(struct grafana *g, const struct yaml *y, const char *file, struct grafana_rule *r,
                       struct error *err)
{
    const struct yaml *map = yaml_get(y, "match");
    _cleanup_buf_ struct buf lines = {0};
    if (map && (map->kind != YAML_MAP || map->n > LABELS_MAX))
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "match: expected labels and their values");
    for (int i = 0; map && i < map->n; i++) {
        const struct yaml *value = map->items[i];
        if (value->kind != YAML_SCALAR || strpbrk(value->text, "\"\\\n") ||
            strpbrk(map->keys[i]->text, "=\"\n"))
            return error_at(err, SB_PARSE, file, value->line, value->column,
                            "match: expected a text without quotes, such as \"{service}\"");
        buf_printf(&lines, "%s=\"%s\"\n", map->keys[i]->text, value->text);
    }
    r->match = arena_strdup(&g->arena, buf_str(&lines));
    return true;
}

static bool read_rule(struct grafana *g, const struct yaml *y, const char *file, struct grafana_rule *r,
                      struct error *err)
{
    static const char *const allowed[] = {"name", "match", "folder", "group", "rule", NULL};
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column, "rules: expected name, match, ... of each");
    if (!yaml_only(y, file, "a set of rules", allowed, err))
        return false;
    const char *name = config_need(y, file, "name", "what the set is called", err);
    if (!name || !read_match(g, y, file, r, err))
        return false;
    r->name = arena_strdup(&g->arena, name);
    r->folder = arena_strdup(&g->arena, config_str(y, "folder", NULL));
    r->group = arena_strdup(&g->arena, config_str(y, "group", NULL));
    r->rule = arena_strdup(&g->arena, config_str(y, "rule", NULL));
    if (!*r->match && !r->folder && !r->group && !r->rule)
        return error_at(err, SB_MISSING, file, y->line, y->column,
                        "%s: which rules? Give match, folder, group or rule", name);
    return true;
}

static bool read_rules(struct grafana *g, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *list = yaml_get(config, "rules");
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > RULES_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "rules: expected a list of at most %d of {name, match, folder, group, rule}",
                        RULES_MAX);
    g->rules = ARENA_ARRAY(&g->arena, (size_t)list->n + 1, struct grafana_rule);
    for (; g->n_rules < list->n; g->n_rules++)
        if (!read_rule(g, list->items[g->n_rules], file, &g->rules[g->n_rules], err))
            return false;
    return true;
}

static bool read_panels(struct grafana *g, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *list = yaml_get(config, "panels");
    g->dashboard = encoded(&g->arena, config_str(config, "dashboard", NULL));
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > GRAFANA_PANELS_MAX || !g->dashboard)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "panels: expected a list of at most %d ids of panels of the \"dashboard\"",
                        GRAFANA_PANELS_MAX);
    for (; g->n_panels < list->n; g->n_panels++) {
        const struct yaml *item = list->items[g->n_panels];
        char *end = NULL;
        long id = item->kind == YAML_SCALAR ? strtol(item->text, &end, 10) : 0;
        if (id <= 0 || id > INT_MAX || !end || *end)
            return error_at(err, SB_PARSE, file, item->line, item->column, "panels: expected a panel's id");
        g->panels[g->n_panels] = (int)id;
    }
    return true;
}

static bool read_silences(struct grafana *g, const struct yaml *config, const char *file, struct error *err)
{
    static const char *const allowed[] = {"match", NULL};
    const struct yaml *map = yaml_get(config, "silences");
    g->silences.prefix = "/api/alertmanager/grafana/api/v2";
    g->silences.says = "Grafana";
    if (!map)
        return true;
    if (map->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, map->line, map->column, "silences: expected match: {...}");
    if (!yaml_only(map, file, "silences", allowed, err) ||
        !silences_read(&g->silences, map, file, &g->arena, err))
        return false;
    g->silences.peer = g->peer;
    g->silences.headers = g->headers;
    g->silencing = true;
    return true;
}

static bool read_measures(struct grafana *g, const struct yaml *config, const char *file, struct error *err)
{
    g->datasource = arena_strdup(&g->arena, config_str(config, "datasource", NULL));
    if (!health_queries_read(config, file, true, &g->arena, &g->queries, &g->n_queries, err) ||
        !read_rules(g, config, file, err))
        return false;
    g->asks = ARENA_ARRAY(&g->arena, (size_t)(g->n_queries + g->n_rules) + 1, struct grafana_ask);
    for (int i = 0; i < g->n_queries; i++) {
        g->asks[i].query = &g->queries[i];
        if (!g->queries[i].datasource && !g->datasource)
            return error_at(err, SB_MISSING, file, config->line, config->column,
                            "datasource: the uid of the data source that \"%s\" asks is missing",
                            g->queries[i].name);
    }
    for (int i = 0; i < g->n_rules; i++)
        g->asks[g->n_queries + i].rule = &g->rules[i];
    return true;
}

static bool read_config(struct grafana *g, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options defaults = {.name = "grafana", .auth = HTTP_AUTH_BEARER, .total_ms = 30000}, o;
    int64_t org;
    if (!config_peer(config, file, &defaults, &g->arena, &o, err) ||
        !config_int(config, file, "org", 0, 0, INT_MAX, &org, err))
        return false;
    if (org > 0) {
        const char **headers = ARENA_ARRAY(&g->arena, 2, const char *);
        headers[0] = arena_printf(&g->arena, "X-Grafana-Org-Id: %lld", (long long)org);
        g->headers = headers;
    }
    g->base = arena_strdup(&g->arena, o.base_url);
    g->peer = http_peer_new(g->system.around->http, &o, err);
    return g->peer && read_measures(g, config, file, err) && read_panels(g, config, file, err) &&
           read_silences(g, config, file, err);
}

static void close_system(struct system *s)
{
    struct grafana *g = (struct grafana *)s;
    tasks_cancel(s);
    if (g->peer)
        http_peer_free(g->peer);
    arena_free(&g->arena);
    free(g);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct grafana *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->system = (struct system){.driver = d, .name = d->name, .around = around};
    g->arena = arena_make();
    if (config && read_config(g, config, file, err))
        return &g->system;
    if (!config)
        (void)error_set(err, SB_MISSING, "grafana: \"url\" and \"token\" are missing");
    close_system(&g->system);
    return NULL;
}

const struct driver grafana_driver = {
    .role = ROLE_HEALTH,
    .name = "grafana",
    .says = "asks Grafana's data sources and alert rules, marks deployments, shows dashboards",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"snapshot", snapshot, NULL, false},
            {"watch", watch, NULL, false},
            {"mark", grafana_mark, grafana_find_mark, false},
            {"picture", grafana_picture, NULL, false},
            {"silence", silence, find_silence, false},
            {"unsilence", unsilence, NULL, true},
        },
    .can = can,
};
