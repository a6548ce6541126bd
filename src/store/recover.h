/* recover.h: what can still be read of a damaged SQLite file. It is only read, never changed. */
#ifndef SB_STORE_RECOVER_H
#define SB_STORE_RECOVER_H

#include "base/error.h"
#include <jansson.h>

/* Reads row by row, around what is damaged, into the new file `to` (NULL: into a temporary one, only to see).
 * Gives a new reference, or NULL on error:
 *
 *   {"whole": true, nothing is missing: `to` can take the file's place
 *    "damage": [what SQLite says of the file, 20 lines at most],
 *    "tables": [{"name", "rows": read, "unreadable": [[from, to], ...]}, rows that may have been there
 *    "changes": how many are known of, "lost": [{"change", "whole_to": 40, "known_to": 41 or 0 = not known}],
 *    "entries_lost": of the ledger, "events_of_nobody": whose change's row is lost,
 *    "numbers_guessed": the number of the next change could not be read}
 *
 * Errors: SB_CORRUPT when nothing can be read, SB_CONFLICT when `to` is there already, SB_IO. */
json_t *store_recover(const char *path, const char *to, struct error *err);

#endif
