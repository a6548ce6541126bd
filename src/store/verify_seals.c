#include "store/verify_seals.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ----------------------------------------------------------------------------------- */

struct reading {
    struct seals *seals;
    const struct store_evidence *evidence;
};

static struct seal_found *add_row(struct seals *s)
{
    if (s->n == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 64;
        s->rows = realloc(s->rows, s->room * sizeof *s->rows);
        if (s->rows == NULL)
            abort();
    }
    return &s->rows[s->n++];
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        abort();
    return copy;
}

static bool is_signed(const struct seal *seal, const char *text, const uint8_t signature[ED25519_SIGNATURE],
                      const struct seal_trust *trust, struct error *err)
{
    if (!ed25519_verify(seal->public, text, strlen(text), signature))
        return error_set(err, SB_CORRUPT,
                         "seal %" PRId64 ": its signature is not that of its text: one of them was edited",
                         seal->n);
    if (trust != NULL && !seal_trust_has(trust, seal->public))
        return error_set(err, SB_CORRUPT,
                         "seal %" PRId64 ": it is signed with a key that is none of those given: it was made "
                         "by somebody else",
                         seal->n);
    return true;
}

static bool take_seal(struct reading *r, const struct doc_row *d, struct seal_found *f, struct error *err)
{
    uint8_t signature[ED25519_SIGNATURE];
    const char *text;
    struct error why;
    _cleanup_json_ json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "a seal", &why);
    if (doc == NULL)
        return error_set(err, SB_CORRUPT, "%s", why.text);
    if (!seal_document_read(doc, &text, signature, &why))
        return error_set(err, SB_CORRUPT, "a seal: %s", why.text);
    f->text = copy_of(text);
    if (!seal_parse(f->text, &f->seal, &why))
        return error_set(err, SB_CORRUPT, "a seal: %s", why.text);
    return is_signed(&f->seal, text, signature, r->evidence->trust, err);
}

static bool read_one(void *ctx, const struct doc_row *d)
{
    struct reading *r = ctx;
    struct seal_found *f = add_row(r->seals);
    *f = (struct seal_found){0};
    return take_seal(r, d, f, &r->seals->wrong);
}

static void turn_around(struct seals *s)
{
    for (size_t i = 0, j = s->n; i + 1 < j; i++) {
        struct seal_found f = s->rows[i];
        s->rows[i] = s->rows[--j];
        s->rows[j] = f;
    }
}

/* --- against each other ------------------------------------------------------------------------ */

static bool follows(const struct seal_found *before, const struct seal_found *f, int64_t n, struct error *err)
{
    char previous[SHA256_HEX + 1];
    const char *text = before != NULL ? before->text : "";
    sha256_hex(text, strlen(text), previous);
    if (f->seal.n > n)
        return error_set(err, SB_CORRUPT, "seal %" PRId64 " is missing: it was removed", n);
    if (f->seal.n < n)
        return error_set(err, SB_CORRUPT,
                         "seal %" PRId64 " stands where seal %" PRId64 " should: it was moved or repeated",
                         f->seal.n, n);
    if (!str_eq(f->seal.previous, previous))
        return error_set(err, SB_CORRUPT, "seal %" PRId64 " does not follow from the one before it", n);
    if (before != NULL && !str_eq(f->seal.store, before->seal.store))
        return error_set(err, SB_CORRUPT, "seal %" PRId64 " is of another record", n);
    if (before != NULL && f->seal.ledger.n < before->seal.ledger.n)
        return error_set(err, SB_CORRUPT, "seal %" PRId64 " seals less than the one before it", n);
    return true;
}

