/* jenkins_start.c: starting a build exactly once, and finding it again.
 *
 * The key travels as a parameter of the build. Jenkins drops parameters that the job does not declare without
 * a word, so the declaration is read first. Between the request and the build's number lies the queue, which
 * forgets an item five minutes after it has left: so a build is looked for in the queue first, then among the
 * builds; the other way round, an item that moves between the two looks is missed. Both have short gaps (left
 * the queue, not yet visible; visible, parameters not yet attached), so only a second empty pass ten seconds
 * later says that there is none. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/fill.h"
#include "systems/jenkins.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE = 100, PAGES_MAX = 10 };

struct start {
    struct jenkins_flow t; /* first */
    bool performing;       /* otherwise finding */
    int64_t queue_item;    /* 0 = not known */
    char *item_path;
    int polls;
    int pass, page;
};

static void follow(struct flow *f);
static void search(struct flow *f);

/* --- the end
 * ------------------------------------------------------------------------------------------------- */

static void started(struct start *s, int64_t number)
{
    struct jenkins_flow *t = &s->t;
    char *url = arena_printf(&t->f.arena, "%s%s/%lld/", t->j->base_url, t->job_path, (long long)number);
    flow_done(&t->f, json_pack("{s:s, s:s}", "build", pipeline_build_id(t->job, (long)number, &t->f.arena),
                               "url", url));
}

/* A look that failed. While performing the request is out already, so nothing is certain any more. */
static void look_failed(struct start *s, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_find(s->t.f.peer, &s->t.f.request, reply);
    if (s->performing)
        o.kind = OUTCOME_UNKNOWN;
    flow_end(&s->t.f, &o);
}

/* --- in the queue
 * -------------------------------------------------------------------------------------------- */

MUST_USE static bool tell_queued(struct start *s, const json_t *item)
{
    _cleanup_json_ json_t *view =
        json_pack("{s:s, s:[], s:b}", "status", "QUEUED", "stages", "stuck", json_flag(item, "stuck", false));
    const char *why = json_str(item, "why", NULL);
    if (why)
        json_object_set_new(view, "note", json_string(why));
    return flow_tell(&s->t.f, view);
}

static void look_again(struct start *s)
{
    flow_wait(&s->t.f, flow_pause(&s->t.f, SECONDS(s->polls++ < 10 ? 1 : 5), 10), follow);
}

static void on_item(struct flow *f, const struct http_reply *reply)
{
    struct start *s = (struct start *)f;
    if (reply->status == 404) { /* forgotten: the build knows the item's number */
        search(f);
        return;
    }
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *item = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(item)) {
        struct outcome o = outcome_of_failed_find(f->peer, &f->request, reply);
        if (o.kind == OUTCOME_RETRY && s->performing)
            look_again(s);
        else
            look_failed(s, reply);
        return;
    }
    int64_t number = json_int(item, "executable.number", 0);
    if (number > 0) {
        started(s, number);
    } else if (json_flag(item, "cancelled", false)) {
        /* To a find a cancelled item is an effect that has not taken place. */
        flow_ends(f, s->performing ? OUTCOME_FAILED : OUTCOME_NOT_FOUND, SB_STATE,
                  "somebody cancelled the build in Jenkins's queue (item %lld)", (long long)s->queue_item);
    } else if (tell_queued(s, item)) {
        look_again(s);
    }
}

static void follow(struct flow *f)
{
    flow_get(f, "read the queue", ((struct start *)f)->item_path, on_item);
}

static void follow_item(struct start *s, int64_t item)
{
    s->queue_item = item;
    s->item_path = arena_printf(&s->t.f.arena, "/queue/item/%lld/api/json", (long long)item);
    follow(&s->t.f);
}

/* --- by key
 * -------------------------------------------------------------------------------------------------- */

static bool has_key(const struct start *s, const json_t *item)
{
    const json_t *actions = json_object_get(item, "actions");
    for (size_t i = 0; i < json_array_size(actions); i++) {
        const json_t *parameters = json_object_get(json_array_get(actions, i), "parameters");
        for (size_t k = 0; k < json_array_size(parameters); k++) {
            const json_t *p = json_array_get(parameters, k);
            if (str_eq(json_str(p, "name", ""), s->t.j->key) &&
                str_eq(json_str(p, "value", ""), s->t.f.effect.key))
                return true;
        }
    }
    return false;
}

static void second_pass(struct flow *f)
{
    search(f);
}

static void nothing_there(struct start *s)
{
    struct flow *f = &s->t.f;
    if (s->pass++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(10), SECONDS(1)), second_pass);
    else if (s->performing)
        flow_ends(f, OUTCOME_UNKNOWN, SB_STATE, "Jenkins took the request, but no build of %s has the key %s",
                  s->t.job, f->effect.key);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "no build of %s and nothing in the queue has the key %s",
                  s->t.job, f->effect.key);
}

