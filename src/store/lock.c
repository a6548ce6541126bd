#include "store/lock.h"

#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lock {
    int fd;
};

/* "process 4711, which answers on /run/signalbox/signalbox.sock". */
static void holder(int fd, char *out, size_t size)
{
    char text[600];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    char *socket = strchr(text, '\n');
    if (socket != NULL)
        *socket++ = '\0';
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text)) {
        snprintf(out, size, "another process");
        return;
    }
    size_t socket_n = socket != NULL ? strcspn(socket, "\n") : 0;
    if (socket_n == 0)
        snprintf(out, size, "process %s", text);
    else
        snprintf(out, size, "process %s, which answers on %.*s", text, (int)socket_n, socket);
}

/* The text is for people: when it cannot be written, the lock still holds. */
static void write_holder(int fd, const char *socket_path)
{
    _cleanup_buf_ struct buf text = {0};
    buf_printf(&text, "%ld\n%s\n", (long)getpid(), socket_path != NULL ? socket_path : "");
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data, text.len, 0) < 0)
        return;
}

struct lock *lock_take(const char *database, const char *socket_path, struct error *err)
{
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s.lock", database);
    int fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        error_errno(err, errno, "%s", buf_str(&path));
        return NULL;
    }
    /* Of the open file and not of the process, so that a second store in one process is refused as well. */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int why = errno;
        char who[700];
        holder(fd, who, sizeof who);
        close(fd);
        if (why == EACCES || why == EAGAIN)
            error_set(err, SB_CONFLICT, "%s is in use by %s: talk to that one, or stop it first", database,
                      who);
        else
            error_errno(err, why, "lock %s", buf_str(&path));
        return NULL;
    }
    write_holder(fd, socket_path);
    struct lock *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    l->fd = fd;
    return l;
}

void lock_release(struct lock *l)
{
    if (l == NULL)
        return;
    /* The file stays: removing it would let two processes lock two files of one name. */
    int ignored = ftruncate(l->fd, 0); /* the next holder writes over what is left */
    (void)ignored;
    close(l->fd);
    free(l);
}
