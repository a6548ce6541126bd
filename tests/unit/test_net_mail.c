/* Sending mail: what a server's words mean for whether it has the mail, and what never goes over the wire. */
#include "smtp_play.h"

#include "net/mail.h"

static const char text[] = "Subject: x\r\n\r\n.dot\r\nend\r\n";
static const char *const people[] = {"ann@example.com", "bob@example.com", NULL};

struct got {
    int calls;
    struct mail_reply reply;
};

static void got_it(void *ctx, const struct mail_reply *r)
{
    struct got *g = ctx;
    g->calls++;
    g->reply = *r;
}

static struct mailer *mailer(struct loop *l, int port, bool plain, int total_ms)
{
    char url[64];
    struct error err = ERROR_NONE;
    snprintf(url, sizeof url, "smtp://127.0.0.1:%d", port);
    struct mailer *m = mailer_new(
        l, &(struct mailer_options){.name = "mail", .url = url, .plain = plain, .total_ms = total_ms}, &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

static const struct mail usual = {.from = "box@example.com", .to = people, .text = text, .what = "post"};

static struct got sent(const struct smtp_line *lines, struct smtp *s)
{
    struct loop *l = loop_new();
    smtp_open(s, lines);
    struct mailer *m = mailer(l, s->port, true, 3000);
    struct got g = {0};
    mail_send(m, &usual, got_it, &g);
    assert_int_equal(g.calls, 0); /* never from inside */
    while (!g.calls)
        loop_once(l, true);
    mailer_free(m);
    loop_free(l);
    smtp_close(s);
    return g;
}

static void a_mail_arrives_as_it_was_written(void **state)
{
    (void)state;
    struct smtp s;
    struct got g = sent(NULL, &s);
    assert_int_equal(g.reply.kind, MAIL_TAKEN);
    assert_int_equal(s.mails, 1);
    assert_non_null(strstr(s.heard, "MAIL FROM:<box@example.com>"));
    assert_non_null(strstr(s.heard, "RCPT TO:<ann@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"));
    assert_non_null(strstr(s.heard, "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n"));
}

static const struct {
    const char *about;
    struct smtp_line line;
    enum mail_kind kind;
    int mails;
    const char *says;
} answers[] = {
    {"nobody of that name",
     {"RCPT TO:<bob", "550 5.1.1 no such user here"},
     MAIL_REFUSED,
     0,
     "no such user here"},
    {"not now", {"RCPT TO:<bob", "451 4.7.1 greylisted"}, MAIL_LATER, 0, "greylisted"},
    {"not from you", {"MAIL", "553 5.7.1 sender rejected"}, MAIL_REFUSED, 0, "sender rejected"},
    {"the mail itself, for good", {".", "554 5.6.0 looks bad"}, MAIL_REFUSED, 1, "looks bad"},
    {"the mail itself, for now", {".", "452 4.3.1 disk full"}, MAIL_LATER, 1, "disk full"},
    {"cut before the mail", {"DATA", NULL}, MAIL_LATER, 0, "post"},
    {"cut after the mail", {".", NULL}, MAIL_UNKNOWN, 1, "post"},
    {"cut at the greeting", {"EHLO", NULL}, MAIL_LATER, 0, "post"},
};

static void what_the_server_says_decides_whether_it_has_the_mail(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct smtp s;
        struct smtp_line lines[] = {answers[i].line, {NULL, NULL}};
        struct got g = sent(lines, &s);
        if (g.reply.kind != answers[i].kind || s.mails != answers[i].mails)
            fail_msg("%s: %d: %s; %d mails", answers[i].about, (int)g.reply.kind, g.reply.error.text,
                     s.mails);
        if (!strstr(g.reply.error.text, answers[i].says))
            fail_msg("%s: says %s", answers[i].about, g.reply.error.text);
    }
}

static void nothing_is_said_to_a_server_without_tls(void **state)
{
    (void)state;
    struct smtp s;
    struct loop *l = loop_new();
    smtp_open(&s, NULL);
    struct mailer *m = mailer(l, s.port, false, 3000);
    struct got g = {0};
    mail_send(m, &usual, got_it, &g);
    while (!g.calls)
        loop_once(l, true);
    assert_int_equal(g.reply.kind, MAIL_REFUSED);
    assert_non_null(strstr(g.reply.error.text, "offers no STARTTLS"));
    assert_null(strstr(s.heard, "MAIL"));
    mailer_free(m);
    loop_free(l);
    smtp_close(&s);
}

static void mails_go_one_after_the_other_and_a_cancelled_one_is_not_told(void **state)
{
    (void)state;
    struct smtp s;
    struct loop *l = loop_new();
    smtp_open(&s, NULL);
    struct mailer *m = mailer(l, s.port, true, 3000);
    struct got g[3] = {0};
    mail_send(m, &usual, got_it, &g[0]);
    struct mail_call *second = mail_send(m, &usual, got_it, &g[1]);
    mail_send(m, &usual, got_it, &g[2]);
    mail_cancel(second);
    while (!g[2].calls)
        loop_once(l, true);
    assert_int_equal(g[0].calls, 1);
    assert_int_equal(g[1].calls, 0);
    assert_int_equal(s.mails, 2);
    mailer_free(m);
    loop_free(l);
    smtp_close(&s);
}

static void a_mailer_that_is_freed_lets_go_of_a_server_that_says_nothing(void **state)
{
    (void)state;
    struct smtp s;
    struct got g = {0};
    struct loop *l = loop_new();
    smtp_open(&s, (struct smtp_line[]){{NULL, NULL}});
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof where;
    assert_int_equal(bind(silent, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(silent, 1), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&where, &n), 0);
    struct mailer *m = mailer(l, ntohs(where.sin_port), true, 3000);
    mail_send(m, &usual, got_it, &g);
    loop_once(l, true); /* it flies */
    mailer_free(m);
    loop_free(l);
    assert_int_equal(g.calls, 0);
    close(silent);
    smtp_close(&s);
}

static void a_server_that_says_nothing_is_not_waited_for_beyond_the_limit(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof where;
    assert_int_equal(bind(silent, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(silent, 1), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&where, &n), 0);
    struct mailer *m = mailer(l, ntohs(where.sin_port), true, 200);
    struct got g = {0};
    mail_send(m, &usual, got_it, &g);
    while (!g.calls)
        loop_once(l, true);
    assert_int_equal(g.reply.kind, MAIL_LATER);
    mailer_free(m);
    loop_free(l);
    close(silent);
}

static void an_address_that_is_none_never_reaches_the_server(void **state)
{
    (void)state;
    struct smtp s;
    struct loop *l = loop_new();
    smtp_open(&s, NULL);
    struct mailer *m = mailer(l, s.port, true, 3000);
    static const char *const bad[] = {"ann@example.com>\r\nRCPT TO:<eve@example.com", NULL};
    static const char *const nobody[] = {NULL};
    struct got g = {0};
    struct mail mail = usual;
    mail.to = bad;
    mail_send(m, &mail, got_it, &g);
    while (!g.calls)
        loop_once(l, true);
    assert_int_equal(g.reply.kind, MAIL_REFUSED);
    assert_non_null(strstr(g.reply.error.text, "is no mail address"));
    g.calls = 0;
    mail.to = nobody;
    mail_send(m, &mail, got_it, &g);
    while (!g.calls)
        loop_once(l, true);
    assert_int_equal(g.reply.kind, MAIL_REFUSED);
    mailer_free(m);
    loop_free(l);
    smtp_close(&s);
    assert_string_equal(s.heard, "");
}

static void a_probe_signs_in_and_leaves_no_mail(void **state)
{
    (void)state;
    struct smtp s;
    struct loop *l = loop_new();
    smtp_open(&s, NULL);
    struct mailer *m = mailer(l, s.port, true, 3000);
    struct got g = {0};
    mail_probe(m, got_it, &g);
    while (!g.calls)
        loop_once(l, true);
    assert_int_equal(g.reply.kind, MAIL_TAKEN);
    assert_int_equal(s.mails, 0);
    assert_non_null(strstr(s.heard, "NOOP"));
    mailer_free(m);
    loop_free(l);
    smtp_close(&s);
}

static const char *const bad_urls[] = {
    "http://mail.example.com",
    "smtp://",
    "mail.example.com",
    "smtp://user:secret@mail.example.com",
    "smtp://mail.example.com/x",
    "smtp://mail.example.com?x",
    "",
};

static void a_server_is_named_without_a_password(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct error err = ERROR_NONE;
    for (size_t i = 0; i < COUNT_OF(bad_urls); i++)
        if (mailer_new(l, &(struct mailer_options){.name = "mail", .url = bad_urls[i]}, &err))
            fail_msg("%s", bad_urls[i]);
    assert_error(&err, SB_PARSE, "smtps://mail.example.com:465", "url");
    assert_null(mailer_new(
        l,
        &(struct mailer_options){
            .name = "mail", .url = "smtp://127.0.0.1:25", .plain = true, .user = "box", .secret = {"env:X"}},
        &err));
    assert_error(&err, SB_RANGE, "without TLS nobody signs in", "plain");
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_arrives_as_it_was_written),
        cmocka_unit_test(what_the_server_says_decides_whether_it_has_the_mail),
        cmocka_unit_test(nothing_is_said_to_a_server_without_tls),
        cmocka_unit_test(mails_go_one_after_the_other_and_a_cancelled_one_is_not_told),
        cmocka_unit_test(a_mailer_that_is_freed_lets_go_of_a_server_that_says_nothing),
        cmocka_unit_test(a_server_that_says_nothing_is_not_waited_for_beyond_the_limit),
        cmocka_unit_test(an_address_that_is_none_never_reaches_the_server),
        cmocka_unit_test(a_probe_signs_in_and_leaves_no_mail),
        cmocka_unit_test(a_server_is_named_without_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
