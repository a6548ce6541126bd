#include "store/verify.h"

#include "store/heads.h"
#include "store/ledger.h"
#include "store/verify_seals.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The ledger and the events are read side by side: an entry says which events come next. */
struct walk {
    struct reader *r;
    const char *only; /* one change, or NULL */
    const struct store_evidence *evidence;
    struct seals seals;
    struct verdict *out;
    struct cursor *entries, *events;
    struct entry_row entry;
    struct record_row event;
    bool more_entries, more_events;
    struct chain ledger;
    struct heads heads;
    struct buf hashes; /* of the entry's events */
};

/* What a step of the walk came to. */
enum step { GOES_ON, IS_BAD, CANNOT_READ };

static enum step bad(struct walk *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static enum step bad(struct walk *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->out->text, sizeof w->out->text, fmt, ap);
    va_end(ap);
    w->out->good = false;
    return IS_BAD;
}

static enum step next_event(struct walk *w, struct error *err)
{
    return w->r->ops->record_next(w->events, &w->event, &w->more_events, err) ? GOES_ON : CANNOT_READ;
}

static struct head *head_of(struct walk *w, const char *change)
{
    struct head *h = heads_find(&w->heads, change);
    if (h != NULL)
        return h;
    h = heads_add(&w->heads, change);
    h->chain = chain_begin(change);
    w->out->changes++;
    return h;
}

static enum step added(struct walk *w)
{
    return bad(w, "%s: event %" PRId64 " is there, but the ledger knows nothing of it: it was added",
               w->event.change != NULL ? w->event.change : "(no change)", w->event.seq);
}

/* The entry names an event that does not come next. Says what became of it. */
static enum step not_next(struct walk *w, const struct entry_append *a, int64_t seq, int64_t entry)
{
    const struct record_row *e = &w->event;
    if (w->more_events && (e->change == NULL || e->entry < entry))
        return added(w);
    if (w->more_events && e->entry == entry && (strcmp(e->change, a->change) != 0 || e->seq != seq))
        return bad(w,
                   "%s: event %" PRId64 " stands where the ledger's entry %" PRId64 " has event %" PRId64
                   " of %s: one was added, moved or removed",
                   e->change, e->seq, entry, seq, a->change);
    if (seq == 1 && heads_find(&w->heads, a->change) == NULL)
        return bad(w,
                   "%s: the change is missing as a whole, or its first event is: the ledger has it made in "
                   "entry %" PRId64,
                   a->change, entry);
    return bad(w, "%s: event %" PRId64 " is missing: the ledger has it in entry %" PRId64, a->change, seq,
               entry);
}

static enum step take_append(struct walk *w, const struct entry_append *a, int64_t entry, struct error *err)
{
    for (int64_t seq = a->first; seq < a->first + a->n; seq++) {
        const struct record_row *e = &w->event;
        if (!w->more_events || e->change == NULL || strcmp(e->change, a->change) != 0 || e->seq != seq ||
            e->entry != entry)
            return not_next(w, a, seq, entry);
        struct error why;
        struct head *h = head_of(w, a->change);
        if (!chain_take(&h->chain, "event", e->seq, e->body, e->size, e->hash, &why))
            return bad(w, "%s: %s", a->change, why.text);
        if (e->before != h->place || e->is_first != (e->seq == 1))
            return bad(w,
                       "%s: event %" PRId64
                       " is there, but a reader would not find it: what leads to it was edited",
                       a->change, e->seq);
        h->place = e->place;
        buf_add(&w->hashes, e->hash, SHA256_HEX);
        w->out->events++;
        w->out->unsealed += w->seals.n == 0 || entry > w->seals.rows[w->seals.n - 1].seal.ledger.n;
        enum step step = next_event(w, err);
        if (step != GOES_ON)
            return step;
    }
    return GOES_ON;
}

static enum step take_ended(struct walk *w, const struct entry_ended *e, int64_t entry)
{
    struct head *h = head_of(w, e->change);
    h->ended = true;
    if (h->chain.n != e->last || strcmp(h->chain.hash, e->hash) != 0)
        return bad(w,
                   "%s: ended with event %" PRId64 " by the ledger's entry %" PRId64
                   ", but that is not where it stands",
                   e->change, e->last, entry);
    if (!seals_have_end(&w->seals, e->change, entry, w->evidence->trust != NULL))
        return bad(w, "%s", w->seals.wrong.text);
    return GOES_ON;
}

/* Everything before entry `n` has been read: holds it against its seals. */
static enum step reach_seals(struct walk *w, int64_t n)
{
    if (seals_reach(&w->seals, n - 1, w->only == NULL ? &w->ledger : NULL, &w->heads, w->only))
        return GOES_ON;
    return bad(w, "%s", w->seals.wrong.text);
}

static bool is_wanted(const struct walk *w, const char *change)
{
    return w->only == NULL || strcmp(w->only, change) == 0;
}

