/* jenkins_read.c: paths of jobs, and reading what Jenkins says of jobs, stages, pauses and failures. Pure. */
#include "base/buf.h"
#include "systems/jenkins.h"
#include <ctype.h>
#include <string.h>

enum { MESSAGE_MAX = 500, NAME_MAX_BYTES = 200, PAUSES_MAX = 50, INPUTS_MAX = 50 };

char *jenkins_encoded(const char *text, struct arena *a)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(a, buf_str(&b));
}

char *jenkins_job_path(const char *job, struct arena *a)
{
    _cleanup_buf_ struct buf path = {0};
    char *rest = arena_strdup(a, job);
    for (char *part = strsep(&rest, "/"); part; part = strsep(&rest, "/")) {
        if (!*part || str_eq(part, ".") || str_eq(part, ".."))
            return NULL;
        buf_adds(&path, "/job/");
        buf_add_url(&path, part);
    }
    return path.len ? arena_strdup(a, buf_str(&path)) : NULL;
}

json_t *jenkins_declared(const json_t *job)
{
    json_t *declared = json_object();
    /* Newer cores tell them among the job's properties, older ones among its actions. */
    static const char *const places[] = {"property", "actions"};
    for (size_t p = 0; p < COUNT_OF(places); p++) {
        const json_t *list = json_object_get(job, places[p]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *definitions = json_object_get(json_array_get(list, i), "parameterDefinitions");
            for (size_t k = 0; k < json_array_size(definitions); k++) {
                json_t *definition = json_array_get(definitions, k);
                const char *name = json_str(definition, "name", NULL);
                if (name)
                    json_object_set(declared, name, definition);
            }
        }
    }
    return declared;
}

const char *jenkins_status(const char *result)
{
    static const struct {
        const char *core, *ours;
    } words[] = {
        {"SUCCESS", STAGE_SUCCESS}, {"UNSTABLE", STAGE_UNSTABLE}, {"FAILURE", STAGE_FAILED},
        {"ABORTED", STAGE_ABORTED}, {"NOT_BUILT", STAGE_WAITING},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eq(result, words[i].core))
            return words[i].ours;
    return STAGE_FAILED;
}

/* A text of theirs within a bound, not cut inside a character. */
static json_t *bounded(const char *text, size_t max)
{
    size_t n = strlen(text);
    if (n > max) {
        n = max;
        while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    return json_stringn(text, n);
}

json_t *jenkins_stages(const json_t *describe)
{
    json_t *out = json_array();
    const json_t *stages = json_object_get(describe, "stages");
    size_t n = json_array_size(stages);
    for (size_t i = 0; i < n && i < JENKINS_STAGES_MAX; i++) {
        const json_t *stage = json_array_get(stages, i);
        json_t *view = json_object();
        json_object_set_new(view, "id", bounded(json_str(stage, "id", ""), NAME_MAX_BYTES));
        json_object_set_new(view, "name", bounded(json_str(stage, "name", ""), NAME_MAX_BYTES));
        json_object_set_new(view, "status",
                            bounded(json_str(stage, "status", STAGE_WAITING), NAME_MAX_BYTES));
        json_object_set_new(view, "started_ms", json_integer(json_int(stage, "startTimeMillis", 0)));
        json_object_set_new(view, "took_ms", json_integer(json_int(stage, "durationMillis", 0)));
        json_object_set_new(view, "paused",
                            json_boolean(str_eq(json_str(stage, "status", ""), STAGE_PAUSED)));
        json_array_append_new(out, view);
    }
    return out;
}

/* The stage view's `definition` holds a default, or choices, of which the first is it. */
static const json_t *default_of(const json_t *input)
{
    const json_t *value = json_path(input, "definition.defaultVal");
    if (!value)
        value = json_path(input, "definition.choices.0");
    if (!value)
        value = json_path(input, "defaultParameterValue.value");
    return value;
}

static json_t *pause_of(const char *id, const char *message, const json_t *inputs)
{
    json_t *pause = json_object();
    json_object_set_new(pause, "id", bounded(id, NAME_MAX_BYTES));
    json_object_set_new(pause, "message", bounded(message, MESSAGE_MAX));
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(inputs) && i < INPUTS_MAX; i++) {
        const json_t *input = json_array_get(inputs, i);
        const json_t *value = default_of(input);
        json_array_append_new(list, json_pack("{s:s, s:O}", "name", json_str(input, "name", ""), "value",
                                              value ? (json_t *)value : json_null()));
    }
    json_object_set_new(pause, "inputs", list);
    return pause;
}

