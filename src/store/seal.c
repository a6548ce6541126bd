#include "store/seal.h"

#include "base/instant.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_hex(struct buf *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%02x", bytes[i]);
}

void seal_text(const struct seal *s, struct buf *out)
{
    char at[32];
    instant_rfc3339(s->at, at);
    buf_printf(out, "signalbox seal 1\nstore %s\nseal %" PRId64 "\nprevious %s\nat %s\nkey ", s->store, s->n,
               s->previous, at);
    add_hex(out, s->public, sizeof s->public);
    buf_printf(out, "\nledger %" PRId64 " %s\n", s->ledger.n, s->ledger.hash);
}

void seal_text_change(const char *change, const struct chain *head, struct buf *out)
{
    buf_adds(out, "change ");
    buf_add_url(out, change);
    buf_printf(out, " %" PRId64 " %s\n", head->n, head->hash);
}

/* --- reading: each takes what it expects from the front of *at ---------------------------------- */

static bool take(const char **at, const char *expected)
{
    if (!str_starts(*at, expected))
        return false;
    *at += strlen(expected);
    return true;
}

static bool take_hex(const char **at, size_t digits, char *out)
{
    if (strspn(*at, "0123456789abcdef") != digits)
        return false;
    memcpy(out, *at, digits);
    out[digits] = '\0';
    *at += digits;
    return true;
}

static bool take_number(const char **at, int64_t *out)
{
    size_t n = strspn(*at, "0123456789");
    if (n == 0 || n > 18 || (**at == '0' && n > 1))
        return false;
    *out = strtoll(*at, NULL, 10);
    *at += n;
    return true;
}

/* Up to a space or the line's end. */
static bool take_word(const char **at, char *out, size_t room)
{
    size_t n = strcspn(*at, " \n");
    if (n == 0 || n >= room)
        return false;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at += n;
    return true;
}

static bool take_chain(const char **at, struct chain *out)
{
    return take_number(at, &out->n) && take(at, " ") && take_hex(at, SHA256_HEX, out->hash) && take(at, "\n");
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void from_hex(const char *text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
}

static void decode_url(char *text)
{
    char *to = text;
    for (const char *p = text; *p != '\0'; p++) {
        bool coded = p[0] == '%' && strspn(p + 1, "0123456789ABCDEFabcdef") >= 2;
        int c = coded ? hex_value(p[1]) << 4 | hex_value(p[2]) : *p;
        *to++ = (char)c;
        p += coded ? 2 : 0;
    }
    *to = '\0';
}

bool seal_next_change(const char **at, char id[SEAL_ID_MAX], struct chain *head)
{
    if (!take(at, "change ") || !take_word(at, id, SEAL_ID_MAX) || !take(at, " ") || !take_chain(at, head))
        return false;
    decode_url(id);
    return true;
}

bool seal_parse(const char *text, struct seal *out, struct error *err)
{
    char at[40], key[2 * ED25519_PUBLIC + 1], id[SEAL_ID_MAX];
    const char *p = text;
    struct chain head;
    *out = (struct seal){0};
    bool ok = take(&p, "signalbox seal 1\nstore ") && take_hex(&p, SEAL_STORE_HEX, out->store) &&
              take(&p, "\nseal ") && take_number(&p, &out->n) && take(&p, "\nprevious ") &&
              take_hex(&p, SHA256_HEX, out->previous) && take(&p, "\nat ") && take_word(&p, at, sizeof at) &&
              instant_parse_rfc3339(at, &out->at, NULL) && take(&p, "\nkey ") &&
              take_hex(&p, sizeof key - 1, key) && take(&p, "\nledger ") && take_chain(&p, &out->ledger);
    out->changes = p;
    while (ok && *p != '\0')
        ok = seal_next_change(&p, id, &head);
    if (!ok)
        return error_set(err, SB_CORRUPT, "its text is not that of a seal: it was edited");
    from_hex(key, out->public, sizeof out->public);
    return true;
}

bool seal_has_change(const struct seal *s, const char *change, struct chain *head)
{
    char id[SEAL_ID_MAX];
    const char *at = s->changes;
    while (seal_next_change(&at, id, head))
        if (strcmp(id, change) == 0)
            return true;
    return false;
}

/* --- as it is kept ----------------------------------------------------------------------------- */

json_t *seal_document(const char *text, const struct seal_key *key)
{
    uint8_t signature[ED25519_SIGNATURE];
    ed25519_sign(key->seed, text, strlen(text), signature);
    char *coded = base64_encode(signature, sizeof signature, false);
    json_t *doc = json_pack("{s:s, s:s}", "text", text, "signature", coded);
    free(coded);
    return doc;
}

bool seal_document_read(const json_t *doc, const char **text, uint8_t signature[ED25519_SIGNATURE],
                        struct error *err)
{
    const char *coded = json_str(doc, "signature", "");
    size_t n = 0;
    uint8_t *bytes = base64_decode(coded, strlen(coded), false, &n);
    *text = json_str(doc, "text", "");
    bool ok = bytes != NULL && n == ED25519_SIGNATURE;
    if (ok)
        memcpy(signature, bytes, ED25519_SIGNATURE);
    free(bytes);
    return ok || error_set(err, SB_CORRUPT, "its signature is not one: it was edited");
}
