/* kept.h: what the built-in drivers share: a system over the shelf, and flows that keep, change and read
 * documents.
 *
 * All their effects can be performed again without a second effect: a document's id and the keys inside it
 * come from the effect's key, and its moments from when the effect was intended. So none of them needs a
 * find, and a shelf that fails is a RETRY. */
#ifndef SB_SYSTEMS_KEPT_H
#define SB_SYSTEMS_KEPT_H

#include "systems/documents.h"
#include "systems/flow.h"

/* One built-in system; drivers with more configuration begin their struct with it. */
struct kept_system {
    struct system system;
    struct arena arena;
    const char *url; /* where Signalbox is reached ("https://box.example"), or "": links are paths then */
};

/* `size` is that of the driver's own struct, zeroed but for its kept_system. Configuration: "url". NULL on
 * error. */
void *kept_open(size_t size, const struct driver *d, const struct yaml *config, struct surroundings *around,
                struct error *err);
void kept_close(struct system *s);
/* Doctor: does the store answer? */
void kept_check(struct system *s, check_fn *done, void *ctx);

struct kept_call;
struct kept {
    struct flow flow;
    struct kept_call *call;          /* to the shelf; outlives the flow when that is cancelled */
    void (*on_free)(struct kept *k); /* drops what the driver's own struct holds besides; or NULL */
};

/* A flow over the shelf. `size` as for flow_new. kept's own on_free is the driver's, not the flow's. */
void *kept_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
               void *ctx);

/* `doc` is what stands there now, or NULL with the error. */
typedef void kept_fn(struct kept *k, json_t *doc, const struct error *err);
void kept_put(struct kept *k, const char *kind, const char *id, json_t *doc, kept_fn *then); /* takes doc */
void kept_patch(struct kept *k, const char *kind, const char *id, json_t *patch,
                kept_fn *then); /* takes patch */
void kept_get(struct kept *k, const char *kind, const char *id, kept_fn *then);
void kept_list(struct kept *k, const char *kind, int limit, kept_fn *then);

/* Ends a flow with the shelf's error: FAILED when there is no such document, else RETRY. */
void kept_failed(struct kept *k, const char *what, const char *id, const struct error *err);

/* --- whole effects of one document ------------------------------------------------------------ */

/* The verb's result, from the document as it stands after. New reference. */
typedef json_t *kept_result(const struct effect *e, const json_t *doc);
struct task *kept_put_effect(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                             const char *kind, json_t *doc,
                             kept_result *result); /* id = the effect's key; takes doc */
struct task *kept_patch_effect(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                               const char *kind, const char *id, json_t *patch,
                               kept_result *result); /* takes patch */

/* --- small things ----------------------------------------------------------------------------- */

/* {"id": key, "change", "created": when it was intended, "url"} and the named arguments (NULL-terminated), as
 * far as given. New reference. */
json_t *kept_doc(struct system *s, const struct effect *e, const char *const *args);
/* Page of the change. In the arena. */
char *kept_url(const struct system *s, const char *change, struct arena *a);
/* {outer: {key: inner}}: takes `inner`. New reference. */
json_t *kept_entry(const char *outer, const char *key, json_t *inner);

json_t *kept_result_id(const struct effect *e, const json_t *doc);     /* {"id": the document's} */
json_t *kept_result_id_url(const struct effect *e, const json_t *doc); /* {"id", "url"} */
json_t *kept_result_key(const struct effect *e, const json_t *doc);    /* {"id": the effect's key} */

#endif
