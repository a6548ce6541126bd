/* expr_functions.c: the functions an expression may call. All are pure. What one of them builds lives in Lua
 * or in the context's scratch arena, because a Lua error may leave any of them half way. */
#include "sop/expr_lua.h"

#include "base/instant.h"
#include "sop/staffing.h"
#include <lauxlib.h>
#include <math.h>
#include <string.h>

static int call_min(lua_State *L)
{
    int best = 1;
    for (int i = 1; i <= lua_gettop(L) || i == 1; i++)
        if (luaL_checknumber(L, i) < lua_tonumber(L, best))
            best = i;
    lua_pushvalue(L, best);
    return 1;
}

static int call_max(lua_State *L)
{
    int best = 1;
    for (int i = 1; i <= lua_gettop(L) || i == 1; i++)
        if (luaL_checknumber(L, i) > lua_tonumber(L, best))
            best = i;
    lua_pushvalue(L, best);
    return 1;
}

static void push_whole(lua_State *L, double d)
{
    if (!(fabs(d) < 9007199254740992.0))
        luaL_error(L, "the number is too large");
    lua_pushinteger(L, (lua_Integer)d);
}

static int call_floor(lua_State *L)
{
    push_whole(L, floor(luaL_checknumber(L, 1)));
    return 1;
}

static int call_ceil(lua_State *L)
{
    push_whole(L, ceil(luaL_checknumber(L, 1)));
    return 1;
}

static int call_hours(lua_State *L)
{
    push_whole(L, luaL_checknumber(L, 1) * 3600000);
    return 1;
}

static int call_minutes(lua_State *L)
{
    push_whole(L, luaL_checknumber(L, 1) * 60000);
    return 1;
}

/* A missing list is an empty one. */
static lua_Integer length(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return 0;
    if (lua_type(L, index) == LUA_TTABLE || facts_at(L, index) != NULL)
        return luaL_len(L, index);
    return luaL_argerror(L, index, "a list is expected");
}

static int call_len(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    else
        lua_pushinteger(L, length(L, 1));
    return 1;
}

static int call_count(lua_State *L)
{
    lua_pushinteger(L, length(L, 1));
    return 1;
}

static int call_has(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (lua_type(L, 1) != LUA_TTABLE && facts_at(L, 1) == NULL)
        return luaL_argerror(L, 1, "a map is expected");
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_pushboolean(L, lua_gettable(L, 1) != LUA_TNIL);
    return 1;
}

static int call_contains(lua_State *L)
{
    bool found = false;
    if (lua_type(L, 1) == LUA_TSTRING) {
        size_t n, m;
        const char *text = lua_tolstring(L, 1, &n), *part = luaL_checklstring(L, 2, &m);
        expr_spend(L, n);
        found = memmem(text, n, part, m) != NULL;
    } else {
        luaL_checkany(L, 2);
        lua_Integer n = length(L, 1);
        for (lua_Integer i = 1; i <= n && !found; i++) {
            expr_spend(L, 64);
            lua_geti(L, 1, i);
            found = lua_compare(L, -1, 2, LUA_OPEQ);
            lua_pop(L, 1);
        }
    }
    lua_pushboolean(L, found);
    return 1;
}

/* The text a function builds, empty. One at a time: no function calls another. */
static struct buf *text_begin(lua_State *L)
{
    struct buf *b = &expr_of(L)->text;
    buf_clear(b);
    return b;
}

static int text_end(lua_State *L, const struct buf *b)
{
    lua_pushlstring(L, buf_str(b), b->len);
    return 1;
}

static void text_add(lua_State *L, struct buf *b, const char *s, size_t n)
{
    expr_spend(L, n);
    buf_add(b, s, n);
}

/* Adds the value on top of the stack and pops it; nil adds nothing, a list its items with commas. */
static void text_add_top(lua_State *L, struct buf *b, bool in_list)
{
    size_t n;
    const char *s;
    bool list = !in_list && (lua_istable(L, -1) || json_is_array(facts_at(L, -1)));
    lua_Integer items = list ? luaL_len(L, -1) : 0;
    for (lua_Integer i = 1; i <= items; i++) {
        expr_spend(L, 16);
        if (i > 1)
            buf_adds(b, ", ");
        lua_geti(L, -1, i);
        text_add_top(L, b, true);
    }
    switch (list ? LUA_TNIL : lua_type(L, -1)) {
    case LUA_TNIL:
        break;
    case LUA_TBOOLEAN:
        buf_adds(b, lua_toboolean(L, -1) ? "true" : "false");
        break;
    case LUA_TNUMBER:
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &n);
        text_add(L, b, s, n);
        break;
    default:
        luaL_error(L, "a map has no text: name one of its fields, as in pluck(services, \"tag\")");
    }
    lua_pop(L, 1);
}

