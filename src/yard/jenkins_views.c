/* How Jenkins describes jobs, queue items, builds and stages. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/jenkins.h"
#include <stdio.h>
#include <string.h>

enum { ATTACHED_AFTER_MS = 60, BUILDS_SHOWN = 100 };

static const char *job_url(struct call *c)
{
    return arena_printf(c->a, "%s/job/%s/", yard_url(c->y, "jenkins"), json_str(c->world, "job", ""));
}

static const char *build_path(struct call *c, int number)
{
    return arena_printf(c->a, "/job/%s/%d/", json_str(c->world, "job", ""), number);
}

static json_t *reference(struct call *c, int number)
{
    return json_pack("{s:s, s:i, s:s}", "_class", "org.jenkinsci.plugins.workflow.job.WorkflowRun", "number",
                     number, "url", arena_printf(c->a, "%s%d/", job_url(c), number));
}

static json_t *parameters(const json_t *request)
{
    json_t *all = json_array(), *value;
    const char *name;
    json_object_foreach(json_object_get(request, "params"), name, value)
        json_array_append_new(all, json_pack("{s:s, s:s, s:O}", "_class", "hudson.model.StringParameterValue",
                                             "name", name, "value", value));
    return json_pack("{s:s, s:o}", "_class", "hudson.model.ParametersAction", "parameters", all);
}

static json_t *causes(struct call *c, const json_t *request)
{
    const char *user = json_str(request, "user", "");
    return json_pack("{s:s, s:[{s:s, s:s, s:s, s:s}]}", "_class", "hudson.model.CauseAction", "causes",
                     "_class", "hudson.model.Cause$UserIdCause", "shortDescription",
                     arena_printf(c->a, "Started by user %s", user), "userId", user, "userName", user);
}

/* --- build ------------------------------------------------------------------------------------------- */

static int64_t usual_duration(const json_t *world)
{
    int64_t sum = 0, n = 0;
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r)
        if (str_eq(json_str(r, "result", ""), "SUCCESS")) {
            sum += json_int(r, "ended", 0) - json_int(r, "began", 0);
            n++;
        }
    return n ? sum / n : -1;
}

static json_t *input_action(struct call *c, const struct run *run)
{
    const json_t *b = run->build;
    json_t *executions = json_array();
    if (run->gate) {
        const char *message = arena_printf(c->a, "Promote to all sites of %s/%s?",
                                           json_str(b, "params.CLIENT", ""), json_str(b, "params.ENV", ""));
        json_array_append_new(
            executions, json_pack("{s:s, s:s, s:b, s:{s:s, s:s, s:s, s:n, s:n, s:[]}}", "id", GATE_ID,
                                  "displayName", message, "settled", 0, "input", "id", GATE_ID, "message",
                                  message, "ok", "Proceed", "submitter", "submitterParameter", "parameters"));
    }
    return json_pack("{s:s, s:b, s:o}", "_class",
                     "org.jenkinsci.plugins.workflow.support.steps.input.InputAction", "waitingForInput",
                     run->gate != NULL, "executions", executions);
}

/* A build is seen a little before its parameters are attached to it. */
static json_t *actions_of(struct call *c, const struct run *run)
{
    json_t *all = json_array();
    if (c->now < run->began + yard_pace(c->y, (double)ATTACHED_AFTER_MS / 1000))
        return all;
    json_array_append_new(all, parameters(run->build));
    json_array_append_new(all, causes(c, run->build));
    json_array_append_new(all, json_object());
    json_array_append_new(all, input_action(c, run));
    const json_t *answer = json_path(run->build, "answers." GATE_ID), *stop = json_path(run->build, "stop");
    const char *rejected = answer && !json_flag(answer, "proceed", false) ? json_str(answer, "by", "") : NULL;
    if (answer && !rejected)
        json_array_append_new(all,
                              json_pack("{s:s, s:s}", "_class",
                                        "org.jenkinsci.plugins.workflow.support.steps.input.ApproverAction",
                                        "userId", json_str(answer, "by", "")));
    if (rejected || stop)
        json_array_append_new(
            all,
            json_pack("{s:s, s:[{s:s, s:s}]}", "_class", "jenkins.model.InterruptedBuildAction", "causes",
                      "_class", "jenkins.model.CauseOfInterruption$UserInterruption", "shortDescription",
                      rejected ? arena_printf(c->a, "Rejected by %s", rejected)
                               : arena_printf(c->a, "Aborted by %s", json_str(stop, "by", ""))));
    return all;
}

