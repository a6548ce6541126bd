/* GitHub's REST API: a repository a service, its tags and releases, the checks of their commits, and what
 * lies between two of them. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/route.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER "example"

enum { LIMIT_AN_HOUR = 5000, CHECKS_A_TAG = 3 };

static const char *const check_names[CHECKS_A_TAG] = {"build", "unit-tests", "image-scan"};

/* --- world ------------------------------------------------------------------------------------------- */

static json_t *tag_new(const json_t *own, const char *tag, int64_t now)
{
    const json_t *checks = json_object_get(json_object_get(own, "checks"), tag),
                 *schema = json_object_get(json_object_get(own, "schema"), tag);
    const json_t *bare = json_object_get(json_object_get(own, "without_release"), tag);
    return json_pack("{s:s, s:b, s:b, s:o, s:I}", "tag", tag, "release", !json_is_true(bare), "schema",
                     json_is_true(schema), "checks",
                     json_is_object(checks) ? json_deep_copy(checks) : json_object(), "at", (json_int_t)now);
}

static json_t *world_new(const json_t *scenario, int64_t now)
{
    json_t *repositories = json_object(), *service, *tag;
    const json_t *own = json_object_get(scenario, "github");
    const char *name;
    size_t i;
    json_object_foreach(json_object_get(scenario, "services"), name, service) {
        json_t *tags = json_pack("[o]", tag_new(own, json_str(service, "running", ""), now - DAYS(14)));
        json_array_foreach(json_object_get(service, "tags"), i, tag)
            json_array_append_new(
                tags, tag_new(own, json_string_value(tag),
                              strstr(json_string_value(tag), "hotfix") ? now - MINUTES(30) : now - DAYS(28)));
        json_object_set_new(repositories, name, json_pack("{s:o}", "tags", tags));
    }
    return json_pack("{s:o, s:{s:I, s:i}}", "repositories", repositories, "limit", "until", (json_int_t)0,
                     "used", 0);
}

static const char *sha_of(struct arena *a, const char *repository, const char *tag)
{
    return stable_id(a, 40, "%s %s", repository, tag);
}

/* --- finding ----------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status,
                json_pack("{s:s, s:s, s:s}", "message", message, "documentation_url",
                          "https://docs.github.com/rest", "status", arena_printf(c->a, "%d", status)));
}

static json_t *repository_tags(struct call *c)
{
    json_t *r = str_eq(c->part[0], OWNER)
                    ? json_object_get(json_object_get(c->world, "repositories"), c->part[1])
                    : NULL;
    if (!r)
        refuse(c, 404, "Not Found");
    return json_object_get(r, "tags");
}

/* By tag, by "refs/tags/TAG", or by commit (its beginning is enough). */
static const json_t *find_ref(struct call *c, const json_t *tags, const char *ref)
{
    size_t i, n = strlen(ref);
    json_t *t;
    const char *name = str_starts(ref, "refs/tags/") ? ref + 10 : str_starts(ref, "tags/") ? ref + 5 : ref;
    json_array_foreach(tags, i, t) {
        const char *tag = json_str(t, "tag", "");
        if (str_eq(tag, name) || (n >= 7 && str_starts(sha_of(c->a, c->part[1], tag), ref)))
            return t;
    }
    if (str_eq(ref, "main") || str_eq(ref, "HEAD"))
        return json_array_get(tags, 0);
    return NULL;
}

static const json_t *asked_ref(struct call *c, const char *ref)
{
    const json_t *tags = repository_tags(c);
    const json_t *found = tags ? find_ref(c, tags, ref) : NULL;
    if (tags && !found)
        refuse(c, 404, "Not Found");
    return found;
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms / 1000 * 1000, text);
    return json_string(text);
}

static const char *api(struct call *c)
{
    return arena_printf(c->a, "%s/repos/" OWNER "/%s", yard_url(c->y, "github"), c->part[1]);
}

