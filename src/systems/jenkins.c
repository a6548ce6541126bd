/* jenkins.c: the pipeline driver for Jenkins: configuration, paths, and sending.
 *
 * An API token needs no crumb. A password does, and the crumb belongs to a web session, so the client keeps
 * cookies then. */
#include "systems/jenkins.h"
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "password", "job", "parameters", "unstable", NULL};
static const char *const parameter_keys[] = {"client", "env", "key", "service", NULL};

void *jenkins_build_flow(size_t size, struct system *s, const struct effect *e, outcome_fn *done,
                         progress_fn *progress, void *ctx, struct error *err)
{
    struct jenkins *j = (struct jenkins *)s;
    struct jenkins_flow *t = flow_new(size, s, j->peer, e, done, progress, ctx);
    struct arena *a = &t->f.arena;
    t->j = j;
    if (!pipeline_build_split(json_str(e->args, "build", ""), a, &t->job, &t->number, err)) {
        task_cancel(&t->f.task);
        return NULL;
    }
    t->job_path = jenkins_job_path(t->job, a);
    if (!t->job_path) {
        (void)error_set(err, SB_PARSE, "\"%s\" is no path of a job", t->job);
        task_cancel(&t->f.task);
        return NULL;
    }
    t->build_path = arena_printf(a, "%s/%ld", t->job_path, t->number);
    return t;
}

/* --- sending
 * ------------------------------------------------------------------------------------------------- */

static void post_now(struct jenkins_flow *t);

static void on_crumb(struct flow *f, const struct http_reply *reply)
{
    struct jenkins_flow *t = (struct jenkins_flow *)f;
    struct jenkins *j = t->j;
    if (reply->status == 404) { /* protection is switched off */
        j->crumbs = false;
        post_now(t);
        return;
    }
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *crumb = json_str(answer, "crumb", NULL);
    const char *field = json_str(answer, "crumbRequestField", NULL);
    if (!crumb || !field || strpbrk(crumb, "\r\n") || strpbrk(field, "\r\n:")) {
        flow_failed_look(f, reply);
        return;
    }
    _cleanup_buf_ struct buf header = {0};
    buf_printf(&header, "%s: %s", field, crumb);
    free(j->crumb);
    j->crumb = buf_steal(&header);
    t->crumb_is_new = true;
    post_now(t);
}

static void on_posted(struct flow *f, const struct http_reply *reply)
{
    struct jenkins_flow *t = (struct jenkins_flow *)f;
    /* A crumb dies with its session (a restart, an hour of rest): the request was not acted on. */
    if (reply->status == 403 && t->j->crumbs && !t->crumb_is_new) {
        free(t->j->crumb);
        t->j->crumb = NULL;
        post_now(t);
        return;
    }
    t->posted(f, reply);
}

static void post_now(struct jenkins_flow *t)
{
    struct jenkins *j = t->j;
    if (j->crumbs && !j->crumb) {
        flow_get(&t->f, "fetch a crumb", "/crumbIssuer/api/json", on_crumb);
        return;
    }
    const char *const headers[] = {j->crumbs ? j->crumb : NULL, NULL};
    struct http_request r = t->post;
    r.headers = headers;
    flow_send(&t->f, &r, on_posted);
    t->f.request.headers = NULL;
}

void jenkins_post(struct jenkins_flow *t, const char *what, const char *path, const char *form,
                  void (*then)(struct flow *, const struct http_reply *))
{
    char *body = form ? arena_strdup(&t->f.arena, form) : NULL;
    t->post = (struct http_request){
        .method = "POST",
        .what = what,
        .path = path,
        .content_type = body ? "application/x-www-form-urlencoded" : NULL,
        .body = body,
        .body_len = body ? strlen(body) : 0,
    };
    t->posted = then;
    t->crumb_is_new = false;
    post_now(t);
}

void jenkins_failed_send(struct jenkins_flow *t, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_send(t->f.peer, &t->f.request, reply);
    const char *words = reply->status ? http_reply_header(reply, "X-Error") : NULL;
    if (words) {
        struct error told = o.error;
        (void)error_set(&o.error, told.code, "%s: %.300s", told.text, words);
    }
    flow_end(&t->f, &o);
}

/* --- configuration
 * ---------------------------------------------------------------------------------------------- */

