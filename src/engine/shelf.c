/* shelf.c: the documents of the built-in systems, kept in the store. */
#include "engine/inside.h"

typedef void doc_fn(void *, json_t *doc, const struct error *);

static void put_new(void *ctx, const char *kind, const char *id, json_t *doc, doc_fn *done, void *user)
{
    store_doc_put_new(ctx, kind, id, doc, done, user);
}

static void patch(void *ctx, const char *kind, const char *id, json_t *change, doc_fn *done, void *user)
{
    store_doc_patch(ctx, kind, id, change, done, user);
}

static void get(void *ctx, const char *kind, const char *id, doc_fn *done, void *user)
{
    store_doc_get(ctx, kind, id, done, user);
}

static void list(void *ctx, const char *kind, int limit, doc_fn *done, void *user)
{
    store_doc_list(ctx, kind, limit, done, user);
}

struct shelf shelf_of(struct store *s)
{
    return (struct shelf){.ctx = s, .put_new = put_new, .patch = patch, .get = get, .list = list};
}
