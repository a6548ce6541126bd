/* kube_verify.c: waits until every service runs at its tag: pods and workloads are followed live, and judged
 * together after every change. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/cluster.h"
#include "systems/kube_follow.h"
#include "systems/kubernetes.h"
#include "systems/pipeline.h"
#include <stdio.h>
#include <string.h>

enum { PODS, DEPLOYMENTS, STATEFULSETS, DAEMONSETS, FOLLOWED };
enum { SERVICES_MAX = 200, PROBLEMS_MAX = 50, LOGS_MAX = 5, LOG_LINES = 50, LOG_BYTES = 16 << 10 };

static const struct {
    const char *group, *resource;
    enum kube_kind kind;
} followed[FOLLOWED] = {
    [PODS] = {"/api/v1", "pods", KUBE_DEPLOYMENT},
    [DEPLOYMENTS] = {"/apis/apps/v1", "deployments", KUBE_DEPLOYMENT},
    [STATEFULSETS] = {"/apis/apps/v1", "statefulsets", KUBE_STATEFULSET},
    [DAEMONSETS] = {"/apis/apps/v1", "daemonsets", KUBE_DAEMONSET},
};

struct verify {
    struct flow flow;
    struct kube_place place;
    struct kube_service *services;
    int n;
    struct kube_follow *follows[FOLLOWED];
    bool without[FOLLOWED]; /* we may not read these */
    json_t *restarts;       /* {pod: {"base", "last", "at"}} */
    json_t *fatal;          /* {pod or workload: when it was first seen, monotonic ms} */
    bool begun;             /* judged once: what is there now counts as "at begin" */
    int64_t good_since;     /* monotonic; 0 = not good */
    json_t *result;         /* of a failure, while its logs are fetched */
    struct kube_call *log;
    size_t log_at;
    int logs;
};

/* What one judgement finds. */
struct judgement {
    struct verify *v;
    int64_t now;
    json_t *services, *pods, *problems;
    json_t *fatal; /* as in verify, of now */
    bool all_done;
    int64_t settled_at; /* when the oldest fatal problem will have settled; 0 = there is none */
    size_t n_fatal;     /* problems that do not pass by themselves: they come first */
};

static void verify_free(struct flow *f)
{
    struct verify *v = (struct verify *)f;
    for (int i = 0; i < FOLLOWED; i++)
        kube_follow_stop(v->follows[i]);
    kube_cancel(v->log);
    json_decref(v->restarts);
    json_decref(v->fatal);
    json_decref(v->result);
}

static const struct kubernetes *driver_of(const struct verify *v)
{
    return (const struct kubernetes *)v->flow.system;
}

static bool once(const struct verify *v)
{
    return json_flag(v->flow.effect.args, "once", false);
}

/* --- problems --------------------------------------------------------------------------------- */

static void add_problem(struct judgement *j, bool fatal, const char *service, const char *pod,
                        const char *reason, const char *message, const char *container)
{
    if (json_array_size(j->problems) >= PROBLEMS_MAX)
        return;
    json_t *p = json_pack("{s:s, s:s, s:s, s:s, s:s}", "service", service, "pod", pod, "reason", reason,
                          "message", message, "log", "");
    if (container)
        json_object_set_new(p, "container", json_string(container));
    json_array_insert_new(j->problems, fatal ? j->n_fatal++ : json_array_size(j->problems), p);
}

/* Something that does not pass by itself. It has settled when it was there for a while: between two crashes a
 * container runs, so it counts on from when it was first seen. */
static void add_fatal(struct judgement *j, const char *what)
{
    json_t *since = json_object_get(j->v->fatal, what);
    json_object_set_new(j->fatal, what, since ? json_incref(since) : json_integer(j->now));
    int64_t at = json_integer_value(json_object_get(j->fatal, what)) +
                 flow_pause(&j->v->flow, driver_of(j->v)->settle_ms, 1);
    if (!j->settled_at || at < j->settled_at)
        j->settled_at = at;
}

/* --- pods ------------------------------------------------------------------------------------- */

