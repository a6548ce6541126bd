#include "net/process.h"
#include "base/buf.h"
#include "net/alloc.h"
#include "net/process_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OUTPUT_MAX_DEFAULT = 1 << 20,
    TIMEOUT_GRACE_MS = 5000,
    /* After the child's end its pipes may be open still, in the hands of somebody it started in the
       background. */
    DRAIN_MS = 200,
    TAIL_EVERY_MS = 100,
    GROUP_EVERY_MS = 20,
};

struct process {
    struct loop *loop;
    uv_process_t uv;
    int pid; /* and process group */
    bool keep;
    size_t output_max;
    void (*on_line)(void *ctx, bool is_stderr, const char *line);
    void (*done)(void *ctx, const struct process_end *end);
    void *ctx;

    struct output out, err;
    uv_pipe_t *in;

    struct timer *timeout, *kill, *look; /* look: at files, at the group, at the end of draining */
    struct loop_end *at_end;
    bool has_handle; /* libuv knows `uv` */
    bool exited, draining, drained, stopping, killed, timed_out;
    bool forgotten; /* by its owner */
    bool telling;
    int status, signal;
};

/* Outlives the process when that is dropped with bytes unwritten: libuv still owns the request then. */
struct input {
    uv_write_t uv;
    char text[];
};

struct loop *process_loop(const struct process *p)
{
    return p->loop;
}

size_t process_output_max(const struct process *p)
{
    return p->output_max;
}

bool process_forgotten(const struct process *p)
{
    return p->forgotten;
}

void process_line(struct process *p, bool is_stderr, const char *line)
{
    if (p->on_line != NULL && !p->forgotten)
        p->on_line(p->ctx, is_stderr, line);
}

int process_pid(const struct process *p)
{
    return p->pid;
}

/* ---- the end ---- */

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void close_input(struct process *p)
{
    if (p->in == NULL)
        return;
    p->in->data = NULL;
    uv_close((uv_handle_t *)p->in, free_handle);
    p->in = NULL;
}

static void free_process(struct process *p)
{
    output_free(&p->out);
    output_free(&p->err);
    free(p);
}

static void on_process_closed(uv_handle_t *h)
{
    free_process(h->data);
}

/* Memory lives until libuv has let go of the handles, which is after every call that is on the stack now. */
static void destroy(struct process *p)
{
    timer_cancel(p->timeout);
    timer_cancel(p->kill);
    timer_cancel(p->look);
    loop_end_drop(p->at_end);
    p->at_end = NULL;
    close_input(p);
    output_close(&p->out);
    output_close(&p->err);
    if (p->has_handle)
        uv_close((uv_handle_t *)&p->uv, on_process_closed);
    else
        free_process(p);
}

static bool group_lives(const struct process *p)
{
    return kill(-p->pid, 0) == 0 || errno == EPERM;
}

static void tell(struct process *p)
{
    output_finish(&p->out);
    output_finish(&p->err);
    p->telling = true;
    if (!p->forgotten) {
        const char *tail = buf_str(&p->err.kept);
        struct process_end end = {
            .status = p->signal != 0 ? -1 : p->status,
            .signal = p->signal,
            .timed_out = p->timed_out,
            .out = buf_str(&p->out.kept),
            .out_len = p->out.kept.len,
            .err_tail = p->err.kept.len > 4096 ? tail + p->err.kept.len - 4096 : tail,
        };
        p->done(p->ctx, &end);
    }
    destroy(p);
}

static void on_look(void *ctx);

static void look_again(struct process *p, int ms)
{
    if (p->look == NULL)
        p->look = timer_start(p->loop, ms, on_look, p);
}

/* Is all over? The child has ended; so has its group, when that was told to; and its output was read. */
static void settle(struct process *p)
{
    if (!p->exited)
        return;
    if (p->stopping && !p->killed && group_lives(p)) {
        look_again(p, GROUP_EVERY_MS);
        return;
    }
    bool piped = (p->out.pipe != NULL || p->err.pipe != NULL) && !p->forgotten;
    if (piped && !p->drained) {
        p->draining = true;
        look_again(p, DRAIN_MS);
        return;
    }
    tell(p);
}

