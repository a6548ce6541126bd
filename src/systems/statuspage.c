/* statuspage.c: the status page driver for Atlassian Statuspage: configuration, components, doctor.
 *
 * The service takes one request a second for a key, so components are read as one list and only those that
 * differ are set. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/statuspage_driver.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "page", NULL};

enum { COMPONENTS_A_PAGE = 100, PAGES_MAX = 20 };

/* --- flows
 * ------------------------------------------------------------------------------------------------------- */

static void page_flow_free(struct flow *f)
{
    struct page_flow *t = (struct page_flow *)f;
    json_decref(t->ids);
    json_decref(t->reading);
}

void *page_flow_new(size_t size, struct system *system, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct statuspage *s = (struct statuspage *)system;
    struct page_flow *t = flow_new(size, system, s->peer, e, done, NULL, ctx);
    t->s = s;
    t->f.on_free = page_flow_free;
    return t;
}

char *page_path(struct page_flow *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *rest = arena_vprintf(&t->f.arena, fmt, ap);
    va_end(ap);
    return arena_printf(&t->f.arena, "%s%s", t->s->page, rest);
}

char *page_encoded(struct page_flow *t, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(&t->f.arena, buf_str(&b));
}

void page_look_failed(struct page_flow *t, const struct http_reply *reply)
{
    if (t->finding)
        flow_failed_find(&t->f, reply);
    else
        flow_failed_look(&t->f, reply);
}

/* --- components
 * ---------------------------------------------------------------------------------------------------- */

static const char *component_id(const json_t *c)
{
    return json_str(c, "id", "");
}

static const json_t *by_id(const json_t *components, const char *id)
{
    for (size_t i = 0; i < json_array_size(components); i++)
        if (str_eq(component_id(json_array_get(components, i)), id))
            return json_array_get(components, i);
    return NULL;
}

/* "Name", or "Group/Name" where several groups have one of that name. */
static bool is_named(const json_t *components, const json_t *c, const char *wanted)
{
    const char *name = json_str(c, "name", "");
    if (str_eq(name, wanted))
        return true;
    const char *group = json_str(by_id(components, json_str(c, "group_id", "")), "name", NULL);
    size_t n = group ? strlen(group) : 0;
    return group && strncmp(wanted, group, n) == 0 && wanted[n] == '/' && str_eq(wanted + n + 1, name);
}

static const char *near_name(const json_t *components, const char *wanted, struct arena *a)
{
    size_t n = json_array_size(components);
    const char **names = ARENA_ARRAY(a, n + 1, const char *);
    for (size_t i = 0; i < n; i++)
        names[i] = json_str(json_array_get(components, i), "name", "");
    return str_near(wanted, names);
}

/* The component's id, or NULL with the reason. */
static const char *resolve(const json_t *components, const char *wanted, struct arena *a, struct error *err)
{
    if (by_id(components, wanted))
        return wanted;
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(components); i++) {
        const json_t *c = json_array_get(components, i);
        if (!is_named(components, c, wanted))
            continue;
        if (found) {
            (void)error_set(
                err, SB_CONFLICT,
                "the status page has several components named \"%s\": name one by its group (Group/%s) or id",
                wanted, wanted);
            return NULL;
        }
        found = c;
    }
    if (found)
        return component_id(found);
    const char *near = near_name(components, wanted, a);
    (void)error_set(err, SB_UNKNOWN, "the status page has no component \"%s\"%s%s%s", wanted,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

/* False when a name is not known or not clear. */
static bool resolve_all(struct page_flow *t, struct error *err)
{
    const json_t *wanted = json_object_get(t->f.effect.args, "components");
    json_decref(t->ids);
    t->ids = json_array();
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *name = json_string_value(json_array_get(wanted, i));
        const char *id = name ? resolve(t->s->components, name, &t->f.arena, err) : NULL;
        if (!id)
            return name ? false : error_set(err, SB_PARSE, "components: expected names or ids");
        json_array_append_new(t->ids, json_string(id));
    }
    return true;
}

static void read_page(struct page_flow *t);

static void on_components(struct flow *f, const struct http_reply *reply)
{
    struct page_flow *t = (struct page_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *list = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_array(list)) {
        page_look_failed(t, reply);
        return;
    }
    json_array_extend(t->reading, list);
    if (json_array_size(list) >= COMPONENTS_A_PAGE && ++t->page <= PAGES_MAX) {
        read_page(t);
        return;
    }
    json_decref(t->s->components);
    t->s->components = t->reading;
    t->reading = NULL;
    if (resolve_all(t, &err))
        t->then(t);
    else
        flow_ends(f, OUTCOME_FAILED, err.code, "%s", err.text);
}

