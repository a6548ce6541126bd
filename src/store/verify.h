/* verify.h: the record against itself: each event against its change's chain, each commit against the ledger,
 * the ledger against its own chain, and all of it against the seals. Streams: memory grows with the number of changes, not of events. */
#ifndef SB_STORE_VERIFY_H
#define SB_STORE_VERIFY_H

#include "store/backend.h"

/* One change, or all (NULL), with what the auditor brings along. False when it could not be read; whether it is whole is the verdict's to say.
 * SB_UNKNOWN when neither events nor the ledger know the change. */
MUST_USE bool verify(struct reader *r, const char *change, const struct store_evidence *evidence,
                     struct verdict *out, struct error *err);

#endif
