/* signin.c: signing in with a token, and out: the session's cookie. */
#include "api/access.h"
#include "base/instant.h"
#include "base/log.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- secrets ------------------------------------------------------------------------------------ */

/* People type it: no sign that a shell or an option could begin with. */
void fresh_id(char out[CREDENTIAL_ID + 1])
{
    uint8_t raw[CREDENTIAL_ID / 2];
    random_bytes(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

void fresh_secret(char out[SECRET_TEXT + 1])
{
    uint8_t raw[SECRET_BYTES];
    random_bytes(raw, sizeof raw);
    char *text = base64_encode(raw, sizeof raw, true);
    snprintf(out, SECRET_TEXT + 1, "%s", text);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(text, strlen(text));
    free(text);
}

bool secret_fits(const char *secret, const char *hash)
{
    char own[SHA256_HEX + 1];
    sha256_hex(secret, strlen(secret), own);
    return strlen(hash) == SHA256_HEX && bytes_equal(own, hash, SHA256_HEX);
}

/* --- the connection ------------------------------------------------------------------------------ */

const char *client_address(const struct api *a, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    const char *forwarded = request_header(x, "X-Forwarded-For");
    if (!engine_config(a->engine)->access.behind_proxy || !forwarded || r->is_unix)
        return r->peer_address;
    /* The last one is what our proxy saw itself; those before it are what it was told. */
    const char *comma = strrchr(forwarded, ',');
    return str_trim(arena_strdup(r->arena, comma ? comma + 1 : forwarded));
}

static bool is_secure(const struct api *a)
{
    const struct config_access *c = &engine_config(a->engine)->access;
    return c->tls_cert || (c->url && str_starts(c->url, "https://"));
}

const char *cookie_name(const struct api *a)
{
    return is_secure(a) ? "__Host-signalbox" : "signalbox";
}

/* Lax, not Strict: who follows a link from the chat is signed in. What changes anything needs the CSRF token. */
void cookie_set(const struct api *a, struct exchange *x, const char *value, int64_t lasts_ms)
{
    struct arena *arena = exchange_request(x)->arena;
    answer_header(x, "Set-Cookie",
                  arena_printf(arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s", cookie_name(a),
                               value, (long long)(lasts_ms / 1000), is_secure(a) ? "; Secure" : ""));
}

const char *cookie_get(const struct api *a, struct exchange *x)
{
    const char *all = request_header(x, "Cookie"), *name = cookie_name(a);
    size_t n = strlen(name);
    while (all && *all) {
        all += strspn(all, "; ");
        size_t len = strcspn(all, ";");
        if (len > n && strncmp(all, name, n) == 0 && all[n] == '=')
            return arena_strndup(exchange_request(x)->arena, all + n + 1, len - n - 1);
        all += len;
    }
    return NULL;
}

/* --- answers --------------------------------------------------------------------------------------- */

/* Only to a page of ours: "//evil.example" and "/\evil.example" are other sites to a browser. */
static const char *place_here(const char *next)
{
    if (!next || next[0] != '/' || next[1] == '/' || strlen(next) > 512)
        return "/";
    for (const char *c = next; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == '\\' || *c == 0x7f)
            return "/";
    return next;
}

static void go_to(struct exchange *x, const char *place)
{
    answer_header(x, "Location", place);
    answer_header(x, "Cache-Control", "no-store");
    answer_text(x, 303, "");
}

static bool wants_json(const struct exchange *x)
{
    const char *type = request_header(x, "Content-Type");
    return type && strncasecmp(type, "application/json", 16) == 0;
}

static void answer_problem(struct exchange *x, int status, const char *code, const char *title,
                           const char *detail)
{
    json_t *problem = problem_of(status, code, title, detail);
    char *text = json_dumps(problem, JSON_COMPACT);
    answer_header(x, "Cache-Control", "no-store");
    answer_bytes(x, status, "application/problem+json", text, strlen(text));
    free(text);
    json_decref(problem);
}

/* Tells why it did not work: the page, or a script. */
void signin_refuse(struct exchange *x, int status, const char *why, const char *detail, const char *next)
{
    struct arena *arena = exchange_request(x)->arena;
    if (wants_json(x)) {
        answer_problem(x, status, why, status == 429 ? "Too many attempts" : "You are not signed in", detail);
        return;
    }
    _cleanup_buf_ struct buf place = {0};
    buf_printf(&place, "/sign-in?why=%s&next=", why);
    buf_add_url(&place, place_here(next));
    go_to(x, arena_strdup(arena, buf_str(&place)));
}

/* --- in ---------------------------------------------------------------------------------------------- */

/* The answer waits until the session is durable. */
struct entering {
    struct entering *prev, *next_one;
    struct api *api;    /* NULL: it has ended */
    struct exchange *x; /* NULL: its client has gone */
    bool json;
    char *next;
    char csrf[SECRET_TEXT + 1];
    char cookie[COOKIE_MAX];
    char *by;
};

static void client_left(void *ctx)
{
    ((struct entering *)ctx)->x = NULL;
}

static void unlist(struct entering *n)
{
    if (!n->api)
        return;
    if (n->prev)
        n->prev->next_one = n->next_one;
    else
        n->api->entering = n->next_one;
    if (n->next_one)
        n->next_one->prev = n->prev;
}

void signin_drop_all(struct api *a)
{
    for (struct entering *n = a->entering, *next; n; n = next) {
        next = n->next_one;
        if (n->x)
            exchange_on_end(n->x, NULL, NULL);
        n->x = NULL;
        n->api = NULL;
    }
}

static void entered(void *ctx, json_t *doc UNUSED, const struct error *err)
{
    struct entering *n = ctx;
    struct exchange *x = n->x;
    if (x)
        exchange_on_end(x, NULL, NULL);
    if (x && err) {
        answer_problem(x, 500, error_code_name(err->code), "The session cannot be kept", err->text);
    } else if (x) {
        cookie_set(n->api, x, n->cookie, engine_config(n->api->engine)->access.lasts_ms);
        if (n->json) {
            answer_header(x, "Cache-Control", "no-store");
            answer_json(x, 200, json_pack("{s:s, s:s}", "by", n->by, "csrf", n->csrf));
        } else {
            go_to(x, n->next);
        }
    }
    explicit_bzero(n->cookie, sizeof n->cookie);
    unlist(n);
    free(n->next);
    free(n->by);
    free(n);
}

void signin_enter(struct api *a, struct exchange *x, const struct signed_in *who, const char *next)
{
    /* Whoever had a session in this browser gets another one: a planted cookie is worth nothing. */
    char fresh[COOKIE_MAX];
    const char *old = cookie_get(a, x);
    struct session *before = old ? sessions_find(a->sessions, old, fresh) : NULL;
    if (before)
        sessions_end(a->sessions, before);
    struct entering *n = NET_NEW(struct entering);
    n->api = a;
    n->next_one = a->entering;
    if (n->next_one)
        n->next_one->prev = n;
    a->entering = n;
    n->x = x;
    n->json = wants_json(x);
    n->next = net_strdup(place_here(next));
    n->by = net_strdup(who->by);
    exchange_on_end(x, client_left, n);
    const struct session *s = sessions_begin(a->sessions, who, n->cookie, entered, n);
    memcpy(n->csrf, s->csrf, sizeof n->csrf);
    log_write(LOG_NOTE, "api", NULL, "%s signed in from %s", who->by, client_address(a, x));
}

static const char *field(struct exchange *x, const json_t *body, const char *name)
{
    return body ? json_str(body, name, NULL) : request_form(x, name);
}

static void sign_in(struct api *a, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    struct error err = ERROR_NONE;
    int64_t now = loop_wall_ms();
    const char *address = client_address(a, x);
    _cleanup_json_ json_t *body =
        wants_json(x) ? json_read(r->body, r->body_len, 4096, "the request", &err) : NULL;
    const char *text = field(x, body, "token"), *next = field(x, body, "next");
    int wait = guard_wait(a->guard, address, now);
    if (!same_origin(a, x, &err)) {
        signin_refuse(x, 403, "refused", err.text, next);
        return;
    }
    if (wait > 0) {
        answer_header(x, "Retry-After", arena_printf(r->arena, "%d", wait));
        signin_refuse(x, 429, "locked", "it failed too often from this address: wait a while", next);
        return;
    }
    const json_t *token = tokens_find(a->tokens, text ? text : "", &err);
    if (!token) {
        guard_failed(a->guard, address, now);
        log_write(LOG_NOTE, "api", NULL, "somebody at %s could not sign in: %s", address, err.text);
        signin_refuse(x, 401, "token", err.text, next);
        return;
    }
    guard_passed(a->guard, address);
    _cleanup_json_ json_t *bounds = json_pack("{s:O, s:O}", "scopes", json_object_get(token, "scopes"), "for",
                                              json_object_get(token, "for"));
    const char *owner = json_str(token, "owner", "");
    const struct config_person *person = config_person(engine_config(a->engine), owner);
    const struct signed_in who = {.by = owner,
                                  .name = person ? person->name : owner,
                                  .only = bounds,
                                  .token = json_str(token, "id", NULL)};
    signin_enter(a, x, &who, next);
}

/* --- out --------------------------------------------------------------------------------------------- */

static void sign_out(struct api *a, struct exchange *x)
{
    struct visitor v;
    struct error err = ERROR_NONE;
    int status = 403;
    const char *given = request_form(x, "csrf");
    bool ok = visitor_of(a, x, &v, &status, &err);
    if (ok && str_eq(v.how, "session") &&
        !visitor_csrf(&v, given ? given : request_header(x, "X-CSRF-Token"))) {
        error_set(&err, SB_DENIED, "the form is not one of this session: open the page again");
        ok = false;
    }
    if (!ok) {
        answer_problem(x, status, "denied", "You may not do that", err.text);
        return;
    }
    char fresh[COOKIE_MAX];
    const char *cookie = cookie_get(a, x);
    struct session *s = cookie ? sessions_find(a->sessions, cookie, fresh) : NULL;
    if (s)
        sessions_end(a->sessions, s);
    cookie_set(a, x, "", 0);
    answer_header(x, "Clear-Site-Data", "\"cache\"");
    if (wants_json(x) || given == NULL)
        answer_json(x, 200, json_object());
    else
        go_to(x, "/");
}

bool signin_serve(struct api *a, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    if (!str_eq(r->method, "POST"))
        return false;
    if (str_eq(r->raw_path, "/sign-in"))
        sign_in(a, x);
    else if (str_eq(r->raw_path, "/sign-out"))
        sign_out(a, x);
    else
        return false;
    return true;
}
