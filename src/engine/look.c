/* look.c: systems asked without a change: one verb that only looks, and the doctor. */
#include "base/instant.h"
#include "engine/inside.h"

/* Somebody waits for the answer: a system that does not give one within this has none. */
#define LOOK_MOST SECONDS(60)

/* A call under way. For the doctor one for each system, which together fill `all`. */
struct look {
    struct look *next;
    struct engine *e;
    struct task *task;
    struct timer *limit;
    struct exam *exam;
    int role;
    char *verb;
    json_t *view;
    bool glance; /* the first view will do */
    int64_t most_ms;
    engine_done_fn *done;
    void *ctx;
};

struct exam {
    json_t *all;
    int left;
    engine_done_fn *done;
    void *ctx;
};

static void look_drop(struct look *l)
{
    struct look **at = &l->e->looks;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    timer_cancel(l->limit);
    json_decref(l->view);
    free(l->verb);
    free(l);
}

static struct look *look_new(struct engine *e)
{
    struct look *l = NET_NEW(struct look);
    l->e = e;
    l->next = e->looks;
    e->looks = l;
    return l;
}

/* --- one verb
 * ------------------------------------------------------------------------------------------------------------------
 */

static void look_ends(struct look *l, json_t *answer, const struct error *err)
{
    reply_later(l->e, l->done, l->ctx, answer, err);
    look_drop(l);
}

static void on_look(void *ctx, const struct outcome *o)
{
    struct look *l = ctx;
    struct error err;
    l->task = NULL;
    if (o->kind == OUTCOME_DONE) {
        look_ends(l, json_incref(o->result), NULL);
        return;
    }
    error_wrap(&o->error, &err, "%s", l->verb);
    /* A check that fails still shows what was seen. */
    look_ends(l, json_incref(o->result), &err);
}

static void look_is_late(void *ctx)
{
    struct look *l = ctx;
    struct error err;
    l->limit = NULL;
    task_cancel(l->task);
    l->task = NULL;
    error_set(&err, SB_NET, "%s: no end within %d s", l->verb, (int)(l->most_ms / 1000));
    look_ends(l, json_incref(l->view), &err);
}

static void on_view(void *ctx, const json_t *view)
{
    struct look *l = ctx;
    json_decref(l->view);
    l->view = json_deep_copy(view);
    /* What it waits for is not waited for here: the driver goes on when this returns, and is let go after it. */
    if (l->glance) {
        timer_cancel(l->limit);
        l->limit = timer_start(l->e->loop, 0, look_is_late, l);
    }
}

