/* systems_play.h: the stage for plays with drivers: a server that expects these requests in this order and
 * answers with that; a driver opened on it; an outcome caught. A line that does not come, or comes otherwise,
 * fails the test. */
#ifndef SB_TESTS_SYSTEMS_PLAY_H
#define SB_TESTS_SYSTEMS_PLAY_H

#include "base/buf.h"
#include "base/json.h"
#include "check.h"
#include "net/server.h"
#include "systems/support.h"

/* Instead of a status. */
enum { CUT = -1 /* the connection, without an answer */ };

struct line {
    const char *expects; /* beginning of "METHOD /path?query", as sent */
    const char *holds;   /* somewhere in the body or the target, or NULL */
    int status;
    const char *answer; /* JSON or text; NULL = nothing */
    const char *header; /* "Name: value", or NULL */
};

struct stage {
    struct loop *loop;
    struct http *http;
    struct server *server;
    struct surroundings around;
    struct arena arena;
    struct system *system;
    const struct line *lines; /* ends with one that expects NULL */
    int next;
    bool off; /* a line was missed */
    /* the outcome */
    int told;
    enum outcome_kind kind;
    json_t *result;
    struct error error;
    int64_t retry_after_ms;
    json_t *views; /* all that progress told */
    /* doctor */
    json_t *checks; /* [[state, what, says]] */
};

static inline void stage_answer(void *ctx, struct exchange *x)
{
    struct stage *s = ctx;
    const struct server_request *r = exchange_request(x);
    const struct line *line = &s->lines[s->next];
    _cleanup_buf_ struct buf target = {0};
    buf_printf(&target, "%s %s%s%s", r->method, r->raw_path, *r->raw_query ? "?" : "", r->raw_query);
    bool fits = line->expects && str_starts(buf_str(&target), line->expects) &&
                (!line->holds || strstr(r->body, line->holds) || strstr(buf_str(&target), line->holds));
    if (!fits) {
        print_error("line %d: expected %s%s%s, came %s %s\n", s->next,
                    line->expects ? line->expects : "nothing more", line->holds ? " with " : "",
                    line->holds ? line->holds : "", buf_str(&target), r->body);
        s->off = true;
        answer_text(x, 500, "not in this play");
        return;
    }
    s->next++;
    if (line->header) {
        char *name = arena_strdup(r->arena, line->header);
        char *value = strchr(name, ':');
        *value = '\0';
        answer_header(x, name, value + 2);
    }
    const char *body = line->answer ? line->answer : "";
    if (line->status == CUT)
        answer_reset(x);
    else
        answer_bytes(x, line->status, *body == '{' || *body == '[' ? "application/json" : "text/plain", body,
                     strlen(body));
}

static inline int64_t stage_now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

/* `config`: YAML with %s wherever the server's address belongs. Opens the driver on it. */
static inline void stage_open(struct stage *s, const struct driver *d, const char *config)
{
    struct error err = ERROR_NONE;
    *s = (struct stage){.lines = (struct line[]){{NULL, NULL, 0, NULL, NULL}}};
    s->arena = arena_make();
    s->loop = loop_new();
    s->http = http_new(s->loop);
    s->views = json_array();
    s->checks = json_array();
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    s->server = server_new(s->loop, &o, stage_answer, s, &err);
    assert_non_null(s->server);
    s->around = (struct surroundings){.loop = s->loop,
                                      .http = s->http,
                                      .now = stage_now,
                                      .state_dir = "/tmp",
                                      .poll_ms = 2000,
                                      .speed = 1000};
    char *url = arena_printf(&s->arena, "http://127.0.0.1:%d", server_port(s->server));
    _cleanup_buf_ struct buf text = {0};
    assert_non_null(strstr(config, "%s"));
    for (const char *hole; (hole = strstr(config, "%s")) != NULL; config = hole + 2)
        buf_printf(&text, "%.*s%s", (int)(hole - config), config, url);
    buf_adds(&text, config);
    struct yaml *y = yaml_parse(buf_str(&text), text.len, "test.yaml", 1, 0, &s->arena, &err);
    assert_non_null(y);
    assert_true(yaml_only(y, "test.yaml", d->name, d->keys, &err));
    s->system = d->open(d, y, "test.yaml", &s->around, &err);
    if (!s->system)
        print_error("%s\n", err.text);
    assert_non_null(s->system);
}

static inline void stage_close(struct stage *s)
{
    if (s->system)
        s->system->driver->close(s->system);
    server_free(s->server);
    http_free(s->http);
    loop_free(s->loop);
    json_decref(s->result);
    json_decref(s->views);
    json_decref(s->checks);
    arena_free(&s->arena);
}

