#include "base/hash.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_BYTES = 32 };

static void to_hex(const unsigned char *digest, char out[SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[SHA256_HEX] = '\0';
}

void sha256_hex(const void *data, size_t n, char out[SHA256_HEX + 1])
{
    sha256_hex2(data, n, NULL, 0, out);
}

/* Without memory or without its own algorithms OpenSSL fails; there is nothing sensible to go on with then.
 */
static void insist(int ok)
{
    if (ok != 1)
        abort();
}

/* Found once: looking an algorithm up costs as much as hashing a short text. */
static EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    insist(sha256 != NULL);
}

void sha256_hex2(const void *a, size_t an, const void *b, size_t bn, char out[SHA256_HEX + 1])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_sha256);
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    insist(ctx != NULL);
    insist(EVP_DigestInit_ex(ctx, sha256, NULL));
    if (an > 0)
        insist(EVP_DigestUpdate(ctx, a, an));
    if (bn > 0)
        insist(EVP_DigestUpdate(ctx, b, bn));
    insist(EVP_DigestFinal_ex(ctx, digest, NULL));
    EVP_MD_CTX_free(ctx);
    to_hex(digest, out);
}

void hmac_sha256_hex(const void *key, size_t kn, const void *data, size_t n, char out[SHA256_HEX + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    static const unsigned char nothing[1];
    size_t digest_n = 0;
    insist(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, kn > 0 ? key : nothing, kn, n > 0 ? data : nothing,
                     n, digest, sizeof digest, &digest_n) != NULL);
    insist(digest_n == SHA256_BYTES);
    to_hex(digest, out);
}

bool bytes_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

/* Between the two alphabets; padding is cut or added by the callers. */
static void translate(char *text, const char *from, const char *to)
{
    for (; *text != '\0'; text++)
        for (int i = 0; i < 2; i++)
            if (*text == from[i]) {
                *text = to[i];
                break;
            }
}

char *base64_encode(const void *data, size_t n, bool url)
{
    if (n > INT_MAX / 4 * 3 - 3)
        abort();
    char *out = calloc(1, (n + 2) / 3 * 4 + 1);
    if (out == NULL)
        abort();
    if (n > 0)
        EVP_EncodeBlock((unsigned char *)out, data, (int)n);
    if (url) {
        translate(out, "+/", "-_");
        out[strcspn(out, "=")] = '\0';
    }
    return out;
}

/* `text` in the padded standard alphabet, checked by the caller for length; true when every character belongs
 * there. */
static bool is_base64(const char *text, size_t n, size_t padding)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strspn(text, alphabet) == n - padding;
}

uint8_t *base64_decode(const char *text, size_t n, bool url, size_t *out_n)
{
    *out_n = 0;
    if (n > INT_MAX - 4 || (url && n % 4 == 1) || (!url && n % 4 != 0) ||
        (url && memchr(text, '=', n) != NULL) ||
        (url && (memchr(text, '+', n) != NULL || memchr(text, '/', n) != NULL)))
        return NULL;
    size_t whole = (n + 3) / 4 * 4;
    char *padded = calloc(1, whole + 1);
    uint8_t *out = calloc(1, whole / 4 * 3 + 1);
    if (padded == NULL || out == NULL)
        abort();
    if (n > 0)
        memcpy(padded, text, n);
    if (url) {
        translate(padded, "-_", "+/");
        memset(padded + n, '=', whole - n);
    }
    size_t padding = 0;
    while (padding < 2 && padding < whole && padded[whole - 1 - padding] == '=')
        padding++;

    bool ok = is_base64(padded, whole, padding);
    if (ok && whole > 0)
        ok = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)whole) == (int)(whole / 4 * 3);
    if (ok)
        *out_n = whole / 4 * 3 - padding;
    /* Bits that padding cuts off must be zero, or one value would have several texts. */
    char *again = ok ? base64_encode(out, *out_n, false) : NULL;
    ok = ok && strcmp(again, padded) == 0;
    free(again);
    free(padded);
    if (ok)
        return out;
    free(out);
    *out_n = 0;
    return NULL;
}

void random_bytes(void *out, size_t n)
{
    while (n > 0) {
        size_t part = n > INT_MAX ? INT_MAX : n;
        insist(RAND_bytes(out, (int)part));
        out = (unsigned char *)out + part;
        n -= part;
    }
}

static EVP_PKEY *private_key(const uint8_t seed[ED25519_SEED])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED);
    insist(key != NULL);
    return key;
}

void ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t out[ED25519_PUBLIC])
{
    EVP_PKEY *key = private_key(seed);
    size_t n = ED25519_PUBLIC;
    insist(EVP_PKEY_get_raw_public_key(key, out, &n));
    EVP_PKEY_free(key);
}

void ed25519_sign(const uint8_t seed[ED25519_SEED], const void *data, size_t n,
                  uint8_t out[ED25519_SIGNATURE])
{
    EVP_PKEY *key = private_key(seed);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t out_n = ED25519_SIGNATURE;
    insist(ctx != NULL);
    insist(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key));
    insist(EVP_DigestSign(ctx, out, &out_n, data, n));
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

bool ed25519_verify(const uint8_t public[ED25519_PUBLIC], const void *data, size_t n,
                    const uint8_t signature[ED25519_SIGNATURE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, ED25519_PUBLIC);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    insist(ctx != NULL);
    bool ok = key != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, ED25519_SIGNATURE, data, n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
