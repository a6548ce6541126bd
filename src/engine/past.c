/* past.c: a change as it once was: since its state is a fold of its events, that of fewer of them. */
#include "engine/inside.h"

struct folding {
    struct change *c;
    int64_t last;
    struct error error;
};

static bool fold_event(void *ctx, const struct store_event *stored)
{
    struct folding *f = ctx;
    if (stored->seq > f->last)
        return false;
    _cleanup_json_ json_t *j =
        json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, "event", &f->error);
    struct event ev = {0};
    bool ok = j && event_from_json(j, f->c->sop, &ev, &f->error) && change_apply(f->c, &ev, &f->error);
    event_clear(&ev);
    return ok;
}

json_t *engine_change_at(struct engine *e, const char *id, int64_t seq, struct error *err)
{
    const struct ride *r = ride_of(e, id, err);
    if (!r)
        return NULL;
    if (seq < 1 || seq > r->durable) {
        error_set(err, SB_RANGE, "%s has events 1 to %lld, none with the number %lld", id,
                  (long long)r->durable, (long long)seq);
        return NULL;
    }
    struct folding f = {.c = change_new(id, r->c->sop), .last = seq, .error = ERROR_NONE};
    json_t *o = NULL;
    if (store_read(e->store, id, 1, fold_event, &f, &f.error) && f.error.code == SB_OK)
        o = change_json(NULL, f.c, f.c->control.at);
    else
        error_wrap(&f.error, err, "%s", id);
    change_free(f.c);
    return o;
}
