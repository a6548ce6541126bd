/* verify.c: the record, computed again, on the pool: a long record takes seconds, and nobody else is to wait.
 */
#include "api/inside.h"
#include "net/alloc.h"
#include "store/seal_key.h"
#include <pthread.h>
#include <stdlib.h>

/* Held by the loop, until it has been told or ends, and by the pool's work, until that is over: even when
 * nobody waits any more. */
struct verification {
    struct call *call; /* NULL: nobody waits */
    struct loop_end *loop_end;
    struct store *store;
    char *change; /* NULL = all */
    struct verdict verdict;
    struct error error;
    bool ok;
    pthread_mutex_t mutex; /* of what follows: the store must not be closed under a reader */
    pthread_cond_t ended;
    bool reading, dropped;
    int holders;
};

static void release(struct verification *v)
{
    pthread_mutex_lock(&v->mutex);
    int holders = --v->holders;
    pthread_mutex_unlock(&v->mutex);
    if (holders > 0)
        return;
    pthread_cond_destroy(&v->ended);
    pthread_mutex_destroy(&v->mutex);
    free(v->change);
    free(v);
}

static void loop_ends(void *ctx)
{
    release(ctx);
}

static void work(void *ctx)
{
    struct verification *v = ctx;
    pthread_mutex_lock(&v->mutex);
    v->reading = !v->dropped;
    bool wanted = v->reading;
    pthread_mutex_unlock(&v->mutex);
    if (wanted)
        v->ok = store_verify(v->store, v->change, &v->verdict, &v->error);
    pthread_mutex_lock(&v->mutex);
    v->reading = false;
    pthread_cond_signal(&v->ended);
    pthread_mutex_unlock(&v->mutex);
    release(v);
}

static void finished(void *ctx)
{
    struct verification *v = ctx;
    struct call *c = v->call;
    if (c) {
        c->verification = NULL;
        if (v->ok)
            respond_json(c, 200,
                         json_pack("{s:b, s:I, s:I, s:I, s:I, s:s}", "good", v->verdict.good, "changes",
                                   (json_int_t)v->verdict.changes, "events", (json_int_t)v->verdict.events,
                                   "seals", (json_int_t)v->verdict.seals, "unsealed",
                                   (json_int_t)v->verdict.unsealed, "text", v->verdict.text));
        else
            call_fail(c, &v->error);
    }
    loop_end_drop(v->loop_end);
    release(v);
}

void verify_cancel(struct call *c)
{
    struct verification *v = c->verification;
    if (!v)
        return;
    c->verification = NULL;
    v->call = NULL;
    pthread_mutex_lock(&v->mutex);
    v->dropped = true;
    while (v->reading)
        pthread_cond_wait(&v->ended, &v->mutex);
    pthread_mutex_unlock(&v->mutex);
}

void verify_record(struct call *c)
{
    struct error err = ERROR_NONE;
    const char *change = json_str(c->body, "change", NULL);
    if (change && !caller_change(c, change, &err)) {
        call_fail(c, &err);
        return;
    }
    struct verification *v = c->verification = NET_NEW(struct verification);
    v->call = c;
    v->store = engine_store(c->api->engine);
    v->change = net_strdup(change);
    v->holders = 2;
    v->loop_end = loop_at_end(engine_loop(c->api->engine), loop_ends, v);
    pthread_mutex_init(&v->mutex, NULL);
    pthread_cond_init(&v->ended, NULL);
    loop_work(engine_loop(c->api->engine), work, finished, v);
}

/* --- what the record is verified with ----------------------------------------------------------- */

void audit_key(struct call *c)
{
    const struct seal_trust *t = engine_seal_trust(c->api->engine);
    _cleanup_buf_ struct buf pem = {0};
    for (int i = 0; i < t->n; i++)
        seal_public_pem(t->keys[i], &pem);
    respond_json(c, 200, json_pack("{s:s}", "pem", buf_str(&pem)));
}

static bool newest(void *ctx, const char *text, const char *signature)
{
    json_t **out = ctx;
    *out = json_pack("{s:s, s:s}", "text", text, "signature", signature);
    return false;
}

void audit_seal(struct call *c)
{
    struct error err = ERROR_NONE;
    json_t *seal = NULL;
    if (!store_seals(engine_store(c->api->engine), newest, &seal, &err)) {
        call_fail(c, &err);
        return;
    }
    respond_json(c, 200, seal ? seal : json_pack("{s:s, s:s}", "text", "", "signature", ""));
}
