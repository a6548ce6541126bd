/* github.c: the releases driver for GitHub: configuration, requests with their cache, doctor. */
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include "systems/github_driver.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "repository",    "services", "tag", "migrations", "web",
                                   "require_checks", "schema_marker", NULL};

enum { CACHED_MAX = 500, SERVICES_MAX = 2000, VISITED_MAX = 20 };

static const char *const accept_header = "Accept: application/vnd.github+json";
static const char *const version_header = "X-GitHub-Api-Version: 2022-11-28";

/* --- requests
 * -------------------------------------------------------------------------------------------------- */

const char *github_encoded(struct github_flow *t, const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    buf_add_url(&b, text);
    return arena_strdup(&t->round, buf_str(&b));
}

static void keep(struct github *g, const char *path, const char *etag, json_t *body)
{
    if (!etag)
        return;
    if (json_object_size(g->cache) >= CACHED_MAX)
        json_object_clear(g->cache);
    json_object_set_new(g->cache, path, json_pack("{s:s, s:O}", "etag", etag, "body", body));
}

static void on_answer(struct flow *f, const struct http_reply *reply)
{
    struct github_flow *t = (struct github_flow *)f;
    struct error err = ERROR_NONE;
    json_t *known = json_object_get(json_object_get(t->g->cache, t->path), "body");
    _cleanup_json_ json_t *answer = NULL;
    if (reply->status == 304 && !known) { /* the cache was emptied meanwhile */
        github_get(t, f->request.what, t->path, t->then);
        return;
    }
    if (reply->status == 304)
        answer = json_incref(known);
    else if ((answer = http_json(f->peer, &f->request, reply, &err)) != NULL)
        keep(t->g, t->path, http_reply_header(reply, "ETag"), answer);
    t->then(t, answer, reply);
}

void github_get(struct github_flow *t, const char *what, const char *path, github_answer *then)
{
    const char *etag = json_str(json_object_get(t->g->cache, path), "etag", NULL);
    const char **headers = ARENA_ARRAY(&t->round, 4, const char *);
    headers[0] = accept_header;
    headers[1] = version_header;
    if (etag)
        headers[2] = arena_printf(&t->round, "If-None-Match: %s", etag);
    t->then = then;
    t->path = path;
    struct http_request r = {
        .method = "GET", .what = what, .path = path, .headers = headers, .repeatable = true, .follow = true};
    flow_send(&t->f, &r, on_answer);
}

/* GitHub refuses with 403 what others refuse with 429, and tells when the next hour begins. */
struct outcome github_outcome(const struct flow *f, const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_look(f->peer, &f->request, reply);
    if (reply->status != 403 && reply->status != 429)
        return o;
    const char *left = http_reply_header(reply, "x-ratelimit-remaining");
    const char *reset = http_reply_header(reply, "x-ratelimit-reset");
    bool used_up = left && str_eq(left, "0");
    if (!used_up && o.retry_after_ms == 0 && !strcasestr(o.error.text, "rate limit"))
        return o;
    o.kind = OUTCOME_RETRY;
    if (o.retry_after_ms == 0 && used_up && reset) {
        int64_t wait = strtoll(reset, NULL, 10) * 1000 - loop_wall_ms();
        o.retry_after_ms = wait < 0 ? 0 : wait > HOURS(1) ? HOURS(1) : wait;
    }
    if (o.retry_after_ms == 0)
        o.retry_after_ms = MINUTES(1);
    return o;
}

void github_failed(struct github_flow *t, const struct http_reply *reply)
{
    struct outcome o = github_outcome(&t->f, reply);
    flow_end(&t->f, &o);
}

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    const struct github *g;
    int at; /* of the services; -1 = the common repository */
};

static void visit(struct look *w);

static void send_look(struct look *w, const char *what, const char *path,
                      void (*then)(struct flow *, const struct http_reply *))
{
    static const char *const headers[] = {"Accept: application/vnd.github+json",
                                          "X-GitHub-Api-Version: 2022-11-28", NULL};
    struct http_request r = {
        .method = "GET", .what = what, .path = path, .headers = headers, .repeatable = true, .follow = true};
    flow_send(&w->c.f, &r, then);
}

static const char *visited_name(const struct look *w)
{
    return w->at < 0 ? w->g->repository : w->g->services[w->at].name;
}

static void on_repository(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    const char *what = arena_printf(&f->arena, "may read %.100s", visited_name(w));
    if (http_ok(f->peer, &f->request, reply, &err))
        checks_add(&w->c, CHECK_OK, what, "yes");
    else if (reply->status == 404)
        checks_add(&w->c, CHECK_FAIL, what,
                   "not found: check the name, and give the token Contents and Checks (read) there");
    else
        checks_failed(&w->c, CHECK_FAIL, what, reply);
    w->at++;
    visit(w);
}

static void visit(struct look *w)
{
    if (w->at < 0 && (!w->g->repository || strstr(w->g->repository, "{service}")))
        w->at = 0; /* which services there are is not known here */
    if (w->at < w->g->n_services && w->at < VISITED_MAX) {
        send_look(w, "read the repository", arena_printf(&w->c.f.arena, "/repos/%s", visited_name(w)),
                  on_repository);
        return;
    }
    if (!w->g->repository && w->g->n_services == 0)
        checks_add(&w->c, CHECK_WARN, "repositories",
                   "none is configured (systems: releases: repository): tags are not checked");
    checks_end(&w->c);
}

