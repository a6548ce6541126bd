/* Announcing by mail: who gets what, in which thread, and what is known when a server refuses or falls silent. */
#include "smtp_play.h"

#include "drive.h"
#include "systems/drivers.h"

static void open_mail(struct drive *d, const struct smtp *s)
{
    char config[512];
    snprintf(config, sizeof config,
             "url: smtp://127.0.0.1:%d\ntls: none\nfrom: box@example.com\nname: Box\n"
             "lists: {change-control: cc@example.com, incident: \"inc@example.com, boss@example.com\"}\n",
             s->port);
    drive_open(d, &mail_driver, config);
}

static json_t *message(const char *text, const char *channel)
{
    return json_pack("{s:[s], s:s}", "channels", channel, "text", text);
}

static void a_post_is_one_mail_a_list(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_do(d, "post", "HF-7/announce/1",
             json_pack("{s:[s, s], s:s, s:[s, s]}", "channels", "#Change Control", "incident", "text",
                       "**Hotfix** for a\\_b \\<soon\\>\n\n`code\\n` 1\\*2", "mention", "ann@example.com",
                       "CC@example.com"));
    assert_done(d);
    smtp_close(&s);
    assert_int_equal(s.mails, 2);
    assert_non_null(strstr(s.heard, "RCPT TO:<cc@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA"));
    assert_non_null(
        strstr(s.heard, "RCPT TO:<inc@example.com>\r\nRCPT TO:<boss@example.com>\r\nRCPT TO:<ann@"));
    assert_non_null(strstr(s.heard, "Subject: HF-7: Hotfix for a_b <soon>\r\n"));
    assert_non_null(strstr(s.heard, "**Hotfix** for a_b <soon>\r\n\r\n`code\\n` 1*2\r\n"));
    assert_string_equal(drive_str(d, "posts.0.channel"), "cc@example.com");
    assert_string_equal(drive_str(d, "posts.0.name"), "#Change Control");
    assert_string_equal(drive_str(d, "posts.0.subject"), "HF-7: Hotfix for a_b <soon>");
    assert_non_null(strstr(s.heard, drive_str(d, "posts.1.ts")));
}

static void an_answer_goes_into_the_thread_of_its_list(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_do(d, "post", "HF-7/announce/1", message("It starts", "change-control"));
    assert_done(d);
    json_t *opened = json_deep_copy(d->end.result);
    char id[128];
    snprintf(id, sizeof id, "References: <%s>\r\n", drive_str(d, "posts.0.ts"));
    assert_null(strstr(s.heard, id));
    drive_do(d, "post", "HF-7/done/1",
             json_pack("{s:[O], s:s, s:O}", "channels", json_path(opened, "posts.0.channel"), "text",
                       "It is done", "thread", opened));
    assert_done(d);
    assert_non_null(strstr(s.heard, id));
    assert_non_null(strstr(s.heard, "Subject: Re: HF-7: It starts\r\n"));
    drive_do(d, "edit", "HF-7/edit/1",
             json_pack("{s:O, s:s}", "posts", json_object_get(opened, "posts"), "text", "It was done"));
    assert_done(d);
    assert_string_equal(drive_str(d, "posts.0.ts"), json_str(opened, "posts.0.ts", ""));
    assert_non_null(strstr(s.heard, "It was done"));
    json_decref(opened);
    smtp_close(&s);
    assert_int_equal(s.mails, 3);
}

static void the_same_effect_is_the_same_mail_to_whoever_reads_it(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    char first[128];
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_do(d, "post", "HF-7/announce/1", message("x", "change-control"));
    snprintf(first, sizeof first, "%s", drive_str(d, "posts.0.ts"));
    drive_do(d, "post", "HF-7/announce/1", message("x", "change-control"));
    assert_string_equal(drive_str(d, "posts.0.ts"), first);
    drive_do(d, "post", "HF-7/announce/2", message("x", "change-control"));
    assert_string_not_equal(drive_str(d, "posts.0.ts"), first);
    smtp_close(&s);
}

static const struct {
    const char *about;
    struct smtp_line line;
    enum outcome_kind kind;
    int posts;
    const char *says;
} refusals[] = {
    {"a list that is refused does not keep the other from being told",
     {"RCPT TO:<cc", "550 5.1.1 unknown"},
     OUTCOME_FAILED,
     1,
     "change-control: mail: mail to change-control"},
    {"a server that is busy is tried again, for the rest only",
     {"RCPT TO:<inc", "451 later"},
     OUTCOME_RETRY,
     1,
     "later"},
    {"silence after the mail is doubt", {".", NULL}, OUTCOME_UNKNOWN, 0, "change-control"},
};

static void what_took_place_is_told_with_what_did_not(void **state)
{
    struct drive *d = *state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct smtp s;
        struct smtp_line lines[] = {refusals[i].line, {NULL, NULL}};
        smtp_open(&s, lines);
        open_mail(d, &s);
        drive_do(d, "post", "HF-7/announce/1",
                 json_pack("{s:[s, s], s:s}", "channels", "change-control", "incident", "text", "x"));
        if (d->end.kind != refusals[i].kind)
            fail_msg("%s: %d: %s", refusals[i].about, (int)d->end.kind, d->end.error.text);
        assert_int_equal(json_array_size(json_object_get(d->end.result, "posts")), refusals[i].posts);
        if (!strstr(d->end.error.text, refusals[i].says))
            fail_msg("%s: %s", refusals[i].about, d->end.error.text);
        drive_close(d);
        smtp_close(&s);
    }
}

