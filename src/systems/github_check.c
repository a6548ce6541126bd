/* github_check.c: releases.check: does the tag exist, does it hold what runs, have its checks passed, which
 * migrations changed.
 *
 * One service after another, each from top to bottom: release, tag, commit, comparison, check runs, statuses.
 * While checks run, all is looked at again; what has not changed comes from the cache. */
#include "base/instant.h"
#include "systems/fill.h"
#include "systems/github_driver.h"
#include <string.h>

enum {
    SERVICES_MAX = 200,
    SCHEMA_SHOWN = 100,
    FILES_TOLD = 300,
    TAG_DEPTH_MAX = 5,
    RUNS_A_PAGE = 100,
    PAGES_MAX = 10
};

static char *repo_path(struct github_flow *t, const char *rest)
{
    return arena_printf(&t->round, "/repos/%s%s", t->repository, rest);
}

/* --- the end of a row
 * ------------------------------------------------------------------------------------------ */

static void next_service(struct github_flow *t);

static void row_ends(struct github_flow *t, bool problem, const char *says)
{
    json_object_set_new(t->row, "says", json_string(says));
    if (problem)
        json_array_append_new(
            t->problems, json_pack("{s:s, s:s}", "service", json_str(t->row, "service", ""), "says", says));
    json_array_append_new(t->services, t->row);
    t->row = NULL;
    t->at++;
    next_service(t);
}

/* --- checks
 * ---------------------------------------------------------------------------------------------------- */

static int64_t now_of(const struct github_flow *t)
{
    return t->f.system->around->now(t->f.system->around->now_ctx);
}

static void still_run(struct github_flow *t, const json_t *durations)
{
    int64_t ready = github_ready_at(t->runs, durations);
    const char *names = json_str(t->row, "says", "");
    t->pending = true;
    json_object_set_new(t->row, "ready", json_integer(ready));
    if (ready)
        row_ends(t, false,
                 arena_printf(&t->round, "checks still run: %s; by what they took for %s, until about %s",
                              names, t->before, instant_text(ready, "UTC", now_of(t), &t->round)));
    else
        row_ends(t, false, arena_printf(&t->round, "checks still run: %s", names));
}

static void on_past_runs(struct github_flow *t, const json_t *answer, UNUSED const struct http_reply *reply)
{
    json_t *durations = github_durations(json_object_get(answer, "check_runs"));
    if (answer)
        json_object_set(t->past, t->before, durations);
    still_run(t, durations); /* without an estimate when it could not be read */
    json_decref(durations);
}

/* How long the same checks took for what runs now; it is asked for once. */
static void estimate(struct github_flow *t)
{
    const json_t *known = t->before ? json_object_get(t->past, t->before) : NULL;
    if (known || !t->before)
        still_run(t, known);
    else
        github_get(t, "read how long checks took",
                   repo_path(t, arena_printf(&t->round, "/commits/%s/check-runs?per_page=%d",
                                             github_encoded(t, t->before), RUNS_A_PAGE)),
                   on_past_runs);
}

static void on_status(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    _cleanup_buf_ struct buf names = {0};
    if (!json_is_object(answer)) {
        github_failed(t, reply);
        return;
    }
    const char *verdict = github_verdict(t->runs, answer, &names);
    bool none = str_eq(verdict, "none");
    if (none && t->g->require_checks)
        verdict = "pending";
    json_object_set_new(t->row, "checks", json_string(verdict));
    size_t migrations = json_array_size(json_object_get(t->row, "schema"));
    const char *more = json_str(t->row, "says", "");
    if (str_eq(verdict, "failed")) {
        row_ends(t, true,
                 arena_printf(&t->round, "checks of %s have failed: %s", json_str(t->row, "tag", ""),
                              names.len ? buf_str(&names) : "GitHub does not say which"));
    } else if (str_eq(verdict, "pending")) {
        json_object_set_new(t->row, "says", json_string(none ? "none has begun yet" : buf_str(&names)));
        estimate(t);
    } else {
        json_object_set_new(t->row, "took_ms", json_integer(github_took(t->runs)));
        row_ends(
            t, false,
            arena_printf(
                &t->round, "%s%s%s", none ? "it has no checks" : "its checks have passed",
                migrations ? arena_printf(&t->round, ", and it changes %zu migration files", migrations) : "",
                more));
    }
}