/* Restarts since we began to look; `recent` when the last is not long ago. A pod that came later began at 0.
 */
static int64_t restarts_since(struct judgement *j, const json_t *pod, bool *recent)
{
    struct verify *v = j->v;
    const char *name = json_str(pod, "metadata.name", "");
    int64_t now = kube_pod_restarts(pod);
    json_t *known = json_object_get(v->restarts, name);
    if (!known) {
        known = json_pack("{s:I, s:I, s:I}", "base", (json_int_t)(v->begun ? 0 : now), "last",
                          (json_int_t)(v->begun ? 0 : now), "at", (json_int_t)0);
        json_object_set_new(v->restarts, name, known);
    }
    if (now > json_int(known, "last", 0)) {
        json_object_set_new(known, "last", json_integer(now));
        json_object_set_new(known, "at", json_integer(j->now));
    }
    int64_t at = json_int(known, "at", 0);
    *recent = at && j->now - at < flow_pause(&v->flow, driver_of(v)->steady_ms, 1);
    return now - json_int(known, "base", 0);
}

struct pods_of {
    int ready, stale; /* at the wanted tag and ready; of another tag and not leaving */
    int restarted;    /* not long ago */
};

/* What an old pod suffers from is perhaps why there is a hotfix: it is shown, and fails nothing. */
static void judge_problem(struct judgement *j, const struct kube_service *s, const json_t *pod, bool ours)
{
    const char *name = json_str(pod, "metadata.name", "");
    struct kube_problem p = kube_pod_problem(pod);
    if (!*p.reason && json_object_get(j->v->fatal, name) && !kube_pod_ready(pod))
        p = kube_pod_last_crash(pod);
    if (!*p.reason)
        return;
    add_problem(j, ours && p.fatal, s->name, name, p.reason, p.message, p.crashed ? p.container : NULL);
    if (ours && p.fatal)
        add_fatal(j, name);
}

static void judge_pod(struct judgement *j, const struct kube_service *s, const json_t *pod,
                      struct pods_of *sum)
{
    const char *name = json_str(pod, "metadata.name", ""), *image = kube_pod_image(pod, s);
    bool leaving = kube_pod_leaving(pod), ready = kube_pod_ready(pod), ours = image_tag_is(image, s->tag),
         recent = false;
    int64_t restarts = restarts_since(j, pod, &recent);
    if (json_array_size(j->pods) < CLUSTER_PODS_SHOWN)
        json_array_append_new(j->pods,
                              json_pack("{s:s, s:s, s:o, s:b, s:I, s:s}", "pod", name, "service", s->name,
                                        "tag", image_tag_json(image), "ready", ready, "restarts",
                                        (json_int_t)kube_pod_restarts(pod), "state", kube_pod_state(pod)));
    if (leaving)
        return;
    sum->ready += ours && ready;
    sum->stale += !ours;
    judge_problem(j, s, pod, ours);
    if (ours && recent) {
        char says[96];
        sum->restarted++;
        (void)snprintf(says, sizeof says, "restarted %lld times since the verification began",
                       (long long)restarts);
        add_problem(j, false, s->name, name, "Restarted", says, NULL);
    }
}

static struct pods_of judge_pods(struct judgement *j, const struct kube_service *s)
{
    struct pods_of sum = {0};
    const char *name;
    json_t *pod;
    json_object_foreach((json_t *)kube_follow_items(j->v->follows[PODS]), name, pod)
        if (!kube_pod_over(pod) && kube_pod_of(pod, s))
            judge_pod(j, s, pod, &sum);
    return sum;
}

/* --- services --------------------------------------------------------------------------------- */

struct workloads_of {
    int n;
    bool done;
    int64_t wanted;
    const char *image; /* of the first that is not as wanted, else of the first */
    char says[512];    /* what the first unfinished one waits for */
};

