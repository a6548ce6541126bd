/* google_account.c: see google_account.h. */
#include "systems/google_account.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_FILE_MAX = 64 * 1024,
    SIGNATURE_MAX = 1024, /* of a key of 8,192 bits */
    TOKEN_MAX = 16 * 1024,
    LIFE_S = 3600,
    EARLY_S = 60, /* a token is not used in its last minute, nor is the assertion's clock ahead of Google's */
};

struct google_account {
    struct surroundings *around;
    struct google_account_options o;
    struct http_peer *api, *tokens; /* `tokens`: of the address that the account's file names */
    char *token_uri;
    int64_t good_until; /* of the token that `api` has; 0 = none */
};

/* --- the assertion ------------------------------------------------------------------------------ */

static bool sign(const char *pem, const struct buf *text, struct buf *out, struct error *err)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t n = sizeof signature;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    /* The empty pass phrase keeps OpenSSL from asking for one at the terminal. */
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_rsa = key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_size(key) <= SIGNATURE_MAX;
    bool ok = is_rsa && ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text->data, text->len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (!ok)
        return error_set(err, SB_PARSE, "the account's file holds no RSA key that can sign");
    char *text64 = base64_encode(signature, n, true);
    buf_adds(out, text64);
    free(text64);
    return true;
}

static void add_part(struct buf *out, json_t *part)
{
    char *text = json_dumps(part, JSON_COMPACT), *text64 = base64_encode(text, strlen(text), true);
    buf_adds(out, text64);
    free(text64);
    free(text);
    json_decref(part);
}

static bool assertion_of(const json_t *file, const char *subject, const char *scope, int64_t now_ms,
                         struct buf *out, struct error *err)
{
    const char *mail = json_str(file, "client_email", NULL), *pem = json_str(file, "private_key", NULL),
               *uri = json_str(file, "token_uri", NULL);
    if (!mail || !pem || !uri)
        return error_set(
            err, SB_PARSE,
            "this is not a service account's file: it needs client_email, private_key, token_uri");
    int64_t issued_s = now_ms / 1000 - EARLY_S;
    json_t *header = json_pack("{s:s, s:s, s:s*}", "alg", "RS256", "typ", "JWT", "kid",
                               json_str(file, "private_key_id", NULL));
    json_t *claims = json_pack("{s:s, s:s*, s:s, s:s, s:I, s:I}", "iss", mail, "sub", subject, "scope", scope,
                               "aud", uri, "iat", (json_int_t)issued_s, "exp", (json_int_t)issued_s + LIFE_S);
    add_part(out, header);
    buf_addc(out, '.');
    add_part(out, claims);
    _cleanup_buf_ struct buf signature = {0};
    if (!sign(pem, out, &signature, err))
        return false;
    buf_printf(out, ".%s", buf_str(&signature));
    return true;
}

char *google_assertion(const char *key_file, size_t n, const char *subject, const char *scope, int64_t now_ms,
                       struct error *err)
{
    _cleanup_json_ json_t *file = json_read(key_file, n, KEY_FILE_MAX, "the service account's file", err);
    _cleanup_buf_ struct buf out = {0};
    return file && assertion_of(file, subject, scope, now_ms, &out, err) ? buf_steal(&out) : NULL;
}

/* --- the token ---------------------------------------------------------------------------------- */

/* One sign-in; in the flow's arena. */
struct signing {
    struct google_account *a;
    google_next *then;
    google_refused *refused;
};

static void end_refused(struct flow *f, const struct outcome *o)
{
    const struct signing *s = f->helper;
    f->peer = s->a->api;
    s->refused(f, o);
}

static void on_token(struct flow *f, const struct http_reply *reply)
{
    const struct signing *s = f->helper;
    struct google_account *a = s->a;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *token = json_str(answer, "access_token", "");
    int64_t life_s = json_int(answer, "expires_in", 0);
    if (!*token || strlen(token) > TOKEN_MAX || strpbrk(token, "\r\n") || life_s <= 0) {
        struct outcome o = outcome_of_failed_look(f->peer, &f->request, reply);
        end_refused(f, &o);
        return;
    }
    http_peer_token(a->api, HTTP_AUTH_BEARER, token);
    a->good_until = a->around->now(a->around->now_ctx) + (life_s - EARLY_S) * 1000;
    f->peer = a->api;
    s->then(f);
}

