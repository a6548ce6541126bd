/* store.h: where events are kept: appended in batches, chained by hash, never edited.
 *
 * Two threads: any call may come from the loop's thread; one writer thread commits the appends and documents
 * of many changes in one transaction (group commit) and answers through the loop. What a callback says is
 * durable. Every `done` is called exactly once, on the loop's thread, at the latest inside store_close.
 *
 * The chain of a change: hash(n) = SHA-256(hash(n-1) || canonical JSON of event n), hash(0) = SHA-256 of the
 * change's id. Hashes enter as their 64 lower-case hexadecimal digits.
 *
 * The ledger: one entry a commit, which says which events of which changes it made durable and has the digest
 * of their hashes. Its entries are a chain of their own, so its last hash stands for the whole record:
 * whoever knows it can tell when an event, or a whole change, was edited, added, moved or removed since
 * (store/ledger.h). */
#ifndef SB_STORE_STORE_H
#define SB_STORE_STORE_H

#include "base/error.h"
#include "base/hash.h"
#include "net/loop.h"
#include <jansson.h>

struct store;
struct seal_key;
struct seal_trust;

struct store_options {
    const char *path; /* SQLite file; its folder is made with mode 0700 */
    const char *url; /* or a PostgreSQL database: postgresql://user@host/name, without a password. Then a lock
                              * beside `path`, unless it is NULL, keeps a second process from the same folder */
    const char *password;    /* reference to the database's (base/secret.h); NULL: as libpq finds it */
    struct loop *loop;       /* callbacks come there; may be NULL when read_only */
    bool read_only;          /* no writer, no lock: for audit and for looking while another process runs */
    const char *socket_path; /* told to a second process that wants to write; or NULL */
    /* Seals the record with it (store/seal_key.h): each change's end with the end itself, all else after
     * `seal_ms` (0 = a minute) and when the store closes. Copied. NULL: nothing is sealed. */
    const struct seal_key *seal_key;
    const struct seal_trust *seal_trust; /* by which store_verify believes seals; copied; or NULL */
    int64_t seal_ms;
};

enum {
    STORE_ID_MAX = 128,        /* bytes of a change's id, a document's kind and id, a page's name */
    STORE_BODY_MAX = 16 << 20, /* bytes of one event, document, page or snapshot */
};

/* Opens, creates, migrates. SB_CONFLICT when another process has it open for writing: the error names its pid
 * and socket. SB_CORRUPT when SQLite finds it damaged: the error says what to do. SB_STATE when a newer
 * Signalbox wrote it. */
struct store *store_open(const struct store_options *o, struct error *err);
/* Commits what was given, makes the callbacks still to come, closes. What those callbacks give in turn is
 * still taken, for a few rounds; after that it is answered with SB_STATE. Only on the loop's thread, before
 * loop_free. */
void store_close(struct store *s);

typedef void store_done_fn(void *ctx, const struct error *err); /* err NULL = durable */

/* Appends `n` events (canonical JSON texts, copied) to a change, whose next event must be number `first`.
 * SB_CONFLICT otherwise: nothing is written. All or none. Order of calls = order of commits. SB_IO: the disk
 * is full or failing; nothing of it is written; the next call tries the disk again. */
void store_append(struct store *s, const char *change, int64_t first, const char *const *bodies, int n,
                  store_done_fn *done, void *ctx);
/* The same, refused with SB_CONFLICT when the lease's token is not the newest (store/nodes.h). */
struct store_lease {
    const char *name;
    int64_t token;
};
void store_append_held(struct store *s, const struct store_lease *lease, const char *change, int64_t first,
                       const char *const *bodies, int n, store_done_fn *done, void *ctx);
/* Waits until everything given so far is durable or has failed (at the end, or for commands that do one
 * thing). The callbacks come as ever, through the loop. */
void store_flush(struct store *s);

/* The number of the next change: 1 for HF-1. Durable before it returns. */
MUST_USE bool store_next_number(struct store *s, int64_t *out, struct error *err);

/* A page that changes follow, by the SHA-256 of its text: kept, so that a change is read with the page it
 * began with. Durable before it returns. */
