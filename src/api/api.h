/* api.h: the HTTP API under /api/v1, the one way in for CLI, pages and programs.
 *
 * The CLI uses the same functions without a socket when no server runs: api_call takes what an HTTP request would say. */
#ifndef SB_API_API_H
#define SB_API_API_H

#include "engine/engine.h"
#include "net/server.h"

struct api;

struct api *api_new(struct engine *e);
void api_free(struct api *a);

/* Serves one HTTP exchange below /api/v1, and /healthz, /readyz. Returns false when the path is none of ours (nothing was answered). A Unix-socket
 * peer is who it is on this machine; over TCP without sign-in only reading is allowed, and only from loopback. */
bool api_serve(struct api *a, struct exchange *x);

/* The same without a socket. `done` gets status and body (borrowed). */
void api_call(struct api *a, const char *method, const char *path, const json_t *body, const char *by,
              void (*done)(void *ctx, int status, const json_t *body), void *ctx);

/* Errors as RFC 9457 problem documents: {type, title, status, detail, code, file?, line?, column?}. New reference. */
json_t *api_problem(const struct error *err, int *status);

#endif