static int call_join(lua_State *L)
{
    lua_Integer n = length(L, 1);
    size_t sep_n;
    const char *sep = luaL_optlstring(L, 2, ", ", &sep_n);
    struct buf *b = text_begin(L);
    bool first = true;
    for (lua_Integer i = 1; i <= n; i++) {
        expr_spend(L, 16);
        if (lua_geti(L, 1, i) == LUA_TNIL) {
            lua_pop(L, 1);
            continue;
        }
        if (!first)
            text_add(L, b, sep, sep_n);
        text_add_top(L, b, true);
        first = false;
    }
    return text_end(L, b);
}

static int call_pluck(lua_State *L)
{
    lua_Integer n = length(L, 1);
    const char *name = luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_newtable(L);
    for (lua_Integer i = 1, to = 0; i <= n; i++) {
        expr_spend(L, 64);
        lua_geti(L, 1, i);
        if (lua_type(L, -1) != LUA_TTABLE && facts_at(L, -1) == NULL)
            return luaL_argerror(L, 1, "a list of maps is expected");
        if (lua_getfield(L, -1, name) == LUA_TNIL)
            lua_pop(L, 1);
        else
            lua_seti(L, 3, ++to);
        lua_settop(L, 3);
    }
    return 1;
}

/* One item through a form: "{service} at {tag}". */
static void text_add_form(lua_State *L, struct buf *b, const char *form)
{
    while (*form != '\0') {
        size_t plain = strcspn(form, "{");
        text_add(L, b, form, plain);
        form += plain;
        if (*form == '\0')
            return;
        size_t n = strcspn(form, "}");
        if (form[n] == '\0' || n < 2)
            luaL_argerror(L, 2, "a name is expected in braces, as in \"{service} at {tag}\"");
        lua_pushlstring(L, form + 1, n - 1);
        lua_gettable(L, -2);
        text_add_top(L, b, false);
        form += n + 1;
    }
}

static int call_each(lua_State *L)
{
    lua_Integer n = length(L, 1);
    const char *form = luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        expr_spend(L, 64);
        lua_geti(L, 1, i);
        if (lua_type(L, -1) != LUA_TTABLE && facts_at(L, -1) == NULL)
            return luaL_argerror(L, 1, "a list of maps is expected");
        struct buf *b = text_begin(L);
        text_add_form(L, b, form);
        text_end(L, b);
        lua_seti(L, 3, i);
        lua_settop(L, 3);
    }
    return 1;
}

/* One flat list of all arguments, lists among them opened; nothing missing, nothing empty, nothing twice. */
static int call_list(lua_State *L)
{
    int given = lua_gettop(L);
    lua_newtable(L);
    int out = given + 1, seen = given + 2;
    lua_newtable(L);
    lua_Integer to = 0;
    for (int arg = 1; arg <= given; arg++) {
        bool opened = lua_istable(L, arg) || json_is_array(facts_at(L, arg));
        lua_Integer n = opened ? luaL_len(L, arg) : 1;
        for (lua_Integer i = 1; i <= n; i++) {
            expr_spend(L, 64);
            if (opened)
                lua_geti(L, arg, i);
            else
                lua_pushvalue(L, arg);
            bool empty = lua_isnil(L, -1) || (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == 0);
            lua_pushvalue(L, -1);
            if (!empty && lua_rawget(L, seen) == LUA_TNIL) {
                lua_pushvalue(L, -2);
                lua_pushboolean(L, 1);
                lua_rawset(L, seen);
                lua_pushvalue(L, -2);
                lua_seti(L, out, ++to);
            }
            lua_settop(L, seen);
        }
    }
    lua_settop(L, out);
    return 1;
}

/* ASCII only: names of services, clients and channels are; a locale would make the result depend on the
 * machine. */
static int change_case(lua_State *L, char from, char to)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct buf *b = text_begin(L);
    expr_spend(L, n);
    for (size_t i = 0; i < n; i++)
        buf_addc(b, s[i] >= from && s[i] <= from + 25 ? (char)(s[i] - from + to) : s[i]);
    return text_end(L, b);
}

static int call_lower(lua_State *L)
{
    return change_case(L, 'A', 'a');
}

static int call_upper(lua_State *L)
{
    return change_case(L, 'a', 'A');
}

static int call_starts(lua_State *L)
{
    size_t n, m;
    const char *s = luaL_optlstring(L, 1, "", &n), *prefix = luaL_checklstring(L, 2, &m);
    expr_spend(L, m);
    lua_pushboolean(L, n >= m && memcmp(s, prefix, m) == 0);
    return 1;
}

static int push_scratch(lua_State *L, const char *text)
{
    lua_pushstring(L, text);
    return 1;
}

