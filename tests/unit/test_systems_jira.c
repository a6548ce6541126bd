/* Plays with Jira: one ticket a change, whatever gets lost. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG                                                                                 \
    "url: %s\nuser: bot@works.example\ntoken: env:SB_TEST_TOKEN\nproject: OPS\ntype: Change\n" \
    "browse: https://works.example/\nfields: {customfield_10010: {value: Production}}\nper_second: 0\n"
#define API "/rest/api/3"
#define CREATE                                                                              \
    "{\"summary\":\"Hotfix tangerine\",\"description\":\"**Why:** late\",\"labels\":[\"hot" \
    "fix\",\"two words\"]}"

static void a_ticket_is_created_with_its_key_and_label_and_rich_text(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    static const char *const holds[] = {
        "\"project\":{\"key\":\"OPS\"}",
        "\"issuetype\":{\"name\":\"Change\"}",
        "\"summary\":\"Hotfix tangerine\"",
        "\"labels\":[\"signalbox\",\"signalbox-hf-7\",\"hotfix\",\"two-words\"]",
        "\"description\":{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"paragraph\"",
        "\"customfield_10010\":{\"value\":\"Production\"}",
        "\"properties\":[{\"key\":\"signalbox\",\"value\":{\"key\":\"HF-7/step/1\",\"change\":\"HF-7\"}}]",
    };
    for (size_t i = 0; i < COUNT_OF(holds); i++) {
        const struct line lines[] = {
            {"POST " API "/issue", holds[i], 201, "{\"id\":\"10042\",\"key\":\"OPS-118\"}", NULL}, THE_END};
        stage_play(&s, lines, (struct doing){"create", false, CREATE, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "id", ""), "OPS-118");
        assert_string_equal(json_str(s.result, "url", ""), "https://works.example/browse/OPS-118");
    }
    static const struct line other_type[] = {
        {"POST " API "/issue", "\"issuetype\":{\"name\":\"Bug\"}", 201, "{\"key\":\"OPS-119\"}", NULL},
        THE_END};
    stage_play(&s, other_type,
               (struct doing){"create", false, "{\"summary\":\"a\\nb\",\"type\":\"Bug\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void what_became_of_a_create_is_told_by_its_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
        const char *says;
    } rows[] = {
        {CUT, NULL, NULL, OUTCOME_UNKNOWN, ""},
        {500, "oops", NULL, OUTCOME_UNKNOWN, ""},
        {201, "garbage", NULL, OUTCOME_UNKNOWN, ""},
        {201, "{}", NULL, OUTCOME_UNKNOWN, ""},
        {400, "{\"errorMessages\":[],\"errors\":{\"labels\":\"Field 'labels' cannot be set.\"}}", NULL,
         OUTCOME_FAILED, "cannot be set"},
        {401, "{}", NULL, OUTCOME_FAILED, "401"},
        {413, "{}", NULL, OUTCOME_FAILED, "413"},
        {429, NULL, "Retry-After: 600", OUTCOME_RETRY, ""},
        {503, NULL, "Retry-After: 600", OUTCOME_RETRY, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &jira_driver, CONFIG);
        const struct line lines[] = {
            {"POST " API "/issue", NULL, rows[i].status, rows[i].answer, rows[i].header}, THE_END};
        stage_play(&s, lines, (struct doing){"create", false, CREATE, NULL});
        assert_outcome(&s, rows[i].kind);
        assert_says(&s, rows[i].says);
        if (rows[i].kind == OUTCOME_RETRY)
            assert_int_equal(s.retry_after_ms, 600000);
        stage_close(&s);
    }
}

/* --- found again
 * ------------------------------------------------------------------------------------------------- */

#define MAY_BROWSE                                        \
    {"GET " API "/mypermissions?", "projectKey=OPS", 200, \
     "{\"permissions\":{\"BROWSE_PROJECTS\":{\"havePermission\":true}}}", NULL}
#define SEARCH(issues)                                                                            \
    {"POST " API "/search/jql", "project = \\\"OPS\\\" AND labels = \\\"signalbox-hf-7\\\"", 200, \
     "{\"issues\":" issues ",\"isLast\":true}", NULL}
