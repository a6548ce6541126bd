/* config_access.c: the blocks of the configuration that say who gets in: serve and sign_in. */
#include "engine/config.h"

#include "base/buf.h"
#include "base/instant.h"
#include <string.h>

struct reading {
    const char *file;
    struct arena *a;
};

static bool wrong(const struct reading *r, const struct yaml *y, const char *what, const char *expected,
                  struct error *err)
{
    return error_at(err, SB_PARSE, r->file, y->line, y->column, "%s: expected %s", what, expected);
}

/* The block of this key; *out NULL when it is not there. */
static bool block(const struct reading *r, const struct yaml *map, const char *key, const char *const *keys,
                  const struct yaml **out, struct error *err)
{
    *out = map ? yaml_get(map, key) : NULL;
    if (!*out)
        return true;
    if ((*out)->kind != YAML_MAP)
        return wrong(r, *out, key, "a map", err);
    return yaml_only(*out, r->file, key, keys, err);
}

static bool text(const struct reading *r, const struct yaml *map, const char *key, const char **out,
                 struct error *err)
{
    const struct yaml *y = yaml_get(map, key);
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR || !*y->text)
        return wrong(r, y, key, "text", err);
    *out = y->text;
    return true;
}

static bool flag(const struct reading *r, const struct yaml *map, const char *key, bool *out,
                 struct error *err)
{
    const char *word = NULL;
    if (!text(r, map, key, &word, err))
        return false;
    if (word && !str_eq(word, "true") && !str_eq(word, "false"))
        return wrong(r, yaml_get(map, key), key, "true or false", err);
    *out = str_eq(word, "true");
    return true;
}

static bool lasts(const struct reading *r, const struct yaml *map, const char *key, int64_t *out,
                  struct error *err)
{
    const char *word = NULL;
    if (!text(r, map, key, &word, err))
        return false;
    if (word && (!duration_parse(word, out, NULL) || *out < MINUTES(1) || *out > DAYS(90)))
        return wrong(r, yaml_get(map, key), key, "a duration between 1m and 90d", err);
    return true;
}

/* A path in the file is relative to the file's folder. */
static bool path(const struct reading *r, const struct yaml *map, const char *key, const char **out,
                 struct error *err)
{
    const char *slash = strrchr(r->file, '/');
    if (!text(r, map, key, out, err))
        return false;
    if (*out && **out != '/' && slash)
        *out = arena_printf(r->a, "%.*s/%s", (int)(slash - r->file), r->file, *out);
    return true;
}

/* Where browsers are sent with secrets in hand: over TLS, but on this machine. */
static bool url(const struct reading *r, const struct yaml *map, const char *key, const char **out,
                struct error *err)
{
    if (!text(r, map, key, out, err) || !*out)
        return *out == NULL;
    size_t n = strlen(*out);
    bool local = str_starts(*out, "http://localhost") || str_starts(*out, "http://127.");
    if (!(str_starts(*out, "https://") || local) || strpbrk(*out, " \"<>?#@\\"))
        return wrong(r, yaml_get(map, key), key, "an https:// address (http:// only for localhost)", err);
    if ((*out)[n - 1] == '/')
        *out = arena_strndup(r->a, *out, n - 1);
    return true;
}

static bool read_serve(const struct reading *r, const struct yaml *top, struct config_access *out,
                       struct error *err)
{
    static const char *const keys[] = {"listen", "url", "tls", "behind_proxy", NULL};
    static const char *const tls_keys[] = {"certificate", "key", NULL};
    const struct yaml *y, *tls;
    if (!block(r, top, "serve", keys, &y, err))
        return false;
    if (!y)
        return true;
    if (!text(r, y, "listen", &out->listen, err) || !url(r, y, "url", &out->url, err) ||
        !flag(r, y, "behind_proxy", &out->behind_proxy, err) || !block(r, y, "tls", tls_keys, &tls, err))
        return false;
    if (!tls)
        return true;
    if (!path(r, tls, "certificate", &out->tls_cert, err) || !path(r, tls, "key", &out->tls_key, err))
        return false;
    return out->tls_cert || wrong(r, tls, "tls", "{certificate: FILE, key: FILE}", err);
}

bool config_read_access(struct config_access *out, const struct yaml *top, const char *file, struct arena *a,
                        struct error *err)
{
    static const char *const keys[] = {"idle", "lasts", NULL};
    const struct reading r = {file, a};
    const struct yaml *y;
    *out = (struct config_access){.idle_ms = HOURS(2), .lasts_ms = HOURS(12)};
    if (!read_serve(&r, top, out, err) || !block(&r, top, "sign_in", keys, &y, err))
        return false;
    return !y || (lasts(&r, y, "idle", &out->idle_ms, err) && lasts(&r, y, "lasts", &out->lasts_ms, err));
}