static void on_limit(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(answer)) {
        checks_failed(&w->c, CHECK_FAIL, "signs in", reply);
        checks_end(&w->c);
        return;
    }
    int64_t limit = json_int(answer, "resources.core.limit", 0);
    int64_t left = json_int(answer, "resources.core.remaining", 0);
    checks_add(&w->c, limit > 0 && limit <= 60 ? CHECK_WARN : CHECK_OK, "signs in",
               limit > 0 && limit <= 60 ? "without a token: %lld of %lld requests an hour are left"
                                        : "%lld of %lld requests an hour are left",
               (long long)left, (long long)limit);
    checks_clock(&w->c, reply);
    visit(w);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct github *g = (struct github *)system;
    struct look *w = checks_new(sizeof *w, system, g->peer, done, ctx);
    w->g = g;
    w->at = -1;
    send_look(w, "read the rate limit", "/rate_limit", on_limit);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static void github_close(struct system *system)
{
    struct github *g = (struct github *)system;
    tasks_cancel(system);
    if (g->peer)
        http_peer_free(g->peer);
    json_decref(g->cache);
    arena_free(&g->arena);
    free(g);
}

/* "OWNER/NAME", where {service} may stand. */
static bool repository_ok(const struct yaml *y, const char *file, struct error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/{}";
    const char *text = y->kind == YAML_SCALAR ? y->text : NULL;
    const char *slash = text ? strchr(text, '/') : NULL;
    if (slash && slash > text && slash[1] && !strchr(slash + 1, '/') && !strstr(text, "..") &&
        text[strspn(text, allowed)] == '\0')
        return true;
    return error_at(err, SB_PARSE, file, y->line, y->column,
                    "expected a repository such as works/{service}, as GitHub has it");
}

static bool read_repositories(struct github *g, const struct yaml *config, const char *file,
                              struct error *err)
{
    const struct yaml *one = yaml_get(config, "repository"), *map = yaml_get(config, "services");
    if (one && !repository_ok(one, file, err))
        return false;
    g->repository = one ? arena_strdup(&g->arena, one->text) : NULL;
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > SERVICES_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "services: expected a map of service to repository");
    g->services = ARENA_ARRAY(&g->arena, (size_t)map->n + 1, struct github_repository);
    for (int i = 0; i < map->n; i++) {
        if (!repository_ok(map->items[i], file, err))
            return false;
        g->services[g->n_services++] = (struct github_repository){
            arena_strdup(&g->arena, map->keys[i]->text), arena_strdup(&g->arena, map->items[i]->text)};
    }
    return true;
}

static bool read_require(struct github *g, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *y = yaml_get(config, "require_checks");
    if (y && !str_eq(y->text, "true") && !str_eq(y->text, "false"))
        return error_at(err, SB_PARSE, file, y->line, y->column, "require_checks: expected true or false");
    g->require_checks = y && str_eq(y->text, "true");
    return true;
}

/* Where people look: https://github.com for its API's host, an Enterprise server without its API's path. */
static const char *web_of(struct github *g, const struct yaml *config, const char *base)
{
    const char *web = config_str(config, "web", NULL);
    if (web)
        return arena_strdup(&g->arena, web);
    if (str_eq(base, "https://api.github.com"))
        return "https://github.com";
    size_t n = strlen(base);
    return arena_strndup(&g->arena, base, str_ends(base, "/api/v3") ? n - strlen("/api/v3") : n);
}

static bool configure(struct github *g, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {.name = "github",
                                         .base_url = "https://api.github.com",
                                         .per_second = 10,
                                         .burst = 10,
                                         .total_ms = (int)SECONDS(30)};
    if (!config_peer(config, file, &defaults, &g->arena, &o, err) ||
        !read_repositories(g, config, file, err) || !read_require(g, config, file, err) ||
        !releases_read_migrations(config, file, &g->arena, &g->migrations, err))
        return false;
    g->tag = arena_strdup(&g->arena, config_str(config, "tag", "{tag}"));
    g->web = web_of(g, config, o.base_url);
    g->schema_marker = arena_strdup(&g->arena, config_str(config, "schema_marker", NULL));
    g->peer = http_peer_new(g->system.around->http, &o, err);
    return g->peer != NULL;
}

static struct system *github_open(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct github *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->system = (struct system){.driver = d, .name = d->name, .around = around};
    g->arena = arena_make();
    g->cache = json_object();
    if (configure(g, config, file, err))
        return &g->system;
    github_close(&g->system);
    return NULL;
}

const struct driver github_driver = {
    .role = ROLE_RELEASES,
    .name = "github",
    .says = "looks for tags, their checks, what they hold and changed migrations on GitHub",
    .keys = keys,
    .open = github_open,
    .close = github_close,
    .check = check,
    .verbs =
        {
            {.verb = "check", .perform = github_look_check},
            {.verb = NULL},
        },
};
