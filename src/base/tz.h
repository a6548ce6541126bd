/* tz.h: the system's time zone data (tzdata's compiled files, RFC 8536).
 *
 * Read by us, because what there is will not do. libical 3.0.16, compared with Python's zoneinfo at every
 * change from 2010 to 2044, is wrong in 28 of 518 zones: Pacific/Easter in 2020, America/St_Johns and
 * Australia/Lord_Howe from 2038, and more before 2010. glibc knows one zone at a time, through the
 * environment, for all threads. */
#ifndef SB_BASE_TZ_H
#define SB_BASE_TZ_H

#include "base/error.h"
#include "base/tz_rule.h"
#include <stdint.h>

struct tz;

/* The zone, read at its first use and kept for the life of the process, so an update of tzdata is seen after
 * a restart. "UTC" exists even without tzdata. Thread-safe. NULL on error: SB_UNKNOWN with a near name. */
const struct tz *tz_find(const char *zone, struct error *err);
struct tz_period tz_at(const struct tz *tz, int64_t seconds);

#endif
