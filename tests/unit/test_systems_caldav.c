/* The CalDAV driver, on a server that says what CalDAV servers say. */
#include "smtp_play.h"

#include "systems_play.h"

#include "base/instant.h"
#include "systems/dav.h"
#include "systems/drivers.h"
#include "systems/ical.h"

#define HASH "9pq2p2cn6058q0c1n5netcgrvf" /* of HF-7/step/1 */
#define PATH "/ann/changes/" HASH ".ics"

static void open_with(struct stage *s, const char *more)
{
    _cleanup_buf_ struct buf config = {0};
    buf_printf(&config, "url: %%s/ann/changes/\nuser: ann\n%s", more);
    stage_open(s, &caldav_driver, buf_str(&config));
}

#define CREATE                                                                                            \
    "{\"title\": \"Hotfix Tangerine prod\", \"description\": \"cart\", \"from\": 1707418800000, \"to\": " \
    "1707424200000, \"zone\": \"America/New_York\", \"attendees\": [\"tom@example.com\", \"nobody\"]}"

static const struct doing creates = {.verb = "create", .args = CREATE};
static const struct doing finds = {.verb = "create", .find = true, .args = CREATE};
static const struct doing extends = {.verb = "update",
                                     .args = "{\"event\": \"" HASH "@signalbox\", \"to\": 1707426000000}"};
static const struct doing cancels = {.verb = "cancel", .args = "{\"event\": \"" HASH "@signalbox\"}"};

#define EVENT                                                                                              \
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:" HASH                    \
    "@signalbox\r\nSUMMARY:Hotfix\r\nDTSTART:20240208T190000Z\r\nDTEND:20240208T203000Z\r\nSEQUENCE:0\r\n" \
    "X-THEIRS:kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

static void an_event_is_put_where_its_key_says_if_nothing_is_there(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s, (struct line[]){{"PUT " PATH, "UID:" HASH "@signalbox\r\n", 201, "", NULL}, THE_END},
               creates);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), HASH "@signalbox");
    assert_true(str_ends(json_str(s.result, "url", ""), PATH));
    stage_play(&s, (struct line[]){{"PUT " PATH, "X-SIGNALBOX-KEY:HF-7/step/1\r\n", 412, "", NULL}, THE_END},
               creates);
    assert_outcome(&s, OUTCOME_DONE); /* an earlier request put it there */
    stage_close(&s);
}

static void after_a_crash_the_event_is_found_where_it_lies(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 200, EVENT, NULL}, THE_END}, finds);
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 404, "", NULL}, THE_END}, finds);
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 403, "", NULL}, THE_END}, finds);
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_close(&s);
}

static const struct {
    const char *about;
    int status;
    const char *answer, *header;
    enum outcome_kind kind;
} failures[] = {
    {"wrong password", 401, "", NULL, OUTCOME_FAILED},
    {"no right", 403, "", NULL, OUTCOME_FAILED},
    {"no such calendar", 409, "", NULL, OUTCOME_FAILED},
    {"a fault of theirs", 500, "", NULL, OUTCOME_UNKNOWN},
    {"a redirect, which is not followed", 301, "", "Location: https://elsewhere.example.com/",
     OUTCOME_UNKNOWN},
    {"no room", 507, "", NULL, OUTCOME_UNKNOWN},
};

static void what_is_not_an_answer_is_not_taken_for_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        struct stage s;
        open_with(&s, "");
        stage_play(
            &s,
            (struct line[]){{"PUT " PATH, NULL, failures[i].status, failures[i].answer, failures[i].header},
                            THE_END},
            creates);
        if (s.kind != failures[i].kind)
            fail_msg("%s: outcome %d: %s", failures[i].about, (int)s.kind, s.error.text);
        stage_close(&s);
    }
}

static void an_answer_that_was_lost_is_asked_for_again_and_found(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){{"PUT " PATH, NULL, CUT, NULL, NULL},
                               {"PUT " PATH, NULL, 429, "", "Retry-After: 0"},
                               {"PUT " PATH, NULL, 412, "", NULL},
                               THE_END},
               creates);
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

