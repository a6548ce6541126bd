/* Plays with Slack: messages that are posted once, found again, and told apart by channel. */
#include "systems_play.h"

#include "systems/drivers.h"

#define CONFIG "url: %s/api\ntoken: env:SB_TEST_TOKEN\n"
#define CHANNELS                                                                                      \
    {"GET /api/conversations.list?", NULL, 200,                                                       \
     "{\"ok\":true,\"channels\":[{\"id\":\"C1\",\"name\":\"incident\",\"topic\":{\"value\":\"old\"}}" \
     ","                                                                                              \
     "{\"id\":\"C2\",\"name\":\"change\"}],\"response_metadata\":{\"next_cursor\":\"\"}}",            \
     NULL}
#define LINK \
    {"GET /api/chat.getPermalink?", NULL, 200, "{\"ok\":true,\"permalink\":\"https://t.example/p1\"}", NULL}
#define POSTED(channel, ts)                                                    \
    {"POST /api/chat.postMessage", "\"key\":\"HF-7/step/1/" channel "\"", 200, \
     "{\"ok\":true,\"channel\":\"" channel "\",\"ts\":\"" ts "\"}", NULL}
#define TWO "{\"channels\":[\"#incident\",\"change\"],\"text\":\"**Hotfix** & <!channel>\"}"

