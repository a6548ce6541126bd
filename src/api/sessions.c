/* sessions.c: who signed in with a browser.
 *
 * A person's sessions are one document, so that what is over leaves nothing behind. The secret in the cookie changes every
 * quarter of an hour; the one before is good until the browser has shown the new one, and a minute longer for what was
 * under way. Whoever shows it later has a copy of a stolen cookie, or it was stolen: the session ends. */
#include "api/access.h"
#include "base/instant.h"
#include "base/log.h"
#include "engine/names.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

#define KIND "api.sessions"

enum {
    OLD_MS = 5000,
    MISS_MS = 1000,
    ROTATE_MS = 15 * 60 * 1000,
    GRACE_MS = 60 * 1000,
    SAVE_SEEN_MS = 5 * 60 * 1000,
    FORGET_MS = 5 * 60 * 1000, /* an ended one, once the store has certainly let go of it */
    PER_PERSON_MAX = 8,        /* the one unused for longest ends */
};

struct sessions {
    struct api *api;
    struct names by_id; /* -> struct session */
    int64_t read_at;
};

struct sessions *sessions_new(struct api *a)
{
    struct sessions *s = NET_NEW(struct sessions);
    s->api = a;
    return s;
}

static void free_one(void *value)
{
    struct session *one = value;
    free(one->by);
    free(one->name);
    free(one->token);
    json_decref(one->only);
    free(one);
}

void sessions_free(struct sessions *s)
{
    names_each(&s->by_id, free_one);
    names_free(&s->by_id);
    free(s);
}

/* --- documents ---------------------------------------------------------------------------------- */

static void document_of(const char *by, char out[SHA256_HEX + 1])
{
    sha256_hex(by, strlen(by), out);
    out[32] = '\0';
}

static json_t *written(const struct session *one)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:O?, s:s?, s:I, s:I, s:I, s:I}", "hash", one->hash, "old_hash",
                     one->old_hash, "csrf", one->csrf, "name", one->name, "only", one->only, "token",
                     one->token, "began", (json_int_t)one->began, "seen", (json_int_t)one->seen, "rotated",
                     (json_int_t)one->rotated, "confirmed", (json_int_t)one->confirmed);
}

static void stored(void *ctx UNUSED, json_t *doc UNUSED, const struct error *err)
{
    if (err && err->code != SB_UNKNOWN)
        log_warn("api", "a session was not kept: %s", err->text);
}

/* `value` (taken) becomes the session's entry; null removes it. */
static void patch_one(struct sessions *s, const struct session *one, json_t *value, store_doc_fn *done,
                      void *ctx)
{
    char doc[SHA256_HEX + 1];
    document_of(one->by, doc);
    _cleanup_json_ json_t *patch = json_pack("{s:{s:o}}", "sessions", one->id, value);
    store_doc_patch(engine_store(s->api->engine), KIND, doc, patch, done, ctx);
}

static void save(struct sessions *s, struct session *one)
{
    one->saved = one->seen;
    patch_one(s, one, written(one), stored, NULL);
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);
    memcpy(to, from, n < size ? n : size - 1);
}

static json_t *object_or_list(const json_t *j, const char *key)
{
    json_t *v = json_object_get(j, key);
    return json_is_object(v) || json_is_array(v) ? json_incref(v) : NULL;
}

/* What another node has done to it is taken over; what this one has done since stands. */
static void take(struct sessions *s, const char *by, const char *id, const json_t *j)
{
    struct session *one = names_get(&s->by_id, id);
    if (strlen(id) != CREDENTIAL_ID || (one && one->ended))
        return;
    if (!one) {
        one = NET_NEW(struct session);
        copy_text(one->id, sizeof one->id, id);
        one->by = net_strdup(by);
        one->name = net_strdup(json_str(j, "name", by));
        one->token = net_strdup(json_str(j, "token", NULL));
        one->only = object_or_list(j, "only");
        one->began = json_int(j, "began", 0);
        copy_text(one->csrf, sizeof one->csrf, json_str(j, "csrf", ""));
        names_put(&s->by_id, id, one);
    }
    int64_t seen = json_int(j, "seen", 0), rotated = json_int(j, "rotated", 0);
    if (seen > one->seen)
        one->seen = one->saved = seen;
    if (rotated > one->rotated) {
        memset(one->hash, 0, sizeof one->hash);
        memset(one->old_hash, 0, sizeof one->old_hash);
        copy_text(one->hash, sizeof one->hash, json_str(j, "hash", ""));
        copy_text(one->old_hash, sizeof one->old_hash, json_str(j, "old_hash", ""));
        one->rotated = rotated;
        one->confirmed = json_int(j, "confirmed", 0);
    }
}

static void read_again(struct sessions *s, int64_t older_than)
{
    int64_t now = loop_mono_ms();
    struct error err = ERROR_NONE;
    if (s->read_at && now - s->read_at < older_than)
        return;
    s->read_at = now;
    json_t *list = store_docs(engine_store(s->api->engine), KIND, &err), *doc, *one;
    if (!list)
        log_warn("api", "the sessions cannot be read: %s", err.text);
    size_t i;
    const char *id;
    json_array_foreach(list, i, doc)
        json_object_foreach(json_object_get(doc, "sessions"), id, one)
            take(s, json_str(doc, "by", ""), id, one);
    json_decref(list);
}

