/* start: plans (when it is described on the command line), starts, and stays until the change ends. */
#include "base/json.h"
#include "cli/follow.h"
#include "cli/plan_options.h"
#include "cli/session.h"
#include <stdio.h>

/* The change named, or a new one from the plan. NULL on error. */
static const char *change_of(struct session *s, struct args *a, struct error *err)
{
    if (a->n_words == 1)
        return a->words[0];
    if (!plan_given(a)) {
        error_set(err, SB_MISSING,
                  "say which change (signalbox start HF-7), or describe one: --client, --service NAME=TAG, "
                  "--window, --risk");
        return NULL;
    }
    _cleanup_json_ json_t *plan = plan_of(a, err);
    if (!plan)
        return NULL;
    _cleanup_json_ json_t *made = session_call(s, "POST", "/api/v1/changes", plan, err);
    if (!made)
        return NULL;
    const char *id = arena_strdup(a->arena, json_str(made, "id", "?"));
    if (!opt_given(a, "json"))
        fprintf(stderr,
                json_flag(made, "already", false) ? "%s is this very plan already; going on with it.\n"
                                                  : "%s is planned.\n",
                id);
    return id;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = true, .yes = opt_given(a, "yes"), .yes_as = opt(a, "yes-as")};
    struct session *s = session_open(a, &o, &err);
    if (!s)
        return complain(&err);
    int status = EXIT_DONE;
    const char *id = change_of(s, a, &err);
    json_t *started =
        id ? session_call(s, "POST", arena_printf(a->arena, "/api/v1/changes/%s/start", id), NULL, &err)
           : NULL;
    if (!started) {
        status = complain(&err);
    } else {
        if (json_flag(started, "already", false) && !opt_given(a, "json"))
            fprintf(stderr, "%s was started before; nothing is started twice.\n", id);
        const struct follow_options f = {.json = opt_given(a, "json"),
                                         .ask = !opt_given(a, "yes"),
                                         .again = arena_printf(a->arena, "signalbox watch %s", id)};
        if (opt_given(a, "detach") && !session_local(s))
            printf("%s goes on in the running server.\n", id);
        else
            status = follow(s, id, &f);
    }
    json_decref(started);
    session_close(s);
    return status;
}

const struct command cmd_start = {
    .name = "start",
    .usage = "[CHANGE]",
    .says = "carry out a change, and stay with it until it ends",
    .more = "With options that describe a hotfix it is planned first; the very same plan given again goes on "
            "with the same change. Gates are "
            "answered at the keyboard, with `signalbox answer`, or with --yes. Ctrl-C leaves the change as "
            "it is: the same command goes "
            "on, and does nothing twice.",
    .examples = "signalbox start HF-7\tcarry out a change that was planned\n"
                "signalbox start --client tangerine --service decanting-service=24-02-05.619-hotfix.627 "
                "--window \"today 14:00 for 90m\" "
                "--severity 2 --risk low --reason \"totes stuck\"\tplan and carry out\n",
    .group = 0,
    .words_max = 1,
    .complete = "changes",
    .options = {PLAN_OPTIONS,
                {"yes", 'y', OPTION_FLAG, NULL,
                 "answer gates with their first choice (not decisions in trouble)", NULL},
                {"yes-as", 0, OPTION_VALUE, "WHO", "who answers them (default: you)", NULL},
                {"detach", 0, OPTION_FLAG, NULL, "do not stay when a server carries it", NULL}},
    .run = run,
};
