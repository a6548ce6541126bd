/* Events as they happen: nothing missed, nothing twice, however often a reader comes back. */
#include "api_play.h"

/* Opens a stream over the local socket; `headers` besides Host. */
static struct raw *stream_open(struct play *p, const char *path, const char *headers)
{
    struct raw *raw = calloc(1, sizeof *raw);
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s\r\n", path,
               headers);
    raw_connect_unix(raw, p->socket);
    raw_send(raw, buf_str(&b));
    if (!raw_wait(raw, p->loop, "retry: 1000\n\n", 5000))
        fail_msg("no stream: %s", raw->in);
    return raw;
}

static void stream_close(struct raw *raw)
{
    raw_close(raw);
    free(raw);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

static void sees(struct play *p, struct raw *raw, const char *text)
{
    if (!raw_wait(raw, p->loop, text, 5000))
        fail_msg("\"%s\" never came: %s", text, raw->in);
}

static void note(struct play *p, const char *text)
{
    char body[128];
    snprintf(body, sizeof body, "{\"text\": \"%s\"}", text);
    must(p, "POST", "/api/v1/changes/HF-1/note", body, 200);
}

static int64_t last_number(struct play *p, const char *change)
{
    const struct change *c = engine_fold(p->engine, change, NULL);
    assert_non_null(c);
    return c->control.seq;
}

static void a_stream_of_a_change_is_its_record_and_then_what_happens(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    int had = (int)last_number(p, "HF-1");
    struct raw *raw = stream_open(p, "/api/v1/changes/HF-1/events", "");
    sees(p, raw, "asked: Go on for acme?");
    assert_non_null(strstr(raw->in, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(raw->in, "id: HF-1:1\ndata: {"));
    assert_int_equal(count(raw->in, "\ndata: "), had);
    note(p, "first");
    sees(p, raw, "note: first (ann)");
    note(p, "second");
    sees(p, raw, "note: second (ann)");
    assert_int_equal(count(raw->in, "\ndata: "), had + 2);
    assert_int_equal(count(raw->in, "\"hash\":"), had + 2 + 1); /* the page has one as well */
    assert_int_equal(count(raw->in, "\"change\":\"HF-1\""), had + 2);
    stream_close(raw);
    play_end(p);
}

static void a_stream_goes_on_where_its_reader_stood(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    static const struct {
        const char *path, *header;
        int first; /* number of the first event that comes */
    } rows[] = {
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: HF-1:2\r\n", 3},
        {"/api/v1/changes/HF-1/events?from=2", "Last-Event-ID: HF-1:2\r\n", 3},
        {"/api/v1/changes/HF-1/events?from=2", "", 2},
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: HF-2:2\r\n", 1},
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: nonsense\r\n", 1},
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: HF-1:\r\n", 1},
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: :2\r\n", 1},
        {"/api/v1/changes/HF-1/events", "Last-Event-ID: HF-1:-2\r\n", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct raw *raw = stream_open(p, rows[i].path, rows[i].header);
        char id[64], mark[32];
        snprintf(mark, sizeof mark, "mark %zu", i);
        note(p, mark);
        sees(p, raw, mark);
        const char *first = strstr(raw->in, "\nid: ");
        assert_non_null(first);
        snprintf(id, sizeof id, "\nid: HF-1:%d\n", rows[i].first);
        if (strncmp(first, id, strlen(id)) != 0)
            fail_msg("row %zu: begins with %.20s", i, first + 1);
        stream_close(raw);
    }
    play_end(p);
}

static void a_reader_who_claims_the_future_gets_what_comes_next(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    struct raw *raw =
        stream_open(p, "/api/v1/changes/HF-1/events", "Last-Event-ID: HF-1:9223372036854775807\r\n");
    note(p, "after all");
    sees(p, raw, "after all");
    assert_int_equal(count(raw->in, "\ndata: "), 1);
    stream_close(raw);
    play_end(p);
}

static void a_stream_of_a_change_that_is_not_there_is_a_problem(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct raw *raw = calloc(1, sizeof *raw);
    raw_connect_unix(raw, p->socket);
    raw_send(
        raw,
        "GET /api/v1/changes/HF-3/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    sees(p, raw, "HTTP/1.1 404");
    stream_close(raw);
    play_end(p);
}

static void a_long_record_is_sent_whole_to_a_reader_who_takes_it_slowly(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    char text[8001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    char *body = malloc(sizeof text + 32);
    sprintf(body, "{\"text\": \"%s\"}", text);
    for (int i = 0; i < 300; i++)
        must(p, "POST", "/api/v1/changes/HF-1/note", body, 200);
    free(body);
    note(p, "the last one");
    struct raw *raw = stream_open(p, "/api/v1/changes/HF-1/events", "");
    turn(p->loop, 200); /* nothing is taken meanwhile; the server must not read 5 MB ahead */
    assert_true(p->api->subscribers != NULL);
    size_t want = 300u * 2u * 8000u; /* each twice: in its data and in its text */
    for (int64_t end = loop_mono_ms() + 20000; raw->all < want && loop_mono_ms() < end;) {
        loop_once(p->loop, false);
        raw_take(raw);
        assert_false(raw->eof || raw->reset);
    }
    assert_true(raw->all >= want);
    stream_close(raw);
    play_end(p);
}

static void a_stream_of_all_changes_has_only_what_happens(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    struct raw *raw = stream_open(p, "/api/v1/events", "");
    note(p, "one");
    sees(p, raw, "note: one (ann)");
    must(p, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 201);
    sees(p, raw, "id: HF-2:1\ndata: {");
    assert_int_equal(count(raw->in, "\ndata: "), 2);
    assert_int_equal(count(raw->in, "\"change\":\"HF-1\""), 1);
    stream_close(raw);
    play_end(p);
}

static void a_reader_of_all_changes_who_comes_back_gets_what_it_missed(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    note(p, "seen");
    char header[64];
    snprintf(header, sizeof header, "Last-Event-ID: HF-1:%d\r\n", (int)last_number(p, "HF-1"));
    must(p, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 201);
    note(p, "missed");
    struct raw *raw = stream_open(p, "/api/v1/events", header);
    sees(p, raw, "note: missed (ann)");
    assert_int_equal(count(raw->in, "\ndata: "), 2);
    assert_non_null(strstr(raw->in, "id: HF-2:1\n"));
    assert_null(strstr(raw->in, "event: reset"));
    stream_close(raw);
    play_end(p);
}

static void a_reader_who_was_away_for_too_long_is_told_to_look_anew(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    for (int i = 0; i < 300; i++)
        note(p, "more");
    static const char *const headers[] = {"Last-Event-ID: HF-1:1\r\n", "Last-Event-ID: HF-9:9\r\n",
                                          "Last-Event-ID: nonsense\r\n"};
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        struct raw *raw = stream_open(p, "/api/v1/events", headers[i]);
        sees(p, raw, "event: reset\ndata: {}\n\n");
        note(p, "now");
        sees(p, raw, "note: now");
        stream_close(raw);
    }
    play_end(p);
}

static void a_reader_sees_only_the_changes_that_are_its_business(void **state)
{
    (void)state;
    char config[256];
    struct play *p = NULL;
    /* The tests' own user is the one at the other end of the socket. */
    _cleanup_buf_ struct buf me = {0};
    p = play_begin(NULL);
    struct raw *who = calloc(1, sizeof *who);
    raw_connect_unix(who, p->socket);
    raw_send(who, "GET /api/v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    sees(p, who, "\"how\"");
    const char *by = strstr(who->in, "\"by\":\"") + 6;
    buf_add(&me, by, strcspn(by, "\""));
    stream_close(who);
    play_end(p);
    snprintf(config, sizeof config,
             "people:\n  ann: {roles: [deploy]}\n  %s: {roles: [{role: see, clients: [beta]}]}\n",
             buf_str(&me));
    p = play_begin(config);
    play_start(p);
    struct raw *raw = stream_open(p, "/api/v1/events", "");
    note(p, "not yours");
    must(p, "POST", "/api/v1/changes", "{\"sop\": \"play\", \"client\": \"beta\"}", 201);
    sees(p, raw, "id: HF-2:1\n");
    assert_null(strstr(raw->in, "not yours"));
    stream_close(raw);
    play_end(p);
}

static void a_silent_stream_beats(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    assert_int_equal(p->api->heartbeat_ms, 15000);
    p->api->heartbeat_ms = 20;
    struct raw *raw = stream_open(p, "/api/v1/events", "");
    sees(p, raw, ": still here\n\n");
    raw->n = 0;
    sees(p, raw, ": still here\n\n");
    stream_close(raw);
    for (int64_t end = loop_mono_ms() + 5000; p->api->subscribers && loop_mono_ms() < end;)
        one_round(p);
    assert_null(p->api->subscribers);
    assert_null(p->api->heartbeat);
    play_end(p);
}

static void a_reader_of_all_changes_who_takes_nothing_is_cut_off(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    struct raw *raw = stream_open(p, "/api/v1/events", "");
    char *body = malloc(16000);
    memset(body, 'x', 15999);
    memcpy(body, "{\"text\": \"", 10);
    memcpy(body + 15997, "\"}", 3);
    for (int i = 0; i < 200 && p->api->subscribers; i++)
        must(p, "POST", "/api/v1/changes/HF-1/note", body, 200);
    free(body);
    for (int64_t end = loop_mono_ms() + 5000; p->api->subscribers && loop_mono_ms() < end;)
        one_round(p);
    assert_null(p->api->subscribers);
    stream_close(raw);
    play_end(p);
}

static void the_api_ends_while_streams_are_open(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    play_start(p);
    struct raw *one = stream_open(p, "/api/v1/changes/HF-1/events", ""),
               *all = stream_open(p, "/api/v1/events", "");
    note(p, "x");
    play_end(p);
    stream_close(one);
    stream_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_of_a_change_is_its_record_and_then_what_happens),
        cmocka_unit_test(a_stream_goes_on_where_its_reader_stood),
        cmocka_unit_test(a_reader_who_claims_the_future_gets_what_comes_next),
        cmocka_unit_test(a_stream_of_a_change_that_is_not_there_is_a_problem),
        cmocka_unit_test(a_long_record_is_sent_whole_to_a_reader_who_takes_it_slowly),
        cmocka_unit_test(a_stream_of_all_changes_has_only_what_happens),
        cmocka_unit_test(a_reader_of_all_changes_who_comes_back_gets_what_it_missed),
        cmocka_unit_test(a_reader_who_was_away_for_too_long_is_told_to_look_anew),
        cmocka_unit_test(a_reader_sees_only_the_changes_that_are_its_business),
        cmocka_unit_test(a_silent_stream_beats),
        cmocka_unit_test(a_reader_of_all_changes_who_takes_nothing_is_cut_off),
        cmocka_unit_test(the_api_ends_while_streams_are_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
