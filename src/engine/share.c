#include "engine/share.h"

#include "base/log.h"
#include "store/nodes.h"

struct lease {
    int64_t token;
};

/* Something that a person does at this node and that another may have to do; or at another node, and we do it. */
struct handed {
    struct handed *prev, *next; /* in engine.handed */
    struct engine *e;
    char *lease;
    json_t *body;    /* {what, change, data, by, only?, via?} */
    int64_t request; /* of another node; else 0 */
    engine_done_fn *done;
    void *ctx;
};

/* --- what is ours
 * ------------------------------------------------------------------------------------------------------------ */

static int64_t token_of(const struct engine *e, const char *lane)
{
    const struct lease *l = names_get(&e->leases, lane);
    return l ? l->token : 0;
}

bool ride_held(const struct ride *r)
{
    if (!r->e->nodes)
        return true;
    _cleanup_arena_ struct arena a = arena_make();
    return token_of(r->e, ride_lane(r, &a)) != 0;
}

bool ride_may_act(struct ride *r)
{
    if (!r->e->nodes || (ride_held(r) && nodes_sure(r->e->nodes)))
        return true;
    r->interrupted = true;
    return false;
}

bool ride_lease(const struct ride *r, struct arena *a, struct store_lease *out)
{
    if (!r->e->nodes)
        return false;
    out->name = ride_lane(r, a);
    out->token = token_of(r->e, out->name);
    return true;
}

/* --- what others did
 * --------------------------------------------------------------------------------------------------------- */

struct catching {
    struct ride *r;
    json_t *events;
    struct error error;
};

static bool catch_event(void *ctx, const struct store_event *stored)
{
    struct catching *c = ctx;
    struct change *change = c->r->c;
    json_t *j = json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, c->r->id, &c->error);
    struct event ev = {0};
    bool ok = j && (!change || (event_from_json(j, change->sop, &ev, &c->error) &&
                                change_apply(change, &ev, &c->error)));
    event_clear(&ev);
    if (ok)
        json_array_append(c->events, j);
    json_decref(j);
    return ok;
}

static void settle(struct ride *r)
{
    if (r->c && r->c->started != r->started)
        lane_join(r);
    if (r->c && r->c->control.status == CHANGE_ENDED && !r->ended)
        ride_finish(r);
    else
        ride_park(r);
}

/* What is ours and under way has news of its own. */
static bool is_behind(const struct ride *r)
{
    return !r->broken && r->appends == 0 && json_array_size(r->out) == 0;
}

static void catch_up(struct ride *r)
{
    if (!is_behind(r))
        return;
    struct catching c = {.r = r, .events = json_array(), .error = ERROR_NONE};
    bool ok =
        store_read(r->e->store, r->id, r->durable + 1, catch_event, &c, &c.error) && c.error.code == SB_OK;
    size_t n = json_array_size(c.events);
    if (ok && n > 0) {
        r->durable += (int64_t)n;
        ok = r->c || ride_unpark(r, &c.error); /* its short form has changed */
    }
    if (!ok)
        ride_break(r, &c.error);
    else if (n > 0)
        settle(r);
    listeners_tell(r->e, r->id, c.events);
    json_decref(c.events);
}

static void tell_from_the_first(struct engine *e, const char *id)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *events = engine_events(e, id, 0, 0, &err);
    if (events)
        listeners_tell(e, id, events);
}

static void news(void *ctx, const char *change, int64_t last)
{
    struct engine *e = ctx;
    struct error err = ERROR_NONE;
    struct ride *r = names_get(&e->rides, change);
    if (r) {
        if (last > r->durable)
            catch_up(r);
        return;
    }
    if (names_get(&e->summaries, change)) /* it ended, and nobody has looked at it for long */
        return;
    r = ride_load(e, change, &err);
    if (!r) {
        log_write(LOG_ERROR, "engine", change, "another node's change cannot be read: %s", err.text);
        return;
    }
    tell_from_the_first(e, change);
    if (!r->ended && ride_held(r))
        ride_resume(r);
}

/* --- leases come and go
 * ------------------------------------------------------------------------------------------------------ */

static void resume(struct ride *r)
{
    struct error err = ERROR_NONE;
    catch_up(r);
    if (r->broken || r->ended) /* it is read again by and by, and then goes on */
        return;
    if (!r->c && !ride_unpark(r, &err))
        ride_break(r, &err);
    else
        ride_resume(r);
}

