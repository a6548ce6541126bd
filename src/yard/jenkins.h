/* jenkins.h: what the files of the Jenkins stand-in share. jenkins_run.c: a build as a function of when it
 * began, the answers at its gate, and the time. jenkins_views.c: how Jenkins describes it. jenkins_log.c: its
 * log. jenkins_tree.c: `tree=`. jenkins.c: the paths. */
#ifndef SB_YARD_JENKINS_H
#define SB_YARD_JENKINS_H

#include "yard/route.h"

#define GATE_ID   "Promote"
#define NOT_YET   INT64_MAX
#define KEY_PARAM "SIGNALBOX_KEY"

enum stage_status { STAGE_RUNNING, STAGE_PAUSED, STAGE_SUCCESS, STAGE_UNSTABLE, STAGE_FAILED, STAGE_ABORTED };

struct stage {
    const char *name, *service, *tag; /* service: of a Deploy stage */
    int id, group;
    int64_t start, end; /* NOT_YET while nobody knows */
    enum stage_status status;
    bool gate;
    const char *error; /* when it failed */
};

/* A build at one moment: the stages that have begun. */
struct run {
    const json_t *build;
    int number;
    int64_t began, end; /* end: NOT_YET while it runs */
    const char *result; /* NULL while it runs */
    struct stage *stages;
    int n;
    const struct stage *gate; /* where it waits, or NULL */
};

json_t *jenkins_world(const json_t *scenario, int64_t now);
void jenkins_settle(struct yard *y, json_t *world, int64_t now);
/* `build` is one of world.requests that has begun. */
struct run jenkins_run(const struct yard *y, const json_t *world, const json_t *build, int64_t t,
                       struct arena *a);
/* When a request leaves the queue. */
int64_t jenkins_leaves(const struct yard *y, const json_t *world, const json_t *request);
json_t *jenkins_build(const json_t *world, int number);
json_t *jenkins_item(const json_t *world, int64_t item);
/* Names of the declared string parameters besides CLIENT, ENV and the key: the services. */
bool jenkins_declares(const json_t *world, const char *param);

/* The parts that Jenkins prints in "api/json". New references. */
json_t *view_build(struct call *c, const struct run *run);
json_t *view_item(struct call *c, const json_t *request);
json_t *view_job(struct call *c);
json_t *view_describe(struct call *c, const struct run *run, bool full);
json_t *view_stage(struct call *c, const struct run *run, const struct stage *s, bool full);
json_t *view_inputs(struct call *c, const struct run *run);
const char *stage_status_name(enum stage_status s);

/* The log up to `t`; of one stage when `stage` is not NULL. */
void jenkins_log(const struct run *run, const struct stage *stage, int64_t t, struct arena *a,
                 struct buf *out);

/* What `tree` leaves of a document. New reference; NULL when the tree cannot be read. */
json_t *jenkins_tree(const json_t *whole, const char *tree);

#endif
