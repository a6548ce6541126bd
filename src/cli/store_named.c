#include "cli/store_named.h"

#include "base/buf.h"
#include "cli/session.h"

bool store_is_url(const char *name)
{
    return str_starts(name, "postgresql://") || str_starts(name, "postgres://");
}

/* What is wrong with a configuration is told by the commands that need all of it. */
static void configured(const struct args *a, struct config_store *out)
{
    struct config *c = config_read(config_file_of(a, NULL), a->arena, NULL);
    *out = c ? c->store : (struct config_store){0};
    config_free(c);
}

const char *store_configured(const struct args *a)
{
    struct config_store c;
    configured(a, &c);
    return c.url ? c.url : arena_printf(a->arena, "%s/signalbox.db", state_dir_of(a, NULL));
}

void store_named(const struct args *a, const char *name, struct store_options *out)
{
    if (!store_is_url(name)) {
        out->path = name;
        return;
    }
    struct config_store c;
    configured(a, &c);
    out->url = name;
    out->password = str_eq(c.url, name) ? c.password : NULL;
}
