/* help.c: help from the commands' own tables. */
#include "base/buf.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include <stdio.h>
#include <string.h>

static const char *const groups[] = {"The two that people need first", "Carrying out", "Looking",
                                     "Setting up and operating"};

static void heading(const char *text)
{
    if (terminal_has_color())
        printf("\n\033[1m%s\033[0m\n", text);
    else
        printf("\n%s\n", text);
}

/* Words filled into lines behind an indent; the first line begins where the cursor is. */
static void paragraph(const char *text, int indent, int width)
{
    int at = indent;
    while (*text) {
        size_t n = strcspn(text, " ");
        int w = (int)n;
        if (at > indent && at + 1 + w > width) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)n, text);
        at += w;
        text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void print_options(const struct option_spec *o)
{
    for (; o->name; o++) {
        char left[64];
        int n = snprintf(left, sizeof left, "  %c%c%s--%s%s%s", o->letter ? '-' : ' ',
                         o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->value ? " " : "",
                         o->value ? o->value : "");
        printf("%-28s", left);
        if (n >= 28)
            printf("\n%28s", "");
        paragraph(o->says, 28, 100);
    }
}

static void print_examples(const char *examples)
{
    for (const char *p = examples; *p;) {
        size_t n = strcspn(p, "\n"), tab = strcspn(p, "\t");
        printf("  %.*s\n", (int)(tab < n ? tab : n), p);
        if (tab + 1 < n)
            printf("      %.*s\n", (int)(n - tab - 1), p + tab + 1);
        p += n + (p[n] == '\n');
    }
}

static void list(void)
{
    puts("signalbox carries out hotfix deployments by the book: the SOP page is the program.");
    puts("\nusage: signalbox COMMAND [ARGUMENT...] [--option...]");
    for (int g = 0; g < (int)COUNT_OF(groups); g++) {
        heading(groups[g]);
        for (int i = 0; commands[i]; i++)
            if (commands[i]->group == g && !commands[i]->hidden) {
                printf("  %-12s", commands[i]->name);
                paragraph(commands[i]->says, 14, 100);
            }
    }
    puts("\nsignalbox help COMMAND explains one, with examples. To see it all at work, with nothing real "
         "touched:\n  signalbox drill");
}

static void exit_table(void)
{
    heading("Exit status");
    puts("  0  done; a change: carried out\n  1  could not be done; the message says why\n  2  the command "
         "line is not right\n"
         "  3  the change waits for a person, or is in trouble\n  4  the change ended otherwise: rolled "
         "back, stopped, cancelled\n"
         "  5  there is no such change, client, page ...\n  6  you may not do that\n  7  somebody else was "
         "first, or holds the store");
}

int print_help(const struct command *c, bool json UNUSED)
{
    if (!c) {
        list();
        exit_table();
        return EXIT_DONE;
    }
    printf("usage: signalbox %s %s\n\n", c->name, c->usage);
    paragraph(c->says, 0, 100);
    if (c->more) {
        putchar('\n');
        paragraph(c->more, 0, 100);
    }
    if (c->examples) {
        heading("Examples");
        print_examples(c->examples);
    }
    if (c->options[0].name) {
        heading("Options");
        print_options(c->options);
    }
    heading("Common options");
    print_options(common_options);
    return EXIT_DONE;
}
