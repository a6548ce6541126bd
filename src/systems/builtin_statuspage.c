/* builtin_statuspage.c: maintenances and components of the public status page that Signalbox serves itself.
 */
#include "base/buf.h"
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/kept.h"
#include "systems/statuspage.h"
#include <ctype.h>
#include <string.h>

struct upkeep {
    struct kept kept;
    const char *wanted;           /* status of the maintenance */
    const char *component_status; /* of its components, or NULL: they stay as they are */
    size_t at;                    /* of the components argument */
    json_t *components;           /* result so far: [{"id", "name", "status"}] */
    void (*then)(struct upkeep *u);
};

static void upkeep_free(struct kept *k)
{
    json_decref(((struct upkeep *)k)->components);
}

static struct upkeep *upkeep_new(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct upkeep *u = kept_new(sizeof *u, s, e, done, NULL, ctx);
    u->kept.on_free = upkeep_free;
    u->components = json_array();
    return u;
}

/* --- components, one after another ------------------------------------------------------------ */

static char *component_id(const char *name, struct arena *a)
{
    char *id = arena_strdup(a, name);
    for (char *p = id; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return id;
}

/* The component that is next, or NULL after the last. */
static const char *component_name(const struct upkeep *u)
{
    const json_t *list = json_object_get(u->kept.flow.effect.args, "components");
    return json_string_value(json_array_get(list, u->at));
}

static void component_known(struct upkeep *u, const char *id, const char *name, const char *status)
{
    json_array_append_new(u->components,
                          json_pack("{s:s, s:s, s:s}", "id", id, "name", name, "status", status));
    u->at++;
}

static void set_next_component(struct upkeep *u);

static void component_set(struct kept *k, json_t *doc, const struct error *err)
{
    struct upkeep *u = (struct upkeep *)k;
    if (!doc) {
        kept_failed(k, KEPT_COMPONENT, component_name(u), err);
        return;
    }
    component_known(u, json_str(doc, "id", ""), json_str(doc, "name", ""), json_str(doc, "status", ""));
    set_next_component(u);
}

static void component_made(struct kept *k, json_t *doc, const struct error *err)
{
    struct upkeep *u = (struct upkeep *)k;
    if (!doc) {
        kept_failed(k, KEPT_COMPONENT, component_name(u), err);
        return;
    }
    json_t *patch = json_pack("{s:s, s:I}", "status", u->component_status, "updated",
                              (json_int_t)k->flow.effect.intended_ms);
    kept_patch(k, KEPT_COMPONENT, json_str(doc, "id", ""), patch, component_set);
}

static void set_next_component(struct upkeep *u)
{
    const char *name = component_name(u);
    if (!name || !u->component_status) {
        u->then(u);
        return;
    }
    char *id = component_id(name, &u->kept.flow.arena);
    json_t *doc = json_pack("{s:s, s:s, s:s}", "id", id, "name", name, "status", "operational");
    kept_put(&u->kept, KEPT_COMPONENT, id, doc, component_made);
}

/* --- the maintenance -------------------------------------------------------------------------- */

static json_t *update_of(const struct effect *e, const char *status)
{
    return json_pack("{s:s, s:s, s:I}", "status", status, "body", json_str(e->args, "body", ""), "at",
                     (json_int_t)e->intended_ms);
}

static struct task *schedule(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    static const char *const args[] = {"name", "from", "to", "components", "notify", NULL};
    (void)progress;
    json_t *doc = kept_doc(s, e, args);
    json_object_set_new(doc, "status", json_string(MAINTENANCE_SCHEDULED));
    json_object_set_new(doc, "url", json_sprintf("%s/status", ((struct kept_system *)s)->url));
    json_object_set_new(doc, "updates", json_pack("{s:o}", e->key, update_of(e, MAINTENANCE_SCHEDULED)));
    return kept_put_effect(s, e, done, ctx, KEPT_MAINTENANCE, doc, kept_result_id_url);
}

static const char *maintenance_id(const struct kept *k)
{
    return json_str(k->flow.effect.args, "maintenance", "");
}

static void maintenance_updated(struct upkeep *u)
{
    flow_done(&u->kept.flow, json_pack("{s:s}", "status", u->wanted));
}

static void status_written(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc)
        kept_failed(k, KEPT_MAINTENANCE, maintenance_id(k), err);
    else
        set_next_component((struct upkeep *)k);
}

static void status_read(struct kept *k, json_t *doc, const struct error *err)
{
    struct upkeep *u = (struct upkeep *)k;
    const struct effect *e = &k->flow.effect;
    if (!doc) {
        kept_failed(k, KEPT_MAINTENANCE, maintenance_id(k), err);
        return;
    }
    const char *is = json_str(doc, "status", "");
    bool ours = json_object_get(json_object_get(doc, "updates"), e->key) != NULL;
    enum maintenance_step step = ours ? MAINTENANCE_THERE : maintenance_step(is, u->wanted);
    if (step == MAINTENANCE_PAST) {
        flow_ends(&k->flow, OUTCOME_FAILED, SB_STATE, "the maintenance is %s: it cannot go back to %s", is,
                  u->wanted);
        return;
    }
    if (step == MAINTENANCE_THERE) {
        set_next_component(u);
        return;
    }
    json_t *patch = kept_entry("updates", e->key, update_of(e, u->wanted));
    json_object_set_new(patch, "status", json_string(u->wanted));
    if (str_eq(e->verb, "cancel"))
        json_object_set_new(patch, "cancelled", json_true());
    kept_patch(k, KEPT_MAINTENANCE, maintenance_id(k), patch, status_written);
}

