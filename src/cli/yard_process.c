#include "cli/yard_process.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/read.h"
#include "cli/command.h"
#include "cli/scenarios.h"

#include "yard/yard.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what was asked for
 * ---------------------------------------------------------------------------------------------------- */

json_t *yard_scenario_given(const struct args *a, struct error *err)
{
    const char *const *with, *file = opt(a, "scenario");
    int n = opt_list(a, "with", &with);
    _cleanup_json_ json_t *scenario = NULL;
    if (file && !(scenario = scenario_read(file, err)))
        return NULL;
    if (n > 0 && !scenario)
        scenario = json_object();
    for (int i = 0; i < n; i++) {
        const char *eq = strchr(with[i], '=');
        if (!eq || eq == with[i] || !eq[1]) {
            (void)error_set(err, SB_PARSE, "--with %s: write ROLE=SYSTEM, as in pager=pagerduty", with[i]);
            return NULL;
        }
        char *role = arena_strndup(a->arena, with[i], (size_t)(eq - with[i]));
        json_t *chosen = json_pack("{s:{s:s}}", "systems", role, eq + 1);
        json_merge_patch(scenario, chosen);
        json_decref(chosen);
    }
    return json_incref(scenario);
}

/* --- the yard's side
 * -------------------------------------------------------------------------------------------------------- */

static void parent_gone(uv_poll_t *poll, int status, int events)
{
    char byte;
    (void)events;
    if (status != 0 || read(poll->io_watcher.fd, &byte, 1) <= 0) {
        uv_poll_stop(poll);
        loop_stop(poll->data);
    }
}

static void stop(void *ctx, int signum)
{
    if (signum == SIGTERM) /* Ctrl-C is for the program that we serve; it ends us when it ends */
        loop_stop(ctx);
}

static bool write_whole(const char *path, const char *text, struct error *err)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return error_errno(err, errno, "write %s", path);
    bool ok = fputs(text, f) >= 0;
    ok = fclose(f) == 0 && ok;
    return ok ? true : error_errno(err, errno, "write %s", path);
}

static bool announce(struct yard *y, const char *secrets_dir, const char *config_file, int out_fd,
                     struct error *err)
{
    char *config = yard_configuration(y, secrets_dir, err);
    bool ok = config && write_whole(config_file, config, err);
    free(config);
    if (!ok)
        return false;
    _cleanup_json_ json_t *urls = yard_urls(y);
    char *text = json_dumps(urls, JSON_COMPACT);
    struct buf line = {0};
    buf_printf(&line, "%s\n", text);
    ok = write(out_fd, line.data, line.len) == (ssize_t)line.len;
    free(text);
    buf_free(&line);
    return ok ? true : error_errno(err, errno, "tell where the yard is");
}

/* Two yards must not keep one state: one whose program was killed a moment ago is waited for. */
static bool lock_state(const char *state_file, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    char *path = arena_printf(&a, "%s.lock", state_file);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return error_errno(err, errno, "lock %s", path);
    return true; /* held until the process ends */
}

int yard_run(const char *state_file, const char *secrets_dir, const char *config_file, const json_t *scenario,
             double speed, bool anew, int port, int out_fd, int life_fd)
{
    struct error err = ERROR_NONE;
    struct loop *loop = loop_new();
    const struct yard_options o = {.loop = loop,
                                   .state_file = state_file,
                                   .scenario = scenario,
                                   .speed = speed,
                                   .anew = anew,
                                   .port = port};
    bool ours = !state_file || lock_state(state_file, &err);
    struct yard *y = ours ? yard_open(&o, &err) : NULL;
    int status = EXIT_DONE;
    uv_poll_t life;
    if (!y || !announce(y, secrets_dir, config_file, out_fd, &err)) {
        status = complain(&err);
    } else {
        loop_signals(loop, stop, loop);
        if (life_fd >= 0) {
            uv_poll_init(loop_uv(loop), &life, life_fd);
            life.data = loop;
            uv_poll_start(&life, UV_READABLE, parent_gone);
        }
        loop_run(loop);
        if (life_fd >= 0)
            uv_close((uv_handle_t *)&life, NULL);
    }
    if (y)
        yard_close(y);
    loop_free(loop);
    return status;
}

/* --- our side
 * ----------------------------------------------------------------------------------------------------------------
 */

struct yard_process {
    pid_t pid;
    int life; /* the yard ends when this is closed, so also when we are killed */
    json_t *urls;
    char *config;
};

/* One line from the child, or why there is none. */
static json_t *read_urls(int fd, struct error *err)
{
    struct buf line = {0};
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            buf_add(&line, bytes, (size_t)n);
        if (line.len && line.data[line.len - 1] == '\n')
            break;
    }
    json_t *urls = line.len ? json_read(line.data, line.len, 1 << 20, "word of the yard", err) : NULL;
    if (line.len == 0)
        error_set(err, SB_IO, "the yard did not start; its words are above");
    buf_free(&line);
    return urls;
}

struct yard_process *yard_process_start(const char *dir, const json_t *scenario, double speed, bool anew,
                                        struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    int out[2], life[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(life, O_CLOEXEC) != 0) {
        error_errno(err, errno, "start the yard");
        return NULL;
    }
    const char *config = arena_printf(&a, "%s/signalbox.yaml", dir);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        error_errno(err, errno, "start the yard");
        return NULL;
    }
    if (pid == 0) {
        close(out[0]);
        close(life[1]);
        _exit(yard_run(arena_printf(&a, "%s/yard.json", dir), arena_printf(&a, "%s/secrets", dir), config,
                       scenario, speed, anew, 0, out[1], life[0]));
    }
    close(out[1]);
    close(life[0]);
    struct yard_process *y = calloc(1, sizeof *y);
    if (!y)
        abort();
    y->pid = pid;
    y->life = life[1];
    y->config = strdup(config);
    y->urls = read_urls(out[0], err);
    close(out[0]);
    if (y->urls)
        return y;
    yard_process_stop(y);
    return NULL;
}

void yard_process_stop(struct yard_process *y)
{
    if (!y)
        return;
    close(y->life);
    while (waitpid(y->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    json_decref(y->urls);
    free(y->config);
    free(y);
}

const json_t *yard_process_urls(const struct yard_process *y)
{
    return y->urls;
}

const char *yard_process_config(const struct yard_process *y)
{
    return y->config;
}
