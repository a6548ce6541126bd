/* expr.h: Lua 5.4 expressions over a change's facts, and the templates made of them.
 *
 * The sandbox: an environment of its own with the facts as read-only tables, a few pure functions (see
 * below), no standard library, no metatables within reach, no bytecode; at most EXPR_STEPS instructions and
 * EXPR_MEMORY bytes an evaluation. The same facts always give the same value. An `expr` context is one Lua
 * state: make one for a thread and reuse it.
 *
 * Functions: min, max, floor, ceil, len(x), has(x, name), contains(list_or_text, x), join(list, sep), lower,
 * upper, starts(text, prefix), hours(n), minutes(n), date(ms [, zone]), ago(ms), duration(ms), default(x, y),
 * count(list), plural(n, one, many), escape(text), list(...) (one flat list, without what is missing or
 * twice), pluck(list, name) (that field of each), each(list, "{service} at {tag}") (a text of each),
 * staffing(from, to [, week, hours, zone]) (what is to be said against that window: sop/staffing.h; "" when
 * nothing is). A missing fact is nil, and indexing nil gives nil instead of an error, so that pages stay
 * short. A key with dashes answers to underscores as well: steps.maintenance_open. */
#ifndef SB_SOP_EXPR_H
#define SB_SOP_EXPR_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

enum { EXPR_STEPS = 200000, EXPR_MEMORY = 4 << 20, EXPR_TEXT_MAX = 64 << 10 };

struct expr;
struct expr *expr_new(void);
void expr_free(struct expr *x);

/* Gives the facts (an object) for the evaluations that follow. They are converted lazily where that is
 * cheaper; `facts` is borrowed until the next call or expr_free. `now` and `zone` serve date() and ago(). */
void expr_facts(struct expr *x, const json_t *facts, int64_t now, const char *zone);

/* Checks that `text` compiles; the column is in the error. */
MUST_USE bool expr_check(struct expr *x, const char *text, struct error *err);
/* Evaluates to a JSON value (nil = null). New reference or NULL. */
json_t *expr_eval(struct expr *x, const char *text, struct error *err);
/* Truth as in Lua: all but false and nil. */
MUST_USE bool expr_test(struct expr *x, const char *text, bool *out, struct error *err);

/* Replaces each {{ expression }} in `text`. Lists are joined with ", ". Text in `a`. `{{{{` gives `{{`. */
char *expr_fill(struct expr *x, const char *text, struct arena *a, struct error *err);
MUST_USE bool expr_fill_check(struct expr *x, const char *text, struct error *err);
/* Fills every string of a JSON value, deeply. A string that is one whole `{{ expression }}` takes the
 * expression's own type (a list stays a list). New reference or NULL; the error names the path of the
 * argument. */
json_t *expr_fill_json(struct expr *x, const json_t *value, struct error *err);

/* Calls `seen` for each expression of a template, in order; stops at a malformed one. */
void expr_each(const char *text, void (*seen)(void *ctx, const char *expr, size_t n, size_t offset),
               void *ctx);
/* Is the text one whole {{ expression }}, and so of any type? */
bool expr_whole(const char *text);

/* The names an expression takes from its surroundings: `root` as in `change.severity`, and `member`
 * ("severity") or NULL when it is not plain which. Not given: what the expression itself defines. `offset` is
 * where `root` stands. */
struct expr_name {
    char root[64], member[128];
    size_t offset;
};
void expr_names(const char *expr, size_t n, void (*seen)(void *ctx, const struct expr_name *name), void *ctx);

/* The functions above, NULL-terminated, in `a`. */
const char *const *expr_functions(struct arena *a);

#endif
