/* github_driver.h: what the files of the GitHub driver share. Nobody else includes it.
 *
 * github.c: configuration, requests with their cache, doctor. github_check.c: releases.check. github_runs.c:
 * what check runs and statuses say together. */
#ifndef SB_SYSTEMS_GITHUB_DRIVER_H
#define SB_SYSTEMS_GITHUB_DRIVER_H

#include "base/buf.h"
#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/releases.h"

struct github_repository {
    const char *service, *name; /* "OWNER/NAME" */
};

struct github {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *repository; /* with {service}; NULL = none is configured */
    const char *tag;        /* with {service} and {tag} */
    const char *web;        /* "https://github.com" */
    struct github_repository *services;
    int n_services;
    const char *const *migrations;
    bool require_checks;
    const char *schema_marker; /* words in a release's name or text that say: the schema changes; or NULL */
    json_t *cache; /* path: {"etag", "body"}; answers that have not changed cost nothing of the limit */
};

struct github_flow;
typedef void github_answer(struct github_flow *t, const json_t *answer, const struct http_reply *reply);

/* Looks at one service after another, in rounds while checks run. */
struct github_flow {
    struct flow f; /* first */
    struct github *g;
    struct arena round; /* of the requests of one round */
    github_answer *then;
    const char *path;
    size_t at; /* of the services argument */
    json_t *services, *problems;
    json_t *row; /* of the present service */
    const char *repository, *tag, *before;
    const char *commit, *object; /* the tag's commit; the tag object on the way to it */
    int depth, page;
    bool marked; /* the release says that the schema changes */
    json_t *runs;
    json_t *past; /* commit or tag: {name of a check: ms it took} */
    bool pending; /* some service's checks still run */
};

/* GET. `then` has the answer, from the cache when it is what it was; NULL = it failed. */
void github_get(struct github_flow *t, const char *what, const char *path, github_answer *then);
/* Ends the flow as a failed look; a rate limit is RETRY after its reset. */
void github_failed(struct github_flow *t, const struct http_reply *reply);
struct outcome github_outcome(const struct flow *f, const struct http_reply *reply);
const char *github_encoded(struct github_flow *t, const char *text);

/* "passed", "failed", "pending", "none" of check runs and a combined status. `names` gets those that failed,
 * or that still run. */
const char *github_verdict(const json_t *runs, const json_t *status, struct buf *names);
/* {name: ms} of completed runs. New reference. */
json_t *github_durations(const json_t *runs);
/* How long all of them took together, from the first begin to the last end, in ms; 0 = not known. */
int64_t github_took(const json_t *runs);
/* When the runs under way will have finished if they take what they took then: UTC ms, 0 = not
 * known. The same at every look, so that a view changes only when something has happened. */
int64_t github_ready_at(const json_t *runs, const json_t *durations);

act_fn github_look_check;

#endif