/* An answer that a client may keep: the same again costs it nothing. */
static void answer_kept(struct call *c, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const char *tag = arena_printf(c->a, "W/\"%s\"", stable_id(c->a, 40, "%s", text)),
               *kept = request_header(c->x, "If-None-Match");
    free(text);
    yard_answer_header(c->y, c->x, "ETag", tag);
    if (kept && str_eq(kept, tag)) {
        json_decref(body);
        call_answer_text(c, 304, NULL, "");
    } else {
        call_answer(c, 200, body);
    }
}

/* One page of `all`, with the link to the next. Takes `all`. New reference. */
static json_t *page_of(struct call *c, json_t *all)
{
    const char *per = request_query(c->x, "per_page"), *number = request_query(c->x, "page");
    size_t size = per ? strtoul(per, NULL, 10) : 30, page = number ? strtoul(number, NULL, 10) : 1, i;
    json_t *shown = json_array(), *item;
    size = size < 1 ? 30 : size > 100 ? 100 : size;
    page = page < 1 ? 1 : page;
    json_array_foreach(all, i, item)
        if (i / size + 1 == page)
            json_array_append(shown, item);
    if (json_array_size(all) > page * size)
        yard_answer_header(c->y, c->x, "Link",
                           arena_printf(c->a, "<%s%s?per_page=%zu&page=%zu>; rel=\"next\"",
                                        yard_url(c->y, "github"), c->r->path, size, page + 1));
    json_decref(all);
    return shown;
}

/* --- releases and tags ------------------------------------------------------------------------------- */

static json_t *release_view(struct call *c, const json_t *t)
{
    const char *tag = json_str(t, "tag", "");
    json_t *r =
        json_pack("{s:I, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:{s:s}}", "id",
                  (json_int_t)strtol(stable_id(c->a, 7, "%s %s", c->part[1], tag), NULL, 16), "tag_name", tag,
                  "name", tag, "target_commitish", "main", "draft", 0, "prerelease", 0, "body",
                  strstr(tag, "hotfix") ? "Hotfix." : "Release train.", "html_url",
                  arena_printf(c->a, "https://github.example/" OWNER "/%s/releases/tag/%s", c->part[1], tag),
                  "url", arena_printf(c->a, "%s/releases/1", api(c)), "author", "login", "release-bot");
    json_object_set_new(r, "created_at", moment(json_int(t, "at", 0)));
    json_object_set_new(r, "published_at", moment(json_int(t, "at", 0)));
    return r;
}

static void release_by_tag(struct call *c)
{
    const json_t *t = asked_ref(c, c->part[2]);
    if (t && json_flag(t, "release", true))
        answer_kept(c, release_view(c, t));
    else if (t)
        refuse(c, 404, "Not Found");
}

static void releases(struct call *c)
{
    json_t *tags = repository_tags(c), *all = json_array(), *t;
    size_t i;
    json_array_foreach(tags, i, t)
        if (json_flag(t, "release", true))
            json_array_append_new(all, release_view(c, t));
    if (tags)
        answer_kept(c, page_of(c, json_incref(all)));
    json_decref(all);
}

static void list_tags(struct call *c)
{
    json_t *tags = repository_tags(c), *all = json_array(), *t;
    size_t i;
    json_array_foreach(tags, i, t)
        json_array_append_new(all, json_pack("{s:s, s:{s:s}}", "name", json_str(t, "tag", ""), "commit",
                                             "sha", sha_of(c->a, c->part[1], json_str(t, "tag", ""))));
    if (tags)
        answer_kept(c, page_of(c, json_incref(all)));
    json_decref(all);
}

/* Release trains' tags are annotated, hotfixes' are not: both kinds are met. */
static bool annotated(const json_t *t)
{
    return !strstr(json_str(t, "tag", ""), "hotfix");
}

static const char *tag_object_sha(struct call *c, const json_t *t)
{
    return stable_id(c->a, 40, "tag %s %s", c->part[1], json_str(t, "tag", ""));
}

