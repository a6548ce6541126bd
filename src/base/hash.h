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

/* Base64 (RFC 4648), url = the URL-safe alphabet without padding. Heap, caller frees. decode: NULL when malformed. */
char *base64_encode(const void *data, size_t n, bool url);
uint8_t *base64_decode(const char *text, size_t n, bool url, size_t *out_n);

/* `n` bytes from the operating system; ends the process when there are none to be had. */
void random_bytes(void *out, size_t n);

#endif
