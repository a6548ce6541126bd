/* expr.c: one evaluation: limits, sandbox, errors with a column. */
#include "sop/expr_lua.h"

#include "base/log.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "return ";

/* What a protected call works on. It hangs on the C stack of expr_*, below the frames that Lua may jump over.
 */
struct job {
    struct expr *x;
    const char *text;
    size_t n;
    size_t given; /* bytes that Lua's reader has taken, for the column of a syntax error */
    char one[1];
    bool wanted_truth, truth;
};

struct expr *expr_of(lua_State *L)
{
    return *(struct expr **)lua_getextraspace(L);
}

void expr_spend(lua_State *L, size_t n)
{
    struct expr *x = expr_of(L);
    x->spent += n;
    if (x->limited && x->spent > EXPR_SPEND_MAX)
        luaL_error(L, "the expression works on too much data");
}

static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
    struct expr *x = ctx;
    if (old == NULL)
        old_size = 0; /* then it is a type, not a size */
    if (size == 0) {
        free(old);
        x->used -= old_size;
        return NULL;
    }
    if (x->limited && size > old_size) {
        size_t more = size - old_size;
        if (size > EXPR_BLOCK_MAX || x->used + more > x->idle + EXPR_MEMORY ||
            x->spent + size > EXPR_SPEND_MAX + EXPR_BLOCK_MAX) /* room to raise an error in */
            return NULL;
        x->spent += size;
    }
    void *p = realloc(old, size);
    if (p != NULL)
        x->used += size - old_size;
    return p;
}

static void too_long(lua_State *L, lua_Debug *unused)
{
    (void)unused;
    luaL_error(L, "the expression takes too long (more than %d steps)", EXPR_STEPS);
}

