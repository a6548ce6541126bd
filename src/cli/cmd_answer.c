/* answer, proceed: a person's word at a gate. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/session.h"
#include <stdio.h>
#include <stdlib.h>

static bool asks(const json_t *step)
{
    const char *status = json_str(step, "status", "");
    return str_eq(status, "asking") || str_eq(status, "unsure");
}

static bool offers(const json_t *step, const char *choice)
{
    size_t i;
    json_t *one;
    if (str_eq(json_str(step, "status", ""), "unsure"))
        return str_eq(choice, "took-place") || str_eq(choice, "did-not");
    json_array_foreach(json_object_get(step, "choices"), i, one)
        if (str_eq(json_str(one, "id", ""), choice))
            return true;
    return false;
}

/* The step to answer when none is named: the only one that asks, or the only one that knows this answer. */
static const json_t *only_gate(const json_t *c, const char *change, const char *choice, struct error *err)
{
    const json_t *found = NULL;
    size_t i;
    json_t *step;
    int knowing = 0;
    json_array_foreach(json_object_get(c, "steps"), i, step)
        knowing += asks(step) && offers(step, choice);
    json_array_foreach(json_object_get(c, "steps"), i, step) {
        if (!asks(step) || (knowing > 0 && !offers(step, choice)))
            continue;
        if (found) {
            error_set(err, SB_MISSING, "%s asks at several steps (%s, %s): name the one you answer", change,
                      json_str(found, "id", "?"), json_str(step, "id", "?"));
            return NULL;
        }
        found = step;
    }
    if (!found)
        error_set(err, SB_STATE, "%s asks nothing now", change);
    return found;
}

/* The step named, if there is one. */
static const json_t *step_named(const json_t *c, const char *id)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(c, "steps"), i, step)
        if (str_eq(json_str(step, "id", ""), id))
            return step;
    return NULL;
}

/* Which question is answered: the step, and the how-manieth time it is asked. The question is shown, and one that is
 * put anew in the same moment is not answered by mistake. Whoever has read an older one says so with --run. NULL with
 * the error. */
static const char *address(struct session *s, struct args *a, const char *change, const char *step,
                           const char *choice, json_t *more, struct error *err)
{
    _cleanup_json_ json_t *c =
        session_call(s, "GET", arena_printf(a->arena, "/api/v1/changes/%s", change), NULL, err);
    const json_t *asked = !c ? NULL : step ? step_named(c, step) : only_gate(c, change, choice, err);
    if (asked) {
        step = arena_strdup(a->arena, json_str(asked, "id", "?"));
        if (!json_object_get(more, "run"))
            json_object_set_new(more, "run", json_integer(json_int(asked, "run", 1)));
        if (asks(asked) && !opt_given(a, "json"))
            fprintf(stderr, "%s\n", json_str(asked, "question", json_str(asked, "title", "")));
    } else if (!c || !step) {
        return NULL;
    }
    json_object_set_new(more, "step", json_string(step));
    return step;
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
    step = address(s, a, change, step, choice, more, &err);
    json_t *answer = NULL;
    if (step) {
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
    if (opt(a, "run"))
        json_object_set_new(more, "run", json_integer(strtoll(opt(a, "run"), NULL, 10)));
    return more;
}

#define RUN                                                                                                 \
    {"run", 0, OPTION_VALUE, "N", "which time the question was asked, as it was shown (default: the last)", \
     NULL}

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
    .options = {{"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL}, RUN},
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
                {"reason", 'r', OPTION_VALUE, "TEXT", "why; goes into the record", NULL},
                RUN},
    .run = run_proceed,
};