static void judge_workload(struct judgement *j, const struct kube_service *s, const json_t *w,
                           enum kube_kind kind, struct workloads_of *sum)
{
    char says[400];
    const char *name = json_str(w, "metadata.name", ""), *image = kube_workload_image(w, s);
    bool right = image_tag_is(image, s->tag);
    enum kube_rollout rollout = kube_rollout(w, kind, says, sizeof says);
    if (sum->n++ == 0 || (!right && image_tag_is(sum->image, s->tag)))
        sum->image = image;
    sum->wanted += kube_workload_wanted(w, kind);
    if (!right) {
        struct image_ref r;
        bool sound = image_ref_parse(image, &r);
        (void)snprintf(says, sizeof says, "%s is told to run %.*s, not %s", name, sound ? r.tag_len : 0,
                       sound ? r.tag : "", s->tag);
        add_problem(j, false, s->name, "", "WrongImage", says, NULL);
    } else if (rollout == KUBE_ROLLOUT_FAILED) {
        char what[300];
        (void)snprintf(what, sizeof what, "workload/%s", name);
        add_problem(j, true, s->name, "", "ProgressDeadlineExceeded", says, NULL);
        add_fatal(j, what);
    }
    bool done = right && rollout == KUBE_ROLLOUT_DONE;
    if (!done && sum->done)
        (void)snprintf(sum->says, sizeof sum->says, "%s%s%s", right ? name : "", right ? ": " : "", says);
    sum->done = sum->done && done;
}

static struct workloads_of judge_workloads(struct judgement *j, const struct kube_service *s)
{
    struct workloads_of sum = {.done = true, .image = ""};
    for (int f = DEPLOYMENTS; f < FOLLOWED; f++) {
        const char *name;
        json_t *w;
        if (j->v->without[f])
            continue;
        json_object_foreach((json_t *)kube_follow_items(j->v->follows[f]), name, w)
            if (kube_workload_of(w, s))
                judge_workload(j, s, w, followed[f].kind, &sum);
    }
    return sum;
}

static void judge_service(struct judgement *j, const struct kube_service *s)
{
    struct workloads_of w = judge_workloads(j, s);
    struct pods_of p = judge_pods(j, s);
    char says[600];
    bool done = false;
    if (w.n == 0) {
        (void)snprintf(says, sizeof says, "nothing in namespace %s is named %s or runs an image of that name",
                       j->v->place.namespace_, s->as);
        add_problem(j, false, s->name, "", "NotFound", says, NULL);
    } else if (!w.done) {
        (void)snprintf(says, sizeof says, "%s", w.says);
    } else if (p.stale > 0) {
        (void)snprintf(says, sizeof says, "%d pods still run another version", p.stale);
    } else if (p.ready < w.wanted) {
        (void)snprintf(says, sizeof says, "%d of %lld pods ready", p.ready, (long long)w.wanted);
    } else if (p.restarted > 0) {
        (void)snprintf(says, sizeof says, "%d pods restarted: waiting to see whether they stay", p.restarted);
    } else {
        done = true;
        (void)snprintf(says, sizeof says, "runs, %d of %lld pods ready", p.ready, (long long)w.wanted);
    }
    j->all_done = j->all_done && done;
    json_array_append_new(j->services,
                          json_pack("{s:s, s:s, s:o, s:i, s:I, s:b, s:s}", "service", s->name, "tag", s->tag,
                                    "runs", image_tag_json(w.image), "ready", p.ready, "wanted",
                                    (json_int_t)w.wanted, "done", done, "says", says));
}

/* --- logs of a failure ------------------------------------------------------------------------ */

static void end_failed(struct verify *v)
{
    struct outcome o = {.kind = OUTCOME_FAILED, .result = v->result};
    const json_t *first = json_path(v->result, "problems.0");
    size_t more = json_array_size(json_object_get(v->result, "problems"));
    (void)error_set(&o.error, SB_REMOTE, "%s%s%s: %s%s%.300s", json_str(first, "service", "the rollout"),
                    *json_str(first, "pod", "") ? ": " : "", json_str(first, "pod", ""),
                    json_str(first, "reason", "failed"), *json_str(first, "message", "") ? ": " : "",
                    json_str(first, "message", ""));
    if (more > 1)
        (void)error_wrap(&o.error, &o.error, "%zu problems, first", more);
    flow_end(&v->flow, &o);
}

