#include "yard/service_account.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BITS = 2048, ASSERTION_MAX = 1 << 14, LIFE_MAX_S = 3600, SKEW_S = 300 };

static char *text_of(BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    char *text = n > 0 ? strndup(data, (size_t)n) : NULL;
    if (!text)
        abort();
    BIO_free(bio);
    return text;
}

void service_account_key(char **private_pem, char **public_pem)
{
    EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
    BIO *p = BIO_new(BIO_s_mem()), *q = BIO_new(BIO_s_mem());
    if (!key || !p || !q || !PEM_write_bio_PKCS8PrivateKey(p, key, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_PUBKEY(q, key))
        abort();
    *private_pem = text_of(p);
    *public_pem = text_of(q);
    EVP_PKEY_free(key);
}

static bool verifies(const char *public_pem, const char *data, size_t n, const uint8_t *signature,
                     size_t signature_n)
{
    BIO *bio = BIO_new_mem_buf(public_pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, signature_n, (const unsigned char *)data, n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

static json_t *part_as_json(const char *text, size_t n)
{
    size_t size = 0;
    uint8_t *bytes = base64_decode(text, n, true, &size);
    json_t *j = bytes ? json_read((const char *)bytes, size, ASSERTION_MAX, "assertion", NULL) : NULL;
    free(bytes);
    return j;
}

static const char *claims_fault(const json_t *claims, const char *client_mail, const char *audience,
                                int64_t now_s)
{
    int64_t issued = json_int(claims, "iat", 0), expires = json_int(claims, "exp", 0);
    if (!str_eq(json_str(claims, "iss", ""), client_mail))
        return "Invalid issuer: Not a valid service account.";
    if (!str_eq(json_str(claims, "aud", ""), audience))
        return "Invalid JWT: Failed audience check.";
    if (expires - issued > LIFE_MAX_S || issued > now_s + SKEW_S || expires < now_s - SKEW_S)
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
    return *json_str(claims, "scope", "") ? NULL : "Invalid OAuth scope or ID token audience provided.";
}

const char *service_account_fault(const char *assertion, const char *public_pem, const char *client_mail,
                                  const char *audience, int64_t now_ms)
{
    const char *first = strchr(assertion, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || strlen(assertion) > ASSERTION_MAX)
        return "Bad Request";
    _cleanup_json_ json_t *header = part_as_json(assertion, (size_t)(first - assertion));
    _cleanup_json_ json_t *claims = part_as_json(first + 1, (size_t)(second - first - 1));
    if (!header || !claims || !str_eq(json_str(header, "alg", ""), "RS256"))
        return "Invalid JWT Signature.";
    size_t n = 0;
    uint8_t *signature = base64_decode(second + 1, strlen(second + 1), true, &n);
    bool ok = signature && verifies(public_pem, assertion, (size_t)(second - assertion), signature, n);
    free(signature);
    return ok ? claims_fault(claims, client_mail, audience, now_ms / 1000) : "Invalid JWT Signature.";
}

bool service_account_is_delegated(const char *assertion)
{
    const char *first = strchr(assertion, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    _cleanup_json_ json_t *claims = second ? part_as_json(first + 1, (size_t)(second - first - 1)) : NULL;
    return strchr(json_str(claims, "sub", ""), '@') != NULL;
}