/* Every call into Lua is protected, so this would be a fault of ours. */
static int panic(lua_State *L)
{
    log_error("sop", "Lua failed outside of a protected call: %s",
              lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown");
    abort();
}

static int global_index(lua_State *L)
{
    const struct expr *x = expr_of(L);
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    if (strcmp(name, "now") == 0)
        lua_pushinteger(L, x->now);
    else
        facts_push(L, x->facts != NULL ? facts_member(x->facts, name) : NULL);
    return 1;
}

static int global_refuse(lua_State *L)
{
    return luaL_error(L, "an expression cannot set \"%s\": facts are read-only", luaL_checkstring(L, 2));
}

/* The global table stays empty; everything is found through its metatable, which no expression can reach. */
static int open_sandbox(lua_State *L)
{
    facts_open(L);
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 3);
    functions_open(L);
    lua_pushcclosure(L, global_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, global_refuse);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

static void set_zone(struct expr *x, const char *zone)
{
    if (zone == NULL || zone[0] == '\0')
        zone = "UTC";
    size_t n = strnlen(zone, sizeof x->zone - 1);
    memcpy(x->zone, zone, n);
    x->zone[n] = '\0';
}

struct expr *expr_new(void)
{
    struct expr *x = calloc(1, sizeof *x);
    if (x == NULL || (x->L = lua_newstate(allocate, x)) == NULL)
        abort();
    lua_atpanic(x->L, panic);
    *(struct expr **)lua_getextraspace(x->L) = x;
    set_zone(x, NULL);
    lua_pushcfunction(x->L, open_sandbox);
    if (lua_pcall(x->L, 0, 0, 0) != LUA_OK)
        panic(x->L);
    x->idle = x->used;
    return x;
}

void expr_free(struct expr *x)
{
    if (x == NULL)
        return;
    lua_close(x->L);
    arena_free(&x->scratch);
    buf_free(&x->text);
    json_decref(x->result);
    free(x);
}

void expr_facts(struct expr *x, const json_t *facts, int64_t now, const char *zone)
{
    x->facts = facts;
    x->now = now;
    set_zone(x, zone);
}

/* A byte at a time: where Lua stops reading is where the fault is. */
static const char *next_byte(lua_State *L, void *ctx, size_t *size)
{
    (void)L;
    struct job *job = ctx;
    size_t i = job->given, skip = sizeof prefix - 1;
    if (i >= skip + job->n) {
        *size = 0;
        return NULL;
    }
    job->one[0] = i < skip ? prefix[i] : job->text[i - skip];
    job->given++;
    *size = 1;
    return job->one;
}

static void compile(lua_State *L, struct job *job)
{
    if (lua_load(L, next_byte, job, "=", "t") != LUA_OK)
        lua_error(L);
}

static int run_check(lua_State *L)
{
    compile(L, lua_touserdata(L, 1));
    return 0;
}

static int run_eval(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    compile(L, job);
    lua_call(L, 0, LUA_MULTRET);
    if (lua_gettop(L) != 2)
        return luaL_error(L, "an expression has one value, this has %d", lua_gettop(L) - 1);
    if (job->wanted_truth)
        job->truth = lua_toboolean(L, -1);
    else
        expr_to_json(L, job->x);
    return 0;
}

/* The token in "... near 'token'", which a page's author can look for. */
static size_t near_token(const char *message, const char **token)
{
    const char *at = strstr(message, " near '");
    if (at == NULL)
        return 0;
    *token = at + 7;
    const char *end = strrchr(*token, '\'');
    return end == NULL ? 0 : (size_t)(end - *token);
}

/* "field 'severity'", "global 'lead_hour'": the name a run-time error is about. */
static const char *name_in(const char *message, size_t *n)
{
    static const char *const kinds[] = {"global '",   "field '",    "local '",
                                        "function '", "constant '", " to '"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *at = strstr(message, kinds[i]);
        if (at == NULL)
            continue;
        at += strlen(kinds[i]);
        *n = strcspn(at, "'");
        return at;
    }
    return NULL;
}

static size_t syntax_offset(const struct job *job, const char *message)
{
    size_t skip = sizeof prefix - 1, end = job->given > skip ? job->given - skip : 0;
    const char *token = "";
    size_t n = near_token(message, &token);
    if (n == 0) /* near <eof> */
        return job->n;
    /* Lua has read one character past the token, except at the end of the text. */
    for (size_t back = 0; back < 3 && end >= n + back; back++)
        if (memcmp(job->text + end - n - back, token, n) == 0)
            return end - n - back;
    return end > 0 ? end - 1 : 0;
}

static size_t run_offset(const struct job *job, const char *message)
{
    size_t n = 0;
    const char *name = name_in(message, &n);
    const char *at = name == NULL || n == 0 ? NULL : memmem(job->text, job->n, name, n);
    return at == NULL ? 0 : (size_t)(at - job->text);
}

/* Characters, not bytes, since that is how an editor counts. */
static void place(const struct job *job, size_t offset, struct error *err)
{
    err->line = 1;
    err->column = 1;
    for (size_t i = 0; i < offset && i < job->n; i++) {
        if (job->text[i] == '\n') {
            err->line++;
            err->column = 1;
        } else if (((unsigned char)job->text[i] & 0xC0) != 0x80) {
            err->column++;
        }
    }
}

static bool explain(const struct job *job, int status, struct error *err)
{
    lua_State *L = job->x->L;
    struct error e = ERROR_NONE;
    if (status == LUA_ERRMEM) {
        error_set(&e, SB_LIMIT, "the expression needs too much memory (limit %d MiB, %d KiB for one text)",
                  EXPR_MEMORY >> 20, EXPR_BLOCK_MAX >> 10);
        place(job, 0, &e);
    } else {
        const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
        const char *says = message;
        /* Lua puts its chunk's name and line before the message: ":1: ". */
        if (says[0] == ':')
            says += 1 + strspn(says + 1, "0123456789:") + (says[1 + strspn(says + 1, "0123456789:")] == ' ');
        bool syntax = strstr(says, " near ") != NULL;
        bool limit =
            strstr(says, "takes too long") || strstr(says, "too much data") || strstr(says, "longer than");
        if (str_starts(says, "<eof> expected"))
            error_set(&e, SB_PARSE, "an operator or the end is expected%s", says + strlen("<eof> expected"));
        else
            error_set(&e, limit ? SB_LIMIT : syntax ? SB_PARSE : SB_RANGE, "%s", says);
        place(job, syntax ? syntax_offset(job, says) : run_offset(job, says), &e);
    }
    if (err != NULL)
        *err = e;
    return false;
}

static bool empty(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* Runs `function` on the job under the limits. Nothing here can raise: light functions and pointers need no
 * memory, and a fresh state has room for both. */
static bool run(struct job *job, lua_CFunction function, struct error *err)
{
    struct expr *x = job->x;
    if (empty(job->text))
        return error_at(err, SB_MISSING, NULL, 1, 1, "an expression is expected, this is empty");
    if (job->n > EXPR_TEXT_MAX)
        return error_at(err, SB_LIMIT, NULL, 1, 1, "the expression is longer than %d bytes", EXPR_TEXT_MAX);
    x->spent = 0;
    x->made_object = false;
    x->result = NULL;
    x->limited = true;
    lua_sethook(x->L, too_long, LUA_MASKCOUNT, EXPR_STEPS);
    lua_pushcfunction(x->L, function);
    lua_pushlightuserdata(x->L, job);
    int status = lua_pcall(x->L, 1, 0, 0);
    x->limited = false;
    lua_sethook(x->L, NULL, 0, 0);
    bool ok = status == LUA_OK || explain(job, status, err);
    if (!ok) {
        json_decref(x->result);
        x->result = NULL;
    }
    lua_settop(x->L, 0);
    arena_free(&x->scratch);
    return ok;
}

bool expr_check(struct expr *x, const char *text, struct error *err)
{
    struct job job = {.x = x, .text = text, .n = strlen(text)};
    return run(&job, run_check, err);
}

/* Maps that an expression made come in the order of Lua's hash, which differs from process to process. */
static json_t *sorted(json_t *j)
{
    char *text = json_dumps(j, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_decref(j);
    json_t *again = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
    free(text);
    return again;
}

json_t *expr_eval(struct expr *x, const char *text, struct error *err)
{
    struct job job = {.x = x, .text = text, .n = strlen(text)};
    if (!run(&job, run_eval, err))
        return NULL;
    json_t *result = x->made_object ? sorted(x->result) : x->result;
    x->result = NULL;
    return result;
}

bool expr_test(struct expr *x, const char *text, bool *out, struct error *err)
{
    struct job job = {.x = x, .text = text, .n = strlen(text), .wanted_truth = true};
    if (!run(&job, run_eval, err))
        return false;
    *out = job.truth;
    return true;
}