static void next_log(struct verify *v);

static void log_came(void *ctx, const struct http_reply *reply)
{
    struct verify *v = ctx;
    v->log = NULL;
    json_t *p = json_array_get(json_object_get(v->result, "problems"), v->log_at);
    if (reply->status == 200 && reply->body) {
        json_t *text = json_string(pipeline_log_tail(reply->body, reply->body_len, &v->flow.arena));
        json_object_set_new(p, "log", text ? text : json_string(""));
    }
    v->log_at++;
    next_log(v);
}

/* The last words of those that crashed; a log that cannot be had must not hide the failure. */
static void next_log(struct verify *v)
{
    const json_t *problems = json_object_get(v->result, "problems");
    struct arena *a = &v->flow.arena;
    while (v->log_at < json_array_size(problems) &&
           !json_object_get(json_array_get(problems, v->log_at), "container"))
        v->log_at++;
    if (v->log_at >= json_array_size(problems) || v->logs++ == LOGS_MAX) {
        if (once(v))
            flow_done(&v->flow, json_incref(v->result));
        else
            end_failed(v);
        return;
    }
    const json_t *p = json_array_get(problems, v->log_at);
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path, kubernetes_path("/api/v1", v->place.namespace_, "pods/", a));
    buf_add_url(&path, json_str(p, "pod", ""));
    buf_adds(&path, "/log?container=");
    buf_add_url(&path, json_str(p, "container", ""));
    buf_printf(&path, "&previous=true&tailLines=%d&limitBytes=%d", LOG_LINES, LOG_BYTES);
    struct http_request r = {.method = "GET",
                             .path = buf_str(&path),
                             .what = "log of a pod",
                             .repeatable = true,
                             .total_ms = 10000};
    v->log = kube_send(v->place.kube, &r, log_came, v);
}

