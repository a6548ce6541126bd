/* Jenkins: one parameterized pipeline that deploys services, its queue, builds, stage view and input gate. */
#include "yard/jenkins.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER "signalbox"

enum { NODE_LOG_MAX = 10 * 1024 };

/* --- answers ----------------------------------------------------------------------------------------- */

static void html(struct call *c, int status, const char *title, const char *text)
{
    const char *page =
        arena_printf(c->a, "<html><head><title>%s</title></head><body><h1>%s</h1><p>%s</p></body></html>\n",
                     title, title, text);
    call_answer_text(c, status, "text/html;charset=utf-8", page);
}

static void not_found(struct call *c)
{
    html(c, 404, "Not Found", "Not Found");
}

static void redirect(struct call *c, int status, const char *to)
{
    yard_answer_header(c->y, c->x, "Location", to);
    call_answer_text(c, status, "text/html;charset=utf-8", "");
}

/* What the query's `tree` leaves of it, or else what depth 0 shows. Takes `whole`. */
static void exported(struct call *c, json_t *whole, const char *at_depth_0)
{
    const char *tree = request_query(c->x, "tree"), *depth = request_query(c->x, "depth");
    if (!tree && !(depth && strtol(depth, NULL, 10) > 0))
        tree = at_depth_0;
    json_t *left = tree ? jenkins_tree(whole, tree) : json_incref(whole);
    json_decref(whole);
    if (left)
        call_answer(c, 200, left);
    else
        html(c, 500, "Oops!", "java.lang.IllegalArgumentException: cannot read the tree parameter");
}

/* --- finding what a path means ----------------------------------------------------------------------- */

static bool is_job(struct call *c)
{
    if (str_eq(c->part[0], json_str(c->world, "job", "")))
        return true;
    not_found(c);
    return false;
}

/* part[0] the job, part[1] the number or a permalink. */
static bool find_run(struct call *c, struct run *out)
{
    static const char *const links[] = {"lastBuild", "lastCompletedBuild", "lastSuccessfulBuild",
                                        "lastFailedBuild"};
    if (!is_job(c))
        return false;
    int number = (int)strtol(c->part[1], NULL, 10);
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (str_eq(links[i], c->part[1])) {
            _cleanup_json_ json_t *job = view_job(c);
            number = (int)json_int(json_object_get(job, links[i]), "number", 0);
        }
    const json_t *build = number > 0 ? jenkins_build(c->world, number) : NULL;
    if (!build) {
        not_found(c);
        return false;
    }
    *out = jenkins_run(c->y, c->world, build, c->now, c->a);
    return true;
}

static void deed_done(struct call *c, const char *what, const struct run *run)
{
    yard_deed(c->y, "jenkins", arena_printf(c->a, "%s #%d", what, run->number), "");
}

/* --- starting ---------------------------------------------------------------------------------------- */

/* The declared parameters as given, else their defaults. NULL when a choice is none of the choices. */
static json_t *read_params(struct call *c)
{
    json_t *params = json_object(), *tags;
    const char *service, *fixed[] = {"CLIENT", "ENV", KEY_PARAM};
    const json_t *choices[] = {json_object_get(c->world, "clients"), json_object_get(c->world, "envs"), NULL};
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        const char *given = call_arg(c, fixed[i]);
        bool known = choices[i] == NULL;
        size_t k;
        json_t *choice;
        if (!given)
            given = choices[i] ? json_string_value(json_array_get(choices[i], 0)) : "";
        json_array_foreach(choices[i], k, choice)
            known = known || str_eq(json_string_value(choice), given);
        if (!known) {
            json_decref(params);
            return NULL;
        }
        json_object_set_new(params, fixed[i], json_string(given));
    }
    json_object_foreach(json_object_get(c->world, "images"), service, tags) {
        const char *given = call_arg(c, service);
        json_object_set_new(params, service, json_string(given ? given : ""));
    }
    return params;
}

static json_t *same_in_queue(const json_t *world, const json_t *params)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(world, "requests"), i, r) {
        if (!json_object_get(r, "number") && !json_object_get(r, "cancelled") &&
            json_equal(json_object_get(r, "params"), params))
            return r;
    }
    return NULL;
}

static void item_location(struct call *c, int status, int64_t item)
{
    redirect(c, status,
             arena_printf(c->a, "%s/queue/item/%lld/", yard_url(c->y, "jenkins"), (long long)item));
}

