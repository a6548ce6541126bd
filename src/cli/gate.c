#include "cli/gate.h"
#include "base/buf.h"
#include "base/json.h"
#include "cli/stage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json_t *gate_step(const json_t *change)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(change, "steps"), i, step) {
        const char *status = json_str(step, "status", "");
        if (str_eq(status, "asking") || str_eq(status, "unsure"))
            return step;
    }
    return NULL;
}

static void drop(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

void gate_clear(struct gate *g)
{
    drop(&g->step);
    drop(&g->services);
    drop(&g->answer);
    g->field = GATE_CHOICE;
}

/* An answer that is still empty: to this question, as it was shown. */
static json_t *answer_to(const json_t *step)
{
    return json_pack("{s:s, s:I}", "step", json_str(step, "id", ""), "run",
                     (json_int_t)json_int(step, "run", 1));
}

void gate_look(struct gate *g, const json_t *change)
{
    const json_t *step = change ? gate_step(change) : NULL;
    bool same = step && g->step && str_eq(json_str(step, "id", ""), json_str(g->step, "id", "?")) &&
                json_int(step, "run", 0) == json_int(g->step, "run", 0);
    if (!same)
        gate_clear(g);
    if (!step)
        return;
    drop(&g->step);
    drop(&g->services);
    g->step = json_incref((json_t *)step);
    g->services = json_incref(json_object_get(change, "services"));
    if (!g->answer)
        g->answer = answer_to(step);
}

static bool unsure(const struct gate *g)
{
    return str_eq(json_str(g->step, "status", ""), "unsure");
}

/* The choices a person has: the step's own, or whether an effect took place. New reference. */
static json_t *choices_of(const struct gate *g)
{
    if (unsure(g))
        return json_pack("[{s:s,s:s},{s:s,s:s}]", "id", "yes", "label", "It took place", "id", "no", "label",
                         "It did not take place: perform it");
    return json_incref(json_object_get(g->step, "choices"));
}

const char *gate_prompt(const struct gate *g, int width, struct buf *out)
{
    static const char *const prompts[] = {
        [GATE_CHOICE] = "  your choice: ",
        [GATE_TAGS] = "  new tag of each service to patch (SERVICE=TAG ...): ",
        [GATE_MINUTES] = "  by how many minutes: ",
        [GATE_PERMITTED] = "  permitted by (client or TAM): ",
        [GATE_REASON] = "  reason: ",
    };
    if (!g->step)
        return NULL;
    const char *question = json_str(g->step, "question", "");
    buf_addc(out, '\n');
    if (unsure(g)) {
        buf_adds(out, "  Did this take place?\n");
        stage_wrap(out, json_str(g->step, "title", ""), 2, width, 3);
        stage_wrap(out, json_str(g->step, "because", ""), 2, width, 4);
    } else {
        stage_wrap(out, *question ? question : json_str(g->step, "title", ""), 2, width, 12);
    }
    _cleanup_json_ json_t *choices = choices_of(g);
    size_t i;
    json_t *c;
    buf_adds(out, "  ");
    json_array_foreach(choices, i, c)
        buf_printf(out, " [%zu] %s  ", i + 1, json_str(c, "label", json_str(c, "id", "?")));
    buf_adds(out, "\n");
    return prompts[g->field];
}

json_t *gate_tags(const char *text, const json_t *services, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    json_t *list = json_array();
    char *save = NULL, *copy = arena_strdup(&a, text);
    for (char *word = strtok_r(copy, " ,", &save); word; word = strtok_r(NULL, " ,", &save)) {
        char *eq = strchr(word, '=');
        const char *service = eq                               ? word
                              : json_array_size(services) == 1 ? json_str(services, "0.service", NULL)
                                                               : NULL;
        if (!service) {
            error_set(err, SB_PARSE, "\"%s\": write SERVICE=TAG, the change has several services", word);
            json_decref(list);
            return NULL;
        }
        if (eq)
            *eq = '\0';
        json_array_append_new(list, json_pack("{s:s, s:s}", "service", service, "tag", eq ? eq + 1 : word));
    }
    if (json_array_size(list) == 0) {
        error_set(err, SB_MISSING, "name at least one SERVICE=TAG");
        json_decref(list);
        return NULL;
    }
    return list;
}

/* The choice by number, id or the beginning of its label. NULL when none or several fit. */
static const json_t *choice_for(const json_t *choices, const char *line)
{
    char *end;
    long n = strtol(line, &end, 10);
    if (*line && *end == '\0')
        return n >= 1 ? json_array_get(choices, (size_t)n - 1) : NULL;
    const json_t *found = NULL;
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)choices, i, c) {
        if (str_eq(json_str(c, "id", ""), line))
            return c;
        if (*line && (str_starts(json_str(c, "id", ""), line) ||
                      strncasecmp(json_str(c, "label", ""), line, strlen(line)) == 0)) {
            if (found)
                return NULL;
            found = c;
        }
    }
    return found;
}

