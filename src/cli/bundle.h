/* bundle.h: one change's record as a tar archive that an auditor checks without this program (docs/audit.md). */
#ifndef SB_CLI_BUNDLE_H
#define SB_CLI_BUNDLE_H

#include "store/store.h"
#include <stdio.h>

struct bundle {
    int64_t sealed, later; /* events in it; events after its seal, which are left out */
};

/* Up to the newest seal that names the change. SB_STATE: none does; SB_UNKNOWN: there is no such change; SB_IO:
 * `out` could not be written. */
MUST_USE bool bundle_write(struct store *s, const char *change, FILE *out, struct bundle *said,
                           struct error *err);

#endif
