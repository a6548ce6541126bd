#include "yard_play.h"

#define REPO    "/repos/example/decanting-service"
#define RUNNING "24-02-05.619"
#define HOTFIX  "24-02-05.619-hotfix.627"

static void get(struct play *p, const char *path)
{
    assert_int_equal(ask(p, "github", "GET", path, NULL), 200);
}

static void a_tag_leads_to_its_release_and_its_commit(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char path[192], sha[64];
    play_open(&p, NULL, "{\"github\":{\"without_release\":{\"24-02-05.619-hotfix.631\":true}}}");
    get(&p, REPO "/releases/tags/" HOTFIX);
    assert_string_equal(said(&p, "tag_name"), HOTFIX);
    assert_int_equal(ask(&p, "github", "GET", REPO "/releases/tags/24-02-05.619-hotfix.631", NULL), 404);
    get(&p, REPO "/git/ref/tags/24-02-05.619-hotfix.631");
    assert_string_equal(said(&p, "object.type"), "commit");
    get(&p, REPO "/git/ref/tags/" RUNNING);
    assert_string_equal(said(&p, "object.type"), "tag");
    snprintf(path, sizeof path, REPO "/git/tags/%s", said(&p, "object.sha"));
    get(&p, path);
    snprintf(sha, sizeof sha, "%s", said(&p, "object.sha"));
    snprintf(path, sizeof path, REPO "/commits/%s/check-runs", sha);
    get(&p, path);
    assert_string_equal(said(&p, "check_runs.0.head_sha"), sha);
    assert_int_equal(ask(&p, "github", "GET", REPO "/releases/tags/24-02-06.1", NULL), 404);
    play_close(&p);
}

static void checks_end_when_the_scenario_says_so(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL,
              "{\"github\":{\"checks\":{\"" HOTFIX
              "\":{\"after\":90,\"conclusion\":\"failure\",\"name\":\"unit-tests\"}}}}");
    get(&p, REPO "/commits/" RUNNING "/check-runs");
    assert_string_equal(said(&p, "check_runs.2.conclusion"), "success");
    get(&p, REPO "/commits/" HOTFIX "/check-runs");
    assert_string_equal(said(&p, "check_runs.0.status"), "in_progress");
    assert_true(json_is_null(json_path(p.json, "check_runs.0.conclusion")));
    leap(&p, 91);
    get(&p, REPO "/commits/" HOTFIX "/check-runs?per_page=2");
    assert_string_equal(said(&p, "check_runs.0.conclusion"), "success");
    assert_string_equal(said(&p, "check_runs.1.conclusion"), "failure");
    assert_int_equal(json_int(p.json, "total_count", 0), 3);
    assert_non_null(strstr(p.link, "page=2>; rel=\"next\""));
    get(&p, REPO "/commits/" HOTFIX "/status");
    assert_string_equal(said(&p, "state"), "pending");
    assert_int_equal(json_int(p.json, "total_count", 9), 0);
    play_close(&p);
}

/* What GitHub says of two tags. */
static const struct {
    const char *range, *status;
} comparisons[] = {
    {RUNNING "..." HOTFIX, "ahead"},      {HOTFIX "..." RUNNING, "behind"},
    {HOTFIX "..." HOTFIX, "identical"},   {HOTFIX "...24-02-05.619-hotfix.631", "ahead"},
    {"24-01-22.602..." RUNNING, "ahead"}, {RUNNING "...24-01-22.602", "behind"},
};

static void two_tags_are_compared(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char path[192];
    play_open(&p, NULL, "{\"github\":{\"schema\":{\"" HOTFIX "\":true}}}");
    for (size_t i = 0; i < COUNT_OF(comparisons); i++) {
        snprintf(path, sizeof path, REPO "/compare/%s", comparisons[i].range);
        get(&p, path);
        assert_string_equal(said(&p, "status"), comparisons[i].status);
    }
    get(&p, REPO "/compare/" RUNNING "..." HOTFIX);
    assert_non_null(strstr(p.text, "db/migrations/"));
    get(&p, REPO "/compare/" RUNNING "...24-02-05.619-hotfix.631");
    assert_null(strstr(p.text, "db/migrations/"));
    assert_int_equal(ask(&p, "github", "GET", REPO "/compare/" RUNNING "...nothing", NULL), 404);
    play_close(&p);
}

static void what_was_kept_is_not_sent_again(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char header[192];
    play_open(&p, NULL, NULL);
    get(&p, REPO "/releases/tags/" HOTFIX);
    snprintf(header, sizeof header, "If-None-Match: %s", p.etag);
    p.header = header;
    assert_int_equal(ask(&p, "github", "GET", REPO "/releases/tags/" HOTFIX, NULL), 304);
    p.header = NULL;
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "github", "GET", REPO, NULL), 401);
    play_close(&p);
}

static void the_hour_has_a_limit(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    get(&p, "/user");
    patch(&p, "github", "{\"limit\":{\"used\":5000}}");
    assert_int_equal(ask(&p, "github", "GET", "/user", NULL), 403);
    assert_non_null(strstr(said(&p, "message"), "rate limit"));
    leap(&p, 3601);
    get(&p, "/user");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_leads_to_its_release_and_its_commit),
        cmocka_unit_test(checks_end_when_the_scenario_says_so),
        cmocka_unit_test(two_tags_are_compared),
        cmocka_unit_test(what_was_kept_is_not_sent_again),
        cmocka_unit_test(the_hour_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