static void on_look(void *ctx)
{
    struct process *p = ctx;
    p->look = NULL;
    if (!p->forgotten) {
        output_read_file(&p->out);
        output_read_file(&p->err);
    }
    if (p->exited) {
        p->drained = p->draining;
        settle(p);
    } else if (p->keep && !p->forgotten) {
        look_again(p, TAIL_EVERY_MS);
    }
}

/* Both ends of the output and of the child come in any order. */
void process_output_ended(struct process *p)
{
    if (!p->exited || p->out.pipe != NULL || p->err.pipe != NULL)
        return;
    timer_cancel(p->look);
    p->look = NULL;
    settle(p);
}

static void on_exit_seen(uv_process_t *uv, int64_t status, int signum)
{
    struct process *p = uv->data;
    p->exited = true;
    p->status = (int)status;
    p->signal = signum;
    timer_cancel(p->timeout);
    p->timeout = NULL;
    timer_cancel(p->look);
    p->look = NULL;
    settle(p);
}

/* ---- stopping ---- */

static void on_kill(void *ctx)
{
    struct process *p = ctx;
    p->kill = NULL;
    p->killed = true;
    kill(-p->pid, SIGKILL);
    if (p->exited) {
        timer_cancel(p->look);
        p->look = NULL;
        settle(p);
    }
}

void process_stop(struct process *p, int grace_ms)
{
    /* Once the child was waited for, its number may be somebody else's: only a group known to live is
     * signalled. */
    if (p->exited && !(p->stopping && group_lives(p)))
        return;
    p->stopping = true;
    kill(-p->pid, SIGTERM);
    timer_cancel(p->kill);
    p->kill = timer_start(p->loop, grace_ms, on_kill, p);
}

static void on_timeout(void *ctx)
{
    struct process *p = ctx;
    p->timeout = NULL;
    p->timed_out = true;
    process_stop(p, TIMEOUT_GRACE_MS);
}

static void on_loop_end(void *ctx)
{
    struct process *p = ctx;
    p->at_end = NULL; /* the loop drops it */
    destroy(p);
}

void process_free(struct process *p)
{
    if (p == NULL || p->telling || p->forgotten)
        return;
    p->forgotten = true;
    timer_cancel(p->timeout);
    p->timeout = NULL;
    close_input(p);
    output_close(&p->out);
    output_close(&p->err);
    p->at_end = loop_at_end(p->loop, on_loop_end, p);
    if (p->keep && !p->stopping)
        uv_unref((uv_handle_t *)&p->uv);
    else if (!p->stopping)
        process_stop(p, TIMEOUT_GRACE_MS);
    /* From inside its own callbacks it must not go at once; what is left of it goes in the next round. */
    if (p->exited) {
        timer_cancel(p->look);
        p->look = timer_start(p->loop, 0, on_look, p);
    }
}

/* ---- the beginning ---- */

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && b[n] == '=' && a[n] == '=';
}

static bool overridden(const char *entry, const char *const *by)
{
    for (; *by != NULL; by++) {
        if (same_name(*by, entry))
            return true;
    }
    return false;
}

/* Ours, with `added` in the place of entries of the same names. */
static char **merged_environment(const char *const *added)
{
    size_t ours = 0, more = 0, n = 0;
    while (environ[ours] != NULL)
        ours++;
    while (added[more] != NULL)
        more++;
    char **env = net_alloc((ours + more + 1) * sizeof *env);
    for (size_t i = 0; i < ours; i++) {
        if (!overridden(environ[i], added))
            env[n++] = environ[i];
    }
    for (size_t i = 0; i < more; i++)
        env[n++] = (char *)(uintptr_t)added[i];
    return env;
}

static void on_written(uv_write_t *w, int status)
{
    (void)status; /* a child that does not read its input is its own affair */
    if (w->handle->data != NULL)
        close_input(w->handle->data);
    free(w->data);
}