json_t *view_build(struct call *c, const struct run *run)
{
    json_t *b = reference(c, run->number);
    json_t *rest = json_pack(
        "{s:o, s:b, s:b, s:s*, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:n, s:b, s:[]}", "actions",
        actions_of(c, run), "building", run->result == NULL, "inProgress", run->result == NULL, "result",
        run->result, "timestamp", (json_int_t)run->began, "duration",
        (json_int_t)(run->result ? run->end - run->began : 0), "estimatedDuration",
        (json_int_t)usual_duration(c->world), "queueId", (json_int_t)json_int(run->build, "item", 0), "id",
        arena_printf(c->a, "%d", run->number), "displayName", arena_printf(c->a, "#%d", run->number),
        "fullDisplayName", arena_printf(c->a, "%s #%d", json_str(c->world, "job", ""), run->number),
        "builtOn", "", "description", "keepLog", 0, "artifacts");
    json_object_update(b, rest);
    json_decref(rest);
    if (!run->result)
        json_object_set_new(b, "result", json_null());
    return b;
}

/* --- queue item -------------------------------------------------------------------------------------- */

json_t *view_item(struct call *c, const json_t *r)
{
    int64_t id = json_int(r, "item", 0), leaves = jenkins_leaves(c->y, c->world, r);
    bool left = json_object_get(r, "number") || json_object_get(r, "cancelled");
    json_t *i = json_pack("{s:s, s:I, s:s, s:I, s:b, s:b, s:b, s:[o, o, {}], s:{s:s, s:s, s:s, s:s}}",
                          "_class", left ? "hudson.model.Queue$LeftItem" : "hudson.model.Queue$WaitingItem",
                          "id", (json_int_t)id, "url", arena_printf(c->a, "queue/item/%lld/", (long long)id),
                          "inQueueSince", (json_int_t)json_int(r, "queued", 0), "blocked", 0, "buildable", 0,
                          "stuck", 0, "actions", parameters(r), causes(c, r), "task", "_class",
                          "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name",
                          json_str(c->world, "job", ""), "url", job_url(c), "color", "blue");
    struct buf params = {0};
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(r, "params"), name, value)
        buf_printf(&params, "\n%s=%s", name, json_string_value(value));
    json_object_set_new(i, "params", json_string(buf_str(&params)));
    buf_free(&params);
    if (!left) {
        json_object_set_new(i, "timestamp", json_integer(leaves));
        json_object_set_new(i, "why",
                            json_string(arena_printf(c->a, "In the quiet period. Expires in %.1f sec",
                                                     (double)(leaves - c->now) / 1000)));
        return i;
    }
    json_object_set_new(i, "why", json_null());
    json_object_set_new(i, "cancelled", json_boolean(json_object_get(r, "cancelled") != NULL));
    bool visible = json_object_get(r, "number") &&
                   c->now >= json_int(r, "began", 0) + yard_pace(c->y, (double)ATTACHED_AFTER_MS / 2000);
    json_object_set_new(i, "executable", visible ? reference(c, (int)json_int(r, "number", 0)) : json_null());
    return i;
}

/* --- job --------------------------------------------------------------------------------------------- */

static json_t *definition(const char *kind, const char *name, const char *says, json_t *choices)
{
    bool choice = choices != NULL;
    const char *first = choice ? json_string_value(json_array_get(choices, 0)) : "";
    json_t *d = json_pack(
        "{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "_class", kind, "name", name, "description", says, "type",
        choice ? "ChoiceParameterDefinition" : "StringParameterDefinition", "defaultParameterValue", "_class",
        "hudson.model.StringParameterValue", "name", name, "value", first ? first : "");
    if (choice)
        json_object_set(d, "choices", choices);
    return d;
}

