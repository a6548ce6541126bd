/* agenda.c: the events of the built-in calendar, for whoever serves them as a feed. */
#include "engine/inside.h"
#include "systems/documents.h"

enum { EVENTS_MOST = 5000 };

struct agenda {
    struct engine *e;
    engine_done_fn *done;
    void *ctx;
};

static void listed(void *ctx, json_t *docs, const struct error *err)
{
    struct agenda *q = ctx;
    if (!q->e->closing)
        reply_later(q->e, q->done, q->ctx, docs ? json_pack("{s:O}", "events", docs) : NULL,
                    docs ? NULL : err);
    free(q);
}

void engine_agenda(struct engine *e, engine_done_fn *done, void *ctx)
{
    const struct system *calendar = e->systems[ROLE_CALENDAR];
    if (!calendar || !str_eq(calendar->driver->name, "builtin")) {
        struct error err;
        error_set(&err, SB_STATE, "the change calendar is kept by %s: subscribe to it there",
                  calendar ? calendar->driver->name : "nobody");
        reply_later(e, done, ctx, NULL, &err);
        return;
    }
    struct agenda *q = NET_NEW(struct agenda);
    *q = (struct agenda){e, done, ctx};
    store_doc_list(e->store, KEPT_EVENT, EVENTS_MOST, listed, q);
}
