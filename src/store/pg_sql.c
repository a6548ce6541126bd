#include "store/pg_sql.h"

/* One transaction writes at a time: the ledger is one chain. "SBox", as in the SQLite file's header. */
#define WRITERS "1396862840, 1"

#define LAST_OF_CHANGE \
    "LEFT JOIN LATERAL (SELECT seq, hash FROM events WHERE change = c.n ORDER BY seq DESC LIMIT 1) e ON true "

const char *const pg_sql[PG_SQL_COUNT] = {
    [PG_BEGIN] = "BEGIN",
    /* A statement of its own: the next one sees what the writer before has committed. */
    [PG_LOCK] = "SELECT pg_advisory_xact_lock(" WRITERS ")",
    [PG_COMMIT] = "COMMIT",
    [PG_ROLLBACK] = "ROLLBACK",

    [PG_CHANGE_FIND] = "SELECT c.n, c.ended, e.seq, e.hash FROM changes c " LAST_OF_CHANGE "WHERE c.id = $1",
    [PG_CHANGE_ADD] = "INSERT INTO changes (id) VALUES ($1) RETURNING n",
    [PG_CHANGE_END] = "UPDATE changes SET ended = true WHERE n = $1",
    [PG_CHANGES] = "SELECT c.id, e.seq, e.hash, c.ended, c.n FROM changes c " LAST_OF_CHANGE
                   "WHERE c.n > $1 ORDER BY c.n LIMIT 2000",
    [PG_CHANGES_OPEN] = "SELECT c.id, e.seq, e.hash, c.ended, c.n FROM changes c " LAST_OF_CHANGE
                        "WHERE c.n > $1 AND NOT c.ended ORDER BY c.n LIMIT 2000",

    [PG_EVENT_ADD] = "INSERT INTO events (change, seq, entry, body, hash) VALUES ($1, $2, $3, $4, $5)",
    [PG_EVENTS] = "SELECT e.seq, e.body, e.hash FROM changes c JOIN events e ON e.change = c.n "
                  "WHERE c.id = $1 AND e.seq >= $2 ORDER BY e.seq LIMIT $3",

    [PG_ENTRY_LAST] = "SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1",
    [PG_ENTRY_HASH] = "SELECT hash FROM ledger WHERE n = $1",
    [PG_ENTRY_ADD] = "INSERT INTO ledger (n, body, hash) VALUES ($1, $2, $3)",
    [PG_NOTIFY] = "SELECT pg_notify('signalbox', $1)",

    [PG_NUMBER_NEXT] = "INSERT INTO numbers (name, last) VALUES ('change', 1) "
                       "ON CONFLICT (name) DO UPDATE SET last = numbers.last + 1 RETURNING last",

    [PG_PAGE_PUT] = "INSERT INTO pages (hash, name, text) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
    [PG_PAGE_GET] = "SELECT text FROM pages WHERE hash = $1",
    [PG_PAGES] = "SELECT hash, text FROM pages WHERE hash > $1 ORDER BY hash LIMIT 20",

    [PG_SNAPSHOT_PUT] = "INSERT INTO snapshots (change, seq, version, state) VALUES ($1, $2, $3, $4) "
                        "ON CONFLICT (change) DO UPDATE "
                        "SET seq = excluded.seq, version = excluded.version, state = excluded.state",
    [PG_SNAPSHOT_GET] = "SELECT s.seq, s.state FROM snapshots s JOIN changes c ON c.n = s.change "
                        "WHERE c.id = $1 AND s.version = $2",

    [PG_DOC_GET] = "SELECT body FROM docs WHERE kind = $1 AND id = $2",
    [PG_DOC_ADD] = "INSERT INTO docs (kind, id, body) VALUES ($1, $2, $3)",
    [PG_DOC_CHANGE] = "UPDATE docs SET body = $3 WHERE kind = $1 AND id = $2",
    [PG_DOC_LIST] = "SELECT body FROM docs WHERE kind = $1 ORDER BY n DESC LIMIT $2",

    /* Only a session of ours, which may be gone: a number of a process is used again. */
    [PG_SESSION_END] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE pid = $1 AND application_name = $2 AND pid <> pg_backend_pid()",
    [PG_LOCK_WAIT] = "SELECT pg_advisory_lock(" WRITERS ")",
    [PG_LOCK_LEAVE] = "SELECT pg_advisory_unlock(" WRITERS ")",
};