static json_t *definitions(const json_t *world)
{
    static const char choice[] = "hudson.model.ChoiceParameterDefinition",
                      text[] = "hudson.model.StringParameterDefinition";
    json_t *all = json_array(), *tags;
    const char *service;
    json_array_append_new(all,
                          definition(choice, "CLIENT", "whose sites", json_object_get(world, "clients")));
    json_array_append_new(all,
                          definition(choice, "ENV", "which environment", json_object_get(world, "envs")));
    json_array_append_new(all, definition(text, KEY_PARAM, "set by Signalbox: finds the build again", NULL));
    json_object_foreach(json_object_get(world, "images"), service, tags)
        json_array_append_new(all, definition(text, service, "build tag; empty = leave as it is", NULL));
    return all;
}

json_t *view_job(struct call *c)
{
    const json_t *requests = json_object_get(c->world, "requests");
    json_t *builds = json_array(), *job;
    bool queued = false;
    int first = 0, last = (int)json_int(c->world, "next_build", 1) - 1, completed = 0, succeeded = 0,
        failed = 0;
    for (int n = last; n > 0 && n > last - BUILDS_SHOWN; n--) {
        const json_t *r = jenkins_build(c->world, n);
        if (!r)
            continue;
        struct run run = jenkins_run(c->y, c->world, r, c->now, c->a);
        json_array_append_new(builds, view_build(c, &run));
        first = n;
        completed = completed || !run.result ? completed : n;
        succeeded = succeeded || !str_eq(run.result, "SUCCESS") ? succeeded : n;
        failed = failed || !str_eq(run.result, "FAILURE") ? failed : n;
    }
    size_t i;
    json_t *r;
    json_array_foreach(requests, i, r)
        queued = queued || (!json_object_get(r, "number") && !json_object_get(r, "cancelled"));
    bool disabled = json_flag(c->world, "disabled", false);
    const char *name = json_str(c->world, "job", "");
    job = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:i, s:b, s:o, s:[{s:s, s:o}], s:[], s:n}",
        "_class", "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name", name, "displayName", name,
        "fullName", name, "fullDisplayName", name, "description",
        "Deploys services to a client's environment", "url", job_url(c), "buildable", !disabled, "disabled",
        disabled, "inQueue", queued, "color",
        disabled             ? "disabled"
        : completed < last   ? "blue_anime"
        : failed > succeeded ? "red"
                             : "blue",
        "nextBuildNumber", last + 1, "concurrentBuild", 1, "builds", builds, "property", "_class",
        "hudson.model.ParametersDefinitionProperty", "parameterDefinitions", definitions(c->world),
        "healthReport", "queueItem");
    json_object_set(job, "allBuilds", builds);
    const struct {
        const char *field;
        int number;
    } permalinks[] = {{"firstBuild", first},
                      {"lastBuild", last},
                      {"lastCompletedBuild", completed},
                      {"lastSuccessfulBuild", succeeded},
                      {"lastStableBuild", succeeded},
                      {"lastFailedBuild", failed},
                      {"lastUnsuccessfulBuild", failed}};
    for (size_t p = 0; p < COUNT_OF(permalinks); p++)
        json_object_set_new(job, permalinks[p].field,
                            permalinks[p].number ? reference(c, permalinks[p].number) : json_null());
    return job;
}

/* --- stage view -------------------------------------------------------------------------------------- */

const char *stage_status_name(enum stage_status s)
{
    static const char *const names[] = {
        [STAGE_RUNNING] = "IN_PROGRESS", [STAGE_PAUSED] = "PAUSED_PENDING_INPUT",
        [STAGE_SUCCESS] = "SUCCESS",     [STAGE_UNSTABLE] = "UNSTABLE",
        [STAGE_FAILED] = "FAILED",       [STAGE_ABORTED] = "ABORTED",
    };
    return names[s];
}

static int64_t until(const struct call *c, int64_t end)
{
    return end > c->now ? c->now : end;
}

