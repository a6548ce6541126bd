#include "engine/config_store.h"

#include "base/buf.h"
#include "base/instant.h"
#include "base/secret.h"

#define LEASE       SECONDS(15)
#define LEASE_LEAST SECONDS(1)
#define LEASE_MOST  MINUTES(10)

static bool refuse(const struct yaml *y, const char *file, enum error_code code, const char *says,
                   struct error *err)
{
    return error_at(err, code, file, y->line, y->column, "store: %s", says);
}

static bool read_url(const struct yaml *y, const char *file, struct config_store *out, struct error *err)
{
    if (y->kind != YAML_SCALAR ||
        (!str_starts(y->text, "postgresql://") && !str_starts(y->text, "postgres://")))
        return refuse(
            y, file, SB_PARSE,
            "expected the URL of a PostgreSQL database, such as "
            "postgresql://signalbox@db.example.com/signalbox; without a store, the record is a file in "
            "the state folder",
            err);
    out->url = y->text;
    return true;
}

static bool read_password(const struct yaml *y, const char *file, struct arena *a, struct config_store *out,
                          struct error *err)
{
    struct secret s;
    struct error why;
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR)
        return refuse(y, file, SB_PARSE, "password: expected a reference such as file:/etc/signalbox/db",
                      err);
    if (!secret_ref(y->text, a, &s, &why))
        return error_at(err, why.code, file, y->line, y->column, "store: password: %s", why.text);
    out->password = s.ref;
    return true;
}

static bool read_lease(const struct yaml *y, const char *file, struct config_store *out, struct error *err)
{
    if (!y)
        return true;
    struct error why;
    if (y->kind != YAML_SCALAR || !duration_parse(y->text, &out->lease_ms, &why))
        return refuse(y, file, SB_PARSE, "lease: expected a duration such as 15s", err);
    if (out->lease_ms < LEASE_LEAST || out->lease_ms > LEASE_MOST)
        return refuse(y, file, SB_RANGE, "lease: between 1s and 10m", err);
    return true;
}

bool config_store_read(const struct yaml *y, const char *file, struct arena *a, struct config_store *out,
                       struct error *err)
{
    static const char *const keys[] = {"url", "password", "lease", NULL};
    *out = (struct config_store){.lease_ms = LEASE};
    if (!y)
        return true;
    if (y->kind != YAML_MAP)
        return read_url(y, file, out, err);
    if (!yaml_get(y, "url"))
        return refuse(y, file, SB_MISSING, "which database? Write url: postgresql://USER@HOST/DATABASE", err);
    return yaml_only(y, file, "store", keys, err) && read_url(yaml_get(y, "url"), file, out, err) &&
           read_password(yaml_get(y, "password"), file, a, out, err) &&
           read_lease(yaml_get(y, "lease"), file, out, err);
}