static void read_runs(struct github_flow *t);

static void on_runs(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    const json_t *runs = json_object_get(answer, "check_runs");
    if (!json_is_array(runs)) {
        github_failed(t, reply);
        return;
    }
    json_array_extend(t->runs, (json_t *)runs);
    bool more = json_array_size(runs) >= RUNS_A_PAGE &&
                (int64_t)json_array_size(t->runs) < json_int(answer, "total_count", 0);
    if (more && ++t->page <= PAGES_MAX)
        read_runs(t);
    else
        github_get(t, "read the statuses",
                   repo_path(t, arena_printf(&t->round, "/commits/%s/status?per_page=100",
                                             github_encoded(t, t->commit))),
                   on_status);
}

static void read_runs(struct github_flow *t)
{
    github_get(t, "read the check runs",
               repo_path(t, arena_printf(&t->round, "/commits/%s/check-runs?per_page=%d&page=%d",
                                         github_encoded(t, t->commit), RUNS_A_PAGE, t->page)),
               on_runs);
}

static void begin_checks(struct github_flow *t)
{
    json_array_clear(t->runs);
    t->page = 1;
    read_runs(t);
}

/* --- comparison
 * ------------------------------------------------------------------------------------------------ */

static bool is_migration(const struct github *g, const char *path)
{
    for (const char *const *m = g->migrations; *m; m++)
        if (releases_path_matches(*m, path))
            return true;
    return false;
}

static void note_schema(struct github_flow *t, const json_t *files)
{
    json_t *schema = json_array();
    if (t->marked)
        json_array_append_new(schema, json_sprintf("(the release says: %s)", t->g->schema_marker));
    for (size_t i = 0; i < json_array_size(files) && json_array_size(schema) < SCHEMA_SHOWN; i++) {
        const char *name = json_str(json_array_get(files, i), "filename", "");
        const char *was = json_str(json_array_get(files, i), "previous_filename", "");
        if (is_migration(t->g, name))
            json_array_append_new(schema, json_string(name));
        else if (*was && is_migration(t->g, was))
            json_array_append_new(schema, json_string(was));
    }
    json_object_set_new(t->row, "schema", schema);
    if (json_array_size(files) >= FILES_TOLD)
        json_object_set_new(t->row, "says",
                            json_string("; GitHub tells 300 changed files and there are more, so migrations "
                                        "may be missing in the list"));
}

/* What the tag brings, newest first. */
static void note_commits(struct github_flow *t, const json_t *commits)
{
    json_t *list = json_array();
    size_t n = json_array_size(commits);
    for (size_t i = n; i-- > 0 && json_array_size(list) < RELEASES_COMMITS_SHOWN;) {
        const json_t *c = json_array_get(commits, i);
        const char *message = json_str(c, "commit.message", "");
        json_array_append_new(
            list, releases_commit(json_str(c, "sha", ""), message, json_str(c, "commit.author.name", "")));
    }
    json_object_set_new(t->row, "commits", list);
}

/* The newest commit comes last, unless there are more than a page of them. */
static void note_moment(struct github_flow *t, const json_t *commits)
{
    const json_t *last = json_array_get(commits, json_array_size(commits) - 1);
    int64_t at;
    if (str_eq(json_str(last, "sha", ""), t->commit) &&
        instant_parse_rfc3339(json_str(last, "commit.committer.date", ""), &at, NULL))
        json_object_set_new(t->row, "at", json_integer(at));
}

