/* copy.h: a whole store into an empty one: every text as it is, so that chains, ledger and seals stay what they
 * were. Snapshots are a cache, and leases nobody's: neither is copied. */
#ifndef SB_STORE_COPY_H
#define SB_STORE_COPY_H

#include "store/store.h"

/* Then both are verified and compared; `out` is the copy's verdict. SB_STATE when `to` is not empty, or when
 * `from` was written in the meantime. When it fails, nothing is in `to`, but for a difference found at the very end. */
MUST_USE bool store_copy(struct store *from, struct store *to, struct verdict *out, struct error *err);

#endif
