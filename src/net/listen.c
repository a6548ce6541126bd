#include "net/alloc.h"
#include "net/server_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20 };

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* "127.0.0.1:8080" or "[::1]:8080". Numbers only: a name would have to be looked up, and may mean several
 * addresses. */
static bool parse_address(const char *text, union address *out, socklen_t *size, struct error *err)
{
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long port =
        colon != NULL && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 65536;
    bool ok = n > 0 && n < sizeof host && port <= 65535 && *end == '\0' && (!six || colon[-1] == ']');
    if (ok) {
        memcpy(host, text + (six ? 1 : 0), six ? n - 2 : n);
        memset(out, 0, sizeof *out);
        if (six) {
            out->in6.sin6_family = AF_INET6;
            out->in6.sin6_port = htons((uint16_t)port);
            *size = sizeof out->in6;
            ok = inet_pton(AF_INET6, host, &out->in6.sin6_addr) == 1;
        } else {
            out->in.sin_family = AF_INET;
            out->in.sin_port = htons((uint16_t)port);
            *size = sizeof out->in;
            ok = inet_pton(AF_INET, host, &out->in.sin_addr) == 1;
        }
    }
    if (!ok)
        return error_set(err, SB_PARSE,
                         "listen on \"%s\": expected ADDRESS:PORT with a numeric address, as in "
                         "127.0.0.1:8080 or [::1]:8080",
                         text);
    return true;
}

static int open_tcp(const char *text, struct error *err)
{
    union address at = {0};
    socklen_t size = 0;
    if (!parse_address(text, &at, &size, err))
        return -1;
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, &at.any, size) != 0 || listen(fd, SOMAXCONN) != 0) {
        error_errno(err, errno, "listen on %s", text);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* Is the socket file only what a process left that is gone? Then it is removed. Anything that is no socket
 * stays. */
static bool clear_stale(const char *path, const struct sockaddr_un *at, struct error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || error_errno(err, errno, "look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, SB_CONFLICT, "listen on %s: there is a file of that name that is no socket",
                         path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "open a socket");
    int rc = connect(fd, (const struct sockaddr *)(const void *)at, sizeof *at);
    int why = errno;
    close(fd);
    if (rc == 0 || why == EAGAIN)
        return error_set(err, SB_CONFLICT, "listen on %s: another process listens there already", path);
    if (why != ECONNREFUSED)
        return error_errno(err, why, "see who listens on %s", path);
    return unlink(path) == 0 || error_errno(err, errno, "remove the old socket %s", path);
}

static int open_unix(const char *path, struct error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        error_set(err, SB_LIMIT, "listen on %s: the path of a socket has at most %zu characters", path,
                  sizeof at.sun_path - 1);
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    if (!clear_stale(path, &at, err))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Linux creates the file with the mode of the unbound socket, so there is no moment at which others could
     * connect, and no need to touch the umask of a process with threads. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0) {
        error_errno(err, errno, "listen on %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* A socket that was handed to us (systemd). */
static int check_given(int fd, struct error *err)
{
    int on = 0;
    socklen_t n = sizeof on;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) != 0 || on == 0) {
        error_set(err, SB_RANGE,
                  "descriptor %d is no listening socket: name an address or a socket path to listen on", fd);
        return -1;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        error_errno(err, errno, "set up the given listening socket");
        return -1;
    }
    return fd;
}

int listen_open(struct server *s, const struct server_options *o, struct error *err)
{
    if (o->address != NULL && o->unix_path != NULL) {
        error_set(err, SB_RANGE, "one server listens on one place: %s or %s", o->address, o->unix_path);
        return -1;
    }
    int fd = o->address != NULL     ? open_tcp(o->address, err)
             : o->unix_path != NULL ? open_unix(o->unix_path, err)
                                    : check_given(o->listen_fd, err);
    if (fd < 0)
        return -1;
    s->unix_path = net_strdup(o->unix_path);

    union address at = {0};
    socklen_t n = sizeof at;
    if (getsockname(fd, &at.any, &n) == 0) {
        s->is_unix = at.any.sa_family == AF_UNIX;
        s->port = at.any.sa_family == AF_INET    ? ntohs(at.in.sin_port)
                  : at.any.sa_family == AF_INET6 ? ntohs(at.in6.sin6_port)
                                                 : 0;
    }
    return fd;
}

char *listen_read_pem(const char *path, struct error *err)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        error_errno(err, errno, "read %s", path);
        return NULL;
    }
    char *text = net_alloc(PEM_MAX + 1);
    size_t n = fread(text, 1, PEM_MAX + 1, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || n > PEM_MAX) {
        free(text);
        error_set(err, failed ? SB_IO : SB_LIMIT, "read %s: %s", path,
                  failed ? "cannot be read" : "larger than 1 MiB");
        return NULL;
    }
    text[n] = '\0';
    return text;
}
