/* engine.c: opens store and systems, takes up what was left open, lets go of it all. */
#include "base/log.h"
#include "engine/share.h"
#include <errno.h>
#include <sys/stat.h>

/* --- clock
 * ------------------------------------------------------------------------------------------------------------
 */

static int64_t real_now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

int64_t engine_now(const struct engine *e)
{
    return e->clock.now(e->clock.ctx);
}

static int64_t now_of(void *ctx)
{
    return engine_now(ctx);
}

static int freezes_of(void *ctx, const char *client, const char *env, int64_t from, int64_t to,
                      struct freeze_met *out, int most)
{
    const struct engine *e = ctx;
    return config_freezes(e->config, client, env, from, to, out, most);
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------
 */

/* Every folder of the path, the last one for us alone. */
static bool make_dirs(const char *path, struct arena *a, struct error *err)
{
    char *p = arena_strdup(a, path);
    for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(p, 0755) != 0 && errno != EEXIST)
            return error_errno(err, errno, "%s", p);
        *slash = '/';
    }
    if (mkdir(p, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "%s", p);
    return true;
}

static const struct driver *driver_for(const struct engine_options *o, enum role role)
{
    for (const struct driver *const *d = o->drivers; d && *d; d++)
        if ((*d)->role == role)
            return *d;
    const char *name = o->config->systems[role].driver;
    return name ? driver_find(role, name) : NULL;
}

static bool open_systems(struct engine *e, const struct engine_options *o, struct error *err)
{
    struct error why;
    for (int i = 0; i < ROLE_COUNT; i++) {
        const struct driver *d = driver_for(o, (enum role)i);
        if (!d)
            continue;
        e->systems[i] = d->open(d, o->config->systems[i].yaml, o->config->file, &e->around, &why);
        if (!e->systems[i])
            return error_wrap(&why, err, "%s (%s)", role_names[i], d->name);
    }
    return true;
}

static bool open_seal(struct engine *e, const struct config *c, struct seal_key *key, struct error *err)
{
    return seal_key_open(c->state_dir, c->seal_key.ref ? &c->seal_key : NULL, key, err) &&
           seal_trust_read(arena_printf(&e->arena, "%s/seal.pub", c->state_dir), &e->seal_trust, err);
}

static bool open_store(struct engine *e, const struct engine_options *o, struct error *err)
{
    struct error why;
    struct seal_key key;
    if (!make_dirs(o->config->state_dir, &e->arena, &why))
        return error_wrap(&why, err, "state directory");
    if (!open_seal(e, o->config, &key, &why))
        return error_wrap(&why, err, "key that seals the record");
    const struct store_options so = {.path = arena_printf(&e->arena, "%s/signalbox.db", o->config->state_dir),
                                     .url = o->config->store.url,
                                     .password = o->config->store.password,
                                     .loop = o->loop,
                                     .socket_path = o->socket_path,
                                     .seal_key = &key,
                                     .seal_trust = &e->seal_trust};
    e->store = store_open(&so, &why);
    seal_key_wipe(&key);
    return e->store || error_wrap(&why, err, "store");
}

/* --- taking up what was left open
 * -------------------------------------------------------------------------------------- */

static void take_up(struct engine *e, const char *id)
{
    struct error err = ERROR_NONE;
    struct ride *r = ride_load(e, id, &err);
    if (!r) {
        log_write(LOG_ERROR, "engine", id, "cannot be read, and so is not carried on: %s", err.text);
        return;
    }
    if (r->ended) { /* died before the store was told */
        store_mark_ended(e->store, id);
        return;
    }
    if (e->nodes) /* until it is known who carries it */
        ride_park_unless_wanted(r);
    else
        ride_resume(r);
}

struct heads {
    char **ids;
    size_t n, room;
};

static bool keep_head(void *ctx, const struct store_head *h)
{
    struct heads *all = ctx;
    if (all->n == all->room) {
        all->room = all->room ? all->room * 2 : 64;
        all->ids = realloc(all->ids, all->room * sizeof(char *));
        if (!all->ids)
            abort();
    }
    all->ids[all->n++] = net_strdup(h->change);
    return true;
}

static bool take_up_all(struct engine *e, struct error *err)
{
    struct heads all = {0};
    bool ok = store_changes(e->store, true, keep_head, &all, err);
    for (size_t i = 0; i < all.n; i++) {
        if (ok)
            take_up(e, all.ids[i]);
        free(all.ids[i]);
    }
    free(all.ids);
    return ok;
}

