/* none_cluster.c: a team without a cluster to look at. Nothing is known, and every result says that nothing
 * was looked at. */
#include "base/json.h"
#include "systems/drivers.h"
#include "systems/flow.h"
#include <stdlib.h>

#define SAYS "no cluster is configured: nothing was looked at"

static struct task *versions(struct system *s, const struct effect *e, outcome_fn *done,
                             progress_fn *progress, void *ctx)
{
    (void)e;
    (void)progress;
    return task_done(s, done, ctx,
                     json_pack("{s:{}, s:{}, s:[], s:s}", "services", "mixed", "images", "says", SAYS));
}

static json_t *unseen(const json_t *asked)
{
    json_t *list = json_array();
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)asked, i, one)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:s}", "service",
                                        json_str(one, "service", ""), "tag", json_str(one, "tag", ""), "runs",
                                        "", "ready", 0, "wanted", 0, "done", true, "says", SAYS));
    return list;
}

static struct task *verify(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    (void)progress;
    return task_done(s, done, ctx,
                     json_pack("{s:o, s:[], s:[], s:s}", "services",
                               unseen(json_object_get(e->args, "services")), "pods", "problems", "says",
                               SAYS));
}

static void visited(struct flow *f)
{
    struct check c = {CHECK_WARN, "cluster", SAYS "; what runs after a deployment is not verified"};
    flow_checked(f, &c, 1);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    flow_wait(flow_visit(sizeof(struct flow), s, NULL, done, ctx), 0, visited);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    (void)config;
    (void)file;
    (void)err;
    struct system *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct system){.driver = d, .name = d->name, .around = around};
    return s;
}

static void close_system(struct system *s)
{
    tasks_cancel(s);
    free(s);
}

static const char *const keys[] = {NULL};

const struct driver none_cluster_driver = {
    .role = ROLE_CLUSTER,
    .name = "none",
    .says = "no cluster: nothing is looked at, and it says so",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"versions", versions, NULL, false},
            {"verify", verify, NULL, false},
        },
};
