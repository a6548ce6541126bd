/* Invitations by mail, for the built-in calendar. */
#include "smtp_play.h"

#include "base/buf.h"
#include "base/hash.h"
#include "drive.h"
#include "systems/documents.h"
#include "systems/drivers.h"

static void open_calendar(struct drive *d, const struct smtp *s)
{
    char config[512];
    snprintf(config, sizeof config,
             "url: https://box.example\ninvitations: {url: \"smtp://127.0.0.1:%d\", tls: none, from: "
             "box@example.com}\n",
             s->port);
    drive_open(d, &builtin_calendar_driver, config);
}

static void create(struct drive *d, const char *who)
{
    drive_do(d, "create", "HF-7/calendar/1",
             json_pack("{s:s, s:s, s:I, s:I, s:s, s:[s, s]}", "title", "Hotfix Tangerine", "description",
                       "cart", "from", (json_int_t)1707418800000, "to", (json_int_t)1707424200000, "zone",
                       "America/New_York", "attendees", "ann@example.com", who));
}

/* The calendar in the n-th mail that came, decoded. */
static char *calendar_in(const struct smtp *s, int n)
{
    const char *at = s->heard;
    for (int i = 0; i <= n; i++) {
        at = strstr(at, "Content-Type: text/calendar");
        if (!at)
            fail_msg("there are only %d invitations", i);
        at++;
    }
    at = strstr(at, "\r\n\r\n") + 4;
    const char *end = strstr(at, "\r\n\r\n");
    _cleanup_buf_ struct buf flat = {0};
    for (; at < end; at++)
        if (*at != '\r' && *at != '\n')
            buf_addc(&flat, *at);
    size_t size = 0;
    uint8_t *bytes = base64_decode(buf_str(&flat), flat.len, false, &size);
    assert_non_null(bytes);
    char *text = strndup((char *)bytes, size);
    free(bytes);
    return text;
}

static void assert_calendar(const struct smtp *s, int n, const char *const *lines)
{
    char *text = calendar_in(s, n);
    for (; *lines; lines++)
        if (!strstr(text, *lines))
            fail_msg("no %s in %s", *lines, text);
    free(text);
}

static void those_invited_each_get_a_request_and_hear_what_changes(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_calendar(d, &s);
    create(d, "bob@example.com");
    assert_done(d);
    assert_int_equal(s.mails, 2);
    assert_non_null(strstr(s.heard, "RCPT TO:<ann@example.com>\r\nDATA"));
    assert_non_null(strstr(s.heard, "RCPT TO:<bob@example.com>\r\nDATA"));
    assert_non_null(strstr(s.heard, "Subject: HF-7: Hotfix Tangerine\r\n"));
    assert_non_null(strstr(s.heard, "8 Feb 2024 14:00 EST"));
    static const char *const request[] = {"METHOD:REQUEST\r\n",
                                          "SEQUENCE:0\r\n",
                                          "DTSTART:20240208T190000Z\r\n",
                                          "ORGANIZER:mailto:box@example.com\r\n",
                                          " bob@example.com\r\n",
                                          "URL:https://box.example/changes/HF-7\r\n",
                                          "@signalbox\r\n",
                                          NULL};
    assert_calendar(&s, 0, request);
    drive_do(d, "update", "HF-7/extend/1",
             json_pack("{s:s, s:I}", "event", "HF-7/calendar/1", "to", (json_int_t)1707427800000));
    assert_done(d);
    static const char *const longer[] = {"METHOD:REQUEST\r\n", "SEQUENCE:1\r\n", "DTEND:20240208T213000Z\r\n",
                                         NULL};
    assert_calendar(&s, 2, longer);
    drive_do(d, "cancel", "HF-7/cancel/1", json_pack("{s:s}", "event", "HF-7/calendar/1"));
    assert_done(d);
    static const char *const off[] = {"METHOD:CANCEL\r\n", "SEQUENCE:2\r\n", "STATUS:CANCELLED\r\n", NULL};
    assert_calendar(&s, 4, off);
    assert_int_equal(s.mails, 6);
    smtp_close(&s);
}

static void an_invitation_that_is_sent_again_is_the_same(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, NULL);
    open_calendar(d, &s);
    create(d, "bob@example.com");
    create(d, "bob@example.com");
    assert_done(d);
    char *first = calendar_in(&s, 0), *again = calendar_in(&s, 2);
    assert_string_equal(first, again);
    free(first);
    free(again);
    const char *id = strstr(s.heard, "Message-ID: "), *end = strstr(id, "\r\n");
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)(end - id), id);
    assert_non_null(strstr(end, line));
    assert_int_equal(json_object_size(json_object_get(d->docs, KEPT_EVENT)), 1);
    smtp_close(&s);
}

static void one_who_is_refused_keeps_nobody_from_being_invited(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, (struct smtp_line[]){{"RCPT TO:<ann", "550 unknown"}, {NULL, NULL}});
    open_calendar(d, &s);
    create(d, "bob@example.com");
    assert_done(d);
    assert_int_equal(s.mails, 1);
    assert_string_equal(drive_str(d, "uninvited.0"), "ann@example.com");
    create(d, "nobody");
    assert_int_equal(d->end.kind, OUTCOME_DONE); /* what stands in the store was first */
    smtp_close(&s);
}

static void a_server_that_takes_nothing_fails_the_step_or_has_it_tried_again(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, (struct smtp_line[]){{"MAIL", "553 not you"}, {NULL, NULL}});
    open_calendar(d, &s);
    create(d, "bob@example.com");
    assert_int_equal(d->end.kind, OUTCOME_FAILED);
    assert_non_null(strstr(d->end.error.text, "553 not you"));
    drive_close(d);
    smtp_close(&s);
    smtp_open(&s, (struct smtp_line[]){{"DATA", "451 later"}, {NULL, NULL}});
    open_calendar(d, &s);
    create(d, "bob@example.com");
    assert_int_equal(d->end.kind, OUTCOME_RETRY);
    drive_close(d);
    smtp_close(&s);
    smtp_open(&s, (struct smtp_line[]){{".", NULL}, {NULL, NULL}});
    open_calendar(d, &s);
    create(d, "bob@example.com");
    assert_int_equal(d->end.kind, OUTCOME_RETRY); /* a second one would be the same to every calendar */
    smtp_close(&s);
}

static void doctor_signs_in_at_the_mail_server(void **state)
{
    struct drive *d = *state;
    struct smtp s;
    smtp_open(&s, (struct smtp_line[]){{"NOOP", "421 too busy"}, {NULL, NULL}});
    open_calendar(d, &s);
    drive_check(d);
    assert_int_equal(d->end.checks[0].state, CHECK_FAIL);
    assert_non_null(strstr(d->end.texts[0], "too busy"));
    smtp_close(&s);
    struct error err = ERROR_NONE;
    drive_close(d);
    assert_false(
        drive_try_open(d, &builtin_calendar_driver, "invitations: {url: \"smtp://h\", form: x}\n", &err));
    assert_error(&err, SB_UNKNOWN, "did you mean \"from\"", "keys");
    assert_false(drive_try_open(d, &builtin_calendar_driver, "invitations: yes\n", &err));
    assert_error(&err, SB_PARSE, "expected a mail server", "form");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        drive_test(those_invited_each_get_a_request_and_hear_what_changes),
        drive_test(an_invitation_that_is_sent_again_is_the_same),
        drive_test(one_who_is_refused_keeps_nobody_from_being_invited),
        drive_test(a_server_that_takes_nothing_fails_the_step_or_has_it_tried_again),
        drive_test(doctor_signs_in_at_the_mail_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