static bool is_kept_one(const struct seals *s, const char *text, struct error *err)
{
    struct seal kept;
    struct error why;
    if (!seal_parse(text, &kept, &why))
        return error_set(err, SB_CORRUPT, "the seal that was kept: %s", why.text);
    if (kept.n < 1 || kept.n > (int64_t)s->n || s->rows == NULL)
        return error_set(err, SB_CORRUPT,
                         "seal %" PRId64 ", which was kept, is not there: the record ends with seal %zu, and "
                         "what came after was removed",
                         kept.n, s->n);
    if (str_eq(s->rows[kept.n - 1].text, text))
        return true;
    return error_set(err, SB_CORRUPT,
                     "seal %" PRId64
                     " is not the one that was kept: the record was written anew, or is another "
                     "one",
                     kept.n);
}

bool seals_read(struct seals *s, struct reader *r, const struct store_evidence *e, struct error *err)
{
    struct reading reading = {s, e};
    if (!r->ops->doc_list(r, SEAL_KIND, INT_MAX, read_one, &reading, err))
        return false;
    turn_around(s);
    for (size_t i = 0; s->rows != NULL && i < s->n && s->wrong.code == SB_OK; i++)
        (void)!follows(i > 0 ? &s->rows[i - 1] : NULL, &s->rows[i], (int64_t)i + 1, &s->wrong);
    if (s->wrong.code == SB_OK && e->seal != NULL)
        (void)!is_kept_one(s, e->seal, &s->wrong);
    return true;
}

void seals_free(struct seals *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->rows[i].text);
    free(s->rows);
    *s = (struct seals){0};
}

/* --- against the record ------------------------------------------------------------------------ */

static bool check_changes(const struct seal *seal, const struct heads *heads, const char *only,
                          struct error *err)
{
    const char *at = seal->changes;
    char id[SEAL_ID_MAX];
    struct chain sealed;
    while (seal_next_change(&at, id, &sealed)) {
        if (only != NULL && strcmp(only, id) != 0)
            continue;
        const struct head *h = heads_find(heads, id);
        if (h == NULL || h->chain.n != sealed.n || strcmp(h->chain.hash, sealed.hash) != 0)
            return error_set(err, SB_CORRUPT,
                             "%s: by seal %" PRId64 " it stood at event %" PRId64
                             " with another hash, or had "
                             "such an event: what it was sealed with was edited or removed",
                             id, seal->n, sealed.n);
    }
    return true;
}

static bool check_ledger(const struct seal *seal, const struct chain *ledger, struct error *err)
{
    if (ledger->n < seal->ledger.n)
        return error_set(err, SB_CORRUPT,
                         "the record ends with the ledger's entry %" PRId64 ", but seal %" PRId64
                         " covers entry %" PRId64 ": its end was removed",
                         ledger->n, seal->n, seal->ledger.n);
    if (strcmp(ledger->hash, seal->ledger.hash) != 0)
        return error_set(err, SB_CORRUPT,
                         "the ledger's entry %" PRId64 " is not the one that seal %" PRId64
                         " covers: something up to there was edited and computed anew",
                         ledger->n, seal->n);
    return true;
}

bool seals_reach(struct seals *s, int64_t n, const struct chain *ledger, const struct heads *heads,
                 const char *only)
{
    for (; s->next < s->n && s->rows[s->next].seal.ledger.n <= n; s->next++) {
        const struct seal *seal = &s->rows[s->next].seal;
        if ((ledger != NULL && !check_ledger(seal, ledger, &s->wrong)) ||
            !check_changes(seal, heads, only, &s->wrong))
            return false;
    }
    return true;
}

bool seals_have_end(struct seals *s, const char *change, int64_t n, bool must_exist)
{
    /* What ended before anything was sealed is covered by the first seal. */
    if (s->n > 0 ? s->rows[0].seal.ledger.n > n : !must_exist)
        return true;
    struct chain head;
    for (size_t i = s->next; i < s->n && s->rows[i].seal.ledger.n <= n; i++)
        if (s->rows[i].seal.ledger.n == n && seal_has_change(&s->rows[i].seal, change, &head))
            return true;
    return error_set(&s->wrong, SB_CORRUPT,
                     "%s: its end in the ledger's entry %" PRId64 " has no seal: the seal was removed",
                     change, n);
}
