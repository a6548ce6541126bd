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

bool releases_read_migrations(const struct yaml *config, const char *file, struct arena *a,
                              const char *const **out, struct error *err)
{
    enum { PATTERNS_MAX = 100 };
    const struct yaml *list = yaml_get(config, "migrations");
    *out = releases_migrations;
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > PATTERNS_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "migrations: expected a list of at most %d paths", PATTERNS_MAX);
    const char **patterns = ARENA_ARRAY(a, (size_t)list->n + 1, const char *);
    for (int i = 0; i < list->n; i++) {
        if (list->items[i]->kind != YAML_SCALAR)
            return error_at(err, SB_PARSE, file, list->items[i]->line, list->items[i]->column,
                            "migrations: expected a path");
        patterns[i] = arena_strdup(a, list->items[i]->text);
    }
    *out = patterns;
    return true;
}

/* At most `most` bytes of the text up to its first line's end, cut between characters. */
static json_t *first_line(const char *text, size_t most)
{
    size_t n = strcspn(text, "\r\n");
    if (n > most)
        for (n = most; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;)
            n--;
    json_t *line = json_stringn(text, n);
    return line ? line : json_string("(not UTF-8)");
}

json_t *releases_commit(const char *id, const char *message, const char *by)
{
    return json_pack("{s:o, s:o, s:o}", "id", first_line(id, 12), "subject", first_line(message, 160), "by",
                     first_line(by, 80));
}

bool releases_name_ok(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-/");
    return n > 0 && n <= 200 && name[n] == '\0' && name[0] != '-' && name[0] != '.' && name[0] != '/' &&
           !strstr(name, "..") && !strstr(name, "//");
}
