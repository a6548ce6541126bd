/* doctor: tries each system with the rights that a deployment will need. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/terminal.h"
#include <stdio.h>

static void print_check(const json_t *check)
{
    static const struct {
        const char *state, *color, *word;
    } states[] = {{"ok", "32", "ok"}, {"warn", "33", "look"}, {"fail", "31", "FAIL"}};
    const char *state = json_str(check, "state", "fail"), *color = "31", *word = "FAIL";
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (str_eq(states[i].state, state)) {
            color = states[i].color;
            word = states[i].word;
        }
    if (terminal_has_color())
        printf("  \033[%sm%-4s\033[0m  %s", color, word, json_str(check, "what", ""));
    else
        printf("  %-4s  %s", word, json_str(check, "what", ""));
    const char *says = json_str(check, "says", "");
    printf("%s%s\n", *says ? ": " : "", says);
}

static int print(const struct args *a UNUSED, const json_t *answer)
{
    int failed = 0;
    size_t i, k;
    json_t *system, *check;
    json_array_foreach(json_object_get(answer, "systems"), i, system) {
        printf("%s (%s)\n", json_str(system, "role", "?"), json_str(system, "driver", "?"));
        json_array_foreach(json_object_get(system, "checks"), k, check) {
            print_check(check);
            failed += str_eq(json_str(check, "state", "fail"), "fail");
        }
    }
    if (failed)
        printf("\n%d check%s failed: a deployment would meet this at its worst moment. Mend it, then run "
               "doctor again.\n",
               failed, failed == 1 ? "" : "s");
    return failed ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct args *a)
{
    json_t *body = a->n_words ? json_pack("{s:s}", "role", a->words[0]) : json_object();
    return ask_and_print(a, "POST", "/api/v1/doctor", body, print);
}

const struct command cmd_doctor = {
    .name = "doctor",
    .usage = "[ROLE|DRIVER]",
    .says = "try every system with the rights that a deployment needs, before it is needed",
    .examples =
        "signalbox doctor\tall systems\nsignalbox doctor pipeline\tone, by its role\nsignalbox doctor jenkins\tor by its driver\n",
    .group = 3,
    .words_max = 1,
    .complete = "roles",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run,
};
