/* backend.h: what a database does for the store. Everything else (queue, batches, chain, ledger,
 * verification) is shared.
 *
 * A back end embeds `struct backend` first in a struct of its own, and a connection for reading `struct
 * reader`. Errors: SB_IO when the disk or the server fails (trying again later may help), SB_CORRUPT when the
 * database is damaged, SB_CONFLICT when the database refuses a row that should have fitted; of a writing call
 * SB_NET when the connection was lost and certainly nothing of the transaction is kept. After any error
 * of a writing call the transaction is only good for `rollback`. Texts given are borrowed for the call; texts
 * got live until the next call on the same object, or during `each`. */
#ifndef SB_STORE_BACKEND_H
#define SB_STORE_BACKEND_H

#include "store/chain.h"
#include "store/store.h"

struct pg_target;

struct backend {
    const struct backend_ops *ops;
};

struct backend *store_backend(struct store *s); /* store.c */

/* A `place` is where the back end keeps an event; the shared code only carries it back. 0 = none. */

struct change_row {
    int64_t no; /* 0: there is no such change */
    bool ended;
    struct chain head;
    int64_t place; /* of its last event */
};

struct event_row {
    int64_t change, seq, entry; /* change: its row's `no`; entry: the ledger's */
    const char *body, *hash;
    size_t size;
    int64_t before; /* place of the event before it */
};

struct doc_row {
    const char *body;
    size_t size;
};

typedef bool doc_each_fn(void *ctx, const struct doc_row *d);

/* The writer's thread alone. */
struct backend_ops {
    void (*close)(struct backend *b); /* after all readers */

    bool (*begin)(struct backend *b, struct error *err);
    bool (*commit)(struct backend *b, struct error *err); /* true = durable */
    void (*rollback)(struct backend *b);
    /* Housekeeping: what is overdue, and with `idle` what nobody waits behind. True: there is some to do once
     * idle. */
    bool (*tidy)(struct backend *b, bool idle);

    bool (*change_find)(struct backend *b, const char *id, struct change_row *out, struct error *err);
    bool (*change_add)(struct backend *b, const char *id, int64_t *no, struct error *err);
    bool (*change_end)(struct backend *b, int64_t no, struct error *err);
    bool (*event_add)(struct backend *b, const struct event_row *e, int64_t *place, struct error *err);
    /* After events were added to a change: places of the first one of them and of the last. */
    bool (*change_move)(struct backend *b, int64_t no, int64_t first, int64_t last, struct error *err);
    bool (*entry_last)(struct backend *b, struct chain *out,
                       struct error *err); /* chain_begin(LEDGER_NAME) when none */
    bool (*entry_add)(struct backend *b, int64_t n, const char *body, const char *hash, struct error *err);
    bool (*number_next)(struct backend *b, int64_t *out, struct error *err);
    bool (*number_set)(struct backend *b, const char *name, const char *last, struct error *err);
    bool (*page_put)(struct backend *b, const char *hash, const char *name, const char *text,
                     struct error *err);
    bool (*snapshot_put)(struct backend *b, int64_t change, int64_t seq, const char *version,
                         const char *state, struct error *err);
    /* Documents as the transaction sees them. doc_get calls `each` once, or not at all. */
    bool (*doc_get)(struct backend *b, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err);
    bool (*doc_add)(struct backend *b, const char *kind, const char *id, const char *body, struct error *err);
    bool (*doc_change)(struct backend *b, const char *kind, const char *id, const char *body,
                       struct error *err);
    bool (*doc_list)(struct backend *b, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err);

    /* A connection for reading, for any one thread at a time. NULL on error. */
    struct reader *(*reader_open)(struct backend *b, struct error *err);

    /* Of a database that several processes may write (store/nodes.h); otherwise NULL. */
    const struct pg_target *(*target)(const struct backend *b);
    /* Within the transaction: is this the lease's newest token? It stays so until the transaction ends. */
    bool (*lease_check)(struct backend *b, const char *lease, int64_t token, bool *newest, struct error *err);
};

struct reader {
    const struct reader_ops *ops;
};

struct record_row {
    const char *change; /* NULL: it belongs to no change that is there */
    int64_t seq, entry;
    const char *body, *hash;
    size_t size;
    /* How a reader finds it: from the event before it, or as its change's first. A back end that goes by
     * number alone gives 0, 0 and seq == 1. */
    int64_t place, before;
    bool is_first;
};

struct entry_row {
    int64_t n;
    const char *body, *hash;
    size_t size;
};

/* What is kept beside changes and ledger. */
enum rest_kind { REST_PAGE, REST_DOC, REST_NUMBER };
struct rest_row {
    enum rest_kind kind;
    const char *a, *b,
        *text; /* page: hash, name, text; doc: kind, id, body; number: name, "", the last one */
};

/* A list that is read row by row. */
struct cursor;

struct reader_ops {
    void (*close)(struct reader *r);
    /* Between them, all reads see one moment. */
    bool (*begin)(struct reader *r, struct error *err);
    void (*end)(struct reader *r);

    bool (*events)(struct reader *r, const char *change, int64_t from,
                   bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err);
    /* A change whose last event cannot be found has seq 0. */
    bool (*changes)(struct reader *r, bool open_only, bool (*each)(void *ctx, const struct store_head *h),
                    void *ctx, struct error *err);
    bool (*page_get)(struct reader *r, const char *hash, char **out,
                     struct error *err); /* heap; NULL: there is none */
    /* Heap; NULL: there is none. */
    bool (*snapshot_get)(struct reader *r, const char *change, const char *version, int64_t *seq,
                         char **state, struct error *err);
    bool (*doc_get)(struct reader *r, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err);
    bool (*doc_list)(struct reader *r, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err);

    bool (*pages)(struct reader *r, bool (*each)(void *ctx, const char *hash, const char *text, size_t size),
                  void *ctx, struct error *err);

    /* Between begin and end: documents in the order in which they were added. */
    bool (*rest)(struct reader *r, bool (*each)(void *ctx, const struct rest_row *row), void *ctx,
                 struct error *err);

    /* All events, or those of one change, in the order in which they were committed; all entries of the
     * ledger, or those that name a change. NULL on error. */
    struct cursor *(*record)(struct reader *r, const char *change, struct error *err);
    struct cursor *(*ledger)(struct reader *r, const char *change, struct error *err);
    /* The next row; *more false = there is none. */
    bool (*record_next)(struct cursor *c, struct record_row *out, bool *more, struct error *err);
    bool (*ledger_next)(struct cursor *c, struct entry_row *out, bool *more, struct error *err);
    void (*cursor_close)(struct cursor *c); /* NULL is fine */
};

/* sqlite.c, postgres.c */
struct backend *sqlite_open(const struct store_options *o, struct error *err);
struct backend *postgres_open(const struct store_options *o, struct error *err);

#endif
