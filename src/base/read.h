/* read.h: a whole file, bounded. Blocks: for start-up, pages and credentials, not for the loop's hot path. */
#ifndef SB_BASE_READ_H
#define SB_BASE_READ_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the file's bytes to `out`. Errors: SB_IO naming the path, SB_LIMIT when it holds more than
 * `max_bytes`. */
MUST_USE bool read_file(const char *path, size_t max_bytes, struct buf *out, struct error *err);

#endif
