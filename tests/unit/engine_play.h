/* engine_play.h: an engine over a store in a folder of its own, with systems that answer as the test says. */
#ifndef SB_TESTS_ENGINE_PLAY_H
#define SB_TESTS_ENGINE_PLAY_H

#include "check.h"

#include "base/buf.h"
#include "base/json.h"
#include "engine/engine.h"
#include "systems/support.h"
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

/* What a system answers to one verb, once; after the last line of the script everything is done. */
struct line {
    const char *verb; /* "chat.post"; "find chat.post" */
    enum outcome_kind kind;
    const char *result; /* JSON or NULL */
    const char *says;
    const char *view; /* news before the outcome, JSON; each list item is one */
    bool hangs;       /* no outcome */
    int after_ms;
    int view_ms; /* between news; default 1 */
};

enum { LINES_MAX = 64, CALLS_MAX = 256 };

struct play {
    struct loop *loop;
    struct engine *e;
    struct arena arena;
    struct config *config;
    char dir[64];
    struct line lines[LINES_MAX];
    int n_lines;
    bool used[LINES_MAX];
    char calls[CALLS_MAX][96]; /* "chat.post HF-1/tell/1" */
    int n_calls;
    bool views_held; /* all news but the first wait */
    struct engine_clock clock;
    struct engine_options options;
    /* of the last thing a person did */
    bool answered;
    json_t *answer;
    struct error error;
};

static struct play *the_play; /* systems know no context but this */

struct fake_task {
    struct task task;
    struct timer *timer;
    struct line line;
    outcome_fn *done;
    progress_fn *progress;
    void *ctx;
    json_t *views;
    size_t view_at;
};

static void fake_free(struct fake_task *t)
{
    timer_cancel(t->timer);
    json_decref(t->views);
    free(t);
}

static void fake_cancel(struct task *t)
{
    fake_free((struct fake_task *)t);
}

static void fake_goes_on(void *ctx)
{
    struct fake_task *t = ctx;
    t->timer = NULL;
    if (t->view_at > 0 && t->view_at < json_array_size(t->views) && the_play->views_held) {
        t->timer = timer_start(the_play->loop, 1, fake_goes_on, t);
        return;
    }
    if (t->view_at < json_array_size(t->views)) {
        t->timer = timer_start(the_play->loop, t->line.view_ms ? t->line.view_ms : 1, fake_goes_on, t);
        t->progress(t->ctx, json_array_get(t->views, t->view_at++));
        return;
    }
    if (t->line.hangs)
        return;
    struct outcome o = {.kind = t->line.kind};
    o.result = t->line.result ? json_loads(t->line.result, JSON_DECODE_ANY, NULL) : NULL;
    if (o.kind != OUTCOME_DONE)
        error_set(&o.error, SB_REMOTE, "%s", t->line.says ? t->line.says : "no");
    outcome_fn *done = t->done;
    void *done_ctx = t->ctx;
    task_leave(&t->task);
    fake_free(t);
    done(done_ctx, &o);
    json_decref(o.result);
}

static struct task *fake_act(struct system *s, const struct effect *e, bool find, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    char verb[64];
    struct fake_task *t = calloc(1, sizeof *t);
    snprintf(verb, sizeof verb, "%s%s.%s", find ? "find " : "", role_names[s->driver->role], e->verb);
    snprintf(the_play->calls[the_play->n_calls++], 96, "%s %s", verb, e->key);
    assert_true(the_play->n_calls < CALLS_MAX);
    t->line = (struct line){.kind = find ? OUTCOME_NOT_FOUND : OUTCOME_DONE,
                            .result = "{\"id\": \"x1\", \"build\": \"b1\"}"};
    for (int i = 0; i < the_play->n_lines; i++)
        if (!the_play->used[i] && strcmp(the_play->lines[i].verb, verb) == 0) {
            the_play->used[i] = true;
            t->line = the_play->lines[i];
            break;
        }
    t->views = t->line.view ? json_loads(t->line.view, 0, NULL) : NULL;
    t->done = done;
    t->progress = progress;
    t->ctx = ctx;
    task_begin(s, &t->task, fake_cancel);
    t->timer = timer_start(the_play->loop, t->line.after_ms, fake_goes_on, t);
    return &t->task;
}

static struct task *fake_perform(struct system *s, const struct effect *e, outcome_fn *done,
                                 progress_fn *progress, void *ctx)
{
    return fake_act(s, e, false, done, progress, ctx);
}

static struct task *fake_find(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    return fake_act(s, e, true, done, progress, ctx);
}

static struct system *fake_open(const struct driver *d, const struct yaml *config, const char *file,
                                struct surroundings *around, struct error *err)
{
    (void)config, (void)file, (void)err;
    struct system *s = calloc(1, sizeof *s);
    *s = (struct system){.driver = d, .name = d->name, .around = around};
    return s;
}