static bool is_safe(const char *uri)
{
    return str_starts(uri, "https://") || str_starts(uri, "http://127.0.0.1:") ||
           str_starts(uri, "http://[::1]:");
}

/* Where the account's file says that tokens are to be had. It stays what it was at first: sign-ins may be under
 * way there. */
static bool aim(struct google_account *a, const char *uri, struct error *err)
{
    const char *path = is_safe(uri) ? strchr(strstr(uri, "://") + 3, '/') : NULL;
    if (a->token_uri)
        return str_eq(a->token_uri, uri) ||
               error_set(err, SB_STATE, "token_uri is another one now: restart Signalbox if that is right");
    if (!path || strpbrk(uri, " ?#"))
        return error_set(err, SB_PARSE,
                         "token_uri: expected an address such as https://oauth2.googleapis.com/token");
    char *base = strndup(uri, (size_t)(path - uri));
    struct http_peer_options o = {
        .name = "google sign-in", .base_url = base, .ca_file = a->o.ca_file, .proxy = a->o.proxy};
    a->tokens = http_peer_new(a->around->http, &o, err);
    free(base);
    if (!a->tokens)
        return false;
    a->token_uri = strdup(uri);
    return true;
}

static bool make_form(struct google_account *a, struct buf *form, struct error *err)
{
    _cleanup_secret_ char *text = secret_read(&a->o.key, err);
    _cleanup_json_ json_t *file =
        text ? json_read(text, strlen(text), KEY_FILE_MAX, "the service account's file", err) : NULL;
    _cleanup_buf_ struct buf assertion = {0};
    if (!file ||
        !assertion_of(file, a->o.subject, a->o.scope, a->around->now(a->around->now_ctx), &assertion, err) ||
        !aim(a, json_str(file, "token_uri", ""), err))
        return false;
    buf_adds(form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    buf_adds(form, buf_str(&assertion)); /* nothing in it needs escaping */
    return true;
}

static void now_refused(struct flow *f)
{
    struct outcome o = {.kind = OUTCOME_FAILED};
    struct error err = ERROR_NONE;
    _cleanup_buf_ struct buf form = {0};
    /* Reading it again gives the same words; between the two, somebody may have put it right. */
    if (make_form(((struct signing *)f->helper)->a, &form, &err))
        o.kind = OUTCOME_RETRY;
    (void)error_wrap(&err, &o.error, "sign in at Google");
    end_refused(f, &o);
}

static void now_signed_in(struct flow *f)
{
    ((struct signing *)f->helper)->then(f);
}

void google_sign_in(struct flow *f, struct google_account *a, google_next *then, google_refused *refused)
{
    struct signing *s = ARENA_NEW(&f->arena, struct signing);
    *s = (struct signing){a, then, refused};
    f->helper = s;
    if (a->good_until > a->around->now(a->around->now_ctx)) {
        flow_wait(f, 0, now_signed_in);
        return;
    }
    _cleanup_buf_ struct buf form = {0};
    if (!make_form(a, &form, NULL)) {
        flow_wait(f, 0, now_refused);
        return;
    }
    f->peer = a->tokens;
    flow_send(f,
              &(struct http_request){.method = "POST",
                                     .what = "sign in",
                                     .path = strchr(strstr(a->token_uri, "://") + 3, '/'),
                                     .content_type = "application/x-www-form-urlencoded",
                                     .body = form.data,
                                     .body_len = form.len,
                                     .repeatable = true},
              on_token);
}

void google_forget_token(struct google_account *a)
{
    a->good_until = 0;
}

struct google_account *google_account_new(struct surroundings *around, struct http_peer *api,
                                          const struct google_account_options *o)
{
    struct google_account *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->around = around;
    a->api = api;
    a->o = *o;
    return a;
}

void google_account_free(struct google_account *a)
{
    if (!a)
        return;
    if (a->tokens)
        http_peer_free(a->tokens);
    free(a->token_uri);
    free(a);
}
