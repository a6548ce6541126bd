/* jenkins.h: what the files of the Jenkins driver share. Nobody else includes it.
 *
 * jenkins.c: configuration, paths, sending with a crumb. jenkins_start.c: start and its find. jenkins_watch.c: following a build.
 * jenkins_read.c: reading stages, pauses and failures (pure). jenkins_answer.c: pauses, and stopping. jenkins_check.c: doctor. */
#ifndef SB_SYSTEMS_JENKINS_H
#define SB_SYSTEMS_JENKINS_H

#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/pipeline.h"

struct jenkins {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *base_url; /* without a slash at the end */
    const char *job;      /* "shop/deploy" */
    /* Names of the build's parameters; `service` is a template with {service}. */
    const char *client, *env, *key, *service;
    bool unstable_is_well;
    bool crumbs; /* signed in with a password: a POST needs a crumb and its session */
    char *crumb; /* "Jenkins-Crumb: ..." or NULL; heap */
};

/* A verb under way. What each verb adds lies in its own struct, which begins with this. */
struct jenkins_flow {
    struct flow f; /* first */
    struct jenkins *j;
    char *job;
    char *job_path; /* "/job/shop/job/deploy" */
    long number;
    char *build_path;         /* "/job/shop/job/deploy/87" */
    struct http_request post; /* kept while a crumb is fetched */
    void (*posted)(struct flow *f, const struct http_reply *reply);
    bool crumb_is_new;
};

/* NULL and an error when `build` is none. */
void *jenkins_build_flow(size_t size, struct system *s, const struct effect *e, outcome_fn *done,
                         progress_fn *progress, void *ctx, struct error *err);
/* POST, with a crumb when one is needed. When the crumb cannot be had, the POST has not been sent and the flow ends saying so. */
void jenkins_post(struct jenkins_flow *t, const char *what, const char *path, const char *form,
                  void (*then)(struct flow *, const struct http_reply *));
/* outcome_of_failed_send in Jenkins's own words: those are in a header. */
void jenkins_failed_send(struct jenkins_flow *t, const struct http_reply *reply);

#define JENKINS_JOB_TREE \
    "/api/json?tree=name,buildable,property%5BparameterDefinitions%5Bname,choices%5D%5D,actions%5BparameterDefinitions%5Bname,choices%5D%5D"

/* --- jenkins_read.c: pure ------------------------------------------------------------------------------------- */

/* "/job/a/job/b" of "a/b"; NULL when a part is empty or no name. */
char *jenkins_job_path(const char *job, struct arena *a);
/* Percent-encoded, for a path or a query. */
char *jenkins_encoded(const char *text, struct arena *a);

/* The definitions of a job's declared parameters, by name: {"ENV": {"name", "choices"}}. New reference. */
json_t *jenkins_declared(const json_t *job);

enum { JENKINS_STAGES_MAX = 200 };

/* "FAILURE" of core as our "FAILED". */
const char *jenkins_status(const char *result);
/* Stages of the stage view's description, in the view's form. New reference. */
json_t *jenkins_stages(const json_t *describe);
/* The pauses a build waits at, from either source: [{"id", "message", "inputs": [{"name", "value"}]}]. New reference. */
json_t *jenkins_pauses_of_stage_view(const json_t *pending);
json_t *jenkins_pauses_of_core(const json_t *build);
#define JENKINS_PAUSES_TREE                                                                \
    "/api/json?tree=building,actions%5B_class,executions%5Bid,settled,input%5Bid,message," \
    "parameters%5Bname,defaultParameterValue%5Bvalue%5D%5D%5D%5D%5D"

/* The gate's id: the pause's own, and the stage that is paused, because pauses with the same id or message share the former. */
char *jenkins_gate_id(const char *pause, const char *stage, struct arena *a);
/* `stage` is NULL when it was not known. */
void jenkins_gate_split(const char *gate, struct arena *a, char **pause, char **stage);
/* The first paused stage, or NULL. Borrowed. */
const json_t *jenkins_paused_stage(const json_t *stages);

/* Where a build went wrong. */
struct jenkins_failure {
    const char *stage; /* its name, or NULL */
    const char *node;  /* id of the step with the log that tells, or NULL */
};
struct jenkins_failure jenkins_failure(const json_t *describe_with_steps, const char *status);
/* Text of a step's log as the stage view gives it (HTML) as plain text. In `a`. */
char *jenkins_plain(const char *html, struct arena *a);

/* --- the verbs --------------------------------------------------------------------------------------------------- */

act_fn jenkins_start, jenkins_start_find, jenkins_watch, jenkins_answer, jenkins_answer_find, jenkins_stop;
void jenkins_check(struct system *s, check_fn *done, void *ctx);

#endif