static void write_input(struct process *p, const char *text)
{
    if (p->in == NULL)
        return;
    size_t n = strlen(text);
    struct input *in = net_alloc(sizeof *in + n + 1);
    memcpy(in->text, text, n);
    in->uv.data = in;
    uv_buf_t b = uv_buf_init(in->text, (unsigned)n);
    if (uv_write(&in->uv, (uv_stream_t *)p->in, &b, 1, on_written) != 0) {
        free(in);
        close_input(p);
    }
}

static bool open_input(struct process *p, const char *input, int *child_end, struct error *err)
{
    if (input == NULL)
        return true;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(err, errno, "open a pipe");
    p->in = NET_NEW(uv_pipe_t);
    uv_pipe_init(loop_uv(p->loop), p->in, 0);
    uv_pipe_open(p->in, ends[1]);
    p->in->data = p;
    *child_end = ends[0];
    return true;
}

/* A folder that is missing would be reported as if the command were. */
static bool check_folder(const char *cwd, struct error *err)
{
    struct stat st;
    if (cwd == NULL || (stat(cwd, &st) == 0 && S_ISDIR(st.st_mode)))
        return true;
    return error_set(err, SB_IO, "%s is no folder to work in", cwd);
}

static bool spawn(struct process *p, const struct process_options *o, const int child_ends[3],
                  struct error *err)
{
    uv_stdio_container_t stdio[3];
    for (int i = 0; i < 3; i++) {
        stdio[i].flags = child_ends[i] >= 0 ? UV_INHERIT_FD : UV_IGNORE; /* ignored = /dev/null */
        stdio[i].data.fd = child_ends[i];
    }
    char **merged = o->only_env == NULL && o->env != NULL ? merged_environment(o->env) : NULL;
    uv_process_options_t options = {
        .exit_cb = on_exit_seen,
        .file = o->argv[0],
        .args = (char **)(uintptr_t)o->argv,
        .env = o->only_env != NULL ? (char **)(uintptr_t)o->only_env : merged,
        .cwd = o->cwd,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    p->has_handle = true; /* also when it fails */
    int rc = uv_spawn(loop_uv(p->loop), &p->uv, &options);
    free(merged);
    p->uv.data = p;
    if (rc == UV_ENOENT)
        return error_set(err, SB_IO, "run %s: there is no such command", o->argv[0]);
    if (rc != 0)
        return error_set(err, SB_IO, "run %s: %s", o->argv[0], uv_strerror(rc));
    p->pid = p->uv.pid;
    return true;
}

struct process *process_start(struct loop *l, const struct process_options *o,
                              void (*done)(void *ctx, const struct process_end *end), void *ctx,
                              struct error *err)
{
    if (o->argv == NULL || o->argv[0] == NULL || o->argv[0][0] == '\0') {
        error_set(err, SB_MISSING, "no command to run was given");
        return NULL;
    }
    if (!check_folder(o->cwd, err))
        return NULL;
    struct process *p = NET_NEW(struct process);
    p->loop = l;
    p->keep = o->keep;
    p->output_max = o->output_max > 0 ? o->output_max : OUTPUT_MAX_DEFAULT;
    p->on_line = o->on_line;
    p->done = done;
    p->ctx = ctx;
    p->out.file = p->err.file = -1;
    int child_ends[3] = {-1, -1, -1};
    bool started = open_input(p, o->input, &child_ends[0], err) &&
                   output_open(&p->out, p, false, o->keep, &child_ends[1], err) &&
                   output_open(&p->err, p, true, o->keep, &child_ends[2], err);
    started = started && spawn(p, o, child_ends, err);
    for (int i = 0; i < 3; i++) {
        if (child_ends[i] >= 0)
            close(child_ends[i]);
    }
    if (!started) {
        destroy(p);
        return NULL;
    }
    output_listen(&p->out);
    output_listen(&p->err);
    write_input(p, o->input);
    if (o->timeout_ms > 0)
        p->timeout = timer_start(l, o->timeout_ms, on_timeout, p);
    if (p->keep)
        look_again(p, TAIL_EVERY_MS);
    return p;
}
