/* evidence.c: what is known of a failure, put together without being asked: the step that failed and the end of its log,
 * pods that are not well, the health before and now, and what has changed since the version that ran before. */
#include "engine/inside.h"

enum { SHOWN = 10, LOG_LINES = 15, POD_LOG_LINES = 3 };

static const char *verb_of(const struct change *c, int step)
{
    return c->sop->steps[step].verb ? c->sop->steps[step].verb->name : "";
}

/* The last lines of a log; in its own memory. */
static const char *tail(const char *log, int lines)
{
    size_t n = strlen(log);
    while (n > 0 && log[n - 1] == '\n')
        n--;
    for (size_t i = n; i > 0; i--)
        if (log[i - 1] == '\n' && --lines == 0)
            return log + i;
    return log;
}

/* A fence in the log must not end ours. */
static void add_log(struct buf *b, const char *log, int lines)
{
    if (!log || !*log)
        return;
    buf_adds(b, "```\n");
    for (const char *at = tail(log, lines); *at; at++)
        buf_addc(b, *at == '`' ? '\'' : *at);
    if (log[strlen(log) - 1] != '\n')
        buf_addc(b, '\n');
    buf_adds(b, "```\n");
}

/* --- the step that failed
 * ------------------------------------------------------------------------------------------------- */

static void add_failure(struct buf *b, const struct change *c, int step)
{
    const struct step_data *d = &c->data[step];
    const json_t *result = d->result ? d->result : d->view;
    buf_printf(b, "**%s** failed: %s\n", c->sop->steps[step].title,
               d->reason ? d->reason : "no reason is known");
    const char *stage = json_str(result, "failed_stage", NULL);
    if (stage)
        buf_printf(b, "Stage: %s\n", stage);
    size_t i;
    json_t *worse;
    json_array_foreach(json_object_get(result, "worse"), i, worse)
        if (i < SHOWN)
            buf_printf(b, "- worse than before: %s: %s\n", json_str(worse, "name", "?"),
                       json_str(worse, "says", ""));
    add_log(b, json_str(result, "log", NULL), LOG_LINES);
}

/* --- pods
 * -------------------------------------------------------------------------------------------------------------------- */

static bool told_before(const json_t *told, const json_t *problem)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)told, i, one)
        if (str_eq(json_str(one, "pod", ""), json_str(problem, "pod", "")) &&
            str_eq(json_str(one, "reason", ""), json_str(problem, "reason", "")))
            return true;
    return false;
}

/* Problems of every look at the cluster, those with a log first: the look that failed may have it. */
static json_t *pod_problems(const struct change *c)
{
    json_t *list = json_array();
    for (int with_log = 1; with_log >= 0; with_log--)
        for (int i = 0; i < c->sop->n_steps; i++) {
            const struct step_data *d = &c->data[i];
            size_t k;
            json_t *p;
            if (!str_eq(verb_of(c, i), "cluster.verify"))
                continue;
            json_array_foreach(json_object_get(d->result ? d->result : d->view, "problems"), k, p)
                if ((*json_str(p, "log", "") != '\0') == with_log && !told_before(list, p))
                    json_array_append(list, p);
        }
    return list;
}

static void add_pods(struct buf *b, const struct change *c)
{
    _cleanup_json_ json_t *list = pod_problems(c);
    size_t i;
    json_t *p;
    if (json_array_size(list) == 0)
        return;
    buf_adds(b, "**Pods that are not well:**\n");
    json_array_foreach(list, i, p) {
        if (i == SHOWN) {
            buf_printf(b, "- and %zu more\n", json_array_size(list) - i);
            break;
        }
        const char *pod = json_str(p, "pod", ""), *message = json_str(p, "message", "");
        buf_printf(b, "- %s: %s%s%s\n", *pod ? pod : json_str(p, "service", "?"),
                   json_str(p, "reason", "not well"), *message ? ": " : "", message);
        add_log(b, json_str(p, "log", NULL), POD_LOG_LINES);
    }
}

/* --- health
 * ------------------------------------------------------------------------------------------------------------------- */

/* The newest measures of a branch: of main = before (or while it was watched), of trouble = now. */
static const json_t *measures_of(const struct change *c, enum branch branch, const char *verb)
{
    const json_t *found = NULL;
    for (int i = 0; i < c->sop->n_steps; i++) {
        const struct step_data *d = &c->data[i];
        if (c->sop->steps[i].branch == branch && str_eq(verb_of(c, i), verb) && (d->result || d->view))
            found = json_object_get(d->result ? d->result : d->view, "measures");
    }
    return found;
}

