/* figures.c: all changes together, and what the decisions about one cost. */
#include "api/inside.h"
#include "base/instant.h"

static bool sees(void *ctx, const char *client, const char *env)
{
    const struct call *c = ctx;
    return visitor_sees(c->api, &c->visitor, client, env);
}

void figures_all(struct call *c)
{
    struct error err = ERROR_NONE;
    int64_t days;
    if (!call_query_int(c, "days", 0, 0, 36500, &days, &err)) {
        call_fail(c, &err);
        return;
    }
    int64_t since = days ? engine_now(c->api->engine) - DAYS(days) : 0;
    engine_figures(c->api->engine, since, call_query(c, "client"), call_query(c, "service"), sees, call_told,
                   c);
}

void figures_choices(struct call *c)
{
    struct error err = ERROR_NONE;
    if (caller_change(c, c->args[0], &err))
        engine_choices(c->api->engine, c->args[0], call_told, c);
    else
        call_fail(c, &err);
}
