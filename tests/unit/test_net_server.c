#include "check.h"
#include "net/server.h"
#include "raw.h"
#include <sys/resource.h>
#include <sys/stat.h>

/* One server whose paths say what it does; what happened is kept here for the tests to look at. */
struct stage {
    struct loop *loop;
    struct server *server;
    struct exchange *held; /* waits for an answer, or is a stream */
    int handled, ended;
    char said[4096]; /* by the handler, about what it saw */
};

static void held_ended(void *ctx)
{
    struct stage *st = ctx;
    st->ended++;
    st->held = NULL;
}

static void describe(struct stage *st, struct exchange *x)
{
    const struct server_request *r = exchange_request(x);
    const char *q = request_query(x, "q"), *second = request_query_nth(x, "q", 1),
               *form = request_form(x, "payload");
    const char *header = request_header(x, "x-custom");
    snprintf(st->said, sizeof st->said,
             "%s path=%s raw=%s query=%s q=%s q2=%s form=%s header=%s body=%zu from=%s uid=%s", r->method,
             r->path, r->raw_path, r->raw_query, q ? q : "-", second ? second : "-", form ? form : "-",
             header ? header : "-", r->body_len, r->peer_address, r->peer_uid == getuid() ? "mine" : "-");
}

static void handler(void *ctx, struct exchange *x)
{
    struct stage *st = ctx;
    const char *path = exchange_request(x)->path;
    st->handled++;
    describe(st, x);
    if (strcmp(path, "/later") == 0 || strcmp(path, "/stream") == 0) {
        st->held = x;
        exchange_on_end(x, held_ended, st);
        if (strcmp(path, "/stream") == 0)
            answer_stream(x, 200, "text/event-stream", 256 * 1024);
    } else if (strcmp(path, "/reset") == 0) {
        answer_reset(x);
    } else if (strcmp(path, "/json") == 0) {
        answer_json(x, 201, json_pack("{s:i}", "n", 7));
    } else if (strcmp(path, "/nothing") == 0) {
        answer_bytes(x, 204, "text/plain", "ignored", 7);
    } else if (strcmp(path, "/headers") == 0) {
        answer_header(x, "X-Good", "fine");
        answer_header(x, "X-Bad", "one\r\nSet-Cookie: stolen=1");
        answer_header(x, "X Bad", "name");
        answer_text(x, 200, "ok");
        answer_text(x, 500, "a second answer");
    } else {
        answer_text(x, 200, "hello");
    }
}

static struct stage stage_open(const struct server_options *o, struct stage *st)
{
    struct error err = ERROR_NONE;
    memset(st, 0, sizeof *st);
    st->loop = loop_new();
    st->server = server_new(st->loop, o, handler, st, &err);
    if (st->server == NULL)
        fail_msg("%s", err.text);
    return *st;
}

static void stage_close(struct stage *st)
{
    server_free(st->server);
    loop_free(st->loop);
}

static const struct server_options on_loopback = {.address = "127.0.0.1:0", .body_max = 1000, .idle_s = 5};

/* Sends one request and reads until the connection ends or `needle` came. */
static void ask(struct stage *st, struct raw *r, const char *request, const char *needle)
{
    raw_connect(r, server_port(st->server));
    raw_send(r, request);
    if (!raw_wait(r, st->loop, needle, 3000))
        fail_msg("no \"%s\" in: %s", needle ? needle : "end", r->in);
    raw_close(r);
}