static void an_event_is_changed_as_it_was_read(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){{"GET " PATH, NULL, 200, EVENT, "ETag: \"1\""},
                               {"PUT " PATH, "DTEND:20240208T210000Z\r\n", 412, "", NULL},
                               {"GET " PATH, NULL, 200, EVENT, "ETag: \"2\""},
                               {"PUT " PATH, "X-THEIRS:kept\r\n", 204, "", NULL},
                               THE_END},
               extends);
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 200, EVENT, NULL}, THE_END},
               (struct doing){.verb = "update",
                              .args = "{\"event\": \"" HASH "@signalbox\", \"title\": \"Hotfix\"}"});
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 404, "", NULL}, THE_END}, extends);
    assert_outcome(&s, OUTCOME_FAILED);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 200, "<html>", NULL}, THE_END}, extends);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "cannot be read");
    stage_play(&s, (struct line[]){THE_END},
               (struct doing){.verb = "update", .args = "{\"event\": \"../bob/secret\", \"to\": 1}"});
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "is no event that Signalbox made");
    stage_close(&s);
}

static void a_cancelled_event_stays_as_cancelled(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){{"GET " PATH, NULL, 200, EVENT, "ETag: \"1\""},
                               {"PUT " PATH, "STATUS:CANCELLED\r\n", 204, "", NULL},
                               THE_END},
               cancels);
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(&s, (struct line[]){{"GET " PATH, NULL, 404, "", NULL}, THE_END}, cancels);
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

/* --- conflicts ---------------------------------------------------------------------------------- */

static const struct doing looks = {
    .verb = "conflicts",
    .args =
        "{\"from\": 1707418800000, \"to\": 1707424200000, \"client\": \"Tangerine\", \"except\": \"mine\"}"};

#define RESPONSE(lines)                                                                                      \
    "<d:response><d:href>/x.ics</d:href><d:propstat><d:prop><d:getetag>\"1\"</d:getetag><cal:calendar-data>" \
    "BEGIN:VCALENDAR&#13;\nVERSION:2.0&#13;\nPRODID:-//x//x//EN&#13;\nBEGIN:VEVENT&#13;\n" lines             \
    "END:VEVENT&#13;\nEND:VCALENDAR&#13;\n</cal:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status>" \
    "</d:propstat></d:response>"
#define MULTISTATUS(responses)                                                                                      \
    "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:cal=\"urn:ietf:params:xml:ns:caldav\">" responses \
    "</d:multistatus>"

static void conflicts_are_what_lies_in_the_time(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "zone: Europe/Berlin\n");
    stage_play(
        &s,
        (struct line[]){
            {"REPORT /ann/changes/", "start=\"20240208T190000Z\" end=\"20240208T203000Z\"", 207,
             MULTISTATUS(
                 RESPONSE("UID:mine\nSUMMARY:Tangerine\nDTSTART:20240208T190000Z\nDTEND:20240208T203000Z\n")
                     RESPONSE(
                         "UID:late\nSUMMARY:Tangerine train\nDTSTART:20240208T200000Z\nDTEND:20240208T220000Z\n")
                         RESPONSE(
                             "UID:off\nSTATUS:CANCELLED\nSUMMARY:Tangerine\nDTSTART:20240208T200000Z\nDTEND:"
                             "20240208T220000Z\n")
                             RESPONSE(
                                 "UID:weekly\nSUMMARY:Deploy freeze\nRRULE:FREQ=WEEKLY\nDTSTART;TZID=America/"
                                 "New_York:20240104T120000\nDTEND;TZID=America/New_York:20240104T180000\n")
                                 RESPONSE(
                                     "UID:plum\nSUMMARY:Plum\nDTSTART:20240208T190000Z\nDTEND:20240208T203000Z\n")
                                     RESPONSE(
                                         "UID:free\nTRANSP:TRANSPARENT\nSUMMARY:Tangerine lunch\nDTSTART:"
                                         "20240208T190000Z\nDTEND:20240208T203000Z\n")),
             NULL},
            THE_END},
        looks);
    assert_outcome(&s, OUTCOME_DONE);
    const json_t *list = json_object_get(s.result, "conflicts");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_str(list, "0.event", ""), "weekly");
    assert_true(json_flag(list, "0.freeze", false));
    assert_int_equal(json_int(list, "0.from", 0), 1707411600000);
    assert_string_equal(json_str(list, "1.event", ""), "late");
    stage_close(&s);
}

