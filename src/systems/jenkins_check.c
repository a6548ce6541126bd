/* jenkins_check.c: what doctor asks of Jenkins. */
#include "base/buf.h"
#include "systems/jenkins.h"
#include <string.h>

struct look {
    struct checks c; /* first */
    struct jenkins *j;
};

static void on_stage_view(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    if (reply->status == 200)
        checks_add(&w->c, CHECK_OK, "stage view", "the plugin answers: stages are shown by name");
    else
        checks_add(
            &w->c, CHECK_WARN, "stage view",
            "no answer from the plugin pipeline-stage-view (%d): builds are followed without their stages",
            reply->status);
    checks_end(&w->c);
}

static void check_parameters(struct look *w, const json_t *job)
{
    struct jenkins *j = w->j;
    _cleanup_json_ json_t *declared = jenkins_declared(job);
    const struct {
        const char *name, *without;
    } needed[] = {
        {j->key, "a build could not be found again after a crash, so none is started. Declare it as a string "
                 "parameter"},
        {j->client, "builds would run without a client. Declare it, or set parameters: client"},
        {j->env, "builds would run without an env. Declare it, or set parameters: env"},
    };
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        char *what = arena_printf(&w->c.f.arena, "%s declares %s", j->job, needed[i].name);
        bool there = json_object_get(declared, needed[i].name) != NULL;
        checks_add(&w->c, there ? CHECK_OK : CHECK_FAIL, what, "%s%s",
                   there ? "it does" : "it does not: ", there ? "" : needed[i].without);
    }
}

static void on_job(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    char *what = arena_printf(&f->arena, "job %s", w->j->job);
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *job = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(job)) {
        if (reply->status == 404)
            checks_add(&w->c, CHECK_FAIL, what,
                       "not found: it does not exist, or the user lacks Job/Read on it");
        else
            checks_failed(&w->c, CHECK_FAIL, what, reply);
        checks_end(&w->c);
        return;
    }
    bool buildable = json_flag(job, "buildable", false);
    checks_add(
        &w->c, buildable ? CHECK_OK : CHECK_FAIL, what, "%s",
        buildable ? "can be built; Jenkins tells whether this user has Job/Build only when a build is started"
                  : "is disabled: enable it in Jenkins");
    check_parameters(w, job);
    flow_get(f, "ask for the stage view",
             arena_printf(&f->arena, "%s/wfapi/describe", jenkins_job_path(w->j->job, &f->arena)),
             on_stage_view);
}

static void on_who(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *who = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(who)) {
        checks_failed(&w->c, CHECK_FAIL, "signed in", reply);
        checks_end(&w->c);
        return;
    }
    const char *version = http_reply_header(reply, "X-Jenkins");
    if (version)
        checks_add(&w->c, CHECK_OK, "version", "Jenkins %.40s", version);
    else
        checks_add(&w->c, CHECK_WARN, "version",
                   "no X-Jenkins header: is this a Jenkins, or does a proxy drop it?");
    if (json_flag(who, "anonymous", false))
        checks_add(&w->c, CHECK_WARN, "signed in", "as nobody: set user and token");
    else
        checks_add(&w->c, CHECK_OK, "signed in", "as %.100s",
                   json_str(who, "name", json_str(who, "id", "?")));
    checks_clock(&w->c, reply);
    flow_get(f, "read the job",
             arena_printf(&f->arena, "%s%s", jenkins_job_path(w->j->job, &f->arena), JENKINS_JOB_TREE),
             on_job);
}

void jenkins_check(struct system *s, check_fn *done, void *ctx)
{
    struct jenkins *j = (struct jenkins *)s;
    struct look *w = checks_new(sizeof *w, s, j->peer, done, ctx);
    w->j = j;
    flow_get(&w->c.f, "ask who is signed in", "/whoAmI/api/json", on_who);
}
