/* command_pipeline.c: the role "pipeline" by the team's own script.
 *
 * The script is started with "keep": it lives on when Signalbox ends, and whoever looks next finds it by the
 * files of its run (systems/command_run.h), so that it is started exactly once whatever crashes. Its output
 * marks stages and gates (systems/command_log.h). */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/command.h"
#include "systems/drivers.h"
#include "systems/pipeline.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGV_MAX = 100, SCRIPTS_MAX = 100 };

const char *command_folder(const struct yaml *config, const char *file, struct arena *a)
{
    const char *cwd = config_str(config, "cwd", NULL), *slash = file ? strrchr(file, '/') : NULL;
    if (cwd && (*cwd == '/' || !slash))
        return arena_strdup(a, cwd);
    if (!slash)
        return NULL;
    return arena_printf(a, "%.*s%s", (int)(slash - file + 1), file, cwd ? cwd : "");
}

bool command_program_there(const char *cwd, const char *program)
{
    _cleanup_arena_ struct arena a = arena_make();
    if (strchr(program, '/'))
        return access(*program == '/' || !cwd ? program : arena_printf(&a, "%s/%s", cwd, program), X_OK) == 0;
    const char *path = getenv("PATH");
    for (char *p = arena_strdup(&a, path ? path : "/usr/bin:/bin"), *save = NULL,
              *dir = strtok_r(p, ":", &save);
         dir; dir = strtok_r(NULL, ":", &save))
        if (access(arena_printf(&a, "%s/%s", dir, program), X_OK) == 0)
            return true;
    return false;
}

char *command_named_run(const struct command *c, const struct effect *e, struct arena *a)
{
    const char *build = json_str(e->args, "build", "");
    return run_id_ok(build) ? run_dir(c->root, build, a) : NULL;
}

struct task *command_no_such_run(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    return task_ends(s, done, ctx, OUTCOME_FAILED, "\"%.60s\" is no run of a script",
                     json_str(e->args, "build", ""));
}

/* --- answering, stopping ---------------------------------------------------------------------- */

static struct task *answer(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    (void)progress;
    const char *gate = json_str(e->args, "gate", "");
    char *dir = command_named_run((struct command *)s, e, &a);
    if (!dir || !run_gate_ok(gate))
        return command_no_such_run(s, e, done, ctx);
    if (run_answer(dir, gate, json_flag(e->args, "proceed", false), e->key, &err))
        return task_done(s, done, ctx, json_pack("{s:s}", "gate", gate));
    return task_ends(s, done, ctx, err.code == SB_STATE ? OUTCOME_FAILED : OUTCOME_RETRY, "%s", err.text);
}

struct stopping {
    struct flow flow;
    char *dir;
    int64_t kill_at; /* monotonic */
    bool killed;
};

static const char *end_status(const struct run_look *l)
{
    if (l->state == RUN_ENDED && l->status == 0)
        return STAGE_SUCCESS;
    return l->state == RUN_ENDED && !l->stopped ? STAGE_FAILED : STAGE_ABORTED;
}

static void stop_look(struct flow *f)
{
    struct stopping *t = (struct stopping *)f;
    struct run_look l = run_look(t->dir);
    if (l.state == RUN_CLAIMED && !run_void(t->dir)) {
        flow_wait(f, 10, stop_look);
        return;
    }
    if (l.state != RUN_ALIVE) {
        flow_done(f, json_pack("{s:s}", "status", end_status(&l)));
        return;
    }
    if (!l.stopped) {
        run_signal(t->dir, &l, SIGTERM);
    } else if (loop_mono_ms() >= t->kill_at && !t->killed) {
        run_signal(t->dir, &l, SIGKILL);
        t->killed = true;
    }
    flow_wait(f, 50, stop_look);
}

