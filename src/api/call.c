/* call.c: one request and its answer, with a socket or without. */
#include "api/access.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An answer that waits for a document. The store calls back whatever became of the call. */
struct stored {
    struct call *call; /* NULL: it is over */
    int status;
    json_t *answer;
    void (*then)(struct call *c, json_t *doc); /* instead of the answer; or NULL */
};

struct call *call_new(struct api *a)
{
    struct call *c = NET_NEW(struct call);
    c->api = a;
    c->arena = arena_make();
    c->raw_query = "";
    c->by = "";
    c->visitor =
        (struct visitor){.asker = {.name = ""}, .how = "nobody", .name = "", .csrf = "", .credential = ""};
    c->next = a->calls;
    if (c->next)
        c->next->prev = c;
    a->calls = c;
    return c;
}

void call_drop(struct call *c)
{
    verify_cancel(c);
    if (c->stored)
        c->stored->call = NULL;
    if (c->x)
        exchange_on_end(c->x, NULL, NULL);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->api->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    json_decref(c->body);
    arena_free(&c->arena);
    free(c);
}

struct exchange *call_release(struct call *c)
{
    struct exchange *x = c->x;
    if (x)
        exchange_on_end(x, NULL, NULL);
    c->x = NULL;
    call_drop(c);
    return x;
}

/* Takes out what only says how time passes: the moment of looking, and texts such as "an answer, for 12 s". */
static void stop_time(json_t *j)
{
    static const char *const ticking[] = {"now", "waits", "what", "left_ms"};
    const char *key;
    json_t *v;
    size_t i;
    for (i = 0; i < COUNT_OF(ticking); i++)
        if (json_is_string(json_object_get(j, ticking[i])) || json_is_integer(json_object_get(j, ticking[i])))
            json_object_del(j, ticking[i]);
    json_object_foreach(j, key, v)
        stop_time(v);
    json_array_foreach(j, i, v)
        stop_time(v);
}

/* The same for two answers that say the same but for the time of day. */
static const char *tag_of(const json_t *body, struct arena *a)
{
    char hash[SHA256_HEX + 1];
    _cleanup_json_ json_t *still = json_deep_copy(body);
    stop_time(still);
    char *text = json_dumps(still, JSON_COMPACT);
    sha256_hex(text ? text : "", text ? strlen(text) : 0, hash);
    free(text);
    return arena_printf(a, "W/\"%.32s\"", hash);
}

/* "*" or a list of tags, weak or not. */
static bool at_hand(const char *header, const char *tag)
{
    return header && (str_eq(header, "*") || strstr(header, tag + 2) != NULL);
}

static void answer(struct exchange *x, int status, const char *type, const json_t *body, bool tagged)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const char *tag = tagged && text ? tag_of(body, exchange_request(x)->arena) : NULL;
    /* What is true of a change now is not in a minute; and nothing here is anything but what it says it is. */
    answer_header(x, "Cache-Control", tag ? "private, no-cache" : "no-store");
    answer_header(x, "X-Content-Type-Options", "nosniff");
    answer_header(x, "ETag", tag);
    if (tag && at_hand(request_header(x, "If-None-Match"), tag))
        answer_bytes(x, 304, NULL, "", 0);
    else if (text)
        answer_bytes(x, status, type, text, strlen(text));
    else
        answer_text(x, 500, "the answer cannot be written as JSON\n");
    free(text);
}

void respond(struct call *c, int status, const char *type, json_t *body)
{
    struct exchange *x = c->x;
    void (*done)(void *, int, const json_t *) = c->done;
    void *ctx = c->ctx;
    bool tagged = status == 200 && c->route && c->route->right != API_OPEN && str_eq(c->route->method, "GET");
    if (idempotency_keep(c, status, body))
        return;
    metrics_answer(c->api->metrics, status);
    call_drop(c);
    if (x)
        answer(x, status, type, body, tagged);
    if (done)
        done(ctx, status, body);
    json_decref(body);
}

void respond_text(struct call *c, const char *type, const char *text, size_t n)
{
    struct exchange *x = c->x;
    if (!x) {
        call_problem(c, 406, "form", "this is text, which needs a socket");
        return;
    }
    metrics_answer(c->api->metrics, 200);
    call_drop(c);
    answer_header(x, "Cache-Control", "no-store");
    answer_header(x, "X-Content-Type-Options", "nosniff");
    answer_bytes(x, 200, type, text, n);
}