json_t *jenkins_pauses_of_stage_view(const json_t *pending)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(pending) && i < PAUSES_MAX; i++) {
        const json_t *p = json_array_get(pending, i);
        const char *id = json_str(p, "id", NULL);
        if (id && strlen(id) <= NAME_MAX_BYTES)
            json_array_append_new(out,
                                  pause_of(id, json_str(p, "message", ""), json_object_get(p, "inputs")));
    }
    return out;
}

json_t *jenkins_pauses_of_core(const json_t *build)
{
    json_t *out = json_array();
    const json_t *actions = json_object_get(build, "actions");
    for (size_t i = 0; i < json_array_size(actions); i++) {
        const json_t *executions = json_object_get(json_array_get(actions, i), "executions");
        for (size_t k = 0; k < json_array_size(executions) && json_array_size(out) < PAUSES_MAX; k++) {
            const json_t *x = json_array_get(executions, k);
            const char *id = json_str(x, "input.id", json_str(x, "id", NULL));
            if (id && strlen(id) <= NAME_MAX_BYTES && !json_flag(x, "settled", false))
                json_array_append_new(
                    out, pause_of(id, json_str(x, "input.message", ""), json_path(x, "input.parameters")));
        }
    }
    return out;
}

/* --- gates
 * ----------------------------------------------------------------------------------------------------- */

char *jenkins_gate_id(const char *pause, const char *stage, struct arena *a)
{
    return stage ? arena_printf(a, "%s@%s", pause, stage) : arena_strdup(a, pause);
}

void jenkins_gate_split(const char *gate, struct arena *a, char **pause, char **stage)
{
    const char *mark = strrchr(gate, '@');
    bool known = mark && mark[1] && strspn(mark + 1, "0123456789") == strlen(mark + 1);
    *pause = known ? arena_strndup(a, gate, (size_t)(mark - gate)) : arena_strdup(a, gate);
    *stage = known ? arena_strdup(a, mark + 1) : NULL;
}

const json_t *jenkins_paused_stage(const json_t *stages)
{
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        if (str_eq(json_str(stage, "status", ""), STAGE_PAUSED))
            return stage;
    }
    return NULL;
}

/* --- failures
 * --------------------------------------------------------------------------------------------------- */

static const char *failing_step(const json_t *stage, const char *status)
{
    const json_t *steps = json_object_get(stage, "stageFlowNodes");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        if (str_eq(json_str(step, "status", ""), status) && json_path(step, "_links.log"))
            return json_str(step, "id", NULL);
    }
    return NULL;
}

struct jenkins_failure jenkins_failure(const json_t *describe, const char *status)
{
    struct jenkins_failure found = {0};
    const json_t *stages = json_object_get(describe, "stages");
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        if (!str_eq(json_str(stage, "status", ""), status))
            continue;
        /* Stages around the one that failed, and stages skipped after it, are called failed too: the one with
         * a failing step is the cause. Without any, the first. */
        const char *node = failing_step(stage, status);
        if (!found.stage || node)
            found.stage = json_str(stage, "name", "?");
        if (node) {
            found.node = node;
            return found;
        }
    }
    return found;
}

static const struct {
    const char *entity;
    char c;
} entities[] = {{"&lt;", '<'},   {"&gt;", '>'},   {"&amp;", '&'},
                {"&quot;", '"'}, {"&#39;", '\''}, {"&#039;", '\''}};

static size_t entity_at(const char *s, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(entities); i++)
        if (str_starts(s, entities[i].entity)) {
            buf_addc(out, entities[i].c);
            return strlen(entities[i].entity);
        }
    buf_addc(out, *s);
    return 1;
}

char *jenkins_plain(const char *html, struct arena *a)
{
    _cleanup_buf_ struct buf out = {0};
    for (const char *s = html; *s;) {
        const char *end;
        if (*s == '<' && (isalpha((unsigned char)s[1]) || s[1] == '/') && (end = strchr(s, '>')) != NULL)
            s = end + 1;
        else
            s += entity_at(s, &out);
    }
    return arena_strndup(a, buf_str(&out), out.len);
}