static void jenkins_close(struct system *s)
{
    struct jenkins *j = (struct jenkins *)s;
    tasks_cancel(s);
    if (j->peer)
        http_peer_free(j->peer);
    free(j->crumb);
    arena_free(&j->arena);
    free(j);
}

static bool read_parameters(struct jenkins *j, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *names = yaml_get(config, "parameters");
    if (names && !yaml_only(names, file, "parameters", parameter_keys, err))
        return false;
    j->client = arena_strdup(&j->arena, config_str(names, "client", "CLIENT"));
    j->env = arena_strdup(&j->arena, config_str(names, "env", "ENV"));
    j->key = arena_strdup(&j->arena, config_str(names, "key", "SIGNALBOX_KEY"));
    j->service = arena_strdup(&j->arena, config_str(names, "service", "{service}"));
    if (!fill_uses(j->service, "service")) {
        const struct yaml *y = yaml_get(names, "service");
        return error_at(
            err, SB_PARSE, file, y->line, y->column,
            "parameters: service: expected a template such as \"{service}\" or \"{service}_TAG\"");
    }
    return true;
}

static bool read_sign_in(struct jenkins *j, const struct yaml *config, const char *file,
                         struct http_peer_options *o, struct error *err)
{
    struct secret password;
    if (!config_secret(config, file, "password", &j->arena, &password, err))
        return false;
    if (o->secret.ref && password.ref) {
        const struct yaml *y = yaml_get(config, "password");
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "password: there is a token as well; keep the token and take the password out");
    }
    if (password.ref) {
        o->secret = password;
        o->session_cookies = true;
        j->crumbs = true;
    }
    if (!o->secret.ref)
        return true; /* an anonymous Jenkins: doctor says so */
    if (!config_need(config, file, "user", "the Jenkins user the token or password belongs to", err))
        return false;
    o->auth = HTTP_AUTH_BASIC;
    return true;
}

static bool configure(struct jenkins *j, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    /* Pauses can take a minute to be loaded after a restart of the controller. */
    struct http_peer_options defaults = {.name = "jenkins", .total_ms = (int)SECONDS(90)};
    if (!config_peer(config, file, &defaults, &j->arena, &o, err) ||
        !read_sign_in(j, config, file, &o, err) || !read_parameters(j, config, file, err))
        return false;
    const char *job =
        config_need(config, file, "job", "the deployment job, with its folders: shop/deploy", err);
    if (!job)
        return false;
    if (!jenkins_job_path(job, &j->arena)) {
        const struct yaml *y = yaml_get(config, "job");
        return error_at(err, SB_PARSE, file, y->line, y->column, "job: expected a path such as shop/deploy");
    }
    j->job = arena_strdup(&j->arena, job);
    const char *unstable = config_str(config, "unstable", "fails");
    j->unstable_is_well = str_eq(unstable, "passes");
    if (!j->unstable_is_well && !str_eq(unstable, "fails")) {
        const struct yaml *y = yaml_get(config, "unstable");
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "unstable: expected \"fails\" or \"passes\"");
    }
    char *base = arena_strdup(&j->arena, o.base_url);
    while (str_ends(base, "/"))
        base[strlen(base) - 1] = '\0';
    j->base_url = o.base_url = base;
    j->peer = http_peer_new(j->system.around->http, &o, err);
    return j->peer != NULL;
}

static struct system *jenkins_open(const struct driver *d, const struct yaml *config, const char *file,
                                   struct surroundings *around, struct error *err)
{
    struct jenkins *j = calloc(1, sizeof *j);
    if (!j)
        abort();
    j->system = (struct system){.driver = d, .name = d->name, .around = around};
    j->arena = arena_make();
    if (configure(j, config, file, err))
        return &j->system;
    jenkins_close(&j->system);
    return NULL;
}

const struct driver jenkins_driver = {
    .role = ROLE_PIPELINE,
    .name = "jenkins",
    .says = "starts a Jenkins job exactly once, follows its stages, answers its pauses",
    .keys = keys,
    .open = jenkins_open,
    .close = jenkins_close,
    .check = jenkins_check,
    .verbs =
        {
            {.verb = "start", .perform = jenkins_start, .find = jenkins_start_find},
            {.verb = "watch", .perform = jenkins_watch},
            {.verb = "answer", .perform = jenkins_answer, .find = jenkins_answer_find},
            {.verb = "stop", .perform = jenkins_stop, .repeatable = true},
            {.verb = NULL},
        },
};
