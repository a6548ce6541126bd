/* message.h: the text of a mail (RFC 5322, MIME): headers that nothing can be slipped into, text in UTF-8, an
 * invitation beside it when there is one (RFC 6047). Pure. */
#ifndef SB_NET_MESSAGE_H
#define SB_NET_MESSAGE_H

#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    MESSAGE_MAX = 1 << 20,    /* bytes of text and invitation */
    MESSAGE_PEOPLE_MAX = 500, /* addresses */
    MESSAGE_REFERENCES_MAX = 20,
};

struct message {
    const char *from, *from_name;      /* the name may be NULL */
    const char *const *to, *const *cc; /* addresses, NULL-terminated; cc may be NULL */
    const char *subject;               /* any text: controls become blanks, the rest is encoded as it must */
    const char *id;                    /* Message-ID without its brackets: "key@host" */
    const char *const *references;     /* ids of the mails before it in its thread, oldest first; or NULL */
    int64_t date;                      /* UTC milliseconds */
    const char *text;                  /* plain, UTF-8 */
    const char *calendar, *method;     /* iCalendar text and its METHOD ("REQUEST"), or NULL */
};

/* Is it one bare address, "ann@example.com": ASCII, nothing that would need quotes? */
bool mail_address_ok(const char *address);
/* The whole mail with CRLF ends, in `a`. Errors: SB_RANGE: an address or id is none; SB_LIMIT. NULL on error. */
char *message_text(const struct message *m, struct arena *a, struct error *err);
/* A Message-ID that is the same whenever it is made from that key: "HASH@host of `from`". In `a`. */
char *message_id_of(const char *key, const char *from, struct arena *a);

#endif
