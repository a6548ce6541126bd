/* A build as a function of when it began, the answers at its gate, and the time. What is over is written down
 * (settle), so that a later patch of the scenario changes only what is still to come. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/cluster.h"
#include "yard/jenkins.h"
#include <stdio.h>
#include <string.h>

enum { FIRST_NODE = 6, NODES_A_STAGE = 5, STAGES_MAX = 64 };

/* --- world ------------------------------------------------------------------------------------------- */

static json_t *images_of(const json_t *scenario)
{
    json_t *images = json_object(), *service, *running, *tag;
    const char *name, *target;
    json_object_foreach(json_object_get(scenario, "services"), name, service) {
        json_t *tags = json_pack("[O]", json_object_get(service, "running"));
        json_array_extend(tags, json_object_get(service, "tags"));
        json_object_set_new(images, name, tags);
    }
    json_object_foreach(json_object_get(json_object_get(scenario, "kubernetes"), "running"), target, running)
        json_object_foreach(running, name, tag)
            json_array_append(json_object_get(images, name), tag);
    return images;
}

static json_t *choices_of(const json_t *scenario, bool envs)
{
    json_t *out = json_array(), *client, *env;
    const char *id;
    size_t i;
    json_object_foreach(json_object_get(scenario, "clients"), id, client) {
        if (!envs)
            json_array_append_new(out, json_string(id));
        json_array_foreach(json_object_get(client, "envs"), i, env) {
            size_t k;
            json_t *known;
            bool seen = !envs;
            json_array_foreach(out, k, known)
                seen = seen || json_equal(known, env);
            if (!seen)
                json_array_append(out, env);
        }
    }
    return out;
}

/* Somebody of the scenario who answers at the gate. */
static json_t *promoter(const json_t *scenario)
{
    const char *mail;
    json_t *person;
    json_object_foreach(json_object_get(scenario, "people"), mail, person) {
        const json_t *answer = json_path(person, "answers.promote");
        if (!json_is_object(answer))
            continue;
        json_t *p = json_deep_copy(answer);
        json_object_set_new(p, "by", json_string(mail));
        return p;
    }
    return json_null();
}

/* A build from before the yard was opened, so that estimates have something to rest on. */
static json_t *past_build(int number, int64_t began, const char *client, const char *service, const char *tag)
{
    static const struct {
        const char *name;
        int64_t ms;
    } took[] = {{"Checkout", 1200}, {"Verify images", 1800}, {"Deploy", 4000}, {"Smoke test", 3000}};
    json_t *done = json_array();
    int64_t at = began;
    for (size_t i = 0; i < COUNT_OF(took); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", took[i].name, i == 2 ? " " : "", i == 2 ? service : "");
        json_array_append_new(done, json_pack("{s:s, s:I, s:I, s:i}", "name", name, "start", (json_int_t)at,
                                              "end", (json_int_t)(at + took[i].ms), "status", STAGE_SUCCESS));
        at += took[i].ms;
    }
    return json_pack("{s:i, s:i, s:I, s:I, s:I, s:s, s:s, s:{s:s, s:s, s:s, s:s}, s:o}", "number", number,
                     "item", 4660 + number, "queued", (json_int_t)(began - 1000), "began", (json_int_t)began,
                     "ended", (json_int_t)at, "result", "SUCCESS", "user", "release.engineer", "params",
                     "CLIENT", client, "ENV", "qa", KEY_PARAM, "", service, tag, "done", done);
}

json_t *jenkins_world(const json_t *scenario, int64_t now)
{
    const json_t *own = json_object_get(scenario, "jenkins");
    json_t *stages = json_object_get(own, "stages");
    json_t *requests =
        json_pack("[o,o,o]", past_build(38, now - DAYS(9), "tangerine", "decanting-service", "24-02-05.619"),
                  past_build(39, now - DAYS(8), "clementine", "decanting-service", "24-02-05.619"),
                  past_build(40, now - DAYS(2), "tangerine", "fulfillment-service", "24-02-05.611"));
    return json_pack("{s:s, s:b, s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "job",
                     json_str(own, "job", "multi_deploy_pipeline"), "disabled", 0, "next_build", 41,
                     "next_item", 4711, "quiet", json_num(own, "quiet", 1), "stages",
                     stages ? json_deep_copy(stages) : json_object(), "promote", promoter(scenario), "images",
                     images_of(scenario), "clients", choices_of(scenario, false), "envs",
                     choices_of(scenario, true), "requests", requests);
}

