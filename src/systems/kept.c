/* kept.c: see kept.h. */
#include "systems/kept.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

/* --- the system ------------------------------------------------------------------------------- */

void *kept_open(size_t size, const struct driver *d, const struct yaml *config, struct surroundings *around,
                struct error *err)
{
    if (!around->shelf) {
        (void)error_set(err, SB_STATE,
                        "the built-in %s keep their documents in Signalbox's store, and there is none here",
                        role_names[d->role]);
        return NULL;
    }
    struct kept_system *k = calloc(1, size);
    if (!k)
        abort();
    k->system = (struct system){.driver = d, .name = d->name, .around = around};
    k->arena = arena_make();
    char *url = arena_strdup(&k->arena, config_str(config, "url", ""));
    for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
        url[n - 1] = '\0';
    k->url = url;
    return k;
}

void kept_close(struct system *s)
{
    struct kept_system *k = (struct kept_system *)s;
    tasks_cancel(s);
    arena_free(&k->arena);
    free(k);
}

/* --- calls to the shelf ----------------------------------------------------------------------- */

/* The shelf always calls back; by then the flow may be gone. */
struct kept_call {
    struct kept *owner;
    kept_fn *then;
};

static void kept_free(struct flow *f)
{
    struct kept *k = (struct kept *)f;
    if (k->call)
        k->call->owner = NULL;
    if (k->on_free)
        k->on_free(k);
}

void *kept_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
               void *ctx)
{
    struct kept *k = flow_new(size, s, NULL, e, done, progress, ctx);
    k->flow.on_free = kept_free;
    return k;
}

static void answered(void *user, json_t *doc, const struct error *err)
{
    struct kept_call *c = user;
    struct kept *k = c->owner;
    kept_fn *then = c->then;
    free(c);
    if (!k)
        return;
    k->call = NULL;
    then(k, doc, err);
}

static struct kept_call *call_new(struct kept *k, kept_fn *then)
{
    struct kept_call *c = malloc(sizeof *c);
    if (!c)
        abort();
    *c = (struct kept_call){k, then};
    k->call = c;
    return c;
}

static const struct shelf *shelf_of(const struct kept *k)
{
    return k->flow.system->around->shelf;
}

void kept_put(struct kept *k, const char *kind, const char *id, json_t *doc, kept_fn *then)
{
    const struct shelf *s = shelf_of(k);
    s->put_new(s->ctx, kind, id, doc, answered, call_new(k, then));
    json_decref(doc);
}

void kept_patch(struct kept *k, const char *kind, const char *id, json_t *patch, kept_fn *then)
{
    const struct shelf *s = shelf_of(k);
    s->patch(s->ctx, kind, id, patch, answered, call_new(k, then));
    json_decref(patch);
}

void kept_get(struct kept *k, const char *kind, const char *id, kept_fn *then)
{
    const struct shelf *s = shelf_of(k);
    s->get(s->ctx, kind, id, answered, call_new(k, then));
}

void kept_list(struct kept *k, const char *kind, int limit, kept_fn *then)
{
    const struct shelf *s = shelf_of(k);
    s->list(s->ctx, kind, limit, answered, call_new(k, then));
}

void kept_failed(struct kept *k, const char *what, const char *id, const struct error *err)
{
    if (!err || err->code == SB_UNKNOWN)
        flow_ends(&k->flow, OUTCOME_FAILED, SB_UNKNOWN, "there is no %s \"%s\"", what, id);
    else
        flow_ends(&k->flow, OUTCOME_RETRY, err->code, "%s \"%s\": %s", what, id, err->text);
}

/* --- whole effects of one document ------------------------------------------------------------ */

struct one {
    struct kept kept;
    const char *kind, *id;
    kept_result *result;
};

static void kept_one(struct kept *k, json_t *doc, const struct error *err)
{
    struct one *one = (struct one *)k;
    if (!doc)
        kept_failed(k, one->kind, one->id, err);
    else
        flow_done(&k->flow, one->result(&k->flow.effect, doc));
}

static struct one *one_new(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                           const char *kind, const char *id, kept_result *result)
{
    struct one *one = kept_new(sizeof *one, s, e, done, NULL, ctx);
    one->kind = kind;
    one->id = arena_strdup(&one->kept.flow.arena, id);
    one->result = result;
    return one;
}

struct task *kept_put_effect(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                             const char *kind, json_t *doc, kept_result *result)
{
    struct one *one = one_new(s, e, done, ctx, kind, e->key, result);
    kept_put(&one->kept, kind, one->id, doc, kept_one);
    return &one->kept.flow.task;
}

struct task *kept_patch_effect(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                               const char *kind, const char *id, json_t *patch, kept_result *result)
{
    struct one *one = one_new(s, e, done, ctx, kind, id, result);
    kept_patch(&one->kept, kind, one->id, patch, kept_one);
    return &one->kept.flow.task;
}

/* --- small things ----------------------------------------------------------------------------- */

char *kept_url(const struct system *s, const char *change, struct arena *a)
{
    return arena_printf(a, "%s/changes/%s", ((const struct kept_system *)s)->url, change);
}

json_t *kept_doc(struct system *s, const struct effect *e, const char *const *args)
{
    _cleanup_arena_ struct arena a = arena_make();
    json_t *doc = json_pack("{s:s, s:s, s:I, s:s}", "id", e->key, "change", e->change, "created",
                            (json_int_t)e->intended_ms, "url", kept_url(s, e->change, &a));
    for (; *args; args++) {
        json_t *value = json_object_get(e->args, *args);
        if (value)
            json_object_set(doc, *args, value);
    }
    return doc;
}

json_t *kept_entry(const char *outer, const char *key, json_t *inner)
{
    return json_pack("{s:{s:o}}", outer, key, inner);
}

json_t *kept_result_id(const struct effect *e, const json_t *doc)
{
    return json_pack("{s:s}", "id", json_str(doc, "id", e->key));
}

json_t *kept_result_id_url(const struct effect *e, const json_t *doc)
{
    return json_pack("{s:s, s:s}", "id", json_str(doc, "id", e->key), "url", json_str(doc, "url", ""));
}

json_t *kept_result_key(const struct effect *e, const json_t *doc)
{
    (void)doc;
    return json_pack("{s:s}", "id", e->key);
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void visited(struct kept *k, json_t *docs, const struct error *err)
{
    const char *says = docs ? "the store answers" : err ? err->text : "the store does not answer";
    struct check c = {docs ? CHECK_OK : CHECK_FAIL, "keeps its documents in Signalbox's store", says};
    flow_checked(&k->flow, &c, 1);
}

void kept_check(struct system *s, check_fn *done, void *ctx)
{
    struct kept *k = flow_visit(sizeof *k, s, NULL, done, ctx);
    k->flow.on_free = kept_free;
    kept_list(k, KEPT_TICKET, 1, visited);
}