/* What must still be asked for this answer; GATE_CHOICE = nothing. */
static enum gate_field missing(const struct gate *g)
{
    const char *choice = json_str(g->answer, "choice", "");
    bool decision = json_flag(g->step, "decision", false);
    if (decision && str_eq(choice, "patch") && !json_object_get(g->answer, "services"))
        return GATE_TAGS;
    if (decision && str_eq(choice, "extend") && !json_object_get(g->answer, "minutes"))
        return GATE_MINUTES;
    if (decision && str_eq(choice, "extend") && !json_object_get(g->answer, "permitted_by"))
        return GATE_PERMITTED;
    if ((decision || unsure(g) || json_flag(g->step, "reason_needed", false)) &&
        !json_object_get(g->answer, "reason"))
        return GATE_REASON;
    return GATE_CHOICE;
}

static bool take(struct gate *g, const char *line, struct error *err)
{
    switch (g->field) {
    case GATE_CHOICE: {
        _cleanup_json_ json_t *choices = choices_of(g);
        const json_t *c = choice_for(choices, line);
        if (!c)
            return error_set(err, SB_UNKNOWN, "\"%.40s\" is none of the choices: enter its number or name",
                             line);
        json_object_set_new(g->answer, "choice", json_string(json_str(c, "id", "")));
        return true;
    }
    case GATE_TAGS: {
        json_t *tags = gate_tags(line, g->services, err);
        if (tags)
            json_object_set_new(g->answer, "services", tags);
        return tags != NULL;
    }
    case GATE_MINUTES: {
        char *end;
        long n = strtol(line, &end, 10);
        if (*end || n < 1 || n > 1440)
            return error_set(err, SB_RANGE, "\"%.40s\": enter minutes, 1 to 1440", line);
        json_object_set_new(g->answer, "minutes", json_integer(n));
        return true;
    }
    case GATE_PERMITTED:
    case GATE_REASON:
        if (!*line)
            return error_set(err, SB_MISSING, "this goes into the record: it cannot be empty");
        json_object_set_new(g->answer, g->field == GATE_REASON ? "reason" : "permitted_by",
                            json_string(line));
        return true;
    }
    return false;
}

static bool send_answer(const struct gate *g, struct session *s, const char *change, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *what = "answer";
    if (unsure(g)) {
        what = "resolve";
        json_object_set_new(g->answer, "took_place",
                            json_boolean(str_eq(json_str(g->answer, "choice", ""), "yes")));
    }
    json_t *answer =
        session_call(s, "POST", arena_printf(&a, "/api/v1/changes/%s/%s", change, what), g->answer, err);
    json_decref(answer);
    return answer != NULL;
}

bool gate_enter(struct gate *g, struct session *s, const char *change, const char *line, struct error *err)
{
    if (!g->step || !take(g, line, err))
        return g->step ? false : true;
    g->field = missing(g);
    if (g->field != GATE_CHOICE)
        return true;
    bool ok = send_answer(g, s, change, err);
    drop(&g->answer); /* a refused answer begins anew */
    g->answer = answer_to(g->step);
    return ok;
}
