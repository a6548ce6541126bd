/* caller.c: who asks, and whether they may.
 *
 * On this machine the kernel says who is at the other end of the socket. Over TCP a token or a session says it. Without
 * either, whoever asks from this machine may read; a page of another site, which a browser on this machine has open, may
 * not even that: hence the looks at Host (a name that an attacker's name server has turned to 127.0.0.1) and at
 * Origin. */
#include "api/access.h"
#include "base/log.h"
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *login_of(uint32_t uid, struct arena *a)
{
    char *room = arena_alloc(a, 16384);
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, room, 16384, &found) == 0 && found)
        return arena_strdup(a, found->pw_name);
    return arena_printf(a, "uid-%u", uid);
}

static bool is_loopback_address(const char *address)
{
    return str_starts(address, "127.") || str_eq(address, "::1");
}

/* "localhost:8080", "127.0.0.1", "[::1]:8080". */
static bool is_loopback_host(const char *host)
{
    if (host[0] == '[')
        return strncmp(host, "[::1]", 5) == 0 && (host[5] == '\0' || host[5] == ':');
    size_t n = strcspn(host, ":");
    return (n == 9 && strncasecmp(host, "localhost", n) == 0) ||
           (str_starts(host, "127.") && strspn(host, "0123456789.") == n);
}

/* A page that a browser shows says where it came from with everything that could change something. */
bool same_origin(const struct api *a, const struct exchange *x, struct error *err)
{
    const char *origin = request_header(x, "Origin"), *host = request_header(x, "Host");
    const char *own = engine_config(a->engine)->access.url;
    const char *at = origin ? strstr(origin, "://") : NULL;
    if (!origin || (own && strcasecmp(origin, own) == 0) || (at && host && strcasecmp(at + 3, host) == 0))
        return true;
    return error_set(err, SB_DENIED, "the page that asks is of another site (%.100s)", origin);
}

/* --- over TCP --------------------------------------------------------------------------------- */

/* Calendar programs know nothing but a name and a password: the password is a token, the name is not looked at. */
static const char *password(const char *header, struct arena *arena)
{
    size_t n = 0;
    const char *text = header + 6 + strspn(header + 6, " ");
    uint8_t *pair = base64_decode(text, strlen(text), false, &n);
    const char *colon = pair ? memchr(pair, ':', n) : NULL;
    const char *given =
        colon ? arena_strndup(arena, colon + 1, n - (size_t)(colon + 1 - (const char *)pair)) : "";
    free(pair);
    return given;
}

/* NULL = there is no token; "" = one was meant, which is refused. Some versions of the server's library cut the space
 * that ends "Bearer ". */
static const char *bearer(const struct exchange *x, struct arena *arena)
{
    const char *header = request_header(x, "Authorization");
    if (header && strncasecmp(header, "Basic ", 6) == 0 && str_eq(exchange_request(x)->raw_path, FEED_PATH))
        return password(header, arena);
    if (!header || strncasecmp(header, "Bearer", 6) != 0 || (header[6] && header[6] != ' '))
        return NULL;
    return header + 6 + strspn(header + 6, " ");
}

static void drop_json(void *p)
{
    json_decref(p);
}

/* Until the arena is freed. Takes `j`. */
static void keep_json(struct arena *arena, json_t *j)
{
    if (j)
        arena_on_free(arena, drop_json, j);
}

/* A token that is one is taken however many others failed from this address. */
static bool by_token(struct api *a, struct exchange *x, struct arena *arena, const char *text,
                     struct visitor *v, int *status, struct error *err)
{
    const char *address = client_address(a, x);
    int64_t now = loop_wall_ms();
    const json_t *token = tokens_find(a->tokens, text, err);
    if (!token) {
        guard_failed(a->guard, address, now);
        int wait = guard_wait(a->guard, address, now);
        *status = wait > 0 ? 429 : 401;
        if (wait > 0)
            answer_header(x, "Retry-After", arena_printf(arena, "%d", wait));
        else
            answer_header(x, "WWW-Authenticate", "Bearer realm=\"signalbox\", error=\"invalid_token\"");
        return false;
    }
    json_t *bounds = json_pack("{s:O, s:O}", "scopes", json_object_get(token, "scopes"), "for",
                               json_object_get(token, "for"));
    keep_json(arena, bounds);
    v->asker = (struct asker){.name = arena_strdup(arena, json_str(token, "owner", "")),
                              .only = bounds,
                              .via = arena_printf(arena, "token %s", json_str(token, "name", ""))};
    v->how = "token";
    v->credential = arena_printf(arena, "t:%s", json_str(token, "id", ""));
    v->name = v->asker.name;
    v->known = true;
    return true;
}

