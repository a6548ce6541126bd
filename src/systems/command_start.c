/* command_start.c: the script is started exactly once: claimed on the disk, then begun by a child that takes
 * its turn. */
#include "base/json.h"
#include "systems/command.h"
#include "systems/fill.h"
#include <stdlib.h>
#include <string.h>

enum { SERVICES_MAX = 200, BEGIN_MS = 10000 };

struct starting {
    struct flow flow;
    struct command *command;
    const struct script *script;
    char *build, *dir;
    int64_t until; /* monotonic: the child should have taken its turn by then */
    struct claiming *claiming;
};

/* Claiming syncs the disk, so it happens on the pool; what it needs is its own, because the flow may be gone
 * before it ends. */
struct claiming {
    struct starting *starting; /* NULL when cancelled */
    char *root, *key, *build;
    json_t *claim;
    struct error error;
};

static void starting_free(struct flow *f)
{
    struct starting *t = (struct starting *)f;
    if (t->claiming)
        t->claiming->starting = NULL;
}

static void claiming_free(struct claiming *c)
{
    free(c->root);
    free(c->key);
    free(c->build);
    json_decref(c->claim);
    free(c);
}

static void started(struct starting *t)
{
    flow_done(&t->flow, json_pack("{s:s, s:s}", "build", t->build, "url", ""));
}

static const struct script *script_for(struct command *c, const char *name)
{
    if (!name || !*name)
        return c->run.n ? &c->run : NULL;
    for (int i = 0; i < c->n_pipelines; i++)
        if (str_eq(c->pipelines[i].name, name))
            return &c->pipelines[i];
    return NULL;
}

static void child_gone(void *ctx, const struct process_end *end)
{
    struct child *c = ctx;
    (void)end; /* how it ended stands in its run's folder */
    if (c->prev)
        c->prev->next = c->next;
    else
        c->owner->children = c->next;
    if (c->next)
        c->next->prev = c->prev;
    free(c);
}

static const char **child_argv(struct starting *t)
{
    struct arena *a = &t->flow.arena;
    const json_t *args = t->flow.effect.args;
    const json_t *services = json_object_get(args, "services");
    bool one = json_array_size(services) == 1;
    const struct fill values[] = {{"client", json_str(args, "client", "")},
                                  {"env", json_str(args, "env", "")},
                                  {"key", t->flow.effect.key},
                                  {"service", one ? json_str(services, "0.service", "") : ""},
                                  {"tag", one ? json_str(services, "0.tag", "") : ""},
                                  {NULL, NULL}};
    const char **argv = ARENA_ARRAY(a, (size_t)t->script->n + 6, const char *);
    int n = 0;
    argv[n++] = "/bin/sh";
    argv[n++] = "-c";
    argv[n++] = run_wrapper;
    argv[n++] = "signalbox-run";
    argv[n++] = t->dir;
    for (int i = 0; i < t->script->n; i++)
        argv[n++] = fill(t->script->argv[i], values, fill_plain, a);
    return argv;
}

static const char **child_env(struct starting *t)
{
    struct arena *a = &t->flow.arena;
    const struct effect *e = &t->flow.effect;
    json_t *services = json_object_get(e->args, "services");
    const char **env = ARENA_ARRAY(a, 9 + 2 * json_array_size(services), const char *);
    char *list = json_canonical(services);
    int n = 0;
    env[n++] = arena_printf(a, "SIGNALBOX_CLIENT=%s", json_str(e->args, "client", ""));
    env[n++] = arena_printf(a, "SIGNALBOX_ENV=%s", json_str(e->args, "env", ""));
    env[n++] = arena_printf(a, "SIGNALBOX_KEY=%s", e->key);
    env[n++] = arena_printf(a, "SIGNALBOX_CHANGE=%s", e->change);
    env[n++] = arena_printf(a, "SIGNALBOX_RUN=%s", t->dir);
    env[n++] = arena_printf(a, "SIGNALBOX_GATE=%s/gate", t->dir);
    env[n++] = arena_printf(a, "SIGNALBOX_SERVICES=%s", list);
    free(list);
    size_t i;
    json_t *s;
    json_array_foreach(services, i, s) {
        env[n++] = arena_printf(a, "SIGNALBOX_SERVICE_%zu=%s", i + 1, json_str(s, "service", ""));
        env[n++] = arena_printf(a, "SIGNALBOX_TAG_%zu=%s", i + 1, json_str(s, "tag", ""));
    }
    return env;
}

/* Nothing ran and nothing will: only then may it be said that it failed. */
static void never_began(struct starting *t, enum outcome_kind kind, const char *why)
{
    if (run_void(t->dir))
        flow_ends(&t->flow, kind, SB_IO, "start %s: %s", t->script->argv[0], why);
    else
        started(t);
}

static void wait_for_turn(struct flow *f)
{
    struct starting *t = (struct starting *)f;
    struct run_look l = run_look(t->dir);
    if (l.state == RUN_ALIVE || l.state == RUN_ENDED || l.state == RUN_LOST)
        started(t);
    else if (loop_mono_ms() > t->until)
        never_began(t, OUTCOME_RETRY, "the shell did not begin in time");
    else
        flow_wait(f, 10, wait_for_turn);
}