static void start(struct call *c)
{
    int64_t delay;
    if (!is_job(c))
        return;
    if (json_flag(c->world, "disabled", false)) {
        html(c, 409, "Conflict", "multi_deploy_pipeline is not buildable");
        return;
    }
    json_t *params = read_params(c);
    if (!params) {
        html(c, 500, "Oops!", "java.lang.IllegalArgumentException: Illegal choice for parameter");
        return;
    }
    const json_t *queued = same_in_queue(c->world, params);
    if (queued) {
        json_decref(params);
        item_location(c, 303, json_int(queued, "item", 0));
        return;
    }
    int64_t item = json_int(c->world, "next_item", 1);
    json_t *request = json_pack("{s:I, s:I, s:s, s:o}", "item", (json_int_t)item, "queued",
                                (json_int_t)c->now, "user", USER, "params", params);
    const char *asked = call_arg(c, "delay");
    if (asked &&
        duration_parse(str_ends(asked, "sec") ? arena_strndup(c->a, asked, strlen(asked) - 2) : asked, &delay,
                       NULL))
        json_object_set_new(request, "delay", json_real((double)delay / 1000));
    json_array_append_new(json_object_get(c->world, "requests"), request);
    json_object_set_new(c->world, "next_item", json_integer(item + 1));
    yard_deed(c->y, "jenkins",
              arena_printf(c->a, "start %s/%s", json_str(params, "CLIENT", ""), json_str(params, "ENV", "")),
              json_str(params, KEY_PARAM, ""));
    item_location(c, 201, item);
}

static void start_plain(struct call *c)
{
    if (is_job(c))
        html(c, 400, "Bad Request", "multi_deploy_pipeline is parameterized: use buildWithParameters");
}

/* --- queue ------------------------------------------------------------------------------------------- */

/* A queue item is forgotten five minutes after it left. */
static const json_t *remembered_item(struct call *c, const char *id)
{
    const json_t *r = jenkins_item(c->world, strtoll(id, NULL, 10));
    int64_t left = json_int(r, "began", json_int(r, "cancelled", c->now));
    return r && c->now - left < MINUTES(5) ? r : NULL;
}

static void item(struct call *c)
{
    const json_t *r = remembered_item(c, c->part[0]);
    if (r)
        exported(c, view_item(c, r), NULL);
    else
        not_found(c);
}

static void queue(struct call *c)
{
    json_t *items = json_array(), *r;
    size_t i;
    json_array_foreach(json_object_get(c->world, "requests"), i, r)
        if (!json_object_get(r, "number") && !json_object_get(r, "cancelled"))
            json_array_append_new(items, view_item(c, r));
    exported(
        c, json_pack("{s:s, s:[], s:o}", "_class", "hudson.model.Queue", "discoverableItems", "items", items),
        NULL);
}

static void cancel(struct call *c)
{
    const char *id = call_arg(c, "id");
    json_t *r = id ? jenkins_item(c->world, strtoll(id, NULL, 10)) : NULL;
    if (!r || json_object_get(r, "number") || json_object_get(r, "cancelled")) {
        not_found(c);
        return;
    }
    json_object_set_new(r, "cancelled", json_integer(c->now));
    yard_deed(c->y, "jenkins", "cancel", json_str(r, "params." KEY_PARAM, ""));
    call_answer_text(c, 204, NULL, "");
}

/* --- builds ------------------------------------------------------------------------------------------ */

static void job(struct call *c)
{
    if (is_job(c))
        exported(
            c, view_job(c),
            "name,displayName,fullName,fullDisplayName,description,url,buildable,disabled,inQueue,color,"
            "nextBuildNumber,concurrentBuild,"
            "queueItem,healthReport,builds[number,url],firstBuild[number,url],lastBuild[number,url],"
            "lastCompletedBuild[number,url],"
            "lastSuccessfulBuild[number,url],lastStableBuild[number,url],lastFailedBuild[number,url],"
            "lastUnsuccessfulBuild[number,url],"
            "property[parameterDefinitions[name,description,type,choices,defaultParameterValue[value]]]");
}

static void build(struct call *c)
{
    struct run run;
    if (find_run(c, &run))
        exported(c, view_build(c, &run), NULL);
}

static void stop(struct call *c, const char *how)
{
    struct run run;
    if (!find_run(c, &run))
        return;
    if (!run.result) {
        json_t *b = jenkins_build(c->world, run.number);
        json_object_set_new(b, "stop",
                            json_pack("{s:I, s:s, s:s}", "at", (json_int_t)c->now, "how", how, "by", USER));
        deed_done(c, how, &run);
    }
    redirect(c, 302, arena_printf(c->a, "%s/job/%s/%d/", yard_url(c->y, "jenkins"), c->part[0], run.number));
}