static void by_session(struct api *a, struct exchange *x, struct arena *arena, struct visitor *v)
{
    char fresh[COOKIE_MAX];
    const char *cookie = cookie_get(a, x);
    const struct session *s = cookie ? sessions_find(a->sessions, cookie, fresh) : NULL;
    if (!s)
        return;
    if (*fresh)
        cookie_set(a, x, fresh, engine_config(a->engine)->access.lasts_ms);
    v->asker = (struct asker){.name = arena_strdup(arena, s->by), .only = s->only};
    keep_json(arena, json_incref(s->only));
    v->how = "session";
    v->credential = arena_printf(arena, "s:%s", s->id);
    v->csrf = arena_strdup(arena, s->csrf);
    v->name = arena_strdup(arena, s->name);
    v->known = true;
}

/* A proxy on this machine would make the whole world look as if it were here. */
static bool came_through_a_proxy(const struct exchange *x)
{
    static const char *const marks[] = {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP",
                                        "Via"};
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (request_header(x, marks[i]))
            return true;
    return false;
}

static bool by_nothing(struct api *a, struct exchange *x, struct visitor *v, struct error *err)
{
    const struct server_request *r = exchange_request(x);
    const struct config_access *c = &engine_config(a->engine)->access;
    const char *host = request_header(x, "Host");
    if (!is_loopback_address(r->peer_address) || c->behind_proxy || came_through_a_proxy(x))
        return true;
    if (host && c->url && str_ends(c->url, host)) /* by our public name: as anybody in the world */
        return true;
    if (!host || !is_loopback_host(host))
        return error_set(
            err, SB_DENIED,
            "ask for localhost or 127.0.0.1, not for \"%.100s\": another name for this machine may be "
            "another site's trick",
            host ? host : "");
    v->how = "loopback";
    v->may_read = true;
    return true;
}

bool visitor_read(struct api *a, struct exchange *x, struct arena *arena, struct visitor *v, int *status,
                  struct error *err)
{
    const struct server_request *r = exchange_request(x);
    *v = (struct visitor){.asker = {.name = ""}, .how = "nobody", .name = "", .csrf = "", .credential = ""};
    *status = 403;
    if (!same_origin(a, x, err))
        return false;
    const char *token = bearer(x, arena);
    if (token)
        return by_token(a, x, arena, token, v, status, err);
    if (!r->is_unix) {
        by_session(a, x, arena, v);
        return v->known || by_nothing(a, x, v, err);
    }
    if (r->peer_uid == UINT32_MAX)
        return error_set(err, SB_DENIED, "the kernel does not say who is at the other end of the socket");
    v->asker.name = v->name = login_of(r->peer_uid, arena);
    v->how = "socket";
    v->known = true;
    return true;
}

bool visitor_of(struct api *a, struct exchange *x, struct visitor *v, int *status, struct error *err)
{
    return visitor_read(a, x, exchange_request(x)->arena, v, status, err);
}

void visitor_copy(const struct visitor *v, struct arena *arena, struct visitor *out)
{
    *out = *v;
    out->asker.name = arena_strdup(arena, v->asker.name);
    out->asker.via = arena_strdup(arena, v->asker.via);
    out->name = arena_strdup(arena, v->name);
    out->csrf = arena_strdup(arena, v->csrf);
    out->credential = arena_strdup(arena, v->credential);
    keep_json(arena, json_incref((json_t *)(uintptr_t)v->asker.only));
}

bool visitor_may(const struct api *a, const struct visitor *v, const char *role, const char *client,
                 const char *env)
{
    return v->known && asker_may(engine_config(a->engine), &v->asker, role, client, env);
}

