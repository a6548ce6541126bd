#include "yard_play.h"

#define CONTROL "C00000001" /* change-control */
#define RANDOM  "C00000007" /* where the bot is not */

static bool call(struct play *p, const char *method, const char *body)
{
    char path[64];
    snprintf(path, sizeof path, "/api/%s", method);
    assert_int_equal(ask(p, "slack", "POST", path, body), 200);
    return json_flag(p->json, "ok", false);
}

static const char *post(struct play *p, const char *extra)
{
    static char ts[32];
    char body[512];
    snprintf(body, sizeof body, "{\"channel\":\"" CONTROL "\",\"text\":\"hello\"%s}", extra);
    assert_true(call(p, "chat.postMessage", body));
    snprintf(ts, sizeof ts, "%s", said(p, "ts"));
    return ts;
}

static void who_signs_in_is_known_and_others_are_refused(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    assert_true(call(&p, "auth.test", NULL));
    assert_string_equal(said(&p, "bot_id"), "B0SIGNALBOX");
    p.unsigned_in = true;
    assert_false(call(&p, "auth.test", NULL));
    assert_string_equal(said(&p, "error"), "not_authed");
    p.unsigned_in = false;
    json_object_set_new(json_object_get(p.urls, "secrets"), "slack", json_string("xoxb-wrong"));
    assert_false(call(&p, "auth.test", NULL));
    assert_string_equal(said(&p, "error"), "invalid_auth");
    play_close(&p);
}

/* Calls that Slack refuses, always with status 200. */
static const struct {
    const char *method, *body, *error;
} refused[] = {
    {"chat.postMessage", "{\"channel\":\"C9\",\"text\":\"x\"}", "channel_not_found"},
    {"chat.postMessage", "{\"channel\":\"" RANDOM "\",\"text\":\"x\"}", "not_in_channel"},
    {"chat.postMessage", "{\"channel\":\"" CONTROL "\"}", "no_text"},
    {"chat.postMessage", "{\"channel\":", "invalid_json"},
    {"chat.postMessage", "{\"channel\":\"" CONTROL "\",\"text\":\"x\",\"thread_ts\":\"1.2\"}",
     "thread_not_found"},
    {"chat.postMessage", "{\"channel\":\"" CONTROL "\",\"text\":\"x\",\"metadata\":{\"event_type\":\"e\"}}",
     "invalid_metadata_schema"},
    {"chat.postMessage", "{\"channel\":\"" CONTROL "\",\"text\":\"x\",\"blocks\":[{\"type\":\"section\"}]}",
     "invalid_blocks"},
    {"chat.postMessage",
     "{\"channel\":\"" CONTROL "\",\"text\":\"x\",\"blocks\":[{\"type\":\"actions\",\"elements\":[]}]}",
     "invalid_blocks"},
    {"chat.postMessage", "channel=" CONTROL "&text=x&blocks=nonsense", "invalid_blocks_format"},
    {"chat.update", "{\"channel\":\"" CONTROL "\",\"ts\":\"1.2\",\"text\":\"x\"}", "message_not_found"},
    {"conversations.create", "{\"name\":\"Hot Fix\"}", "invalid_name_specials"},
    {"conversations.create", "{\"name\":\"incident\"}", "name_taken"},
    {"conversations.invite", "{\"channel\":\"" CONTROL "\",\"users\":\"U9\"}", "user_not_found"},
    {"conversations.invite", "{\"channel\":\"" CONTROL "\",\"users\":\"U00000001\"}", "already_in_channel"},
    {"users.lookupByEmail", "email=nobody@example.com", "users_not_found"},
    {"users.lookupByEmail", "{\"email\":\"tam.tangerine@example.com\"}",
     "invalid_arguments"},                                                           /* takes no JSON */
    {"conversations.history", "{\"channel\":\"" CONTROL "\"}", "channel_not_found"}, /* nor does this */
    {"conversations.history", "channel=" CONTROL "&limit=5000", "invalid_limit"},
    {"conversations.history", "channel=" CONTROL "&cursor=nonsense", "invalid_cursor"},
    {"chat.nothing", "{}", "unknown_method"},
};

static void what_slack_refuses_is_refused_in_its_words(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_false(call(&p, refused[i].method, refused[i].body));
        assert_string_equal(said(&p, "error"), refused[i].error);
    }
    assert_int_equal(deeds(&p, ""), 0);
    play_close(&p);
}

static void a_message_is_found_again_by_its_metadata(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    const char *ts =
        post(&p, ",\"metadata\":{\"event_type\":\"signalbox_effect\",\"event_payload\":{\"key\":\"K1\"}}");
    assert_true(call(&p, "conversations.history", "channel=" CONTROL));
    assert_null(json_path(p.json, "messages.0.metadata"));
    assert_true(call(&p, "conversations.history", "channel=" CONTROL "&include_all_metadata=true"));
    assert_string_equal(said(&p, "messages.0.metadata.event_payload.key"), "K1");
    assert_string_equal(said(&p, "messages.0.ts"), ts);
    char form[128];
    snprintf(form, sizeof form, "channel=" CONTROL "&oldest=%s", ts);
    assert_true(call(&p, "conversations.history", form));
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 0);
    snprintf(form, sizeof form, "channel=" CONTROL "&oldest=%s&inclusive=true", ts);
    assert_true(call(&p, "conversations.history", form));
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 1);
    play_close(&p);
}