bool jenkins_declares(const json_t *world, const char *param)
{
    return str_eq(param, "CLIENT") || str_eq(param, "ENV") || str_eq(param, KEY_PARAM) ||
           json_object_get(json_object_get(world, "images"), param);
}

json_t *jenkins_build(const json_t *world, int number)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r)
        if (json_int(r, "number", 0) == number)
            return r;
    return NULL;
}

json_t *jenkins_item(const json_t *world, int64_t item)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r)
        if (json_int(r, "item", 0) == item)
            return r;
    return NULL;
}

int64_t jenkins_leaves(const struct yard *y, const json_t *world, const json_t *request)
{
    return json_int(request, "queued", 0) +
           yard_pace(y, json_num(request, "delay", json_num(world, "quiet", 1)));
}

/* --- what a stage will come to ----------------------------------------------------------------------- */

/* A rule for "Deploy" holds for every Deploy stage, one for "Deploy decanting-service" goes before it. */
static const json_t *rule_value(const json_t *world, const struct stage *s, const char *name)
{
    const json_t *rules = json_object_get(world, "stages");
    const json_t *own = json_object_get(json_object_get(rules, s->name), name);
    return own || !s->service ? own : json_object_get(json_object_get(rules, "Deploy"), name);
}

static bool concerns(const json_t *build, const struct stage *s, const char *tag)
{
    const char *param;
    json_t *value;
    if (s->service)
        return str_eq(s->tag, tag);
    json_object_foreach(json_object_get(build, "params"), param, value)
        if (str_eq(json_string_value(value), tag))
            return true;
    return false;
}

static const char *usual_failure(const struct stage *s, struct arena *a)
{
    if (s->service)
        return arena_printf(
            a, "Error: UPGRADE FAILED: release %s failed: timed out waiting for the condition", s->service);
    if (str_eq(s->name, "Checkout"))
        return "ERROR: Error fetching remote repo 'origin': could not read from remote repository";
    if (str_eq(s->name, "Smoke test"))
        return "smoke: GET /health answered 503, expected 200";
    return arena_printf(a, "ERROR: stage %s failed: script returned exit code 1", s->name);
}

static const char *missing_image(const json_t *world, const json_t *build, struct arena *a)
{
    const char *service;
    json_t *tags;
    json_object_foreach(json_object_get(world, "images"), service, tags) {
        const json_t *asked = json_object_get(json_object_get(build, "params"), service);
        size_t i;
        json_t *tag;
        bool known = !json_is_string(asked) || !*json_string_value(asked);
        json_array_foreach(tags, i, tag)
            known = known || json_equal(tag, asked);
        if (!known)
            return arena_printf(a, "manifest for registry.example/retail/%s:%s not found: manifest unknown",
                                service, json_string_value(asked));
    }
    return NULL;
}

static const char *failure_of(const json_t *world, const json_t *build, const struct stage *s,
                              struct arena *a)
{
    const json_t *fail = rule_value(world, s, "fail"), *tag = rule_value(world, s, "tag"),
                 *times = rule_value(world, s, "times");
    int64_t so_far = json_integer_value(json_object_get(json_object_get(world, "failed"), s->name));
    bool told = json_is_true(fail) || json_is_string(fail);
    if (told && (!json_is_string(tag) || concerns(build, s, json_string_value(tag))) &&
        (!json_is_integer(times) || so_far < json_integer_value(times)))
        return json_is_string(fail) ? json_string_value(fail) : usual_failure(s, a);
    return str_eq(s->name, "Verify images") ? missing_image(world, build, a) : NULL;
}

/* --- the plan and its course ------------------------------------------------------------------------- */

