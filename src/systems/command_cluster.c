/* command_cluster.c: the role "cluster" by the team's own script, for services that run in no cluster.
 *
 * The script prints one line for each instance that runs: SERVICE VERSION [STATE [MESSAGE]]. STATE is "ready"
 * (also when it is left out), "failed" when it will not get better by itself, or any other word while it may
 * ("starting"). An empty line, and one that begins with #, says nothing. An exit status other than 0 means
 * that the script could not look. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "net/process.h"
#include "systems/cluster.h"
#include "systems/command.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include "systems/flow.h"
#include <stdlib.h>
#include <string.h>

enum { ARGV_MAX = 100, INSTANCES_MAX = 5000, OUTPUT_MAX = 1 << 20, WORD_MAX = 256, SETTLE_LOOKS = 2 };

struct command_cluster {
    struct system system;
    struct arena arena;
    const char **run;
    int n;
    const char *cwd;
    int64_t timeout_ms;
};

/* --- one look ------------------------------------------------------------------------------ */

struct look {
    struct flow flow;
    struct process *process;
    void (*then)(struct look *l); /* `instances` or `error` are there */
    json_t *instances;            /* [{service, tag, state, says}]; NULL: the script could not look */
    struct error error;
    int looks_failed; /* in a row with an instance that has failed: one look may meet a restart */
};

static struct command_cluster *of(const struct look *l)
{
    return (struct command_cluster *)l->flow.system;
}

static void look_free(struct flow *f)
{
    struct look *l = (struct look *)f;
    process_free(l->process);
    json_decref(l->instances);
}

/* The next word of the line, cut off behind it; NULL at its end. */
static char *word(char **rest)
{
    char *at = *rest + strspn(*rest, " \t\r");
    size_t n = strcspn(at, " \t\r");
    if (n == 0)
        return NULL;
    *rest = at[n] ? at + n + 1 : at + n;
    at[n] = '\0';
    return at;
}

static bool read_line(struct look *l, char *line, int number)
{
    char *service = word(&line), *tag = service ? word(&line) : NULL, *state = tag ? word(&line) : NULL;
    if (!service || service[0] == '#')
        return true;
    if (!tag || strlen(service) > WORD_MAX || strlen(tag) > WORD_MAX)
        return error_set(&l->error, SB_PARSE,
                         "line %d of %s: expected SERVICE VERSION [STATE [MESSAGE]], found \"%.80s\"", number,
                         of(l)->run[0], service);
    if (json_array_size(l->instances) == INSTANCES_MAX)
        return error_set(&l->error, SB_LIMIT, "%s lists more than %d instances", of(l)->run[0],
                         INSTANCES_MAX);
    char *says = str_trim(line);
    json_array_append_new(l->instances, json_pack("{s:s, s:s, s:s, s:s}", "service", service, "tag", tag,
                                                  "state", state ? state : "ready", "says", says));
    return true;
}

static bool read_output(struct look *l, const struct process_end *end)
{
    if (!str_is_utf8(end->out, end->out_len))
        return error_set(&l->error, SB_PARSE, "%s: its output is not UTF-8", of(l)->run[0]);
    char *text = arena_strndup(&l->flow.arena, end->out, end->out_len);
    int number = 0;
    for (char *line = text; line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!read_line(l, line, ++number))
            return false;
        line = next;
    }
    return true;
}

/* The last line that the script wrote to its standard error. */
static const char *last_words(const struct process_end *end, struct arena *a)
{
    char *text = arena_strdup(a, end->err_tail ? end->err_tail : "");
    text = str_trim(text);
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    return str_is_utf8(line, strlen(line)) ? line : "";
}

static void looked(void *ctx, const struct process_end *end)
{
    struct look *l = ctx;
    l->process = NULL;
    json_decref(l->instances);
    l->instances = json_array();
    l->error = ERROR_NONE;
    bool ok = false;
    if (end->timed_out)
        error_set(&l->error, SB_NET, "%s did not end in time", of(l)->run[0]);
    else if (end->status != 0)
        error_set(&l->error, SB_REMOTE, "%s ended with status %d: %.300s", of(l)->run[0], end->status,
                  last_words(end, &l->flow.arena));
    else
        ok = read_output(l, end);
    if (!ok) {
        json_decref(l->instances);
        l->instances = NULL;
    }
    l->then(l);
}

static const char **script_argv(struct look *l)
{
    struct arena *a = &l->flow.arena;
    const json_t *args = l->flow.effect.args;
    const struct fill values[] = {
        {"client", json_str(args, "client", "")}, {"env", json_str(args, "env", "")}, {NULL, NULL}};
    const char **argv = ARENA_ARRAY(a, (size_t)of(l)->n + 1, const char *);
    for (int i = 0; i < of(l)->n; i++)
        argv[i] = fill(of(l)->run[i], values, fill_plain, a);
    return argv;
}

