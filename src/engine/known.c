/* known.c: what the outside systems know about a plan, gathered before it is shown or kept: what runs, whether the
 * tags exist and are checked, who is on call, what else is on the calendar. All at once but for the tags, which
 * are compared with what runs. A system that does not answer soon is told, and holds nothing up. */
#include "base/instant.h"
#include "engine/inside.h"

/* A person waits for the answer. */
#define SOON SECONDS(12)

struct gather {
    struct gather *next; /* in engine.gathers */
    struct engine *e;
    json_t *facts;
    const struct procedure *page;
    char *except; /* our own event on the calendar */
    int left;
    struct known_plan known;
    known_fn *done;
    void (*drop)(void *ctx);
    void *ctx;
};

static void gather_free(struct gather *g)
{
    json_decref(g->facts);
    json_decref(g->known.versions);
    json_decref(g->known.releases);
    json_decref(g->known.oncall);
    json_decref(g->known.owners);
    json_decref(g->known.calendar);
    json_decref(g->known.unknown);
    free(g->except);
    free(g);
}

void gathers_drop(struct engine *e)
{
    for (struct gather *g = e->gathers, *next; g; g = next) {
        next = g->next;
        g->drop(g->ctx);
        gather_free(g);
    }
    e->gathers = NULL;
}

static void one_less(struct gather *g)
{
    if (--g->left > 0)
        return;
    struct gather **at = &g->e->gathers;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    g->done(g->ctx, &g->known);
    gather_free(g);
}

/* What was not found out is told, so that nobody takes silence for consent. */
static void not_told(struct gather *g, const char *what, const struct error *err)
{
    json_array_append_new(g->known.unknown, json_pack("{s:s, s:s}", "what", what, "says", err->text));
}

/* --- the looks
 * ----------------------------------------------------------------------------------------------------------------- */

static bool page_does(const struct procedure *p, const char *verb)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].verb && str_eq(p->steps[i].verb->name, verb))
            return true;
    return false;
}

/* Only what the page itself would ask, of a system that is there. Takes `args`. */
static bool look(struct gather *g, const char *verb, json_t *args, engine_done_fn *done)
{
    struct system *system;
    struct error err;
    const struct verb *v = verb_find(verb);
    bool there = page_does(g->page, verb) && v && verb_entry_of(g->e, v, &system, &err);
    if (there) {
        g->left++;
        look_within(g->e, verb, args, SOON, done, g);
    }
    json_decref(args);
    return there;
}

static void on_releases(void *ctx, json_t *answer, const struct error *err)
{
    struct gather *g = ctx;
    json_t *rows = json_object_get(answer, "services");
    if (rows)
        g->known.releases = json_incref(answer); /* a check that fails still says of what */
    else if (err)
        not_told(g, "tags", err);
    one_less(g);
}

static json_t *services_with_before(const struct gather *g)
{
    json_t *list = json_array();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(g->facts, "services"), i, s) {
        const char *name = json_str(s, "service", "");
        const json_t *before = json_object_get(g->known.versions, name);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "service", name, "tag", json_str(s, "tag", ""),
                                        "before", json_is_string(before) ? json_string_value(before) : ""));
    }
    return list;
}

static void look_at_releases(struct gather *g)
{
    look(g, "releases.check", json_pack("{s:o}", "services", services_with_before(g)), on_releases);
}

static void on_versions(void *ctx, json_t *answer, const struct error *err)
{
    struct gather *g = ctx;
    json_t *services = json_object_get(answer, "services");
    if (services)
        g->known.versions = json_incref(services);
    if (err)
        not_told(g, "versions", err);
    look_at_releases(g);
    one_less(g);
}

static void on_oncall(void *ctx, json_t *answer, const struct error *err)
{
    struct gather *g = ctx;
    if (err)
        not_told(g, "oncall", err);
    else
        g->known.oncall = json_incref(json_object_get(answer, "people"));
    one_less(g);
}

static void on_owners(void *ctx, json_t *answer, const struct error *err)
{
    struct gather *g = ctx;
    if (err)
        not_told(g, "owners", err);
    else
        g->known.owners = json_incref(json_object_get(answer, "owners"));
    one_less(g);
}

static void on_calendar(void *ctx, json_t *answer, const struct error *err)
{
    struct gather *g = ctx;
    if (err)
        not_told(g, "calendar", err);
    else
        g->known.calendar = json_incref(json_object_get(answer, "conflicts"));
    one_less(g);
}

static json_t *names_of_services(const json_t *facts)
{
    json_t *list = json_array();
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(facts, "services"), i, s)
        json_array_append_new(list, json_string(json_str(s, "service", "")));
    return list;
}

static void look_at_calendar(struct gather *g)
{
    int64_t from = json_int(g->facts, "window.from", 0), to = json_int(g->facts, "window.to", 0),
            now = engine_now(g->e);
    if (!from)
        return;
    /* As far as a better window may lie away. */
    int64_t first = from - PLAN_REACH > now || from < now ? from - PLAN_REACH : now;
    json_t *args =
        json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)first, "to", (json_int_t)(to + PLAN_REACH),
                  "client", json_str(g->facts, "client.name", ""), "env", json_str(g->facts, "env.name", ""));
    if (g->except)
        json_object_set_new(args, "except", json_string(g->except));
    look(g, "calendar.conflicts", args, on_calendar);
}

static void nothing_to_look_at(void *ctx, json_t *answer UNUSED, const struct error *err UNUSED)
{
    one_less(ctx);
}

void plan_gather(struct engine *e, const json_t *facts, const struct procedure *page, const char *except,
                 known_fn *done, void (*drop)(void *ctx), void *ctx)
{
    struct gather *g = NET_NEW(struct gather);
    *g = (struct gather){.next = e->gathers,
                         .e = e,
                         .facts = json_incref((json_t *)facts),
                         .page = page,
                         .except = net_strdup(except),
                         .left = 1,
                         .done = done,
                         .drop = drop,
                         .ctx = ctx};
    g->known.unknown = json_array();
    e->gathers = g;
    json_t *args = json_pack("{s:s, s:s, s:o}", "client", json_str(facts, "client.id", ""), "env",
                             json_str(facts, "env.name", ""), "services", names_of_services(facts));
    if (!look(g, "cluster.versions", args, on_versions))
        look_at_releases(g);
    const char *oncall = json_str(facts, "oncall", "");
    if (*oncall)
        look(g, "pager.oncall", json_pack("{s:s}", "schedule", oncall), on_oncall);
    look(g, "owners.lookup", json_pack("{s:o}", "services", names_of_services(facts)), on_owners);
    look_at_calendar(g);
    reply_later(e, nothing_to_look_at, g, NULL, NULL);
}
