/* store.h: where events are kept: appended in batches, chained by hash, never edited.
 *
 * Two threads: any call may come from the loop's thread; one writer thread commits the appends and documents of many changes in one
 * transaction (group commit) and answers through the loop. What a callback says is durable.
 *
 * The chain: hash(n) = SHA-256(hash(n-1) || canonical JSON of event n), hash(0) = SHA-256 of the change's id. */
#ifndef SB_STORE_STORE_H
#define SB_STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "net/loop.h"
#include <jansson.h>

struct store;

struct store_options {
    const char *path;  /* SQLite file; its folder is made with mode 0700 */
    struct loop *loop; /* callbacks come there */
    bool read_only;    /* no writer, no lock: for audit and for looking while another process runs */
};

/* Opens, creates, migrates. SB_CONFLICT when another process has it open for writing: the error names its pid and socket. SB_CORRUPT when
 * SQLite finds it damaged: the error says what to do. */
struct store *store_open(const struct store_options *o, struct error *err);
/* Commits what was given and closes. */
void store_close(struct store *s);

typedef void store_done_fn(void *ctx, const struct error *err); /* err NULL = durable */

/* Appends `n` events (canonical JSON texts, copied) to a change, whose next event must be number `first`. SB_CONFLICT otherwise: nothing is
 * written. All or none. Order of calls = order of commits. */
void store_append(struct store *s, const char *change, int64_t first, const char *const *bodies, int n, store_done_fn *done, void *ctx);
/* Waits until everything given so far is durable (at the end, or for commands that do one thing). */
void store_flush(struct store *s);

/* The number of the next change: 1 for HF-1. Durable before it returns; only for the loop's thread. */
MUST_USE bool store_next_number(struct store *s, int64_t *out, struct error *err);

/* A page that changes follow, by its hash: kept, so that a change is read with the page it began with. */
MUST_USE bool store_put_page(struct store *s, const char *hash, const char *name, const char *text, struct error *err);
char *store_get_page(struct store *s, const char *hash, struct error *err); /* heap; NULL with SB_UNKNOWN */

/* --- reading: what is durable. Any thread but the writer's; each call is short ---------------------------------- */

struct store_event {
    int64_t seq;
    const char *body;
    const char *hash;
};
/* Calls `each` for events from `from` on, in order, until it returns false. */
MUST_USE bool store_read(struct store *s, const char *change, int64_t from, bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err);

struct store_head {
    const char *change;
    int64_t seq;
    const char *hash;
    bool ended;
};
/* All changes, oldest first; `open_only` leaves out those that have ended (store_mark_ended). */
MUST_USE bool store_changes(struct store *s, bool open_only, bool (*each)(void *ctx, const struct store_head *h), void *ctx, struct error *err);
void store_mark_ended(struct store *s, const char *change);

/* A fold that was long is kept: the state after event `seq`. Only a cache: it is dropped when the page or the program's version differs. */
void store_put_snapshot(struct store *s, const char *change, int64_t seq, const char *version, json_t *state);
/* The newest one; NULL when there is none (err untouched). New reference. */
json_t *store_get_snapshot(struct store *s, const char *change, const char *version, int64_t *seq);

/* --- documents of the built-in systems, and settings ------------------------------------------------------------- */

/* As struct shelf in systems/system.h, with the same promises. */
void store_doc_put_new(struct store *s, const char *kind, const char *id, json_t *doc, void (*done)(void *, json_t *, const struct error *), void *ctx);
void store_doc_patch(struct store *s, const char *kind, const char *id, json_t *patch, void (*done)(void *, json_t *, const struct error *), void *ctx);
void store_doc_get(struct store *s, const char *kind, const char *id, void (*done)(void *, json_t *, const struct error *), void *ctx);
void store_doc_list(struct store *s, const char *kind, int limit, void (*done)(void *, json_t *, const struct error *), void *ctx);

/* --- the record ---------------------------------------------------------------------------------------------------- */

struct verdict {
    int64_t changes, events;
    bool good;
    char text[512]; /* what is wrong, and where: "HF-7: event 12: hash does not follow from event 11" */
};
/* Re-computes every chain from the stored texts. Works on a read-only store and on a copy of the file. */
MUST_USE bool store_verify(struct store *s, const char *change /* NULL = all */, struct verdict *out, struct error *err);

struct store_stats {
    uint64_t commits, events, bytes;
    double batch_mean;
};
struct store_stats store_stats(const struct store *s);

#endif