static struct stage *add_stage(struct stage *stages, int *n, const char *name, int group)
{
    struct stage *s = &stages[*n];
    *s = (struct stage){.name = name, .id = FIRST_NODE + NODES_A_STAGE * *n, .group = group};
    (*n)++;
    return s;
}

static int plan(const json_t *build, struct stage *stages, struct arena *a)
{
    int n = 0;
    const char *param;
    json_t *value;
    add_stage(stages, &n, "Checkout", 0);
    add_stage(stages, &n, "Verify images", 1);
    json_object_foreach(json_object_get(build, "params"), param, value) {
        const char *tag = json_string_value(value);
        if (str_eq(param, "CLIENT") || str_eq(param, "ENV") || str_eq(param, KEY_PARAM) || !tag || !*tag ||
            n >= STAGES_MAX - 2)
            continue;
        struct stage *s = add_stage(stages, &n, arena_printf(a, "Deploy %s", param), 2);
        s->service = param;
        s->tag = tag;
    }
    if (str_eq(json_str(build, "params.ENV", ""), "prod"))
        add_stage(stages, &n, "Promote", 3)->gate = true;
    add_stage(stages, &n, "Smoke test", 4);
    return n;
}

static const json_t *done_of(const json_t *build, const char *name)
{
    size_t i;
    json_t *d;
    json_array_foreach(json_object_get(build, "done"), i, d)
        if (str_eq(json_str(d, "name", ""), name))
            return d;
    return NULL;
}

/* Fills end, status and error of a stage that begins at `start`. */
static void foresee(const struct yard *y, const json_t *world, const json_t *build, struct stage *s,
                    int64_t start, struct arena *a)
{
    const json_t *done = done_of(build, s->name);
    if (done) {
        s->start = json_int(done, "start", start);
        s->end = json_int(done, "end", start);
        s->status = (enum stage_status)json_int(done, "status", STAGE_SUCCESS);
        s->error = json_str(done, "error", NULL);
        return;
    }
    const json_t *length = rule_value(world, s, "duration"), *unstable = rule_value(world, s, "unstable");
    s->start = start;
    s->error = s->gate ? NULL : failure_of(world, build, s, a);
    s->status = s->error ? STAGE_FAILED : json_is_true(unstable) ? STAGE_UNSTABLE : STAGE_SUCCESS;
    s->end = json_is_string(length)
                 ? NOT_YET
                 : start + yard_pace(y, json_is_number(length) ? json_number_value(length) : 1);
    if (s->gate) {
        const json_t *answer = json_path(build, "answers." GATE_ID);
        s->end = json_int(answer, "at", NOT_YET);
        s->status = answer && !json_flag(answer, "proceed", false) ? STAGE_ABORTED : STAGE_SUCCESS;
    }
    int64_t stopped = json_int(build, "stop.at", NOT_YET);
    if (stopped < s->end) {
        s->end = stopped > start ? stopped : start;
        s->status = STAGE_ABORTED;
        s->error = NULL;
    }
}

struct run jenkins_run(const struct yard *y, const json_t *world, const json_t *build, int64_t t,
                       struct arena *a)
{
    struct run run = {.build = build,
                      .number = (int)json_int(build, "number", 0),
                      .began = json_int(build, "began", 0),
                      .end = NOT_YET};
    run.stages = ARENA_ARRAY(a, STAGES_MAX, struct stage);
    int planned = plan(build, run.stages, a);
    int64_t start = run.began;
    const char *worst = "SUCCESS";
    bool over = false;
    while (run.n < planned && start <= t && !over) {
        int64_t end = start;
        for (int group = run.stages[run.n].group; run.n < planned && run.stages[run.n].group == group;
             run.n++) {
            struct stage *s = &run.stages[run.n];
            foresee(y, world, build, s, start, a);
            end = s->end > end ? s->end : end;
            over = over || s->status == STAGE_FAILED || s->status == STAGE_ABORTED;
            worst = s->status == STAGE_ABORTED                                ? "ABORTED"
                    : s->status == STAGE_FAILED && !str_eq(worst, "ABORTED")  ? "FAILURE"
                    : s->status == STAGE_UNSTABLE && str_eq(worst, "SUCCESS") ? "UNSTABLE"
                                                                              : worst;
            if (s->end > t) {
                s->status = s->gate ? STAGE_PAUSED : STAGE_RUNNING;
                s->error = NULL;
                run.gate = s->gate ? s : run.gate;
            }
        }
        start = end;
    }
    if (start <= t && (over || run.n == planned)) {
        run.end = start;
        run.result = worst;
    }
    return run;
}

