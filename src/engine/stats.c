/* stats.c: how the engine does, in numbers. */
#include "engine/inside.h"
#include <string.h>

/* A parked change keeps its short form as text: what is looked for stands in it once. */
static bool parked_is(const struct ride *r, const char *status)
{
    _cleanup_arena_ struct arena a = arena_make();
    return strstr(r->parked, arena_printf(&a, "\"status\":\"%s\"", status)) != NULL;
}

static void count(const struct ride *r, struct engine_stats *out)
{
    for (int i = 0; i < CHANGE_STATUSES; i++)
        if (r->c ? (int)r->c->control.status == i : r->parked && parked_is(r, change_status_names[i])) {
            out->changes[i]++;
            return;
        }
}

void engine_stats(const struct engine *e, struct engine_stats *out)
{
    *out = (struct engine_stats){.calls = e->tasks, .appends = e->appends, .store = store_stats(e->store)};
    for (const struct ride *r = e->rides_first; r; r = r->next) {
        if (!r->ended)
            count(r, out);
        out->stuck += r->stuck != NULL;
        out->store_broken += r->store_error != NULL;
    }
}

void engine_each_peer(struct engine *e, void (*each)(void *ctx, const char *name, const struct http_stats *s),
                      void *ctx)
{
    http_each_peer(e->http, each, ctx);
}
