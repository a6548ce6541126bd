/* completion: what shells need to complete our command line, from the same tables as help. */
#include "base/buf.h"
#include "cli/command.h"
#include <stdio.h>

static void each_name(const char *before, const char *after)
{
    for (int i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            printf("%s%s%s", before, commands[i]->name, after);
}

static void each_option(const struct command *c, const char *before, const char *after)
{
    const struct option_spec *tables[] = {c->options, common_options};
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (const struct option_spec *o = tables[t]; o->name; o++)
            printf("%s--%s%s", before, o->name, after);
}

static void bash(void)
{
    printf(
        "_signalbox() {\n    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    each_name("", " ");
    printf("help\" -- \"$cur\"))\n        return\n    fi\n    case $cur in\n    -*)\n        case $command "
           "in\n");
    for (int i = 0; commands[i]; i++) {
        printf("        %s) COMPREPLY=($(compgen -W \"", commands[i]->name);
        each_option(commands[i], "", " ");
        printf("\" -- \"$cur\")) ;;\n");
    }
    printf("        esac\n        return ;;\n    esac\n    case $command in\n");
    for (int i = 0; commands[i]; i++)
        if (str_eq(commands[i]->complete, "changes"))
            printf("    %s) COMPREPLY=($(compgen -W \"$(signalbox list 2>/dev/null | sed -n "
                   "'s/^\\(HF-[0-9]*\\).*/\\1/p')\" -- \"$cur\")) ;;\n",
                   commands[i]->name);
    printf(
        "    *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n    esac\n}\ncomplete -F _signalbox signalbox\n");
}

static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (*text == ':' || *text == '[' || *text == ']')
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh(void)
{
    puts("#compdef signalbox\n_signalbox() {\n    local -a names\n    names=(");
    for (int i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        printf("        '%s:", commands[i]->name);
        zsh_text(commands[i]->says);
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command names\n        return\n    fi\n  "
         "  case $words[2] in");
    for (int i = 0; commands[i]; i++) {
        printf("    %s) _arguments", commands[i]->name);
        const struct option_spec *tables[] = {commands[i]->options, common_options};
        for (size_t t = 0; t < COUNT_OF(tables); t++)
            for (const struct option_spec *o = tables[t]; o->name; o++) {
                printf(" '--%s%s[", o->name, o->kind == OPTION_FLAG ? "" : "=");
                zsh_text(o->says);
                printf("]%s'", o->kind == OPTION_FLAG ? "" : ":value:_files");
            }
        printf(" '*:%s:%s' ;;\n", "argument",
               str_eq(commands[i]->complete, "changes")
                   ? "(${(f)\"$(signalbox list 2>/dev/null | sed -n \"s/^\\(HF-[0-9]*\\).*/\\1/p\")\"})"
                   : "_files");
    }
    puts("    esac\n}\n_signalbox \"$@\"");
}

static void fish(void)
{
    puts("complete -c signalbox -f");
    for (int i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        printf("complete -c signalbox -n __fish_use_subcommand -a %s -d \"%s\"\n", commands[i]->name,
               commands[i]->says);
        const struct option_spec *tables[] = {commands[i]->options, common_options};
        for (size_t t = 0; t < COUNT_OF(tables); t++)
            for (const struct option_spec *o = tables[t]; o->name; o++)
                printf("complete -c signalbox -n '__fish_seen_subcommand_from %s' -l %s%s\n",
                       commands[i]->name, o->name, o->kind == OPTION_FLAG ? "" : " -r");
        if (str_eq(commands[i]->complete, "changes"))
            printf("complete -c signalbox -n '__fish_seen_subcommand_from %s' -a \"(signalbox list "
                   "2>/dev/null | string match -r '^HF-[0-9]+')\"\n",
                   commands[i]->name);
    }
}

static int run(struct args *a)
{
    if (str_eq(a->words[0], "bash"))
        bash();
    else if (str_eq(a->words[0], "zsh"))
        zsh();
    else if (str_eq(a->words[0], "fish"))
        fish();
    else {
        struct error err = ERROR_NONE;
        error_set(&err, SB_UNKNOWN, "there is no completion for \"%s\": bash, zsh or fish", a->words[0]);
        complain(&err);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

const struct command cmd_completion = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .says = "print the shell's completion for signalbox",
    .examples = "source <(signalbox completion bash)\tin ~/.bashrc\nsignalbox completion fish > "
                "~/.config/fish/completions/signalbox.fish\t\n",
    .group = 3,
    .words_min = 1,
    .words_max = 1,
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run,
};