/* --- life --------------------------------------------------------------------------------------- */

static bool is_over(const struct sessions *s, const struct session *one)
{
    const struct config_access *a = &engine_config(s->api->engine)->access;
    int64_t now = loop_wall_ms();
    return one->ended || (one->token && !tokens_have(s->api->tokens, one->token)) ||
           now - one->seen > a->idle_ms || now - one->began > a->lasts_ms;
}

static struct session *by_id(struct sessions *s, const char *id)
{
    read_again(s, OLD_MS);
    if (!names_get(&s->by_id, id))
        read_again(s, MISS_MS);
    struct session *one = names_get(&s->by_id, id);
    return one && !is_over(s, one) ? one : NULL;
}

bool sessions_have(struct sessions *s, const char *id)
{
    return by_id(s, id) != NULL;
}

void sessions_end(struct sessions *s, struct session *one)
{
    one->ended = true;
    patch_one(s, one, json_null(), stored, NULL);
}

/* Ends what is over, and what is more than one person may have. */
static void make_room(struct sessions *s, const char *by)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct session **all = ARENA_ARRAY(&a, s->by_id.n + 1, struct session *), *oldest = NULL;
    size_t n = names_values(&s->by_id, (void **)all);
    int alive = 0;
    for (size_t i = 0; i < n; i++) {
        if (!all[i]->ended && is_over(s, all[i]))
            sessions_end(s, all[i]);
        if (all[i]->ended && loop_wall_ms() - all[i]->seen > FORGET_MS) {
            names_drop(&s->by_id, all[i]->id);
            free_one(all[i]);
            continue;
        }
        if (all[i]->ended || !str_eq(all[i]->by, by))
            continue;
        alive++;
        if (!oldest || all[i]->seen < oldest->seen)
            oldest = all[i];
    }
    if (alive >= PER_PERSON_MAX)
        sessions_end(s, oldest);
}

static void new_secret(struct session *one, char cookie[COOKIE_MAX])
{
    char secret[SECRET_TEXT + 1];
    fresh_secret(secret);
    sha256_hex(secret, SECRET_TEXT, one->hash);
    snprintf(cookie, COOKIE_MAX, "%s%s", one->id, secret);
    explicit_bzero(secret, sizeof secret);
    one->rotated = loop_wall_ms();
    one->confirmed = 0;
}

struct session *sessions_begin(struct sessions *s, const struct signed_in *who, char cookie[COOKIE_MAX],
                               store_doc_fn *done, void *ctx)
{
    char doc[SHA256_HEX + 1];
    read_again(s, 0);
    make_room(s, who->by);
    struct session *one = NET_NEW(struct session);
    fresh_id(one->id);
    fresh_secret(one->csrf);
    new_secret(one, cookie);
    one->by = net_strdup(who->by);
    one->name = net_strdup(who->name);
    one->token = net_strdup(who->token);
    one->only = json_incref((json_t *)(uintptr_t)who->only);
    one->began = one->seen = one->saved = loop_wall_ms();
    names_put(&s->by_id, one->id, one);
    document_of(one->by, doc);
    _cleanup_json_ json_t *fresh = json_pack("{s:s, s:{}}", "by", one->by, "sessions");
    store_doc_put_new(engine_store(s->api->engine), KIND, doc, fresh, stored, NULL);
    patch_one(s, one, written(one), done, ctx);
    return one;
}

/* The secret before this one: the browser may not have got the new one yet. */
static bool fits_old(struct sessions *s, struct session *one, const char *secret)
{
    if (one->old_hash[0] == '\0' || !secret_fits(secret, one->old_hash))
        return false;
    if (!one->confirmed || loop_wall_ms() - one->confirmed < GRACE_MS)
        return true;
    log_write(LOG_NOTE, "api", NULL, "a session of %s was ended: its cookie exists twice", one->by);
    sessions_end(s, one);
    return false;
}

struct session *sessions_find(struct sessions *s, const char *cookie, char fresh[COOKIE_MAX])
{
    char id[CREDENTIAL_ID + 1] = "";
    fresh[0] = '\0';
    if (strlen(cookie) != CREDENTIAL_ID + SECRET_TEXT)
        return NULL;
    memcpy(id, cookie, CREDENTIAL_ID);
    struct session *one = by_id(s, id);
    if (!one)
        return NULL;
    bool current = secret_fits(cookie + CREDENTIAL_ID, one->hash);
    if (!current && !fits_old(s, one, cookie + CREDENTIAL_ID))
        return NULL;
    int64_t now = loop_wall_ms();
    one->seen = now;
    if (current && !one->confirmed)
        one->confirmed = now;
    if (current && now - one->rotated > ROTATE_MS) {
        memcpy(one->old_hash, one->hash, sizeof one->hash);
        new_secret(one, fresh);
        save(s, one);
    } else if (now - one->saved > SAVE_SEEN_MS) {
        save(s, one);
    }
    return one;
}