static void on_compared(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    const char *status = json_str(answer, "status", NULL);
    const char *tag = json_str(t->row, "tag", ""), *before = json_str(t->row, "before", "");
    if (!answer && reply->status == 404) {
        row_ends(
            t, true,
            arena_printf(&t->round,
                         "what runs now, %s, has no tag in %s: whether this is a fix of it cannot be told",
                         before, t->repository));
        return;
    }
    if (!status) {
        github_failed(t, reply);
        return;
    }
    bool descends = str_eq(status, "ahead") || str_eq(status, "identical");
    json_object_set_new(t->row, "descends", json_boolean(descends));
    if (!descends) {
        row_ends(t, true,
                 arena_printf(&t->round,
                              "%s does not hold all of %s, which runs now: it would take something away", tag,
                              before));
        return;
    }
    note_schema(t, json_object_get(answer, "files"));
    note_commits(t, json_object_get(answer, "commits"));
    note_moment(t, json_object_get(answer, "commits"));
    begin_checks(t);
}

static void compare(struct github_flow *t)
{
    json_object_set_new(t->row, "commit", json_string(t->commit));
    if (!t->before) {
        json_object_set_new(t->row, "schema", json_array());
        begin_checks(t);
        return;
    }
    github_get(t, "compare it with what runs",
               repo_path(t, arena_printf(&t->round, "/compare/%s...%s", github_encoded(t, t->before),
                                         github_encoded(t, t->commit))),
               on_compared);
}

/* --- the tag
 * --------------------------------------------------------------------------------------------------- */

static void follow(struct github_flow *t, const json_t *answer, const struct http_reply *reply);

/* An annotated tag is an object of its own that points to the commit, or to another tag. */
static void go_to_object(struct github_flow *t, const json_t *object, const struct http_reply *reply)
{
    const char *sha = arena_strdup(&t->round, json_str(object, "sha", NULL));
    const char *type = json_str(object, "type", "");
    if (sha && str_eq(type, "commit")) {
        t->commit = sha;
        compare(t);
    } else if (sha && str_eq(type, "tag") && t->depth++ < TAG_DEPTH_MAX) {
        github_get(t, "follow the tag",
                   repo_path(t, arena_printf(&t->round, "/git/tags/%s", github_encoded(t, sha))), follow);
    } else if (sha) {
        row_ends(t, true,
                 arena_printf(&t->round, "the tag %s leads to no commit", json_str(t->row, "tag", "")));
    } else {
        github_failed(t, reply);
    }
}

static void follow(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    go_to_object(t, json_object_get(answer, "object"), reply);
}

static void on_ref(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    if (!answer && reply->status == 404) {
        row_ends(t, true,
                 arena_printf(&t->round, "there is no tag %s in %s (or the token may not read it)", t->tag,
                              t->repository));
        return;
    }
    if (answer)
        json_object_set_new(t->row, "exists", json_true());
    follow(t, answer, reply);
}

/* A release has a page and words; a tag without one is as good. */
static void on_release(struct github_flow *t, const json_t *answer, const struct http_reply *reply)
{
    if (!answer && reply->status != 404) {
        github_failed(t, reply);
        return;
    }
    const char *url = json_str(answer, "html_url", NULL);
    const char *marker = t->g->schema_marker;
    t->marked = marker && (strstr(json_str(answer, "body", ""), marker) ||
                           strstr(json_str(answer, "name", ""), marker));
    json_object_set_new(t->row, "url",
                        json_string(url ? url
                                        : arena_printf(&t->round, "%s/%s/tree/%s", t->g->web, t->repository,
                                                       github_encoded(t, t->tag))));
    t->depth = 0;
    github_get(t, "look for the tag",
               repo_path(t, arena_printf(&t->round, "/git/ref/tags/%s", github_encoded(t, t->tag))), on_ref);
}