static void look_in_builds(struct start *s);

static void on_builds(struct flow *f, const struct http_reply *reply)
{
    struct start *s = (struct start *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *job = http_json(f->peer, &f->request, reply, &err);
    const json_t *builds = json_object_get(job, s->page ? "allBuilds" : "builds");
    if (!json_is_array(builds)) {
        look_failed(s, reply);
        return;
    }
    size_t n = json_array_size(builds);
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        const json_t *build = json_array_get(builds, i);
        bool ours = has_key(s, build) || (s->queue_item && json_int(build, "queueId", 0) == s->queue_item);
        if (ours && json_int(build, "number", 0) > 0) {
            started(s, json_int(build, "number", 0));
            return;
        }
        int64_t at = json_int(build, "timestamp", INT64_MAX);
        oldest = at < oldest ? at : oldest;
    }
    bool more = n >= PAGE && oldest >= f->effect.intended_ms;
    if (more && ++s->page == PAGES_MAX)
        flow_ends(f, s->performing ? OUTCOME_UNKNOWN : OUTCOME_CANNOT_TELL, SB_LIMIT,
                  "%s has more than %d builds since this one was to start; look for the one with %s = %s",
                  s->t.job, PAGE * PAGES_MAX, s->t.j->key, f->effect.key);
    else if (more)
        look_in_builds(s);
    else
        nothing_there(s);
}

static void look_in_builds(struct start *s)
{
    char *path =
        arena_printf(&s->t.f.arena,
                     "%s/api/json?tree=%s%%5Bnumber,queueId,timestamp,"
                     "actions%%5Bparameters%%5Bname,value%%5D%%5D%%5D%%7B%d,%d%%7D",
                     s->t.job_path, s->page ? "allBuilds" : "builds", s->page * PAGE, (s->page + 1) * PAGE);
    flow_get(&s->t.f, "look for the build", path, on_builds);
}

