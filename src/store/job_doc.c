/* job_doc.c: documents of the built-in systems: read, merged and written within the transaction, so that they
 * are in order with each other and with the events. */
#include "base/buf.h"
#include "store/job.h"

#include <stdlib.h>
#include <string.h>

static void set_result(struct job *j, json_t *result)
{
    json_decref(j->doc.result); /* of an attempt whose transaction failed */
    j->doc.result = result;
}

static bool keep_one(void *ctx, const struct doc_row *d)
{
    struct job *j = ctx;
    struct error why;
    json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "the stored document", &why);
    set_result(j, doc);
    if (doc == NULL)
        job_refuse_with(j, SB_CORRUPT, "%s \"%s\": %s", j->doc.kind, j->doc.id, why.text);
    return false;
}

static bool keep_each(void *ctx, const struct doc_row *d)
{
    struct job *j = ctx;
    struct error why;
    json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "a stored document", &why);
    if (doc == NULL) {
        job_refuse_with(j, SB_CORRUPT, "%s: %s", j->doc.kind, why.text);
        return false;
    }
    return json_array_append_new(j->doc.result, doc) == 0;
}

static bool find(struct job *j, struct writing *w, struct error *err)
{
    set_result(j, NULL);
    return w->backend->ops->doc_get(w->backend, j->doc.kind, j->doc.id, keep_one, j, err);
}

static bool found_one(struct job *j)
{
    if (j->doc.result == NULL && j->error == NULL)
        job_refuse_with(j, SB_UNKNOWN, "there is no %s \"%s\"", j->doc.kind, j->doc.id);
    return true;
}

bool apply_doc_get(struct job *j, struct writing *w, struct error *err)
{
    return find(j, w, err) && found_one(j);
}

bool apply_doc_new(struct job *j, struct writing *w, struct error *err)
{
    if (!find(j, w, err))
        return false;
    if (j->doc.result != NULL || j->error != NULL)
        return true;
    struct doc_row given = {j->doc.body, strlen(j->doc.body)};
    keep_one(j, &given);
    return w->backend->ops->doc_add(w->backend, j->doc.kind, j->doc.id, j->doc.body, err);
}

bool apply_doc_patch(struct job *j, struct writing *w, struct error *err)
{
    if (!apply_doc_get(j, w, err))
        return false;
    if (j->error != NULL)
        return true;
    _cleanup_json_ json_t *patch = json_loads(j->doc.body, 0, NULL);
    json_merge_patch(j->doc.result, patch);
    char *body = json_canonical(j->doc.result);
    bool fits = strlen(body) <= STORE_BODY_MAX;
    bool ok = true;
    if (fits)
        ok = w->backend->ops->doc_change(w->backend, j->doc.kind, j->doc.id, body, err);
    else
        job_refuse_with(j, SB_LIMIT, "%s \"%s\" would be larger than %d bytes", j->doc.kind, j->doc.id,
                        (int)STORE_BODY_MAX);
    free(body);
    return ok;
}

bool apply_doc_list(struct job *j, struct writing *w, struct error *err)
{
    set_result(j, json_array());
    return w->backend->ops->doc_list(w->backend, j->doc.kind, j->doc.limit, keep_each, j, err);
}

bool apply_doc_read(struct job *j, struct reader *r, struct error *err)
{
    if (j->apply == apply_doc_get)
        return r->ops->doc_get(r, j->doc.kind, j->doc.id, keep_one, j, err) && found_one(j);
    set_result(j, json_array());
    return r->ops->doc_list(r, j->doc.kind, j->doc.limit, keep_each, j, err);
}

void answer_doc(struct job *j, const struct error *err)
{
    j->doc.done(j->ctx, err == NULL ? j->doc.result : NULL, err);
    set_result(j, NULL);
}
