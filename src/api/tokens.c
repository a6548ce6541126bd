/* tokens.c: tokens for programs, and for people who sign in with one.
 *
 * A token is "sbt_", its id and its secret. It speaks with its owner's name and never may more than its owner may: when
 * that one loses a role, the token has lost it too. A revoked one stays as a document, so that the record's names can
 * still be explained. */
#include "api/access.h"
#include "base/instant.h"
#include "base/log.h"
#include "engine/names.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

#define KIND   "api.token"
#define PREFIX "sbt_"

enum {
    OLD_MS = 5000,  /* a copy older than this is read again before it is trusted */
    MISS_MS = 1000, /* and one that lacks what is asked for, after this */
    USED_MS = 3600 * 1000,
    NAME_MAX_LEN = 64,
    DAYS_DEFAULT = 90,
    DAYS_MOST = 3660,
};

struct tokens {
    struct api *api;
    struct names by_id; /* -> json_t */
    int64_t read_at;    /* 0 = never */
};

struct tokens *tokens_new(struct api *a)
{
    struct tokens *t = NET_NEW(struct tokens);
    t->api = a;
    return t;
}

static void drop(void *doc)
{
    json_decref(doc);
}

void tokens_free(struct tokens *t)
{
    names_each(&t->by_id, drop);
    names_free(&t->by_id);
    free(t);
}

/* --- the copy in memory ----------------------------------------------------------------------- */

/* Takes `doc`. What was revoked here is not brought back by a copy that does not know it yet. */
static void keep(struct tokens *t, json_t *doc)
{
    const char *id = json_str(doc, "id", "");
    json_t *before = names_get(&t->by_id, id);
    if (json_int(before, "revoked", 0) && !json_int(doc, "revoked", 0)) {
        json_decref(doc);
        return;
    }
    names_put(&t->by_id, id, doc);
    json_decref(before);
}

static void read_again(struct tokens *t, int64_t older_than)
{
    int64_t now = loop_mono_ms();
    struct error err = ERROR_NONE;
    if (t->read_at && now - t->read_at < older_than)
        return;
    t->read_at = now;
    json_t *list = store_docs(engine_store(t->api->engine), KIND, &err), *doc;
    if (!list)
        log_warn("api", "the tokens cannot be read: %s", err.text);
    size_t i;
    json_array_foreach(list, i, doc)
        keep(t, json_incref(doc));
    json_decref(list);
}

static json_t *by_id(struct tokens *t, const char *id)
{
    read_again(t, OLD_MS);
    if (!names_get(&t->by_id, id))
        read_again(t, MISS_MS);
    return names_get(&t->by_id, id);
}

static bool is_over(const json_t *doc)
{
    int64_t expires = json_int(doc, "expires", 0);
    return json_int(doc, "revoked", 0) || (expires && expires <= loop_wall_ms());
}

bool tokens_have(struct tokens *t, const char *id)
{
    const json_t *doc = by_id(t, id);
    return doc && !is_over(doc);
}

static void patched(void *ctx UNUSED, json_t *doc UNUSED, const struct error *err)
{
    if (err)
        log_warn("api", "a token's document was not changed: %s", err->text);
}

static void note_use(struct tokens *t, json_t *doc)
{
    int64_t now = loop_wall_ms();
    if (now - json_int(doc, "used", 0) < USED_MS)
        return;
    json_object_set_new(doc, "used", json_integer(now));
    _cleanup_json_ json_t *patch = json_pack("{s:I}", "used", (json_int_t)now);
    store_doc_patch(engine_store(t->api->engine), KIND, json_str(doc, "id", ""), patch, patched, NULL);
}

const json_t *tokens_find(struct tokens *t, const char *text, struct error *err)
{
    size_t prefix = strlen(PREFIX);
    char id[CREDENTIAL_ID + 1] = "";
    if (strlen(text) == prefix + CREDENTIAL_ID + SECRET_TEXT && str_starts(text, PREFIX))
        memcpy(id, text + prefix, CREDENTIAL_ID);
    json_t *doc = *id ? by_id(t, id) : NULL;
    bool fits = secret_fits(*id ? text + prefix + CREDENTIAL_ID : "", json_str(doc, "hash", ""));
    if (!doc || !fits) {
        error_set(err, SB_DENIED, "this is no token of this Signalbox");
        return NULL;
    }
    if (is_over(doc)) {
        error_set(err, SB_DENIED, "the token \"%s\" %s: make another with signalbox token create",
                  json_str(doc, "name", ""), json_int(doc, "revoked", 0) ? "was revoked" : "has expired");
        return NULL;
    }
    note_use(t, doc);
    return doc;
}

