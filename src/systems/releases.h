/* releases.h: the role "releases": does the tag exist, is it a fix of what runs, have its checks passed.
 *
 * releases.check (looks)
 *   arguments  services: [{"service", "tag", "before"}]     before: the tag that runs now; absent or "" when
 * nothing does result and progress view
 *              {"services": [{"service", "tag", "before",
 *                             "exists": true,
 *                             "descends": true,            the tag holds all that `before` holds; null when
 * that is not known "checks": "passed" | "failed" | "pending" | "none",     none: this system knows no checks
 *                             "url": page of the tag, or "",
 *                             "commit": "..", "at": UTC ms of the commit, 0 = not known,
 *                             "ready": UTC ms when checks that still run will have finished, if they take what they took for
 *                                      `before`; 0 or absent = not known,
 *                             "took_ms": how long its checks took when they have passed; 0 or absent = not known,
 *                             "schema": ["db/migrations/017.sql"],   files under migration paths that changed
 *                                      since `before`; may be null
 *                             "commits": [{"id", "subject", "by"}],    what the tag holds and `before` does not, newest first,
 *                                      at most RELEASES_COMMITS_SHOWN; absent = not known
 *                             "says": "..."}],
 *              "problems": [{"service", "says"}]}
 *   outcome    FAILED when a tag does not exist, does not hold what runs, or its checks failed. While checks are pending it
 *              waits. Schema changes are no failure: they matter for the rollback. */
#ifndef SB_SYSTEMS_RELEASES_H
#define SB_SYSTEMS_RELEASES_H

#include "systems/support.h"

enum { RELEASES_COMMITS_SHOWN = 30 };

/* A commit of "commits": the subject is the first line of its message, cut to a line of text. New reference. */
json_t *releases_commit(const char *id, const char *message, const char *by);

/* Is the file under a migration path? A pattern is a path from the root with `*` (within a segment) and `**`
 * (across segments); one that ends with '/' means everything below that folder, wherever the folder is; one
 * without any '/' means a file or a folder of that name, wherever it is. Pure, and bounded for hostile
 * patterns. */
bool releases_path_matches(const char *pattern, const char *path);

/* The migration paths used when a configuration gives none, NULL-terminated. */
extern const char *const releases_migrations[];
/* The configuration's list "migrations", or releases_migrations. In the arena. */
MUST_USE bool releases_read_migrations(const struct yaml *config, const char *file, struct arena *a,
                                       const char *const **out, struct error *err);

/* May this service or tag go into addresses, references and arguments? Nothing in it means anything else there. */
bool releases_name_ok(const char *name);

#endif