static void on_queue(struct flow *f, const struct http_reply *reply)
{
    struct start *s = (struct start *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *queue = http_json(f->peer, &f->request, reply, &err);
    const json_t *items = json_object_get(queue, "items");
    if (!json_is_array(items)) {
        look_failed(s, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (has_key(s, item) && json_int(item, "id", 0) > 0) {
            follow_item(s, json_int(item, "id", 0));
            return;
        }
    }
    s->page = 0;
    look_in_builds(s);
}

static void search(struct flow *f)
{
    flow_get(f, "look in the queue",
             "/queue/api/"
             "json?tree=items%5Bid,why,stuck,task%5Bname,url%5D,actions%5Bparameters%5Bname,value%5D%5D%5D",
             on_queue);
}

/* --- the request
 * --------------------------------------------------------------------------------------------- */

/* "…/queue/item/4711/": only the number counts, the host may be Jenkins's own idea of itself. */
static int64_t item_of_location(const char *location)
{
    const char *mark = location ? strstr(location, "/queue/item/") : NULL;
    return mark ? strtoll(mark + strlen("/queue/item/"), NULL, 10) : 0;
}

static void on_requested(struct flow *f, const struct http_reply *reply)
{
    struct start *s = (struct start *)f;
    int status = reply->status;
    bool redirect = status == 302 || status == 303;
    if ((status < 200 || status > 299) && !redirect) {
        jenkins_failed_send(&s->t, reply);
        return;
    }
    int64_t item = item_of_location(http_reply_header(reply, "Location"));
    if (item > 0)
        follow_item(s, item);
    else if (redirect)
        flow_ends(f, OUTCOME_FAILED, SB_REMOTE,
                  "Jenkins put nothing into its queue and answered with a redirect (%d): a plugin refused "
                  "the build, or "
                  "the user is not signed in",
                  status);
    else
        search(f);
}

static void add_field(struct buf *form, const char *name, const char *value)
{
    if (form->len)
        buf_addc(form, '&');
    buf_add_url(form, name);
    buf_addc(form, '=');
    buf_add_url(form, value);
}

static char *parameter_of(struct start *s, const char *service)
{
    return fill(s->t.j->service, (struct fill[]){{"service", service}, {NULL, NULL}}, fill_plain,
                &s->t.f.arena);
}

/* Name and value of every parameter the build gets, in order. New reference. */
static json_t *parameters(struct start *s)
{
    const json_t *args = s->t.f.effect.args;
    json_t *list = json_array();
    json_array_append_new(list, json_pack("[ss]", s->t.j->client, json_str(args, "client", "")));
    json_array_append_new(list, json_pack("[ss]", s->t.j->env, json_str(args, "env", "")));
    json_array_append_new(list, json_pack("[ss]", s->t.j->key, s->t.f.effect.key));
    const json_t *services = json_object_get(args, "services");
    for (size_t i = 0; i < json_array_size(services); i++) {
        const json_t *service = json_array_get(services, i);
        json_array_append_new(list, json_pack("[ss]", parameter_of(s, json_str(service, "service", "")),
                                              json_str(service, "tag", "")));
    }
    return list;
}

static bool offers(const json_t *definition, const char *value)
{
    const json_t *choices = json_object_get(definition, "choices");
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (str_eq(json_string_value(json_array_get(choices, i)), value))
            return true;
    return json_array_size(choices) == 0;
}

/* Would the job take every parameter as we mean it? Otherwise the flow has ended. */
static bool takes_all(struct start *s, const json_t *declared, const json_t *wanted)
{
    struct flow *f = &s->t.f;
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *name = json_string_value(json_array_get(json_array_get(wanted, i), 0));
        const char *value = json_string_value(json_array_get(json_array_get(wanted, i), 1));
        const json_t *definition = json_object_get(declared, name);
        if (!definition) {
            flow_ends(
                f, OUTCOME_FAILED, SB_MISSING,
                "the job %s does not declare the parameter %s, and Jenkins would drop it without a word%s. "
                "Add it to the "
                "job (a pipeline that declares parameters in its Jenkinsfile has them after its first run)",
                s->t.job, name, str_eq(name, s->t.j->key) ? " and a build could not be found again" : "");
            return false;
        }
        if (!offers(definition, value)) {
            flow_ends(f, OUTCOME_FAILED, SB_RANGE,
                      "\"%s\" is not among the choices of the parameter %s of %s", value, name, s->t.job);
            return false;
        }
    }
    return true;
}

static void on_job(struct flow *f, const struct http_reply *reply)
{
    struct start *s = (struct start *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *job = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(job)) {
        flow_failed_look(f, reply);
        return;
    }
    if (!json_flag(job, "buildable", true)) {
        flow_ends(f, OUTCOME_FAILED, SB_STATE, "the job %s is disabled in Jenkins", s->t.job);
        return;
    }
    _cleanup_json_ json_t *declared = jenkins_declared(job);
    _cleanup_json_ json_t *wanted = parameters(s);
    if (!takes_all(s, declared, wanted))
        return;
    _cleanup_buf_ struct buf form = {0};
    add_field(&form, "delay", "0sec");
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const json_t *pair = json_array_get(wanted, i);
        add_field(&form, json_string_value(json_array_get(pair, 0)),
                  json_string_value(json_array_get(pair, 1)));
    }
    char *path = arena_printf(&f->arena, "%s/buildWithParameters", s->t.job_path);
    char *what = arena_printf(&f->arena, "start build of %s for %s/%s", s->t.job,
                              json_str(f->effect.args, "client", "?"), json_str(f->effect.args, "env", "?"));
    jenkins_post(&s->t, what, path, buf_str(&form), on_requested);
}

static struct start *start_new(struct system *system, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    struct jenkins *j = (struct jenkins *)system;
    struct start *s = flow_new(sizeof *s, system, j->peer, e, done, progress, ctx);
    s->t.j = j;
    s->t.job = arena_strdup(&s->t.f.arena, json_str(e->args, "pipeline", j->job));
    s->t.job_path = jenkins_job_path(s->t.job, &s->t.f.arena);
    if (s->t.job_path)
        return s;
    task_cancel(&s->t.f.task);
    return NULL;
}

struct task *jenkins_start(struct system *system, const struct effect *e, outcome_fn *done,
                           progress_fn *progress, void *ctx)
{
    struct start *s = start_new(system, e, done, progress, ctx);
    if (!s)
        return task_ends(system, done, ctx, OUTCOME_FAILED,
                         "pipeline: expected the path of a job, such as shop/deploy");
    s->performing = true;
    flow_get(&s->t.f, "read the job", arena_printf(&s->t.f.arena, "%s%s", s->t.job_path, JENKINS_JOB_TREE),
             on_job);
    return &s->t.f.task;
}

struct task *jenkins_start_find(struct system *system, const struct effect *e, outcome_fn *done,
                                progress_fn *progress, void *ctx)
{
    struct start *s = start_new(system, e, done, progress, ctx);
    if (!s)
        return task_ends(system, done, ctx, OUTCOME_NOT_FOUND,
                         "pipeline: expected the path of a job, such as shop/deploy");
    search(&s->t.f);
    return &s->t.f.task;
}