/* --- what the API gives ------------------------------------------------------------------------- */

static json_t *shown(const json_t *doc)
{
    static const char *const keys[] = {"id",      "name",       "owner", "scopes",  "for",        "created",
                                       "expires", "created_by", "used",  "revoked", "revoked_by", NULL};
    json_t *out = json_object();
    for (int i = 0; keys[i]; i++) {
        json_t *v = json_object_get(doc, keys[i]);
        if (v && !json_is_null(v))
            json_object_set(out, keys[i], v);
    }
    json_object_set_new(out, "over", json_boolean(is_over(doc)));
    return out;
}

static bool administers(const struct call *c)
{
    return asker_may(engine_config(c->api->engine), &c->visitor.asker, "administer", NULL, NULL);
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = json_int(*(json_t *const *)a, "created", 0), y = json_int(*(json_t *const *)b, "created", 0);
    return x < y ? 1 : x > y ? -1 : 0;
}

void tokens_list(struct call *c)
{
    struct tokens *t = c->api->tokens;
    read_again(t, OLD_MS);
    json_t **all = ARENA_ARRAY(&c->arena, t->by_id.n + 1, json_t *);
    size_t n = names_values(&t->by_id, (void **)all);
    qsort(all, n, sizeof *all, newest_first);
    bool any = administers(c);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (any || str_eq(json_str(all[i], "owner", ""), c->by))
            json_array_append_new(list, shown(all[i]));
    respond_json(c, 200, json_pack("{s:o}", "tokens", list));
}

/* --- made --------------------------------------------------------------------------------------- */

static bool check_scopes(const json_t *scopes, struct error *err)
{
    size_t i;
    json_t *one;
    if (json_array_size(scopes) == 0)
        return error_set(err, SB_MISSING,
                         "scopes: what may the token do? see, act, deploy, approve, administer");
    json_array_foreach((json_t *)(uintptr_t)scopes, i, one) {
        const char *word = json_string_value(one), *near = str_near(word ? word : "", asker_scopes);
        if (!near || !str_eq(near, word))
            return error_set(err, SB_UNKNOWN, "there is no scope \"%.40s\"%s%s%s", word ? word : "",
                             near ? "; did you mean \"" : "; there are see, act, deploy, approve, administer",
                             near ? near : "", near ? "\"?" : "");
    }
    return true;
}

/* "acme" or "acme/prod". */
static json_t *place_of(const struct call *c, const char *text, struct error *err)
{
    const struct config *config = engine_config(c->api->engine);
    const char *slash = strchr(text, '/');
    _cleanup_arena_ struct arena a = arena_make();
    const char *id = slash ? arena_strndup(&a, text, (size_t)(slash - text)) : text;
    const struct config_client *client = config_client(config, id, err);
    if (!client || (slash && !config_env(client, slash + 1, err)))
        return NULL;
    return json_pack("{s:s, s:s?}", "client", id, "env", slash ? slash + 1 : NULL);
}

static json_t *places_of(const struct call *c, const json_t *given, struct error *err)
{
    json_t *list = json_array();
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)given, i, one) {
        json_t *place = json_is_string(one) ? place_of(c, json_string_value(one), err) : NULL;
        if (!place) {
            if (!json_is_string(one))
                error_set(err, SB_PARSE, "for: a list such as [\"acme/prod\"]");
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, place);
    }
    return list;
}

/* A duration from now, a moment, or "never" (0). */
static bool expiry_of(const char *text, int64_t *out, struct error *err)
{
    int64_t now = loop_wall_ms(), ms;
    if (str_eq(text, "never")) {
        *out = 0;
        return true;
    }
    if (duration_parse(text, &ms, NULL))
        *out = now + (ms < DAYS(DAYS_MOST) ? ms : DAYS(DAYS_MOST));
    else if (!instant_parse(text, now, "UTC", out, NULL))
        return error_set(err, SB_PARSE, "expires: expected 30d, a moment or \"never\", found \"%.40s\"",
                         text);
    return *out > now || error_set(err, SB_RANGE, "expires: \"%.40s\" is not in the future", text);
}