/* --- services
 * -------------------------------------------------------------------------------------------------- */

static const char *repository_of(const struct github *g, const char *service)
{
    for (int i = 0; i < g->n_services; i++)
        if (str_eq(g->services[i].service, service))
            return g->services[i].name;
    return g->repository;
}

static void begin_row(struct github_flow *t, const char *service, const char *tag, const char *before)
{
    struct arena *a = &t->round;
    const struct fill now[] = {{"service", service}, {"tag", tag}, {NULL, NULL}};
    const struct fill was[] = {{"service", service}, {"tag", before}, {NULL, NULL}};
    t->row = json_pack("{s:s, s:s, s:s, s:b, s:n, s:s, s:s, s:s, s:i, s:n, s:i}", "service", service, "tag",
                       tag, "before", before, "exists", 0, "descends", "checks", "none", "url", "", "commit",
                       "", "at", 0, "schema", "ready", 0);
    const char *repository = repository_of(t->g, service);
    if (!releases_name_ok(service) || !releases_name_ok(tag) || (*before && !releases_name_ok(before))) {
        row_ends(t, true, "service and tags must be plain names");
        return;
    }
    if (!repository) {
        row_ends(t, false, "no repository is configured for it: nothing was looked at");
        return;
    }
    t->repository = fill(repository, now, fill_plain, a);
    t->tag = fill(t->g->tag, now, fill_plain, a);
    t->marked = false;
    t->before = *before ? fill(t->g->tag, was, fill_plain, a) : NULL;
    github_get(t, "look for the release",
               repo_path(t, arena_printf(a, "/releases/tags/%s", github_encoded(t, t->tag))), on_release);
}

static void begin_round(struct flow *f)
{
    struct github_flow *t = (struct github_flow *)f;
    json_array_clear(t->services);
    json_array_clear(t->problems);
    arena_free(&t->round);
    t->round = arena_make();
    t->at = 0;
    t->pending = false;
    next_service(t);
}

static void round_ends(struct github_flow *t)
{
    struct flow *f = &t->f;
    _cleanup_json_ json_t *result = json_pack("{s:O, s:O}", "services", t->services, "problems", t->problems);
    if (json_array_size(t->problems) > 0) {
        struct outcome o = {.kind = OUTCOME_FAILED, .result = result};
        (void)error_set(&o.error, SB_REMOTE, "%s: %s", json_str(t->problems, "0.service", ""),
                        json_str(t->problems, "0.says", ""));
        flow_end(f, &o);
    } else if (!t->pending) {
        flow_done(f, json_incref(result));
    } else {
        _cleanup_json_ json_t *view = json_deep_copy(result); /* the next round empties the lists */
        if (flow_tell(f, view))
            flow_wait(f, flow_pause(f, SECONDS(30), 50), begin_round);
    }
}

static void next_service(struct github_flow *t)
{
    const json_t *s = json_array_get(json_object_get(t->f.effect.args, "services"), t->at);
    if (s && t->at < SERVICES_MAX)
        begin_row(t, json_str(s, "service", ""), json_str(s, "tag", ""), json_str(s, "before", ""));
    else
        round_ends(t);
}

static void github_flow_free(struct flow *f)
{
    struct github_flow *t = (struct github_flow *)f;
    json_decref(t->services);
    json_decref(t->problems);
    json_decref(t->row);
    json_decref(t->runs);
    json_decref(t->past);
    arena_free(&t->round);
}

struct task *github_look_check(struct system *s, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    struct github *g = (struct github *)s;
    struct github_flow *t = flow_new(sizeof *t, s, g->peer, e, done, progress, ctx);
    t->g = g;
    t->f.on_free = github_flow_free;
    t->round = arena_make();
    t->services = json_array();
    t->problems = json_array();
    t->runs = json_array();
    t->past = json_object();
    flow_wait(&t->f, 0, begin_round);
    return &t->f.task;
}