static void a_post_goes_into_each_channel_with_a_key_of_its_own(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        CHANNELS,
        {"POST /api/chat.postMessage",
         "\"text\":\"*Hotfix* &amp; "
         "&lt;!channel&gt;\",\"unfurl_links\":false,\"unfurl_media\":false,\"metadata\":{\"event_type\":"
         "\"signalbox_effect\",\"event_payload\":{\"key\":\"HF-7/step/1/C1\"}}",
         200, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"1707418800.000100\"}", NULL},
        {"GET /api/chat.getPermalink?", "message_ts=1707418800.000100", 200,
         "{\"ok\":true,\"permalink\":\"https://t.example/p1\"}", NULL},
        POSTED("C2", "1707418801.000200"),
        {"GET /api/chat.getPermalink?", NULL, 200, "{\"ok\":false,\"error\":\"message_not_found\"}", NULL},
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"post", false, TWO, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 2);
    assert_string_equal(json_str(s.result, "posts.0.channel", ""), "C1");
    assert_string_equal(json_str(s.result, "posts.0.name", ""), "incident");
    assert_string_equal(json_str(s.result, "posts.0.ts", ""), "1707418800.000100");
    assert_string_equal(json_str(s.result, "posts.0.url", ""), "https://t.example/p1");
    assert_string_equal(json_str(s.result, "posts.1.url", "x"), "");
    /* Names are remembered: an id and a known name need no list. */
    static const struct line again[] = {POSTED("C2", "1.1"), LINK, POSTED("C3", "1.2"), LINK, THE_END};
    stage_play(&s, again,
               (struct doing){"post", false, "{\"channels\":[\"change\",\"C3\"],\"text\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_post_goes_into_its_thread_and_mentions_people(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        {"GET /api/users.lookupByEmail?email=tam%40x.example", NULL, 200,
         "{\"ok\":true,\"user\":{\"id\":\"U1\"}}", NULL},
        {"GET /api/users.lookupByEmail?", NULL, 200, "{\"ok\":false,\"error\":\"users_not_found\"}", NULL},
        {"POST /api/chat.postMessage", "\"text\":\"<@U1> gone@x.example Now\"", 200,
         "{\"ok\":true,\"ts\":\"2.1\"}", NULL},
        LINK,
        THE_END,
    };
    const char *args =
        "{\"channels\":[\"C1\"],\"text\":\"Now\",\"mention\":[\"tam@x.example\",\"gone@x.example\"]}";
    stage_play(&s, lines, (struct doing){"post", false, args, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line threaded[] = {
        {"POST /api/chat.postMessage", "\"thread_ts\":\"1.1\",\"reply_broadcast\":true", 200,
         "{\"ok\":true,\"ts\":\"2.2\"}", NULL},
        LINK,
        THE_END,
    };
    args =
        "{\"channels\":[\"C1\"],\"text\":\"Now\",\"mention\":[\"tam@x.example\"],\"broadcast\":true,"
        "\"thread\":{\"posts\":[{\"channel\":\"C9\",\"ts\":\"9.9\"},{\"channel\":\"C1\",\"ts\":\"1.1\"}]}}";
    stage_play(&s, threaded, (struct doing){"post", false, args, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_channel_that_refuses_does_not_keep_the_others_from_being_told(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        CHANNELS,
        {"POST /api/chat.postMessage", "C1", 200, "{\"ok\":false,\"error\":\"is_archived\"}", NULL},
        POSTED("C2", "1.2"),
        LINK,
        THE_END,
    };
    stage_play(&s, lines,
               (struct doing){"post", false,
                              "{\"channels\":[\"incident\",\"nowhere\",\"change\"],\"text\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "#incident: ");
    assert_says(&s, "is_archived");
    assert_says(&s, "#nowhere: there is no such channel");
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 1);
    assert_string_equal(json_str(s.result, "posts.0.channel", ""), "C2");
    stage_close(&s);
}

static void what_was_posted_is_not_posted_again(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {CHANNELS, POSTED("C2", "1.2"), LINK, THE_END};
    stage_play(&s, lines,
               (struct doing){
                   "post", false, TWO,
                   "{\"posts\":[{\"channel\":\"C1\",\"name\":\"incident\",\"ts\":\"1.1\",\"url\":\"\"}]}"});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 2);
    stage_close(&s);
}

static void a_lost_answer_is_in_doubt_and_tells_what_took_place(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer, *header;
        enum outcome_kind kind;
    } rows[] = {
        {CUT, NULL, NULL, OUTCOME_UNKNOWN},
        {500, "oops", NULL, OUTCOME_UNKNOWN},
        {200, "<html>proxy</html>", NULL, OUTCOME_UNKNOWN},
        {200, "{\"ok\":true}", NULL, OUTCOME_UNKNOWN},
        {200, "{\"ok\":false,\"error\":\"internal_error\"}", NULL, OUTCOME_UNKNOWN},
        {200, "{\"ok\":false,\"error\":\"ratelimited\"}", NULL, OUTCOME_RETRY},
        {429, "{\"ok\":false,\"error\":\"ratelimited\"}", "Retry-After: 600", OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        stage_open(&s, &slack_driver, CONFIG);
        const struct line lines[] = {
            CHANNELS,
            POSTED("C1", "1.1"),
            LINK,
            {"POST /api/chat.postMessage", "C2", rows[i].status, rows[i].answer, rows[i].header},
            THE_END};
        stage_play(&s, lines, (struct doing){"post", false, TWO, NULL});
        assert_outcome(&s, rows[i].kind);
        assert_string_equal(json_str(s.result, "posts.0.ts", ""), "1.1");
        assert_int_equal(s.retry_after_ms, rows[i].kind != OUTCOME_RETRY ? 0
                                           : rows[i].header              ? 600000
                                                                         : 30000);
        stage_close(&s);
    }
}

static void a_short_rate_limit_is_waited_for(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {{"POST /api/chat.postMessage", NULL, 429,
                                         "{\"ok\":false,\"error\":\"ratelimited\"}", "Retry-After: 1"},
                                        POSTED("C1", "1.1"),
                                        LINK,
                                        THE_END};
    stage_play(&s, lines, (struct doing){"post", false, "{\"channels\":[\"C1\"],\"text\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_public_channel_is_joined_when_slack_asks_for_it(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        {"POST /api/chat.postMessage", NULL, 200, "{\"ok\":false,\"error\":\"not_in_channel\"}", NULL},
        {"POST /api/conversations.join", "C1", 200, "{\"ok\":true}", NULL},
        POSTED("C1", "1.1"),
        LINK,
        THE_END};
    stage_play(&s, lines, (struct doing){"post", false, "{\"channels\":[\"C1\"],\"text\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    static const struct line private[] = {
        {"POST /api/chat.postMessage", NULL, 200, "{\"ok\":false,\"error\":\"not_in_channel\"}", NULL},
        {"POST /api/conversations.join", NULL, 200,
         "{\"ok\":false,\"error\":\"method_not_supported_for_channel_type\"}", NULL},
        {"POST /api/chat.postMessage", NULL, 200, "{\"ok\":false,\"error\":\"not_in_channel\"}", NULL},
        THE_END};
    stage_play(&s, private, (struct doing){"post", false, "{\"channels\":[\"C1\"],\"text\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "Invite the app");
    stage_close(&s);
}

/* --- finding
 * ----------------------------------------------------------------------------------------------------------
 */

#define MESSAGES(method, channel, list)                                   \
    {"GET /api/conversations." method "?channel=" channel "&", NULL, 200, \
     "{\"ok\":true,\"messages\":[" list "]}", NULL}
#define OURS(channel)                                                                                      \
    "{\"ts\":\"1.1\",\"metadata\":{\"event_type\":\"signalbox_effect\",\"event_payload\":{\"key\":\"HF-7/" \
    "step/1/" channel "\"}}}"
#define THEIRS                                                                                             \
    "{\"ts\":\"1.0\",\"metadata\":{\"event_type\":\"signalbox_effect\",\"event_payload\":{\"key\":\"HF-7/" \
    "step/2/C1\"}}},{\"ts\":\"1.3\"}"

static void a_post_is_found_by_its_key_from_a_minute_before_it_was_intended(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        CHANNELS,
        {"GET "
         "/api/"
         "conversations.history?channel=C1&oldest=1707418740.000000&inclusive=true&include_all_metadata=true&"
         "limit=200",
         NULL, 200,
         "{\"ok\":true,\"messages\":[" THEIRS "],\"response_metadata\":{\"next_cursor\":\"dXNl=\"}}", NULL},
        {"GET /api/conversations.history?", "cursor=dXNl%3D", 200,
         "{\"ok\":true,\"messages\":[" OURS("C1") "]}", NULL},
        LINK,
        MESSAGES("history", "C2", OURS("C2")),
        LINK,
        THE_END,
    };
    stage_play(&s, lines, (struct doing){"post", true, TWO, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "posts.0.ts", ""), "1.1");
    assert_string_equal(json_str(s.result, "posts.1.channel", ""), "C2");
    stage_close(&s);
}

static void a_post_that_took_place_in_one_channel_only_is_told_so(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {CHANNELS,
                                        MESSAGES("history", "C1", OURS("C1")),
                                        LINK,
                                        MESSAGES("history", "C2", THEIRS),
                                        MESSAGES("history", "C2", THEIRS),
                                        THE_END};
    stage_play(&s, lines, (struct doing){"post", true, TWO, NULL});
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 1);
    assert_string_equal(json_str(s.result, "posts.0.channel", ""), "C1");
    /* What is known already is not looked for. */
    static const struct line rest[] = {MESSAGES("history", "C2", OURS("C2")), LINK, THE_END};
    stage_play(&s, rest,
               (struct doing){"post", true, TWO, "{\"posts\":[{\"channel\":\"C1\",\"ts\":\"1.1\"}]}"});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 2);
    stage_close(&s);
}

static void a_reply_is_looked_for_in_its_thread(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {{"GET /api/conversations.replies?channel=C1&", "&ts=0.9", 200,
                                         "{\"ok\":true,\"messages\":[" OURS("C1") "]}", NULL},
                                        LINK,
                                        THE_END};
    stage_play(&s, lines,
               (struct doing){"post", true,
                              "{\"channels\":[\"C1\"],\"text\":\"x\",\"thread\":{\"posts\":[{\"channel\":"
                              "\"C1\",\"ts\":\"0.9\"}]}}",
                              NULL});
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void a_find_that_may_not_look_cannot_tell(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer;
        enum outcome_kind kind;
    } rows[] = {
        {200, "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"channels:history\"}",
         OUTCOME_CANNOT_TELL},
        {200, "{\"ok\":false,\"error\":\"channel_not_found\"}", OUTCOME_CANNOT_TELL},
        {200, "{\"ok\":false,\"error\":\"ratelimited\"}", OUTCOME_RETRY},
        {200, "{\"ok\":true}", OUTCOME_RETRY},
        {200, "nonsense", OUTCOME_RETRY},
        {403, "no", OUTCOME_CANNOT_TELL},
    };
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct line lines[] = {
            {"GET /api/conversations.history?", NULL, rows[i].status, rows[i].answer, NULL}, THE_END};
        stage_play(&s, lines, (struct doing){"post", true, "{\"channels\":[\"C1\"],\"text\":\"x\"}", NULL});
        assert_outcome(&s, rows[i].kind);
        if (i == 0)
            assert_says(&s, "missing_scope (channels:history)");
    }
    stage_close(&s);
}

/* --- the rest
 * ----------------------------------------------------------------------------------------------------------
 */

static void an_edit_changes_each_message_in_place(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    const char *args = "{\"text\":\"# "
                       "Done\",\"posts\":{\"posts\":[{\"channel\":\"C1\",\"ts\":\"1.1\"},{\"channel\":\"C2\","
                       "\"ts\":\"1.2\"}]}}";
    static const struct line lines[] = {
        {"POST /api/chat.update", "{\"channel\":\"C1\",\"ts\":\"1.1\",\"text\":\"*Done*\"}", 200,
         "{\"ok\":true}", NULL},
        {"POST /api/chat.update", "\"ts\":\"1.2\"", 200, "{\"ok\":true}", NULL},
        THE_END};
    stage_play(&s, lines, (struct doing){"edit", false, args, NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "posts")), 2);
    static const struct line gone[] = {
        {"POST /api/chat.update", NULL, 200, "{\"ok\":false,\"error\":\"message_not_found\"}", NULL},
        {"POST /api/chat.update", NULL, 200, "{\"ok\":true}", NULL},
        THE_END};
    stage_play(&s, gone, (struct doing){"edit", false, args, NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "message_not_found");
    static const struct line none[] = {THE_END};
    stage_play(&s, none, (struct doing){"edit", false, "{\"text\":\"x\",\"posts\":null}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    stage_close(&s);
}

static void a_channel_is_made_with_topic_and_people(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        {"POST /api/conversations.create", "{\"name\":\"hf-7-tangerine\",\"is_private\":false}", 200,
         "{\"ok\":true,\"channel\":{\"id\":\"C7\"}}", NULL},
        {"POST /api/conversations.setTopic", "\"topic\":\"Hotfix\"", 200, "{\"ok\":true}", NULL},
        {"GET /api/users.lookupByEmail?", "a%40x", 200, "{\"ok\":true,\"user\":{\"id\":\"U1\"}}", NULL},
        {"GET /api/users.lookupByEmail?", "b%40x", 200, "{\"ok\":true,\"user\":{\"id\":\"U2\"}}", NULL},
        {"GET /api/users.lookupByEmail?", "c%40x", 200, "{\"ok\":false,\"error\":\"users_not_found\"}", NULL},
        {"GET /api/conversations.members?channel=C7", NULL, 200,
         "{\"ok\":true,\"members\":[\"UBOT\",\"U2\"]}", NULL},
        {"POST /api/conversations.invite", "\"users\":\"U1\"", 200,
         "{\"ok\":false,\"error\":\"already_in_channel\"}", NULL},
        THE_END};
    stage_play(&s, lines,
               (struct doing){
                   "channel", false,
                   "{\"name\":\"HF-7 Tangerine\",\"topic\":\"Hotfix\",\"invite\":[\"a@x\",\"b@x\",\"c@x\"]}",
                   NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "channel", ""), "C7");
    assert_string_equal(json_str(s.result, "name", ""), "hf-7-tangerine");
    assert_true(json_flag(s.result, "created", false));
    assert_string_equal(json_str(s.result, "absent.0", ""), "c@x");
    stage_close(&s);
}

static void a_channel_of_that_name_is_taken_as_it_is(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        {"POST /api/conversations.create", NULL, 200, "{\"ok\":false,\"error\":\"name_taken\"}", NULL},
        CHANNELS,
        {"POST /api/conversations.join", "C1", 200, "{\"ok\":true}", NULL},
        THE_END};
    stage_play(&s, lines,
               (struct doing){"channel", false, "{\"name\":\"#incident\",\"topic\":\"old\"}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "channel", ""), "C1");
    assert_false(json_flag(s.result, "created", true));
    static const struct line hidden[] = {
        {"POST /api/conversations.create", NULL, 200, "{\"ok\":false,\"error\":\"name_taken\"}", NULL},
        CHANNELS,
        THE_END};
    stage_play(&s, hidden, (struct doing){"channel", false, "{\"name\":\"secret\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "archived, or private");
    static const struct line refused[] = {
        {"POST /api/conversations.create", NULL, 200,
         "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"channels:manage\"}", NULL},
        THE_END};
    stage_play(&s, refused, (struct doing){"channel", false, "{\"name\":\"x\"}", NULL});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "channels:manage");
    assert_int_equal(s.error.code, SB_DENIED);
    stage_close(&s);
}

static void who_has_joined_is_read_from_the_members(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, &slack_driver, CONFIG);
    static const struct line lines[] = {
        CHANNELS,
        {"GET /api/conversations.members?channel=C1", NULL, 200,
         "{\"ok\":true,\"members\":[\"U1\"],\"response_metadata\":{\"next_cursor\":\"n\"}}", NULL},
        {"GET /api/conversations.members?channel=C1", "cursor=n", 200, "{\"ok\":true,\"members\":[\"U3\"]}",
         NULL},
        {"GET /api/users.lookupByEmail?", "a%40x", 200, "{\"ok\":true,\"user\":{\"id\":\"U1\"}}", NULL},
        {"GET /api/users.lookupByEmail?", "b%40x", 200, "{\"ok\":true,\"user\":{\"id\":\"U2\"}}", NULL},
        {"GET /api/users.lookupByEmail?", "c%40x", 200, "{\"ok\":true,\"user\":{\"id\":\"U3\"}}", NULL},
        THE_END};
    stage_play(&s, lines,
               (struct doing){"joined", false,
                              "{\"channel\":\"incident\",\"people\":[\"a@x\",\"b@x\",\"c@x\"]}", NULL});
    assert_outcome(&s, OUTCOME_DONE);
    assert_int_equal(json_array_size(json_path(s.result, "joined")), 2);
    assert_string_equal(json_str(s.result, "absent.0", ""), "b@x");
    stage_close(&s);
}

static void doctor_compares_scopes_and_finds_channels(void **state)
{
    (void)state;
    struct stage s;
    const char *says = "";
    stage_open(&s, &slack_driver, CONFIG "channels: [\"#incident\", nowhere]\n");
    static const struct line lines[] = {{"POST /api/auth.test", NULL, 200,
                                         "{\"ok\":true,\"team\":\"Works\",\"user\":\"signalbox\"}",
                                         "x-oauth-scopes: chat:write.public,channels:read, channels:history"},
                                        CHANNELS,
                                        THE_END};
    stage_doctor(&s, lines);
    assert_int_equal(stage_check(&s, "signed in", &says), CHECK_OK);
    assert_string_equal(says, "to Works as signalbox");
    assert_int_equal(stage_check(&s, "scope channels:history", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "scope chat:write", NULL),
                     CHECK_FAIL); /* chat:write.public is another scope */
    assert_int_equal(stage_check(&s, "scope channels:manage", NULL), CHECK_WARN);
    assert_int_equal(stage_check(&s, "channel #incident", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "channel nowhere", NULL), CHECK_FAIL);
    static const struct line revoked[] = {
        {"POST /api/auth.test", NULL, 200, "{\"ok\":false,\"error\":\"token_revoked\"}", NULL}, THE_END};
    stage_doctor(&s, revoked);
    assert_int_equal(stage_check(&s, "signed in", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "revoked"));
    stage_close(&s);
}

int main(void)
{
    setenv("SB_TEST_TOKEN", "open-sesame", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_goes_into_each_channel_with_a_key_of_its_own),
        cmocka_unit_test(a_post_goes_into_its_thread_and_mentions_people),
        cmocka_unit_test(a_channel_that_refuses_does_not_keep_the_others_from_being_told),
        cmocka_unit_test(what_was_posted_is_not_posted_again),
        cmocka_unit_test(a_lost_answer_is_in_doubt_and_tells_what_took_place),
        cmocka_unit_test(a_short_rate_limit_is_waited_for),
        cmocka_unit_test(a_public_channel_is_joined_when_slack_asks_for_it),
        cmocka_unit_test(a_post_is_found_by_its_key_from_a_minute_before_it_was_intended),
        cmocka_unit_test(a_post_that_took_place_in_one_channel_only_is_told_so),
        cmocka_unit_test(a_reply_is_looked_for_in_its_thread),
        cmocka_unit_test(a_find_that_may_not_look_cannot_tell),
        cmocka_unit_test(an_edit_changes_each_message_in_place),
        cmocka_unit_test(a_channel_is_made_with_topic_and_people),
        cmocka_unit_test(a_channel_of_that_name_is_taken_as_it_is),
        cmocka_unit_test(who_has_joined_is_read_from_the_members),
        cmocka_unit_test(doctor_compares_scopes_and_finds_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
