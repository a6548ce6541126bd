#include "base/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct error *err)
{
    char chunk[16384];
    size_t whole = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error_errno(err, errno, "read %s", path);
        if (n > 0 && (whole += (size_t)n) <= max_bytes) {
            buf_add(out, chunk, (size_t)n);
            continue;
        }
        explicit_bzero(chunk, sizeof chunk); /* it may have been a credential */
        if (n > 0)
            error_set(err, SB_LIMIT, "%s: more than %zu bytes", path, max_bytes);
        return n == 0;
    }
}

bool read_file(const char *path, size_t max_bytes, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    bool ok = read_all(fd, path, max_bytes, out, err);
    close(fd);
    return ok;
}