static struct task *bring_to(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                             const char *wanted, const char *component_status)
{
    struct upkeep *u = upkeep_new(s, e, done, ctx);
    u->wanted = wanted;
    u->component_status = component_status;
    u->then = maintenance_updated;
    kept_get(&u->kept, KEPT_MAINTENANCE, maintenance_id(&u->kept), status_read);
    return &u->kept.flow.task;
}

static struct task *begin(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                          void *ctx)
{
    (void)progress;
    return bring_to(s, e, done, ctx, MAINTENANCE_IN_PROGRESS, "under_maintenance");
}

static struct task *verify(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    (void)progress;
    return bring_to(s, e, done, ctx, MAINTENANCE_VERIFYING, NULL);
}

static struct task *complete(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    (void)progress;
    return bring_to(s, e, done, ctx, MAINTENANCE_COMPLETED, NULL);
}

static json_t *end_of(const struct effect *e, const json_t *doc)
{
    (void)e;
    return json_pack("{s:I}", "to", (json_int_t)json_int(doc, "to", 0));
}

static struct task *extend(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    (void)progress;
    json_t *patch = kept_entry("updates", e->key, update_of(e, MAINTENANCE_IN_PROGRESS));
    json_object_set_new(patch, "to", json_integer(json_int(e->args, "to", 0)));
    if (json_int(e->args, "from", 0))
        json_object_set_new(patch, "from", json_integer(json_int(e->args, "from", 0)));
    return kept_patch_effect(s, e, done, ctx, KEPT_MAINTENANCE, json_str(e->args, "maintenance", ""), patch,
                             end_of);
}

/* --- components by themselves ----------------------------------------------------------------- */

static void components_done(struct upkeep *u)
{
    flow_done(&u->kept.flow, json_pack("{s:O}", "components", u->components));
}

static struct task *component(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    (void)progress;
    const char *status = json_str(e->args, "status", "");
    bool known = false;
    for (const char *const *c = component_statuses; *c; c++)
        known |= str_eq(*c, status);
    if (!known) {
        const char *near = str_near(status, component_statuses);
        return task_ends(s, done, ctx, OUTCOME_FAILED, "\"%s\" is no status of a component%s%s%s", status,
                         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (json_array_size(json_object_get(e->args, "components")) == 0)
        return task_done(s, done, ctx, json_pack("{s:[]}", "components"));
    struct upkeep *u = upkeep_new(s, e, done, ctx);
    u->component_status = arena_strdup(&u->kept.flow.arena, status);
    u->then = components_done;
    set_next_component(u);
    return &u->kept.flow.task;
}

static void compare_all(struct upkeep *u)
{
    struct outcome o = {.kind = OUTCOME_FAILED};
    const char *wanted = json_str(u->kept.flow.effect.args, "status", "");
    size_t i;
    json_t *c;
    json_array_foreach(u->components, i, c) {
        const char *is = json_str(c, "status", "");
        if (str_eq(is, wanted))
            continue;
        _cleanup_json_ json_t *result = json_pack("{s:O}", "components", u->components);
        (void)error_set(&o.error, SB_STATE, "%s is %s, not %s", json_str(c, "name", ""), is, wanted);
        o.result = result;
        flow_end(&u->kept.flow, &o);
        return;
    }
    components_done(u);
}

static void read_next_component(struct upkeep *u);

static void component_read(struct kept *k, json_t *doc, const struct error *err)
{
    struct upkeep *u = (struct upkeep *)k;
    const char *name = component_name(u);
    if (!doc && err && err->code != SB_UNKNOWN) {
        kept_failed(k, KEPT_COMPONENT, name, err);
        return;
    }
    component_known(u, component_id(name, &k->flow.arena), name, json_str(doc, "status", "operational"));
    read_next_component(u);
}

static void read_next_component(struct upkeep *u)
{
    const char *name = component_name(u);
    if (name)
        kept_get(&u->kept, KEPT_COMPONENT, component_id(name, &u->kept.flow.arena), component_read);
    else
        u->then(u);
}

static struct task *confirm(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                            void *ctx)
{
    (void)progress;
    if (json_array_size(json_object_get(e->args, "components")) == 0)
        return task_done(s, done, ctx, json_pack("{s:[]}", "components"));
    struct upkeep *u = upkeep_new(s, e, done, ctx);
    u->then = compare_all;
    read_next_component(u);
    return &u->kept.flow.task;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    (void)file;
    struct kept_system *k = kept_open(sizeof *k, d, config, around, err);
    return k ? &k->system : NULL;
}

static const char *const keys[] = {"url", NULL};

const struct driver builtin_statuspage_driver = {
    .role = ROLE_STATUSPAGE,
    .name = "builtin",
    .says = "keeps maintenances and components for the status page that Signalbox serves",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"schedule", schedule, NULL, true},
            {"begin", begin, NULL, true},
            {"verify", verify, NULL, true},
            {"extend", extend, NULL, true},
            {"complete", complete, NULL, true},
            {"cancel", complete, NULL, true},
            {"component", component, NULL, true},
            {"confirm", confirm, NULL, false},
        },
};
