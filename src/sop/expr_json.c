/* expr_json.c: the value of an expression as JSON. Each value hangs on expr.result before the next is looked
 * at, so an error half way leaves nothing behind. */
#include "sop/expr_lua.h"

#include <lauxlib.h>
#include <math.h>

static json_t *number_json(lua_State *L, int index)
{
    if (lua_isinteger(L, index))
        return json_integer(lua_tointeger(L, index));
    double d = lua_tonumber(L, index);
    if (!isfinite(d))
        luaL_error(L, "the value is not a finite number");
    /* 24 / 2 is the whole number 12 to a person; 2^53 is how far a double counts without gaps. */
    if (d == floor(d) && fabs(d) < 9007199254740992.0)
        return json_integer((json_int_t)d);
    return json_real(d);
}

static json_t *string_json(lua_State *L, int index)
{
    size_t n;
    const char *s = lua_tolstring(L, index, &n);
    if (n > EXPR_TEXT_MAX)
        luaL_error(L, "the text is longer than %d bytes", EXPR_TEXT_MAX);
    json_t *j = json_stringn(s, n);
    if (j == NULL)
        luaL_error(L, "the text is not valid UTF-8");
    return j;
}

/* What a value costs on the heap, which Lua's own limit does not see. */
static size_t weight(const json_t *j)
{
    const char *key;
    json_t *member;
    size_t i, sum = 64 + json_string_length(j);
    json_object_foreach((json_t *)j, key, member)
        sum += 64 + weight(member);
    json_array_foreach(j, i, member)
        sum += weight(member);
    return sum;
}

static bool is_list(lua_State *L, int table)
{
    lua_pushnil(L);
    if (lua_next(L, table) == 0)
        return true;
    bool list = lua_type(L, -2) == LUA_TNUMBER;
    lua_pop(L, 2);
    return list;
}

/* The value on top of the stack, as a new reference that hangs nowhere yet; tables come back empty. */
static json_t *shallow(lua_State *L)
{
    int top = lua_gettop(L);
    const json_t *fact = facts_at(L, top);
    expr_spend(L, fact != NULL ? weight(fact) : 64);
    if (fact != NULL)
        return json_deep_copy(fact);
    switch (lua_type(L, top)) {
    case LUA_TNIL:
        return json_null();
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, top));
    case LUA_TNUMBER:
        return number_json(L, top);
    case LUA_TSTRING:
        return string_json(L, top);
    case LUA_TTABLE:
        return is_list(L, top) ? json_array() : json_object();
    default:
        luaL_error(L, "the value is a function, not a fact");
        return NULL;
    }
}

static void fill_table(lua_State *L, struct expr *x, json_t *into, int depth);

/* Puts the value on top of the stack into a list (`key` is NULL) or a map, and pops it. */
static void attach(lua_State *L, struct expr *x, json_t *into, const char *key, int depth)
{
    json_t *j = shallow(L);
    int failed = key == NULL ? json_array_append_new(into, j) : json_object_set_new(into, key, j);
    if (failed != 0)
        luaL_error(L, "a name in the map is not valid UTF-8");
    if (lua_istable(L, -1))
        fill_table(L, x, j, depth + 1);
    lua_pop(L, 1);
}

/* By the largest index, since Lua's own length stops anywhere before a nil; what is missing is left out. */
static void fill_list(lua_State *L, struct expr *x, json_t *into, int depth)
{
    int table = lua_gettop(L);
    lua_Integer last = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > EXPR_LIST_MAX)
            luaL_error(L, "a table is a list or a map with names, not both");
        if (lua_tointeger(L, -1) > last)
            last = lua_tointeger(L, -1);
    }
    for (lua_Integer i = 1; i <= last; i++) {
        if (lua_rawgeti(L, table, i) == LUA_TNIL)
            lua_pop(L, 1);
        else
            attach(L, x, into, NULL, depth);
    }
}

static void fill_map(lua_State *L, struct expr *x, json_t *into, int depth)
{
    int table = lua_gettop(L);
    x->made_object = true;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a table is a list or a map with names, not both");
        attach(L, x, into, lua_tostring(L, -2), depth);
    }
}

static void fill_table(lua_State *L, struct expr *x, json_t *into, int depth)
{
    if (depth > EXPR_DEPTH_MAX)
        luaL_error(L, "the value is nested too deeply");
    luaL_checkstack(L, 8, "the value is nested too deeply");
    if (json_is_array(into))
        fill_list(L, x, into, depth);
    else
        fill_map(L, x, into, depth);
}

void expr_to_json(lua_State *L, struct expr *x)
{
    x->result = shallow(L);
    if (lua_istable(L, -1))
        fill_table(L, x, x->result, 0);
}