static void stop_softly(struct call *c)
{
    stop(c, "stop");
}

static void stop_term(struct call *c)
{
    stop(c, "term");
}

static void stop_kill(struct call *c)
{
    stop(c, "kill");
}

/* --- log --------------------------------------------------------------------------------------------- */

static void console(struct call *c)
{
    struct run run;
    if (!find_run(c, &run))
        return;
    _cleanup_buf_ struct buf log = {0};
    jenkins_log(&run, NULL, c->now, c->a, &log);
    call_answer_text(c, 200, "text/plain;charset=utf-8", buf_str(&log));
}

/* The offset counts bytes of the log as it is stored; what is sent has CR LF. */
static void progressive(struct call *c)
{
    struct run run;
    if (!find_run(c, &run))
        return;
    _cleanup_buf_ struct buf log = {0}, sent = {0};
    jenkins_log(&run, NULL, c->now, c->a, &log);
    const char *from = call_arg(c, "start");
    size_t at = from ? strtoul(from, NULL, 10) : 0;
    for (size_t i = at > log.len ? 0 : at; i < log.len; i++)
        buf_add(&sent, log.data[i] == '\n' ? "\r\n" : &log.data[i], log.data[i] == '\n' ? 2 : 1);
    yard_answer_header(c->y, c->x, "X-Text-Size", arena_printf(c->a, "%zu", log.len));
    if (!run.result)
        yard_answer_header(c->y, c->x, "X-More-Data", "true");
    yard_answer_bytes(c->y, c->x, 200, "text/plain;charset=utf-8", buf_str(&sent), sent.len);
}

/* --- stage view -------------------------------------------------------------------------------------- */

static void describe(struct call *c)
{
    struct run run;
    const char *full = request_query(c->x, "fullStages");
    if (find_run(c, &run))
        call_answer(c, 200, view_describe(c, &run, full && str_eq(full, "true")));
}

static void runs(struct call *c)
{
    enum { RUNS_MAX = 10 };
    const char *since = request_query(c->x, "since"), *full = request_query(c->x, "fullStages");
    if (!is_job(c))
        return;
    json_t *all = json_array();
    for (int n = (int)json_int(c->world, "next_build", 1) - 1; n > 0 && json_array_size(all) < RUNS_MAX;
         n--) {
        const json_t *b = jenkins_build(c->world, n);
        if (!b)
            continue;
        struct run run = jenkins_run(c->y, c->world, b, c->now, c->a);
        json_array_append_new(all, view_describe(c, &run, full && str_eq(full, "true")));
        if (since && str_eq(since, arena_printf(c->a, "#%d", n)))
            break;
    }
    call_answer(c, 200, all);
}

static void job_describe(struct call *c)
{
    if (!is_job(c))
        return;
    const char *name = json_str(c->world, "job", "");
    call_answer(c, 200,
                json_pack("{s:{s:{s:s}, s:{s:s}}, s:s, s:i}", "_links", "self", "href",
                          arena_printf(c->a, "/job/%s/wfapi/describe", name), "runs", "href",
                          arena_printf(c->a, "/job/%s/wfapi/runs", name), "name", name, "runCount",
                          (int)json_int(c->world, "next_build", 1) - 1 > 10
                              ? 10
                              : (int)json_int(c->world, "next_build", 1) - 1));
}

static void inputs(struct call *c)
{
    struct run run;
    if (find_run(c, &run))
        call_answer(c, 200, view_inputs(c, &run));
}

static void next_input(struct call *c)
{
    struct run run;
    if (!find_run(c, &run))
        return;
    json_t *all = view_inputs(c, &run), *first = json_array_get(all, 0);
    call_answer(c, 200, first ? json_incref(first) : json_null());
    json_decref(all);
}

/* The stage that part[2] is the node of, or of whose step it is. */
static const struct stage *find_stage(const struct call *c, const struct run *run, bool *step)
{
    int id = (int)strtol(c->part[2], NULL, 10);
    for (int i = 0; i < run->n; i++)
        if (id == run->stages[i].id || id == run->stages[i].id + 3) {
            *step = id != run->stages[i].id;
            return &run->stages[i];
        }
    return NULL;
}

static void node(struct call *c)
{
    struct run run;
    bool step;
    if (!find_run(c, &run))
        return;
    const struct stage *s = find_stage(c, &run, &step);
    if (!s) {
        not_found(c);
        return;
    }
    json_t *stage = view_stage(c, &run, s, true);
    if (step) { /* seen alone, a step that runs reads SUCCESS */
        json_t *alone = json_incref(json_array_get(json_object_get(stage, "stageFlowNodes"), 0));
        json_decref(stage);
        stage = alone;
        if (s->status == STAGE_RUNNING)
            json_object_set_new(stage, "status", json_string("SUCCESS"));
    }
    call_answer(c, 200, stage);
}