static void fake_close(struct system *s)
{
    tasks_cancel(s);
    free(s);
}

static void fake_check(struct system *s, check_fn *done, void *ctx)
{
    (void)s;
    const struct check c = {CHECK_OK, "may do all", "in a play"};
    done(ctx, &c, 1);
}

#define FAKE(ROLE, ...)                                                                            \
    {                                                                                              \
        .role = ROLE, .name = "fake", .says = "for plays", .open = fake_open, .close = fake_close, \
        .check = fake_check, .verbs = {                                                            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct driver fake_chat =
    FAKE(ROLE_CHAT, {"post", fake_perform, fake_find, false}, {"edit", fake_perform, NULL, true},
         {"channel", fake_perform, NULL, false});
static const struct driver fake_pipeline =
    FAKE(ROLE_PIPELINE, {"start", fake_perform, fake_find, false}, {"watch", fake_perform, NULL, false},
         {"answer", fake_perform, fake_find, false});
static const struct driver fake_health =
    FAKE(ROLE_HEALTH, {"snapshot", fake_perform, NULL, false}, {"watch", fake_perform, NULL, false});
static const struct driver fake_tickets = FAKE(ROLE_TICKETS, {"create", fake_perform, fake_find, false});
static const struct driver fake_cluster = FAKE(ROLE_CLUSTER, {"versions", fake_perform, NULL, false});

UNUSED static const struct driver *const fakes[] = {&fake_chat,    &fake_pipeline, &fake_health,
                                                    &fake_tickets, &fake_cluster,  NULL};

static const struct driver fake_releases = FAKE(ROLE_RELEASES, {"check", fake_perform, NULL, false});
static const struct driver fake_pager =
    FAKE(ROLE_PAGER, {"oncall", fake_perform, NULL, false}, {"alert", fake_perform, fake_find, false});
static const struct driver fake_calendar =
    FAKE(ROLE_CALENDAR, {"create", fake_perform, fake_find, false}, {"update", fake_perform, NULL, true},
         {"cancel", fake_perform, NULL, true}, {"conflicts", fake_perform, NULL, false});
static const struct driver fake_statuspage =
    FAKE(ROLE_STATUSPAGE, {"schedule", fake_perform, fake_find, false}, {"extend", fake_perform, NULL, true},
         {"cancel", fake_perform, NULL, true});

UNUSED static const struct driver *const all_fakes[] = {
    &fake_chat,     &fake_pipeline, &fake_health,   &fake_tickets,    &fake_cluster,
    &fake_releases, &fake_pager,    &fake_calendar, &fake_statuspage, NULL};

/* --- the play
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void play_write(const struct play *p, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void play_open_engine(struct play *p)
{
    struct error err = ERROR_NONE;
    p->loop = loop_new();
    p->options.loop = p->loop;
    p->options.config = p->config;
    if (!p->options.drivers)
        p->options.drivers = fakes;
    p->e = engine_open(&p->options, &err);
    if (!p->e)
        fail_msg("engine: %s", err.text);
}

static void play_close_engine(struct play *p)
{
    engine_close(p->e);
    loop_free(p->loop);
    p->e = NULL;
    p->loop = NULL;
}

/* `config`: YAML besides state and pages; `page` becomes the page "play". */
UNUSED static struct play *play_begin(const char *config, const char *page)
{
    struct play *p = calloc(1, sizeof *p);
    struct error err = ERROR_NONE;
    _cleanup_buf_ struct buf text = {0};
    char path[128];
    the_play = p;
    snprintf(p->dir, sizeof p->dir, "/tmp/signalbox-play-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->arena = arena_make();
    buf_printf(&text, "state: state\npages: [.]\npoll: 50ms\n%s", config ? config : "");
    play_write(p, "config.yaml", buf_str(&text));
    play_write(p, "play.md", page);
    snprintf(path, sizeof path, "%s/config.yaml", p->dir);
    p->config = config_read(path, &p->arena, &err);
    if (!p->config)
        fail_msg("configuration: %d: %s", err.line, err.text);
    p->options.speed = 20; /* pauses before another try are short */
    return p;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

UNUSED static void play_end(struct play *p)
{
    if (p->e)
        play_close_engine(p);
    json_decref(p->answer);
    config_free(p->config);
    arena_free(&p->arena);
    nftw(p->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    the_play = NULL;
}

/* As a crash: nothing that is under way is recorded. Then it begins again. */
UNUSED static void play_restart(struct play *p)
{
    play_close_engine(p);
    play_open_engine(p);
}

UNUSED static void says(struct play *p, struct line line)
{
    assert_true(p->n_lines < LINES_MAX);
    p->lines[p->n_lines++] = line;
}

static void on_answer(void *ctx, json_t *answer, const struct error *err)
{
    struct play *p = ctx;
    p->answered = true;
    json_decref(p->answer);
    p->answer = answer ? json_incref(answer) : NULL;
    p->error = err ? *err : ERROR_NONE;
}

static struct timer *ticking;

static void tick(void *ctx)
{
    struct play *p = ctx;
    ticking = timer_start(p->loop, 5, tick, p);
}

/* Runs the loop until `holds`, at most 10 s. */
static bool run_until(struct play *p, bool (*holds)(struct play *p, const char *what), const char *what)
{
    bool held = false;
    tick(p);
    for (int64_t end = loop_mono_ms() + 10000; !held && loop_mono_ms() < end;) {
        held = holds(p, what);
        if (!held)
            loop_once(p->loop, true);
    }
    timer_cancel(ticking);
    return held;
}

static bool is_past(struct play *p, const char *moment)
{
    (void)p;
    return loop_mono_ms() >= strtoll(moment, NULL, 10);
}

/* Lets time pass. */
UNUSED static void passes(struct play *p, int ms)
{
    char until[32];
    snprintf(until, sizeof until, "%lld", (long long)(loop_mono_ms() + ms));
    run_until(p, is_past, until);
}

static bool has_answer(struct play *p, const char *what)
{
    (void)what;
    return p->answered;
}

/* Waits for the answer to what a person did. */
UNUSED static bool went_well(struct play *p)
{
    if (!run_until(p, has_answer, NULL))
        fail_msg("no answer");
    p->answered = false;
    return p->error.code == SB_OK;
}

static const char *const id = "HF-1";

/* `what`: "STEP is STATUS" or "status is STATUS"; of HF-1, or "HF-2: ...". */
static bool it_holds(struct play *p, const char *what)
{
    char change[32] = "HF-1", step[64], status[64];
    struct error err;
    const char *colon = strstr(what, ": ");
    if (colon) {
        snprintf(change, sizeof change, "%.*s", (int)(colon - what), what);
        what = colon + 2;
    }
    assert_int_equal(sscanf(what, "%63s is %63s", step, status), 2);
    const struct change *c = engine_fold(p->e, change, &err);
    if (!c)
        return false;
    if (strcmp(step, "status") == 0)
        return str_eq(change_status_names[c->control.status], status);
    int i = procedure_step(c->sop, step);
    if (i < 0)
        fail_msg("no step %s", step);
    return str_eq(step_status_names[c->control.steps[i].status], status);
}

UNUSED static void expect(struct play *p, const char *what)
{
    if (run_until(p, it_holds, what))
        return;
    struct error err = ERROR_NONE;
    json_t *events = engine_events(p->e, "HF-1", 0, 1000, &err);
    size_t i;
    json_t *ev;
    json_array_foreach(events, i, ev) {
        char *text = json_dumps(ev, 0);
        print_message("%s\n", text);
        free(text);
    }
    fail_msg("never: %s", what);
}

UNUSED static void plan_as(struct play *p, const char *plan, const char *by)
{
    _cleanup_json_ json_t *j = json_loads(plan, 0, NULL);
    assert_non_null(j);
    engine_plan(p->e, j, by, on_answer, p);
}

UNUSED static void must(struct play *p)
{
    if (!went_well(p))
        fail_msg("refused: %s", p->error.text);
}

UNUSED static void must_not(struct play *p, enum error_code code, const char *text)
{
    if (went_well(p))
        fail_msg("not refused: %s", text);
    assert_error(&p->error, code, text, "answer");
}

UNUSED static void answer_as(struct play *p, const char *change, const char *answer, const char *by)
{
    _cleanup_json_ json_t *j = json_loads(answer, 0, NULL);
    assert_non_null(j);
    engine_answer(p->e, change, j, by, on_answer, p);
}

UNUSED static void act_as(struct play *p, const char *change, const char *what, const char *data,
                          const char *by)
{
    _cleanup_json_ json_t *j = json_loads(data, 0, NULL);
    assert_non_null(j);
    engine_act(p->e, change, what, j, by, on_answer, p);
}

/* Plans and starts a change of the page. */
UNUSED static void start(struct play *p)
{
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "ann");
    must(p);
    engine_start(p->e, json_str(p->answer, "id", ""), "ann", on_answer, p);
    must(p);
}

UNUSED static int count_calls(const struct play *p, const char *call)
{
    int n = 0;
    for (int i = 0; i < p->n_calls; i++)
        n += strcmp(p->calls[i], call) == 0;
    return n;
}

/* How many events of this type are in the record of HF-1. */
UNUSED static int count_events(struct play *p, const char *type)
{
    struct error err;
    _cleanup_json_ json_t *events = engine_events(p->e, "HF-1", 0, 1000, &err);
    size_t i;
    json_t *ev;
    int n = 0;
    json_array_foreach(events, i, ev)
        n += str_eq(json_str(ev, "type", ""), type);
    return n;
}

#endif
