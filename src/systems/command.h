/* command.h: the parts of the "command" pipeline driver, among themselves. */
#ifndef SB_SYSTEMS_COMMAND_H
#define SB_SYSTEMS_COMMAND_H

#include "net/process.h"
#include "systems/command_run.h"
#include "systems/flow.h"

/* A command line of the configuration. */
struct script {
    const char *name; /* of a `pipelines` entry; NULL = `run` */
    const char **argv;
    int n;
};

/* A child of ours. It is forgotten, not ended, when the system closes. */
struct child {
    struct child *prev, *next;
    struct command *owner;
    struct process *process;
};

struct command {
    struct system system;
    struct arena arena;
    struct script run, *pipelines;
    int n_pipelines;
    const char *cwd;
    int64_t grace_ms; /* between SIGTERM and SIGKILL */
    bool several_machines;
    char *root; /* folder of the runs */
    struct child *children;
};

/* The program itself can be run from the folder `cwd`: asked before anything is claimed, because a mistake in
 * the configuration is a certain failure. */
bool command_program_there(const char *cwd, const char *program);
/* Where scripts run: `cwd` of the configuration, which is relative to the folder of its file, or that folder.
 * NULL: where Signalbox runs. In `a`. */
const char *command_folder(const struct yaml *config, const char *file, struct arena *a);
/* The folder of the run that an effect's `build` names, or NULL. */
char *command_named_run(const struct command *c, const struct effect *e, struct arena *a);
struct task *command_no_such_run(struct system *s, const struct effect *e, outcome_fn *done, void *ctx);

/* command_start.c */
act_fn command_start, command_find_start;
/* command_watch.c */
act_fn command_watch;

#endif
