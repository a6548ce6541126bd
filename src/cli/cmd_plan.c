/* plan: a dry run of a hotfix: every step with its moment, every message word for word. Nothing is sent. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/plan_options.h"
#include "cli/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void rule(const char *title)
{
    if (terminal_has_color())
        printf("\n\033[1m%s\033[0m\n", title);
    else
        printf("\n%s\n", title);
}

/* Text with every line indented. */
static void indented(const char *text, const char *by)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        printf("%s%.*s\n", by, (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static void print_message(const json_t *m)
{
    if (json_is_string(m)) {
        indented(json_string_value(m), "      | ");
        return;
    }
    const char *to = json_str(m, "to", NULL);
    if (to)
        printf("      to %s:\n", to);
    indented(json_str(m, "text", ""), "      | ");
}

static void print_step(const json_t *step, const char *zone, int64_t now, struct arena *a)
{
    bool skipped = json_flag(step, "skipped", false);
    int64_t at = json_int(step, "at", 0);
    printf("  %s %-22s %s\n", skipped ? "-" : "*", json_str(step, "id", "?"), json_str(step, "title", ""));
    if (skipped) {
        printf("      skipped: %s\n", json_str(step, "because", ""));
        return;
    }
    if (at)
        printf("      at %s\n", instant_text(at, zone, now, a));
    if (json_str(step, "does", NULL))
        printf("      %s\n", json_str(step, "does", ""));
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(step, "messages"), i, m)
        print_message(m);
}

static int print(const struct args *a, const json_t *answer)
{
    const json_t *facts = json_object_get(answer, "facts");
    const char *zone = json_str(facts, "client.zone", "UTC"), *section = "";
    int64_t now = json_int(answer, "now", 0);
    size_t i;
    json_t *step, *q;
    printf("%s: %s/%s, window %s\n", json_str(answer, "title", "Plan"), json_str(facts, "client.id", "?"),
           json_str(facts, "env.name", json_str(facts, "env", "?")),
           json_str(facts, "window.text", "not given"));
    json_array_foreach(json_object_get(answer, "steps"), i, step) {
        if (!str_eq(section, json_str(step, "section", "")))
            rule(json_str(step, "section", ""));
        section = json_str(step, "section", "");
        print_step(step, zone, now, a->arena);
    }
    const json_t *questions = json_object_get(answer, "questions");
    if (json_array_size(questions) > 0)
        rule("Questions");
    json_array_foreach((json_t *)questions, i, q)
        printf("  ? %s\n", json_is_string(q) ? json_string_value(q) : json_str(q, "text", ""));
    return EXIT_DONE;
}

static int keep(struct args *a, json_t *plan)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    json_t *made = s ? session_call(s, "POST", "/api/v1/changes", plan, &err) : NULL;
    int status = made ? EXIT_DONE : complain(&err);
    if (made && opt_given(a, "json"))
        print_json(made);
    else if (made)
        printf("%s is %s. Carry it out with: signalbox start %s\n", json_str(made, "id", "?"),
               json_flag(made, "already", false) ? "this very plan already" : "planned",
               json_str(made, "id", "?"));
    json_decref(made);
    json_decref(plan);
    session_close(s);
    return status;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    json_t *plan = plan_of(a, &err);
    if (!plan)
        return complain(&err);
    if (opt_given(a, "keep"))
        return keep(a, plan);
    return ask_and_print(a, "POST", "/api/v1/preview", plan, print);
}

const struct command cmd_plan = {
    .name = "plan",
    .usage = "",
    .says = "dry run of a hotfix: every step, every message word for word; nothing is sent",
    .examples = "signalbox plan --client tangerine --service decanting-service=24-02-05.619-hotfix.627 "
                "--window \"today 14:00 for 90m\" "
                "--severity 2 --risk low --reason \"totes stuck\"\tsee what would happen\n"
                "signalbox plan --file hotfix.yaml --keep\tkeep it, to be started later\n",
    .group = 0,
    .options = {PLAN_OPTIONS,
                {"keep", 0, OPTION_FLAG, NULL, "keep the plan as a change, to be started later", NULL}},
    .run = run,
};
