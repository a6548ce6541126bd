/* seal_key.h: the key that seals the record (Ed25519), and the public keys by which seals are believed. Keys
 * are PEM, as openssl writes and reads them. Blocks: for start-up. */
#ifndef SB_STORE_SEAL_KEY_H
#define SB_STORE_SEAL_KEY_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/secret.h"

struct seal_key {
    uint8_t seed[ED25519_SEED]; /* secret: seal_key_wipe */
    uint8_t public[ED25519_PUBLIC];
};

/* The key that `ref` leads to; with NULL the one in `folder`/seal.key, made on first use with mode 0600. The
 * public key then stands in `folder`/seal.pub: added when it was not there, for keys before it still stand for
 * what they sealed. Errors: SB_IO; SB_PARSE when it is no Ed25519 key; SB_DENIED when others may read the file. */
MUST_USE bool seal_key_open(const char *folder, const struct secret *ref, struct seal_key *out,
                            struct error *err);
void seal_key_wipe(struct seal_key *k);

enum { SEAL_TRUST_MAX = 32 };

/* None: a seal is held against the key that it names itself, which shows damage but not forgery. */
struct seal_trust {
    int n;
    uint8_t keys[SEAL_TRUST_MAX][ED25519_PUBLIC];
};

/* All public keys of a PEM text or file. SB_PARSE when there is none. */
MUST_USE bool seal_trust_parse(const char *pem, struct seal_trust *out, struct error *err);
MUST_USE bool seal_trust_read(const char *path, struct seal_trust *out, struct error *err);
bool seal_trust_has(const struct seal_trust *t, const uint8_t public[ED25519_PUBLIC]);

void seal_public_pem(const uint8_t public[ED25519_PUBLIC], struct buf *out);

#endif
