/* builtin_calendar.c: the change calendar, kept in Signalbox's own store. */
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/drivers.h"
#include "systems/kept.h"
#include <string.h>

enum { EVENTS_MAX = 10000 };

/* --- effects ---------------------------------------------------------------------------------- */

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    static const char *const args[] = {"title", "description", "from",    "to",
                                       "zone",  "attendees",   "meeting", NULL};
    (void)progress;
    json_t *doc = kept_doc(s, e, args);
    json_object_set_new(doc, "status", json_string("confirmed"));
    return kept_put_effect(s, e, done, ctx, KEPT_EVENT, doc, kept_result_id_url);
}

static struct task *update(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    static const char *const args[] = {"title", "description", "from", "to", NULL};
    (void)progress;
    json_t *patch = json_pack("{s:{s:I}}", "changes", e->key, (json_int_t)e->intended_ms);
    for (const char *const *a = args; *a; a++) {
        json_t *value = json_object_get(e->args, *a);
        if (value)
            json_object_set(patch, *a, value);
    }
    return kept_patch_effect(s, e, done, ctx, KEPT_EVENT, json_str(e->args, "event", ""), patch,
                             kept_result_id);
}

static void cancelled(struct kept *k, json_t *doc, const struct error *err)
{
    const char *id = json_str(k->flow.effect.args, "event", "");
    if (!doc && err && err->code != SB_UNKNOWN)
        kept_failed(k, KEPT_EVENT, id, err);
    else
        flow_done(&k->flow, json_pack("{s:s}", "id", id));
}

static struct task *cancel(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    json_t *patch =
        json_pack("{s:s, s:{s:I}}", "status", "cancelled", "changes", e->key, (json_int_t)e->intended_ms);
    kept_patch(k, KEPT_EVENT, json_str(e->args, "event", ""), patch, cancelled);
    return &k->flow.task;
}

/* --- conflicts -------------------------------------------------------------------------------- */

static void add_event(json_t *list, const json_t *doc, const json_t *args)
{
    const struct calendar_event e = {.id = json_str(doc, "id", ""),
                                     .title = json_str(doc, "title", ""),
                                     .description = json_str(doc, "description", NULL),
                                     .url = json_str(doc, "url", ""),
                                     .from = json_int(doc, "from", 0),
                                     .to = json_int(doc, "to", 0)};
    if (strcmp(json_str(doc, "status", ""), "cancelled") != 0)
        calendar_add_event(list, &e, args);
}

static void listed(struct kept *k, json_t *docs, const struct error *err)
{
    const json_t *args = k->flow.effect.args;
    if (!docs) {
        kept_failed(k, "list of", "events", err);
        return;
    }
    json_t *list = json_array();
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc)
        add_event(list, doc, args);
    calendar_add_freezes(list, k->flow.system->around, args);
    flow_done(&k->flow, json_pack("{s:o}", "conflicts", list));
}

static struct task *conflicts(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    kept_list(k, KEPT_EVENT, EVENTS_MAX, listed);
    return &k->flow.task;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    (void)file;
    struct kept_system *k = kept_open(sizeof *k, d, config, around, err);
    return k ? &k->system : NULL;
}

static const char *const keys[] = {"url", NULL};

const struct driver builtin_calendar_driver = {
    .role = ROLE_CALENDAR,
    .name = "builtin",
    .says = "keeps the change calendar in Signalbox's own store and serves it as a feed",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"create", create, NULL, true},
            {"update", update, NULL, true},
            {"cancel", cancel, NULL, true},
            {"conflicts", conflicts, NULL, false},
        },
};