static json_t *link_to(const char *path)
{
    return json_pack("{s:{s:s}}", "self", "href", path);
}

static json_t *node(struct call *c, const struct run *run, const struct stage *s, int id, const char *name)
{
    int64_t took = until(c, s->end) - s->start;
    json_t *n = json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "_links",
        link_to(arena_printf(c->a, "%sexecution/node/%d/wfapi/describe", build_path(c, run->number), id)),
        "id", arena_printf(c->a, "%d", id), "name", name, "execNode", "", "status",
        stage_status_name(s->status), "startTimeMillis", (json_int_t)s->start, "durationMillis",
        (json_int_t)took, "pauseDurationMillis", (json_int_t)(s->gate ? took : 0));
    if (s->error)
        json_object_set_new(n, "error",
                            json_pack("{s:s, s:s}", "message", "script returned exit code 1", "type",
                                      "hudson.AbortException"));
    return n;
}

json_t *view_stage(struct call *c, const struct run *run, const struct stage *s, bool full)
{
    json_t *stage = node(c, run, s, s->id, s->name);
    if (!full)
        return stage;
    json_t *step = node(c, run, s, s->id + 3, s->gate ? "Wait for interactive input" : "Shell Script");
    json_object_set_new(step, "parentNodes", json_pack("[s]", arena_printf(c->a, "%d", s->id + 1)));
    json_object_set_new(json_object_get(step, "_links"), "log",
                        json_pack("{s:s}", "href",
                                  arena_printf(c->a, "%sexecution/node/%d/wfapi/log",
                                               build_path(c, run->number), s->id + 3)));
    json_object_set_new(stage, "stageFlowNodes", json_pack("[o]", step));
    return stage;
}

static const char *run_status(const struct run *run)
{
    if (!run->result)
        return run->gate ? "PAUSED_PENDING_INPUT" : "IN_PROGRESS";
    return str_eq(run->result, "FAILURE") ? "FAILED" : run->result;
}

json_t *view_describe(struct call *c, const struct run *run, bool full)
{
    const char *base = build_path(c, run->number);
    json_t *stages = json_array(), *links = link_to(arena_printf(c->a, "%swfapi/describe", base));
    for (int i = 0; i < run->n; i++)
        json_array_append_new(stages, view_stage(c, run, &run->stages[i], full));
    if (run->gate) {
        json_object_set_new(
            links, "pendingInputActions",
            json_pack("{s:s}", "href", arena_printf(c->a, "%swfapi/pendingInputActions", base)));
        json_object_set_new(
            links, "nextPendingInputAction",
            json_pack("{s:s}", "href", arena_printf(c->a, "%swfapi/nextPendingInputAction", base)));
    }
    int64_t end = run->result ? run->end : c->now;
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "_links", links, "id",
                     arena_printf(c->a, "%d", run->number), "name", arena_printf(c->a, "#%d", run->number),
                     "status", run_status(run), "startTimeMillis", (json_int_t)run->began, "endTimeMillis",
                     (json_int_t)end, "durationMillis", (json_int_t)(end - run->began), "queueDurationMillis",
                     (json_int_t)(run->began - json_int(run->build, "queued", 0)), "pauseDurationMillis",
                     (json_int_t)0, "stages", stages);
}

json_t *view_inputs(struct call *c, const struct run *run)
{
    if (!run->gate)
        return json_array();
    const char *base = build_path(c, run->number);
    const json_t *b = run->build;
    return json_pack("[{s:s, s:s, s:s, s:[], s:s, s:s, s:s}]", "id", GATE_ID, "proceedText", "Proceed",
                     "message",
                     arena_printf(c->a, "Promote to all sites of %s/%s?", json_str(b, "params.CLIENT", ""),
                                  json_str(b, "params.ENV", "")),
                     "inputs", "proceedUrl", arena_printf(c->a, "%swfapi/inputSubmit?inputId=" GATE_ID, base),
                     "abortUrl", arena_printf(c->a, "%sinput/" GATE_ID "/abort", base), "redirectApprovalUrl",
                     arena_printf(c->a, "%sinput/", base));
}
