/* expr_facts.c: JSON facts as Lua values. A scalar becomes a Lua scalar; an object or a list becomes a
 * userdata that holds the borrowed pointer and is converted a field at a time, so that a large fact costs
 * nothing until it is read. */
#include "sop/expr_lua.h"

#include <lauxlib.h>
#include <string.h>

static const char fact_type[] = "signalbox.fact";

const json_t *facts_at(lua_State *L, int index)
{
    const json_t **slot = luaL_testudata(L, index, fact_type);
    return slot == NULL ? NULL : *slot;
}

void facts_push(lua_State *L, const json_t *j)
{
    if (j == NULL || json_is_null(j)) {
        lua_pushnil(L);
    } else if (json_is_boolean(j)) {
        lua_pushboolean(L, json_is_true(j));
    } else if (json_is_integer(j)) {
        lua_pushinteger(L, json_integer_value(j));
    } else if (json_is_real(j)) {
        lua_pushnumber(L, json_real_value(j));
    } else if (json_is_string(j)) {
        lua_pushlstring(L, json_string_value(j), json_string_length(j));
    } else {
        const json_t **slot = lua_newuserdatauv(L, sizeof(json_t *), 0);
        *slot = j;
        luaL_setmetatable(L, fact_type);
    }
}

/* Step ids have dashes, which Lua reads as minus: steps.maintenance_open finds "maintenance-open". */
const json_t *facts_member(const json_t *object, const char *name)
{
    const json_t *exact = json_object_get(object, name);
    char dashed[128];
    size_t n = strlen(name);
    if (exact != NULL || n >= sizeof dashed || strchr(name, '_') == NULL)
        return exact;
    for (size_t i = 0; i <= n; i++)
        dashed[i] = name[i] == '_' ? '-' : name[i];
    return json_object_get(object, dashed);
}

static int fact_index(lua_State *L)
{
    const json_t *j = facts_at(L, 1);
    if (json_is_object(j) && lua_type(L, 2) == LUA_TSTRING) {
        facts_push(L, facts_member(j, lua_tostring(L, 2)));
    } else if (json_is_array(j) && lua_isinteger(L, 2)) {
        lua_Integer i = lua_tointeger(L, 2);
        facts_push(L, i >= 1 ? json_array_get(j, (size_t)i - 1) : NULL);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int fact_length(lua_State *L)
{
    const json_t *j = facts_at(L, 1);
    lua_pushinteger(L, (lua_Integer)(json_is_array(j) ? json_array_size(j) : json_object_size(j)));
    return 1;
}

static int fact_equal(lua_State *L)
{
    const json_t *a = facts_at(L, 1), *b = facts_at(L, 2);
    lua_pushboolean(L, a == b || (a != NULL && b != NULL && json_equal(a, b)));
    return 1;
}

static int fact_refuse(lua_State *L)
{
    return luaL_error(L, "facts are read-only");
}

static int index_nothing(lua_State *L)
{
    lua_pushnil(L);
    return 1;
}

/* Texts and nil lose the metatables that a library would have given them: `("x"):rep(n)` finds nothing, and a
 * field of a missing fact is missing as well. Types share one metatable each, so one value of the type is
 * enough. */
static void close_type(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, index_nothing);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

void facts_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__index", fact_index},     {"__len", fact_length}, {"__eq", fact_equal},
        {"__newindex", fact_refuse}, {NULL, NULL},
    };
    luaL_newmetatable(L, fact_type);
    luaL_setfuncs(L, methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushnil(L);
    close_type(L);
    lua_pushliteral(L, "");
    close_type(L);
}