static const struct {
    const char *request, *said;
} requests[] = {
    {"GET /a%20b/%2Fc?q=1%202&q=x+y HTTP/1.1\r\nHost: h\r\nX-Custom: v\r\n\r\n",
     "GET path=/a b//c raw=/a%20b/%2Fc query=q=1%202&q=x+y q=1 2 q2=x y form=- header=v body=0 "
     "from=127.0.0.1 uid=-"},
    {"GET http://elsewhere/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET path=/p raw=/p query=q q= q2=- form=- header=- body=0 from=127.0.0.1 uid=-"},
    {"POST /f HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
     "Content-Length: 20\r\n\r\na=1&payload=%7B%7D+&",
     "POST path=/f raw=/f query= q=- q2=- form={}  header=- body=20 from=127.0.0.1 uid=-"},
    {"POST /f HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\npayload=1",
     "POST path=/f raw=/f query= q=- q2=- form=- header=- body=9 from=127.0.0.1 uid=-"},
    {"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
     "POST path=/c raw=/c query= q=- q2=- form=- header=- body=7 from=127.0.0.1 uid=-"},
    {"GET /?q=%zz%4 HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET path=/ raw=/ query=q=%zz%4 q=%zz%4 q2=- form=- header=- body=0 from=127.0.0.1 uid=-"},
    {"GET /?q=a%00b&q=c HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET path=/ raw=/ query=q=a%00b&q=c q=c q2=- form=- header=- body=0 from=127.0.0.1 uid=-"},
};

static void a_request_reaches_the_handler_decoded(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        ask(&st, &r, requests[i].request, "hello");
        assert_string_equal(st.said, requests[i].said);
    }
    stage_close(&st);
}

static const char *const bad_requests[] = {
    "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /no-host HTTP/1.1\r\n\r\n",
};

static void a_broken_request_is_answered_400_and_never_reaches_the_handler(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    for (size_t i = 0; i < COUNT_OF(bad_requests); i++)
        ask(&st, &r, bad_requests[i], "HTTP/1.1 400 ");
    assert_int_equal(st.handled, 0);
    stage_close(&st);
}

