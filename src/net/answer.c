#include "base/log.h"
#include "net/server_internal.h"
#include <string.h>
#include <sys/socket.h>

/* Bytes of a stream that go to the daemon at once. */
enum { STREAM_BLOCK = 16 * 1024 };

/* Breaks the connection now. Dissolving a TCP association makes Linux send a reset at once, where closing
 * would first try to say goodbye politely; the daemon then finds a dead socket and cleans up. */
static void cut(struct exchange *x)
{
    x->gone = true;
    int fd = MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (x->server->is_unix) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)connect(fd, &nowhere, sizeof nowhere);
}

static bool may_answer(struct exchange *x)
{
    if (x->state == ANSWER_NONE)
        return true;
    log_error("net", "a second answer to %s %s was dropped", x->request.method, x->request.path);
    return false;
}

/* No line breaks (one could end the header and begin another), no other control characters. */
static bool header_is_clean(const char *name, const char *value)
{
    if (name[0] == '\0' || strcspn(name, " \t\r\n:") != strlen(name))
        return false;
    for (const char *c = value; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return false;
    }
    return true;
}

void answer_header(struct exchange *x, const char *name, const char *value)
{
    if (x->state != ANSWER_NONE || value == NULL)
        return;
    if (!header_is_clean(name, value)) {
        log_warn("net", "a header with control characters was dropped from the answer to %s",
                 x->request.path);
        return;
    }
    struct header *h = ARENA_NEW(&x->arena, struct header);
    h->name = arena_strdup(&x->arena, name);
    h->value = arena_strdup(&x->arena, value);
    *x->headers_end = h;
    x->headers_end = &h->next;
}

static void set_response(struct exchange *x, int status, const char *content_type,
                         struct MHD_Response *response)
{
    x->status = status;
    x->response = response;
    if (content_type != NULL && header_is_clean("Content-Type", content_type))
        MHD_add_response_header(response, "Content-Type", content_type);
    for (const struct header *h = x->headers; h != NULL; h = h->next) {
        if (MHD_add_response_header(response, h->name, h->value) != MHD_YES)
            log_warn("net", "the header %s was dropped from the answer to %s", h->name, x->request.path);
    }
    exchange_resume(x);
}

void answer_bytes(struct exchange *x, int status, const char *content_type, const void *body, size_t n)
{
    if (!may_answer(x))
        return;
    x->state = ANSWER_WHOLE;
    bool bodiless = status == 204 || status == 304;
    /* The library copies; its parameter only lacks the const. */
    struct MHD_Response *r = MHD_create_response_from_buffer(
        bodiless ? 0 : n, (void *)(uintptr_t)(n > 0 ? body : ""), MHD_RESPMEM_MUST_COPY);
    set_response(x, status, bodiless ? NULL : content_type, r);
}

void answer_text(struct exchange *x, int status, const char *text)
{
    answer_bytes(x, status, "text/plain; charset=utf-8", text, strlen(text));
}

void answer_json(struct exchange *x, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text != NULL)
        answer_bytes(x, status, "application/json", text, strlen(text));
    else
        answer_text(x, 500, "the answer cannot be written as JSON\n");
    free(text);
    json_decref(body);
}

void answer_reset(struct exchange *x)
{
    bool streaming = x->state == ANSWER_STREAM || x->state == ANSWER_ENDED;
    if (!streaming && !may_answer(x))
        return;
    x->state = ANSWER_RESET;
    if (!streaming)
        cut(x);
    exchange_resume(x);
}

/* The daemon wants the next bytes of a stream. With nothing to give it is suspended: it would ask again at
 * once otherwise, for ever. */
static ssize_t feed(void *cls, uint64_t pos, char *out, size_t max)
{
    (void)pos;
    struct exchange *x = cls;
    if (x->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = x->backlog.len - x->backlog_sent;
    if (n > 0) {
        n = n < max ? n : max;
        memcpy(out, x->backlog.data + x->backlog_sent, n);
        x->backlog_sent += n;
        if (x->backlog_sent == x->backlog.len) {
            x->backlog_sent = 0;
            buf_clear(&x->backlog);
        }
        return (ssize_t)n;
    }
    if (x->state == ANSWER_RESET) {
        cut(x);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (x->state == ANSWER_ENDED)
        return MHD_CONTENT_READER_END_OF_STREAM;
    exchange_suspend(x);
    return 0;
}

void answer_stream(struct exchange *x, int status, const char *content_type, size_t backlog_max)
{
    if (!may_answer(x))
        return;
    x->state = ANSWER_STREAM;
    x->backlog_max = backlog_max;
    set_response(x, status, content_type,
                 MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, feed, x, NULL));
}

/* Moves what is not sent to the front once it is the smaller part, so that the buffer stays within twice the
 * backlog however long a stream lives. */
static void compact(struct exchange *x)
{
    struct buf *b = &x->backlog;
    if (x->backlog_sent < b->len / 2 || x->backlog_sent == 0)
        return;
    b->len -= x->backlog_sent;
    memmove(b->data, b->data + x->backlog_sent, b->len);
    b->data[b->len] = '\0';
    x->backlog_sent = 0;
}

size_t stream_write(struct exchange *x, const void *bytes, size_t n)
{
    if (x->state != ANSWER_STREAM || x->gone)
        return 0;
    if (n > 0) {
        compact(x);
        buf_add(&x->backlog, bytes, n);
    }
    size_t waiting = x->backlog.len - x->backlog_sent;
    if (waiting > x->backlog_max) {
        log_info("net", "the reader of %s is too slow: %zu bytes wait; the connection was cut",
                 x->request.path, waiting);
        cut(x);
    }
    if (n > 0)
        exchange_resume(x);
    return waiting;
}

void stream_end(struct exchange *x)
{
    if (x->state != ANSWER_STREAM)
        return;
    x->state = ANSWER_ENDED;
    exchange_resume(x);
}

enum MHD_Result answer_settle(struct exchange *x)
{
    if (x->gone)
        return MHD_NO;
    if (x->response == NULL) {
        exchange_suspend(x);
        return MHD_YES;
    }
    x->queued = true;
    return MHD_queue_response(x->conn, (unsigned)x->status, x->response);
}
