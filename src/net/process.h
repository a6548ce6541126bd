/* process.h: child processes on the loop: no shell, own process group, output line by line, bounded.
 *
 * A process ends in one call of `done`, and is gone after it. That comes when the child has ended and its
 * output was read (what somebody it left in the background still says is not waited for); after a stop or a
 * time-out, when its whole group is gone or was killed. */
#ifndef SB_NET_PROCESS_H
#define SB_NET_PROCESS_H

#include "base/error.h"
#include "net/loop.h"

struct process;

struct process_options {
    const char *const *argv;     /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env;      /* "NAME=value" added to ours, or NULL */
    const char *const *only_env; /* when set: the whole environment */
    const char *cwd;             /* or NULL */
    const char *input;           /* written to its standard input, then closed; NULL = /dev/null */
    int timeout_ms;              /* 0 = none; then SIGTERM to the group, SIGKILL 5 s later */
    size_t output_max;           /* bytes of stdout kept for `out` below; default 1 MiB */
    bool keep;                   /* lives on when we end (else it gets SIGTERM through process_free) */
    void (*on_line)(void *ctx, bool is_stderr,
                    const char *line); /* live; lines over 16 KiB are cut; or NULL */
};

struct process_end {
    int status; /* exit status; -1 when ended by a signal */
    int signal;
    bool timed_out;
    const char *out, *err_tail; /* stdout (bounded), last 4 KiB of stderr; valid during the callback */
    size_t out_len;
};

/* Starts it in a new process group. NULL on error (command not found ...): `done` is not called then. */
struct process *process_start(struct loop *l, const struct process_options *o,
                              void (*done)(void *ctx, const struct process_end *end), void *ctx,
                              struct error *err);
int process_pid(const struct process *p);
/* SIGTERM to the group, SIGKILL after `grace_ms`. `done` is still called. */
void process_stop(struct process *p, int grace_ms);
/* Forgets it without calling back, also from inside on_line. Not after `done`; inside it, it does nothing. */
void process_free(struct process *p);

#endif
