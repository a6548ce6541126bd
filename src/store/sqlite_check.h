/* sqlite_check.h: is the SQLite file whole? Asked after a process did not end well: SQLite repairs what a
 * crash left half done, but not what a failing disk or another program did. */
#ifndef SB_STORE_SQLITE_CHECK_H
#define SB_STORE_SQLITE_CHECK_H

#include "store/sqlite_conn.h"

struct check;

/* Reads the whole file. SB_CORRUPT with what was found. */
MUST_USE bool check_now(struct conn *c, struct error *err);

/* The same on a thread and a connection of its own, for a file so large that nobody should wait for it. */
struct check *check_start(const char *path);
/* Any thread, at any time: has it found damage by now? Then false, and SB_CORRUPT. NULL is fine: nothing
 * found. */
MUST_USE bool check_so_far(struct check *k, struct error *err);
/* Waits for the end of it; with `interrupt`, ends it. Frees it. */
void check_end(struct check *k, bool interrupt);

#endif
