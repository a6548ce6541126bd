#include "cli/session.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A call takes no longer than this; observations (versions, doctor) talk to outside systems meanwhile. */
#define CALL_MS (120 * 1000)
/* A process that holds the store has gone, or listens, within this. */
#define STORE_BUSY_MS 5000

struct session {
    struct arena arena;
    struct loop *loop;
    struct http *http;
    struct http_peer *peer;   /* remote */
    struct http_call *events; /* remote: the live stream that tells that something happened */
    struct timer *reconnect;
    struct config *config; /* local */
    struct engine *engine;
    struct api *api;
    struct server *socket; /* local and carrying: so that other commands can answer */
    int listening;
    const char *state_dir;
    const char *by;
    bool far; /* over a network */
    bool happened, woken;
    int signum;
};

const char *config_file_of(const struct args *a, const struct session_options *o)
{
    if (o && o->config)
        return o->config;
    const char *file = opt(a, "config");
    if (!file)
        file = getenv("SIGNALBOX_CONFIG");
    if (file && *file)
        return file;
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    file = xdg && *xdg ? arena_printf(a->arena, "%s/signalbox.yaml", xdg)
                       : arena_printf(a->arena, "%s/.config/signalbox.yaml", home && *home ? home : ".");
    return access(file, F_OK) == 0 ? file : NULL;
}

const char *state_dir_of(const struct args *a, const struct session_options *o)
{
    const char *dir = o && o->state ? o->state : opt(a, "state");
    if (!dir)
        dir = getenv("SIGNALBOX_STATE");
    if (dir && *dir)
        return dir;
    /* What is wrong with a configuration is told when the engine is opened with it. */
    struct config *c = config_read(config_file_of(a, o), a->arena, NULL);
    if (!c)
        c = config_read(NULL, a->arena, NULL);
    dir = c ? arena_strdup(a->arena, c->state_dir) : ".";
    config_free(c);
    return dir;
}

static const char *login_name(struct arena *a)
{
    const struct passwd *pw = getpwuid(getuid());
    return pw ? arena_strdup(a, pw->pw_name) : arena_printf(a, "uid-%u", (unsigned)getuid());
}

static void on_signal(void *ctx, int signum)
{
    struct session *s = ctx;
    s->signum = signum;
    session_wake(s);
}

void session_wake(struct session *s)
{
    s->woken = true;
}

int session_signal(const struct session *s)
{
    return s->signum;
}

/* --- remote
 * -----------------------------------------------------------------------------------------------------------
 */

static bool on_events(void *ctx, const char *bytes UNUSED, size_t n UNUSED)
{
    ((struct session *)ctx)->happened = true;
    return true;
}

static void follow_events(void *ctx);

static void events_ended(void *ctx, const struct http_reply *reply UNUSED)
{
    struct session *s = ctx;
    s->events = NULL;
    s->happened = true; /* look once more: the server may have gone or come back */
    s->reconnect = timer_start(s->loop, 1000, follow_events, s);
}

static void follow_events(void *ctx)
{
    struct session *s = ctx;
    static const char *const headers[] = {"Accept: text/event-stream", NULL};
    const struct http_request r = {.method = "GET",
                                   .path = "/api/v1/events",
                                   .headers = headers,
                                   .what = "follow events",
                                   .total_ms = -1,
                                   .no_retry = true,
                                   .on_body = on_events};
    s->reconnect = NULL;
    s->events = http_send(s->peer, &r, events_ended, s);
}

static bool open_remote(struct session *s, const struct args *a, const char *socket, struct error *err)
{
    struct http_peer_options o = {.name = "signalbox",
                                  .base_url = socket ? "http://localhost" : opt(a, "server"),
                                  .unix_socket = socket,
                                  .total_ms = CALL_MS,
                                  .tries = socket ? 1 : 3};
    s->far = !socket;
    if (!socket) {
        const char *ref = opt(a, "token");
        if (!ref && getenv("SIGNALBOX_TOKEN"))
            ref = "env:SIGNALBOX_TOKEN";
        if (ref) {
            o.auth = HTTP_AUTH_BEARER;
            if (!secret_ref(ref, &s->arena, &o.secret, err))
                return false;
        }
    }
    s->http = http_new(s->loop);
    s->peer = http_peer_new(s->http, &o, err);
    return s->peer != NULL;
}

