/* hash.h: SHA-256, HMAC and Ed25519 through OpenSSL, in the forms we store. Pure and thread-safe. */
#ifndef SB_BASE_HASH_H
#define SB_BASE_HASH_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 64 };

/* Lower-case hexadecimal of the digest, NUL-terminated. */
void sha256_hex(const void *data, size_t n, char out[SHA256_HEX + 1]);
/* Of two pieces in a row, without joining them. */
void sha256_hex2(const void *a, size_t an, const void *b, size_t bn, char out[SHA256_HEX + 1]);
void hmac_sha256_hex(const void *key, size_t kn, const void *data, size_t n, char out[SHA256_HEX + 1]);
/* Constant time. */
bool bytes_equal(const void *a, const void *b, size_t n);

/* Base64 (RFC 4648), url = the URL-safe alphabet without padding. Heap, caller frees. decode: NULL when
 * malformed. */
char *base64_encode(const void *data, size_t n, bool url);
uint8_t *base64_decode(const char *text, size_t n, bool url, size_t *out_n);

/* `n` bytes from the operating system; ends the process when there are none to be had. */
void random_bytes(void *out, size_t n);

/* Ed25519 in its raw forms: the seed is the private key, from random_bytes, and is a secret. */
enum { ED25519_SEED = 32, ED25519_PUBLIC = 32, ED25519_SIGNATURE = 64 };
void ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t out[ED25519_PUBLIC]);
void ed25519_sign(const uint8_t seed[ED25519_SEED], const void *data, size_t n,
                  uint8_t out[ED25519_SIGNATURE]);
/* Did the owner of `public` sign exactly these bytes? */
MUST_USE bool ed25519_verify(const uint8_t public[ED25519_PUBLIC], const void *data, size_t n,
                             const uint8_t signature[ED25519_SIGNATURE]);

#endif