static inline void stage_caught(void *ctx, const struct outcome *o)
{
    struct stage *s = ctx;
    s->told++;
    s->kind = o->kind;
    s->error = o->error;
    s->retry_after_ms = o->retry_after_ms;
    json_decref(s->result);
    s->result = json_deep_copy(o->result);
}

static inline void stage_view(void *ctx, const json_t *view)
{
    json_array_append_new(((struct stage *)ctx)->views, json_deep_copy(view));
}

struct doing {
    const char *verb;
    bool find;
    const char *args;  /* JSON */
    const char *parts; /* JSON or NULL */
};

static const int64_t stage_intended_ms = 1707418800000; /* 2024-02-08 19:00 UTC */

static inline struct task *stage_begin(struct stage *s, struct doing d)
{
    const struct verb_entry *v = driver_verb(s->system->driver, d.verb);
    assert_non_null(v);
    json_error_t e;
    json_t *args = json_loads(d.args, 0, &e);
    if (!args)
        print_error("%s\n", e.text);
    assert_non_null(args);
    json_t *parts = d.parts ? json_loads(d.parts, 0, NULL) : NULL;
    struct effect effect = {.key = "HF-7/step/1",
                            .verb = d.verb,
                            .change = "HF-7",
                            .args = args,
                            .intended_ms = stage_intended_ms,
                            .attempt = 1,
                            .parts = parts};
    s->told = 0;
    act_fn *act = d.find ? v->find : v->perform;
    assert_non_null(act);
    struct task *t = act(s->system, &effect, stage_caught, stage_view, s);
    assert_int_equal(s->told, 0); /* never from inside */
    json_decref(args);
    json_decref(parts);
    return t;
}

static inline void stage_is_late(void *ctx)
{
    *(bool *)ctx = true;
}

/* Plays the lines to their end and has the outcome in the stage. */
static inline void stage_play(struct stage *s, const struct line *lines, struct doing d)
{
    s->lines = lines;
    s->next = 0;
    s->off = false;
    bool late = false;
    struct timer *limit = timer_start(s->loop, 20000, stage_is_late, &late);
    stage_begin(s, d);
    while (!s->told && !late && !s->off)
        loop_once(s->loop, true);
    if (!late)
        timer_cancel(limit);
    assert_false(s->off);
    assert_false(late);
    assert_int_equal(s->told, 1);
    if (lines[s->next].expects)
        print_error("did not come: %s (outcome %d: %s)\n", lines[s->next].expects, (int)s->kind,
                    s->error.text);
    assert_null(lines[s->next].expects);
}

static inline void stage_checked(void *ctx, const struct check *checks, int n)
{
    struct stage *s = ctx;
    s->told++;
    for (int i = 0; i < n; i++)
        json_array_append_new(s->checks,
                              json_pack("[i,s,s]", (int)checks[i].state, checks[i].what, checks[i].says));
}

static inline void stage_doctor(struct stage *s, const struct line *lines)
{
    s->lines = lines;
    s->next = 0;
    s->told = 0;
    json_array_clear(s->checks);
    s->system->driver->check(s->system, stage_checked, s);
    while (!s->told && !s->off)
        loop_once(s->loop, true);
    assert_false(s->off);
    assert_null(lines[s->next].expects);
}

/* State and words of the check of that name; -1 when there is none. */
static inline int stage_check(const struct stage *s, const char *what, const char **says)
{
    for (size_t i = 0; i < json_array_size(s->checks); i++) {
        const json_t *c = json_array_get(s->checks, i);
        if (str_eq(json_string_value(json_array_get(c, 1)), what)) {
            if (says)
                *says = json_string_value(json_array_get(c, 2));
            return (int)json_integer_value(json_array_get(c, 0));
        }
    }
    return -1;
}

#define assert_outcome(s, wanted)                                             \
    do {                                                                      \
        if ((s)->kind != (wanted))                                            \
            print_error("outcome %d: %s\n", (int)(s)->kind, (s)->error.text); \
        assert_int_equal((s)->kind, (wanted));                                \
    } while (0)
#define assert_says(s, words)                              \
    do {                                                   \
        if (!strstr((s)->error.text, (words)))             \
            print_error("says: %s\n", (s)->error.text);    \
        assert_non_null(strstr((s)->error.text, (words))); \
    } while (0)

#define THE_END {NULL, NULL, 0, NULL, NULL}

#endif