static void each_of_lane(struct engine *e, const char *name, void (*fn)(struct ride *r))
{
    const struct lane *lane = names_get(&e->lanes, name);
    for (struct ride *r = lane ? lane->first : NULL, *next; r; r = next) {
        next = r->lane_next;
        fn(r);
    }
}

static void gained(void *ctx, const char *name, int64_t token)
{
    struct engine *e = ctx;
    struct lease *l = NET_NEW(struct lease);
    l->token = token;
    names_put(&e->leases, name, l);
    log_write(LOG_INFO, "engine", NULL, "this node carries the changes of %s (token %lld)", name,
              (long long)token);
    each_of_lane(e, name, resume);
}

/* What it recorded and is not durable was another node's to record. */
static void let_go(struct ride *r)
{
    struct error why;
    works_cancel(r);
    wake_set(r, 0);
    r->interrupted = false;
    if (is_behind(r) && (!r->c || r->durable == r->c->control.seq))
        return;
    error_set(&why, SB_CONFLICT, "%s: another node carries it now", r->id);
    if (!r->broken)
        ride_break(r, &why);
}

static void lost(void *ctx, const char *name)
{
    struct engine *e = ctx;
    struct lease *l = names_get(&e->leases, name);
    names_drop(&e->leases, name);
    free(l);
    log_write(LOG_INFO, "engine", NULL, "another node carries the changes of %s", name);
    each_of_lane(e, name, let_go);
}

/* Nobody may have taken what we hold, but somebody may at any moment: what is under way is let go of, as by a
 * crash, and looked up before it is gone on with. */
static void interrupt(struct engine *e)
{
    log_write(LOG_WARN, "engine", NULL,
              "the database has not heard of this node for long: nothing is done until it has");
    for (struct ride *r = e->rides_first; r; r = r->next) {
        r->interrupted = r->interrupted || r->works;
        works_cancel(r);
    }
}

static void go_on(struct ride *r)
{
    if (!r->interrupted || !ride_held(r))
        return;
    r->interrupted = false;
    if (r->c && !r->broken && !r->ended)
        ride_resume(r);
}

static void sure(void *ctx, bool is_sure)
{
    struct engine *e = ctx;
    if (!is_sure) {
        interrupt(e);
        return;
    }
    for (struct ride *r = e->rides_first, *next; r; r = next) {
        next = r->next;
        go_on(r);
    }
}

static void before_http(void *ctx)
{
    struct engine *e = ctx;
    if (e->nodes)
        nodes_look(e->nodes);
}

/* --- what people do
 * ---------------------------------------------------------------------------------------------------------- */

static struct asker asker_of(const json_t *body)
{
    return (struct asker){.name = json_str(body, "by", ""),
                          .only = json_object_get(body, "only"),
                          .via = json_str(body, "via", NULL)};
}

/* As if it were asked for here and now, by the same person with the same rights. */
static void perform(struct engine *e, const json_t *body, engine_done_fn *done, void *ctx)
{
    const char *what = json_str(body, "what", ""), *change = json_str(body, "change", "");
    const json_t *data = json_object_get(body, "data");
    const struct asker asker = asker_of(body), *before = e->asker;
    e->asker = &asker;
    if (str_eq(what, "plan"))
        engine_plan(e, data, asker.name, done, ctx);
    else if (str_eq(what, "start"))
        engine_start(e, change, asker.name, done, ctx);
    else if (str_eq(what, "answer"))
        engine_answer(e, change, data, asker.name, done, ctx);
    else if (str_eq(what, "resolve"))
        engine_resolve(e, change, data, asker.name, done, ctx);
    else
        engine_act(e, change, what, data, asker.name, done, ctx);
    e->asker = before;
}

static struct handed *handed_new(struct engine *e, struct handed with)
{
    struct handed *h = NET_NEW(struct handed);
    *h = with;
    h->e = e;
    h->next = e->handed;
    if (h->next)
        h->next->prev = h;
    e->handed = h;
    return h;
}

static void handed_free(struct handed *h)
{
    if (h->prev)
        h->prev->next = h->next;
    else
        h->e->handed = h->next;
    if (h->next)
        h->next->prev = h->prev;
    free(h->lease);
    json_decref(h->body);
    free(h);
}

static enum error_code code_named(const char *name)
{
    for (int c = SB_OK; c <= SB_INTERNAL; c++)
        if (str_eq(error_code_name((enum error_code)c), name))
            return (enum error_code)c;
    return SB_INTERNAL;
}

