/* pages.h: a command that serves: the API and the pages at an address, over the engine of its session. */
#ifndef SB_CLI_PAGES_H
#define SB_CLI_PAGES_H

#include "cli/session.h"

struct pages;

/* Listens at once: on `address`; NULL = on the socket that systemd gives, else where the configuration says, else on
 * 127.0.0.1:7440. `players`: as in web_options, or NULL. The session's engine is in this process. NULL on error. */
struct pages *pages_open(struct session *s, const char *address, const char *const *players,
                         struct error *err);
/* Before session_close; NULL is fine. */
void pages_close(struct pages *p);
/* "http://127.0.0.1:7440". Lives as long as `p`. */
const char *pages_url(const struct pages *p);

#endif
