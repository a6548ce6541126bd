/* releases.c: see releases.h. */
#include "systems/releases.h"
#include <stddef.h>
#include <string.h>

const char *const releases_migrations[] = {"migrations/", "migration/", "db/migrate/", "**/db/changelog/**",
                                           "alembic/",    "flyway/",    "**/*.sql",    NULL};

/* Glob over a path. `steps` bounds the work that a hostile pattern or path can cause. */
static bool glob(const char *p, const char *s, int *steps)
{
    for (; *p; p++, s++) {
        if (--*steps < 0)
            return false;
        if (*p != '*') {
            if (*p != *s)
                return false;
            continue;
        }
        bool across = p[1] == '*';
        while (*p == '*')
            p++;
        if (across && *p == '/' && glob(p + 1, s, steps))
            return true; /* "** /x" also means x itself */
        for (;; s++) {
            if (glob(p, s, steps))
                return true;
            if (!*s || (!across && *s == '/'))
                return false;
        }
    }
    return !*s;
}

static bool matches(const char *pattern, const char *path)
{
    int steps = 20000;
    return glob(pattern, path, &steps);
}

/* The same pattern at the path itself and at every folder below its root. */
static bool matches_below(const char *pattern, const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (matches(pattern, at))
            return true;
    return false;
}

bool releases_path_matches(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);
    char all[512];
    if (n == 0 || n + 4 > sizeof all)
        return false;
    memcpy(all, pattern, n + 1);
    if (pattern[n - 1] == '/') {
        memcpy(all + n, "**", 3);
        return matches_below(all, path);
    }
    if (strchr(pattern, '/'))
        return matches(pattern, path);
    if (matches_below(pattern, path))
        return true;
    memcpy(all + n, "/**", 4);
    return matches_below(all, path);
}
