/* ack: says that somebody has taken the alert. */
#include "base/json.h"
#include "cli/ask.h"
#include <stdio.h>

static int print_alerts(const struct args *a, const json_t *answer)
{
    static const char *const head[] = {"ALERT", "STATUS", "TO", "SUMMARY"};
    json_t *alerts = json_object_get(answer, "alerts"), *one;
    struct table t = {head, 4, ARENA_ARRAY(a->arena, json_array_size(alerts) * 4 + 1, const char *), 0};
    size_t i;
    json_array_foreach(alerts, i, one) {
        const char **row = t.cells + t.rows++ * 4;
        const char *by = json_str(one, "by", "");
        row[0] = json_str(one, "id", "?");
        row[1] = *by ? arena_printf(a->arena, "%s by %s", json_str(one, "status", "?"), by)
                     : json_str(one, "status", "?");
        row[2] = json_str(one, "to", "");
        row[3] = json_str(one, "summary", "");
    }
    if (t.rows == 0)
        puts("There are no alerts.");
    else
        table_print(&t);
    return EXIT_DONE;
}

static int print_taken(const struct args *a, const json_t *answer)
{
    (void)a;
    size_t i;
    json_t *id;
    json_array_foreach(json_object_get(answer, "acknowledged"), i, id)
        printf("%s: acknowledged by %s\n", json_string_value(id), json_str(answer, "by", "?"));
    return EXIT_DONE;
}

static int run(struct args *a)
{
    if (a->n_words == 0)
        return ask_and_print(a, "GET", "/api/v1/alerts", NULL, print_alerts);
    return ask_and_print(a, "POST", "/api/v1/alerts/ack", json_pack("{s:s}", "alert", a->words[0]),
                         print_taken);
}

const struct command cmd_ack = {
    .name = "ack",
    .usage = "[CHANGE|ALERT]",
    .says = "acknowledge the alerts of a change: you have taken it",
    .more =
        "For the pager that is built in; alerts of Opsgenie, JSM and PagerDuty are acknowledged there. Without an "
        "argument: which alerts there are.",
    .examples = "signalbox ack HF-7\tall open alerts of HF-7 are yours; nobody else is called\n"
                "signalbox ack HF-7/page-owner/1\tonly this one\n",
    .group = 1,
    .words_min = 0,
    .words_max = 1,
    .complete = "changes",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run,
};
