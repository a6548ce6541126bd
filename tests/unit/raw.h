/* raw.h: a client made of a bare socket, on the test's own thread: it turns the loop while it waits. For what
 * no well-behaved client would send, and for seeing the bytes of an answer as they are. */
#ifndef SB_TESTS_RAW_H
#define SB_TESTS_RAW_H

#include "net/loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct raw {
    int fd;
    char in[64 * 1024]; /* NUL-terminated; what does not fit is counted only */
    size_t n, all;
    bool eof, reset;
};

static inline void raw_connect(struct raw *r, int port)
{
    memset(r, 0, sizeof *r);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->fd, (struct sockaddr *)&at, sizeof at), 0);
}

static inline void raw_connect_unix(struct raw *r, const char *path)
{
    memset(r, 0, sizeof *r);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->fd, (struct sockaddr *)&at, sizeof at), 0);
}

static inline void raw_send_bytes(struct raw *r, const void *bytes, size_t n)
{
    assert_int_equal(send(r->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void raw_send(struct raw *r, const char *text)
{
    raw_send_bytes(r, text, strlen(text));
}

static inline void raw_take(struct raw *r)
{
    char piece[16384];
    ssize_t n = recv(r->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n > 0) {
        size_t room = sizeof r->in - 1 - r->n;
        size_t keep = (size_t)n < room ? (size_t)n : room;
        memcpy(r->in + r->n, piece, keep);
        r->n += keep;
        r->in[r->n] = '\0';
        r->all += (size_t)n;
    }
    r->eof = r->eof || n == 0;
    r->reset = r->reset || (n < 0 && errno != EAGAIN);
}

/* Turns the loop until the answer holds `needle` (NULL: until its end). False after `ms`. */
static inline bool raw_wait(struct raw *r, struct loop *l, const char *needle, int ms)
{
    int64_t until = loop_mono_ms() + ms;
    while (loop_mono_ms() < until) {
        loop_once(l, false);
        raw_take(r);
        if (needle != NULL && strstr(r->in, needle) != NULL)
            return true;
        if (r->eof || r->reset)
            return needle == NULL;
        usleep(200);
    }
    return false;
}

static inline void raw_close(struct raw *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* Turns the loop for `ms`. */
static inline void turn(struct loop *l, int ms)
{
    int64_t until = loop_mono_ms() + ms;
    while (loop_mono_ms() < until) {
        loop_once(l, false);
        usleep(200);
    }
}

/* Turns the loop until something is so; fails when it does not come about in 3 s. */
#define TURN_UNTIL(loop, so)                                                            \
    do {                                                                                \
        for (int64_t until_ = loop_mono_ms() + 3000; !(so) && loop_mono_ms() < until_;) \
            turn((loop), 1);                                                            \
        assert_true(so);                                                                \
    } while (0)

#endif