/* Short forms of ended changes, for lists. */
static void on_summaries(void *ctx, json_t *docs, const struct error *err)
{
    struct engine *e = ctx;
    size_t i;
    json_t *doc;
    if (err)
        return;
    json_array_foreach(docs, i, doc) {
        const char *id = json_str(doc, "id", NULL);
        if (id && !names_get(&e->summaries, id))
            names_put(&e->summaries, id, json_incref(doc));
    }
}

struct engine *engine_open(const struct engine_options *o, struct error *err)
{
    struct engine *e = NET_NEW(struct engine);
    e->loop = o->loop;
    e->config = o->config;
    e->clock = o->clock ? *o->clock : (struct engine_clock){.now = real_now};
    e->practice = o->clock != NULL;
    e->speed = o->speed > 0 ? o->speed : 1;
    e->yes = o->yes;
    e->loaded_most = o->loaded_most > 0 ? o->loaded_most : 500;
    e->arena = arena_make();
    e->yes_as = o->yes_as ? arena_strdup(&e->arena, o->yes_as) : "";
    e->yes_except = o->yes_except;
    e->replies_end = &e->replies;
    e->expr = expr_new();
    e->http = http_new(o->loop);
    if (!open_store(e, o, err) || !share_open(e, !o->hold, err)) {
        engine_close(e);
        return NULL;
    }
    e->shelf = shelf_of(e->store);
    e->around = (struct surroundings){.loop = o->loop,
                                      .http = e->http,
                                      .shelf = &e->shelf,
                                      .now = now_of,
                                      .now_ctx = e,
                                      .state_dir = o->config->state_dir,
                                      .poll_ms = o->config->poll_ms,
                                      .freezes = freezes_of,
                                      .freezes_ctx = e,
                                      .speed = e->speed};
    if (!open_systems(e, o, err) || !take_up_all(e, err)) {
        engine_close(e);
        return NULL;
    }
    store_doc_list(e->store, "summary", 1000, on_summaries, e);
    history_open(e);
    return e;
}

/* --- closing
 * ------------------------------------------------------------------------------------------------------------
 */

static void drop_summary(void *value)
{
    json_decref(value);
}

static void free_summaries(struct engine *e)
{
    names_each(&e->summaries, drop_summary);
    names_free(&e->summaries);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    for (struct ride *r = e->rides_first; r && e->store; r = r->next)
        if (!r->broken)
            ride_flush(r); /* an answer that a person gave is not lost by a stop in good order */
    e->closing = true;
    looks_cancel(e);
    gathers_drop(e);
    figures_free(e);
    for (struct ride *r = e->rides_first; r; r = r->next)
        works_cancel(r);
    for (int i = 0; i < ROLE_COUNT; i++)
        if (e->systems[i])
            e->systems[i]->driver->close(e->systems[i]);
    if (e->store)
        store_flush(e->store);
    share_close(e); /* nothing is under way: another node may go on */
    if (e->store)
        store_close(e->store);
    batches_free(e);
    while (e->rides_first)
        ride_free(e->rides_first);
    wake_free(e);
    http_free(e->http);
    free_summaries(e);
    history_close(e);
    names_free(&e->rides);
    names_free(&e->lanes);
    names_free(&e->plans);
    for (struct listener *l = e->listeners, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    pages_free(e);
    expr_free(e->expr);
    arena_free(&e->arena);
    free(e);
}

/* --- small questions
 * ------------------------------------------------------------------------------------------------------ */

const struct config *engine_config(const struct engine *e)
{
    return e->config;
}

const struct seal_trust *engine_seal_trust(const struct engine *e)
{
    return &e->seal_trust;
}

struct store *engine_store(struct engine *e)
{
    return e->store;
}

struct loop *engine_loop(const struct engine *e)
{
    return e->loop;
}

/* A moment that comes within this is soon. */
#define SOON MINUTES(1)

bool engine_idle(const struct engine *e)
{
    return engine_quiet(e) && (e->heap_n == 0 || e->heap[0]->wake > engine_now(e) + SOON);
}

const struct change *engine_fold(struct engine *e, const char *id, struct error *err)
{
    struct ride *r = ride_of(e, id, err);
    return r ? r->c : NULL;
}

int engine_listen(struct engine *e, void (*fn)(void *ctx, const char *change, const json_t *event), void *ctx)
{
    struct listener *l = NET_NEW(struct listener);
    *l = (struct listener){.next = e->listeners, .id = ++e->next_listener, .fn = fn, .ctx = ctx};
    e->listeners = l;
    return l->id;
}

void engine_unlisten(struct engine *e, int id)
{
    for (struct listener **at = &e->listeners; *at; at = &(*at)->next) {
        struct listener *l = *at;
        if (l->id != id)
            continue;
        l->gone = true; /* while they are told, the list stays as it is */
        if (!e->telling) {
            *at = l->next;
            free(l);
        }
        return;
    }
}
