/* Dies at every instant it can name, begins again, and nothing is done twice or lost. Needs a build with
 * crash points. */
#include "engine_play.h"

#include <fcntl.h>
#include <sys/wait.h>

#define FENCE      "```"
#define STEP(text) FENCE "step\n" text FENCE "\n\n"

static const char page[] = "---\ntitle: Play\n---\n# Play\n\n" STEP(
    "id: tell\ndo: chat.post\nwith: {channels: [ops], text: Hello}\n")
    STEP("id: health\ndo: health.watch\nwith: {services: [cart]}\n")
        STEP("id: note\ndo: change.note\nwith: {text: noted}\n")
            STEP("id: build\ndo: pipeline.start\nwith: {client: acme, env: prod, services: []}\n")
                STEP("id: watch\ndo: pipeline.watch\nwith: {build: \"{{ steps.build.build }}\"}\ngate: "
                     "{question: \"Proceed?\"}\n") STEP("id: report\ndo: change.report\n");

/* --- an outside world that outlives the process: one file an effect
 * ------------------------------------------------------------------ */

static void world_path(const char *key, char *out, size_t n)
{
    snprintf(out, n, "%s/did-%s", the_play->dir, key);
    for (char *c = out + strlen(the_play->dir) + 1; *c; c++)
        if (*c == '/')
            *c = '_';
}

static int times_done(const char *key)
{
    char path[160];
    struct stat st;
    world_path(key, path, sizeof path);
    return stat(path, &st) == 0 ? (int)st.st_size : 0;
}