/* The error's text goes to Lua before the frame is left. */
static int raise(lua_State *L, const struct error *e)
{
    lua_pushstring(L, e->text);
    return lua_error(L);
}

static int call_date(lua_State *L)
{
    struct expr *x = expr_of(L);
    if (lua_isnil(L, 1))
        return push_scratch(L, "");
    int64_t ms = (int64_t)luaL_checknumber(L, 1);
    const char *zone = luaL_optstring(L, 2, x->zone);
    struct error e;
    if (!zone_check(zone, &e))
        return raise(L, &e);
    expr_spend(L, 256);
    return push_scratch(L, instant_text(ms, zone, x->now, &x->scratch));
}

static int call_ago(lua_State *L)
{
    struct expr *x = expr_of(L);
    if (lua_isnil(L, 1))
        return push_scratch(L, "");
    int64_t past = x->now - (int64_t)luaL_checknumber(L, 1);
    expr_spend(L, 256);
    if (past < 0)
        return push_scratch(L, arena_printf(&x->scratch, "in %s", duration_text(-past, &x->scratch)));
    return push_scratch(L, arena_printf(&x->scratch, "%s ago", duration_text(past, &x->scratch)));
}

static int call_duration(lua_State *L)
{
    struct expr *x = expr_of(L);
    if (lua_isnil(L, 1))
        return push_scratch(L, "");
    lua_Number ms = luaL_checknumber(L, 1);
    expr_spend(L, 256);
    return push_scratch(L, duration_text(ms < 0 ? 0 : (int64_t)ms, &x->scratch));
}

static int call_staffing(lua_State *L)
{
    struct expr *x = expr_of(L);
    int64_t from = (int64_t)luaL_checknumber(L, 1), to = (int64_t)luaL_checknumber(L, 2);
    const char *week = luaL_optstring(L, 3, "mon-fri"), *hours = luaL_optstring(L, 4, "08:00-18:00");
    const char *zone = luaL_optstring(L, 5, x->zone);
    struct staffing s;
    struct error e;
    expr_spend(L, 64 << 10); /* it looks through two weeks */
    if (!staffing_parse(week, hours, &s, &e) || !zone_check(zone, &e))
        return raise(L, &e);
    const char *question = staffing_question(&s, from, to, zone, x->now, &x->scratch, &e);
    return question == NULL ? raise(L, &e) : push_scratch(L, question);
}

static int call_default(lua_State *L)
{
    bool empty = lua_isnoneornil(L, 1) || (lua_type(L, 1) == LUA_TSTRING && lua_rawlen(L, 1) == 0);
    luaL_checkany(L, 2);
    lua_pushvalue(L, empty ? 2 : 1);
    return 1;
}

static int call_plural(lua_State *L)
{
    lua_Number n = luaL_checknumber(L, 1);
    luaL_checkstring(L, 2);
    luaL_checkstring(L, 3);
    struct buf *b = text_begin(L);
    lua_pushvalue(L, 1);
    text_add_top(L, b, false);
    buf_addc(b, ' ');
    lua_pushvalue(L, n == 1 ? 2 : 3);
    text_add_top(L, b, false);
    return text_end(L, b);
}

/* Markdown's own characters, for texts that others wrote. */
static int call_escape(lua_State *L)
{
    size_t n;
    const char *s = luaL_optlstring(L, 1, "", &n);
    struct buf *b = text_begin(L);
    expr_spend(L, n);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\0' && strchr("\\`*_[]<>#|~", s[i]) != NULL)
            buf_addc(b, '\\');
        buf_addc(b, s[i]);
    }
    return text_end(L, b);
}

static const luaL_Reg functions[] = {
    {"ago", call_ago},
    {"ceil", call_ceil},
    {"contains", call_contains},
    {"count", call_count},
    {"date", call_date},
    {"default", call_default},
    {"duration", call_duration},
    {"each", call_each},
    {"escape", call_escape},
    {"floor", call_floor},
    {"has", call_has},
    {"hours", call_hours},
    {"join", call_join},
    {"len", call_len},
    {"list", call_list},
    {"lower", call_lower},
    {"max", call_max},
    {"min", call_min},
    {"minutes", call_minutes},
    {"pluck", call_pluck},
    {"plural", call_plural},
    {"staffing", call_staffing},
    {"starts", call_starts},
    {"upper", call_upper},
    {NULL, NULL},
};

void functions_open(lua_State *L)
{
    luaL_newlib(L, functions);
}

const char *const *expr_functions(struct arena *a)
{
    const char **names = ARENA_ARRAY(a, COUNT_OF(functions), const char *);
    for (size_t i = 0; functions[i].name != NULL; i++)
        names[i] = functions[i].name;
    return names;
}
