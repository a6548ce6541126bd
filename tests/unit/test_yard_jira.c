#include "yard_play.h"

#define API "/rest/api/3"
#define TEXT(t)                                                                                             \
    "{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\"," \
    "\"text\":\"" t "\"}]}]}"
#define ISSUE                                                                                                \
    "{\"fields\":{\"project\":{\"key\":\"OPS\"},\"issuetype\":{\"name\":\"Change\"},\"summary\":\"Hotfix\"," \
    "\"labels\":[\"signalbox-hf-7\"],\"description\":" TEXT(                                                 \
        "why") "},\"properties\":[{\"key\":\"signalbox\",\"value\":{\"key\":\"K1\"}}]}"
#define SEARCH \
    "{\"jql\":\"labels = signalbox-hf-7 AND project = OPS ORDER BY created\",\"fields\":[\"status\"]}"

static void create(struct play *p)
{
    assert_int_equal(ask(p, "jira", "POST", API "/issue", ISSUE), 201);
    assert_string_equal(said(p, "key"), "OPS-118");
}

static void a_ticket_is_found_by_its_label_after_a_while(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    create(&p);
    assert_int_equal(deeds(&p, "?key=K1"), 1);
    assert_int_equal(ask(&p, "jira", "POST", API "/search/jql", SEARCH), 200);
    assert_int_equal(json_array_size(json_object_get(p.json, "issues")), 0);
    assert_int_equal(ask(&p, "jira", "POST", API "/search/jql",
                         "{\"jql\":\"labels = signalbox-hf-7\",\"reconcileIssues\":[10118]}"),
                     200);
    assert_int_equal(json_array_size(json_object_get(p.json, "issues")), 1);
    leap(&p, 3);
    assert_int_equal(ask(&p, "jira", "POST", API "/search/jql", SEARCH), 200);
    assert_string_equal(said(&p, "issues.0.key"), "OPS-118");
    assert_string_equal(said(&p, "issues.0.fields.status.name"), "Open");
    assert_null(json_path(p.json, "issues.0.fields.summary"));
    assert_true(json_flag(p.json, "isLast", false));
    assert_int_equal(ask(&p, "jira", "GET", API "/issue/OPS-118/properties/signalbox", NULL), 200);
    assert_string_equal(said(&p, "value.key"), "K1");
    play_close(&p);
}

static void the_workflow_allows_what_it_allows(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    create(&p);
    assert_int_equal(ask(&p, "jira", "GET", API "/issue/OPS-118/transitions", NULL), 200);
    assert_string_equal(said(&p, "transitions.1.to.name"), "In progress");
    assert_int_equal(
        ask(&p, "jira", "POST", API "/issue/OPS-118/transitions", "{\"transition\":{\"id\":\"31\"}}"), 400);
    assert_int_equal(
        ask(&p, "jira", "POST", API "/issue/OPS-118/transitions", "{\"transition\":{\"id\":\"21\"}}"), 204);
    assert_int_equal(
        ask(&p, "jira", "POST", API "/issue/OPS-118/transitions", "{\"transition\":{\"id\":\"21\"}}"), 400);
    assert_int_equal(
        ask(&p, "jira", "POST", API "/issue/OPS-118/transitions", "{\"transition\":{\"id\":\"31\"}}"), 400);
    assert_string_equal(said(&p, "errors.resolution"), "Resolution is required.");
    assert_int_equal(ask(&p, "jira", "POST", API "/issue/OPS-118/transitions",
                         "{\"transition\":{\"id\":\"31\"},\"fields\":{\"resolution\":{\"name\":\"Done\"}}}"),
                     204);
    assert_int_equal(ask(&p, "jira", "GET", API "/issue/ops-118?fields=status,resolution", NULL), 200);
    assert_string_equal(said(&p, "fields.status.statusCategory.key"), "done");
    play_close(&p);
}

static void comments_and_links_are_kept(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    create(&p);
    assert_int_equal(
        ask(&p, "jira", "POST", API "/issue/OPS-118/comment",
            "{\"body\":" TEXT(
                "started") ",\"properties\":[{\"key\":\"signalbox\",\"value\":{\"key\":\"K2\"}}]}"),
        201);
    assert_int_equal(ask(&p, "jira", "GET", API "/issue/OPS-118/comment?expand=properties", NULL), 200);
    assert_string_equal(said(&p, "comments.0.properties.0.value.key"), "K2");
    const char *link =
        "{\"globalId\":\"signalbox:HF-7\",\"object\":{\"url\":\"https://x.example\",\"title\":\"HF-7\"}}";
    assert_int_equal(ask(&p, "jira", "POST", API "/issue/OPS-118/remotelink", link), 201);
    assert_int_equal(ask(&p, "jira", "POST", API "/issue/OPS-118/remotelink", link), 200);
    assert_int_equal(ask(&p, "jira", "GET", API "/issue/OPS-118/remotelink", NULL), 200);
    assert_int_equal(json_array_size(p.json), 1);
    play_close(&p);
}

static const struct {
    const char *method, *path, *body;
    int status;
    const char *says;
} refused[] = {
    {"POST", API "/issue", "{\"fields\":{\"project\":{\"key\":\"NO\"}}}", 400, "valid project"},
    {"POST", API "/issue", "{\"fields\":{\"project\":{\"key\":\"OPS\"},\"issuetype\":{\"name\":\"Change\"}}}",
     400, "summary"},
    {"POST", API "/issue",
     "{\"fields\":{\"project\":{\"key\":\"OPS\"},\"issuetype\":{\"name\":\"Change\"},\"summary\":\"x\","
     "\"description\":\"plain\"}}",
     400, "Atlassian Document"},
    {"POST", API "/issue",
     "{\"fields\":{\"project\":{\"key\":\"OPS\"},\"issuetype\":{\"name\":\"Change\"},\"summary\":\"x\","
     "\"labels\":[\"a b\"]}}",
     400, "spaces"},
    {"POST", API "/issue/OPS-1/comment", "{\"body\":" TEXT("x") "}", 404, "does not exist"},
    {"POST", API "/search/jql", "{\"jql\":\"colour = red\"}", 400, "Field 'colour'"},
    {"POST", API "/search/jql", "{\"jql\":\"labels like x\"}", 400, "Expecting operator"},
    {"POST", API "/search/jql", "{}", 400, "Unbounded"},
    {"GET", API "/search?jql=x", NULL, 404, "dead link"},
};

static void what_jira_refuses_is_refused_with_its_words(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_int_equal(ask(&p, "jira", refused[i].method, refused[i].path, refused[i].body),
                         refused[i].status);
        assert_non_null(strstr(p.text, refused[i].says));
    }
    p.unsigned_in = true;
    assert_int_equal(ask(&p, "jira", "GET", API "/myself", NULL), 401);
    assert_int_equal(deeds(&p, ""), 0);
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_found_by_its_label_after_a_while),
        cmocka_unit_test(the_workflow_allows_what_it_allows),
        cmocka_unit_test(comments_and_links_are_kept),
        cmocka_unit_test(what_jira_refuses_is_refused_with_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