static void tag_ref(struct call *c)
{
    const json_t *t = asked_ref(c, arena_printf(c->a, "refs/%s", c->part[2]));
    if (!t)
        return;
    const char *tag = json_str(t, "tag", ""),
               *sha = annotated(t) ? tag_object_sha(c, t) : sha_of(c->a, c->part[1], tag);
    answer_kept(c, json_pack("{s:s, s:s, s:{s:s, s:s}}", "ref", arena_printf(c->a, "refs/tags/%s", tag),
                             "url", arena_printf(c->a, "%s/git/refs/tags/%s", api(c), tag), "object", "sha",
                             sha, "type", annotated(t) ? "tag" : "commit"));
}

static void tag_object(struct call *c)
{
    const json_t *tags = repository_tags(c);
    size_t i;
    json_t *t;
    if (!tags)
        return;
    json_array_foreach(tags, i, t)
        if (annotated(t) && str_eq(tag_object_sha(c, t), c->part[2])) {
            const char *tag = json_str(t, "tag", "");
            answer_kept(c,
                        json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "tag", tag, "sha", c->part[2], "message",
                                  tag, "object", "type", "commit", "sha", sha_of(c->a, c->part[1], tag)));
            return;
        }
    refuse(c, 404, "Not Found");
}

static void commit(struct call *c)
{
    const json_t *t = asked_ref(c, c->part[2]);
    if (t)
        answer_kept(c, json_pack("{s:s, s:{s:s}}", "sha", sha_of(c->a, c->part[1], json_str(t, "tag", "")),
                                 "commit", "message", json_str(t, "tag", "")));
}

/* --- checks ------------------------------------------------------------------------------------------ */

/* A tag's checks: {conclusion, after, name}: they end `after` seconds after the yard was new, all well but
 * the one named (or the last). */
static json_t *check_run(struct call *c, const json_t *t, int i)
{
    const json_t *told = json_object_get(t, "checks");
    const char *tag = json_str(t, "tag", ""), *bad = json_str(told, "name", check_names[CHECKS_A_TAG - 1]),
               *wanted = json_str(told, "conclusion", "success");
    const json_t *after = json_object_get(told, "after");
    int64_t begun = json_int(t, "at", 0), ended = begun + MINUTES(4 + i);
    if (after) {
        begun = json_int(told, "since", c->now);
        ended = begun + yard_pace(c->y, json_number_value(after) * (i + 1) / (double)CHECKS_A_TAG);
    }
    bool over = c->now >= ended;
    json_t *r = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:{s:i, s:s}}", "id",
        (json_int_t)strtol(stable_id(c->a, 7, "%s %s %d", c->part[1], tag, i), NULL, 16), "name",
        check_names[i], "head_sha", sha_of(c->a, c->part[1], tag), "status",
        over     ? "completed"
        : i == 0 ? "in_progress"
                 : "queued",
        "html_url", arena_printf(c->a, "https://github.example/" OWNER "/%s/runs/%d", c->part[1], i + 1),
        "details_url", "https://github.example/", "app", "id", 15368, "slug", "github-actions");
    json_object_set_new(r, "conclusion",
                        over ? json_string(str_eq(check_names[i], bad) ? wanted : "success") : json_null());
    json_object_set_new(r, "started_at", moment(begun));
    json_object_set_new(r, "completed_at", over ? moment(ended) : json_null());
    return r;
}

static void check_runs(struct call *c)
{
    const json_t *t = asked_ref(c, c->part[2]);
    if (!t)
        return;
    json_t *all = json_array();
    for (int i = 0; i < CHECKS_A_TAG; i++)
        json_array_append_new(all, check_run(c, t, i));
    answer_kept(c, json_pack("{s:i, s:o}", "total_count", CHECKS_A_TAG, "check_runs", page_of(c, all)));
}

/* Nobody sets commit statuses here: GitHub then says "pending", with none. */
static void combined_status(struct call *c)
{
    const json_t *t = asked_ref(c, c->part[2]);
    if (t)
        answer_kept(c, json_pack("{s:s, s:[], s:s, s:i}", "state", "pending", "statuses", "sha",
                                 sha_of(c->a, c->part[1], json_str(t, "tag", "")), "total_count", 0));
}

