/* job.h: one thing that the writer's thread is to do, from the call that gave it to the callback that ends
 * it. */
#ifndef SB_STORE_JOB_H
#define SB_STORE_JOB_H

#include "store/backend.h"
#include "store/heads.h"
#include "store/ledger.h"
#include "store/sealing.h"
#include <stddef.h>

/* A transaction that is being put together, on the writer's thread. */
struct writing {
    struct backend *backend;
    struct heads heads;  /* as this transaction sees them; dropped when it fails */
    struct chain ledger; /* up to the entry before this transaction's; after it, with it */
    struct entry entry;  /* of this transaction */
    int64_t bytes;       /* of its events */
    struct sealing sealing;
};

struct job {
    struct job *next;

    /* Does it within the transaction. False: the transaction cannot go on, *err says why. Refusing only this
     * job is job_refuse, and true. It may run again when the transaction failed for another job's sake. */
    bool (*apply)(struct job *j, struct writing *w, struct error *err);
    /* Tells how it ended, on the loop's thread; NULL: nobody asked. `err` NULL = durable. */
    void (*answer)(struct job *j, const struct error *err);
    size_t size;         /* about, of what it writes: bounds a transaction */
    struct error *error; /* NULL while all is well; the job's */

    bool waited_for; /* its caller sleeps in writer_wait and frees it */
    bool finished;   /* guarded by the writer's mutex */

    void *ctx; /* the callback's */
    union {
        struct {
            store_done_fn *done;
            const char *change, *lease; /* lease NULL: none is needed */
            int64_t first, token;
            const char *const *bodies;
            int n;
        } append;
        struct {
            const char *change;
            int64_t seq;
            const char *version, *state;
        } change; /* ended, snapshot */
        struct {
            store_doc_fn *done;
            const char *kind, *id, *body; /* body: the new document, or the patch */
            int limit;
            json_t *result;
        } doc;
        struct {
            const char *hash, *name, *text;
        } page;
        int64_t number;
    };

    size_t used;                       /* of `room` */
    _Alignas(max_align_t) char room[]; /* all texts that the job holds: thousands of jobs may wait, so they
                                          are small */
};

/* Zeroed, with room for so many bytes. */
struct job *job_new(size_t room);
void job_free(struct job *j);
/* A copy in the room, which must be there: n + 1 bytes. */
char *job_copy(struct job *j, const char *text, size_t n);
/* Takes over what is in `why`. Returns true, for apply. */
bool job_refuse(struct job *j, const struct error *why);
void job_forgive(struct job *j);
bool job_refuse_with(struct job *j, enum error_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* job_append.c: events and the ends of changes. */
bool apply_append(struct job *j, struct writing *w, struct error *err);
bool apply_ended(struct job *j, struct writing *w, struct error *err);
bool apply_snapshot(struct job *j, struct writing *w, struct error *err);

/* A transaction. After a false, only rollback. Commit writes what the events and ends amount to into the
 * ledger, and seals it when it is time to. */
bool writing_begin(struct writing *w, struct error *err);
bool writing_commit(struct writing *w, struct error *err);
void writing_rollback(struct writing *w);
void writing_free(struct writing *w);

/* job_doc.c: documents. */
bool apply_doc_new(struct job *j, struct writing *w, struct error *err);
bool apply_doc_patch(struct job *j, struct writing *w, struct error *err);
bool apply_doc_get(struct job *j, struct writing *w, struct error *err);
bool apply_doc_list(struct job *j, struct writing *w, struct error *err);
/* A get or a list, beside the writer. */
bool apply_doc_read(struct job *j, struct reader *r, struct error *err);
void answer_doc(struct job *j, const struct error *err);

#endif