#define PROPERTY(issue, key)                                        \
    {"GET " API "/issue/" issue "/properties/signalbox", NULL, 200, \
     "{\"key\":\"signalbox\",\"value\":{\"key\":\"" key "\"}}", NULL}
#define NO_PROPERTY(issue) {"GET " API "/issue/" issue "/properties/signalbox", NULL, 404, "{}", NULL}

static void after_a_crash_a_ticket_is_found_by_label_and_property(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    static const struct line at_once[] = {
        MAY_BROWSE,
        SEARCH("[{\"key\":\"OPS-7\"},{\"key\":\"OPS-8\"},{\"key\":\"OPS-9\"}]"),
        NO_PROPERTY("OPS-7"),
        PROPERTY("OPS-8", "HF-7/other/1"),
        PROPERTY("OPS-9", "HF-7/step/1"),
        THE_END};
    static const struct line index_lags[] = {MAY_BROWSE, SEARCH("[]"), SEARCH("[{\"key\":\"OPS-9\"}]"),
                                             PROPERTY("OPS-9", "HF-7/step/1"), THE_END};
    static const struct line second_page[] = {
        MAY_BROWSE,
        {"POST " API "/search/jql", NULL, 200, "{\"issues\":[],\"nextPageToken\":\"t2\"}", NULL},
        {"POST " API "/search/jql", "\"nextPageToken\":\"t2\"", 200,
         "{\"issues\":[{\"key\":\"OPS-9\"}],\"isLast\":true}", NULL},
        PROPERTY("OPS-9", "HF-7/step/1"),
        THE_END};
    const struct line *plays[] = {at_once, index_lags, second_page};
    for (size_t i = 0; i < COUNT_OF(plays); i++) {
        stage_play(&s, plays[i], (struct doing){"create", true, CREATE, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "id", ""), "OPS-9");
        assert_string_equal(json_str(s.result, "url", ""), "https://works.example/browse/OPS-9");
    }
    static const struct line none[] = {MAY_BROWSE, SEARCH("[{\"key\":\"OPS-8\"}]"),
                                       PROPERTY("OPS-8", "HF-7/other/1"), SEARCH("[]"), THE_END};
    stage_play(&s, none, (struct doing){"create", true, CREATE, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_close(&s);
}

static void who_may_not_search_cannot_tell(void **state)
{
    (void)state;
    static const struct line may_not[] = {
        {"GET " API "/mypermissions", NULL, 200,
         "{\"permissions\":{\"BROWSE_PROJECTS\":{\"havePermission\":false}}}", NULL},
        THE_END};
    static const struct line no_project[] = {
        {"GET " API "/mypermissions", NULL, 404, "{\"errorMessages\":[\"No project\"]}", NULL}, THE_END};
    static const struct line no_search[] = {
        MAY_BROWSE,
        {"POST " API "/search/jql", NULL, 400, "{\"errorMessages\":[\"no such project\"]}", NULL},
        THE_END};
    static const struct line no_reading[] = {
        MAY_BROWSE,
        SEARCH("[{\"key\":\"OPS-8\"}]"),
        {"GET " API "/issue/OPS-8/properties/signalbox", NULL, 403, "{}", NULL},
        THE_END};
    static const struct line garbage[] = {
        MAY_BROWSE, {"POST " API "/search/jql", NULL, 200, "[1,2]", NULL}, THE_END};
    static const struct {
        const struct line *lines;
        enum outcome_kind kind;
    } rows[] = {{may_not, OUTCOME_CANNOT_TELL},
                {no_project, OUTCOME_CANNOT_TELL},
                {no_search, OUTCOME_CANNOT_TELL},
                {no_reading, OUTCOME_CANNOT_TELL},
                {garbage, OUTCOME_RETRY}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &jira_driver, CONFIG);
        stage_play(&s, rows[i].lines, (struct doing){"create", true, CREATE, NULL});
        assert_outcome(&s, rows[i].kind);
        stage_close(&s);
    }
}

/* --- transitions
 * ------------------------------------------------------------------------------------------------- */

#define STATUS(name)                                       \
    {"GET " API "/issue/OPS-118?fields=status", NULL, 200, \
     "{\"key\":\"OPS-118\",\"fields\":{\"status\":{\"name\":\"" name "\"}}}", NULL}
#define TRANSITIONS                                                                                   \
    {"GET " API "/issue/OPS-118/transitions", NULL, 200,                                              \
     "{\"transitions\":[{\"id\":\"11\",\"name\":\"Begin\",\"to\":{\"name\":\"In "                     \
     "progress\"}},{\"id\":"                                                                          \
     "\"31\",\"name\":\"Finish\",\"to\":{\"name\":\"Done\"},\"fields\":{\"resolution\":{}}},{\"id\":" \
     "\"41\",\"name\":\"Done\",\"to\":{\"name\":\"Archived\"}}]}",                                    \
     NULL}

static void a_ticket_is_moved_by_the_transitions_name_or_its_status(void **state)
{
    (void)state;
    static const struct {
        const char *args, *holds, *status;
    } rows[] = {
        {"{\"ticket\":\"OPS-118\",\"to\":\"in PROGRESS\",\"resolution\":\"Fixed\"}",
         "{\"transition\":{\"id\":\"11\"}}", "In progress"},
        {"{\"ticket\":\"OPS-118\",\"to\":\"finish\",\"resolution\":\"Fixed\"}",
         "{\"transition\":{\"id\":\"31\"},\"fields\":{\"resolution\":{\"name\":\"Fixed\"}}}", "Done"},
        {"{\"ticket\":\"OPS-118\",\"to\":\"Done\"}", "{\"transition\":{\"id\":\"41\"}}", "Archived"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &jira_driver, CONFIG);
        const struct line lines[] = {
            STATUS("Open"),
            TRANSITIONS,
            {"POST " API "/issue/OPS-118/transitions", rows[i].holds, 204, NULL, NULL},
            THE_END};
        stage_play(&s, lines, (struct doing){"transition", false, rows[i].args, NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "status", ""), rows[i].status);
        stage_close(&s);
    }
}

/* A transition that asks for a resolution, which Jira spells in its own way. */
#define ASKING(required)                                                                            \
    {"GET " API "/issue/OPS-118/transitions", NULL, 200,                                            \
     "{\"transitions\":[{\"id\":\"31\",\"name\":\"Finish\",\"to\":{\"name\":\"Done\"},\"fields\":{" \
     "\"resolution\":{\"required\":" required                                                       \
     ",\"allowedValues\":[{\"name\":\"Fixed\"},{\"name\":\"Won't Do\"}]}}}]}",                      \
     NULL}

static void a_resolution_that_jira_wants_is_one_that_it_offers(void **state)
{
    (void)state;
    static const struct {
        const char *args, *says;
    } rows[] = {
        {"{\"ticket\":\"OPS-118\",\"to\":\"Done\"}", "\"Fixed\", \"Won't Do\". The page's step gives none"},
        {"{\"ticket\":\"OPS-118\",\"to\":\"Done\",\"resolution\":\"Ended\"}",
         "gives \"Ended\", which is none"},
    };
    static const struct line required[] = {STATUS("Open"), ASKING("true"), THE_END};
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        stage_play(&s, required, (struct doing){"transition", false, rows[i].args, NULL});
        assert_outcome(&s, OUTCOME_FAILED);
        assert_says(&s, rows[i].says);
    }
    static const struct line spelt[] = {
        STATUS("Open"),
        ASKING("true"),
        {"POST " API "/issue/OPS-118/transitions", "{\"resolution\":{\"name\":\"Fixed\"}}", 204, NULL, NULL},
        THE_END};
    stage_play(&s, spelt,
               (struct doing){"transition", false,
                              "{\"ticket\":\"OPS-118\",\"to\":\"Done\",\"resolution\":\"fixed\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line left_out[] = {
        STATUS("Open"),
        ASKING("false"),
        {"POST " API "/issue/OPS-118/transitions", "{\"transition\":{\"id\":\"31\"}}", 204, NULL, NULL},
        THE_END};
    stage_play(&s, left_out,
               (struct doing){"transition", false,
                              "{\"ticket\":\"OPS-118\",\"to\":\"Done\",\"resolution\":\"Ended\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

#define TO(status) "{\"ticket\":\"OPS-118\",\"to\":\"" status "\"}"

static void a_ticket_that_is_there_is_not_moved_again(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    static const struct line there[] = {STATUS("Done"), THE_END};
    stage_play(&s, there, (struct doing){"transition", false, TO("done"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "status", ""), "Done");
    static const struct line leads_here[] = {STATUS("Done"), TRANSITIONS, THE_END};
    stage_play(&s, leads_here, (struct doing){"transition", false, TO("Finish"), NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line not_offered[] = {STATUS("Open"), TRANSITIONS, THE_END};
    stage_play(&s, not_offered, (struct doing){"transition", false, TO("Closed"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "is in \"Open\"");
    assert_says(&s, "\"Finish\" (to Done)");
    static const struct line none[] = {
        STATUS("Open"),
        {"GET " API "/issue/OPS-118/transitions", NULL, 200, "{\"transitions\":[]}", NULL},
        THE_END};
    stage_play(&s, none, (struct doing){"transition", false, TO("Done"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "Transition Issues");
    static const struct line gone[] = {
        {"GET " API "/issue/OPS-118", NULL, 404, "{\"errorMessages\":[\"Issue does not exist\"]}", NULL},
        THE_END};
    stage_play(&s, gone, (struct doing){"transition", false, TO("Done"), NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "does not exist");
    static const struct line lost[] = {STATUS("Open"),
                                       TRANSITIONS,
                                       {"POST " API "/issue/OPS-118/transitions", NULL, CUT, NULL, NULL},
                                       THE_END};
    stage_play(&s, lost, (struct doing){"transition", false, TO("Finish"), NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    stage_close(&s);
}

/* --- comments, links
 * --------------------------------------------------------------------------------------------- */

#define COMMENT "{\"ticket\":\"OPS-118\",\"text\":\"*Done*\"}"
#define COMMENTS(list) \
    {"GET " API "/issue/OPS-118/comment?expand=properties", NULL, 200, "{\"comments\":" list "}", NULL}

static void a_comment_is_written_once_and_found_by_its_property(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    static const struct line written[] = {
        {"POST " API "/issue/OPS-118/comment",
         "\"properties\":[{\"key\":\"signalbox\",\"value\":{\"key\":\"HF-7/step/1\"", 201, "{\"id\":\"500\"}",
         NULL},
        THE_END};
    stage_play(&s, written, (struct doing){"comment", false, COMMENT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), "500");
    static const struct line lost[] = {{"POST " API "/issue/OPS-118/comment", NULL, CUT, NULL, NULL},
                                       THE_END};
    stage_play(&s, lost, (struct doing){"comment", false, COMMENT, NULL});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    static const struct line late[] = {
        COMMENTS("[{\"id\":\"1\"}]"),
        COMMENTS("[{\"id\":\"1\",\"properties\":[]},{\"id\":\"500\",\"properties\":[{\"key\":\"signalbox\","
                 "\"value\":{\"key\":\"HF-7/step/1\"}}]}]"),
        THE_END};
    stage_play(&s, late, (struct doing){"comment", true, COMMENT, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), "500");
    static const struct line none[] = {COMMENTS("[]"), COMMENTS("[]"), THE_END};
    stage_play(&s, none, (struct doing){"comment", true, COMMENT, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    static const struct line refused[] = {{"GET " API "/issue/OPS-118/comment", NULL, 404, "{}", NULL},
                                          THE_END};
    stage_play(&s, refused, (struct doing){"comment", true, COMMENT, NULL});
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_close(&s);
}

static void a_link_is_one_for_its_key(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &jira_driver, CONFIG);
    for (int i = 0; i < 2; i++) {
        const struct line lines[] = {
            {"POST " API "/issue/OPS-118/remotelink",
             "{\"globalId\":\"signalbox:HF-7/step/1\",\"object\":{\"url\":\"https://i.example/1\",\"title\":"
             "\"Incident\"}}",
             i ? 200 : 201, "{\"id\":10000}", NULL},
            THE_END};
        stage_play(&s, lines,
                   (struct doing){"link", false,
                                  "{\"ticket\":\"OPS-118\",\"url\":\"https://i.example/1\",\"title\":"
                                  "\"Incident\"}",
                                  NULL});
        assert_outcome(&s, OUTCOME_DONE);
        assert_string_equal(json_str(s.result, "id", ""), "10000");
    }
    stage_close(&s);
}

/* --- doctor, configuration
 * --------------------------------------------------------------------------------------- */

static void doctor_tries_the_rights_and_what_a_ticket_must_have(void **state)
{
    (void)state;
    struct stage s;
    const char *says = "";
    stage_open(&s, &jira_driver, CONFIG);
    static const struct line lines[] = {
        {"GET " API "/myself", NULL, 200, "{\"displayName\":\"Signalbox\"}", NULL},
        {"GET " API "/mypermissions", "LINK_ISSUES", 200,
         "{\"permissions\":{\"BROWSE_PROJECTS\":{\"havePermission\":true},\"CREATE_ISSUES\":{"
         "\"havePermission\":true},\"TRANSITION_ISSUES\":{\"havePermission\":false},\"ADD_COMMENTS\":{"
         "\"havePermission\":true}}}",
         NULL},
        {"GET " API "/issue/createmeta/OPS/issuetypes?", NULL, 200,
         "{\"issueTypes\":[{\"id\":\"1\",\"name\":\"Task\"},{\"id\":\"2\",\"name\":\"Change\"}]}", NULL},
        {"GET " API "/issue/createmeta/OPS/issuetypes/2?", NULL, 200,
         "{\"fields\":[{\"fieldId\":\"summary\",\"required\":true},{\"fieldId\":\"labels\"},{\"fieldId\":"
         "\"customfield_10010\",\"required\":true},{\"fieldId\":\"customfield_1\",\"name\":\"Risk\","
         "\"required\":true}]}",
         NULL},
        THE_END};
    stage_doctor(&s, lines);
    assert_int_equal(stage_check(&s, "signs in", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may create tickets", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "may move tickets", &says), CHECK_FAIL);
    assert_string_equal(says, "Transition Issues is missing in the project OPS");
    assert_int_equal(stage_check(&s, "may link pages", NULL), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "fields", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "Risk (customfield_1)"));
    static const struct line refused[] = {{"GET " API "/myself", NULL, 401, "{}", NULL}, THE_END};
    stage_doctor(&s, refused);
    assert_int_equal(stage_check(&s, "signs in", NULL), CHECK_FAIL);
    stage_close(&s);
}

static void what_is_wrong_in_the_configuration_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {{"url: http://j\nuser: a\ntoken: env:X\n", "project"},
                {"url: http://j\nuser: a\nproject: OPS\n", "token"},
                {"url: http://j\ntoken: env:X\nproject: ops\n", "such as OPS"},
                {"url: http://j\ntoken: env:X\nproject: OPS\nfields: [1]\n", "fields"},
                {"token: env:X\nproject: OPS\n", "url"}};
    struct surroundings around = {.loop = loop_new()};
    around.http = http_new(around.loop);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct error err = ERROR_NONE;
        struct yaml *y = yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "s.yaml", 1, 0, &a, &err);
        assert_null(jira_driver.open(&jira_driver, y, "s.yaml", &around, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
    http_free(around.http);
    loop_free(around.loop);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_created_with_its_key_and_label_and_rich_text),
        cmocka_unit_test(what_became_of_a_create_is_told_by_its_answer),
        cmocka_unit_test(after_a_crash_a_ticket_is_found_by_label_and_property),
        cmocka_unit_test(who_may_not_search_cannot_tell),
        cmocka_unit_test(a_ticket_is_moved_by_the_transitions_name_or_its_status),
        cmocka_unit_test(a_resolution_that_jira_wants_is_one_that_it_offers),
        cmocka_unit_test(a_ticket_that_is_there_is_not_moved_again),
        cmocka_unit_test(a_comment_is_written_once_and_found_by_its_property),
        cmocka_unit_test(a_link_is_one_for_its_key),
        cmocka_unit_test(doctor_tries_the_rights_and_what_a_ticket_must_have),
        cmocka_unit_test(what_is_wrong_in_the_configuration_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
