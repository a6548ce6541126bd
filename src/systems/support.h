/* support.h: what drivers share: reading their configuration, ending a task, sorting an HTTP answer into an outcome. */
#ifndef SB_SYSTEMS_SUPPORT_H
#define SB_SYSTEMS_SUPPORT_H

#include "systems/system.h"

/* --- configuration ------------------------------------------------------------------------------------------- */

/* "url", "user", "token" (a secret reference), "ca_file", "proxy", "per_second", "timeout": the keys every HTTP driver has, into peer options.
 * `defaults` is what holds for keys not given: without a base_url there, "url" is required; with an auth there, "token" is required (and
 * "user" for basic). With HTTP_AUTH_NONE signing in is the configuration's choice: "user" and "token" are basic, "token" alone is bearer.
 * Errors have file and line. Text lives in `a` or in the configuration. */
#define CONFIG_PEER_KEYS "url", "user", "token", "ca_file", "proxy", "per_second", "timeout"
MUST_USE bool config_peer(const struct yaml *config, const char *file,
                          const struct http_peer_options *defaults, struct arena *a,
                          struct http_peer_options *out, struct error *err);
/* A required scalar (NULL and an error without it; `says` is what it is for: "the page's id") / an optional one. */
const char *config_need(const struct yaml *config, const char *file, const char *key, const char *says,
                        struct error *err);
const char *config_str(const struct yaml *config, const char *key, const char *fallback);
MUST_USE bool config_int(const struct yaml *config, const char *file, const char *key, int64_t fallback,
                         int64_t min, int64_t max, int64_t *out, struct error *err);
MUST_USE bool config_duration(const struct yaml *config, const char *file, const char *key, int64_t fallback,
                              int64_t *out, struct error *err);
MUST_USE bool config_secret(const struct yaml *config, const char *file, const char *key, struct arena *a,
                            struct secret *out, struct error *err);

/* --- outcomes ------------------------------------------------------------------------------------------------- */

/* For an effect that was sent: certain refusals (4xx, never connected) are FAILED or RETRY (401/403/404/422: FAILED; 420, 429, 503 with
 * Retry-After, not connected: RETRY), the rest (time-out, reset, 5xx, a 2xx whose body could not be understood) is UNKNOWN. */
struct outcome outcome_of_failed_send(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply);
/* For an observation: whatever might pass by itself (garbage as well) is RETRY, the rest FAILED. */
struct outcome outcome_of_failed_look(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply);
/* For a find: the same, but a refusal is CANNOT_TELL: a system that does not let us look has not said that nothing is there. */
struct outcome outcome_of_failed_find(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply);

/* --- tasks ------------------------------------------------------------------------------------------------------ */

/* Puts a task on its system's list, so that closing the system can end it. */
void task_begin(struct system *s, struct task *t, void (*cancel)(struct task *t));
/* Takes it off again: before its outcome is told, because the callback may close the system. Twice is fine. */
void task_leave(struct task *t);
/* Cancels all that is on the list: the first thing a driver's close does. */
void tasks_cancel(struct system *s);

/* An outcome that needs no request still comes later: posts it to the loop. Takes `result`. Returns the task to hand back. */
struct task *task_done(struct system *s, outcome_fn *done, void *ctx, json_t *result);
struct task *task_ends(struct system *s, outcome_fn *done, void *ctx, enum outcome_kind kind, const char *fmt,
                       ...) PRINTF_LIKE(5, 6);

/* Short stable form of a key for places with a limited alphabet: lower-case base32hex of the SHA-256, `n` characters of [0-9a-v]. */
void key_short(const char *key, char *out, int n);

#endif
