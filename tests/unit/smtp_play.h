/* smtp_play.h: an SMTP server of a few lines, on a thread of its own: it says what the script says, and keeps what
 * it heard. */
#ifndef SB_TESTS_SMTP_PLAY_H
#define SB_TESTS_SMTP_PLAY_H

#include "check.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is said to a command that begins so; "." stands for the end of a mail. NULL: the connection is cut. A
 * command that no line names gets "250 ok" ("354 go on" for DATA, "221 bye" for QUIT). */
struct smtp_line {
    const char *to, *says;
};

struct smtp {
    int fd, port;
    pthread_t thread;
    const struct smtp_line *lines; /* ends with a NULL `to` */
    char heard[1 << 16];           /* all commands and mails, with the lines' ends */
    size_t n;
    int mails; /* that came whole, dot included */
};

static inline const char *smtp_answer(const struct smtp *s, const char *line, bool *cut)
{
    *cut = false;
    for (const struct smtp_line *l = s->lines; l && l->to; l++)
        if (strncasecmp(line, l->to, strlen(l->to)) == 0) {
            *cut = l->says == NULL;
            return l->says;
        }
    return strncasecmp(line, "DATA", 4) == 0   ? "354 go on"
           : strncasecmp(line, "QUIT", 4) == 0 ? "221 bye"
                                               : "250 ok";
}

static inline bool smtp_say(int fd, const char *text)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%s\r\n", text);
    return send(fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

static inline void smtp_keep(struct smtp *s, const char *line)
{
    size_t n = strlen(line);
    if (s->n + n < sizeof s->heard) {
        memcpy(s->heard + s->n, line, n + 1);
        s->n += n;
    }
}

static inline void smtp_talk(struct smtp *s, FILE *in, int fd)
{
    char line[4096];
    bool cut, in_mail = false;
    if (!smtp_say(fd, "220 play"))
        return;
    while (fgets(line, sizeof line, in)) {
        smtp_keep(s, line);
        bool ends = in_mail && strcmp(line, ".\r\n") == 0;
        if (in_mail && !ends)
            continue;
        s->mails += ends;
        const char *says = smtp_answer(s, line, &cut);
        if (cut || !smtp_say(fd, says))
            return;
        in_mail = !in_mail && strncmp(says, "354", 3) == 0;
        if (strncmp(says, "221", 3) == 0)
            return;
    }
}

static inline void *smtp_serve(void *ctx)
{
    struct smtp *s = ctx;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0;) {
        FILE *in = fdopen(fd, "r");
        smtp_talk(s, in, fd);
        fclose(in);
    }
    return NULL;
}

static inline void smtp_open(struct smtp *s, const struct smtp_line *lines)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof where;
    *s = (struct smtp){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .lines = lines};
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&where, &n), 0);
    s->port = ntohs(where.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, smtp_serve, s), 0);
}

static inline void smtp_close(struct smtp *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

#endif
