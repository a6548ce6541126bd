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

    [PG_NUMBER_SET] = "INSERT INTO numbers (name, last) VALUES ($1, $2)",

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
    /* Whoever takes the lease waits until this transaction has ended, and so reads all that was written. */
    [PG_LEASE_CHECK] = "SELECT 1 FROM leases WHERE name = $1 AND token = $2 FOR SHARE",

    [PG_NODE_RENEW] =
        "UPDATE nodes SET until = clock_timestamp() + $2 * interval '1 ms' WHERE id = $1 RETURNING 1",
    [PG_NODE_ADD] =
        "INSERT INTO nodes (id, name, until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms')",
    [PG_NODES_OVERDUE] = "SELECT id FROM nodes WHERE until < clock_timestamp()",
    /* They may hold locks, and whoever is stopped cannot let go of them. */
    [PG_SESSIONS_END] =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()",
    /* Its leases become free with it. One that was heard of in the meantime stays. */
    [PG_NODE_EXPEL] =
        "WITH old AS (DELETE FROM requests WHERE at < clock_timestamp() - interval '1 hour') DELETE FROM nodes WHERE id = $1 AND until < clock_timestamp()",
    [PG_NODE_LEAVE] = "DELETE FROM nodes WHERE id = $1",

    [PG_LEASES_TAKE] = "UPDATE leases SET node = $1, token = token + 1 WHERE name IN "
                       "(SELECT name FROM leases WHERE node IS NULL FOR UPDATE SKIP LOCKED) RETURNING name",
    [PG_LEASE_TAKE] =
        "INSERT INTO leases (name, node, token) VALUES ($1, $2, 1) ON CONFLICT (name) DO UPDATE "
        "SET node = excluded.node, token = leases.token + (leases.node IS NULL)::int "
        "WHERE leases.node IS NULL OR leases.node = excluded.node RETURNING token",
    [PG_LEASES_MINE] = "SELECT name, token FROM leases WHERE node = $1",

    [PG_NEWS] = "SELECT n, body FROM ledger WHERE n > $1 ORDER BY n LIMIT 100",

    [PG_REQUEST_ADD] = "INSERT INTO requests (asker, lease, body) VALUES ($1, $2, $3) RETURNING n",
    [PG_REQUEST_DROP] = "DELETE FROM requests WHERE n = $1 RETURNING taken",
    [PG_REQUEST_ANSWER] = "UPDATE requests SET answer = $2 WHERE n = $1",
    /* Taken before it is done: never twice. */
    [PG_REQUESTS_TAKE] = "UPDATE requests SET taken = true WHERE NOT taken "
                         "AND at > clock_timestamp() - interval '30 s' AND lease IN "
                         "(SELECT name FROM leases WHERE node = $1) RETURNING n, body",
    [PG_ANSWERS_TAKE] = "DELETE FROM requests WHERE asker = $1 AND answer IS NOT NULL RETURNING n, answer",

    [PG_LOCK_LEAVE] = "SELECT pg_advisory_unlock(" WRITERS ")",
};
