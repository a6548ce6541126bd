/* pg_sql.h: every statement that is run on a PostgreSQL database while it is in use. */
#ifndef SB_STORE_PG_SQL_H
#define SB_STORE_PG_SQL_H

enum pg_statement {
    PG_BEGIN,
    PG_LOCK,
    PG_COMMIT,
    PG_ROLLBACK,
    PG_CHANGE_FIND,
    PG_CHANGE_ADD,
    PG_CHANGE_END,
    PG_CHANGES,
    PG_CHANGES_OPEN,
    PG_EVENT_ADD,
    PG_EVENTS,
    PG_ENTRY_LAST,
    PG_ENTRY_HASH,
    PG_ENTRY_ADD,
    PG_NOTIFY,
    PG_NUMBER_NEXT,
    PG_PAGE_PUT,
    PG_PAGE_GET,
    PG_PAGES,
    PG_SNAPSHOT_PUT,
    PG_SNAPSHOT_GET,
    PG_DOC_GET,
    PG_DOC_ADD,
    PG_DOC_CHANGE,
    PG_DOC_LIST,
    PG_SESSION_END,
    PG_LOCK_WAIT,
    PG_LOCK_LEAVE,
    PG_SQL_COUNT,
};
extern const char *const pg_sql[PG_SQL_COUNT];

#endif