static void a_thread_is_beside_the_channel(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char extra[128], form[128];
    play_open(&p, NULL, NULL);
    char root[32];
    snprintf(root, sizeof root, "%s", post(&p, ""));
    snprintf(extra, sizeof extra, ",\"thread_ts\":\"%s\"", root);
    post(&p, extra);
    snprintf(extra, sizeof extra, ",\"thread_ts\":\"%s\",\"reply_broadcast\":true", root);
    post(&p, extra);
    assert_true(call(&p, "conversations.history", "channel=" CONTROL));
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 2);
    assert_int_equal(json_int(p.json, "messages.1.reply_count", 0), 2);
    snprintf(form, sizeof form, "channel=" CONTROL "&ts=%s&limit=2", root);
    assert_true(call(&p, "conversations.replies", form));
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 2);
    assert_string_equal(said(&p, "messages.0.ts"), root);
    snprintf(form, sizeof form, "channel=" CONTROL "&ts=%s&cursor=%s", root,
             said(&p, "response_metadata.next_cursor"));
    assert_true(call(&p, "conversations.replies", form));
    assert_int_equal(json_array_size(json_object_get(p.json, "messages")), 1);
    play_close(&p);
}

static void a_message_is_edited_in_place(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char body[256];
    play_open(&p, NULL, NULL);
    const char *ts = post(&p, "");
    snprintf(body, sizeof body, "{\"channel\":\"" CONTROL "\",\"ts\":\"%s\",\"text\":\"done\"}", ts);
    assert_true(call(&p, "chat.update", body));
    assert_true(call(&p, "conversations.history", "channel=" CONTROL));
    assert_string_equal(said(&p, "messages.0.text"), "done");
    assert_string_equal(said(&p, "messages.0.ts"), ts);
    snprintf(body, sizeof body, "channel=" CONTROL "&message_ts=%s", ts);
    assert_true(call(&p, "chat.getPermalink", body));
    assert_non_null(strstr(said(&p, "permalink"), "/archives/" CONTROL "/p"));
    play_close(&p);
}

static void a_burst_is_let_through_and_then_slowed_down(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    for (int i = 0; i < 10; i++)
        post(&p, "");
    assert_int_equal(
        ask(&p, "slack", "POST", "/api/chat.postMessage", "{\"channel\":\"" CONTROL "\",\"text\":\"x\"}"),
        429);
    assert_string_equal(p.retry_after, "1");
    assert_string_equal(said(&p, "error"), "ratelimited");
    leap(&p, 10);
    post(&p, "");
    play_close(&p);
}

static void a_channel_is_made_and_people_are_invited(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char body[256], channel[32];
    play_open(&p, NULL, NULL);
    assert_true(call(&p, "conversations.create", "{\"name\":\"chg-tangerine-7\"}"));
    snprintf(channel, sizeof channel, "%s", said(&p, "channel.id"));
    assert_true(call(&p, "users.lookupByEmail", "email=tam.tangerine@example.com"));
    assert_string_equal(said(&p, "user.profile.email"), "tam.tangerine@example.com");
    snprintf(body, sizeof body, "{\"channel\":\"%s\",\"users\":\"%s,U00000004\"}", channel,
             said(&p, "user.id"));
    assert_true(call(&p, "conversations.invite", body));
    snprintf(body, sizeof body, "channel=%s", channel);
    assert_true(call(&p, "conversations.members", body));
    assert_int_equal(json_array_size(json_object_get(p.json, "members")), 3);
    snprintf(body, sizeof body, "{\"channel\":\"%s\",\"topic\":\"HF-7\"}", channel);
    assert_true(call(&p, "conversations.setTopic", body));
    assert_true(call(&p, "conversations.list", "limit=3"));
    assert_int_equal(json_array_size(json_object_get(p.json, "channels")), 3);
    assert_true(*said(&p, "response_metadata.next_cursor"));
    snprintf(body, sizeof body, "{\"channel\":\"%s\"}", channel);
    assert_true(call(&p, "conversations.archive", body));
    assert_true(call(&p, "conversations.list", "exclude_archived=true"));
    assert_int_equal(json_array_size(json_object_get(p.json, "channels")), 7);
    play_close(&p);
}

static void a_file_is_uploaded_in_three_steps(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    char body[256], id[32], path[64];
    play_open(&p, NULL, NULL);
    assert_true(call(&p, "files.getUploadURLExternal", "filename=report.txt&length=5"));
    snprintf(id, sizeof id, "%s", said(&p, "file_id"));
    snprintf(body, sizeof body,
             "{\"files\":[{\"id\":\"%s\",\"title\":\"Report\"}],\"channel_id\":\"" CONTROL "\"}", id);
    assert_false(call(&p, "files.completeUploadExternal", body));
    snprintf(path, sizeof path, "/upload/v1/%s", id);
    assert_int_equal(ask(&p, "slack", "POST", path, "12345"), 200);
    assert_true(call(&p, "files.completeUploadExternal", body));
    assert_true(call(&p, "conversations.history", "channel=" CONTROL));
    assert_string_equal(said(&p, "messages.0.files.0.title"), "Report");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_signs_in_is_known_and_others_are_refused),
        cmocka_unit_test(what_slack_refuses_is_refused_in_its_words),
        cmocka_unit_test(a_message_is_found_again_by_its_metadata),
        cmocka_unit_test(a_thread_is_beside_the_channel),
        cmocka_unit_test(a_message_is_edited_in_place),
        cmocka_unit_test(a_burst_is_let_through_and_then_slowed_down),
        cmocka_unit_test(a_channel_is_made_and_people_are_invited),
        cmocka_unit_test(a_file_is_uploaded_in_three_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
