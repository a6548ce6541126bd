/* jira.c: the tickets driver for Jira Cloud (REST v3): configuration, doctor. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/jira_driver.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "project", "type", "browse", "fields", NULL};

/* --- flows
 * ----------------------------------------------------------------------------------------------------- */

void *jira_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct jira *j = (struct jira *)s;
    struct jira_flow *t = flow_new(size, s, j->peer, e, done, NULL, ctx);
    t->j = j;
    return t;
}

char *jira_path(struct flow *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *rest = arena_vprintf(&f->arena, fmt, ap);
    va_end(ap);
    return arena_printf(&f->arena, "/rest/api/3%s", rest);
}

char *jira_encoded(struct flow *f, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(&f->arena, buf_str(&b));
}

json_t *jira_properties(const struct flow *f)
{
    return json_pack("[{s:s, s:{s:s, s:s}}]", "key", JIRA_PROPERTY, "value", "key", f->effect.key, "change",
                     f->effect.change);
}

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    const struct jira *j;
};

/* Fields that the driver fills itself. */
static bool is_filled(const struct jira *j, const char *field)
{
    static const char *const ours[] = {"project", "issuetype", "summary", "description", "labels", NULL};
    for (const char *const *o = ours; *o; o++)
        if (str_eq(*o, field))
            return true;
    return json_object_get(j->fields, field) != NULL;
}

/* Cloud names the list after what is in it; others call it "values". */
static const json_t *list_in(const json_t *answer, const char *name)
{
    const json_t *list = json_object_get(answer, name);
    return list ? list : json_object_get(answer, "values");
}

static void on_fields(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *fields = list_in(answer, "fields");
    _cleanup_buf_ struct buf missing = {0};
    bool has_labels = false;
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char *id = json_str(field, "fieldId", json_str(field, "key", ""));
        has_labels = has_labels || str_eq(id, "labels");
        if (json_flag(field, "required", false) && !json_flag(field, "hasDefaultValue", false) &&
            !is_filled(w->j, id))
            buf_printf(&missing, "%s%.60s (%.60s)", missing.len ? ", " : "", json_str(field, "name", id), id);
    }
    if (!json_is_array(fields))
        checks_failed(&w->c, CHECK_WARN, "fields", reply);
    else if (missing.len)
        checks_add(&w->c, CHECK_FAIL, "fields", "a %s must have %s: give them under \"fields\"", w->j->type,
                   buf_str(&missing));
    else if (!has_labels)
        checks_add(&w->c, CHECK_FAIL, "fields",
                   "the create screen has no Labels: put it there, for a ticket is found again by its label");
    else
        checks_add(&w->c, CHECK_OK, "fields", "all that a %s must have is given", w->j->type);
    checks_end(&w->c);
}

