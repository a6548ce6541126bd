/* builtin_tickets.c: the change ticket, kept in Signalbox's own store. */
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/kept.h"
#include "systems/tickets.h"

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    static const char *const args[] = {"summary", "description", "labels", "type", NULL};
    (void)progress;
    json_t *doc = kept_doc(s, e, args);
    json_object_set_new(doc, "status", json_string("Open"));
    return kept_put_effect(s, e, done, ctx, KEPT_TICKET, doc, kept_result_id_url);
}

static json_t *status_of(const struct effect *e, const json_t *doc)
{
    (void)e;
    return json_pack("{s:s}", "status", json_str(doc, "status", ""));
}

static struct task *transition(struct system *s, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    (void)progress;
    const char *to = json_str(e->args, "to", "");
    json_t *patch =
        kept_entry("history", e->key, json_pack("{s:s, s:I}", "to", to, "at", (json_int_t)e->intended_ms));
    json_object_set_new(patch, "status", json_string(to));
    json_t *resolution = json_object_get(e->args, "resolution");
    if (resolution)
        json_object_set(patch, "resolution", resolution);
    return kept_patch_effect(s, e, done, ctx, KEPT_TICKET, json_str(e->args, "ticket", ""), patch, status_of);
}

static struct task *comment(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                            void *ctx)
{
    (void)progress;
    json_t *entry =
        json_pack("{s:s, s:I}", "text", json_str(e->args, "text", ""), "at", (json_int_t)e->intended_ms);
    return kept_patch_effect(s, e, done, ctx, KEPT_TICKET, json_str(e->args, "ticket", ""),
                             kept_entry("comments", e->key, entry), kept_result_key);
}

static struct task *link_page(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    (void)progress;
    json_t *entry = json_pack("{s:s, s:s, s:I}", "url", json_str(e->args, "url", ""), "title",
                              json_str(e->args, "title", ""), "at", (json_int_t)e->intended_ms);
    return kept_patch_effect(s, e, done, ctx, KEPT_TICKET, json_str(e->args, "ticket", ""),
                             kept_entry("links", e->key, entry), kept_result_key);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    (void)file;
    struct kept_system *k = kept_open(sizeof *k, d, config, around, err);
    return k ? &k->system : NULL;
}

static const char *const keys[] = {"url", NULL};

const struct driver builtin_tickets_driver = {
    .role = ROLE_TICKETS,
    .name = "builtin",
    .says = "keeps the change ticket in Signalbox's own store",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"create", create, NULL, true},
            {"transition", transition, NULL, true},
            {"comment", comment, NULL, true},
            {"link", link_page, NULL, true},
        },
};
