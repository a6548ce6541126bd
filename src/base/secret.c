#include "base/secret.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/read.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX_BYTES = 64 << 10 };

static bool is_variable(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return *s == '\0';
}

/* A file name without folders: systemd's own rule for a credential. */
static bool is_credential(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 256 && strchr(s, '/') == NULL && !str_eq(s, ".") && !str_eq(s, "..");
}

bool secret_ref(const char *ref, struct arena *a, struct secret *out, struct error *err)
{
    if (str_starts(ref, "env:")) {
        if (!is_variable(ref + 4))
            return error_set(err, SB_PARSE,
                             "after \"env:\" comes the name of an environment variable: letters, "
                             "digits and _, as in env:JENKINS_TOKEN");
    } else if (str_starts(ref, "file:")) {
        if (ref[5] != '/')
            return error_set(err, SB_PARSE,
                             "after \"file:\" comes an absolute path, as in file:/run/secrets/jenkins");
    } else if (str_starts(ref, "credential:")) {
        if (!is_credential(ref + 11))
            return error_set(err, SB_PARSE,
                             "after \"credential:\" comes the name of a systemd credential, as in "
                             "credential:jenkins");
    } else {
        return error_set(err, SB_PARSE,
                         "a secret is never written here, only where it is kept: env:NAME, file:/path or "
                         "credential:NAME. If this was a real secret, change it now");
    }
    out->ref = arena_strdup(a, ref);
    return true;
}

static bool read_env(const char *name, struct buf *value, struct error *err)
{
    const char *text = getenv(name);
    if (text == NULL)
        return error_set(err, SB_MISSING, "the environment variable is not set");
    if (strlen(text) > SECRET_MAX_BYTES)
        return error_set(err, SB_LIMIT, "more than %d bytes", SECRET_MAX_BYTES);
    buf_adds(value, text);
    return true;
}

static bool read_credential(const char *name, struct buf *value, struct error *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL)
        return error_set(err, SB_MISSING,
                         "$CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with "
                         "LoadCredential=");
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    return read_file(buf_str(&path), SECRET_MAX_BYTES, value, err);
}

static bool read_value(const char *ref, struct buf *value, struct error *err)
{
    if (str_starts(ref, "env:"))
        return read_env(ref + 4, value, err);
    if (str_starts(ref, "file:"))
        return read_file(ref + 5, SECRET_MAX_BYTES, value, err);
    if (str_starts(ref, "credential:"))
        return read_credential(ref + 11, value, err);
    return error_set(err, SB_INTERNAL, "a reference that secret_ref did not check");
}

static void drop_newline(struct buf *value)
{
    if (value->len > 0 && value->data[value->len - 1] == '\n')
        value->len--;
    if (value->len > 0 && value->data[value->len - 1] == '\r')
        value->len--;
    value->data[value->len] = '\0';
}

static bool check_value(struct buf *value, struct error *err)
{
    if (value->len == 0)
        return error_set(err, SB_MISSING, "it is empty");
    drop_newline(value);
    if (value->len == 0)
        return error_set(err, SB_MISSING, "it is empty");
    if (strlen(value->data) != value->len)
        return error_set(err, SB_PARSE, "it holds a NUL byte, so it is not a text");
    return true;
}

char *secret_read(const struct secret *s, struct error *err)
{
    /* Room for all from the start: a buffer that grows leaves copies of the value behind. */
    struct buf value = {.data = malloc(SECRET_MAX_BYTES + 2), .cap = SECRET_MAX_BYTES + 2};
    if (value.data == NULL)
        abort();
    value.data[0] = '\0';

    struct error e = ERROR_NONE;
    char *copy = NULL;
    if (read_value(s->ref, &value, &e) && check_value(&value, &e)) {
        copy = strdup(value.data);
        if (copy == NULL)
            abort();
        log_redact(copy);
    } else {
        error_wrap(&e, err, "secret %s", s->ref);
    }
    explicit_bzero(value.data, value.cap);
    buf_free(&value);
    return copy;
}

void secret_wipe(char *value)
{
    if (value == NULL)
        return;
    explicit_bzero(value, strlen(value));
    free(value);
}

void secret_wipe_ptr(char **value)
{
    secret_wipe(*value);
    *value = NULL;
}