/* When a tag's checks began: with the yard, unless a patch has told of them since. */
static void settle(struct yard *y, json_t *world, int64_t now)
{
    const char *name;
    json_t *repository, *t;
    size_t i;
    (void)y;
    json_object_foreach(json_object_get(world, "repositories"), name, repository)
        json_array_foreach(json_object_get(repository, "tags"), i, t) {
            json_t *told = json_object_get(t, "checks");
            if (json_object_get(told, "after") && !json_object_get(told, "since"))
                json_object_set_new(told, "since", json_integer(now));
        }
}

/* --- comparing --------------------------------------------------------------------------------------- */

/* "24-02-05.619-hotfix.627": how long the train's part is, and the hotfix's number (0 = none). */
static long hotfix_of(const char *tag, size_t *train)
{
    const char *at = strstr(tag, "-hotfix.");
    *train = at ? (size_t)(at - tag) : strlen(tag);
    return at ? strtol(at + 8, NULL, 10) : 0;
}

/* Which of two tags comes later: by train, then by hotfix. */
static int order(const char *a, const char *b)
{
    size_t n, m;
    long x = hotfix_of(a, &n), y = hotfix_of(b, &m);
    int by_train = strncmp(a, b, n < m ? n : m);
    if (by_train == 0)
        by_train = (n > m) - (n < m);
    return by_train ? by_train : (x > y) - (x < y);
}

static json_t *changed_files(struct arena *a, const char *repository, bool schema)
{
    json_t *files =
        json_pack("[{s:s, s:s, s:i, s:i, s:i}, {s:s, s:s, s:i, s:i, s:i}]", "filename",
                  arena_printf(a, "src/%s/split.c", repository), "status", "modified", "additions", 14,
                  "deletions", 3, "changes", 17, "filename", "tests/split_test.c", "status", "added",
                  "additions", 41, "deletions", 0, "changes", 41);
    if (schema)
        json_array_append_new(files, json_pack("{s:s, s:s, s:i, s:i, s:i}", "filename",
                                               "db/migrations/V42__split_totes.sql", "status", "added",
                                               "additions", 9, "deletions", 0, "changes", 9));
    return files;
}

static void compare(struct call *c)
{
    const json_t *tags = repository_tags(c);
    const char *range = c->part[2], *dots = strstr(range, "...");
    if (!tags)
        return;
    const json_t *base = dots ? find_ref(c, tags, arena_strndup(c->a, range, (size_t)(dots - range))) : NULL,
                 *head = dots ? find_ref(c, tags, dots + 3) : NULL;
    if (!base || !head) {
        refuse(c, 404, "Not Found");
        return;
    }
    const char *from = json_str(base, "tag", ""), *to = json_str(head, "tag", "");
    int direction = order(to, from), ahead = direction > 0 ? 3 : 0, behind = direction < 0 ? 3 : 0;
    json_t *commits = json_array();
    for (int i = 0; i < ahead; i++)
        json_array_append_new(
            commits,
            json_pack("{s:s, s:{s:s}}", "sha",
                      i == ahead - 1 ? sha_of(c->a, c->part[1], to) : stable_id(c->a, 40, "%s %d", to, i),
                      "commit", "message", "Keep totes together when an order is split"));
    answer_kept(
        c,
        json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:{s:s}}", "status",
                  direction > 0   ? "ahead"
                  : direction < 0 ? "behind"
                                  : "identical",
                  "ahead_by", ahead, "behind_by", behind, "total_commits", ahead, "commits", commits, "files",
                  ahead ? changed_files(c->a, c->part[1], json_flag(head, "schema", false)) : json_array(),
                  "base_commit", "sha", sha_of(c->a, c->part[1], from)));
}

/* --- around it --------------------------------------------------------------------------------------- */