static bool check_owner(const struct call *c, const char *owner, const json_t *scopes, struct error *err)
{
    size_t i;
    json_t *one;
    if (!str_eq(owner, c->by) && !administers(c))
        return error_set(err, SB_DENIED, "%s may make tokens that speak as %s, not as \"%.64s\"", c->by,
                         c->by, owner);
    /* Else a token that may only look could make one that may do all. */
    json_array_foreach((json_t *)(uintptr_t)scopes, i, one)
        if (c->visitor.asker.only && !asker_within(&c->visitor.asker, "administer", NULL, NULL))
            return error_set(err, SB_DENIED, "a token makes no other unless it has the scope administer");
    return true;
}

void tokens_create(struct call *c)
{
    struct error err = ERROR_NONE;
    const char *name = json_str(c->body, "name", ""), *owner = json_str(c->body, "owner", c->by);
    json_t *scopes = json_object_get(c->body, "scopes"), *places = NULL;
    int64_t expires = 0;
    if (*name == '\0' || strlen(name) > NAME_MAX_LEN)
        error_set(&err, SB_RANGE, "name: what the token is for, in 1 to %d bytes", NAME_MAX_LEN);
    if (err.code != SB_OK || !check_scopes(scopes, &err) || !check_owner(c, owner, scopes, &err) ||
        !(places = places_of(c, json_object_get(c->body, "for"), &err)) ||
        !expiry_of(json_str(c->body, "expires", "90d"), &expires, &err)) {
        json_decref(places);
        call_fail(c, &err);
        return;
    }
    char id[CREDENTIAL_ID + 1], secret[SECRET_TEXT + 1], hash[SHA256_HEX + 1];
    fresh_id(id);
    fresh_secret(secret);
    sha256_hex(secret, SECRET_TEXT, hash);
    json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:O, s:o, s:I, s:I, s:s}", "id", id, "name", name, "hash",
                            hash, "owner", owner, "scopes", scopes, "for", places, "created",
                            (json_int_t)loop_wall_ms(), "expires", (json_int_t)expires, "created_by", c->by);
    json_t *answer = shown(doc);
    json_object_set_new(answer, "token", json_string(arena_printf(&c->arena, PREFIX "%s%s", id, secret)));
    explicit_bzero(secret, sizeof secret);
    log_write(LOG_NOTE, "api", NULL, "%s makes the token \"%s\" (%s) for %s", c->by, name, id, owner);
    keep(c->api->tokens, doc);
    store_doc_put_new(engine_store(c->api->engine), KIND, id, doc, call_stored, call_stores(c, 201, answer));
}

/* --- revoked ------------------------------------------------------------------------------------ */

/* By its id, or by its name when one live token of the caller's has it. */
static json_t *named(struct call *c, const char *given, struct error *err)
{
    struct tokens *t = c->api->tokens;
    json_t *doc = by_id(t, given), *found = NULL;
    if (doc)
        return doc;
    json_t **all = ARENA_ARRAY(&c->arena, t->by_id.n + 1, json_t *);
    size_t n = names_values(&t->by_id, (void **)all);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(json_str(all[i], "name", ""), given) || is_over(all[i]))
            continue;
        if (found) {
            error_set(err, SB_CONFLICT,
                      "several tokens are called \"%.64s\": say which by its id (signalbox token list)",
                      given);
            return NULL;
        }
        found = all[i];
    }
    if (!found)
        error_set(err, SB_UNKNOWN, "there is no token \"%.64s\": signalbox token list shows all", given);
    return found;
}

void tokens_revoke(struct call *c)
{
    struct error err = ERROR_NONE;
    json_t *doc = named(c, c->args[0], &err);
    if (doc && !str_eq(json_str(doc, "owner", ""), c->by) && !administers(c)) {
        error_set(&err, SB_DENIED, "the token \"%s\" is not yours", json_str(doc, "name", ""));
        doc = NULL;
    }
    if (!doc) {
        call_fail(c, &err);
        return;
    }
    if (json_int(doc, "revoked", 0)) {
        respond_json(c, 200, shown(doc));
        return;
    }
    _cleanup_json_ json_t *patch =
        json_pack("{s:I, s:s}", "revoked", (json_int_t)loop_wall_ms(), "revoked_by", c->by);
    json_object_update(doc, patch); /* from now on, whenever the store is done */
    log_write(LOG_NOTE, "api", NULL, "%s revoked the token \"%s\" (%s)", c->by, json_str(doc, "name", ""),
              json_str(doc, "id", ""));
    store_doc_patch(engine_store(c->api->engine), KIND, json_str(doc, "id", ""), patch, call_stored,
                    call_stores(c, 200, shown(doc)));
}
