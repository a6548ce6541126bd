/* route.h: how stand-ins sort requests: a table of method, path pattern and function.
 *
 * A pattern's segment is a word, `*` (any one segment), or `**` (all that is left, last only). Segments are
 * split before they are percent-decoded, as the real systems do: a key with a slash in it is one segment. */
#ifndef SB_YARD_ROUTE_H
#define SB_YARD_ROUTE_H

#include "yard/yard.h"

enum { ROUTE_PARTS_MAX = 8 };

struct call {
    struct yard *y;
    json_t *world;
    struct exchange *x;
    const struct server_request *r;
    struct arena *a;                   /* the exchange's */
    const char *part[ROUTE_PARTS_MAX]; /* what the `*` stood for, decoded; NULL after the last */
    int64_t now;
};

struct route {
    const char *method;
    const char *pattern;
    void (*serve)(struct call *c);
};

enum route_found { ROUTE_SERVED, ROUTE_OTHER_METHOD, ROUTE_NO_PATH };

struct call call_of(struct yard *y, json_t *world, struct exchange *x);
/* Serves by the first row that fits; `routes` ends with a NULL method. When none fits nothing is answered. */
enum route_found route_serve(const struct route *routes, struct call *c);
/* Does the path of the request fit? Fills `c->part`. */
bool route_fits(struct call *c, const char *pattern);

/* The body as JSON when it is an object, else NULL. New reference. */
json_t *call_json(const struct call *c);
/* A query value or, failing that, a form value. */
const char *call_arg(const struct call *c, const char *name);
void call_answer(struct call *c, int status, json_t *body);
void call_answer_text(struct call *c, int status, const char *type, const char *text);

/* "Bearer X", "OAuth X", ... : is the header `Authorization: <scheme> <secret>` there? Scheme in any case. */
bool call_signed_in(const struct call *c, const char *scheme, const char *secret);

/* Stable hexadecimal for ids: the first `n` characters of the SHA-256 of the text, in the arena. */
char *stable_id(struct arena *a, int n, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