static void read_page(struct page_flow *t)
{
    flow_get(&t->f, "list the components",
             page_path(t, "/components?per_page=%d&page=%d", COMPONENTS_A_PAGE, t->page), on_components);
}

static void go_on(struct flow *f)
{
    struct page_flow *t = (struct page_flow *)f;
    t->then(t);
}

void page_learn_components(struct page_flow *t, bool fresh, page_next *then)
{
    t->then = then;
    if (!fresh && t->s->components && resolve_all(t, NULL)) {
        flow_wait(&t->f, 0, go_on);
        return;
    }
    json_decref(t->reading);
    t->reading = json_array();
    t->page = 1;
    read_page(t);
}

json_t *page_components(const struct page_flow *t)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(t->ids); i++) {
        const json_t *c = by_id(t->s->components, json_string_value(json_array_get(t->ids, i)));
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "id", component_id(c), "name",
                                             json_str(c, "name", ""), "status", json_str(c, "status", "")));
    }
    return out;
}

/* --- setting them
 * --------------------------------------------------------------------------------------------------- */

static void set_next(struct page_flow *t);

static void on_set(struct flow *f, const struct http_reply *reply)
{
    struct page_flow *t = (struct page_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    json_t *known = (json_t *)by_id(t->s->components, json_str(answer, "id", ""));
    if (!known) {
        flow_failed_send(f, reply);
        return;
    }
    json_object_set_new(known, "status", json_string(json_str(answer, "status", "")));
    t->page++;
    set_next(t);
}

static void set_next(struct page_flow *t)
{
    for (; t->page < (int)json_array_size(t->ids); t->page++) {
        const json_t *c = by_id(t->s->components, json_string_value(json_array_get(t->ids, (size_t)t->page)));
        if (str_eq(json_str(c, "status", ""), t->status))
            continue;
        _cleanup_json_ json_t *body = json_pack("{s:{s:s}}", "component", "status", t->status);
        flow_json(&t->f, "PATCH",
                  arena_printf(&t->f.arena, "set %s to %s", json_str(c, "name", "?"), t->status),
                  page_path(t, "/components/%s", page_encoded(t, component_id(c))), body, true, on_set);
        return;
    }
    t->were_set(t);
}

static void begin_setting(struct page_flow *t)
{
    t->page = 0;
    set_next(t);
}

void page_set_components(struct page_flow *t, const char *status, page_next *then)
{
    t->status = arena_strdup(&t->f.arena, status);
    t->were_set = then;
    page_learn_components(t, true, begin_setting);
}

static bool is_status(const char *word)
{
    for (const char *const *s = component_statuses; *s; s++)
        if (str_eq(*s, word))
            return true;
    return false;
}

static void tell_components(struct page_flow *t)
{
    flow_done(&t->f, json_pack("{s:o}", "components", page_components(t)));
}

static struct task *refuse_status(struct system *s, outcome_fn *done, void *ctx, const char *status)
{
    const char *near = str_near(status, component_statuses);
    return task_ends(s, done, ctx, OUTCOME_FAILED, "a component cannot be \"%s\"%s%s%s", status,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static struct task *set_components(struct system *system, const struct effect *e, outcome_fn *done,
                                   UNUSED progress_fn *progress, void *ctx)
{
    const char *status = json_str(e->args, "status", "");
    if (!is_status(status))
        return refuse_status(system, done, ctx, status);
    struct page_flow *t = page_flow_new(sizeof *t, system, e, done, ctx);
    page_set_components(t, status, tell_components);
    return &t->f.task;
}

static void compare(struct page_flow *t)
{
    const char *wanted = json_str(t->f.effect.args, "status", "");
    json_t *components = page_components(t);
    _cleanup_json_ json_t *result = json_pack("{s:o}", "components", components);
    struct outcome o = {.kind = OUTCOME_DONE, .result = result};
    for (size_t i = 0; i < json_array_size(components) && o.kind == OUTCOME_DONE; i++) {
        const json_t *c = json_array_get(components, i);
        if (str_eq(json_str(c, "status", ""), wanted))
            continue;
        o.kind = OUTCOME_FAILED;
        (void)error_set(&o.error, SB_STATE, "the component \"%s\" is %s on the status page, not %s",
                        json_str(c, "name", ""), json_str(c, "status", "?"), wanted);
    }
    flow_end(&t->f, &o);
}

static struct task *confirm(struct system *system, const struct effect *e, outcome_fn *done,
                            UNUSED progress_fn *progress, void *ctx)
{
    const char *status = json_str(e->args, "status", "");
    if (!is_status(status))
        return refuse_status(system, done, ctx, status);
    struct page_flow *t = page_flow_new(sizeof *t, system, e, done, ctx);
    page_learn_components(t, true, compare);
    return &t->f.task;
}

/* --- doctor
 * -----------------------------------------------------------------------------------------------------------
 */

struct look {
    struct checks c; /* first */
    struct statuspage *s;
};

static void on_list(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *list = http_json(f->peer, &f->request, reply, &err);
    if (json_array_size(list))
        checks_add(&w->c, CHECK_OK, "components",
                   "%zu%s can be read; whether the key may change them shows at the first change",
                   json_array_size(list), json_array_size(list) == COMPONENTS_A_PAGE ? " or more" : "");
    else if (json_is_array(list))
        checks_add(&w->c, CHECK_WARN, "components",
                   "the page has none: a maintenance must name the ones it concerns");
    else
        checks_failed(&w->c, CHECK_FAIL, "components", reply);
    checks_end(&w->c);
}

static void on_page(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *page = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(page)) {
        if (reply->status == 404)
            checks_add(&w->c, CHECK_FAIL, "page",
                       "not found: check its id, and that the key belongs to its organisation");
        else
            checks_failed(&w->c, CHECK_FAIL, "page", reply);
        checks_end(&w->c);
        return;
    }
    checks_add(&w->c, CHECK_OK, "page", "%.100s", json_str(page, "name", "?"));
    checks_clock(&w->c, reply);
    flow_get(f, "list the components",
             arena_printf(&f->arena, "%s/components?per_page=%d", w->s->page, COMPONENTS_A_PAGE), on_list);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct statuspage *s = (struct statuspage *)system;
    struct look *w = checks_new(sizeof *w, system, s->peer, done, ctx);
    w->s = s;
    flow_get(&w->c.f, "read the page", s->page, on_page);
}

/* --- configuration
 * ------------------------------------------------------------------------------------------------------ */

static void statuspage_close(struct system *system)
{
    struct statuspage *s = (struct statuspage *)system;
    tasks_cancel(system);
    if (s->peer)
        http_peer_free(s->peer);
    json_decref(s->components);
    arena_free(&s->arena);
    free(s);
}

static bool configure(struct statuspage *s, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {
        .name = "statuspage",
        .base_url = "https://api.statuspage.io/v1",
        .auth = HTTP_AUTH_HEADER,
        .auth_prefix = "OAuth ",
        .per_second = 1,
        .total_ms = (int)SECONDS(30),
    };
    if (!config_peer(config, file, &defaults, &s->arena, &o, err))
        return false;
    const char *page = config_need(config, file, "page", "the page's id", err);
    if (!page)
        return false;
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path, "/pages/");
    buf_add_url(&path, page);
    s->page = arena_strdup(&s->arena, buf_str(&path));
    s->peer = http_peer_new(s->system.around->http, &o, err);
    return s->peer != NULL;
}

static struct system *statuspage_open(const struct driver *d, const struct yaml *config, const char *file,
                                      struct surroundings *around, struct error *err)
{
    struct statuspage *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->system = (struct system){.driver = d, .name = d->name, .around = around};
    s->arena = arena_make();
    if (configure(s, config, file, err))
        return &s->system;
    statuspage_close(&s->system);
    return NULL;
}

const struct driver statuspage_driver = {
    .role = ROLE_STATUSPAGE,
    .name = "statuspage",
    .says = "schedules, extends and completes maintenances on Atlassian Statuspage, and sets its components",
    .keys = keys,
    .open = statuspage_open,
    .close = statuspage_close,
    .check = check,
    .verbs =
        {
            {.verb = "schedule", .perform = statuspage_schedule, .find = statuspage_schedule_find},
            {.verb = "begin", .perform = statuspage_update, .find = statuspage_update_find},
            {.verb = "verify", .perform = statuspage_update, .find = statuspage_update_find},
            {.verb = "extend", .perform = statuspage_update, .find = statuspage_update_find},
            {.verb = "complete", .perform = statuspage_update, .find = statuspage_update_find},
            {.verb = "cancel", .perform = statuspage_update, .find = statuspage_update_find},
            {.verb = "component", .perform = set_components, .repeatable = true},
            {.verb = "confirm", .perform = confirm},
            {.verb = NULL},
        },
};