/* --- writing down what is over ----------------------------------------------------------------------- */

static void begin_due(struct yard *y, json_t *world, int64_t now)
{
    for (;;) {
        json_t *next = NULL, *r;
        size_t i;
        json_array_foreach(json_object_get(world, "requests"), i, r) {
            if (json_object_get(r, "number") || json_object_get(r, "cancelled") ||
                jenkins_leaves(y, world, r) > now)
                continue;
            if (!next || jenkins_leaves(y, world, r) < jenkins_leaves(y, world, next))
                next = r;
        }
        if (!next)
            return;
        int64_t number = json_int(world, "next_build", 1);
        json_object_set_new(next, "began", json_integer(jenkins_leaves(y, world, next)));
        json_object_set_new(next, "number", json_integer(number));
        json_object_set_new(world, "next_build", json_integer(number + 1));
    }
}

static void stage_over(struct yard *y, json_t *world, json_t *build, const struct stage *s)
{
    json_t *done = json_pack("{s:s, s:I, s:I, s:i}", "name", s->name, "start", (json_int_t)s->start, "end",
                             (json_int_t)s->end, "status", s->status);
    if (s->error)
        json_object_set_new(done, "error", json_string(s->error));
    if (!json_object_get(build, "done"))
        json_object_set_new(build, "done", json_array());
    json_array_append_new(json_object_get(build, "done"), done);
    if (s->status == STAGE_FAILED) {
        json_t *failed = json_object_get(world, "failed");
        if (!failed)
            json_object_set_new(world, "failed", failed = json_object());
        json_object_set_new(failed, s->name,
                            json_integer(json_integer_value(json_object_get(failed, s->name)) + 1));
    }
    if (s->service && s->status == STAGE_SUCCESS) {
        char key[256];
        snprintf(key, sizeof key, "%s/%lld/%s", json_str(world, "job", ""),
                 (long long)json_int(build, "number", 0), s->service);
        cluster_roll_out(yard_world(y, "kubernetes"), key, json_str(build, "params.CLIENT", ""),
                         json_str(build, "params.ENV", ""), s->service, s->tag, s->end);
    }
}

/* The scenario's person comes by the gate. True when that was news. */
static bool promoter_answers(const struct yard *y, const json_t *world, json_t *build, const struct run *run,
                             int64_t now)
{
    const json_t *p = json_object_get(world, "promote");
    if (!run->gate || !json_is_object(p))
        return false;
    int64_t at = run->gate->start + yard_pace(y, json_num(p, "after", 0));
    if (at > now)
        return false;
    json_object_set_new(build, "answers",
                        json_pack("{s:{s:I, s:s, s:b}}", GATE_ID, "at", (json_int_t)at, "by",
                                  json_str(p, "by", "somebody"), "proceed",
                                  !str_eq(json_str(p, "answer", "proceed"), "abort")));
    return true;
}

static void follow(struct yard *y, json_t *world, json_t *build, int64_t now)
{
    bool news = true;
    while (news) {
        _cleanup_arena_ struct arena a = arena_make();
        struct run run = jenkins_run(y, world, build, now, &a);
        for (int i = 0; i < run.n; i++)
            if (run.stages[i].end <= now && !done_of(build, run.stages[i].name))
                stage_over(y, world, build, &run.stages[i]);
        news = promoter_answers(y, world, build, &run, now);
        if (run.result) {
            json_object_set_new(build, "ended", json_integer(run.end));
            json_object_set_new(build, "result", json_string(run.result));
        }
    }
}

void jenkins_settle(struct yard *y, json_t *world, int64_t now)
{
    begin_due(y, world, now);
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r)
        if (json_object_get(r, "number") && !json_object_get(r, "ended"))
            follow(y, world, r, now);
}