static void node_log(struct call *c)
{
    struct run run;
    bool step = false;
    if (!find_run(c, &run))
        return;
    const struct stage *s = find_stage(c, &run, &step);
    if (!s) {
        not_found(c);
        return;
    }
    _cleanup_buf_ struct buf log = {0}, text = {0};
    if (step) /* a stage has no log of its own */
        jenkins_log(&run, s, c->now, c->a, &log);
    size_t cut = log.len > NODE_LOG_MAX ? log.len - NODE_LOG_MAX : 0;
    buf_add_html(&text, buf_str(&log) + cut);
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:I, s:b, s:s, s:s}", "nodeId", c->part[2], "nodeStatus",
                          s->status == STAGE_RUNNING ? "SUCCESS" : stage_status_name(s->status), "length",
                          (json_int_t)log.len, "hasMore", cut > 0, "text", buf_str(&text), "consoleUrl",
                          arena_printf(c->a, "/job/%s/%d/execution/node/%s/log", c->part[0], run.number,
                                       c->part[2])));
}

/* --- the gate ---------------------------------------------------------------------------------------- */

static void settle_gate(struct call *c, const struct run *run, bool proceed, int status)
{
    json_t *b = jenkins_build(c->world, run->number);
    json_object_set_new(
        b, "answers",
        json_pack("{s:{s:I, s:s, s:b}}", GATE_ID, "at", (json_int_t)c->now, "by", USER, "proceed", proceed));
    deed_done(c, proceed ? "proceed" : "abort", run);
    if (status == 302)
        redirect(
            c, 302,
            arena_printf(c->a, "%s/job/%s/%d/console", yard_url(c->y, "jenkins"), c->part[0], run->number));
    else
        call_answer_text(c, status, "text/html;charset=utf-8", "");
}

static bool waiting(struct call *c, const char *id, struct run *run)
{
    if (!find_run(c, run))
        return false;
    if (run->gate && str_eq(id, GATE_ID))
        return true;
    not_found(c);
    return false;
}

/* The form's `json` names values for the input's parameters, of which this one has none. */
static bool read_form(struct call *c)
{
    const char *text = call_arg(c, "json");
    _cleanup_json_ json_t *form = text ? json_read(text, strlen(text), 1 << 16, "form", NULL) : NULL;
    const json_t *parameters = json_object_get(form, "parameter");
    if (!form)
        html(c, 400, "Bad Request", "This page expects a form submission");
    else if (json_array_size(parameters) > 0)
        html(c, 500, "Oops!", "java.lang.IllegalArgumentException: No such parameter definition");
    else
        return true;
    return false;
}

static void proceed_empty(struct call *c)
{
    struct run run;
    if (waiting(c, c->part[2], &run))
        settle_gate(c, &run, true, 200);
}

static void proceed(struct call *c)
{
    struct run run;
    if (waiting(c, c->part[2], &run) && read_form(c))
        settle_gate(c, &run, true, 200);
}

static void submit(struct call *c)
{
    struct run run;
    if (waiting(c, c->part[2], &run))
        settle_gate(c, &run, call_arg(c, "proceed") != NULL, 302);
}

static void abort_gate(struct call *c)
{
    struct run run;
    if (waiting(c, c->part[2], &run))
        settle_gate(c, &run, false, 200);
}

/* The stage view's way in: the same failures show as 500 here. */
static void input_submit(struct call *c)
{
    struct run run;
    const char *id = call_arg(c, "inputId");
    if (!find_run(c, &run))
        return;
    if (!run.gate || !str_eq(id, GATE_ID))
        html(c, 500, "Oops!", "org.kohsuke.stapler.HttpResponses: input not found");
    else if (read_form(c))
        settle_gate(c, &run, true, 200);
}

/* --- the controller itself --------------------------------------------------------------------------- */

static void root(struct call *c)
{
    json_t *j = view_job(c);
    exported(c,
             json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:s, s:[o]}", "_class", "hudson.model.Hudson",
                       "mode", "NORMAL", "nodeDescription", "the Jenkins controller's built-in node",
                       "nodeName", "", "useCrumbs", 1, "useSecurity", 1, "numExecutors", 0, "url",
                       arena_printf(c->a, "%s/", yard_url(c->y, "jenkins")), "jobs", j),
             "mode,nodeDescription,nodeName,useCrumbs,useSecurity,numExecutors,url,jobs[name,url,color]");
}

