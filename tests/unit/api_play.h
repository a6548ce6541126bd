/* api_play.h: the API over a real engine and store in a folder of their own, asked with a socket and without.
 */
#ifndef SB_TESTS_API_PLAY_H
#define SB_TESTS_API_PLAY_H

#include "check.h"

#include "api/inside.h"
#include "raw.h"
#include <ftw.h>
#include <stdio.h>

struct play {
    struct loop *loop;
    struct arena arena;
    struct config *config;
    struct engine *engine;
    struct api *api;
    struct server *tcp, *local;
    char dir[64], socket[96];
    const char *by;
    /* what came back last */
    bool answered;
    int status;
    json_t *body;
};

/* clang-format off */
#define FENCE "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"
/* clang-format on */

static const char play_page[] =
    "---\ntitle: A play\nsignalbox:\n  inputs:\n    - {name: risk, says: How risky, type: choice, choices: "
    "[low, high]}\n---\n# A play\n\n## Go\n\n"
    "1. Ask <b>somebody</b>.\n\n   " FENCE
    "step\n   id: go\n   ask:\n     question: \"Go on for {{ client.name "
    "}}?\"\n     choices: [yes, {id: no, label: Rather not, ends: true}]\n   " FENCE "\n\n"
    "2. Write it up.\n\n   " FENCE "step\n   id: report\n   do: change.report\n   " FENCE "\n\n"
    "3. Ask again.\n\n   " FENCE "step\n   id: last\n   ask: {question: Enough?}\n   " FENCE "\n";

static inline void play_write(const struct play *p, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static inline void on_exchange(void *ctx, struct exchange *x)
{
    struct play *p = ctx;
    if (!api_serve(p->api, x))
        answer_text(x, 404, "not the API's\n");
}

static inline struct server *play_server(struct play *p, const char *address, const char *path)
{
    struct error err = ERROR_NONE;
    struct server_options o = {.address = address, .unix_path = path};
    struct server *s = server_new(p->loop, &o, on_exchange, p, &err);
    if (!s)
        fail_msg("server: %s", err.text);
    return s;
}

/* `config`: YAML besides state and pages, or NULL. */
static inline struct play *play_begin(const char *config)
{
    struct play *p = calloc(1, sizeof *p);
    struct error err = ERROR_NONE;
    _cleanup_buf_ struct buf text = {0};
    char path[160];
    p->by = "ann";
    p->arena = arena_make();
    snprintf(p->dir, sizeof p->dir, "/tmp/signalbox-api-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    buf_printf(&text, "state: state\npages: [.]\npoll: 50ms\n%s", config ? config : "");
    play_write(p, "config.yaml", buf_str(&text));
    play_write(p, "play.md", play_page);
    snprintf(path, sizeof path, "%s/config.yaml", p->dir);
    p->config = config_read(path, &p->arena, &err);
    if (!p->config)
        fail_msg("configuration: %d: %s", err.line, err.text);
    p->loop = loop_new();
    const struct engine_options o = {.loop = p->loop, .config = p->config, .speed = 20};
    p->engine = engine_open(&o, &err);
    if (!p->engine)
        fail_msg("engine: %s", err.text);
    p->api = api_new(p->engine);
    snprintf(p->socket, sizeof p->socket, "%s/socket", p->dir);
    p->tcp = play_server(p, "127.0.0.1:0", NULL);
    p->local = play_server(p, NULL, p->socket);
    return p;
}

static inline int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void play_end(struct play *p)
{
    server_free(p->tcp);
    server_free(p->local);
    api_free(p->api);
    engine_close(p->engine);
    loop_free(p->loop);
    json_decref(p->body);
    config_free(p->config);
    arena_free(&p->arena);
    nftw(p->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
}

/* --- without a socket ------------------------------------------------------------------------- */

static inline void on_answer(void *ctx, int status, const json_t *body)
{
    struct play *p = ctx;
    assert_false(p->answered);
    p->answered = true;
    p->status = status;
    p->body = json_incref((json_t *)(uintptr_t)body);
}

static inline void nothing(void *ctx)
{
    (void)ctx;
}

/* Runs the loop for one round, 5 ms at most. */
static inline void one_round(struct play *p)
{
    struct timer *t = timer_start(p->loop, 5, nothing, NULL);
    loop_once(p->loop, true);
    (void)t;
}

/* Asks and waits; gives the status. `body`: JSON or NULL. */
static inline int ask(struct play *p, const char *method, const char *path, const char *body)
{
    json_t *j = body ? json_loads(body, JSON_DECODE_ANY, NULL) : NULL;
    assert_true((body != NULL) == (j != NULL));
    p->answered = false;
    json_decref(p->body);
    p->body = NULL;
    api_call(p->api, method, path, j, p->by, on_answer, p);
    json_decref(j);
    for (int64_t end = loop_mono_ms() + 10000; !p->answered && loop_mono_ms() < end;)
        one_round(p);
    if (!p->answered)
        fail_msg("%s %s: no answer", method, path);
    return p->status;
}

/* As ask; fails unless it has this status. */
static inline void must(struct play *p, const char *method, const char *path, const char *body, int status)
{
    if (ask(p, method, path, body) == status)
        return;
    char *text = json_dumps(p->body, JSON_COMPACT);
    fail_msg("%s %s: %d instead of %d: %s", method, path, p->status, status, text);
}

static inline bool body_says(const struct play *p, const char *text)
{
    char *all = json_dumps(p->body, JSON_COMPACT | JSON_ENCODE_ANY);
    bool is = all && strstr(all, text);
    free(all);
    return is;
}

/* Waits until the step of the change has the status. */
static inline void until(struct play *p, const char *change, const char *step, const char *status)
{
    for (int64_t end = loop_mono_ms() + 10000; loop_mono_ms() < end;) {
        const struct change *c = engine_fold(p->engine, change, NULL);
        assert_non_null(c);
        int i = procedure_step(c->sop, step);
        assert_true(i >= 0);
        if (str_eq(step_status_names[c->control.steps[i].status], status))
            return;
        one_round(p);
    }
    fail_msg("%s: %s never came to be %s", change, step, status);
}

static const char a_plan[] = "{\"sop\": \"play\", \"client\": \"acme\"}";

/* HF-1, started, asking its first question. */
static inline void play_start(struct play *p)
{
    must(p, "POST", "/api/v1/changes", a_plan, 201);
    must(p, "POST", "/api/v1/changes/HF-1/start", NULL, 200);
    until(p, "HF-1", "go", "asking");
}

#endif
