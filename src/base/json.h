/* json.h: what jansson leaves to us: reading with limits, getters that say what was expected and where,
 * one canonical form for hashing. json_t values follow jansson's reference counts; `_cleanup_json_` drops one. */
#ifndef SB_BASE_JSON_H
#define SB_BASE_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdint.h>

void json_drop(json_t **j);
#define _cleanup_json_ CLEANUP(json_drop)

enum { JSON_MAX_DEPTH = 64, JSON_MAX_BYTES = 64 << 20 };

/* Parses `n` bytes from outside; refuses duplicates in objects, depth over JSON_MAX_DEPTH, size over
 * `max_bytes`, NUL in strings. `what` names the text in the error ("answer of jenkins"). New reference or NULL. */
json_t *json_read(const char *text, size_t n, size_t max_bytes, const char *what, struct error *err);
json_t *json_read_file(const char *path, size_t max_bytes, struct error *err);

/* The one text of a value that we hash and store: keys sorted by bytes, no white space, no escaped slashes,
 * UTF-8, reals in jansson's shortest round-trip form. Caller frees with free(). */
char *json_canonical(const json_t *j);

/* Getters by key path ("a.b.0.c"). They never fail: a missing or differently typed value gives the
 * fallback. Strings belong to `j`. */
const json_t *json_path(const json_t *j, const char *path);
const char *json_str(const json_t *j, const char *path, const char *fallback);
int64_t json_int(const json_t *j, const char *path, int64_t fallback);
double json_num(const json_t *j, const char *path, double fallback);
bool json_flag(const json_t *j, const char *path, bool fallback);

/* Getters that insist. `what` names the object in the message: "jenkins: queue item: id: expected a number,
 * found a string". */
MUST_USE bool json_need_str(const json_t *j, const char *path, const char *what, const char **out,
                            struct error *err);
MUST_USE bool json_need_int(const json_t *j, const char *path, const char *what, int64_t *out,
                            struct error *err);

/* Deep merge of `patch` into `target` (RFC 7386: null removes). */
void json_merge_patch(json_t *target, const json_t *patch);

#endif
