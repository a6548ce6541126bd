#include "cli/files.h"
#include "base/arena.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool make_dirs(const char *path, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    char *copy = arena_strdup(&a, path);
    for (char *p = copy + 1; *copy; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char was = *p;
        *p = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return error_errno(err, errno, "make the folder %s", copy);
        if (was == '\0')
            break;
        *p = was;
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(err, SB_IO, "%s is no folder", path);
    return true;
}
