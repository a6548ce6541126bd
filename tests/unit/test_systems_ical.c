/* iCalendar, written and read: times in their zones, what repeats, and texts that are none. */
#include "check.h"

#include "base/instant.h"
#include "base/json.h"
#include "systems/ical.h"
#include <stdio.h>

static int64_t at(const char *text)
{
    int64_t ms = 0;
    if (!instant_parse_rfc3339(text, &ms, NULL))
        fail_msg("%s is no moment", text);
    return ms;
}

struct seen {
    int n;
    char list[2048]; /* "title FROM TO; " in the order told */
    struct ical_found last;
};

static void see(void *ctx, const struct ical_found *f)
{
    struct seen *s = ctx;
    char from[32], to[32];
    size_t n = strlen(s->list);
    instant_rfc3339(f->from, from);
    instant_rfc3339(f->to, to);
    (void)snprintf(s->list + n, sizeof s->list - n, "%s%s %s %s", s->n ? "; " : "", f->title, from, to);
    s->n++;
    s->last = *f;
}

static const struct {
    const char *about, *lines, *from, *to, *seen;
} rows[] = {
    {"in UTC", "DTSTART:20240208T190000Z\r\nDTEND:20240208T203000Z\r\n", "2024-02-08T20:00:00Z",
     "2024-02-08T21:00:00Z", "x 2024-02-08T19:00:00Z 2024-02-08T20:30:00Z"},
    {"outside", "DTSTART:20240208T190000Z\r\nDTEND:20240208T203000Z\r\n", "2024-02-08T20:30:00Z",
     "2024-02-08T21:00:00Z", ""},
    {"in a zone", "DTSTART;TZID=America/New_York:20240208T140000\r\nDURATION:PT90M\r\n",
     "2024-02-08T20:00:00Z", "2024-02-08T21:00:00Z", "x 2024-02-08T19:00:00Z 2024-02-08T20:30:00Z"},
    {"in a zone with a longer name",
     "DTSTART;TZID=/example.org/20240101/America/New_York:20240208T140000\r\nDTEND;TZID=/example.org/20240101/"
     "America/New_York:20240208T153000\r\n",
     "2024-02-08T20:00:00Z", "2024-02-08T21:00:00Z", "x 2024-02-08T19:00:00Z 2024-02-08T20:30:00Z"},
    {"in a zone that nobody knows: the calendar's own",
     "DTSTART;TZID=Their Time:20240208T140000\r\nDTEND;TZID=Their Time:20240208T153000\r\n",
     "2024-02-08T13:00:00Z", "2024-02-08T14:00:00Z", "x 2024-02-08T13:00:00Z 2024-02-08T14:30:00Z"},
    {"from one zone into another",
     "DTSTART;TZID=Europe/Berlin:20240208T140000\r\nDTEND;TZID=America/New_York:20240208T140000\r\n",
     "2024-02-08T18:00:00Z", "2024-02-08T19:00:00Z", "x 2024-02-08T13:00:00Z 2024-02-08T19:00:00Z"},
    {"a day, in the calendar's zone", "DTSTART;VALUE=DATE:20240208\r\n", "2024-02-08T22:00:00Z",
     "2024-02-08T22:30:00Z", "x 2024-02-07T23:00:00Z 2024-02-08T23:00:00Z"},
    {"days", "DTSTART;VALUE=DATE:20240208\r\nDTEND;VALUE=DATE:20240210\r\n", "2024-02-09T22:00:00Z",
     "2024-02-09T22:30:00Z", "x 2024-02-07T23:00:00Z 2024-02-09T23:00:00Z"},
    {"every week, over a clock change",
     "DTSTART;TZID=America/New_York:20240105T180000\r\nDTEND;TZID=America/New_York:20240108T060000\r\nRRULE:FREQ="
     "WEEKLY;BYDAY=FR\r\n",
     "2024-03-11T09:59:00Z", "2024-03-11T10:30:00Z", "x 2024-03-08T23:00:00Z 2024-03-11T10:00:00Z"},
    {"two occurrences in the time",
     "DTSTART:20240101T100000Z\r\nDTEND:20240101T110000Z\r\nRRULE:FREQ=DAILY;UNTIL=20240301T000000Z\r\n",
     "2024-02-08T00:00:00Z", "2024-02-10T00:00:00Z",
     "x 2024-02-08T10:00:00Z 2024-02-08T11:00:00Z; x 2024-02-09T10:00:00Z 2024-02-09T11:00:00Z"},
    {"one of them left out",
     "DTSTART;TZID=Europe/Berlin:20240101T110000\r\nDTEND;TZID=Europe/Berlin:20240101T120000\r\nRRULE:FREQ=DAILY\r\n"
     "EXDATE;TZID=Europe/Berlin:20240208T110000\r\n",
     "2024-02-08T00:00:00Z", "2024-02-10T00:00:00Z", "x 2024-02-09T10:00:00Z 2024-02-09T11:00:00Z"},
    {"left out by a moment",
     "DTSTART;TZID=Europe/Berlin:20240101T110000\r\nDTEND;TZID=Europe/Berlin:20240101T120000\r\nRRULE:FREQ=DAILY\r\n"
     "EXDATE:20240208T100000Z\r\n",
     "2024-02-08T00:00:00Z", "2024-02-10T00:00:00Z", "x 2024-02-09T10:00:00Z 2024-02-09T11:00:00Z"},
    {"one of them moved",
     "DTSTART:20240101T100000Z\r\nDTEND:20240101T110000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:u\r\n"
     "SUMMARY:moved\r\nRECURRENCE-ID:20240208T100000Z\r\nDTSTART:20240208T150000Z\r\nDTEND:20240208T160000Z\r\n",
     "2024-02-08T00:00:00Z", "2024-02-09T00:00:00Z", "moved 2024-02-08T15:00:00Z 2024-02-08T16:00:00Z"},
    {"no begin", "DTEND:20240208T203000Z\r\n", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", ""},
    {"an end before it", "DTSTART:20240208T190000Z\r\nDTEND:20240208T180000Z\r\n", "2024-01-01T00:00:00Z",
     "2025-01-01T00:00:00Z", ""},
    {"a rule that is none", "DTSTART:20240208T190000Z\r\nDTEND:20240208T200000Z\r\nRRULE:FREQ=SECONDLY\r\n",
     "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", ""},
};

static void an_event_is_when_its_own_clock_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[2048];
        struct seen s = {0};
        struct error err = ERROR_NONE;
        int n = snprintf(
            text, sizeof text,
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:u\r\nSUMMARY:x\r\n"
            "%sEND:VEVENT\r\nEND:VCALENDAR\r\n",
            rows[i].lines);
        if (!ical_read(text, (size_t)n, "Europe/Berlin", at(rows[i].from), at(rows[i].to), see, &s, &err))
            fail_msg("%s: %s", rows[i].about, err.text);
        if (strcmp(s.list, rows[i].seen) != 0)
            fail_msg("%s: \"%s\"", rows[i].about, s.list);
    }
}