static void user(struct call *c)
{
    call_answer(c, 200, json_pack("{s:s, s:i, s:s}", "login", "signalbox", "id", 1, "type", "User"));
}

static void repository(struct call *c)
{
    if (repository_tags(c))
        answer_kept(c, json_pack("{s:s, s:s, s:s, s:b, s:{s:b, s:b, s:b}}", "name", c->part[1], "full_name",
                                 arena_printf(c->a, OWNER "/%s", c->part[1]), "default_branch", "main",
                                 "private", 1, "permissions", "pull", 1, "push", 0, "admin", 0));
}

static void rate_limit(struct call *c)
{
    int used = (int)json_int(c->world, "limit.used", 0);
    call_answer(c, 200,
                json_pack("{s:{s:{s:i, s:i, s:I, s:i}}}", "resources", "core", "limit", LIMIT_AN_HOUR,
                          "remaining", LIMIT_AN_HOUR - used, "reset",
                          (json_int_t)(json_int(c->world, "limit.until", 0) / 1000), "used", used));
}

static const struct route routes[] = {
    {"GET", "/user", user},
    {"GET", "/rate_limit", rate_limit},
    {"GET", "/repos/*/*", repository},
    {"GET", "/repos/*/*/tags", list_tags},
    {"GET", "/repos/*/*/releases", releases},
    {"GET", "/repos/*/*/releases/tags/*", release_by_tag},
    {"GET", "/repos/*/*/git/ref/**", tag_ref}, /* clients write the slash in it as %2F, too */
    {"GET", "/repos/*/*/git/tags/*", tag_object},
    {"GET", "/repos/*/*/commits/*", commit},
    {"GET", "/repos/*/*/commits/*/check-runs", check_runs},
    {"GET", "/repos/*/*/commits/*/status", combined_status},
    {"GET", "/repos/*/*/compare/*", compare},
    {NULL, NULL, NULL},
};

/* Counts the call against the hour's limit. False: refused. */
static bool within_limit(struct call *c)
{
    json_t *limit = json_object_get(c->world, "limit");
    if (c->now >= json_int(limit, "until", 0)) {
        json_object_set_new(limit, "until", json_integer(c->now + HOURS(1)));
        json_object_set_new(limit, "used", json_integer(0));
    }
    int used = (int)json_int(limit, "used", 0);
    bool within = used < LIMIT_AN_HOUR;
    json_object_set_new(limit, "used", json_integer(used + within));
    yard_answer_header(c->y, c->x, "X-RateLimit-Limit", arena_printf(c->a, "%d", LIMIT_AN_HOUR));
    yard_answer_header(c->y, c->x, "X-RateLimit-Remaining",
                       arena_printf(c->a, "%d", LIMIT_AN_HOUR - used - within));
    yard_answer_header(c->y, c->x, "X-RateLimit-Reset",
                       arena_printf(c->a, "%lld", (long long)json_int(limit, "until", 0) / 1000));
    if (!within)
        refuse(c, 403, "API rate limit exceeded for user ID 1.");
    return within;
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    const char *secret = yard_secret(y, "github"), *agent = request_header(x, "User-Agent");
    if (!agent || !*agent)
        call_answer_text(&c, 403, "text/html",
                         "Request forbidden by administrative rules. Please make sure your request has a "
                         "User-Agent header.\n");
    else if (!call_signed_in(&c, "Bearer", secret) && !call_signed_in(&c, "token", secret))
        refuse(&c, 401, request_header(x, "Authorization") ? "Bad credentials" : "Requires authentication");
    else if (within_limit(&c) && route_serve(routes, &c) != ROUTE_SERVED)
        refuse(&c, 404, "Not Found");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out,
               "    driver: github\n    url: %s\n    token: \"file:%s/github\"\n    repository: " OWNER
               "/{service}\n",
               url, secrets_dir);
}

const struct stand_in github_stand_in = {
    .name = "github",
    .imitates = "GitHub's REST API, 2022-11-28",
    .role = "releases",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = settle,
};
