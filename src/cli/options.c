/* options.c: reads a command line against a command's table. */
#include "cli/options.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

const struct option_spec common_options[] = {
    {"state", 0, OPTION_VALUE, "DIR",
     "where Signalbox keeps its store (default: $SIGNALBOX_STATE, else ~/.local/state/signalbox)", "files"},
    {"config", 'c', OPTION_VALUE, "FILE",
     "configuration (default: $SIGNALBOX_CONFIG, else ~/.config/signalbox.yaml when it is there)", "files"},
    {"server", 0, OPTION_VALUE, "URL",
     "a running server (default: the one on this machine that holds the store, if any)", NULL},
    {"token", 0, OPTION_VALUE, "REF",
     "token for --server, as env:NAME or file:PATH (default: env:SIGNALBOX_TOKEN)", NULL},
    {"json", 0, OPTION_FLAG, NULL, "print JSON for programs", NULL},
    {"verbose", 'v', OPTION_FLAG, NULL, "log what happens on standard error", NULL},
    {"help", 'h', OPTION_FLAG, NULL, "explain the command", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

/* Place of an option: the command's own first, then the common ones. -1 when there is none. */
static int place(const struct command *c, const char *name, char letter)
{
    int at = 0;
    const struct option_spec *tables[] = {c->options, common_options};
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (const struct option_spec *o = tables[t]; o->name; o++, at++)
            if ((name && str_eq(o->name, name)) || (letter && o->letter == letter))
                return at;
    return -1;
}

static const struct option_spec *spec_at(const struct command *c, int at)
{
    for (const struct option_spec *o = c->options; o->name; o++)
        if (at-- == 0)
            return o;
    return &common_options[at];
}

static bool unknown(const struct command *c, const char *name, struct error *err)
{
    const char *names[OPTIONS_MAX * 2 + 1] = {0};
    int n = 0;
    for (const struct option_spec *o = c->options; o->name; o++)
        names[n++] = o->name;
    for (const struct option_spec *o = common_options; o->name; o++)
        names[n++] = o->name;
    const char *near = str_near(name, names);
    return error_set(err, SB_UNKNOWN, "%s has no option --%s%s%s%s", c->name, name,
                     near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static bool take(struct args *a, int at, const char *value, struct error *err)
{
    const struct option_spec *o = spec_at(a->command, at);
    if (o->kind != OPTION_FLAG && !value)
        return error_set(err, SB_MISSING, "--%s needs a value: %s", o->name, o->value);
    if (o->kind == OPTION_FLAG && value)
        return error_set(err, SB_PARSE, "--%s takes no value", o->name);
    if (o->kind == OPTION_LIST) {
        if (a->options[at].n == LIST_MAX)
            return error_set(err, SB_LIMIT, "--%s is given more than %d times", o->name, LIST_MAX);
        a->options[at].list[a->options[at].n++] = value;
    } else if (a->options[at].given && o->kind == OPTION_VALUE) {
        return error_set(err, SB_PARSE, "--%s is given twice", o->name);
    }
    a->options[at].given = true;
    a->options[at].value = value;
    return true;
}

/* One argument that begins with a dash. May take the next one as its value. */
static bool dashed(struct args *a, const char *const *argv, int *i, struct error *err)
{
    const char *arg = argv[*i];
    char name[64] = "";
    const char *value = NULL;
    int at;
    if (arg[1] == '-') {
        const char *eq = strchr(arg, '=');
        size_t n = eq ? (size_t)(eq - arg - 2) : strlen(arg + 2);
        if (n >= sizeof name)
            n = sizeof name - 1;
        memcpy(name, arg + 2, n);
        name[n] = '\0';
        value = eq ? eq + 1 : NULL;
        at = place(a->command, name, 0);
    } else {
        name[0] = arg[1];
        name[1] = '\0';
        value = arg[2] ? arg + 2 : NULL;
        at = place(a->command, NULL, arg[1]);
    }
    if (at < 0)
        return unknown(a->command, name, err);
    if (!value && spec_at(a->command, at)->kind != OPTION_FLAG && argv[*i + 1])
        value = argv[++*i];
    return take(a, at, value, err);
}

bool options_parse(const struct command *c, const char *const *argv, struct args *a, struct error *err)
{
    bool only_words = false;
    a->command = c;
    for (int i = 0; argv[i]; i++) {
        if (!only_words && str_eq(argv[i], "--")) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            if (!dashed(a, argv, &i, err))
                return false;
        } else if (a->n_words == ARGS_MAX) {
            return error_set(err, SB_LIMIT, "too many arguments");
        } else {
            a->words[a->n_words++] = argv[i];
        }
    }
    if (opt_given(a, "help"))
        return true;
    if (a->n_words < c->words_min)
        return error_set(err, SB_MISSING, "%s needs %s", c->name, c->usage);
    if (c->words_max >= 0 && a->n_words > c->words_max)
        return error_set(err, SB_PARSE, "\"%s\" is one argument too many: signalbox %s %s",
                         a->words[c->words_max], c->name, c->usage);
    return true;
}

static int must_have(const struct args *a, const char *name)
{
    int at = place(a->command, name, 0);
    if (at < 0)
        abort(); /* a command asked for an option that its own table does not have */
    return at;
}

bool opt_given(const struct args *a, const char *name)
{
    return a->options[must_have(a, name)].given;
}

const char *opt(const struct args *a, const char *name)
{
    return a->options[must_have(a, name)].value;
}

int opt_list(const struct args *a, const char *name, const char *const **out)
{
    int at = must_have(a, name);
    *out = a->options[at].list;
    return a->options[at].n;
}
