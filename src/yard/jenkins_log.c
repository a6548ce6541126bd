/* The console of a build: lines that come at their moments, so that what was read once never changes. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/jenkins.h"
#include <stdlib.h>

enum { LINES_MAX = 1024 };

struct line {
    int64_t at;
    int order;
    const struct stage *stage; /* NULL: of the build as a whole */
    bool own;                  /* of the stage's step, not of Pipeline itself */
    const char *text;
};

struct lines {
    struct arena *a;
    struct line *all;
    int n;
};

static void add(struct lines *l, int64_t at, const struct stage *s, bool own, const char *text)
{
    if (l->n < LINES_MAX) {
        l->all[l->n] = (struct line){at, l->n, s, own, text};
        l->n++;
    }
}

static int64_t part(const struct stage *s, int percent)
{
    return s->end == NOT_YET ? s->start : s->start + (s->end - s->start) * percent / 100;
}

static void lines_of_stage(struct lines *l, const struct run *run, const struct stage *s)
{
    struct arena *a = l->a;
    const char *client = json_str(run->build, "params.CLIENT", ""),
               *env = json_str(run->build, "params.ENV", "");
    add(l, s->start, s, false, "[Pipeline] stage");
    add(l, s->start, s, false, arena_printf(a, "[Pipeline] { (%s)", s->name));
    if (s->gate) {
        const json_t *answer = json_path(run->build, "answers." GATE_ID);
        add(l, s->start, s, false, "[Pipeline] input");
        add(l, s->start, s, true, arena_printf(a, "Promote to all sites of %s/%s?", client, env));
        add(l, s->start, s, true, "Proceed or Abort");
        if (answer)
            add(l, s->end, s, true,
                arena_printf(a, "%s by %s", json_flag(answer, "proceed", false) ? "Approved" : "Rejected",
                             json_str(answer, "by", "")));
    } else if (s->service) {
        add(l, s->start, s, false, "[Pipeline] sh");
        add(l, s->start, s, true,
            arena_printf(a, "+ helm upgrade %s charts/%s --namespace %s --set image.tag=%s", s->service,
                         s->service, env, s->tag));
        add(l, part(s, 40), s, true,
            arena_printf(a, "applying release %s to gke_%s_%s", s->service, client, env));
        add(l, part(s, 80), s, true, "waiting for the API server to accept the release");
        if (s->status == STAGE_SUCCESS)
            add(l, s->end, s, true,
                arena_printf(a, "Release \"%s\" has been upgraded. Happy Helming!", s->service));
    } else {
        add(l, s->start, s, false, "[Pipeline] sh");
        add(l, s->start, s, true,
            arena_printf(a, "+ ./pipeline/%s %s %s",
                         s->id == 6      ? "checkout"
                         : s->group == 1 ? "verify-images"
                                         : "smoke-test",
                         client, env));
        add(l, part(s, 60), s, true, "working");
        if (s->status == STAGE_SUCCESS)
            add(l, s->end, s, true, "ok");
    }
    if (s->status == STAGE_FAILED)
        add(l, s->end, s, true, s->error);
    if (s->status == STAGE_FAILED && !s->gate)
        add(l, s->end, s, true, "script returned exit code 1");
    add(l, s->end, s, false, "[Pipeline] }");
}

static int in_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : x->order - y->order;
}

void jenkins_log(const struct run *run, const struct stage *stage, int64_t t, struct arena *a,
                 struct buf *out)
{
    struct lines l = {.a = a, .all = ARENA_ARRAY(a, LINES_MAX, struct line)};
    add(&l, run->began, NULL, false,
        arena_printf(a, "Started by user %s", json_str(run->build, "user", "signalbox")));
    add(&l, run->began, NULL, false, "[Pipeline] Start of Pipeline");
    add(&l, run->began, NULL, false, "[Pipeline] node");
    add(&l, run->began, NULL, false, "Running on agent-2 in /home/jenkins/workspace/multi_deploy_pipeline");
    for (int i = 0; i < run->n; i++)
        lines_of_stage(&l, run, &run->stages[i]);
    const json_t *stop = json_path(run->build, "stop");
    if (stop)
        add(&l, json_int(stop, "at", NOT_YET), NULL, false,
            arena_printf(a, "Aborted by %s", json_str(stop, "by", "")));
    if (run->result) {
        add(&l, run->end, NULL, false, "[Pipeline] End of Pipeline");
        add(&l, run->end, NULL, false, arena_printf(a, "Finished: %s", run->result));
    }
    qsort(l.all, (size_t)l.n, sizeof *l.all, in_time);
    for (int i = 0; i < l.n && l.all[i].at <= t; i++)
        if (!stage || (l.all[i].stage == stage && l.all[i].own))
            buf_printf(out, "%s\n", l.all[i].text);
}
