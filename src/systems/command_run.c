/* command_run.c: see command_run.h. */
#include "systems/command_run.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/read.h"
#include "systems/support.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNS_MAX = 1000, ID_KEY = 20, SMALL = 4096 };

/* The shell stays to write the status down, so it must outlive the signal that ends the script (a trapped
 * signal is reset to its default in the script; an ignored one would not be). The turn is synced before the
 * script runs: a turn that a power cut forgets would let the script run twice. */
const char run_wrapper[] =
    "d=$1; shift\n"
    "trap : TERM INT HUP\n"
    "turn=\"begun $$ $(cut -d' ' -f22 /proc/$$/stat) $(cat /proc/sys/kernel/random/boot_id)\"\n"
    "ln -s \"$turn\" \"$d/turn\" || exit 0\n"
    "sync \"$d\" || sync\n"
    "\"$@\" >>\"$d/log\" 2>&1 </dev/null\n"
    "s=$?\n"
    "echo \"$s\" >\"$d/status.new\" && mv \"$d/status.new\" \"$d/status\"\n";

static const char gate_script[] =
    "#!/bin/sh\n"
    "# gate ID MESSAGE: pauses the run until somebody answers; 0 = proceed, 1 = abort.\n"
    "id=$1; shift\n"
    "echo \"::gate $id $*\"\n"
    "until [ -e \"$SIGNALBOX_RUN/answers/$id\" ]; do sleep 0.2; done\n"
    "read -r word <\"$SIGNALBOX_RUN/answers/$id\"\n"
    "[ \"$word\" = proceed ]\n";

/* --- names ------------------------------------------------------------------------------------ */

bool run_id_ok(const char *build)
{
    size_t n = strspn(build, "0123456789abcdefghijklmnopqrstuv");
    size_t digits = build[n] == '-' ? strspn(build + n + 1, "0123456789") : 0;
    return n == ID_KEY && digits > 0 && digits <= 4 && build[n + 1 + digits] == '\0';
}

char *run_dir(const char *root, const char *build, struct arena *a)
{
    return arena_printf(a, "%s/%s", root, build);
}

static int newest_number(const char *root, const char *name, struct arena *a)
{
    int n = 0;
    struct stat st;
    while (n < RUNS_MAX && stat(arena_printf(a, "%s/%s-%d", root, name, n + 1), &st) == 0)
        n++;
    return n;
}

char *run_newest(const char *root, const char *key, struct arena *a)
{
    char name[ID_KEY + 1];
    key_short(key, name, ID_KEY);
    int n = newest_number(root, name, a);
    return n ? arena_printf(a, "%s-%d", name, n) : NULL;
}

/* --- small files ------------------------------------------------------------------------------ */

