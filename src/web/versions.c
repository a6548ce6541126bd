/* versions.c: what runs where: services by clients, and where they differ. */
#include "web/inside.h"
#include <stdlib.h>
#include <string.h>

enum { FRESH_MS = 60 * 1000 };

struct place {
    const struct config_client *client;
    const struct config_env *env;
    struct look_seen seen;
};

struct grid {
    struct place *places;
    size_t n;
    const char **services;
    size_t n_services, room;
};

static void add_service(struct visit *v, struct grid *g, const char *name)
{
    for (size_t i = 0; i < g->n_services; i++)
        if (str_eq(g->services[i], name))
            return;
    if (g->n_services == g->room) {
        const char **more = ARENA_ARRAY(&v->arena, g->room * 2 + 16, const char *);
        if (g->n_services)
            memcpy(more, g->services, g->n_services * sizeof *more);
        g->services = more;
        g->room = g->room * 2 + 16;
    }
    g->services[g->n_services++] = arena_strdup(&v->arena, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The environments of a kind, one a client: prod is compared with prod. */
static void gather(struct visit *v, struct grid *g, const char *env)
{
    const struct config *c = engine_config(v->web->engine);
    g->places = ARENA_ARRAY(&v->arena, (size_t)c->n_clients + 1, struct place);
    for (int i = 0; i < c->n_clients; i++)
        for (int k = 0; k < c->clients[i].n_envs; k++) {
            const struct config_env *e = &c->clients[i].envs[k];
            if (!str_eq(e->name, env) || !who_sees(v, c->clients[i].id, e->name))
                continue;
            _cleanup_json_ json_t *args = json_pack("{s:s, s:s}", "client", c->clients[i].id, "env", e->name);
            struct look_seen seen = look_at(v->web, "cluster.versions", args, FRESH_MS);
            const char *name;
            json_t *tag;
            json_object_foreach(json_object_get(seen.answer, "services"), name, tag)
                add_service(v, g, name);
            g->places[g->n++] = (struct place){.client = &c->clients[i], .env = e, .seen = seen};
        }
    if (g->n_services)
        qsort(g->services, g->n_services, sizeof *g->services, by_name);
}

static const char *tag_of(const struct place *p, const char *service)
{
    return json_string_value(json_object_get(json_object_get(p->seen.answer, "services"), service));
}

/* The tag that most clients run of a service, and the newest that any does. */
static void compare(const struct grid *g, const char *service, const char **usual, const char **newest)
{
    size_t most = 0;
    *usual = *newest = "";
    for (size_t i = 0; i < g->n; i++) {
        const char *tag = tag_of(&g->places[i], service);
        size_t n = 0;
        for (size_t k = 0; tag && k < g->n; k++)
            n += str_eq(tag, tag_of(&g->places[k], service));
        if (n > most) {
            most = n;
            *usual = tag;
        }
        if (tag && strcmp(tag, *newest) > 0)
            *newest = tag;
    }
}

/* A hotfix planned from here brings the newest version that another client runs, when this one runs it not. */
static void plan_link(struct visit *v, const struct place *p, const char *service, const char *tag,
                      const char *newest)
{
    struct html *h = &v->html;
    bool behind = !str_eq(tag, newest);
    html_put(h, " <a class='more' href='/plan?target=%s%%2F%s&amp;service0=%s", html_part(h, p->client->id),
             html_part(h, p->env->name), html_part(h, service));
    if (behind)
        html_put(h, "&amp;tag0=%s", html_part(h, newest));
    html_put(h, "' aria-label='Plan a hotfix of %s for %s %s%s%s'>%s</a>", service, p->client->id,
             p->env->name, behind ? " to " : "", behind ? newest : "", behind ? "bring it here" : "plan");
}

static void cell(struct visit *v, const struct place *p, const char *service, const char *usual,
                 const char *newest)
{
    struct html *h = &v->html;
    const char *tag = tag_of(p, service);
    const json_t *mixed = json_object_get(json_object_get(p->seen.answer, "mixed"), service);
    if (!tag) {
        html_put(h, p->seen.answer ? "<td class='muted'>does not run</td>" : "<td class='muted'>…</td>");
        return;
    }
    bool drift = !str_eq(tag, usual);
    html_put(h, "<td class='%s'><code>%s</code>", drift ? "drift" : "", tag);
    if (json_array_size(mixed) > 1)
        html_put(h, " <span class='mark'>%zu versions at once</span>", json_array_size(mixed));
    if (drift)
        html_put(h, " <span class='mark'>differs</span>");
    plan_link(v, p, service, tag, newest);
    html_put(h, "</td>");
}

static void table(struct visit *v, const struct grid *g)
{
    struct html *h = &v->html;
    html_put(
        h,
        "<div class='scroll' tabindex='0' role='region' aria-label='Versions'><table class='grid'><thead><tr><th scope='col'>Service</th>");
    for (size_t i = 0; i < g->n; i++)
        html_put(h, "<th scope='col'>%s</th>",
                 g->places[i].client->name ? g->places[i].client->name : g->places[i].client->id);
    html_put(h, "</tr></thead><tbody>");
    for (size_t s = 0; s < g->n_services; s++) {
        html_put(h, "<tr><th scope='row'>%s</th>", g->services[s]);
        const char *usual, *newest;
        compare(g, g->services[s], &usual, &newest);
        for (size_t i = 0; i < g->n; i++)
            cell(v, &g->places[i], g->services[s], usual, newest);
        html_put(h, "</tr>");
    }
    html_put(h, "</tbody></table></div>");
}

static void envs(struct visit *v, const char *env)
{
    struct html *h = &v->html;
    const struct config *c = engine_config(v->web->engine);
    const char *seen[32];
    size_t n = 0;
    html_put(h, "<nav class='tabs' aria-label='Environment'><ul>");
    for (int i = 0; i < c->n_clients; i++)
        for (int k = 0; k < c->clients[i].n_envs && n < COUNT_OF(seen); k++) {
            const char *name = c->clients[i].envs[k].name;
            bool known = false;
            for (size_t s = 0; s < n; s++)
                known = known || str_eq(seen[s], name);
            if (known)
                continue;
            seen[n++] = name;
            html_put(h,
                     str_eq(name, env) ? "<li><a href='/versions?env=%s' aria-current='page'>%s</a></li>"
                                       : "<li><a href='/versions?env=%s'>%s</a></li>",
                     html_part(h, name), name);
        }
    html_put(h, "</ul></nav>");
}

void versions_page(struct visit *v)
{
    static const struct page p = {.title = "Versions", .place = "versions", .wide = true};
    struct html *h = &v->html;
    struct grid g = {0};
    const char *env = *visit_query(v, "env") ? visit_query(v, "env") : "prod";
    bool looking = false;
    gather(v, &g, env);
    page_begin(v, &p);
    html_put(h, "<h1>What runs where</h1>");
    envs(v, env);
    for (size_t i = 0; i < g.n; i++)
        looking = looking || g.places[i].seen.under_way;
    html_put(h, looking ? "<section id='versions' data-live data-again='1500'>"
                        : "<section id='versions' data-live>");
    if (looking)
        html_put(
            h, "<p class='muted' role='status'>The clusters are being asked. <a href='%s'>Look again</a></p>",
            v->path);
    for (size_t i = 0; i < g.n; i++)
        if (g.places[i].seen.failed)
            html_put(h, "<p class='notice bad'>%s %s: %s</p>", g.places[i].client->id, env,
                     g.places[i].seen.failed);
    if (g.n == 0)
        html_put(h, "<p class='empty'>No client is configured with an environment of this name.</p>");
    else if (g.n_services > 0)
        table(v, &g);
    html_put(h, "</section>");
    page_end(v);
    visit_page(v);
}
