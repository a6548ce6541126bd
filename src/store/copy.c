#include "store/copy.h"

#include "store/heads.h"
#include "store/job.h"
#include "store/ledger.h"
#include <string.h>

struct copying {
    struct reader *from;
    struct backend *to;
    struct cursor *entries, *events;
    struct record_row event;
    bool more_events;
    struct heads heads;
};

static bool next_event(struct copying *c, struct error *err)
{
    return c->from->ops->record_next(c->events, &c->event, &c->more_events, err);
}

static struct head *head_of(struct copying *c, const char *change, struct error *err)
{
    struct head *h = heads_find(&c->heads, change);
    if (h != NULL)
        return h;
    h = heads_add(&c->heads, change);
    return c->to->ops->change_add(c->to, change, &h->no, err) ? h : NULL;
}

static bool copy_event(struct copying *c, struct error *err)
{
    const struct record_row *e = &c->event;
    if (e->change == NULL)
        return error_set(err, SB_CORRUPT, "an event belongs to no change: signalbox audit verify tells more");
    struct head *h = head_of(c, e->change, err);
    if (h == NULL)
        return false;
    const struct event_row row = {.change = h->no,
                                  .seq = e->seq,
                                  .entry = e->entry,
                                  .body = e->body,
                                  .hash = e->hash,
                                  .size = e->size,
                                  .before = h->place};
    return c->to->ops->event_add(c->to, &row, &h->place, err) &&
           c->to->ops->change_move(c->to, h->no, h->place, h->place, err) && next_event(c, err);
}

static bool copy_ends(struct copying *c, const struct entry_row *row, struct error *err)
{
    size_t i;
    json_t *item;
    _cleanup_json_ json_t *entry = entry_read(row->body, row->size, err);
    if (entry == NULL)
        return false;
    json_array_foreach(json_object_get(entry, "ended"), i, item) {
        struct entry_ended e;
        struct head *h = entry_ended_read(item, &e) ? heads_find(&c->heads, e.change) : NULL;
        if (h == NULL)
            return error_set(err, SB_CORRUPT, "the ledger ends a change that is not there");
        if (!c->to->ops->change_end(c->to, h->no, err))
            return false;
    }
    return true;
}

static bool copy_entries(struct copying *c, struct error *err)
{
    struct entry_row row;
    bool more = true, ok = next_event(c, err);
    while (ok) {
        ok = c->from->ops->ledger_next(c->entries, &row, &more, err);
        if (!ok || !more)
            break;
        while (ok && c->more_events && c->event.entry <= row.n)
            ok = copy_event(c, err);
        ok = ok && copy_ends(c, &row, err) && c->to->ops->entry_add(c->to, row.n, row.body, row.hash, err);
    }
    return ok &&
           (!c->more_events || error_set(err, SB_CORRUPT, "the ledger knows nothing of the last events"));
}

struct rest {
    struct backend *to;
    struct error err;
    int64_t rows;
};

static bool copy_rest_row(void *ctx, const struct rest_row *row)
{
    struct rest *r = ctx;
    const struct backend_ops *to = r->to->ops;
    switch (row->kind) {
    case REST_PAGE:
        return to->page_put(r->to, row->a, row->b, row->text, &r->err);
    case REST_DOC:
        return to->doc_add(r->to, row->a, row->b, row->text, &r->err);
    case REST_NUMBER:
        return to->number_set(r->to, row->a, row->text, &r->err);
    }
    return false;
}

static bool copy_rest(struct copying *c, struct error *err)
{
    struct rest r = {.to = c->to, .err = ERROR_NONE};
    bool ok = c->from->ops->rest(c->from, copy_rest_row, &r, err);
    if (ok && r.err.code != SB_OK)
        *err = r.err;
    return ok && r.err.code == SB_OK;
}

static bool count_rest_row(void *ctx, const struct rest_row *row)
{
    (void)row;
    ++*(int64_t *)ctx;
    return true;
}

static bool count_rest(struct backend *b, int64_t *out, struct error *err)
{
    *out = 0;
    struct reader *r = b->ops->reader_open(b, err);
    bool ok = r != NULL && r->ops->begin(r, err);
    if (ok) {
        ok = r->ops->rest(r, count_rest_row, out, err);
        r->ops->end(r);
    }
    if (r != NULL)
        r->ops->close(r);
    return ok;
}

static bool is_empty(struct backend *to, struct error *err)
{
    struct chain last;
    int64_t rest;
    return to->ops->entry_last(to, &last, err) && count_rest(to, &rest, err) &&
           ((last.n == 0 && rest == 0) ||
            error_set(err, SB_STATE, "the store to copy to is not empty: name a new file or database"));
}

static bool copy_all(struct copying *c, struct error *err)
{
    c->entries = c->from->ops->ledger(c->from, NULL, err);
    c->events = c->entries != NULL ? c->from->ops->record(c->from, NULL, err) : NULL;
    bool ok = c->events != NULL && copy_entries(c, err);
    c->from->ops->cursor_close(c->events);
    c->from->ops->cursor_close(c->entries);
    return ok && copy_rest(c, err);
}

/* One transaction: all or nothing. */
static bool copy_into(struct reader *from, struct backend *to, struct error *err)
{
    struct copying c = {.from = from, .to = to};
    bool ok = to->ops->begin(to, err) && is_empty(to, err) && from->ops->begin(from, err);
    if (ok) {
        ok = copy_all(&c, err);
        from->ops->end(from);
    }
    ok = ok && to->ops->commit(to, err);
    if (!ok)
        to->ops->rollback(to);
    heads_free(&c.heads);
    return ok;
}

static bool compare(struct store *from, struct store *to, struct verdict *out, struct error *err)
{
    struct verdict before;
    int64_t rest, rest_of_copy;
    if (!store_verify(from, NULL, &before, err) || !store_verify(to, NULL, out, err) ||
        !count_rest(store_backend(from), &rest, err) || !count_rest(store_backend(to), &rest_of_copy, err))
        return false;
    if (!before.good)
        return error_set(err, SB_CORRUPT, "what was copied is not whole: %s", before.text);
    if (!out->good)
        return error_set(err, SB_CORRUPT, "the copy is not whole: %s", out->text);
    if (strcmp(before.head, out->head) == 0 && before.events == out->events && before.seals == out->seals &&
        before.changes == out->changes && rest == rest_of_copy)
        return true;
    return error_set(
        err, SB_STATE,
        "the copy is not what stands there now: it was written to in the meantime. Stop Signalbox, "
        "remove the copy, and copy again");
}

bool store_copy(struct store *from, struct store *to, struct verdict *out, struct error *err)
{
    struct backend *source = store_backend(from);
    struct reader *r = source->ops->reader_open(source, err);
    bool ok = r != NULL && copy_into(r, store_backend(to), err);
    if (r != NULL)
        r->ops->close(r);
    return ok && compare(from, to, out, err);
}