static struct ical_event usual(void)
{
    return (struct ical_event){.uid = "u@signalbox",
                               .title = "Hotfix; cart, prod\r\nEND:VEVENT",
                               .description = "eins \xc3\xa4, zwei\n\x01 drei",
                               .url = "https://box.example/changes/HF-7",
                               .key = "HF-7/calendar/1",
                               .from = at("2024-02-08T19:00:00Z"),
                               .to = at("2024-02-08T20:30:00Z"),
                               .stamp = at("2024-02-01T00:00:00Z"),
                               .sequence = 3};
}

static void what_is_written_is_read_as_it_was(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct ical_event e = usual();
    struct seen s = {0};
    struct error err = ERROR_NONE;
    char *text = ical_text(&e, 1, NULL, NULL, &a);
    assert_true(ical_read(text, strlen(text), "UTC", e.from, e.to, see, &s, &err));
    assert_int_equal(s.n, 1);
    assert_int_equal(s.last.sequence, 3);
    assert_string_equal(s.list, "Hotfix; cart, prod\nEND:VEVENT 2024-02-08T19:00:00Z 2024-02-08T20:30:00Z");
    assert_int_equal(strncmp(text, "BEGIN:VCALENDAR\r\n", 17), 0);
    for (const char *line = text; *line; line = strstr(line, "\r\n") + 2)
        assert_true(strstr(line, "\r\n") - line <= 75);
}

