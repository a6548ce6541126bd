/* api.h: the HTTP API under /api/v1, the one way in for CLI, pages and programs.
 *
 * The CLI uses the same functions without a socket when no server runs: api_call takes what an HTTP request
 * would say. */
#ifndef SB_API_API_H
#define SB_API_API_H

#include "engine/engine.h"
#include "net/server.h"

struct api;

struct api *api_new(struct engine *e);
/* Ends all streams; whoever waits for an answer gets none. Before engine_close, and before server_free or
 * after it; the loop must not turn between this and engine_close, for the engine still holds what it was
 * asked. */
void api_free(struct api *a);

/* Tells all who watch that it ends here (event "end") and ends their streams; the loop has to turn for it. */
void api_end_streams(struct api *a);

/* Serves one HTTP exchange below /api/v1, and /healthz, /readyz, and those of signing in and out (api/session.h).
 * Returns false when the path is none of ours (nothing was answered). A Unix-socket peer is who it is on this
 * machine; over TCP without sign-in only reading is allowed, and only from loopback. */
bool api_serve(struct api *a, struct exchange *x);

/* The same without a socket. `done` gets status and body (borrowed), once, perhaps before this returns; not
 * at all when the API is freed first. Streams need a socket. */
void api_call(struct api *a, const char *method, const char *path, const json_t *body, const char *by,
              void (*done)(void *ctx, int status, const json_t *body), void *ctx);

/* Errors as RFC 9457 problem documents: {type, title, status, detail, code, file?, line?, column?}. New
 * reference. */
json_t *api_problem(const struct error *err, int *status);

/* What can be asked: a row is a route. The table is the API's documentation, and its OpenAPI document is made
 * from it. */
enum api_right {
    API_OPEN, /* anybody who reaches the port */
    API_SEE,  /* who may see; over TCP without sign-in, whoever is on this machine */
    API_ACT,  /* somebody known; the engine asks for the role, which depends on client and env */
};

enum api_kind { API_TEXT, API_NUMBER, API_FLAG, API_LIST, API_OBJECT, API_ANY, API_TEXTS };

struct api_shape;
struct api_field {
    const char *name;
    enum api_kind kind;
    bool needed;
    const char *says;
    const struct api_shape *of; /* what an object is, or what a list is made of; NULL = not said */
    bool or_null;
};

/* An object that several answers have. */
struct api_shape {
    const char *name; /* "Step": of its schema */
    const char *says;
    const struct api_field *fields; /* ends with a NULL name */
    bool open;                      /* it may have more, of the configuration's own */
};

struct call;
struct api_route {
    const char *method;
    const char *path; /* "/api/v1/changes/{id}/events" */
    enum api_right right;
    const char
        *role; /* that is needed, whatever client and env; NULL: the engine asks for it, or nobody does */
    void (*handle)(struct call *c);
    const char *says;               /* one sentence */
    const struct api_field *query;  /* ends with a NULL name; NULL = none */
    const struct api_field *fields; /* of the body, likewise; NULL = it takes no body */
    const struct api_field
        *gives; /* of the answer, likewise; NULL = an object that depends on what is asked */
    const struct api_shape *shape; /* of the answer, instead of `gives` */
    enum { API_JSON, API_JSON_OR_STREAM, API_STREAM, API_PLAIN, API_CALENDAR } form;
    bool makes;  /* it answers 201 */
    bool looks;  /* it changes nothing, though it is a POST */
    bool secret; /* its answer is shown once: no Idempotency-Key keeps it */
};

extern const struct api_route api_routes[]; /* ends with a NULL method */

/* The OpenAPI 3.1 document of the table. New reference. */
json_t *api_document(void);

#endif