static void look_begin(struct flow *f)
{
    struct look *l = (struct look *)f;
    struct command_cluster *c = of(l);
    const json_t *args = l->flow.effect.args;
    const char *env[] = {arena_printf(&f->arena, "SIGNALBOX_CLIENT=%s", json_str(args, "client", "")),
                         arena_printf(&f->arena, "SIGNALBOX_ENV=%s", json_str(args, "env", "")), NULL};
    const struct process_options o = {.argv = script_argv(l),
                                      .env = env,
                                      .cwd = c->cwd,
                                      .timeout_ms = (int)c->timeout_ms,
                                      .output_max = OUTPUT_MAX};
    l->process = process_start(c->system.around->loop, &o, looked, l, &l->error);
    if (!l->process)
        flow_ends(f, OUTCOME_FAILED, l->error.code, "%s", l->error.text);
}

static struct look *look_new(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx, void (*then)(struct look *l))
{
    struct look *l = flow_new(sizeof *l, s, NULL, e, done, progress, ctx);
    l->flow.on_free = look_free;
    l->then = then;
    flow_wait(&l->flow, 0, look_begin);
    return l;
}

/* --- versions ------------------------------------------------------------------------------ */

static bool is_asked(const json_t *services, const char *name)
{
    size_t i;
    json_t *one;
    if (json_array_size(services) == 0)
        return true;
    json_array_foreach((json_t *)services, i, one)
        if (str_eq(json_is_string(one) ? json_string_value(one) : json_str(one, "service", ""), name))
            return true;
    return false;
}

static void count(json_t *counts, const char *key)
{
    json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

static json_t *versions_of(struct look *l)
{
    const json_t *asked = json_object_get(l->flow.effect.args, "services");
    _cleanup_json_ json_t *counted = json_object(), *images = json_object();
    json_t *services = json_object(), *mixed = json_object(), *one;
    size_t i;
    json_array_foreach(l->instances, i, one) {
        const char *service = json_str(one, "service", ""), *tag = json_str(one, "tag", "");
        if (!is_asked(asked, service))
            continue;
        if (!json_object_get(counted, service))
            json_object_set_new(counted, service, json_object());
        count(json_object_get(counted, service), tag);
        count(images, arena_printf(&l->flow.arena, "%s:%s", service, tag));
    }
    cluster_versions_of(counted, services, mixed);
    return json_pack("{s:o, s:o, s:o}", "services", services, "mixed", mixed, "images",
                     image_table(images, NULL));
}

static void versions_seen(struct look *l)
{
    if (l->instances)
        flow_done(&l->flow, versions_of(l));
    else
        flow_ends(&l->flow, OUTCOME_RETRY, l->error.code, "%s", l->error.text);
}

static struct task *versions(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    return &look_new(s, e, done, progress, ctx, versions_seen)->flow.task;
}

/* --- verify -------------------------------------------------------------------------------- */

/* What one service of the change is like. */
static json_t *service_state(const struct look *l, const char *service, const char *tag, json_t *pods,
                             json_t *problems)
{
    int wanted = 0, ready = 0;
    const char *runs = "", *other = NULL;
    size_t i;
    json_t *one;
    json_array_foreach(l->instances, i, one) {
        const char *state = json_str(one, "state", ""), *found = json_str(one, "tag", "");
        if (!str_eq(json_str(one, "service", ""), service))
            continue;
        bool is_ready = str_eq(state, "ready"), is_at_tag = str_eq(found, tag);
        runs = found;
        other = is_at_tag ? other : found;
        ready += is_ready && is_at_tag;
        wanted++;
        if (json_array_size(pods) < CLUSTER_PODS_SHOWN)
            json_array_append_new(pods,
                                  json_pack("{s:o, s:s, s:s, s:b, s:i, s:s}", "pod",
                                            json_sprintf("%s #%d", service, wanted), "service", service,
                                            "tag", found, "ready", is_ready, "restarts", 0, "state", state));
        if (is_at_tag && str_eq(state, "failed"))
            json_array_append_new(problems,
                                  json_pack("{s:s, s:o, s:s, s:s, s:s}", "service", service, "pod",
                                            json_sprintf("%s #%d", service, wanted), "reason", state,
                                            "message", json_str(one, "says", ""), "log", ""));
    }
    bool done = wanted > 0 && ready == wanted;
    json_t *says = wanted == 0 ? json_string("no instance runs")
                   : other     ? json_sprintf("%s still runs", other)
                   : done      ? json_string("all ready")
                               : json_sprintf("%d of %d ready", ready, wanted);
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:o}", "service", service, "tag", tag, "runs",
                     other ? other : runs, "ready", ready, "wanted", wanted, "done", done, "says", says);
}

