/* lock.h: one writing process a database: a lock file beside it that says who holds it. */
#ifndef SB_STORE_LOCK_H
#define SB_STORE_LOCK_H

#include "base/error.h"

struct lock;

/* Takes `database`.lock, or says who has it: SB_CONFLICT with pid and socket. The lock ends with the process,
 * however it ends; a file that is left behind means nothing. `socket_path` may be NULL. */
struct lock *lock_take(const char *database, const char *socket_path, struct error *err);
void lock_release(struct lock *l); /* NULL is fine */

#endif