/* --- local
 * ------------------------------------------------------------------------------------------------------------
 */

static void on_change(void *ctx, const char *change UNUSED, const json_t *event UNUSED)
{
    ((struct session *)ctx)->happened = true;
}

static void on_exchange(void *ctx, struct exchange *x)
{
    struct session *s = ctx;
    if (!api_serve(s->api, x))
        answer_text(x, 404,
                    "This is the socket of a running signalbox command; its pages need `signalbox serve`.\n");
}

static bool open_local(struct session *s, const struct args *a, const struct session_options *o,
                       const char *socket, struct error *err)
{
    s->config = config_read(config_file_of(a, o), &s->arena, err);
    if (!s->config)
        return false;
    s->config->state_dir = s->state_dir;
    const struct engine_options eo = {.loop = s->loop,
                                      .config = s->config,
                                      .clock = o->clock,
                                      .speed = o->speed > 0 ? o->speed : 1,
                                      .hold = !o->carry,
                                      .yes = o->yes,
                                      .yes_as = o->yes_as ? o->yes_as : s->by,
                                      .yes_except = o->yes_except,
                                      .socket_path = socket};
    s->engine = engine_open(&eo, err);
    if (!s->engine)
        return false;
    s->api = api_new(s->engine);
    s->listening = engine_listen(s->engine, on_change, s);
    if (!o->carry) /* over in a moment: nobody should begin to talk to us */
        return true;
    const struct server_options so = {.unix_path = socket, .listen_fd = -1};
    s->socket = server_new(s->loop, &so, on_exchange, s, err);
    return s->socket != NULL;
}

/* --- both
 * -------------------------------------------------------------------------------------------------------------
 */

/* Is somebody listening there? */
static bool alive(struct session *s, const char *socket)
{
    struct error e = ERROR_NONE;
    struct stat st;
    if (stat(socket, &st) != 0)
        return false;
    if (!open_remote(s, NULL, socket, &e))
        return false;
    json_t *v = session_call(s, "GET", "/api/v1/version", NULL, &e);
    json_decref(v);
    if (v)
        return true;
    http_peer_free(s->peer);
    http_free(s->http);
    s->peer = NULL;
    s->http = NULL;
    return false;
}

static void not_local(struct session *s)
{
    server_free(s->socket);
    api_free(s->api);
    if (s->engine) {
        engine_unlisten(s->engine, s->listening);
        engine_close(s->engine);
    }
    config_free(s->config);
    s->socket = NULL;
    s->api = NULL;
    s->engine = NULL;
    s->config = NULL;
}

/* Through the process that holds the store, or as the one that does. A command that only looks holds it for a
 * moment without listening, and one that carries changes out listens a moment after it has taken it: both are
 * waited for. */
static bool open_here(struct session *s, const struct args *a, const struct session_options *o,
                      const char *socket, struct error *err)
{
    int64_t until = loop_mono_ms() + STORE_BUSY_MS;
    for (;;) {
        struct error e = ERROR_NONE;
        if (alive(s, socket) || open_local(s, a, o, socket, &e))
            return true;
        not_local(s);
        if (e.code != SB_CONFLICT || loop_mono_ms() > until) {
            *err = e;
            return false;
        }
        usleep(20000);
    }
}

struct session *session_open(const struct args *a, const struct session_options *o, struct error *err)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->arena = arena_make();
    s->loop = loop_new();
    s->state_dir = arena_strdup(&s->arena, state_dir_of(a, o));
    s->by = login_name(&s->arena);
    const char *socket = arena_printf(&s->arena, "%s/signalbox.sock", s->state_dir);
    if (!(opt(a, "server") ? open_remote(s, a, NULL, err) : open_here(s, a, o, socket, err))) {
        session_close(s);
        return NULL;
    }
    loop_signals(s->loop, on_signal, s);
    return s;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    not_local(s);
    timer_cancel(s->reconnect);
    if (s->peer)
        http_peer_free(s->peer);
    if (s->http)
        http_free(s->http);
    loop_free(s->loop);
    arena_free(&s->arena);
    free(s);
}

bool session_local(const struct session *s)
{
    return s->engine != NULL;
}

struct loop *session_loop(struct session *s)
{
    return s->loop;
}