static const char *type_id(struct look *w, const json_t *types)
{
    size_t n = json_array_size(types);
    const char **names = ARENA_ARRAY(&w->c.f.arena, n + 1, const char *);
    for (size_t i = 0; i < n; i++) {
        names[i] = json_str(json_array_get(types, i), "name", "");
        if (strcasecmp(names[i], w->j->type) == 0)
            return json_str(json_array_get(types, i), "id", NULL);
    }
    const char *near = str_near(w->j->type, names);
    checks_add(&w->c, CHECK_FAIL, "issue type", "the project %s has no type \"%s\"%s%s%s", w->j->project,
               w->j->type, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

static void on_types(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *types = list_in(answer, "issueTypes");
    if (!json_is_array(types)) {
        checks_failed(&w->c, CHECK_FAIL, "issue type", reply);
        checks_end(&w->c);
        return;
    }
    const char *id = type_id(w, types);
    if (!id) {
        checks_end(&w->c);
        return;
    }
    checks_add(&w->c, CHECK_OK, "issue type", "%s", w->j->type);
    flow_get(
        f, "read what a ticket must have",
        jira_path(f, "/issue/createmeta/%s/issuetypes/%s?maxResults=200", w->j->project, jira_encoded(f, id)),
        on_fields);
}

static const struct {
    const char *permission, *what, *name;
} needed[] = {
    {"BROWSE_PROJECTS", "may find tickets", "Browse Projects"},
    {"CREATE_ISSUES", "may create tickets", "Create Issues"},
    {"TRANSITION_ISSUES", "may move tickets", "Transition Issues"},
    {"ADD_COMMENTS", "may comment", "Add Comments"},
    {"LINK_ISSUES", "may link pages", "Link Issues"},
};

static void on_permissions(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *permissions = json_object_get(answer, "permissions");
    if (!json_is_object(permissions)) {
        checks_failed(&w->c, CHECK_FAIL, "project", reply);
        checks_end(&w->c);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        bool has = json_flag(json_object_get(permissions, needed[i].permission), "havePermission", false);
        checks_add(&w->c, has ? CHECK_OK : CHECK_FAIL, needed[i].what,
                   has ? "%s in %s" : "%s is missing in the project %s", needed[i].name, w->j->project);
    }
    flow_get(f, "list the issue types",
             jira_path(f, "/issue/createmeta/%s/issuetypes?maxResults=200", w->j->project), on_types);
}

static void on_myself(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *me = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(me)) {
        checks_failed(&w->c, CHECK_FAIL, "signs in", reply);
        checks_end(&w->c);
        return;
    }
    checks_add(&w->c, CHECK_OK, "signs in", "as %.100s", json_str(me, "displayName", "?"));
    checks_clock(&w->c, reply);
    flow_get(f, "read the account's rights",
             jira_path(f,
                       "/mypermissions?projectKey=%s&permissions=BROWSE_PROJECTS,CREATE_ISSUES,TRANSITION_"
                       "ISSUES,ADD_COMMENTS,LINK_ISSUES",
                       w->j->project),
             on_permissions);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct jira *j = (struct jira *)system;
    struct look *w = checks_new(sizeof *w, system, j->peer, done, ctx);
    w->j = j;
    flow_get(&w->c.f, "read the account", jira_path(&w->c.f, "/myself"), on_myself);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static void jira_close(struct system *system)
{
    struct jira *j = (struct jira *)system;
    tasks_cancel(system);
    if (j->peer)
        http_peer_free(j->peer);
    json_decref(j->fields);
    arena_free(&j->arena);
    free(j);
}

/* It goes into JQL and paths as it is. */
static bool is_project_key(const char *key)
{
    if (!isupper((unsigned char)*key))
        return false;
    for (; *key; key++)
        if (!isupper((unsigned char)*key) && !isdigit((unsigned char)*key) && *key != '_')
            return false;
    return true;
}

static bool read_project(struct jira *j, const struct yaml *config, const char *file, struct error *err)
{
    const char *project = config_need(config, file, "project", "the key of the project, as in OPS-118", err);
    if (!project)
        return false;
    const struct yaml *y = yaml_get(config, "project");
    if (!is_project_key(project))
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "project: expected a project's key such as OPS, found \"%s\"", project);
    j->project = arena_strdup(&j->arena, project);
    j->type = arena_strdup(&j->arena, config_str(config, "type", "Task"));
    return true;
}

static bool read_fields(struct jira *j, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *y = yaml_get(config, "fields");
    if (y && y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "fields: expected a map of Jira's field ids to values");
    j->fields = y ? yaml_to_json(y) : NULL;
    return true;
}

static const char *browse_url(struct jira *j, const struct yaml *config, const char *base)
{
    char *url = arena_strdup(&j->arena, config_str(config, "browse", base));
    for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
        url[n - 1] = '\0';
    return url;
}

static bool configure(struct jira *j, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {
        .name = "jira", .per_second = 5, .burst = 5, .total_ms = (int)SECONDS(30)};
    if (!config_peer(config, file, &defaults, &j->arena, &o, err) ||
        !config_need(config, file, "token", "a reference such as env:NAME or file:/path", err) ||
        !read_project(j, config, file, err) || !read_fields(j, config, file, err))
        return false;
    j->browse = browse_url(j, config, o.base_url);
    j->peer = http_peer_new(j->system.around->http, &o, err);
    return j->peer != NULL;
}

static struct system *jira_open(const struct driver *d, const struct yaml *config, const char *file,
                                struct surroundings *around, struct error *err)
{
    struct jira *j = calloc(1, sizeof *j);
    if (!j)
        abort();
    j->system = (struct system){.driver = d, .name = d->name, .around = around};
    j->arena = arena_make();
    if (configure(j, config, file, err))
        return &j->system;
    jira_close(&j->system);
    return NULL;
}

const struct driver jira_driver = {
    .role = ROLE_TICKETS,
    .name = "jira",
    .says = "opens, moves, comments and links the change ticket in Jira Cloud",
    .keys = keys,
    .open = jira_open,
    .close = jira_close,
    .check = check,
    .verbs =
        {
            {.verb = "create", .perform = jira_act_create, .find = jira_find_created},
            {.verb = "transition", .perform = jira_act_transition, .repeatable = true},
            {.verb = "comment", .perform = jira_act_comment, .find = jira_find_comment},
            {.verb = "link", .perform = jira_act_link, .repeatable = true},
            {.verb = NULL},
        },
};
