/* sqlite_sql.c: every statement that is run on the SQLite file while it is in use. */
#include "store/sqlite_conn.h"

#define LAST_OF_CHANGE "LEFT JOIN events e ON e.n = c.last AND e.change = c.n "

const char *const sqlite_sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",

    [SQL_CHANGE_FIND] =
        "SELECT c.n, c.ended, c.last, e.seq, e.hash FROM changes c " LAST_OF_CHANGE "WHERE c.id = ?",
    [SQL_CHANGE_ADD] = "INSERT INTO changes (id) VALUES (?)",
    [SQL_CHANGE_MOVE] = "UPDATE changes SET first = coalesce(first, ?2), last = ?3 WHERE n = ?1",
    [SQL_CHANGE_END] = "UPDATE changes SET ended = 1 WHERE n = ?",
    [SQL_CHANGES] = "SELECT c.id, e.seq, e.hash, c.ended FROM changes c " LAST_OF_CHANGE "ORDER BY c.n",
    [SQL_CHANGES_OPEN] =
        "SELECT c.id, e.seq, e.hash, c.ended FROM changes c " LAST_OF_CHANGE "WHERE c.ended = 0 ORDER BY c.n",

    [SQL_EVENT_ADD] = "INSERT INTO events (change, seq, before, entry, body, hash) VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_EVENT_FIRST] = "SELECT e.seq, e.body, e.hash FROM changes c "
                        "JOIN events e ON e.n = c.first AND e.change = c.n WHERE c.id = ?",
    /* Back from the last event to number ?2, then forward. Each number is one less than the one before, so it
       ends. */
    [SQL_EVENTS] =
        "WITH RECURSIVE back (n, change, seq, before) AS ("
        "SELECT e.n, e.change, e.seq, e.before FROM changes c "
        "JOIN events e ON e.n = c.last AND e.change = c.n WHERE c.id = ?1 AND e.seq >= ?2 "
        "UNION ALL "
        "SELECT e.n, e.change, e.seq, e.before FROM back b "
        "JOIN events e ON e.n = b.before AND e.change = b.change AND e.seq = b.seq - 1 WHERE e.seq >= ?2) "
        "SELECT b.seq, e.body, e.hash FROM back b JOIN events e ON e.n = b.n ORDER BY b.seq",

    [SQL_ENTRY_LAST] = "SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1",
    [SQL_ENTRY_ADD] = "INSERT INTO ledger (n, body, hash) VALUES (?, ?, ?)",

    [SQL_NUMBER_NEXT] = "INSERT INTO numbers (name, last) VALUES ('change', 1) "
                        "ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last",

    [SQL_NUMBER_SET] = "INSERT INTO numbers (name, last) VALUES (?, ?)",
    [SQL_REST] = "SELECT 0, rowid, hash, name, text FROM pages UNION ALL "
                 "SELECT 1, n, kind, id, body FROM docs UNION ALL "
                 "SELECT 2, 0, name, '', CAST(last AS TEXT) FROM numbers ORDER BY 1, 2",

    [SQL_PAGE_PUT] = "INSERT INTO pages (hash, name, text) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
    [SQL_PAGE_GET] = "SELECT text FROM pages WHERE hash = ?",
    [SQL_PAGES] = "SELECT hash, text FROM pages",

    [SQL_SNAPSHOT_PUT] = "INSERT INTO snapshots (change, seq, version, state) VALUES (?, ?, ?, ?) "
                         "ON CONFLICT (change) DO UPDATE "
                         "SET seq = excluded.seq, version = excluded.version, state = excluded.state",
    [SQL_SNAPSHOT_GET] = "SELECT s.seq, s.state FROM snapshots s JOIN changes c ON c.n = s.change "
                         "WHERE c.id = ? AND s.version = ?",

    [SQL_DOC_GET] = "SELECT body FROM docs WHERE kind = ? AND id = ?",
    [SQL_DOC_ADD] = "INSERT INTO docs (kind, id, body) VALUES (?, ?, ?)",
    [SQL_DOC_CHANGE] = "UPDATE docs SET body = ?3 WHERE kind = ?1 AND id = ?2",
    [SQL_DOC_LIST] = "SELECT body FROM docs WHERE kind = ? ORDER BY n DESC LIMIT ?",

    [SQL_RECORD] = "SELECT c.id, e.seq, e.entry, e.body, e.hash, e.n, e.before, e.n IS c.first "
                   "FROM events e LEFT JOIN changes c ON c.n = e.change ORDER BY e.n",
    /* All rows are looked at: what is verified is not to be found by what it says of itself. */
    [SQL_RECORD_OF] = "SELECT c.id, e.seq, e.entry, e.body, e.hash, e.n, e.before, e.n IS c.first "
                      "FROM events e JOIN changes c ON c.n = e.change WHERE c.id = ? ORDER BY e.n",
    [SQL_LEDGER] = "SELECT n, body, hash FROM ledger ORDER BY n",
    [SQL_LEDGER_OF] = "SELECT n, body, hash FROM ledger WHERE instr(body, ?) > 0 ORDER BY n",
};
