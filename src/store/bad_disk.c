#include "store/bad_disk.h"

#ifdef SB_CRASHPOINTS
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long slow_ms;

static ssize_t slow_pwrite(int fd, const void *data, size_t n, off_t at)
{
    const struct timespec pause = {slow_ms / 1000, slow_ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    return pwrite(fd, data, n, at);
}

void bad_disk_setup(void)
{
    const char *text = getenv("SIGNALBOX_SLOW_DISK");
    slow_ms = text != NULL ? strtol(text, NULL, 10) : 0;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (slow_ms <= 0 || vfs == NULL || vfs->iVersion < 3)
        return;
    /* SQLite uses the one that its build has. */
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)slow_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)slow_pwrite);
}
#endif
