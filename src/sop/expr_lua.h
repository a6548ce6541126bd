/* expr_lua.h: what the parts of the expression sandbox share. Not for others: they use sop/expr.h.
 *
 * One rule keeps longjmp harmless: a frame that Lua may jump over holds no memory of the heap. Temporary text
 * lives in `expr.scratch`, results hang on `expr.result`, and both belong to the context, not to a frame. */
#ifndef SB_SOP_EXPR_LUA_H
#define SB_SOP_EXPR_LUA_H

#include "base/buf.h"
#include "sop/expr.h"
#include <lua.h>

enum {
    EXPR_BLOCK_MAX = 256 << 10, /* one string or table: bounds what a single instruction can cost */
    EXPR_SPEND_MAX = 64 << 20,  /* bytes handed out or walked over in one evaluation */
    EXPR_DEPTH_MAX = 32,        /* of a value made by an expression */
    EXPR_LIST_MAX = 20000,      /* entries of a list made by one */
};

struct expr {
    lua_State *L;
    size_t used;  /* bytes Lua holds now */
    size_t idle;  /* bytes it held before the first evaluation */
    size_t spent; /* in this evaluation */
    bool limited; /* an evaluation is under way: the limits hold */
    const json_t *facts;
    int64_t now;
    char zone[64];
    struct arena scratch; /* of this evaluation */
    struct buf text;      /* what a function builds */
    json_t *result;
    bool made_object; /* the result holds a map made by the expression, whose order is Lua's */
};

struct expr *expr_of(lua_State *L);
/* Ends the evaluation with an error when it has spent too much. */
void expr_spend(lua_State *L, size_t n);

/* Facts as read-only values (expr_facts.c). */
void facts_open(lua_State *L);
void facts_push(lua_State *L, const json_t *j);
/* The JSON value behind a fact on the stack, or NULL. */
const json_t *facts_at(lua_State *L, int index);
/* The member of an object under this name, where `_` may stand for `-`. NULL when there is none. */
const json_t *facts_member(const json_t *object, const char *name);

/* Pushes the table of functions (expr_functions.c). */
void functions_open(lua_State *L);

/* Makes expr.result from the value on top of the stack (expr_json.c). A Lua error for what is no JSON. */
void expr_to_json(lua_State *L, struct expr *x);

#endif
