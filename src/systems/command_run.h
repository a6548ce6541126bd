/* command_run.h: one run of a team's script, as files in a folder of its own. Whatever crashes, the folder
 * tells whether the script began, whether it still runs and how it ended.
 *
 *   claim     JSON: key, change, when. The folder is made and made durable before anything is started
 *   turn      a symbolic link, because making one is atomic and carries text. Whoever makes it first decides
 * for good: the child
 *             ("begun PID STARTTIME BOOT") that goes on to the script, or a look after a crash ("void"),
 * after which a child that comes late ends without running anything log       what the script writes status
 * its exit status; written by the child's shell stopped   somebody asked for its end answers/  one file a
 * gate: "proceed" or "abort", then the key of who answered gate      a script for scripts: `sh
 * "$SIGNALBOX_GATE" ID MESSAGE` pauses until answered seen      moments at which stages were first noticed,
 * one a line
 *
 * Folders are named KEYSHORT-N; N goes up only after N was made void. Blocking, but small; claiming syncs. */
#ifndef SB_SYSTEMS_COMMAND_RUN_H
#define SB_SYSTEMS_COMMAND_RUN_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

enum run_state {
    RUN_NONE,    /* no such folder */
    RUN_CLAIMED, /* nobody has taken the turn yet */
    RUN_VOID,    /* it never ran and never will */
    RUN_ALIVE,
    RUN_ENDED, /* `status` holds the exit status */
    RUN_LOST,  /* it began and is gone without a status: killed, or the machine went down */
};

struct run_look {
    enum run_state state;
    int status;
    bool stopped;
    pid_t pid;                    /* of the shell, which leads the process group; 0 = not known */
    int64_t started_ms, ended_ms; /* 0 = not known */
};

/* The shell text that runs argv[2..] under the folder argv[1]; see above. */
extern const char run_wrapper[];

/* The newest run of a key below `root`: its build id ("KEYSHORT-N") in the arena, NULL when there is none. */
char *run_newest(const char *root, const char *key, struct arena *a);
/* Is it a well-formed id (so that it names a folder below root and nothing else)? */
MUST_USE bool run_id_ok(const char *build);
char *run_dir(const char *root, const char *build, struct arena *a);

/* Makes the next folder of the key, with its claim, durable. The build id, or NULL. SB_CONFLICT: somebody
 * else made it. */
char *run_claim(const char *root, const char *key, const json_t *claim, struct arena *a, struct error *err);
struct run_look run_look(const char *dir);
/* Takes the turn, so that nothing will ever run there. false: the script has begun (or that cannot be told).
 */
MUST_USE bool run_void(const char *dir);

/* Answers a gate. SB_STATE when it was answered otherwise already; the same answer by the same key again is
 * fine. */
MUST_USE bool run_answer(const char *dir, const char *gate, bool proceed, const char *key, struct error *err);
/* Has it been answered? */
bool run_answered(const char *dir, const char *gate);
/* [A-Za-z0-9._-], at most 64, no dot first. */
MUST_USE bool run_gate_ok(const char *gate);
/* Notes that the end was asked for, and signals the whole process group. */
void run_signal(const char *dir, const struct run_look *look, int signal);

#endif
