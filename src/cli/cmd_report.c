/* report: the self-contained account of a change. */
#include "base/json.h"
#include "cli/ask.h"
#include <stdio.h>

static int print(const struct args *a, const json_t *answer)
{
    if (opt_given(a, "path"))
        puts(json_str(answer, "path", ""));
    else
        fputs(json_str(answer, "text", ""), stdout);
    return EXIT_DONE;
}

static int run(struct args *a)
{
    const char *format = opt_given(a, "html") ? "html" : "md";
    return ask_and_print(a, "GET",
                         arena_printf(a->arena, "/api/v1/changes/%s/report?format=%s", a->words[0], format),
                         NULL, print);
}

const struct command cmd_report = {
    .name = "report",
    .usage = "CHANGE",
    .says = "the report of a change: timeline, decisions, versions, messages, verification",
    .examples = "signalbox report HF-7 | less\tread it\nsignalbox report HF-7 --html > hf-7.html\tone page "
                "to pass on\n",
    .group = 2,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {{"html", 0, OPTION_FLAG, NULL, "as one HTML page (default: Markdown)", NULL},
                {"path", 0, OPTION_FLAG, NULL, "print where the file lies instead", NULL}},
    .run = run,
};