static bool args_fit(const struct verb *v, const json_t *args, struct error *err)
{
    const char *key, *names[VERB_ARGS_MAX + 1] = {0};
    json_t *value;
    for (int i = 0; i < VERB_ARGS_MAX && v->args[i].name; i++) {
        names[i] = v->args[i].name;
        if (v->args[i].required && !json_object_get(args, v->args[i].name))
            return error_set(err, SB_MISSING, "%s needs %s: %s", v->name, v->args[i].name, v->args[i].says);
    }
    json_object_foreach((json_t *)args, key, value) {
        bool known = false;
        for (int i = 0; names[i]; i++)
            known = known || str_eq(names[i], key);
        const char *near = known ? NULL : str_near(key, names);
        if (!known)
            return error_set(err, SB_UNKNOWN, "%s takes no \"%.64s\"%s%s%s", v->name, key,
                             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return true;
}

static const struct verb *look_verb(const char *name, struct error *err)
{
    const struct verb *v = verb_find(name ? name : "");
    if (!v) {
        const char *near = str_near(name ? name : "", verb_names());
        error_set(err, SB_UNKNOWN, "there is no verb \"%.64s\"%s%s%s", name ? name : "",
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return NULL;
    }
    if (v->kind == VERB_OBSERVE)
        return v;
    error_set(err, SB_DENIED, "%s changes something: only a change may do that", v->name);
    return NULL;
}

static void look_start(struct engine *e, const char *verb, const json_t *args, int64_t most_ms, bool glance,
                       engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    struct system *system = NULL;
    const struct verb *v = look_verb(verb, &err);
    _cleanup_json_ json_t *given = json_is_object(args) ? json_incref((json_t *)args) : json_object();
    const struct verb_entry *entry =
        v && args_fit(v, given, &err) ? verb_entry_of(e, v, &system, &err) : NULL;
    if (!entry) {
        reply_later(e, done, ctx, NULL, &err);
        return;
    }
    struct look *l = look_new(e);
    l->done = done;
    l->ctx = ctx;
    l->verb = net_strdup(v->name);
    l->glance = glance;
    l->most_ms = most_ms;
    l->limit = timer_start(e->loop, most_ms, look_is_late, l);
    const struct effect effect = {.key = "look",
                                  .verb = entry->verb,
                                  .change = "",
                                  .args = given,
                                  .intended_ms = engine_now(e),
                                  .attempt = 1};
    l->task = entry->perform(system, &effect, on_look, on_view, l);
}

void engine_look(struct engine *e, const char *verb, const json_t *args, engine_done_fn *done, void *ctx)
{
    look_start(e, verb, args, LOOK_MOST, false, done, ctx);
}

void look_within(struct engine *e, const char *verb, const json_t *args, int64_t most_ms,
                 engine_done_fn *done, void *ctx)
{
    look_start(e, verb, args, most_ms, true, done, ctx);
}

/* --- doctor
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void exam_part_ends(struct look *l, json_t *checks)
{
    struct exam *x = l->exam;
    struct engine *e = l->e;
    if (checks)
        json_array_append_new(x->all, json_pack("{s:s, s:s, s:o}", "role", role_names[l->role], "driver",
                                                e->systems[l->role]->driver->name, "checks", checks));
    look_drop(l);
    if (--x->left > 0)
        return;
    reply_later(e, x->done, x->ctx, x->all, NULL);
    free(x);
}

static void on_checks(void *ctx, const struct check *checks, int n)
{
    static const char *const states[] = {[CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail"};
    struct look *l = ctx;
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s?}", "state", states[checks[i].state], "what",
                                              checks[i].what, "says", checks[i].says));
    exam_part_ends(l, list);
}

/* Roles without a system are told as well: a page that needs one would fail at its step. */
static json_t *empty_roles(const struct engine *e, const char *which)
{
    json_t *all = json_array();
    for (int i = 0; i < ROLE_COUNT; i++)
        if (!e->systems[i] && (!which || str_eq(which, role_names[i])))
            json_array_append_new(
                all, json_pack("{s:s, s:n, s:[{s:s, s:s, s:s}]}", "role", role_names[i], "driver", "checks",
                               "state", "warn", "what", "a system for this role", "says",
                               "none is configured: steps of a page that need it will fail"));
    return all;
}

/* Is the system of this role meant? What says what went wrong names the driver: "run signalbox doctor jenkins". */
static bool is_meant(const struct engine *e, int role, const char *which)
{
    return !which || str_eq(which, role_names[role]) ||
           (e->systems[role] && str_eq(which, e->systems[role]->driver->name));
}

/* Is it a role, or a driver that is in use? Fills the error when not. */
static bool is_role_or_driver(const struct engine *e, const char *which, struct error *err)
{
    const char *names[2 * ROLE_COUNT + 1] = {0};
    int n = 0;
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (is_meant(e, i, which))
            return true;
        names[n++] = role_names[i];
        if (e->systems[i])
            names[n++] = e->systems[i]->driver->name;
    }
    const char *near = str_near(which, names);
    return error_set(err, SB_UNKNOWN, "there is no role and no system in use called \"%.64s\"%s%s%s", which,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

void engine_doctor(struct engine *e, const char *which, engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    if (!is_role_or_driver(e, which, &err)) {
        reply_later(e, done, ctx, NULL, &err);
        return;
    }
    struct exam *x = NET_NEW(struct exam);
    *x = (struct exam){.all = empty_roles(e, which), .left = 1, .done = done, .ctx = ctx};
    struct look *self = look_new(e); /* holds the examination until all systems have been asked */
    self->exam = x;
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (!e->systems[i] || !is_meant(e, i, which))
            continue;
        struct look *l = look_new(e);
        l->exam = x;
        l->role = i;
        x->left++;
        e->systems[i]->driver->check(e->systems[i], on_checks, l);
    }
    exam_part_ends(self, NULL);
}

void looks_cancel(struct engine *e)
{
    for (struct look *l = e->looks, *next; l; l = next) {
        next = l->next;
        task_cancel(l->task);
        if (l->exam && --l->exam->left == 0) {
            json_decref(l->exam->all);
            free(l->exam);
        }
        look_drop(l);
    }
}
