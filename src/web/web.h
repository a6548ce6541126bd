/* web.h: the pages, for people with a browser: rendered here, live by small modules, whole without them.
 *
 * Every page is a plain document with links and forms. What a page shows comes from the API's own calls, and a
 * form becomes one of them, with the identity of who sent it. Assets are part of the program. */
#ifndef SB_WEB_WEB_H
#define SB_WEB_WEB_H

#include "api/api.h"

struct web;

struct web_options {
    struct api *api;
    struct engine *engine;
    /* A drill: nothing real is behind it, so whoever opens the page on this machine plays any of the configured
     * people, and chooses which. NULL-terminated, the first is who plays at first; NULL = not a drill. */
    const char *const *players;
};

struct web *web_new(const struct web_options *o);
/* After server_free or before; before api_free. */
void web_free(struct web *w);

/* Serves one exchange that the API did not take. Returns false when the path is none of ours (nothing was
 * answered). */
bool web_serve(struct web *w, struct exchange *x);

#endif