bool visitor_sees(const struct api *a, const struct visitor *v, const char *client, const char *env)
{
    return v->known ? visitor_may(a, v, "see", client, env) : v->may_read;
}

bool visitor_csrf(const struct visitor *v, const char *given)
{
    if (!str_eq(v->how, "session"))
        return v->known;
    return given && strlen(given) == strlen(v->csrf) && bytes_equal(given, v->csrf, strlen(given));
}

bool visitor_is_current(struct api *a, const char *credential)
{
    if (str_starts(credential, "t:"))
        return tokens_have(a->tokens, credential + 2);
    return !str_starts(credential, "s:") || sessions_have(a->sessions, credential + 2);
}

/* --- of a call -------------------------------------------------------------------------------- */

static bool changes_something(const struct call *c)
{
    return !str_eq(c->route->method, "GET");
}

/* Answers the call when its caller may not ask that. */
bool caller_may_call(struct call *c)
{
    const struct visitor *v = &c->visitor;
    struct error err = ERROR_NONE;
    if (c->route->right == API_OPEN)
        return true;
    if (!v->known && (!v->may_read || c->route->right == API_ACT)) {
        if (c->x && str_eq(c->route->path, FEED_PATH))
            answer_header(c->x, "WWW-Authenticate", "Basic realm=\"signalbox\", charset=\"UTF-8\"");
        call_problem(
            c, v->may_read ? 403 : 401, "denied",
            v->may_read
                ? "sign in first, or use the signalbox command on this machine: without it the API is "
                  "only read"
                : "sign in first: without it the API is only read, and from the machine it runs on");
        return false;
    }
    if (c->x && str_eq(v->how, "session") && changes_something(c) &&
        !visitor_csrf(v, request_header(c->x, "X-CSRF-Token")))
        error_set(&err, SB_DENIED,
                  "a page sends the CSRF token of its session with what it changes, in the header "
                  "X-CSRF-Token");
    else if (c->route->role &&
             !(str_eq(c->route->role, "see") ? visitor_sees(c->api, v, NULL, NULL)
                                             : visitor_may(c->api, v, c->route->role, NULL, NULL)))
        error_set(&err, SB_DENIED,
                  "%s has no role here that allows it (\"%s\"): the configuration's people "
                  "name who may do what, and a token's scopes narrow it",
                  c->by, c->route->role);
    if (err.code == SB_OK)
        return true;
    call_fail(c, &err);
    return false;
}

enum { ID_MAX = 64 };

/* --- changes ---------------------------------------------------------------------------------- */

/* "hf7" and "HF-07" are slips, not other changes. */
static const char *near_change(struct call *c, const char *id)
{
    _cleanup_json_ json_t *page = engine_changes(c->api->engine, false, 0, 0);
    const json_t *all = json_object_get(page, "changes");
    size_t n = json_array_size(all), i;
    const char **ids = ARENA_ARRAY(&c->arena, n + 1, const char *);
    json_t *one;
    json_array_foreach((json_t *)all, i, one)
        ids[i] = arena_strdup(&c->arena, json_str(one, "id", ""));
    for (i = 0; i < n; i++)
        if (strcasecmp(ids[i], id) == 0)
            return ids[i];
    return str_near(id, ids);
}

const struct change *call_change(struct call *c, const char *id, struct error *err)
{
    if (strlen(id) > ID_MAX) {
        error_set(err, SB_UNKNOWN, "there is no change \"%.40s...\"", id);
        return NULL;
    }
    const struct change *change = engine_fold(c->api->engine, id, err);
    const char *near = !change && err->code == SB_UNKNOWN ? near_change(c, id) : NULL;
    if (near)
        error_set(err, SB_UNKNOWN, "there is no change \"%s\"; did you mean \"%s\"?", id, near);
    return change;
}

const struct change *caller_change(struct call *c, const char *id, struct error *err)
{
    const struct change *change = call_change(c, id, err);
    if (!change)
        return NULL;
    if (visitor_sees(c->api, &c->visitor, json_str(change->facts, "change.client", ""),
                     json_str(change->facts, "change.env", "")))
        return change;
    error_set(err, SB_DENIED, "%s may not see changes of %s", c->by,
              json_str(change->facts, "change.client", "this client"));
    return NULL;
}
