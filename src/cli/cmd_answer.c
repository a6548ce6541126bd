/* answer, proceed: a person's word at a gate. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/gate.h"
#include "cli/session.h"
#include <stdio.h>
#include <stdlib.h>

/* The step to answer when none is named: the only one that asks. */
static const char *only_gate(struct session *s, struct args *a, const char *change, struct error *err)
{
    _cleanup_json_ json_t *c =
        session_call(s, "GET", arena_printf(a->arena, "/api/v1/changes/%s", change), NULL, err);
    if (!c)
        return NULL;
    const char *found = NULL;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(c, "steps"), i, step) {
        const char *status = json_str(step, "status", "");
        if (!str_eq(status, "asking") && !str_eq(status, "unsure"))
            continue;
        if (found) {
            error_set(err, SB_MISSING, "%s asks at several steps (%s, %s): name the one you answer", change,
                      found, json_str(step, "id", "?"));
            return NULL;
        }
        found = arena_strdup(a->arena, json_str(step, "id", "?"));
    }
    if (!found)
        error_set(err, SB_STATE, "%s asks nothing now", change);
    return found;
}

int send_answer(struct args *a, const char *change, const char *step, const char *choice, json_t *more)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    if (!s) {
        json_decref(more);
        return complain(&err);
    }
    if (!step)
        step = only_gate(s, a, change, &err);
    json_t *answer = NULL;
    if (step) {
        json_object_set_new(more, "step", json_string(step));
        json_object_set_new(more, "choice", json_string(choice));
        bool tells = str_eq(choice, "took-place") || str_eq(choice, "did-not");
        if (tells)
            json_object_set_new(more, "took_place", json_boolean(str_eq(choice, "took-place")));
        answer = session_call(
            s, "POST", arena_printf(a->arena, "/api/v1/changes/%s/%s", change, tells ? "resolve" : "answer"),
            more, &err);
    }
    int status = EXIT_DONE;
    if (!answer) {
        status = complain(&err);
    } else if (opt_given(a, "json")) {
        char *text = json_dumps(answer, JSON_INDENT(2));
        puts(text);
        free(text);
    } else {
        printf("%s: %s: %s, recorded.\n", change, step, choice);
        if (session_local(s))
            printf("Nothing carries %s out at the moment; it goes on with: signalbox watch %s\n", change,
                   change);
    }
    json_decref(answer);
    json_decref(more);
    session_close(s);
    return status;
}

static json_t *reason_of(const struct args *a)
{
    json_t *more = json_object();
    if (opt(a, "reason"))
        json_object_set_new(more, "reason", json_string(opt(a, "reason")));
    return more;
}

static int run_answer(struct args *a)
{
    const char *step = a->n_words == 3 ? a->words[1] : NULL;
    return send_answer(a, a->words[0], step, a->words[a->n_words - 1], reason_of(a));
}

static int run_proceed(struct args *a)
{
    return send_answer(a, a->words[0], a->n_words == 2 ? a->words[1] : NULL,
                       opt_given(a, "abort") ? "abort" : "proceed", reason_of(a));
}

const struct command cmd_answer = {
    .name = "answer",
    .usage = "CHANGE [STEP] CHOICE",
    .says = "answer the question a change asks",
    .more = "The step may be left out when only one asks. For an effect of which nobody knows whether it "
            "took place, the choices are "
            "took-place and did-not. The first answer stands: a second is told who gave it.",
    .examples = "signalbox answer HF-7 approve yes\tapprove\nsignalbox answer HF-7 no --reason \"client "
                "closed early\"\tthe only open question\n",
    .group = 1,
    .words_min = 2,
    .words_max = 3,
    .complete = "changes",
    .options = {{"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL}},
    .run = run_answer,
};

const struct command cmd_proceed = {
    .name = "proceed",
    .usage = "CHANGE [STEP]",
    .says = "let a paused pipeline proceed (or --abort)",
    .examples = "signalbox proceed HF-7\tas hovering over the stage and clicking Proceed\n",
    .group = 1,
    .words_min = 1,
    .words_max = 2,
    .complete = "changes",
    .options = {{"abort", 0, OPTION_FLAG, NULL, "abort the pipeline instead", NULL},
                {"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL}},
    .run = run_proceed,
};