static void spawn(struct starting *t)
{
    struct command *c = t->command;
    struct error err = ERROR_NONE;
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        abort();
    struct process_options o = {.argv = child_argv(t), .env = child_env(t), .cwd = c->cwd, .keep = true};
    child->process = process_start(c->system.around->loop, &o, child_gone, child, &err);
    if (!child->process) {
        free(child);
        never_began(t, OUTCOME_FAILED, err.text);
        return;
    }
    child->owner = c;
    child->next = c->children;
    if (child->next)
        child->next->prev = child;
    c->children = child;
    t->until = loop_mono_ms() + BEGIN_MS;
    flow_wait(&t->flow, 10, wait_for_turn);
}

static void claim_work(void *ctx)
{
    struct claiming *c = ctx;
    _cleanup_arena_ struct arena a = arena_make();
    const char *build = run_claim(c->root, c->key, c->claim, &a, &c->error);
    c->build = build ? strdup(build) : NULL;
}

static void claimed(void *ctx)
{
    struct claiming *c = ctx;
    struct starting *t = c->starting;
    if (t) {
        t->claiming = NULL;
        if (c->build) {
            t->build = arena_strdup(&t->flow.arena, c->build);
            t->dir = run_dir(c->root, c->build, &t->flow.arena);
            spawn(t);
        } else {
            flow_ends(&t->flow, OUTCOME_RETRY, c->error.code, "start %s: %s", t->script->argv[0],
                      c->error.text);
        }
    }
    claiming_free(c);
}

static void claim(struct starting *t)
{
    struct claiming *c = calloc(1, sizeof *c);
    const struct effect *e = &t->flow.effect;
    if (!c)
        abort();
    c->starting = t;
    t->claiming = c;
    c->root = strdup(t->command->root);
    c->key = strdup(e->key);
    c->claim = json_pack("{s:s, s:s, s:I, s:O}", "key", e->key, "change", e->change, "intended",
                         (json_int_t)e->intended_ms, "args", e->args);
    loop_work(t->flow.system->around->loop, claim_work, claimed, c);
}

/* A start of the same key that took place already is this start. One that has not begun is made void first,
 * so that its child, should it still come, runs nothing. */
static void begin_start(struct flow *f)
{
    struct starting *t = (struct starting *)f;
    char *newest = run_newest(t->command->root, f->effect.key, &f->arena);
    if (newest) {
        t->build = newest;
        t->dir = run_dir(t->command->root, newest, &f->arena);
        if (!run_void(t->dir)) {
            started(t);
            return;
        }
    }
    claim(t);
}

/* Values travel as arguments and environment: a NUL cannot, and whoever writes the script expects no line
 * breaks. */
static bool clean_values(const json_t *args)
{
    const json_t *services = json_object_get(args, "services");
    size_t i;
    json_t *s;
    if (strpbrk(json_str(args, "client", ""), "\n\r") || strpbrk(json_str(args, "env", ""), "\n\r"))
        return false;
    json_array_foreach((json_t *)services, i, s)
        if (strpbrk(json_str(s, "service", ""), "\n\r") || strpbrk(json_str(s, "tag", ""), "\n\r"))
            return false;
    return true;
}

static const char *wrong_start(struct command *c, const struct script *script, const json_t *args,
                               struct arena *a)
{
    const char *pipeline = json_str(args, "pipeline", "");
    size_t services = json_array_size(json_object_get(args, "services"));
    if (!script)
        return *pipeline ? arena_printf(a, "no pipeline \"%s\" is configured (systems: pipeline: pipelines)",
                                        pipeline)
                         : "no script is configured (systems: pipeline: run)";
    if (!c->system.around->state_dir)
        return "there is no state folder to keep the run in";
    if (services > SERVICES_MAX || !clean_values(args))
        return "client, env, services and tags must be single lines, and at most 200 services";
    for (int i = 0; i < script->n; i++)
        if (services != 1 && (fill_uses(script->argv[i], "service") || fill_uses(script->argv[i], "tag")))
            return arena_printf(
                a, "its argument \"%s\" names one service, and this change has %zu: use $SIGNALBOX_SERVICES",
                script->argv[i], services);
    if (!command_program_there(c->cwd, script->argv[0]))
        return arena_printf(a, "%s is not there, or may not be run", script->argv[0]);
    return NULL;
}

struct task *command_start(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    struct command *c = (struct command *)s;
    _cleanup_arena_ struct arena a = arena_make();
    const struct script *script = script_for(c, json_str(e->args, "pipeline", NULL));
    const char *wrong = wrong_start(c, script, e->args, &a);
    if (wrong)
        return task_ends(s, done, ctx, OUTCOME_FAILED, "start the script: %s", wrong);
    struct starting *t = flow_new(sizeof *t, s, NULL, e, done, progress, ctx);
    t->flow.on_free = starting_free;
    t->command = c;
    t->script = script;
    flow_wait(&t->flow, 0, begin_start);
    return &t->flow.task;
}

/* After a crash: it has begun, or it is made certain that it never will. */
struct task *command_find_start(struct system *s, const struct effect *e, outcome_fn *done,
                                progress_fn *progress, void *ctx)
{
    struct command *c = (struct command *)s;
    _cleanup_arena_ struct arena a = arena_make();
    (void)progress;
    char *build = run_newest(c->root, e->key, &a);
    if (!build)
        return c->several_machines
                   ? task_ends(s, done, ctx, OUTCOME_CANNOT_TELL,
                               "no run of this start is known on this machine; another may have it")
                   : task_ends(s, done, ctx, OUTCOME_NOT_FOUND, "no run of this start was ever claimed");
    if (run_void(run_dir(c->root, build, &a)))
        return task_ends(s, done, ctx, OUTCOME_NOT_FOUND, "the script had not begun, and now never will");
    return task_done(s, done, ctx, json_pack("{s:s, s:s}", "build", build, "url", ""));
}