static struct task *world_perform(struct system *s, const struct effect *e, outcome_fn *done,
                                  progress_fn *progress, void *ctx)
{
    char path[160];
    (void)progress;
    world_path(e->key, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    return task_done(s, done, ctx, json_pack("{s:s, s:s}", "id", "x1", "build", "b1"));
}

static struct task *world_find(struct system *s, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    (void)progress;
    if (times_done(e->key) > 0)
        return task_done(s, done, ctx, json_pack("{s:s, s:s}", "id", "x1", "build", "b1"));
    return task_ends(s, done, ctx, OUTCOME_NOT_FOUND, "not there");
}

struct world_look {
    struct task task;
    struct timer *timer;
    outcome_fn *done;
    progress_fn *progress;
    void *ctx;
    int looks;
};

static void look_cancel(struct task *t)
{
    timer_cancel(((struct world_look *)t)->timer);
    free(t);
}

/* The pipeline pauses until it has been answered. */
static void world_look_on(void *ctx)
{
    struct world_look *l = ctx;
    l->timer = NULL;
    if (times_done("HF-1/watch.answer/1") == 0) {
        _cleanup_json_ json_t *view =
            json_pack("{s:s, s:{s:s, s:s}}", "status", "PAUSED", "gate", "id", "g1", "message", "Go on?");
        l->timer = timer_start(the_play->loop, 2, world_look_on, l);
        l->progress(l->ctx, view);
        return;
    }
    _cleanup_json_ json_t *result = json_pack("{s:s}", "status", "SUCCESS");
    const struct outcome o = {.kind = OUTCOME_DONE, .result = result};
    outcome_fn *done = l->done;
    void *done_ctx = l->ctx;
    task_leave(&l->task);
    free(l);
    done(done_ctx, &o);
}

static struct task *world_watch(struct system *s, const struct effect *e, outcome_fn *done,
                                progress_fn *progress, void *ctx)
{
    (void)e;
    struct world_look *l = calloc(1, sizeof *l);
    l->done = done;
    l->progress = progress;
    l->ctx = ctx;
    task_begin(s, &l->task, look_cancel);
    l->timer = timer_start(the_play->loop, 2, world_look_on, l);
    return &l->task;
}

static struct task *world_see(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    (void)e, (void)progress;
    return task_done(s, done, ctx, json_pack("{s:b}", "healthy", true));
}

static const struct driver world_chat = FAKE(ROLE_CHAT, {"post", world_perform, world_find, false});
static const struct driver world_pipeline =
    FAKE(ROLE_PIPELINE, {"start", world_perform, world_find, false}, {"watch", world_watch, NULL, false},
         {"answer", world_perform, world_find, false});
static const struct driver world_health = FAKE(ROLE_HEALTH, {"watch", world_see, NULL, false});
static const struct driver *const world[] = {&world_chat, &world_pipeline, &world_health, NULL};

/* --- lives
 * -----------------------------------------------------------------------------------------------------------------------------
 */

/* One life of the process: to the end of the change, or to its death. */
static void live(struct play *p, const char *crash)
{
    if (crash)
        setenv("SIGNALBOX_CRASH", crash, 1);
    else
        unsetenv("SIGNALBOX_CRASH");
    struct error err = ERROR_NONE;
    p->loop = loop_new();
    p->options.loop = p->loop;
    p->options.config = p->config;
    p->options.drivers = world;
    p->options.yes = true;
    p->options.yes_as = "ann";
    p->e = engine_open(&p->options, &err);
    if (!p->e)
        _exit(3);
    if (it_holds(p, "status is ended"))
        _exit(0);
    plan_as(p, "{\"sop\": \"play\", \"client\": \"acme\"}", "ann");
    must(p);
    engine_start(p->e, id, "ann", on_answer, p);
    went_well(p); /* refused when it is started already, or has ended */
    if (!run_until(p, it_holds, "status is ended"))
        _exit(4);
    store_flush(engine_store(p->e));
    passes(p, 20);
    _exit(0);
}

/* Lives again and again, the first `deaths` of them with the crash; how many it took. */
static int live_to_the_end(struct play *p, const char *crash, int deaths)
{
    for (int lives = 1; lives < 200; lives++) {
        int status;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            live(p, lives <= deaths ? crash : NULL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return lives;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("%s: life %d ended with status %x", crash, lives, (unsigned)status);
    }
    fail_msg("%s: no end", crash);
    return 0;
}

static void all_was_done_once(struct play *p, const char *crash)
{
    static const char *const keys[] = {"HF-1/tell/1", "HF-1/build/1", "HF-1/watch.answer/1"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (times_done(keys[i]) != 1)
            fail_msg("%s: %s was done %d times", crash, keys[i], times_done(keys[i]));
    p->options.yes = false;
    play_open_engine(p);
    assert_true(it_holds(p, "status is ended"));
    assert_int_equal(count_events(p, "change.noted"), 1);
    assert_int_equal(count_events(p, "step.answered"), 1);
}

static void it_dies_after_each_event_and_nothing_is_done_twice(void **state)
{
    (void)state;
    for (int n = 1; n <= 30; n++) {
        char crash[32];
        snprintf(crash, sizeof crash, "append:%d", n);
        struct play *p = play_begin(NULL, page);
        live_to_the_end(p, crash, 1);
        all_was_done_once(p, crash);
        play_end(p);
    }
}

static void it_dies_after_every_event_of_every_life_and_still_comes_to_its_end(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL, page);
    int lives = live_to_the_end(p, "every", 199);
    assert_true(lives > 15);
    all_was_done_once(p, "every");
    play_end(p);
}

static void it_dies_around_a_request_and_nothing_is_done_twice(void **state)
{
    (void)state;
    static const char *const crashes[] = {"sent:build",    "perform:tell",         "perform:build",
                                          "perform:watch", "perform:watch.answer", "perform:health"};
    for (size_t i = 0; i < COUNT_OF(crashes); i++) {
        struct play *p = play_begin(NULL, page);
        int lives = live_to_the_end(p, crashes[i], 3);
        if (!str_starts(crashes[i], "sent:"))
            assert_true(lives > 1);
        all_was_done_once(p, crashes[i]);
        play_end(p);
    }
}

int main(void)
{
#ifndef SB_CRASHPOINTS
    print_message("1..0 # SKIP this build has no crash points\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_dies_after_each_event_and_nothing_is_done_twice),
        cmocka_unit_test(it_dies_after_every_event_of_every_life_and_still_comes_to_its_end),
        cmocka_unit_test(it_dies_around_a_request_and_nothing_is_done_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
