/* decide, extend, rollback: what becomes of a change in trouble. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/ask.h"
#include "cli/choices.h"
#include "cli/gate.h"
#include <stdlib.h>

static bool minutes_of(const struct args *a, json_t *more, struct error *err)
{
    const char *text = opt(a, "minutes");
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    if (!text || *end || n < 1 || n > 1440)
        return error_set(err, SB_MISSING, "say by how many minutes: --minutes N (1 to 1440)");
    if (!opt(a, "permitted-by"))
        return error_set(err, SB_MISSING,
                         "say who of the client, or which TAM, permitted it: --permitted-by WHO");
    json_object_set_new(more, "minutes", json_integer(n));
    json_object_set_new(more, "permitted_by", json_string(opt(a, "permitted-by")));
    return true;
}

/* The services' names of a patch are checked by the change itself; here only the form. */
static bool tags_of(const struct args *a, json_t *more, struct error *err)
{
    const char *const *list;
    int n = opt_list(a, "service", &list);
    json_t *all = json_array();
    for (int i = 0; i < n; i++) {
        json_t *tags = gate_tags(list[i], NULL, err);
        if (!tags) {
            json_decref(all);
            return false;
        }
        json_array_extend(all, tags);
        json_decref(tags);
    }
    json_object_set_new(more, "services", all);
    return n > 0 || error_set(err, SB_MISSING, "to patch forward, give the new tag: --service NAME=TAG");
}

static int decide(struct args *a, const char *change, const char *choice)
{
    struct error err = ERROR_NONE;
    json_t *more = json_object();
    bool ok = true;
    if (opt(a, "reason"))
        json_object_set_new(more, "reason", json_string(opt(a, "reason")));
    else
        ok = error_set(&err, SB_MISSING,
                       "say why: --reason TEXT; the record keeps who decided what, when and why");
    if (ok && str_eq(choice, "extend"))
        ok = minutes_of(a, more, &err);
    if (ok && str_eq(choice, "rollback") && opt_given(a, "despite-schema"))
        json_object_set_new(more, "despite_schema", json_true());
    if (ok && str_eq(choice, "patch"))
        ok = tags_of(a, more, &err);
    if (ok)
        return send_answer(a, change, NULL, choice, more);
    json_decref(more);
    return complain(&err);
}

static int run_decide(struct args *a)
{
    if (a->n_words == 1)
        return ask_and_print(a, "GET", arena_printf(a->arena, "/api/v1/changes/%s/choices", a->words[0]),
                             NULL, choices_print);
    return decide(a, a->words[0], a->words[1]);
}

static int run_extend(struct args *a)
{
    return decide(a, a->words[0], "extend");
}

static int run_rollback(struct args *a)
{
    return decide(a, a->words[0], "rollback");
}

#define REASON {"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL}
#define MORE_TIME                                                                \
    {"minutes", 'm', OPTION_VALUE, "N", "extend: by how much", NULL},            \
    {                                                                            \
        "permitted-by", 0, OPTION_VALUE, "WHO", "extend: who permitted it", NULL \
    }
#define SCHEMA                                                     \
    {"despite-schema",                                             \
     0,                                                            \
     OPTION_FLAG,                                                  \
     NULL,                                                         \
     "rollback: go back although the database schema has changed", \
     NULL}
#define SERVICE {"service", 's', OPTION_LIST, "NAME=TAG", "patch: the new tag", "services"}

const struct command cmd_decide = {
    .name = "decide",
    .usage = "CHANGE [retry|patch|extend|rollback|stop]",
    .says = "decide what becomes of a change in trouble",
    .more =
        "retry: try again what failed. patch: deploy another tag. extend: more time, with permission. "
        "rollback: back to what ran before; the "
        "last resort. stop: leave things as they are and end. Without a choice: what each of them costs and would do.",
    .examples =
        "signalbox decide HF-7\twhat each choice costs: how long it took before, step by step what it does\n"
        "signalbox decide HF-7 retry --reason \"registry was down\"\ttry again\n"
        "signalbox decide HF-7 patch --service decanting-service=24-02-05.619-hotfix.628 --reason "
        "\"fix of the fix\"\tpatch forward\n",
    .group = 1,
    .words_min = 1,
    .words_max = 2,
    .complete = "changes",
    .options = {REASON, MORE_TIME, SERVICE, SCHEMA},
    .run = run_decide,
};

const struct command cmd_extend = {
    .name = "extend",
    .usage = "CHANGE --minutes N --permitted-by WHO --reason TEXT",
    .says = "extend the window of a change in trouble, with permission",
    .examples = "signalbox extend HF-7 --minutes 30 --permitted-by \"TAM of Tangerine\" --reason \"pods slow "
                "to start\"\thalf an hour more\n",
    .group = 1,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {REASON, MORE_TIME},
    .run = run_extend,
};

const struct command cmd_rollback = {
    .name = "rollback",
    .usage = "CHANGE --reason TEXT",
    .says = "roll a change in trouble back to what ran before",
    .examples = "signalbox rollback HF-7 --reason \"errors on every order\"\tthe last resort\n",
    .group = 1,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {REASON, SCHEMA},
    .run = run_rollback,
};
