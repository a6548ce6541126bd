/* cli.c: finds the command, reads its options, runs it; and how errors are told. */
#include "cli/cli.h"
#include "base/buf.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern const struct command cmd_plan, cmd_start, cmd_watch, cmd_answer, cmd_proceed, cmd_decide, cmd_extend,
    cmd_rollback, cmd_trouble, cmd_move, cmd_cancel, cmd_skip, cmd_again, cmd_note, cmd_drill, cmd_list,
    cmd_log, cmd_report, cmd_versions, cmd_oncall, cmd_owners, cmd_sop, cmd_doctor, cmd_serve, cmd_audit,
    cmd_recover, cmd_store, cmd_yard, cmd_token, cmd_completion, cmd_ack, cmd_figures, cmd_rollout;

const struct command *const commands[] = {
    &cmd_plan,     &cmd_start,  &cmd_watch,   &cmd_answer, &cmd_proceed,    &cmd_decide,  &cmd_extend,
    &cmd_rollback, &cmd_ack,    &cmd_trouble, &cmd_move,   &cmd_cancel,     &cmd_skip,    &cmd_again,
    &cmd_note,     &cmd_drill,  &cmd_list,    &cmd_log,    &cmd_report,     &cmd_figures, &cmd_rollout,
    &cmd_versions, &cmd_oncall, &cmd_owners,  &cmd_sop,    &cmd_doctor,     &cmd_serve,   &cmd_audit,
    &cmd_recover,  &cmd_store,  &cmd_token,   &cmd_yard,   &cmd_completion, NULL,
};

const struct command *command_find(const char *name)
{
    for (int i = 0; commands[i]; i++)
        if (str_eq(commands[i]->name, name))
            return commands[i];
    return NULL;
}

int exit_of(enum error_code code)
{
    switch (code) {
    case SB_UNKNOWN:
        return EXIT_UNKNOWN;
    case SB_DENIED:
        return EXIT_DENIED;
    case SB_CONFLICT:
    case SB_STATE:
    case SB_INTERLOCK:
        return EXIT_CONFLICT;
    default:
        return EXIT_FAILED;
    }
}

int complain(const struct error *err)
{
    char text[ERROR_TEXT_MAX + 256];
    error_format(err, text, sizeof text);
    bool color = isatty(STDERR_FILENO) && terminal_has_color();
    fprintf(stderr, "%ssignalbox:%s %s\n", color ? "\033[31m" : "", color ? "\033[0m" : "", text);
    return exit_of(err->code);
}

static int unknown_command(const char *name)
{
    const char *names[64] = {0};
    struct error err = ERROR_NONE;
    for (int i = 0; commands[i] && i < 63; i++)
        names[i] = commands[i]->name;
    const char *near = str_near(name, names);
    error_set(&err, SB_UNKNOWN, "there is no command \"%s\"%s%s%s; signalbox help lists them", name,
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    complain(&err);
    return EXIT_USAGE;
}

/* A core dump would hold secrets in clear; so would another process of the same user that attaches to us. */
static void keep_secrets_in(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int run_command(const struct command *c, char **argv)
{
    _cleanup_arena_ struct arena arena = arena_make();
    struct error err = ERROR_NONE;
    struct args *a = ARENA_NEW(&arena, struct args);
    a->arena = &arena;
    if (!options_parse(c, (const char *const *)argv, a, &err)) {
        complain(&err);
        fprintf(stderr, "signalbox help %s explains it.\n", c->name);
        return EXIT_USAGE;
    }
    if (opt_given(a, "help"))
        return print_help(c, opt_given(a, "json"));
    log_setup(opt_given(a, "verbose") ? LOG_DEBUG : LOG_WARN, opt_given(a, "json"));
    return c->run(a);
}

int cli_main(int argc, char **argv)
{
    keep_secrets_in();
    signal(SIGPIPE, SIG_IGN);
    terminal_has_unicode(); /* settles the locale before anything measures text */
    if (argc < 2)
        return print_help(NULL, false);
    const char *name = argv[1];
    if (str_eq(name, "--version") || str_eq(name, "version")) {
        puts("signalbox " SB_VERSION);
        return EXIT_DONE;
    }
    if (str_eq(name, "help") || str_eq(name, "--help") || str_eq(name, "-h")) {
        const struct command *about = argc > 2 ? command_find(argv[2]) : NULL;
        if (argc > 2 && !about)
            return unknown_command(argv[2]);
        return print_help(about, false);
    }
    const struct command *c = command_find(name);
    return c ? run_command(c, argv + 2) : unknown_command(name);
}
