/* The text of a mail: nothing slips into its headers, and every reader gets back what was written. */
#include "check.h"

#include "net/message.h"
#include <stdio.h>

static const char *const to[] = {"ann@example.com", "bob@example.com", NULL};

static struct message usual(void)
{
    return (struct message){.from = "box@example.com",
                            .to = to,
                            .subject = "HF-7: it starts",
                            .id = "abc@example.com",
                            .date = 1707418800000,
                            .text = "Hello\n"};
}

static const char *made(struct message m, struct arena *a)
{
    struct error err = ERROR_NONE;
    const char *text = message_text(&m, a, &err);
    if (!text)
        fail_msg("%s", err.text);
    return text;
}

static void a_mail_has_the_headers_that_it_must_have(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    assert_string_equal(made(usual(), &a), "Date: Thu, 8 Feb 2024 19:00:00 +0000\r\n"
                                           "From: box@example.com\r\n"
                                           "To: ann@example.com,\r\n bob@example.com\r\n"
                                           "Subject: HF-7: it starts\r\n"
                                           "Message-ID: <abc@example.com>\r\n"
                                           "Auto-Submitted: auto-generated\r\n"
                                           "MIME-Version: 1.0\r\n"
                                           "Content-Type: text/plain; charset=utf-8\r\n"
                                           "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                                           "Hello\r\n");
}

static void an_answer_names_the_mails_before_it(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const char *ids[40] = {NULL};
    struct message m = usual();
    for (int i = 0; i < 30; i++)
        ids[i] = arena_printf(&a, "m%d@example.com", i);
    m.references = ids;
    const char *text = made(m, &a);
    assert_non_null(strstr(text, "In-Reply-To: <m29@example.com>\r\n"));
    assert_non_null(strstr(text, "References: <m0@example.com>\r\n <m11@example.com>\r\n"));
    assert_null(strstr(text, "<m10@"));
    assert_null(strstr(text, "\r\n\r\n <"));
}

static const struct {
    const char *subject, *line;
} subjects[] = {
    {"a\r\nBcc: everybody@example.com", "Subject: =?UTF-8?B?YSAgQmNjOiBldmVyeWJvZHlAZXhhbXBsZS5jb20=?=\r\n"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"},
    {"broken \xc3", "Subject: =?UTF-8?B?YnJva2VuICA=?=\r\n"},
    {"=?UTF-8?B?eA==?=", "Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=\r\n"},
    {"", "Subject: \r\n"},
};

static void a_subject_cannot_become_another_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        struct message m = usual();
        m.subject = subjects[i].subject;
        const char *text = made(m, &a);
        if (!strstr(text, subjects[i].line))
            fail_msg("%s: %s", subjects[i].line, text);
        assert_null(strstr(text, "\nBcc:"));
    }
}

static void no_line_of_a_header_is_too_long(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    char plain[600], wide[600];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = i % 9 == 8 ? ' ' : 'x';
    plain[sizeof plain - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof wide; i += 2)
        memcpy(wide + i, "\xc3\xa9", 3);
    const char *const both[] = {plain, wide};
    for (size_t k = 0; k < 2; k++) {
        struct message m = usual();
        m.subject = both[k];
        m.from_name = wide;
        const char *text = made(m, &a), *body = strstr(text, "\r\n\r\n");
        for (const char *line = text; line < body; line = strstr(line, "\r\n") + 2)
            assert_true(strstr(line, "\r\n") - line <= 78);
    }
}

static void a_text_is_quoted_so_that_every_byte_arrives(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct message m = usual();
    m.text = "a = b \r\nend\xc3\xa9\t\n.\n\n"
             "0123456789012345678901234567890123456789012345678901234567890123456789012345678901";
    const char *body = strstr(made(m, &a), "\r\n\r\n") + 4;
    assert_string_equal(body,
                        "a =3D b=20\r\nend=C3=A9=09\r\n.\r\n\r\n"
                        "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n"
                        "5678901\r\n");
}

static void an_invitation_stands_beside_the_text(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    struct message m = usual();
    m.calendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    m.method = "REQUEST";
    const char *text = made(m, &a);
    assert_non_null(strstr(text, "Content-Type: multipart/alternative; boundary=\"=_"));
    assert_non_null(strstr(text, "Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n"));
    assert_non_null(strstr(text, "QkVHSU46VkNBTEVOREFSDQpFTkQ6VkNBTEVOREFSDQo="));
    assert_non_null(strstr(text, "--\r\n"));
}

static const struct {
    const char *address;
    bool ok;
} addresses[] = {
    {"ann@example.com", true},
    {"ann+box@mail.example.com", true},
    {"o'neil_1@example-1.com", true},
    {"", false},
    {"ann", false},
    {"@example.com", false},
    {"ann@", false},
    {"ann@.example.com", false},
    {"ann@example.com\r\nRCPT TO:<x@y>", false},
    {"ann@example.com> SIZE=1", false},
    {"Ann <ann@example.com>", false},
    {"\"a b\"@example.com", false},
    {"ann@exa mple.com", false},
    {"ann@b@example.com", false},
    {"\xc3\xa9@example.com", false},
    {"ann@[127.0.0.1]", false},
};

static void an_address_is_one_bare_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(addresses); i++)
        if (mail_address_ok(addresses[i].address) != addresses[i].ok)
            fail_msg("%s", addresses[i].address);
    assert_false(mail_address_ok(NULL));
}

static void what_cannot_be_a_mail_is_refused(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const char *bad_to[] = {"ann@example.com\nx", NULL}, *bad_id[] = {"a b@c", NULL};
    struct error err = ERROR_NONE;
    struct message m = usual();
    m.to = bad_to;
    assert_null(message_text(&m, &a, &err));
    assert_error(&err, SB_RANGE, "is no mail address", "to");
    m = usual();
    m.references = bad_id;
    assert_null(message_text(&m, &a, &err));
    assert_error(&err, SB_RANGE, "is no message's id", "references");
    m = usual();
    m.id = "x>\r\n@y";
    assert_null(message_text(&m, &a, &err));
    m = usual();
    m.calendar = "x";
    m.method = "REQUEST\r\nX: y";
    assert_null(message_text(&m, &a, &err));
    m = usual();
    char *large = arena_alloc(&a, MESSAGE_MAX + 2);
    memset(large, 'x', MESSAGE_MAX + 1);
    m.text = large;
    assert_null(message_text(&m, &a, &err));
    assert_error(&err, SB_LIMIT, "more than", "text");
}

static void a_key_gives_the_same_id_whenever_it_is_asked(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const char *id = message_id_of("HF-7/announce/1#all", "box@example.com", &a);
    assert_string_equal(id, message_id_of("HF-7/announce/1#all", "box@example.com", &a));
    assert_string_not_equal(id, message_id_of("HF-7/announce/2#all", "box@example.com", &a));
    struct message m = usual();
    m.id = id;
    assert_non_null(strstr(made(m, &a), "signalbox@example.com>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_the_headers_that_it_must_have),
        cmocka_unit_test(an_answer_names_the_mails_before_it),
        cmocka_unit_test(a_subject_cannot_become_another_header),
        cmocka_unit_test(no_line_of_a_header_is_too_long),
        cmocka_unit_test(a_text_is_quoted_so_that_every_byte_arrives),
        cmocka_unit_test(an_invitation_stands_beside_the_text),
        cmocka_unit_test(an_address_is_one_bare_address),
        cmocka_unit_test(what_cannot_be_a_mail_is_refused),
        cmocka_unit_test(a_key_gives_the_same_id_whenever_it_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