static void answers_have_their_status_type_and_body(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    ask(&st, &r, "GET /json HTTP/1.1\r\nHost: h\r\n\r\n", "{\"n\":7}");
    assert_non_null(strstr(r.in, "HTTP/1.1 201 "));
    assert_non_null(strstr(r.in, "Content-Type: application/json\r\n"));
    ask(&st, &r, "GET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", NULL);
    assert_non_null(strstr(r.in, "HTTP/1.1 204 "));
    assert_null(strstr(r.in, "ignored"));
    ask(&st, &r, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", NULL);
    assert_non_null(strstr(r.in, "Content-Length: 5\r\n"));
    assert_null(strstr(r.in, "hello"));
    stage_close(&st);
}

static void a_line_break_in_a_header_value_cannot_add_a_header(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    ask(&st, &r, "GET /headers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", NULL);
    assert_non_null(strstr(r.in, "X-Good: fine\r\n"));
    assert_null(strstr(r.in, "stolen"));
    assert_null(strstr(r.in, "X Bad"));
    assert_non_null(strstr(r.in, "HTTP/1.1 200 "));
    assert_null(strstr(r.in, "a second answer"));
    stage_close(&st);
}

static void one_connection_carries_many_requests(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    for (int i = 0; i < 50; i++) {
        r.n = 0;
        r.in[0] = '\0';
        raw_send(&r, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(raw_wait(&r, st.loop, "hello", 2000));
    }
    assert_int_equal(st.handled, 50);
    raw_close(&r);
    stage_close(&st);
}

static void answer_held(void *ctx)
{
    struct stage *st = ctx;
    answer_text(st->held, 200, "at last");
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    timer_start(st.loop, 60, answer_held, &st);
    ask(&st, &r, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "at last");
    TURN_UNTIL(st.loop, st.ended == 1);
    assert_int_equal(st.handled, 1);
    stage_close(&st);
}

static void a_client_that_leaves_before_the_answer_ends_the_exchange(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_UNTIL(st.loop, st.held != NULL);
    assert_int_equal(st.ended, 0);
    raw_close(&r);
    TURN_UNTIL(st.loop, st.ended == 1);
    stage_close(&st);
}

static void freeing_the_server_ends_what_is_held(void **state)
{
    (void)state;
    struct stage st;
    struct raw r[3];
    stage_open(&on_loopback, &st);
    for (int i = 0; i < 3; i++) {
        raw_connect(&r[i], server_port(st.server));
        raw_send(&r[i], i == 1 ? "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"
                               : "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        TURN_UNTIL(st.loop, st.handled == i + 1);
    }
    assert_int_equal(st.ended, 0);
    stage_close(&st);
    assert_int_equal(st.ended, 3);
    for (int i = 0; i < 3; i++)
        raw_close(&r[i]);
}

static void a_reset_is_a_reset_for_the_client(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    ask(&st, &r, "GET /reset HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    assert_true(r.reset);
    assert_int_equal(r.all, 0);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_UNTIL(st.loop, st.held != NULL);
    answer_reset(st.held);
    assert_true(raw_wait(&r, st.loop, NULL, 2000));
    assert_true(r.reset);
    assert_int_equal(st.ended, 1);
    raw_close(&r);
    stage_close(&st);
}

static void events_of_a_stream_arrive_as_they_are_written(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    int64_t began = loop_mono_ms();
    assert_true(raw_wait(&r, st.loop, "Content-Type: text/event-stream", 2000));
    assert_true(raw_wait(&r, st.loop, "\r\n\r\n", 2000));
    for (int i = 0; i < 5; i++) {
        char event[32], needle[32];
        snprintf(event, sizeof event, "data: %d\n\n", i);
        snprintf(needle, sizeof needle, "data: %d\n", i);
        turn(st.loop, 5);
        stream_write(st.held, event, strlen(event));
        assert_true(raw_wait(&r, st.loop, needle, 2000));
    }
    assert_true(loop_mono_ms() - began < 1500);
    stream_end(st.held);
    assert_true(raw_wait(&r, st.loop, "\r\n0\r\n\r\n", 2000));
    TURN_UNTIL(st.loop, st.ended == 1);
    raw_close(&r);
    stage_close(&st);
}

static void a_reader_of_a_stream_that_leaves_is_noticed_while_nothing_is_written(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait(&r, st.loop, "\r\n\r\n", 2000));
    raw_close(&r);
    TURN_UNTIL(st.loop, st.ended == 1);
    stage_close(&st);
}

static void a_stream_can_be_cut_after_what_was_written(void **state)
{
    (void)state;
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_UNTIL(st.loop, st.held != NULL);
    stream_write(st.held, "half of it", 10);
    answer_reset(st.held);
    assert_true(raw_wait(&r, st.loop, NULL, 2000));
    assert_non_null(strstr(r.in, "half of it"));
    assert_null(strstr(r.in, "\r\n0\r\n\r\n"));
    assert_true(r.reset);
    assert_int_equal(st.ended, 1);
    raw_close(&r);
    stage_close(&st);
}

static void a_slow_reader_gets_everything_when_the_producer_waits_for_it(void **state)
{
    (void)state;
    enum { PIECE = 8192, PIECES = 1500 }; /* 12 MB: more than the kernel's buffers hold */
    static char piece[PIECE];
    memset(piece, 'x', sizeof piece);
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_UNTIL(st.loop, st.held != NULL);
    int written = 0;
    bool waited = false;
    for (int i = 0; i < 200000 && !r.eof && strstr(r.in, "END") == NULL; i++) {
        while (written < PIECES && stream_write(st.held, "", 0) < 100000) {
            stream_write(st.held, piece, sizeof piece);
            written++;
        }
        waited = waited || written < PIECES;
        if (written == PIECES && st.held != NULL) {
            stream_end(st.held);
            written++;
        }
        loop_once(st.loop, false);
        if (i % 2 == 0)
            raw_take(&r);
        if (r.all >= (size_t)PIECE * PIECES && st.ended > 0)
            break;
    }
    assert_true(waited);
    assert_true(r.all >= (size_t)PIECE * PIECES);
    assert_int_equal(st.ended, 1);
    raw_close(&r);
    stage_close(&st);
}

static void a_reader_that_never_reads_is_cut_off(void **state)
{
    (void)state;
    static char piece[65536];
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_UNTIL(st.loop, st.held != NULL);
    for (int i = 0; i < 1000 && st.held != NULL; i++) {
        stream_write(st.held, piece, sizeof piece);
        loop_once(st.loop, false);
    }
    TURN_UNTIL(st.loop, st.ended == 1);
    raw_close(&r);
    stage_close(&st);
}

static void a_body_over_the_limit_is_answered_413(void **state)
{
    (void)state;
    static char body[3 << 20];
    memset(body, 'b', sizeof body);
    struct stage st;
    struct raw r;
    stage_open(&on_loopback, &st);
    /* sent although it is too large: the client can read the answer */
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 3145728\r\n\r\n");
    for (size_t sent = 0; sent < sizeof body; sent += 32768) {
        raw_send_bytes(&r, body + sent, 32768);
        loop_once(st.loop, false);
    }
    assert_true(raw_wait(&r, st.loop, "HTTP/1.1 413 ", 2000));
    raw_close(&r);
    /* announced: refused before it is sent */
    ask(&st, &r, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n",
        "HTTP/1.1 413 ");
    assert_null(strstr(r.in, "100 Continue"));
    ask(&st, &r, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 ");
    /* chunked: no length is announced */
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5dc\r\n");
    raw_send_bytes(&r, body, 0x5dc);
    raw_send(&r, "\r\n0\r\n\r\n");
    assert_true(raw_wait(&r, st.loop, "HTTP/1.1 413 ", 2000));
    raw_close(&r);
    assert_int_equal(st.handled, 0);
    /* exactly the limit is accepted */
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    raw_send_bytes(&r, body, 1000);
    assert_true(raw_wait(&r, st.loop, "hello", 2000));
    raw_close(&r);
    stage_close(&st);
}

static void a_unix_socket_knows_who_is_at_the_other_end(void **state)
{
    (void)state;
    char dir[] = "/tmp/sb-net-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    struct server_options o = {.unix_path = path};
    struct stage st;
    struct raw r;
    struct stat file;
    stage_open(&o, &st);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(server_port(st.server), 0);
    raw_connect_unix(&r, path);
    raw_send(&r, "GET /who HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_wait(&r, st.loop, "hello", 2000));
    assert_non_null(strstr(st.said, "from= uid=mine"));
    raw_close(&r);
    stage_close(&st);
    assert_int_not_equal(stat(path, &file), 0);
    rmdir(dir);
}

static void an_old_socket_is_replaced_but_a_used_one_and_a_file_are_not(void **state)
{
    (void)state;
    char dir[] = "/tmp/sb-net-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&at, sizeof at), 0);
    close(dead);

    struct server_options o = {.unix_path = path};
    struct stage st;
    struct error err = ERROR_NONE;
    stage_open(&o, &st);
    assert_null(server_new(st.loop, &o, handler, &st, &err));
    assert_int_equal(err.code, SB_CONFLICT);
    struct stat file;
    assert_int_equal(stat(path, &file), 0); /* the failed attempt left the socket alone */
    stage_close(&st);

    fclose(fopen(path, "w"));
    st.loop = loop_new();
    assert_null(server_new(st.loop, &o, handler, &st, &err));
    assert_int_equal(err.code, SB_CONFLICT);
    assert_int_equal(stat(path, &file), 0);
    loop_free(st.loop);
    unlink(path);
    rmdir(dir);
}

static const char *const bad_addresses[] = {
    "127.0.0.1", "localhost:80", "127.0.0.1:99999", "127.0.0.1:", ":80", "[::1:80", "127.0.0.1:80x"};

static void a_bad_address_is_refused_with_an_example(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    for (size_t i = 0; i < COUNT_OF(bad_addresses); i++) {
        struct error err = ERROR_NONE;
        struct server_options o = {.address = bad_addresses[i]};
        assert_null(server_new(l, &o, handler, NULL, &err));
        assert_int_equal(err.code, SB_PARSE);
        assert_non_null(strstr(err.text, "127.0.0.1:8080"));
    }
    struct server_options nothing = {.listen_fd = 0};
    struct error err = ERROR_NONE;
    assert_null(server_new(l, &nothing, handler, NULL, &err));
    assert_int_equal(err.code, SB_RANGE);
    loop_free(l);
}

static void a_given_listening_socket_is_used(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    struct server_options o = {.listen_fd = fd};
    struct stage st;
    struct raw r;
    stage_open(&o, &st);
    ask(&st, &r, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "hello");
    stage_close(&st);
}

static void mark(void *ctx)
{
    *(bool *)ctx = true;
}

/* Connections in every kind of waiting: the loop must sleep. */
static const char *const waiting[] = {
    "",
    "GET",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
};

static void a_server_that_waits_does_not_turn_the_loop(void **state)
{
    (void)state;
    struct stage st;
    struct raw r[COUNT_OF(waiting)];
    stage_open(&on_loopback, &st);
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        raw_connect(&r[i], server_port(st.server));
        raw_send(&r[i], waiting[i]);
        turn(st.loop, 20);
    }
    bool over = false;
    timer_start(st.loop, 300, mark, &over);
    int rounds = 0;
    for (; !over; rounds++)
        loop_once(st.loop, true);
    assert_true(rounds < 10);
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        raw_close(&r[i]);
    stage_close(&st);
}

/* As many as it takes come, say nothing and leave; then one asks. */
static void crowd_comes_and_goes(struct stage *st)
{
    enum { CROWD = 40 };
    static struct raw crowd[CROWD], one;
    for (int i = 0; i < CROWD; i++)
        raw_connect(&crowd[i], server_port(st->server));
    for (int i = 0; i < 20; i++)
        loop_once(st->loop, false);
    for (int i = 0; i < CROWD; i++)
        raw_close(&crowd[i]);
    ask(st, &one, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "hello");
    ask(st, &one, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "hello");
}

static void a_server_that_was_full_is_not_deaf_afterwards(void **state)
{
    (void)state;
    struct stage st;
    stage_open(&(struct server_options){.address = "127.0.0.1:0", .connections_max = 4}, &st);
    crowd_comes_and_goes(&st);
    stage_close(&st);
}

/* Ours is one process: the limit leaves room for our ends of the connections, which are opened first. */
static void a_server_that_ran_out_of_descriptors_is_not_deaf_afterwards(void **state)
{
    (void)state;
    struct stage st;
    struct rlimit before, less;
    stage_open(&(struct server_options){.address = "127.0.0.1:0"}, &st);
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    less = (struct rlimit){(rlim_t)next + 40 + 6, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
    crowd_comes_and_goes(&st);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    stage_close(&st);
}

static void a_client_that_stalls_is_let_go(void **state)
{
    (void)state;
    struct server_options o = on_loopback;
    o.idle_s = 1;
    struct stage st;
    struct raw r;
    stage_open(&o, &st);
    raw_connect(&r, server_port(st.server));
    raw_send(&r, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
    int64_t began = loop_mono_ms();
    assert_true(raw_wait(&r, st.loop, NULL, 4000));
    assert_true(loop_mono_ms() - began >= 900);
    raw_close(&r);
    stage_close(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reaches_the_handler_decoded),
        cmocka_unit_test(a_broken_request_is_answered_400_and_never_reaches_the_handler),
        cmocka_unit_test(answers_have_their_status_type_and_body),
        cmocka_unit_test(a_line_break_in_a_header_value_cannot_add_a_header),
        cmocka_unit_test(one_connection_carries_many_requests),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_client_that_leaves_before_the_answer_ends_the_exchange),
        cmocka_unit_test(freeing_the_server_ends_what_is_held),
        cmocka_unit_test(a_reset_is_a_reset_for_the_client),
        cmocka_unit_test(events_of_a_stream_arrive_as_they_are_written),
        cmocka_unit_test(a_reader_of_a_stream_that_leaves_is_noticed_while_nothing_is_written),
        cmocka_unit_test(a_stream_can_be_cut_after_what_was_written),
        cmocka_unit_test(a_slow_reader_gets_everything_when_the_producer_waits_for_it),
        cmocka_unit_test(a_reader_that_never_reads_is_cut_off),
        cmocka_unit_test(a_body_over_the_limit_is_answered_413),
        cmocka_unit_test(a_unix_socket_knows_who_is_at_the_other_end),
        cmocka_unit_test(an_old_socket_is_replaced_but_a_used_one_and_a_file_are_not),
        cmocka_unit_test(a_bad_address_is_refused_with_an_example),
        cmocka_unit_test(a_given_listening_socket_is_used),
        cmocka_unit_test(a_server_that_waits_does_not_turn_the_loop),
        cmocka_unit_test(a_server_that_was_full_is_not_deaf_afterwards),
        cmocka_unit_test(a_server_that_ran_out_of_descriptors_is_not_deaf_afterwards),
        cmocka_unit_test(a_client_that_stalls_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