MUST_USE bool store_put_page(struct store *s, const char *hash, const char *name, const char *text,
                             struct error *err);
char *store_get_page(struct store *s, const char *hash, struct error *err); /* heap; NULL with SB_UNKNOWN */

/* --- reading ----------------------------------------------------------------------------------- */

/* What is durable. Any thread but the writer's; each call is short. Calls may be made from inside `each`. */

struct store_event {
    int64_t seq;
    const char *body;
    const char *hash;
};
/* Calls `each` for events from `from` on, in order, until it returns false. A change that is not there has
 * none. */
MUST_USE bool store_read(struct store *s, const char *change, int64_t from,
                         bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err);

struct store_head {
    const char *change;
    int64_t seq;
    const char *hash;
    bool ended;
};
/* All changes, oldest first; `open_only` leaves out those that have ended (store_mark_ended). */
MUST_USE bool store_changes(struct store *s, bool open_only,
                            bool (*each)(void *ctx, const struct store_head *h), void *ctx,
                            struct error *err);
void store_mark_ended(struct store *s, const char *change);

/* A fold that was long is kept: the state after event `seq`. Only a cache: it is dropped when the program's
 * version differs. Borrows `state`. */
void store_put_snapshot(struct store *s, const char *change, int64_t seq, const char *version, json_t *state);
/* The newest one; NULL when there is none (err untouched). New reference. */
json_t *store_get_snapshot(struct store *s, const char *change, const char *version, int64_t *seq);

/* --- documents of the built-in systems, and settings -------------------------------------------------------
 */

/* As struct shelf in systems/system.h, with the same promises. What is given is borrowed; the document of a
 * callback is the callback's to read and change, and is dropped after it. */
typedef void store_doc_fn(void *ctx, json_t *doc, const struct error *err);
void store_doc_put_new(struct store *s, const char *kind, const char *id, json_t *doc, store_doc_fn *done,
                       void *ctx);
void store_doc_patch(struct store *s, const char *kind, const char *id, json_t *patch, store_doc_fn *done,
                     void *ctx);
void store_doc_get(struct store *s, const char *kind, const char *id, store_doc_fn *done, void *ctx);
void store_doc_list(struct store *s, const char *kind, int limit, store_doc_fn *done, void *ctx);
/* Those that are durable now, without waiting in line behind the writer: for what is looked up before anything
 * can be answered. New reference: a list; NULL on error. Blocks for one short read. */
json_t *store_docs(struct store *s, const char *kind, struct error *err);

/* --- the record -------------------------------------------------------------------------------- */

struct verdict {
    int64_t changes, events, entries;
    char head[SHA256_HEX + 1]; /* of the whole record: the ledger's last hash, after `entries` entries; "" for
                                  one change */
    int64_t seals, sealed_at, unsealed; /* seals; when the last was made; events that came after it */
    bool trusted;                       /* the seals were held against keys that were given */
    bool good;
    char text[512]; /* what is wrong, and where: "HF-7: event 12: hash does not follow from event 11" */
};
/* Re-computes every chain from the stored texts, in one view of the store while others go on writing. Works
 * on a read-only store and on a copy of the file. Any thread; takes its time. */
MUST_USE bool store_verify(struct store *s, const char *change /* NULL = all */, struct verdict *out,
                           struct error *err);

/* What an auditor brings along. The store's end can be cut off together with the seals that cover it: only who
 * has kept a later seal elsewhere can tell. */
struct store_evidence {
    const struct seal_trust *trust; /* keys by which seals are believed; NULL = each by the one it names */
    const char *seal;               /* the text of a seal that was kept; or NULL */
};
MUST_USE bool store_verify_with(struct store *s, const char *change, const struct store_evidence *evidence,
                                struct verdict *out, struct error *err);

/* Seals, newest first, until `each` returns false: text as in store/seal.h, signature in base64. */
MUST_USE bool store_seals(struct store *s, bool (*each)(void *ctx, const char *text, const char *signature),
                          void *ctx, struct error *err);

struct store_stats {
    uint64_t commits, events, bytes;
    double batch_mean; /* events a commit */
};
struct store_stats store_stats(const struct store *s);

#endif