static void a_calendar_of_freezes_holds_nothing_else(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "freezes: \"%s/all/freezes/\"\n");
    stage_play(&s,
               (struct line[]){
                   {"REPORT /ann/changes/", NULL, 207, MULTISTATUS(""), NULL},
                   {"REPORT /all/freezes/", NULL, 207,
                    MULTISTATUS(RESPONSE("UID:f\nSUMMARY:Stocktaking\nDTSTART;VALUE=DATE:20240208\n")), NULL},
                   THE_END},
               looks);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "conflicts.0.title", ""), "Stocktaking");
    assert_true(json_flag(s.result, "conflicts.0.freeze", false));
    stage_close(&s);
}

static void an_answer_that_is_no_calendar_is_no_empty_calendar(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer;
        enum outcome_kind kind;
    } rows[] = {
        {207, "<html>", OUTCOME_RETRY},
        {207, "<html></html>", OUTCOME_RETRY},
        {207,
         MULTISTATUS(
             "<d:response><d:href>/x</d:href><d:propstat><d:prop><cal:calendar-data>x</cal:calendar-data>"
             "</d:prop></d:propstat></d:response>"),
         OUTCOME_RETRY},
        {200, "", OUTCOME_RETRY},
        {404, "", OUTCOME_FAILED},
        {401, "", OUTCOME_FAILED},
        {500, "", OUTCOME_RETRY},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        open_with(&s, "");
        stage_play(
            &s,
            (struct line[]){{"REPORT /ann/changes/", NULL, rows[i].status, rows[i].answer, NULL}, THE_END},
            looks);
        if (s.kind != rows[i].kind)
            fail_msg("%zu: outcome %d: %s", i, (int)s.kind, s.error.text);
        stage_close(&s);
    }
}

/* --- XML ---------------------------------------------------------------------------------------- */

static void xml_that_would_grow_or_reach_elsewhere_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *says;
    } rows[] = {
        {"<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><d:multistatus xmlns:d=\"DAV:\">&b;</d:multistatus>",
         "has a DTD"},
        {"<!DOCTYPE d SYSTEM \"file:///etc/passwd\"><d:multistatus xmlns:d=\"DAV:\"/>", "has a DTD"},
        {"<d:multistatus xmlns:d=\"DAV:\">&nothing;</d:multistatus>", "is no XML"},
        {"<multistatus/>", "no WebDAV multistatus"},
        {"", "is no XML"},
        {"<d:multistatus xmlns:d=\"DAV:\">", "is no XML"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct dav_answer answer;
        struct error err = ERROR_NONE;
        if (dav_parse(rows[i].xml, strlen(rows[i].xml), &a, &answer, &err))
            fail_msg("taken: %s", rows[i].xml);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s: %s", rows[i].xml, err.text);
    }
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf deep = {0};
    struct dav_answer answer;
    struct error err = ERROR_NONE;
    buf_adds(&deep, "<d:multistatus xmlns:d=\"DAV:\">");
    for (int i = 0; i < 1000; i++)
        buf_adds(&deep, "<a>");
    assert_false(dav_parse(deep.data, deep.len, &a, &answer, &err));
    assert_error(&err, SB_LIMIT, "nested too deep", "depth");
    buf_clear(&deep);
    buf_adds(&deep, "<d:multistatus xmlns:d=\"DAV:\">");
    for (int i = 0; i < DAV_RESPONSES_MAX + 2; i++)
        buf_adds(&deep, "<d:response/>");
    assert_false(dav_parse(deep.data, deep.len, &a, &answer, &err));
    assert_error(&err, SB_LIMIT, "tells of too much", "number");
}

