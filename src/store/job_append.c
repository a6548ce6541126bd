/* job_append.c: events join their change's chain, and what a transaction did joins the ledger. */
#include "store/job.h"

#include <inttypes.h>
#include <string.h>

/* The change's head within this transaction; made when `make`. NULL with *err on failure; NULL without when
 * there is no such change. */
static struct head *head_of(struct writing *w, const char *id, bool make, struct error *err)
{
    struct head *h = heads_find(&w->heads, id);
    if (h != NULL && (h->no != 0 || !make))
        return h->no != 0 ? h : NULL;
    if (h == NULL) {
        struct change_row row;
        if (!w->backend->ops->change_find(w->backend, id, &row, err))
            return NULL;
        if (row.no == 0 && !make)
            return NULL;
        h = heads_add(&w->heads, id);
        h->no = row.no;
        h->ended = row.ended;
        h->place = row.place;
        h->chain = row.head;
    }
    if (h->no == 0 && !w->backend->ops->change_add(w->backend, id, &h->no, err))
        return NULL;
    return h;
}

static bool add_event(struct writing *w, struct head *h, const char *body, struct error *err)
{
    struct event_row e = {
        .change = h->no, .entry = w->ledger.n + 1, .body = body, .size = strlen(body), .before = h->place};
    chain_add(&h->chain, body, e.size);
    e.seq = h->chain.n;
    e.hash = h->chain.hash;
    if (!w->backend->ops->event_add(w->backend, &e, &h->place, err))
        return error_wrap(err, err, "%s: event %" PRId64, h->id, e.seq);
    entry_hash(&w->entry, e.hash);
    w->bytes += (int64_t)e.size;
    return true;
}

/* A change is made by its first event, so that one without events is never there. */
static bool refuse_number(struct job *j, int64_t next)
{
    return job_refuse_with(j, SB_CONFLICT,
                           "%s: event %" PRId64 " was to be appended, but the next one is event %" PRId64
                           ": somebody else was first. Read the change again",
                           j->append.change, j->append.first, next);
}

/* Refused already, or *ok. */
static bool is_held(struct job *j, struct writing *w, bool *ok, struct error *err)
{
    *ok = true;
    if (j->append.lease == NULL || w->backend->ops->lease_check == NULL)
        return true;
    if (!w->backend->ops->lease_check(w->backend, j->append.lease, j->append.token, ok, err))
        return false;
    return *ok || job_refuse_with(j, SB_CONFLICT, "%s: another node carries it now; nothing of this was kept",
                                  j->append.change);
}

bool apply_append(struct job *j, struct writing *w, struct error *err)
{
    bool held;
    *err = ERROR_NONE;
    if (!is_held(j, w, &held, err) || !held)
        return err->code == SB_OK;
    struct head *h = head_of(w, j->append.change, j->append.first == 1, err);
    if (h == NULL)
        return err->code == SB_OK && refuse_number(j, 1);
    if (h->chain.n + 1 != j->append.first)
        return refuse_number(j, h->chain.n + 1);
    entry_append(&w->entry, h->id, j->append.first, j->append.n);
    int64_t first = 0;
    for (int i = 0; i < j->append.n; i++) {
        if (!add_event(w, h, j->append.bodies[i], err))
            return false;
        first = i == 0 ? h->place : first;
    }
    sealing_note(&w->sealing, h, false);
    return w->backend->ops->change_move(w->backend, h->no, first, h->place, err);
}

bool apply_ended(struct job *j, struct writing *w, struct error *err)
{
    *err = ERROR_NONE;
    struct head *h = head_of(w, j->change.change, false, err);
    if (h == NULL)
        return err->code == SB_OK &&
               job_refuse_with(j, SB_UNKNOWN, "there is no change \"%s\"", j->change.change);
    if (h->ended)
        return true;
    if (!w->backend->ops->change_end(w->backend, h->no, err))
        return false;
    entry_end(&w->entry, h->id, &h->chain);
    sealing_note(&w->sealing, h, true);
    heads_drop(&w->heads, h->id); /* nothing much comes after it */
    return true;
}

bool apply_snapshot(struct job *j, struct writing *w, struct error *err)
{
    *err = ERROR_NONE;
    struct head *h = head_of(w, j->change.change, false, err);
    if (h == NULL)
        return err->code == SB_OK &&
               job_refuse_with(j, SB_UNKNOWN, "there is no change \"%s\"", j->change.change);
    return w->backend->ops->snapshot_put(w->backend, h->no, j->change.seq, j->change.version, j->change.state,
                                         err);
}

static void writing_forget(struct writing *w)
{
    entry_clear(&w->entry);
    w->bytes = 0;
}

/* When somebody else has written since, what we know of the changes may be old. */
bool writing_begin(struct writing *w, struct error *err)
{
    struct chain last = w->ledger;
    if (!w->backend->ops->begin(w->backend, err) || !w->backend->ops->entry_last(w->backend, &w->ledger, err))
        return false;
    if (last.n == w->ledger.n && strcmp(last.hash, w->ledger.hash) == 0)
        return true;
    heads_free(&w->heads);
    w->sealing.others = true;
    return true;
}

bool writing_commit(struct writing *w, struct error *err)
{
    if (!entry_is_empty(&w->entry)) {
        _cleanup_buf_ struct buf text = {0};
        entry_text(&w->entry, w->ledger.n + 1, loop_wall_ms(), &text);
        chain_add(&w->ledger, text.data, text.len);
        if (!w->backend->ops->entry_add(w->backend, w->ledger.n, text.data, w->ledger.hash, err))
            return error_wrap(err, err, "ledger");
    }
    if (!sealing_add(&w->sealing, w->backend, &w->ledger, err) || !w->backend->ops->commit(w->backend, err))
        return false;
    sealing_committed(&w->sealing);
    writing_forget(w);
    return true;
}

void writing_rollback(struct writing *w)
{
    w->backend->ops->rollback(w->backend);
    heads_free(&w->heads);
    sealing_rolled_back(&w->sealing);
    writing_forget(w);
}

void writing_free(struct writing *w)
{
    heads_free(&w->heads);
    entry_free(&w->entry);
    sealing_free(&w->sealing);
}
