#include "store/sealing.h"

#include "store/seal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sealing_start(struct sealing *s, const struct seal_key *key, int64_t every_ms)
{
    *s = (struct sealing){.key = key, .every_ms = every_ms};
    if (key != NULL)
        s->due = now_ms() + every_ms;
}

void sealing_free(struct sealing *s)
{
    heads_free(&s->moved);
    heads_free(&s->fresh);
}

static struct head *head_in(struct heads *all, const char *id)
{
    struct head *h = heads_find(all, id);
    return h != NULL ? h : heads_add(all, id);
}

void sealing_note(struct sealing *s, const struct head *h, bool ended)
{
    if (s->key == NULL)
        return;
    struct head *mine = head_in(&s->fresh, h->id);
    mine->chain = h->chain;
    mine->ended |= ended;
    s->ends |= ended;
}

int64_t sealing_wait(const struct sealing *s)
{
    if (s->due == 0)
        return -1;
    int64_t left = s->due - now_ms();
    return left > 0 ? left : 0;
}

bool sealing_is_due(const struct sealing *s)
{
    return sealing_wait(s) == 0;
}

/* --- one seal ---------------------------------------------------------------------------------- */

struct last {
    struct seal seal; /* n = 0: there is none yet */
    struct error err;
};

static bool keep_last(void *ctx, const struct doc_row *d)
{
    struct last *l = ctx;
    uint8_t signature[ED25519_SIGNATURE];
    const char *text;
    _cleanup_json_ json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "the last seal", &l->err);
    if (doc != NULL && seal_document_read(doc, &text, signature, &l->err) &&
        seal_parse(text, &l->seal, &l->err))
        sha256_hex(text, strlen(text), l->seal.previous); /* as the next one's */
    return true;
}

static bool read_last(struct backend *b, struct seal *out, struct error *err)
{
    struct last l = {.err = ERROR_NONE};
    if (!b->ops->doc_list(b, SEAL_KIND, 1, keep_last, &l, err))
        return false;
    *out = l.seal;
    if (l.err.code != SB_OK)
        return error_set(
            err, SB_CORRUPT,
            "the last seal of the record: %s. Restore a backup; signalbox audit verify tells what "
            "is whole",
            l.err.text);
    return true;
}

static void begin_record(struct seal *s)
{
    uint8_t id[SEAL_STORE_HEX / 2];
    random_bytes(id, sizeof id);
    for (size_t i = 0; i < sizeof id; i++)
        (void)snprintf(s->store + 2 * i, 3, "%02x", id[i]);
    sha256_hex("", 0, s->previous);
}

static void add_changes(const struct sealing *s, const struct heads *all, struct buf *text)
{
    for (size_t i = 0; i < all->n_buckets; i++)
        for (const struct head *h = all->buckets[i]; h != NULL; h = h->next)
            if (s->whole ? all == &s->fresh || heads_find(&s->fresh, h->id) == NULL : h->ended)
                seal_text_change(h->id, &h->chain, text);
}

/* A seal says where a change stands, not where we left it. */
static bool look_again(struct sealing *s, struct backend *b, struct error *err)
{
    for (size_t i = 0; s->others && i < s->moved.n_buckets; i++)
        for (struct head *h = s->moved.buckets[i]; h != NULL; h = h->next) {
            struct change_row row;
            if (!b->ops->change_find(b, h->id, &row, err))
                return false;
            h->chain = row.head;
        }
    s->others = false;
    return true;
}

bool sealing_add(struct sealing *s, struct backend *b, const struct chain *ledger, struct error *err)
{
    s->whole |= s->fresh.n > 0 && sealing_is_due(s);
    if (s->key == NULL || (!s->whole && !s->ends))
        return true;
    struct seal seal;
    if (!read_last(b, &seal, err) || !look_again(s, b, err))
        return false;
    /* Whatever is there was sealed, by the process before this one. */
    if (seal.ledger.n == ledger->n && s->moved.n == 0)
        return true;
    if (seal.n == 0)
        begin_record(&seal);
    seal.n++;
    seal.at = loop_wall_ms();
    seal.ledger = *ledger;
    memcpy(seal.public, s->key->public, sizeof seal.public);
    _cleanup_buf_ struct buf text = {0};
    seal_text(&seal, &text);
    add_changes(s, &s->fresh, &text);
    add_changes(s, &s->moved, &text);
    _cleanup_json_ json_t *doc = seal_document(text.data, s->key);
    char *body = json_canonical(doc), id[24];
    (void)snprintf(id, sizeof id, "%" PRId64, seal.n);
    bool ok = b->ops->doc_add(b, SEAL_KIND, id, body, err) || error_wrap(err, err, "seal %s", id);
    free(body);
    return ok;
}

static void keep_moved(struct sealing *s)
{
    for (size_t i = 0; i < s->fresh.n_buckets; i++)
        for (const struct head *h = s->fresh.buckets[i]; h != NULL; h = h->next)
            if (h->ended)
                heads_drop(&s->moved, h->id);
            else
                head_in(&s->moved, h->id)->chain = h->chain;
}

void sealing_committed(struct sealing *s)
{
    if (s->key == NULL)
        return;
    if (s->whole)
        heads_free(&s->moved);
    else
        keep_moved(s);
    if (s->whole)
        s->due = 0;
    else if (s->due == 0 && s->moved.n > 0)
        s->due = now_ms() + s->every_ms;
    sealing_rolled_back(s);
}

void sealing_rolled_back(struct sealing *s)
{
    if (s->whole && s->due != 0) /* it failed: not again at once */
        s->due = now_ms() + s->every_ms;
    heads_free(&s->fresh);
    s->whole = s->ends = false;
}