static bool sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool write_new(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return false;
    size_t n = strlen(text);
    bool ok = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

static bool read_small(const char *dir, const char *name, struct buf *out)
{
    char path[SMALL];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && n < SMALL && read_file(path, SMALL, out, NULL);
}

static int64_t changed_ms(const char *dir, const char *name)
{
    char path[SMALL];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 : 0;
}

/* --- claiming --------------------------------------------------------------------------------- */

static bool make_root(const char *root, struct error *err)
{
    if (mkdir(root, 0700) == 0 || errno == EEXIST)
        return true;
    return error_errno(err, errno, "make %s", root);
}

static bool fill_folder(const char *dir, const json_t *claim, struct arena *a)
{
    char *text = json_canonical(claim);
    bool ok = write_new(arena_printf(a, "%s/claim", dir), text, 0600) &&
              write_new(arena_printf(a, "%s/gate", dir), gate_script, 0700) &&
              write_new(arena_printf(a, "%s/log", dir), "", 0600) &&
              mkdir(arena_printf(a, "%s/answers", dir), 0700) == 0;
    free(text);
    return ok && sync_dir(dir);
}

char *run_claim(const char *root, const char *key, const json_t *claim, struct arena *a, struct error *err)
{
    char name[ID_KEY + 1];
    key_short(key, name, ID_KEY);
    if (!make_root(root, err))
        return NULL;
    char *build = arena_printf(a, "%s-%d", name, newest_number(root, name, a) + 1);
    char *dir = run_dir(root, build, a);
    if (mkdir(dir, 0700) != 0) {
        if (errno == EEXIST)
            (void)error_set(err, SB_CONFLICT, "%s is taken", dir);
        else
            (void)error_errno(err, errno, "make %s", dir);
        return NULL;
    }
    if (!fill_folder(dir, claim, a) || !sync_dir(root)) {
        (void)error_errno(err, errno, "write into %s", dir);
        return NULL;
    }
    return build;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Field 22 of /proc/PID/stat, counted after the name, which may hold anything. 0 when there is no such
 * process, or it only waits to be reaped. */
static unsigned long long start_time(pid_t pid)
{
    char dir[64];
    _cleanup_buf_ struct buf stat = {0};
    (void)snprintf(dir, sizeof dir, "/proc/%d", (int)pid);
    if (!read_small(dir, "stat", &stat))
        return 0;
    const char *p = strrchr(buf_str(&stat), ')');
    if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
        return 0;
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

static bool same_boot(const char *boot)
{
    _cleanup_buf_ struct buf now = {0};
    return read_small("/proc/sys/kernel/random", "boot_id", &now) &&
           strncmp(buf_str(&now), boot, strlen(boot)) == 0;
}

static bool read_turn(const char *dir, char *text, size_t n)
{
    char path[SMALL];
    (void)snprintf(path, sizeof path, "%s/turn", dir);
    ssize_t got = readlink(path, text, n - 1);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

struct run_look run_look(const char *dir)
{
    struct run_look l = {.state = RUN_NONE};
    char turn[256], boot[64] = "";
    int pid = 0;
    unsigned long long started = 0;
    struct stat st;
    if (stat(dir, &st) != 0)
        return l;
    l.state = RUN_CLAIMED;
    if (!read_turn(dir, turn, sizeof turn))
        return l;
    if (strcmp(turn, "void") == 0) {
        l.state = RUN_VOID;
        return l;
    }
    l.started_ms = changed_ms(dir, "turn");
    l.stopped = changed_ms(dir, "stopped") != 0;
    bool known = sscanf(turn, "begun %d %llu %63s", &pid, &started, boot) == 3 && pid > 1;
    bool alive = known && started != 0 && same_boot(boot) && start_time(pid) == started;
    /* The status is read after the look at the process: between its writing and the shell's end, both are
     * there. */
    _cleanup_buf_ struct buf status = {0};
    if (read_small(dir, "status", &status) && isdigit((unsigned char)buf_str(&status)[0])) {
        l.state = RUN_ENDED;
        l.status = atoi(buf_str(&status));
        l.ended_ms = changed_ms(dir, "status");
    } else {
        l.state = alive ? RUN_ALIVE : RUN_LOST;
        l.pid = alive ? pid : 0;
    }
    return l;
}

bool run_void(const char *dir)
{
    char path[SMALL], turn[256];
    (void)snprintf(path, sizeof path, "%s/turn", dir);
    if (symlink("void", path) == 0)
        return sync_dir(dir);
    return errno == EEXIST && read_turn(dir, turn, sizeof turn) && strcmp(turn, "void") == 0;
}

/* --- gates, ends ------------------------------------------------------------------------------ */

bool run_gate_ok(const char *gate)
{
    size_t n = strspn(gate, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n <= 64 && gate[n] == '\0' && gate[0] != '.';
}

bool run_answered(const char *dir, const char *gate)
{
    char name[128];
    (void)snprintf(name, sizeof name, "answers/%s", gate);
    return changed_ms(dir, name) != 0;
}

bool run_answer(const char *dir, const char *gate, bool proceed, const char *key, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf there = {0};
    char *answer = arena_printf(&a, "%s\n%s\n", proceed ? "proceed" : "abort", key);
    char short_key[ID_KEY + 1];
    key_short(key, short_key, ID_KEY);
    /* Written aside and linked into place: whoever waits for it sees it whole, and the first answer stays. */
    char *aside = arena_printf(&a, "%s/answer.%s", dir, short_key);
    char *place = arena_printf(&a, "%s/answers/%s", dir, gate);
    (void)unlink(aside);
    if (!write_new(aside, answer, 0600))
        return error_errno(err, errno, "write %s", aside);
    bool linked = link(aside, place) == 0;
    int why = errno;
    (void)unlink(aside);
    if (linked)
        return sync_dir(arena_printf(&a, "%s/answers", dir)) || error_errno(err, errno, "sync %s", place);
    if (why != EEXIST)
        return error_errno(err, why, "write %s", place);
    if (read_file(place, SMALL, &there, NULL) && str_eq(buf_str(&there), answer))
        return true;
    return error_set(err, SB_STATE, "the gate \"%s\" was answered by somebody else (%.8s)", gate,
                     buf_str(&there));
}

void run_signal(const char *dir, const struct run_look *look, int signal)
{
    char path[SMALL];
    (void)snprintf(path, sizeof path, "%s/stopped", dir);
    (void)write_new(path, "", 0600);
    if (look->state == RUN_ALIVE && look->pid > 1)
        (void)kill(-look->pid, signal);
}
