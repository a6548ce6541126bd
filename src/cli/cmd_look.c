/* oncall, owners: one look at a system, without a change. */
#include "base/json.h"
#include "cli/ask.h"
#include <stdio.h>
#include <stdlib.h>

static json_t *look(const char *verb, json_t *args)
{
    return json_pack("{s:s, s:o}", "verb", verb, "args", args);
}

static int print_people(const struct args *a, const json_t *answer)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(answer, "people"), i, p)
        puts(json_is_string(p) ? json_string_value(p) : json_str(p, "mail", json_str(p, "name", "?")));
    if (json_array_size(json_object_get(answer, "people")) == 0)
        printf("Nobody is on call for %s.\n", a->words[0]);
    return EXIT_DONE;
}

static int run_oncall(struct args *a)
{
    return ask_and_print(a, "POST", "/api/v1/look",
                         look("pager.oncall", json_pack("{s:s}", "schedule", a->words[0])), print_people);
}

static int print_owners(const struct args *a, const json_t *answer)
{
    static const char *const head[] = {"SERVICE", "TEAM", "CHANNEL", "ON CALL"};
    json_t *owners = json_object_get(answer, "owners");
    struct table t = {head, 4, ARENA_ARRAY(a->arena, json_array_size(owners) * 4 + 1, const char *), 0};
    size_t i;
    json_t *o;
    json_array_foreach(owners, i, o) {
        const char **row = t.cells + t.rows++ * 4;
        row[0] = json_str(o, "service", "?");
        row[1] = json_str(o, "team", "nobody known");
        row[2] = json_str(o, "channel", "");
        row[3] = json_str(o, "schedule", "");
    }
    table_print(&t);
    return EXIT_DONE;
}

static int run_owners(struct args *a)
{
    json_t *names = json_array();
    for (int i = 0; i < a->n_words; i++)
        json_array_append_new(names, json_string(a->words[i]));
    return ask_and_print(a, "POST", "/api/v1/look",
                         look("owners.lookup", json_pack("{s:o}", "services", names)), print_owners);
}

#define NO_OPTIONS                                 \
    {                                              \
        {                                          \
            NULL, 0, OPTION_FLAG, NULL, NULL, NULL \
        }                                          \
    }

const struct command cmd_oncall = {
    .name = "oncall",
    .usage = "SCHEDULE",
    .says = "who is on call",
    .examples = "signalbox oncall production\t\n",
    .group = 2,
    .words_min = 1,
    .words_max = 1,
    .options = NO_OPTIONS,
    .run = run_oncall,
};

const struct command cmd_owners = {
    .name = "owners",
    .usage = "SERVICE...",
    .says = "which team owns a service, and how to reach it",
    .examples = "signalbox owners decanting-service\t\n",
    .group = 2,
    .words_min = 1,
    .words_max = 32,
    .complete = "services",
    .options = NO_OPTIONS,
    .run = run_owners,
};