/* --- invitations, doctor, configuration --------------------------------------------------------- */

static void those_invited_hear_from_us_when_the_server_does_not_tell_them(void **state)
{
    (void)state;
    struct stage s;
    struct smtp mail;
    char more[256];
    smtp_open(&mail, NULL);
    snprintf(more, sizeof more,
             "invitations: {url: \"smtp://127.0.0.1:%d\", tls: none, from: box@example.com}\n", mail.port);
    open_with(&s, more);
    stage_play(&s, (struct line[]){{"PUT " PATH, "SCHEDULE-AGENT=CLIENT", 201, "", NULL}, THE_END}, creates);
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
    smtp_close(&mail);
    assert_int_equal(mail.mails, 1);
    assert_non_null(strstr(mail.heard, "RCPT TO:<tom@example.com>"));
    open_with(&s, "organizer: box@example.com\n");
    stage_play(&s,
               (struct line[]){{"PUT " PATH, "ORGANIZER:mailto:box@example.com\r\n", 201, "", NULL}, THE_END},
               creates);
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

#define PROPERTIES(type, rights)                                                                       \
    MULTISTATUS("<d:response><d:href>/ann/changes/</d:href><d:propstat><d:prop><d:displayname>Changes" \
                "</d:displayname><d:resourcetype><d:collection/>" type "</d:resourcetype>" rights      \
                "</d:prop></d:propstat></d:response>")
#define CAN(right) \
    "<d:current-user-privilege-set><d:privilege><d:" right "/></d:privilege></d:current-user-privilege-set>"

static void doctor_tells_whether_the_calendar_may_be_written(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *answer;
        int state;
        const char *says;
    } rows[] = {
        {207, PROPERTIES("<cal:calendar/>", CAN("write")), CHECK_OK, "Changes"},
        {207, PROPERTIES("<cal:calendar/>", CAN("read")), CHECK_FAIL, "not written"},
        {207, PROPERTIES("<cal:calendar/>", ""), CHECK_OK, "shows at the first change"},
        {207, PROPERTIES("", CAN("all")), CHECK_FAIL, "is no calendar"},
        {207, MULTISTATUS(""), CHECK_FAIL, "tells nothing"},
        {207, "<", CHECK_FAIL, "is no XML"},
        {401, "", CHECK_FAIL, "401"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage s;
        const char *says = "";
        open_with(&s, "");
        stage_doctor(
            &s,
            (struct line[]){{"PROPFIND /ann/changes/", NULL, rows[i].status, rows[i].answer, NULL}, THE_END});
        if (stage_check(&s, "calendar", &says) != rows[i].state || !strstr(says, rows[i].says))
            fail_msg("%zu: %s", i, says);
        assert_int_equal(stage_check(&s, "clock", NULL), CHECK_OK);
        assert_int_equal(stage_check(&s, "invitations", NULL), CHECK_WARN);
        stage_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_put_where_its_key_says_if_nothing_is_there),
        cmocka_unit_test(after_a_crash_the_event_is_found_where_it_lies),
        cmocka_unit_test(what_is_not_an_answer_is_not_taken_for_one),
        cmocka_unit_test(an_answer_that_was_lost_is_asked_for_again_and_found),
        cmocka_unit_test(an_event_is_changed_as_it_was_read),
        cmocka_unit_test(a_cancelled_event_stays_as_cancelled),
        cmocka_unit_test(conflicts_are_what_lies_in_the_time),
        cmocka_unit_test(a_calendar_of_freezes_holds_nothing_else),
        cmocka_unit_test(an_answer_that_is_no_calendar_is_no_empty_calendar),
        cmocka_unit_test(xml_that_would_grow_or_reach_elsewhere_is_refused),
        cmocka_unit_test(those_invited_hear_from_us_when_the_server_does_not_tell_them),
        cmocka_unit_test(doctor_tells_whether_the_calendar_may_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
