/* seal.h: a signed statement of where the record stood. Pure.
 *
 *   signalbox seal 1
 *   store 6f1c...            of the record, 32 hexadecimal digits: a seal of another one does not fit
 *   seal 12                  its number; they count from 1
 *   previous 5e88...         SHA-256 of the text of seal 11; of nothing for the first
 *   at 2024-02-08T19:00:00.000Z
 *   key 9a0b...              the public key, 64 hexadecimal digits
 *   ledger 57 c0ff...        the ledger's last entry, which stands for everything before it
 *   change HF-7 41 77de...   and where each change stood that is named: its last event and that one's hash
 *
 * Lines of text, each ended, so that an auditor needs no program of ours to read them. A change's id is
 * percent-encoded. Kept as a document {"signature": base64, "text": ...} of the kind SEAL_KIND. */
#ifndef SB_STORE_SEAL_H
#define SB_STORE_SEAL_H

#include "base/json.h"
#include "store/chain.h"
#include "store/seal_key.h"

#define SEAL_KIND "seal"
enum { SEAL_STORE_HEX = 32 };

struct seal {
    int64_t n, at;
    char store[SEAL_STORE_HEX + 1];
    char previous[SHA256_HEX + 1];
    uint8_t public[ED25519_PUBLIC];
    struct chain ledger;
    const char *changes; /* the lines of changes, in the text that was read */
};

/* The whole text but for the lines of changes, which are added after it. */
void seal_text(const struct seal *s, struct buf *out);
void seal_text_change(const char *change, const struct chain *head, struct buf *out);
/* SB_CORRUPT when it is not exactly of that form. Borrows `text`. */
MUST_USE bool seal_parse(const char *text, struct seal *out, struct error *err);
/* The next change that it names, from `at` on, which begins as s->changes and is moved along. False: no
 * more. `id` is the id, percent-decoded, with room for 3 * STORE_ID_MAX. */
enum { SEAL_ID_MAX = 512 };
bool seal_next_change(const char **at, char id[SEAL_ID_MAX], struct chain *head);
/* Where it says that `change` stood; false when it does not name it. */
bool seal_has_change(const struct seal *s, const char *change, struct chain *head);

/* New reference. */
json_t *seal_document(const char *text, const struct seal_key *key);
/* Its parts, borrowed from it; SB_CORRUPT. */
MUST_USE bool seal_document_read(const json_t *doc, const char **text, uint8_t signature[ED25519_SIGNATURE],
                                 struct error *err);

#endif