struct engine *session_engine(struct session *s)
{
    return s->engine;
}

struct api *session_api(struct session *s)
{
    return s->api;
}

const char *session_state_dir(const struct session *s)
{
    return s->state_dir;
}

const char *session_by(const struct session *s)
{
    return s->by;
}

void session_speak_as(struct session *s, const char *by)
{
    s->by = arena_strdup(&s->arena, by);
}

struct waiting {
    bool done;
    int status;
    json_t *body;
    struct error error;
};

static void called(void *ctx, int status, const json_t *body)
{
    struct waiting *w = ctx;
    w->done = true;
    w->status = status;
    w->body = json_incref((json_t *)body);
}

static void replied(void *ctx, const struct http_reply *r)
{
    struct waiting *w = ctx;
    w->done = true;
    w->status = r->status;
    if (r->status == 0)
        w->error = r->error;
    else if (r->body_len > 0)
        w->body = json_read(r->body, r->body_len, JSON_MAX_BYTES, "answer of signalbox", &w->error);
}

static enum error_code code_named(const char *name)
{
    for (int c = SB_OK; c <= SB_INTERNAL; c++)
        if (str_eq(error_code_name((enum error_code)c), name))
            return (enum error_code)c;
    return SB_REMOTE;
}

/* A problem document back into an error. */
static void error_of(const struct waiting *w, struct error *err)
{
    if (w->error.code != SB_OK) {
        if (err)
            *err = w->error;
        return;
    }
    const char *text = json_str(w->body, "detail", json_str(w->body, "title", "the server gave no reason"));
    enum error_code code = code_named(json_str(w->body, "code", ""));
    const char *file = json_str(w->body, "file", NULL);
    if (file)
        error_at(err, code, file, (int)json_int(w->body, "line", 0), (int)json_int(w->body, "column", 0),
                 "%s", text);
    else
        error_set(err, code, "%s", text);
}

/* Over a network an answer can be lost: the request is sent again, and its key keeps it from being done again. A token's
 * text is given once, whatever came of it. */
static const char *fresh_key(char out[64], const char *path)
{
    uint8_t raw[16];
    random_bytes(raw, sizeof raw);
    char *text = base64_encode(raw, sizeof raw, true);
    snprintf(out, 64, "Idempotency-Key: %s", text);
    free(text);
    return str_eq(path, "/api/v1/tokens") ? NULL : out;
}

json_t *session_call(struct session *s, const char *method, const char *path, const json_t *body,
                     struct error *err)
{
    struct waiting w = {0};
    if (s->engine) {
        api_call(s->api, method, path, body, s->by, called, &w);
    } else {
        char *text = body ? json_canonical(body) : NULL;
        char key[64];
        const char *const headers[] = {fresh_key(key, path), NULL};
        const struct http_request r = {.method = method,
                                       .path = path,
                                       .content_type = "application/json",
                                       .body = text,
                                       .body_len = text ? strlen(text) : 0,
                                       .what = "ask the running signalbox",
                                       .headers = str_eq(method, "POST") ? headers : NULL,
                                       .repeatable = s->far && (headers[0] || !str_eq(method, "POST")),
                                       .body_max = JSON_MAX_BYTES};
        http_send(s->peer, &r, replied, &w);
        free(text);
    }
    while (!w.done)
        loop_once(s->loop, true);
    if (w.status >= 200 && w.status < 300)
        return w.body ? w.body : json_object();
    error_of(&w, err);
    json_decref(w.body);
    return NULL;
}

static void waited(void *ctx)
{
    *(bool *)ctx = true;
}

void session_pause(struct session *s, int ms)
{
    bool over = false;
    timer_start(s->loop, ms, waited, &over);
    while (!over)
        loop_once(s->loop, true);
}

bool session_wait(struct session *s, const char *change UNUSED, int timeout_ms)
{
    bool over = false;
    if (!s->engine && !s->events && !s->reconnect)
        follow_events(s);
    struct timer *t = timer_start(s->loop, timeout_ms, waited, &over);
    while (!over && !s->happened && !s->woken && !s->signum)
        loop_once(s->loop, true);
    if (!over)
        timer_cancel(t);
    bool happened = s->happened;
    s->happened = s->woken = false;
    return happened;
}
