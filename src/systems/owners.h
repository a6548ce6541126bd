/* owners.h: the role "owners": which team owns a service, whom to call.
 *
 * owners.lookup (looks)
 *   arguments  services: names
 *   result     {"owners": [{"service", "team", "channel", "schedule", "people": [mail addresses]}],
 * "unknown": [names]} Services in the order asked for. A service nobody owns is in `unknown`; that is no
 * failure. */
#ifndef SB_SYSTEMS_OWNERS_H
#define SB_SYSTEMS_OWNERS_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>

/* A table as text (RFC 4180), for every driver that gets one. All in the arena. */
struct csv_row {
    char **fields;
    int n;
    int line; /* where it began */
};
struct csv {
    struct csv_row *rows;
    int n;
};
enum { CSV_MAX_BYTES = 8 << 20, CSV_MAX_ROWS = 100000, CSV_MAX_FIELDS = 256 };
/* Quoted fields may hold commas, quotes (doubled) and line breaks; CRLF or LF; a byte order mark is dropped;
 * blank lines are skipped. Errors: SB_PARSE with file, line and column; SB_LIMIT. */
MUST_USE bool csv_parse(const char *text, size_t n, const char *file, struct arena *a, struct csv *out,
                        struct error *err);

/* The ownership table: the first row names columns, in any order and case: "service" is needed; "team",
 * "channel", "schedule", "people" (separated by ';' or ' ') are known; others are ignored. Gives {service:
 * {"team", ...}}; a service twice is an error. New reference or NULL. */
json_t *owners_table(const struct csv *t, const char *file, struct error *err);
/* The result of owners.lookup from such a table (names compared without case). New reference. */
json_t *owners_lookup(const json_t *table, const json_t *services);

#endif
