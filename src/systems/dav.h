/* dav.h: a WebDAV server's answer for several resources (RFC 4918's multistatus), as CalDAV uses it. Parsed by expat,
 * without DTDs and entities, bounded in depth and number. Pure. */
#ifndef SB_SYSTEMS_DAV_H
#define SB_SYSTEMS_DAV_H

#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum { DAV_RESPONSES_MAX = 5000, DAV_DEPTH_MAX = 32 };

/* Texts are "" when they are not there. */
struct dav_response {
    const char *href, *etag, *name; /* getetag, displayname */
    const char *calendar;           /* calendar-data */
    bool is_calendar;               /* resourcetype */
    bool tells_rights;              /* current-user-privilege-set was there */
    bool may_write;                 /* it has write, write-content, bind or all */
};

struct dav_answer {
    struct dav_response *list;
    size_t n;
};

/* Everything is in `a`. Errors: SB_PARSE: no such answer; SB_LIMIT. */
MUST_USE bool dav_parse(const char *text, size_t n, struct arena *a, struct dav_answer *out,
                        struct error *err);

#endif