static void answered(void *ctx, json_t *answer, const struct error *err)
{
    struct handed *h = ctx;
    struct error why;
    const json_t *failed = json_object_get(answer, "failed");
    const char *id = json_str(h->body, "change", json_str(answer, "answer.id", ""));
    /* Who is told reads it here next. */
    struct ride *r = names_get(&h->e->rides, id);
    if (r)
        catch_up(r);
    if (failed) {
        error_set(&why, code_named(json_str(failed, "code", "")), "%s", json_str(failed, "text", ""));
        err = &why;
    }
    h->done(h->ctx, err ? NULL : json_object_get(answer, "answer"), err);
    handed_free(h);
}

static void taken(void *ctx, int64_t token, const struct error *err)
{
    struct handed *h = ctx;
    if (err) {
        h->done(h->ctx, NULL, err);
        handed_free(h);
    } else if (token == 0) {
        nodes_ask(h->e->nodes, h->lease, h->body, answered, h);
    } else {
        perform(h->e, h->body, h->done, h->ctx);
        handed_free(h);
    }
}

static const char *lane_of_plan(const struct engine *e, const json_t *plan, struct arena *a)
{
    const struct config_client *client = config_client(e->config, json_str(plan, "client", NULL), NULL);
    const struct config_env *env =
        client ? config_env(client, json_str(plan, "env", client->envs[0].name), NULL) : NULL;
    return env ? arena_printf(a, "%s/%s", client->id, env->name) : NULL;
}

static const char *lane_of_change(struct engine *e, const char *change, struct arena *a)
{
    const struct ride *r = ride_of(e, change, NULL);
    return r ? ride_lane(r, a) : NULL;
}

static json_t *body_of(const struct engine *e, const char *what, const char *change, const json_t *data,
                       const char *by)
{
    json_t *body =
        json_pack("{s:s, s:s?, s:O?, s:s}", "what", what, "change", change, "data", data, "by", by);
    if (!e->asker || !str_eq(e->asker->name, by))
        return body;
    if (e->asker->only)
        json_object_set_new(body, "only", json_deep_copy(e->asker->only));
    if (e->asker->via)
        json_object_set_new(body, "via", json_string(e->asker->via));
    return body;
}

bool share_act(struct engine *e, const char *what, const char *change, const json_t *data, const char *by,
               engine_done_fn *done, void *ctx)
{
    if (!e->nodes)
        return false;
    _cleanup_arena_ struct arena a = arena_make();
    const char *lane = change ? lane_of_change(e, change, &a) : lane_of_plan(e, data, &a);
    if (!lane || token_of(e, lane) != 0) /* what is wrong with it is told as ever */
        return false;
    struct handed *h = handed_new(e, (struct handed){.lease = net_strdup(lane),
                                                     .body = body_of(e, what, change, data, by),
                                                     .done = done,
                                                     .ctx = ctx});
    nodes_take(e->nodes, lane, taken, h);
    return true;
}

/* --- what other nodes ask of us
 * ---------------------------------------------------------------------------------------------- */

static void performed(void *ctx, json_t *answer, const struct error *err)
{
    struct handed *h = ctx;
    _cleanup_json_ json_t *body =
        err ? json_pack("{s:{s:s, s:s}}", "failed", "code", error_code_name(err->code), "text", err->text)
            : json_pack("{s:O?}", "answer", answer);
    nodes_answer(h->e->nodes, h->request, body);
    handed_free(h);
}

static void asked(void *ctx, int64_t request, const json_t *body)
{
    struct handed *h = handed_new(ctx, (struct handed){.request = request});
    perform(ctx, body, performed, h);
}

/* --- opening and closing
 * ----------------------------------------------------------------------------------------------------- */

static const struct nodes_fns fns = {
    .gained = gained, .lost = lost, .sure = sure, .news = news, .asked = asked};

bool share_open(struct engine *e, bool greedy, struct error *err)
{
    const struct nodes_options o = {
        .loop = e->loop, .lease_ms = e->config->store.lease_ms, .greedy = greedy, .fns = &fns, .ctx = e};
    struct error why = ERROR_NONE;
    e->nodes = nodes_open(e->store, &o, &why);
    if (why.code != SB_OK)
        return error_wrap(&why, err, "joining the other nodes");
    if (e->nodes)
        http_before(e->http, before_http, e);
    return true;
}

static void drop_lease(void *lease)
{
    free(lease);
}

void share_close(struct engine *e)
{
    nodes_close(e->nodes);
    e->nodes = NULL;
    for (struct handed *h = e->handed, *next; h; h = next) {
        next = h->next;
        handed_free(h);
    }
    names_each(&e->leases, drop_lease);
    names_free(&e->leases);
}