static void who_am_i(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:b, s:[s], s:s, s:b}", "_class", "hudson.security.WhoAmI", "anonymous", 0,
                          "authorities", "authenticated", "name", USER, "authenticated", 1));
}

static void me(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s, s:s}", "_class", "hudson.model.User", "absoluteUrl",
                          arena_printf(c->a, "%s/user/" USER, yard_url(c->y, "jenkins")), "fullName",
                          "Signalbox", "id", USER));
}

static void crumb(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s}", "_class", "hudson.security.csrf.DefaultCrumbIssuer", "crumb",
                          stable_id(c->a, 64, "crumb %s", yard_secret(c->y, "jenkins")), "crumbRequestField",
                          "Jenkins-Crumb"));
}

static const struct route routes[] = {
    {"GET", "/api/json", root},
    {"GET", "/me/api/json", me},
    {"GET", "/whoAmI/api/json", who_am_i},
    {"GET", "/crumbIssuer/api/json", crumb},
    {"GET", "/queue/api/json", queue},
    {"GET", "/queue/item/*/api/json", item},
    {"POST", "/queue/cancelItem", cancel},
    {"GET", "/job/*/api/json", job},
    {"POST", "/job/*/buildWithParameters", start},
    {"POST", "/job/*/build", start_plain},
    {"GET", "/job/*/wfapi", job_describe},
    {"GET", "/job/*/wfapi/describe", job_describe},
    {"GET", "/job/*/wfapi/runs", runs},
    {"GET", "/job/*/*/api/json", build},
    {"POST", "/job/*/*/stop", stop_softly},
    {"POST", "/job/*/*/term", stop_term},
    {"POST", "/job/*/*/kill", stop_kill},
    {"GET", "/job/*/*/consoleText", console},
    {"GET", "/job/*/*/logText/progressiveText", progressive},
    {"POST", "/job/*/*/logText/progressiveText", progressive},
    {"GET", "/job/*/*/wfapi", describe},
    {"GET", "/job/*/*/wfapi/describe", describe},
    {"GET", "/job/*/*/wfapi/pendingInputActions", inputs},
    {"GET", "/job/*/*/wfapi/nextPendingInputAction", next_input},
    {"POST", "/job/*/*/wfapi/inputSubmit", input_submit},
    {"GET", "/job/*/*/execution/node/*/wfapi/describe", node},
    {"GET", "/job/*/*/execution/node/*/wfapi/log", node_log},
    {"POST", "/job/*/*/input/*/proceedEmpty", proceed_empty},
    {"POST", "/job/*/*/input/*/proceed", proceed},
    {"POST", "/job/*/*/input/*/submit", submit},
    {"POST", "/job/*/*/input/*/abort", abort_gate},
    {NULL, NULL, NULL},
};

/* No credentials: 403, as where anonymous people may not read. Wrong ones: 401. */
static bool signed_in(struct call *c)
{
    const char *token = yard_secret(c->y, "jenkins");
    const char *pair = arena_printf(c->a, USER ":%s", token);
    char *coded = base64_encode(pair, strlen(pair), false);
    bool in = call_signed_in(c, "Basic", coded);
    free(coded);
    if (in)
        return true;
    if (request_header(c->x, "Authorization")) {
        yard_answer_header(c->y, c->x, "WWW-Authenticate", "Basic realm=\"Jenkins\"");
        html(c, 401, "Error 401 Unauthorized", "Invalid password/token for user");
    } else {
        html(c, 403, "Forbidden", "Authentication required");
    }
    return false;
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    yard_answer_header(y, x, "X-Jenkins", "2.479.3");
    yard_answer_header(y, x, "X-Jenkins-Session", "5f1c0de2");
    if (!signed_in(&c))
        return;
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        yard_answer_header(y, x, "Allow", "POST");
        html(&c, 405, "Method Not Allowed", "This URL requires POST");
        break;
    case ROUTE_NO_PATH:
        not_found(&c);
        break;
    }
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    buf_printf(out,
               "    driver: jenkins\n    url: %s\n    user: " USER
               "\n    token: \"file:%s/jenkins\"\n    job: %s\n",
               url, secrets_dir, json_str(yard_world(y, "jenkins"), "job", ""));
}

const struct stand_in jenkins_stand_in = {
    .name = "jenkins",
    .imitates = "Jenkins 2.479 with Pipeline, its stage view and input steps",
    .role = "pipeline",
    .world = jenkins_world,
    .serve = serve,
    .configure = configure,
    .settle = jenkins_settle,
};
