/* yard: the practice environment alone, for tests and for trying a configuration. */
#include "base/json.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/yard_process.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const char *dir = opt(a, "dir") ? opt(a, "dir") : ".";
    json_t *scenario = yard_scenario_given(a, &err);
    if (err.code != SB_OK)
        return complain(&err);
    if (!make_dirs(dir, &err))
        return complain(&err);
    double speed = opt(a, "speed") ? strtod(opt(a, "speed"), NULL) : 1;
    int port = opt(a, "port") ? atoi(opt(a, "port")) : 0;
    int status =
        yard_run(arena_printf(a->arena, "%s/yard.json", dir), arena_printf(a->arena, "%s/secrets", dir),
                 arena_printf(a->arena, "%s/signalbox.yaml", dir), scenario, speed > 0 ? speed : 1, false,
                 port, STDOUT_FILENO, -1);
    json_decref(scenario);
    return status;
}

const struct command cmd_yard = {
    .name = "yard",
    .usage = "",
    .says = "stand-ins for all outside systems, on loopback, until stopped",
    .more = "Prints one line of JSON: where each stand-in listens, and the control server that tests use. A "
            "configuration for it is written to "
            "signalbox.yaml in --dir.",
    .examples = "signalbox yard --dir /tmp/yard\tthen: signalbox doctor --config /tmp/yard/signalbox.yaml\n",
    .group = 3,
    .options = {{"dir", 0, OPTION_VALUE, "DIR",
                 "where its state, secrets and configuration go (default: here)", "files"},
                YARD_OPTIONS,
                {"speed", 0, OPTION_VALUE, "N", "builds and rollouts pass N times faster (default: 1)", NULL},
                {"port", 0, OPTION_VALUE, "PORT", "of the control server (default: any)", NULL}},
    .run = run,
};
