/* trouble, cancel, skip, again, note: the other things a person can say about a change. */
#include "base/json.h"
#include "cli/plan_options.h"
#include "cli/session.h"
#include <stdio.h>

static int act(struct args *a, const char *what, json_t *data, const char *done)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    json_t *answer = NULL;
    if (s)
        answer = session_call(s, "POST", arena_printf(a->arena, "/api/v1/changes/%s/%s", a->words[0], what),
                              data, &err);
    int status = answer ? EXIT_DONE : complain(&err);
    if (answer && !opt_given(a, "json"))
        printf("%s: %s.\n", a->words[0], done);
    if (answer && session_local(s) && !opt_given(a, "json"))
        printf("Nothing carries %s out at the moment; it goes on with: signalbox watch %s\n", a->words[0],
               a->words[0]);
    json_decref(answer);
    json_decref(data);
    session_close(s);
    return status;
}

static json_t *with_reason(const struct args *a, struct error *err)
{
    if (opt(a, "reason"))
        return json_pack("{s:s}", "reason", opt(a, "reason"));
    error_set(err, SB_MISSING, "say why: --reason TEXT; it goes into the record");
    return NULL;
}

static int reasoned(struct args *a, const char *what, const char *done, bool about_step)
{
    struct error err = ERROR_NONE;
    json_t *data = with_reason(a, &err);
    if (!data)
        return complain(&err);
    if (about_step)
        json_object_set_new(data, "step", json_string(a->words[1]));
    return act(a, what, data, done);
}

static int run_trouble(struct args *a)
{
    return reasoned(a, "trouble", "in trouble; those who must know are told", false);
}

static int run_cancel(struct args *a)
{
    return reasoned(a, "cancel", "cancelled; what can be undone is being undone", false);
}

static int run_skip(struct args *a)
{
    return reasoned(a, "skip", "skipped, with the reason in the record", true);
}

static int run_again(struct args *a)
{
    return act(a, "again", json_pack("{s:s}", "step", a->words[1]), "will be tried again");
}

static int run_note(struct args *a)
{
    return act(a, "note", json_pack("{s:s}", "text", a->words[1]), "noted");
}

static int run_move(struct args *a)
{
    struct error err = ERROR_NONE;
    json_t *data = with_reason(a, &err);
    if (data && !opt(a, "window")) {
        error_set(&err, SB_MISSING, "say where to: --window \"today 16:00 for 90m\"");
        json_decref(data);
        data = NULL;
    }
    if (!data)
        return complain(&err);
    json_object_set_new(data, "window", json_string(opt(a, "window")));
    if (!plan_pairs(data, a, "overrule", "overrule", &err)) {
        json_decref(data);
        return complain(&err);
    }
    return act(a, "move", data, "its window has moved; calendar, status page and channels follow");
}

#define REASON {"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL}

const struct command cmd_trouble = {
    .name = "trouble",
    .usage = "CHANGE --reason TEXT",
    .says = "say that something is wrong: TAM and channels are told at once",
    .examples = "signalbox trouble HF-7 --reason \"orders fail in the test store\"\twhat no check has seen\n",
    .group = 1,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {REASON},
    .run = run_trouble,
};

const struct command cmd_cancel = {
    .name = "cancel",
    .usage = "CHANGE --reason TEXT",
    .says = "cancel a change whose deployment has not begun, and undo what was set up",
    .examples =
        "signalbox cancel HF-7 --reason \"fixed by configuration\"\tcalendar and status page follow\n",
    .group = 1,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {REASON},
    .run = run_cancel,
};

const struct command cmd_move = {
    .name = "move",
    .usage = "CHANGE --window WINDOW --reason TEXT",
    .says = "move the window of a change whose deployment has not begun; all that was set up for it follows",
    .more =
        "The new window is questioned as a plan's is. What was timed by the old one is timed anew, what was asked about it is "
        "asked again, and who has agreed to it is asked to agree again.",
    .examples =
        "signalbox move HF-7 --window \"today 16:00 for 90m\" --reason \"the client asked for it\"\tcalendar, maintenance "
        "and messages move with it\n",
    .group = 1,
    .words_min = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {{"window", 'w', OPTION_VALUE, "WINDOW", "the new one: \"today 16:00 for 90m\"", NULL},
                REASON,
                {"overrule", 0, OPTION_LIST, "WHAT=WHY",
                 "overrule a question about the new window, with the reason", NULL}},
    .run = run_move,
};

const struct command cmd_skip = {
    .name = "skip",
    .usage = "CHANGE STEP --reason TEXT",
    .says = "skip a step, with a recorded reason (rules of the page still hold)",
    .examples = "signalbox skip HF-7 bridge --reason \"no call for this one\"\t\n",
    .group = 1,
    .words_min = 2,
    .words_max = 2,
    .complete = "changes",
    .options = {REASON},
    .run = run_skip,
};

const struct command cmd_again = {
    .name = "again",
    .usage = "CHANGE STEP",
    .says = "try a failed or skipped step again",
    .examples = "signalbox again HF-7 say-stop\tafter the chat is back\n",
    .group = 1,
    .words_min = 2,
    .words_max = 2,
    .complete = "changes",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run_again,
};

const struct command cmd_note = {
    .name = "note",
    .usage = "CHANGE TEXT",
    .says = "write a note into the record",
    .examples = "signalbox note HF-7 \"client confirms by phone\"\t\n",
    .group = 1,
    .words_min = 2,
    .words_max = 2,
    .complete = "changes",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run_note,
};