void respond_json(struct call *c, int status, json_t *body)
{
    respond(c, status, "application/json", body);
}

void call_fail(struct call *c, const struct error *err)
{
    int status;
    json_t *problem = api_problem(err, &status);
    respond(c, status, "application/problem+json", problem);
}

void call_problem(struct call *c, int status, const char *code, const char *detail)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "The request cannot be read"},
        {401, "You are not signed in"},
        {403, "You may not do that"},
        {429, "Too many attempts"},
        {404, "There is nothing at this path"},
        {405, "This path has other methods"},
        {406, "It cannot be given in that form"},
        {415, "It is not in a form that is read"},
        {503, "Too busy"},
    };
    const char *title = "The request cannot be answered";
    for (size_t i = 0; i < COUNT_OF(titles); i++)
        if (titles[i].status == status)
            title = titles[i].title;
    respond(c, status, "application/problem+json", problem_of(status, code, title, detail));
}

void call_told(void *ctx, json_t *answer, const struct error *err)
{
    struct call *c = ctx;
    if (err)
        call_fail(c, err);
    else
        respond_json(c, 200, answer ? json_incref(answer) : json_object());
}

struct stored *call_stores(struct call *c, int status, json_t *answer)
{
    struct stored *s = c->stored = NET_NEW(struct stored);
    *s = (struct stored){c, status, answer, NULL};
    return s;
}

struct stored *call_stores_then(struct call *c, void (*then)(struct call *c, json_t *doc))
{
    struct stored *s = call_stores(c, 0, NULL);
    s->then = then;
    return s;
}

void call_stored(void *stored, json_t *doc, const struct error *err)
{
    struct stored *s = stored;
    if (s->call)
        s->call->stored = NULL;
    if (s->call && err)
        call_fail(s->call, err);
    else if (s->call && s->then)
        s->then(s->call, doc);
    else if (s->call)
        respond_json(s->call, s->status, json_incref(s->answer));
    json_decref(s->answer);
    free(s);
}

/* --- query -------------------------------------------------------------------------------------------------
 */

const char *call_query(struct call *c, const char *name)
{
    return query_value(c->raw_query, name, &c->arena);
}

bool call_query_int(struct call *c, const char *name, int64_t fallback, int64_t least, int64_t most,
                    int64_t *out, struct error *err)
{
    const char *text = call_query(c, name);
    *out = fallback;
    if (!text)
        return true;
    char *stop;
    long long n = strtoll(text, &stop, 10);
    if (*text == '\0' || *stop != '\0' || text[0] == ' ' || text[0] == '+')
        return error_set(err, SB_PARSE, "%s: expected a whole number, found \"%.40s\"", name, text);
    if (n < least || n > most)
        return error_set(err, SB_RANGE, "%s: expected %lld to %lld, found %.40s", name, (long long)least,
                         (long long)most, text);
    *out = n;
    return true;
}

/* --- without a socket ------------------------------------------------------------------------- */

void api_call_for(struct api *a, const struct visitor *v, const char *method, const char *path,
                  const json_t *body, void (*done)(void *ctx, int status, const json_t *body), void *ctx)
{
    struct call *c = call_new(a);
    size_t n = strcspn(path, "?");
    c->raw_query = arena_strdup(&c->arena, path[n] ? path + n + 1 : "");
    visitor_copy(v, &c->arena, &c->visitor);
    c->by = c->visitor.asker.name;
    c->done = done;
    c->ctx = ctx;
    c->body = body ? json_deep_copy(body) : NULL;
    router_dispatch(c, method, arena_strndup(&c->arena, path, n));
}

void api_call(struct api *a, const char *method, const char *path, const json_t *body, const char *by,
              void (*done)(void *ctx, int status, const json_t *body), void *ctx)
{
    const struct visitor v = {
        .asker = {.name = by}, .how = "local", .known = true, .name = by, .csrf = "", .credential = ""};
    api_call_for(a, &v, method, path, body, done, ctx);
}
