/* yard_process.h: the yard in a process of its own, so that it counts what takes place whatever becomes of
 * us. */
#ifndef SB_CLI_YARD_PROCESS_H
#define SB_CLI_YARD_PROCESS_H

#include "base/arena.h"
#include "base/error.h"
#include "cli/command.h"
#include <jansson.h>

struct yard_process;

/* What drill and yard take: --scenario NAME, --with ROLE=SYSTEM. */
#define YARD_OPTIONS                                                                              \
    {"scenario",                                                                                  \
     0,                                                                                           \
     OPTION_VALUE,                                                                                \
     "NAME",                                                                                      \
     "what goes wrong: a name of `drill list`, or a file (docs/drills.md)",                       \
     "files"},                                                                                    \
    {                                                                                             \
        "with", 0, OPTION_LIST, "ROLE=SYSTEM",                                                    \
            "which stand-in fills a role: pager=pagerduty, health=grafana (docs/drills.md)", NULL \
    }
/* The scenario they tell; NULL with no error: all goes well. New reference. */
json_t *yard_scenario_given(const struct args *a, struct error *err);

/* Forks; call before any loop or thread. The yard keeps its state in `dir`/yard.json and writes a
 * configuration for itself to `dir`/signalbox.yaml. It ends when we end, however that is. `anew`: as in
 * yard_options. */
struct yard_process *yard_process_start(const char *dir, const json_t *scenario, double speed, bool anew,
                                        struct error *err);
void yard_process_stop(struct yard_process *y);
/* As yard_urls. Borrowed. */
const json_t *yard_process_urls(const struct yard_process *y);
const char *yard_process_config(const struct yard_process *y);

/* Runs a yard in this process until SIGTERM or until `life_fd` closes (-1 = none). Prints its URLs to
 * `out_fd` as one line of JSON. Returns the exit status. */
int yard_run(const char *state_file, const char *secrets_dir, const char *config_file, const json_t *scenario,
             double speed, bool anew, int port, int out_fd, int life_fd);

#endif
