/* ical_parts.h: what reading and writing iCalendar share; for ical_write.c and ical_read.c only. */
#ifndef SB_SYSTEMS_ICAL_PARTS_H
#define SB_SYSTEMS_ICAL_PARTS_H

#include "systems/ical.h"
#include <libical/ical.h>

#define ICAL_KEY "X-SIGNALBOX-KEY"

struct icaltimetype ical_utc(int64_t ms);
/* Without control characters, which have no place in iCalendar. In `a`. */
const char *ical_clean(const char *text, struct arena *a);
char *ical_text_of(icalcomponent *calendar, struct arena *a);

#endif
