/* sqlite.h: what the two halves of the SQLite back end know of each other. */
#ifndef SB_STORE_SQLITE_H
#define SB_STORE_SQLITE_H

#include "store/backend.h"
#include "store/lock.h"
#include "store/sqlite_check.h"
#include "store/sqlite_conn.h"
#include <sys/stat.h>

struct sqlite {
    struct backend base;
    struct conn conn; /* the writer's; not open in a read-only store */
    char *path;
    struct lock *lock;
    int wal_pages;       /* after the last commit */
    bool tidy_failed;    /* said once, not after each commit */
    struct check *check; /* of a large file, after an unclean end; or NULL */
    struct stat file;    /* which file it is that we write */
};

/* sqlite_read.c */
struct reader *sqlite_reader_open(struct backend *b, struct error *err);
/* Documents, on either kind of connection. */
bool sqlite_doc_get(struct conn *c, const char *kind, const char *id, doc_each_fn *each, void *ctx,
                    struct error *err);
bool sqlite_doc_list(struct conn *c, const char *kind, int limit, doc_each_fn *each, void *ctx,
                     struct error *err);

#endif