static struct task *stop(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    struct command *c = (struct command *)s;
    _cleanup_arena_ struct arena a = arena_make();
    char *dir = command_named_run(c, e, &a);
    if (!dir || run_look(dir).state == RUN_NONE)
        return command_no_such_run(s, e, done, ctx);
    struct stopping *t = flow_new(sizeof *t, s, NULL, e, done, progress, ctx);
    t->dir = arena_strdup(&t->flow.arena, dir);
    t->kill_at = loop_mono_ms() + c->grace_ms;
    flow_wait(&t->flow, 0, stop_look);
    return &t->flow.task;
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void visit(struct flow *f)
{
    struct command *c = (struct command *)f->system;
    struct check checks[3];
    int n = 0;
    const char *program = c->run.n ? c->run.argv[0] : NULL;
    if (!program && c->n_pipelines == 0)
        checks[n++] = (struct check){CHECK_WARN, "script",
                                     "none is configured (systems: pipeline: run): nothing can be deployed"};
    else if (program)
        checks[n++] =
            command_program_there(c->cwd, program)
                ? (struct check){CHECK_OK, "may run the script", program}
                : (struct check){CHECK_FAIL, "may run the script",
                                 arena_printf(&f->arena, "%s is not there, or may not be run", program)};
    bool writable = f->system->around->state_dir && access(f->system->around->state_dir, W_OK) == 0;
    checks[n++] =
        (struct check){writable ? CHECK_OK : CHECK_FAIL, "may keep runs in the state folder",
                       f->system->around->state_dir ? f->system->around->state_dir : "there is none"};
    flow_checked(f, checks, n);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    flow_wait(flow_visit(sizeof(struct flow), s, NULL, done, ctx), 0, visit);
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool read_argv(struct command *c, const struct yaml *y, const char *file, struct script *out,
                      struct error *err)
{
    if (y->kind == YAML_SCALAR)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "expected a list of arguments, as in [./deploy.sh, '{client}']: there is no shell to "
                        "take a line apart");
    if (y->kind != YAML_LIST || y->n == 0 || y->n > ARGV_MAX)
        return error_at(err, SB_PARSE, file, y->line, y->column, "expected a list of 1 to %d arguments",
                        ARGV_MAX);
    out->argv = ARENA_ARRAY(&c->arena, (size_t)y->n, const char *);
    for (int i = 0; i < y->n; i++) {
        if (y->items[i]->kind != YAML_SCALAR)
            return error_at(err, SB_PARSE, file, y->items[i]->line, y->items[i]->column, "expected a text");
        out->argv[out->n++] = arena_strdup(&c->arena, y->items[i]->text);
    }
    return true;
}

static bool read_scripts(struct command *c, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *run = yaml_get(config, "run"), *map = yaml_get(config, "pipelines");
    if (run && !read_argv(c, run, file, &c->run, err))
        return false;
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > SCRIPTS_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "pipelines: expected a map of name to arguments");
    c->pipelines = ARENA_ARRAY(&c->arena, (size_t)map->n, struct script);
    for (int i = 0; i < map->n; i++) {
        struct script *p = &c->pipelines[c->n_pipelines++];
        p->name = arena_strdup(&c->arena, map->keys[i]->text);
        if (!read_argv(c, map->items[i], file, p, err))
            return false;
    }
    return true;
}

static void close_system(struct system *s)
{
    struct command *c = (struct command *)s;
    tasks_cancel(s);
    while (c->children) {
        struct child *child = c->children;
        c->children = child->next;
        process_free(child->process);
        free(child);
    }
    arena_free(&c->arena);
    free(c);
}

/* The script runs in a folder of its own choosing, and finds its run from there. */
static char *runs_root(const char *state_dir, struct arena *a)
{
    char here[PATH_MAX] = "";
    if (state_dir && *state_dir != '/' && getcwd(here, sizeof here))
        return arena_printf(a, "%s/%s/commands", here, state_dir);
    return arena_printf(a, "%s/commands", state_dir ? state_dir : "");
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct command *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->system = (struct system){.driver = d, .name = d->name, .around = around};
    c->arena = arena_make();
    c->root = runs_root(around->state_dir, &c->arena);
    c->cwd = command_folder(config, file, &c->arena);
    c->several_machines = str_eq(config_str(config, "several_machines", "false"), "true");
    if (read_scripts(c, config, file, err) &&
        config_duration(config, file, "grace", SECONDS(10), &c->grace_ms, err))
        return &c->system;
    close_system(&c->system);
    return NULL;
}

static const char *const keys[] = {"run", "pipelines", "cwd", "grace", "several_machines", NULL};

const struct driver command_pipeline_driver = {
    .role = ROLE_PIPELINE,
    .name = "command",
    .says = "runs the team's own script, once, and follows it whatever becomes of Signalbox",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"start", command_start, command_find_start, false},
            {"watch", command_watch, NULL, false},
            {"answer", answer, NULL, true},
            {"stop", stop, NULL, true},
        },
};
