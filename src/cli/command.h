/* command.h: what a command is made of. One command, one file (cmd_NAME.c), ending in one const entry: the
 * file is the feature. */
#ifndef SB_CLI_COMMAND_H
#define SB_CLI_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "cli/exit.h"
#include <stdbool.h>

enum option_kind { OPTION_FLAG, OPTION_VALUE, OPTION_LIST };

struct option_spec {
    const char *name; /* "window": given as --window */
    char letter;      /* or -w; 0 = none */
    enum option_kind kind;
    const char *value; /* "WINDOW": what it takes, in help */
    const char *says;  /* with its default */
    const char
        *complete; /* what completion offers: "changes", "clients", "services", "pages", "files", or NULL */
};

enum { OPTIONS_MAX = 32, LIST_MAX = 64, ARGS_MAX = 64 };

struct command;

/* A parsed command line. All text is argv's. */
struct args {
    const struct command *command;
    struct {
        bool given;
        const char *value;
        const char *list[LIST_MAX];
        int n;
    } options[OPTIONS_MAX];
    const char *words[ARGS_MAX]; /* without the command's own name */
    int n_words;
    struct arena *arena; /* for the run of the command */
};

struct command {
    const char *name;
    const char *usage;    /* "CHANGE STEP [CHOICE]" */
    const char *says;     /* one line */
    const char *more;     /* a paragraph or two, or NULL */
    const char *examples; /* lines "command\texplanation" */
    int group; /* where help lists it: 0 = the two everybody needs, 1 = carry out, 2 = look, 3 = operate */
    bool hidden;
    int words_min, words_max;
    const char *complete;                    /* for words, as in option_spec */
    struct option_spec options[OPTIONS_MAX]; /* ends with a NULL name; the common ones are added */
    int (*run)(struct args *args);
};

/* All, NULL-terminated, in the order of help. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

bool opt_given(const struct args *a, const char *name);
/* NULL when it was not given. A name the command does not have ends the process: a fault of ours. */
const char *opt(const struct args *a, const char *name);
int opt_list(const struct args *a, const char *name, const char *const **out);

/* Every command has these: --state DIR, --config FILE, --server URL, --token REF, --json, --as NAME,
 * --verbose, --help. */
extern const struct option_spec common_options[];

/* Prints an error on standard error, the way every command does, and gives the exit status for it. */
int complain(const struct error *err);
int exit_of(enum error_code code);

/* help.c */
int print_help(const struct command *c, bool json); /* NULL = the list of commands */

#endif
