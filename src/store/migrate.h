/* migrate.h: the tables of the SQLite file, and how an older file gets them. Each version is a step that is
 * never edited once released; PRAGMA user_version says how far a file has come. */
#ifndef SB_STORE_MIGRATE_H
#define SB_STORE_MIGRATE_H

#include "store/sqlite_conn.h"

/* Makes an empty file ours, or takes an older one to the newest version: all in one transaction. SB_STATE
 * when a newer program wrote it, SB_PARSE when it is a database of something else. */
MUST_USE bool migrate(struct conn *c, struct error *err);
/* The same, for one that may not be written: SB_STATE also when it is older. */
MUST_USE bool migrate_check(struct conn *c, struct error *err);

#endif