/* Nothing more is followed; the logs are still fetched. */
static void conclude(struct verify *v, json_t *view)
{
    for (int i = 0; i < FOLLOWED; i++) {
        kube_follow_stop(v->follows[i]);
        v->follows[i] = NULL;
    }
    v->result = json_incref(view);
    next_log(v);
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool all_synced(const struct verify *v)
{
    for (int i = 0; i < FOLLOWED; i++)
        if (!v->without[i] && !kube_follow_synced(v->follows[i]))
            return false;
    return true;
}

static const char *note_of(const struct verify *v)
{
    for (int i = 0; i < FOLLOWED; i++)
        if (!v->without[i] && kube_follow_note(v->follows[i]))
            return kube_follow_note(v->follows[i]);
    return NULL;
}

static json_t *view_of(struct judgement *j)
{
    json_t *view =
        json_pack("{s:o, s:o, s:o}", "services", j->services, "pods", j->pods, "problems", j->problems);
    const char *note = note_of(j->v);
    if (note)
        json_object_set_new(view, "note", json_string(note));
    return view;
}

static void judge_again(struct flow *f);

static void look_later(struct verify *v, int64_t at, int64_t now)
{
    timer_cancel(v->flow.timer);
    v->flow.timer = NULL;
    flow_wait(&v->flow, at > now ? at - now : 1, judge_again);
}

static void judge(struct verify *v)
{
    if (v->result || !all_synced(v))
        return;
    struct judgement j = {.v = v,
                          .now = loop_mono_ms(),
                          .services = json_array(),
                          .pods = json_array(),
                          .problems = json_array(),
                          .fatal = json_object(),
                          .all_done = true};
    for (int i = 0; i < v->n; i++)
        judge_service(&j, &v->services[i]);
    v->begun = true;
    json_decref(v->fatal);
    v->fatal = j.fatal;
    v->good_since = !j.all_done ? 0 : v->good_since ? v->good_since : j.now;
    int64_t settle = flow_pause(&v->flow, driver_of(v)->settle_ms, 1);
    _cleanup_json_ json_t *view = view_of(&j);
    if (once(v) || (j.settled_at && j.now >= j.settled_at))
        conclude(v, view);
    else if (j.all_done && j.now - v->good_since >= settle)
        flow_done(&v->flow, json_incref(view));
    else if (!flow_tell(&v->flow, view))
        return;
    else if (j.settled_at)
        look_later(v, j.settled_at, j.now);
    else if (j.all_done)
        look_later(v, v->good_since + settle, j.now);
    else
        look_later(v, j.now + flow_pause(&v->flow, v->flow.system->around->poll_ms, 100), j.now);
}

static void judge_again(struct flow *f)
{
    judge((struct verify *)f);
}

static void on_news(void *ctx)
{
    judge(ctx);
}

/* --- beginning -------------------------------------------------------------------------------- */

static bool pod_wanted(void *ctx, const json_t *pod)
{
    struct verify *v = ctx;
    for (int i = 0; i < v->n; i++)
        if (kube_pod_of(pod, &v->services[i]))
            return true;
    return false;
}

static bool workload_wanted(void *ctx, const json_t *w)
{
    struct verify *v = ctx;
    for (int i = 0; i < v->n; i++)
        if (kube_workload_of(w, &v->services[i]))
            return true;
    return false;
}

/* Who may not see StatefulSets or DaemonSets can still verify Deployments. */
static void on_failed(void *ctx, struct kube_follow *f, const struct outcome *why)
{
    struct verify *v = ctx;
    for (int i = STATEFULSETS; i < FOLLOWED; i++)
        if (v->follows[i] == f && why->kind == OUTCOME_FAILED) {
            kube_follow_stop(f);
            v->follows[i] = NULL;
            v->without[i] = true;
            judge(v);
            return;
        }
    flow_end(&v->flow, why);
}

static const char *read_services(struct verify *v)
{
    const json_t *list = json_object_get(v->flow.effect.args, "services");
    size_t i;
    json_t *s;
    if (json_array_size(list) == 0 || json_array_size(list) > SERVICES_MAX)
        return "services: expected 1 to 200 of {service, tag}";
    v->services = ARENA_ARRAY(&v->flow.arena, json_array_size(list), struct kube_service);
    json_array_foreach((json_t *)list, i, s) {
        const char *name = json_str(s, "service", NULL), *tag = json_str(s, "tag", NULL);
        if (!name || !*name || !tag || !*tag)
            return "services: expected a service and a tag of each";
        v->services[v->n++] = kubernetes_service(driver_of(v), name, tag);
    }
    return NULL;
}

static void begin(struct flow *f)
{
    struct verify *v = (struct verify *)f;
    struct kubernetes *k = (struct kubernetes *)f->system;
    struct error err = ERROR_NONE;
    const char *wrong = read_services(v);
    if (wrong || !kubernetes_place(k, f->effect.args, &f->arena, &v->place, &err)) {
        flow_ends(f, OUTCOME_FAILED, wrong ? SB_RANGE : err.code, "%s", wrong ? wrong : err.text);
        return;
    }
    for (int i = 0; i < FOLLOWED; i++) {
        struct kube_follow_options o = {
            .what = followed[i].resource,
            .path = kubernetes_path(followed[i].group, v->place.namespace_, followed[i].resource, &f->arena),
            .keep = i == PODS ? kube_pod_keep : kube_workload_keep,
            .page = (int)k->page,
            .poll_ms = (int)flow_pause(f, f->system->around->poll_ms, 100),
            .wanted = i == PODS ? pod_wanted : workload_wanted,
            .on_news = on_news,
            .on_failed = on_failed,
            .ctx = v};
        v->follows[i] = kube_follow_start(f->system->around, v->place.kube, &o);
    }
}

struct task *kubernetes_verify(struct system *s, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    struct verify *v = flow_new(sizeof *v, s, NULL, e, done, progress, ctx);
    v->flow.on_free = verify_free;
    v->restarts = json_object();
    v->fatal = json_object();
    flow_wait(&v->flow, 0, begin);
    return &v->flow.task;
}