static const json_t *measure_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)list, i, m)
        if (str_eq(json_str(m, "name", ""), name))
            return m;
    return NULL;
}

static void add_value(struct buf *b, const json_t *measure)
{
    const json_t *v = json_object_get(measure, "value");
    if (json_is_number(v))
        buf_printf(b, "%.4g", json_number_value(v));
    else
        buf_adds(b, "not known");
}

json_t *health_compared(const struct change *c)
{
    const json_t *before = measures_of(c, BRANCH_MAIN, "health.snapshot");
    const json_t *now = measures_of(c, BRANCH_TROUBLE, "health.snapshot");
    const json_t *watched = measures_of(c, BRANCH_MAIN, "health.watch");
    json_t *list = json_array();
    size_t i;
    json_t *m;
    if (!now || c->control.status != CHANGE_TROUBLE)
        now = watched ? watched : now;
    json_array_foreach((json_t *)(now ? now : before), i, m) {
        const char *name = json_str(m, "name", "?");
        const json_t *was = measure_named(before, name);
        json_t *o = json_pack("{s:s, s:s?, s:b}", "name", name, "unit", json_str(m, "unit", NULL), "ok",
                              json_flag(m, "ok", false));
        json_object_set(o, "before", was ? json_object_get(was, "value") : NULL);
        if (now)
            json_object_set(o, "after", json_object_get(m, "value"));
        json_object_set(o, "max", json_object_get(m, "max"));
        json_array_append_new(list, o);
    }
    return list;
}

static void add_health(struct buf *b, const struct change *c)
{
    const json_t *before = measures_of(c, BRANCH_MAIN, "health.snapshot");
    const json_t *now = measures_of(c, BRANCH_TROUBLE, "health.snapshot");
    size_t i;
    json_t *m;
    if (json_array_size(now) == 0)
        return;
    buf_adds(b, "**Health, before and now:**\n");
    json_array_foreach((json_t *)now, i, m) {
        const char *unit = json_str(m, "unit", "");
        if (i == SHOWN)
            break;
        buf_printf(b, "- %s: ", json_str(m, "name", "?"));
        add_value(b, measure_named(before, json_str(m, "name", "")));
        buf_adds(b, " → ");
        add_value(b, m);
        buf_printf(b, "%s%s%s\n", *unit ? " " : "", unit, json_flag(m, "ok", true) ? "" : " (not healthy)");
    }
}

/* --- what has changed
 * --------------------------------------------------------------------------------------------------------- */

static void add_changes_of(struct buf *b, const json_t *service)
{
    const json_t *commits = json_object_get(service, "commits"), *schema = json_object_get(service, "schema");
    size_t n = json_array_size(commits), i;
    json_t *c;
    if (n == 0 && json_array_size(schema) == 0)
        return;
    buf_printf(b, "**%s, %s to %s:** %zu commits\n", json_str(service, "service", "?"),
               json_str(service, "before", "?"), json_str(service, "tag", "?"), n);
    json_array_foreach((json_t *)commits, i, c) {
        if (i == SHOWN) {
            buf_printf(b, "- and %zu more\n", n - i);
            break;
        }
        buf_printf(b, "- %s (%s, %.8s)\n", json_str(c, "subject", "?"), json_str(c, "by", "?"),
                   json_str(c, "id", ""));
    }
    json_array_foreach((json_t *)schema, i, c)
        if (i < SHOWN && json_is_string(c))
            buf_printf(b, "- schema change: %s\n", json_string_value(c));
}

static void add_changes(struct buf *b, const struct change *c)
{
    for (int i = 0; i < c->sop->n_steps; i++) {
        size_t k;
        json_t *service;
        if (c->sop->steps[i].branch != BRANCH_MAIN || !str_eq(verb_of(c, i), "releases.check"))
            continue;
        json_array_foreach(json_object_get(c->data[i].result, "services"), k, service)
            add_changes_of(b, service);
    }
}

char *evidence_text(const struct change *c)
{
    struct buf b = {0};
    bool any = false;
    for (int i = 0; i < c->sop->n_steps; i++)
        if (c->control.steps[i].status == STEP_FAILED && c->sop->steps[i].branch == BRANCH_MAIN &&
            !c->sop->steps[i].optional) {
            add_failure(&b, c, i);
            any = true;
        }
    if (!any)
        buf_printf(&b, "%s\n", c->trouble_reason ? c->trouble_reason : "Nothing has failed.");
    add_pods(&b, c);
    add_health(&b, c);
    add_changes(&b, c);
    return buf_steal(&b);
}