static void only_the_rest_of_a_post_is_mailed_again(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    json_t *args = json_pack("{s:[s, s], s:s}", "channels", "change-control", "incident", "text", "x");
    json_t *parts = json_pack("{s:[{s:s, s:s, s:s}]}", "posts", "channel", "cc@example.com", "name",
                              "change-control", "ts", "a@b");
    struct effect e = {
        .key = "HF-7/announce/1", .verb = "post", .change = "HF-7", .args = args, .parts = parts};
    d->task = drive_verb(&mail_driver, "post")->perform(d->system, &e, drive_ended, NULL, d);
    json_decref(args);
    json_decref(parts);
    drive_wait(d);
    assert_done(d);
    smtp_close(&s);
    assert_int_equal(s.mails, 1);
    assert_null(strstr(s.heard, "cc@example.com"));
    assert_int_equal(json_array_size(json_object_get(d->end.result, "posts")), 2);
}

static void whether_a_mail_arrived_is_a_question_to_a_person(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_find(d, "post", "HF-7/announce/1", message("x", "change-control"));
    assert_int_equal(d->end.kind, OUTCOME_CANNOT_TELL);
    drive_find(d, "edit", "HF-7/announce/1", json_pack("{s:[], s:s}", "posts", "text", "x"));
    assert_int_equal(d->end.kind, OUTCOME_CANNOT_TELL);
    smtp_close(&s);
    assert_int_equal(s.mails, 0);
}

static void a_channel_is_a_list_or_those_invited(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_do(d, "channel", "k", json_pack("{s:s}", "name", "Incident"));
    assert_string_equal(drive_str(d, "channel"), "inc@example.com, boss@example.com");
    drive_do(d, "channel", "k",
             json_pack("{s:s, s:[s, s, s]}", "name", "hf-7", "invite", "ann@example.com", "nobody",
                       "bob@example.com"));
    assert_done(d);
    assert_string_equal(drive_str(d, "channel"), "ann@example.com, bob@example.com");
    assert_string_equal(drive_str(d, "absent.0"), "nobody");
    drive_do(d, "post", "k", message("x", "ann@example.com, bob@example.com"));
    assert_done(d);
    drive_do(d, "channel", "k", json_pack("{s:s}", "name", "hf-8"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    drive_do(d, "post", "k", message("x", "hf-8"));
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "name it under \"lists\""));
    drive_do(d, "joined", "k", json_pack("{s:s, s:[s]}", "channel", "x", "people", "ann@example.com"));
    assert_string_equal(drive_str(d, "absent.0"), "ann@example.com");
    smtp_close(&s);
    assert_non_null(strstr(s.heard, "RCPT TO:<ann@example.com>\r\nRCPT TO:<bob@example.com>"));
}

static void a_task_that_is_cancelled_or_closed_over_is_not_told(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_mail(d, &s);
    drive_begin(d, false, "post", "k", message("x", "change-control"));
    loop_once(d->loop, true);
    task_cancel(d->task);
    drive_begin(d, false, "post", "k", message("x", "change-control"));
    loop_once(d->loop, true);
    drive_close(d);
    drive_run(d, 50, NULL);
    assert_false(d->end.over);
    smtp_close(&s);
}

static void doctor_signs_in_and_says_what_is_not_safe(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, (struct smtp_line[]){{"NOOP", "502 no"}, {NULL, NULL}});
    open_mail(d, &s);
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    assert_non_null(strstr(d->end.texts[0], "502 no"));
    assert_int_equal(d->end.checks[1].state, CHECK_WARN);
    assert_non_null(strstr(d->end.texts[1], "in the clear"));
    assert_non_null(strstr(d->end.texts[2], "lists: 2, from box@example.com"));
    smtp_close(&s);
}

static const struct {
    const char *config, *says;
} refused[] = {
    {"from: a@b.example\n", "\"url\" is missing"},
    {"url: smtp://h.example\n", "\"from\" is missing"},
    {"url: http://h.example\nfrom: a@b.example\n", "expected a server such as"},
    {"url: smtp://h.example\nfrom: Box <a@b.example>\n", "expected one bare mail address"},
    {"url: smtp://h.example\nfrom: a@b.example\nuser: box\n", "belong together"},
    {"url: smtp://h.example\nfrom: a@b.example\ntls: maybe\n", "expected required or none"},
    {"url: smtp://h.example\nfrom: a@b.example\ntls: none\nuser: box\ntoken: env:X\n", "nobody signs in"},
    {"url: smtp://h.example\nfrom: a@b.example\nuser: box\ntoken: secret\n", "token"},
    {"url: smtp://h.example\nfrom: a@b.example\nlists: {x: nobody}\n", "expected a mail address"},
    {"url: smtp://h.example\nfrom: a@b.example\nlists: [x]\n", "expected a map"},
};

static void a_configuration_that_makes_no_sense_is_refused(void **state)
{
    struct drive *d = *state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct error err = ERROR_NONE;
        if (drive_try_open(d, &mail_driver, refused[i].config, &err))
            fail_msg("taken: %s", refused[i].config);
        if (!strstr(err.text, refused[i].says))
            fail_msg("%s: %s", refused[i].config, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        drive_test(a_post_is_one_mail_a_list),
        drive_test(an_answer_goes_into_the_thread_of_its_list),
        drive_test(the_same_effect_is_the_same_mail_to_whoever_reads_it),
        drive_test(what_took_place_is_told_with_what_did_not),
        drive_test(only_the_rest_of_a_post_is_mailed_again),
        drive_test(whether_a_mail_arrived_is_a_question_to_a_person),
        drive_test(a_channel_is_a_list_or_those_invited),
        drive_test(a_task_that_is_cancelled_or_closed_over_is_not_told),
        drive_test(doctor_signs_in_and_says_what_is_not_safe),
        drive_test(a_configuration_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
