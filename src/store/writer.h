/* writer.h: the queue and the thread that empties it: everything that waits goes into one transaction with
 * one sync.
 *
 * A job that is refused (a wrong number) does not touch the others of its transaction. When the disk fails,
 * every job of the transaction is told, nothing of it is kept, and the next one tries again. When the
 * database is found damaged, nothing is written any more. */
#ifndef SB_STORE_WRITER_H
#define SB_STORE_WRITER_H

#include "store/answers.h"

struct writer;

/* Takes over none of them; all outlive it. Without a key nothing is sealed (store/sealing.h). */
struct writer *writer_start(struct backend *b, struct answers *a, const struct seal_key *key,
                            int64_t seal_ms);
/* After what is in the queue. Frees it. */
void writer_stop(struct writer *w);

/* Any thread. The writer owns the job from here on. */
void writer_put(struct writer *w, struct job *j);
/* Puts a job without an answer and sleeps until it is done: j->error tells. The caller frees it. */
void writer_put_and_wait(struct writer *w, struct job *j);
/* Sleeps until all that was put so far is done. */
void writer_flush(struct writer *w);
struct store_stats writer_stats(struct writer *w);

#endif