static enum step take_lists(struct walk *w, const json_t *entry, int64_t n, struct error *err)
{
    size_t i;
    json_t *item;
    enum step step = GOES_ON;
    json_array_foreach(json_object_get(entry, "appends"), i, item) {
        struct entry_append a;
        if (!entry_append_read(item, &a))
            return bad(w, "ledger: entry %" PRId64 " is malformed", n);
        if (is_wanted(w, a.change))
            step = take_append(w, &a, n, err);
        if (step != GOES_ON)
            return step;
    }
    json_array_foreach(json_object_get(entry, "ended"), i, item) {
        struct entry_ended e;
        if (!entry_ended_read(item, &e))
            return bad(w, "ledger: entry %" PRId64 " is malformed", n);
        if (is_wanted(w, e.change))
            step = take_ended(w, &e, n);
        if (step != GOES_ON)
            return step;
    }
    return GOES_ON;
}

static enum step take_entry(struct walk *w, struct error *err)
{
    int64_t n = w->entry.n;
    struct error why;
    if (w->only == NULL &&
        !chain_take(&w->ledger, "entry", n, w->entry.body, w->entry.size, w->entry.hash, &why))
        return bad(w, "ledger: %s", why.text);
    _cleanup_json_ json_t *entry = entry_read(w->entry.body, w->entry.size, &why);
    if (entry == NULL)
        return bad(w, "ledger: entry %" PRId64 ": %s", n, why.text);
    buf_clear(&w->hashes);
    enum step step = take_lists(w, entry, n, err);
    if (step != GOES_ON || w->only != NULL)
        return step;
    char digest[SHA256_HEX + 1];
    sha256_hex(buf_str(&w->hashes), w->hashes.len, digest);
    if (strcmp(digest, json_str(entry, "digest", "")) != 0)
        return bad(w,
                   "ledger: entry %" PRId64
                   ": the events it names are not those it was written with: their chain was "
                   "edited and computed anew",
                   n);
    return GOES_ON;
}

static enum step walk(struct walk *w, struct error *err)
{
    enum step step = w->seals.wrong.code != SB_OK ? bad(w, "%s", w->seals.wrong.text) : next_event(w, err);
    while (step == GOES_ON) {
        if (!w->r->ops->ledger_next(w->entries, &w->entry, &w->more_entries, err))
            return CANNOT_READ;
        if (!w->more_entries)
            return w->more_events ? added(w) : reach_seals(w, INT64_MAX);
        w->out->entries++;
        step = reach_seals(w, w->entry.n);
        if (step == GOES_ON)
            step = take_entry(w, err);
    }
    return step;
}

/* --- what the ledger says of changes, and what is kept by its hash ----------------------------- */

static bool check_mark(void *ctx, const struct store_head *mark)
{
    struct walk *w = ctx;
    const struct head *h = heads_find(&w->heads, mark->change);
    if (!is_wanted(w, mark->change))
        return true;
    if (h == NULL || h->chain.n != mark->seq || strcmp(h->chain.hash, mark->hash) != 0) {
        bad(w, "%s: readers would take event %" PRId64 " for its last, which it is not", mark->change,
            mark->seq);
        return false;
    }
    if (mark->ended == h->ended)
        return true;
    bad(w,
        mark->ended ? "%s: is marked as ended, but the ledger does not have its end"
                    : "%s: has ended by the ledger, but is not marked so",
        mark->change);
    return false;
}

static bool check_page(void *ctx, const char *hash, const char *text, size_t size)
{
    struct walk *w = ctx;
    char found[SHA256_HEX + 1];
    sha256_hex(text, size, found);
    if (strcmp(found, hash) == 0)
        return true;
    bad(w, "page %.64s: its text is not the one that changes began with: it was edited", hash);
    return false;
}

static bool check_rest(struct walk *w, struct error *err)
{
    return w->r->ops->changes(w->r, false, check_mark, w, err) &&
           (w->only != NULL || !w->out->good || w->r->ops->pages(w->r, check_page, w, err));
}

static void note_seals(struct walk *w)
{
    w->out->seals = (int64_t)w->seals.n;
    w->out->trusted = w->evidence->trust != NULL;
    if (w->seals.n > 0)
        w->out->sealed_at = w->seals.rows[w->seals.n - 1].seal.at;
}

static bool judge(struct walk *w, struct error *err)
{
    if (!seals_read(&w->seals, w->r, w->evidence, err))
        return false;
    note_seals(w);
    w->entries = w->r->ops->ledger(w->r, w->only, err);
    w->events = w->entries != NULL ? w->r->ops->record(w->r, w->only, err) : NULL;
    enum step step = w->events != NULL ? walk(w, err) : CANNOT_READ;
    bool ok = step != CANNOT_READ && (step == IS_BAD || check_rest(w, err));
    w->r->ops->cursor_close(w->entries);
    w->r->ops->cursor_close(w->events);
    if (ok && w->only != NULL && w->out->good && w->out->events == 0)
        return error_set(err, SB_UNKNOWN, "there is no change \"%s\"", w->only);
    return ok;
}

bool verify(struct reader *r, const char *change, const struct store_evidence *evidence, struct verdict *out,
            struct error *err)
{
    *out = (struct verdict){.good = true};
    struct walk w = {
        .r = r, .only = change, .evidence = evidence, .out = out, .ledger = chain_begin(LEDGER_NAME)};
    if (!r->ops->begin(r, err))
        return false;
    bool ok = judge(&w, err);
    r->ops->end(r);
    if (change == NULL)
        memcpy(out->head, w.ledger.hash, sizeof out->head);
    heads_free(&w.heads);
    seals_free(&w.seals);
    buf_free(&w.hashes);
    return ok;
}
