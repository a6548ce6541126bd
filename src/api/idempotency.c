/* idempotency.c: a request that is sent again with its Idempotency-Key is done once, and answered as the first time.
 *
 * The key is claimed in the store before anything is done, and the answer is kept before it is given. Claims of all nodes
 * meet in one document, in the order of their transactions, so that whoever finds another claim beside its own was
 * second. A claim without an answer is not under way for ever: its process may have ended in the middle. Nobody knows then
 * whether it took place, and that is what is answered; a guess would be worse.
 *
 * Documents are never removed, hence 256 of them for all keys; what is older than a day is taken out of one whenever
 * something is put in. */
#include "api/access.h"
#include "base/instant.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

#define KIND "api.idempotency"

enum { KEY_MAX = 255, ID_LEN = 32 };

struct claim {
    char id[ID_LEN + 1], print[ID_LEN + 1]; /* of the key and its owner; of the request */
    char bucket[3], mine[CREDENTIAL_ID + 1];
};

static bool is_key(const char *text)
{
    size_t n = strlen(text);
    for (const char *c = text; *c; c++)
        if (*c <= 0x20 || *c == 0x7f)
            return false;
    return n > 0 && n <= KEY_MAX;
}

static void hash_of(struct call *c, const char *one, const char *two, char out[ID_LEN + 1])
{
    char hash[SHA256_HEX + 1];
    const char *both = arena_printf(&c->arena, "%s\n%s", one, two);
    sha256_hex(both, strlen(both), hash);
    memcpy(out, hash, ID_LEN);
    out[ID_LEN] = '\0';
}

static json_t *entry_patch(const struct claim *k, json_t *claim)
{
    return json_pack("{s:{s:o}}", k->id, k->mine, claim);
}

static void put(struct call *c, json_t *patch, store_doc_fn *done, void *ctx)
{
    store_doc_patch(engine_store(c->api->engine), KIND, c->claim->bucket, patch, done, ctx);
    json_decref(patch);
}

static void nothing(void *ctx UNUSED, json_t *doc UNUSED, const struct error *err UNUSED)
{
}

/* --- claimed -------------------------------------------------------------------------------------- */

/* Another claim of the same key. */
static json_t *other_claim(const json_t *doc, const struct claim *k)
{
    const char *nonce;
    json_t *one;
    json_object_foreach(json_object_get(doc, k->id), nonce, one)
        if (!str_eq(nonce, k->mine))
            return one;
    return NULL;
}

static void drop_old(struct call *c, const json_t *doc)
{
    int64_t now = loop_wall_ms();
    json_t *patch = json_object(), *claims, *one;
    const char *id, *nonce;
    json_object_foreach((json_t *)(uintptr_t)doc, id, claims)
        json_object_foreach(claims, nonce, one)
            if (now - json_int(one, "at", 0) > DAYS(1))
                json_object_set_new(patch, id, json_null());
    if (json_object_size(patch) > 0)
        put(c, patch, nothing, NULL);
    else
        json_decref(patch);
}

static void answer_as_before(struct call *c, const json_t *claim)
{
    int status = (int)json_int(claim, "status", 0);
    put(c, entry_patch(c->claim, json_null()), nothing, NULL);
    if (!str_eq(json_str(claim, "print", ""), c->claim->print)) {
        c->claim = NULL;
        call_problem(c, 422, "conflict",
                     "this Idempotency-Key came with another request before: use a new one");
        return;
    }
    c->claim = NULL;
    if (status == 0) {
        call_problem(
            c, 409, "in-doubt",
            "a request with this Idempotency-Key was begun, and its end is not recorded: it is under way still, or "
            "the process ended in the middle. Look whether it took place before you use a new key");
        return;
    }
    if (c->x)
        answer_header(c->x, "Idempotency-Replayed", "true");
    json_t *body = json_deep_copy(json_object_get(claim, "body"));
    respond_json(c, status, body ? body : json_object());
}

static void claimed(struct call *c, json_t *doc)
{
    const json_t *other = other_claim(doc, c->claim);
    if (other && loop_wall_ms() - json_int(other, "at", 0) < DAYS(1)) {
        answer_as_before(c, other);
        return;
    }
    drop_old(c, doc);
    router_handle(c);
}

bool idempotency_begin(struct call *c)
{
    const char *key = c->x ? request_header(c->x, "Idempotency-Key") : NULL;
    if (!key || !str_eq(c->route->method, "POST") || c->route->right != API_ACT || c->route->looks)
        return false;
    if (!is_key(key) || c->route->secret) {
        call_problem(c, 400, "parse",
                     c->route->secret ? "its answer is shown once: no Idempotency-Key can keep it"
                                      : "an Idempotency-Key is 1 to 255 visible characters");
        return true;
    }
    struct claim *k = c->claim = ARENA_NEW(&c->arena, struct claim);
    char *body = json_canonical(c->body);
    hash_of(c, c->by, key, k->id);
    hash_of(c, exchange_request(c->x)->raw_path, body, k->print);
    free(body);
    memcpy(k->bucket, k->id, 2);
    fresh_id(k->mine);
    _cleanup_json_ json_t *empty = json_object();
    store_doc_put_new(engine_store(c->api->engine), KIND, k->bucket, empty, nothing, NULL);
    put(c, entry_patch(k, json_pack("{s:I, s:s}", "at", (json_int_t)loop_wall_ms(), "print", k->print)),
        call_stored, call_stores_then(c, claimed));
    return true;
}

/* --- answered --------------------------------------------------------------------------------------- */

bool idempotency_keep(struct call *c, int status, json_t *body)
{
    if (!c->claim)
        return false;
    if (status < 200 || status > 299) { /* nothing was done: it may be sent again */
        put(c, entry_patch(c->claim, json_null()), nothing, NULL);
        c->claim = NULL;
        return false;
    }
    json_t *patch = entry_patch(c->claim, json_pack("{s:i, s:O}", "status", status, "body", body));
    struct stored *wait = call_stores(c, status, body);
    put(c, patch, call_stored, wait);
    c->claim = NULL;
    return true;
}