static void nothing_in_a_text_becomes_a_line_of_its_own(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct ical_event e = usual();
    _cleanup_json_ json_t *people =
        json_pack("[s, s, s]", "ann@example.com", "x@y\r\nATTENDEE:mailto:eve@z", "nobody");
    e.url = "https://x.example/\r\nX-EVIL:1";
    e.organizer = "box@example.com";
    e.attendees = people;
    const char *text = ical_text(&e, 1, "REQUEST", "Changes\r\nX-EVIL:2", &a);
    assert_null(strstr(text, "X-EVIL:1"));
    assert_null(strstr(text, "\nX-EVIL"));
    assert_null(strstr(text, "eve@z"));
    assert_non_null(strstr(text, "METHOD:REQUEST\r\n"));
    assert_non_null(strstr(text, "ORGANIZER:mailto:box@example.com\r\n"));
    assert_non_null(strstr(text, "RSVP=TRUE"));
    assert_non_null(strstr(text, "ann@example.com"));
    e.organizer = NULL;
    assert_null(strstr(ical_text(&e, 1, NULL, NULL, &a), "ATTENDEE"));
}

static void an_edit_changes_what_it_names_and_counts_itself(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    bool changed;
    static const char theirs[] =
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:u\r\nSUMMARY:old\r\n"
        "DTSTART;TZID=America/New_York:20240208T140000\r\nDURATION:PT90M\r\nSEQUENCE:4\r\nX-THEIRS:kept\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n";
    const struct ical_edit same = {.title = "old", .from = at("2024-02-08T19:00:00Z"), .to = -1};
    const char *text = ical_edited(theirs, &same, 0, &a, &changed, &err);
    assert_non_null(text);
    assert_false(changed);
    const struct ical_edit longer = {.title = "new", .from = -1, .to = at("2024-02-08T22:00:00Z")};
    text = ical_edited(theirs, &longer, at("2024-02-08T20:00:00Z"), &a, &changed, &err);
    assert_true(changed);
    assert_non_null(strstr(text, "SUMMARY:new\r\n"));
    assert_non_null(strstr(text, "DTSTART:20240208T190000Z\r\n"));
    assert_non_null(strstr(text, "DTEND:20240208T220000Z\r\n"));
    assert_non_null(strstr(text, "SEQUENCE:5\r\n"));
    assert_non_null(strstr(text, "DTSTAMP:20240208T200000Z\r\n"));
    assert_non_null(strstr(text, "X-THEIRS:kept\r\n"));
    assert_null(strstr(text, "DURATION"));
    const struct ical_edit off = {.from = -1, .to = -1, .cancel = true};
    text = ical_edited(text, &off, 0, &a, &changed, &err);
    assert_true(changed);
    assert_non_null(strstr(text, "STATUS:CANCELLED\r\n"));
    assert_non_null(ical_edited(text, &off, 0, &a, &changed, &err));
    assert_false(changed);
    assert_null(ical_edited("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", &off, 0, &a, &changed, &err));
    assert_error(&err, SB_PARSE, "holds no event", "edit");
}

static void a_text_that_is_no_calendar_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "BEGIN:VCARD\r\nEND:VCARD\r\n", "<html>", "BEGIN:VCALENDAR"};
    struct seen s = {0};
    struct error err = ERROR_NONE;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (ical_read(texts[i], strlen(texts[i]), "UTC", 0, DAYS(1), see, &s, &err) && s.n)
            fail_msg("%s", texts[i]);
    assert_false(ical_read("BEGIN:VCALENDAR\0X", 17, "UTC", 0, 1, see, &s, &err));
    assert_error(&err, SB_LIMIT, "NULs", "NUL");
    static const char ends[] = "END:VEVENT\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    assert_false(ical_read(ends, sizeof ends - 1, "UTC", 0, 1, see, &s, &err));
    assert_error(&err, SB_PARSE, "ends before it begins", "END");
    _cleanup_arena_ struct arena a = arena_make();
    enum { DEPTH = 9000 };
    char *deep = arena_alloc(&a, DEPTH * 17 + 1);
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(deep + i * 17, "BEGIN:VCALENDAR\r\n", 17);
    assert_false(ical_read(deep, DEPTH * 17, "UTC", 0, 1, see, &s, &err));
    assert_error(&err, SB_LIMIT, "nested too deep", "depth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_when_its_own_clock_says),
        cmocka_unit_test(what_is_written_is_read_as_it_was),
        cmocka_unit_test(nothing_in_a_text_becomes_a_line_of_its_own),
        cmocka_unit_test(an_edit_changes_what_it_names_and_counts_itself),
        cmocka_unit_test(a_text_that_is_no_calendar_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