static json_t *verified_view(struct look *l, bool *done)
{
    json_t *services = json_array(), *pods = json_array(), *problems = json_array(), *one;
    size_t i;
    *done = true;
    json_array_foreach(json_object_get(l->flow.effect.args, "services"), i, one) {
        json_t *state =
            service_state(l, json_str(one, "service", ""), json_str(one, "tag", ""), pods, problems);
        *done = *done && json_flag(state, "done", false);
        json_array_append_new(services, state);
    }
    return json_pack("{s:o, s:o, s:o}", "services", services, "pods", pods, "problems", problems);
}

static void pause_then_look(struct look *l)
{
    flow_wait(&l->flow, flow_pause(&l->flow, l->flow.system->around->poll_ms, 10), look_begin);
}

static void failed(struct look *l, json_t *view)
{
    struct outcome o = {.kind = OUTCOME_FAILED, .result = view};
    error_set(&o.error, SB_REMOTE, "%s has failed: %.300s", json_str(view, "problems.0.pod", "an instance"),
              json_str(view, "problems.0.message", ""));
    flow_end(&l->flow, &o);
}

static void verify_seen(struct look *l)
{
    bool done = false;
    /* A script that cannot look now is asked again: the step's own time limit ends that. */
    _cleanup_json_ json_t *view = l->instances ? verified_view(l, &done)
                                               : json_pack("{s:[], s:[], s:[], s:s}", "services", "pods",
                                                           "problems", "says", l->error.text);
    bool is_failed = json_array_size(json_object_get(view, "problems")) > 0;
    l->looks_failed = is_failed ? l->looks_failed + 1 : 0;
    if (l->instances && (done || json_flag(l->flow.effect.args, "once", false)))
        flow_done(&l->flow, json_incref(view));
    else if (l->looks_failed >= SETTLE_LOOKS)
        failed(l, view);
    else if (flow_tell(&l->flow, view))
        pause_then_look(l);
}

static struct task *verify(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    return &look_new(s, e, done, progress, ctx, verify_seen)->flow.task;
}

/* --- doctor -------------------------------------------------------------------------------- */

static void checked(struct look *l)
{
    struct check c = {CHECK_FAIL, "may look at what runs", l->error.text};
    if (l->instances)
        c = (struct check){CHECK_OK, "may look at what runs",
                           arena_printf(&l->flow.arena, "%s lists %zu instances", of(l)->run[0],
                                        json_array_size(l->instances))};
    flow_checked(&l->flow, &c, 1);
}

static void check_begin(struct flow *f)
{
    struct look *l = (struct look *)f;
    struct command_cluster *c = of(l);
    if (command_program_there(c->cwd, c->run[0])) {
        look_begin(f);
        return;
    }
    struct check missing = {CHECK_FAIL, "may run the script",
                            arena_printf(&f->arena, "%s is not there, or may not be run", c->run[0])};
    flow_checked(f, &missing, 1);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct look *l = flow_visit(sizeof *l, s, NULL, done, ctx);
    l->flow.on_free = look_free;
    l->then = checked;
    flow_wait(&l->flow, 0, check_begin);
}

/* --- configuration ------------------------------------------------------------------------- */

static void close_system(struct system *s)
{
    struct command_cluster *c = (struct command_cluster *)s;
    tasks_cancel(s);
    arena_free(&c->arena);
    free(c);
}

static bool read_run(struct command_cluster *c, const struct yaml *config, const char *file,
                     struct error *err)
{
    const struct yaml *run = yaml_get(config, "run");
    int line = run ? run->line : config ? config->line : 0;
    if (!run || run->kind != YAML_LIST || run->n == 0 || run->n > ARGV_MAX)
        return error_at(
            err, run ? SB_PARSE : SB_MISSING, file, line, run ? run->column : 0,
            "cluster: run: expected the script as a list of 1 to %d arguments, as in [./version.sh, "
            "'{client}']",
            ARGV_MAX);
    c->run = ARENA_ARRAY(&c->arena, (size_t)run->n, const char *);
    for (int i = 0; i < run->n; i++) {
        if (run->items[i]->kind != YAML_SCALAR)
            return error_at(err, SB_PARSE, file, run->items[i]->line, run->items[i]->column,
                            "expected a text");
        c->run[c->n++] = arena_strdup(&c->arena, run->items[i]->text);
    }
    return true;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct command_cluster *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->system = (struct system){.driver = d, .name = d->name, .around = around};
    c->arena = arena_make();
    c->cwd = command_folder(config, file, &c->arena);
    if (read_run(c, config, file, err) &&
        config_duration(config, file, "timeout", SECONDS(30), &c->timeout_ms, err))
        return &c->system;
    close_system(&c->system);
    return NULL;
}

static const char *const keys[] = {"run", "cwd", "timeout", NULL};

const struct driver command_cluster_driver = {
    .role = ROLE_CLUSTER,
    .name = "command",
    .says = "runs the team's own script, which lists what runs at which version",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"versions", versions, NULL, false},
            {"verify", verify, NULL, false},
        },
};
