#include "cli/bundle.h"

#include "base/buf.h"
#include "store/seal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- tar (POSIX ustar) -------------------------------------------------------------------------- */

enum { TAR_BLOCK = 512 };

struct tar {
    FILE *out;
    const char *folder;
    int64_t at; /* of all files: the same record gives the same archive */
};

static void tar_head(const struct tar *t, const char *name, size_t size, char head[TAR_BLOCK])
{
    memset(head, 0, TAR_BLOCK);
    (void)snprintf(head, 100, "%s/%s", t->folder, name);
    (void)snprintf(head + 100, 8, "%07o", 0644U);
    (void)snprintf(head + 108, 8, "%07o", 0U);
    (void)snprintf(head + 116, 8, "%07o", 0U);
    (void)snprintf(head + 124, 12, "%011zo", size);
    (void)snprintf(head + 136, 12, "%011llo", (unsigned long long)(t->at / 1000));
    memset(head + 148, ' ', 8); /* the checksum counts as spaces */
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)head[i];
    (void)snprintf(head + 148, 8, "%06o", sum);
}

static void tar_add(const struct tar *t, const char *name, const void *data, size_t size)
{
    static const char zeros[TAR_BLOCK];
    char head[TAR_BLOCK];
    tar_head(t, name, size, head);
    fwrite(head, 1, sizeof head, t->out);
    fwrite(data, 1, size, t->out);
    fwrite(zeros, 1, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK, t->out);
}

static bool tar_end(const struct tar *t, struct error *err)
{
    static const char zeros[2 * TAR_BLOCK];
    fwrite(zeros, 1, sizeof zeros, t->out);
    errno = 0;
    return (fflush(t->out) == 0 && !ferror(t->out)) ||
           error_errno(err, errno != 0 ? errno : EIO, "write the bundle");
}

/* --- the newest seal that names the change ------------------------------------------------------ */

struct chosen {
    const char *change;
    char *text;
    uint8_t *signature;
    struct seal seal; /* lives in `text` */
    struct chain head;
    struct error err;
};

static bool choose(void *ctx, const char *text, const char *signature)
{
    struct chosen *c = ctx;
    struct seal seal;
    if (!seal_parse(text, &seal, &c->err))
        return false;
    if (!seal_has_change(&seal, c->change, &c->head))
        return true;
    size_t n;
    c->text = strdup(text);
    c->signature = base64_decode(signature, strlen(signature), false, &n);
    if (c->text == NULL)
        abort();
    if (c->signature == NULL || n != ED25519_SIGNATURE || !seal_parse(c->text, &c->seal, &c->err))
        error_set(&c->err, SB_CORRUPT, "the newest seal of %s was edited: signalbox audit verify tells more",
                  c->change);
    return false;
}

static bool find_seal(struct store *s, struct chosen *c, struct error *err)
{
    if (!store_seals(s, choose, c, err))
        return false;
    if (c->err.code != SB_OK)
        return error_wrap(&c->err, err, "seals of the record");
    return c->text != NULL ||
           error_set(
               err, SB_STATE,
               "no seal names %s yet: it is sealed with its end, or when Signalbox has run for a minute more, or "
               "is stopped",
               c->change);
}

/* --- the bundle --------------------------------------------------------------------------------- */

struct packing {
    const struct tar *tar;
    const struct chosen *chosen;
    struct bundle *said;
    char page[SHA256_HEX + 1]; /* hash of the page that the change follows; "" = not said */
};

static bool pack_event(void *ctx, const struct store_event *e)
{
    struct packing *p = ctx;
    if (e->seq > p->chosen->head.n) {
        p->said->later++;
        return true;
    }
    char name[40];
    (void)snprintf(name, sizeof name, "events/%08" PRId64 ".json", e->seq);
    tar_add(p->tar, name, e->body, strlen(e->body));
    p->said->sealed++;
    if (e->seq == 1) {
        _cleanup_json_ json_t *first = json_read(e->body, strlen(e->body), STORE_BODY_MAX, "event", NULL);
        (void)snprintf(p->page, sizeof p->page, "%s", json_str(first, "data.sop.hash", ""));
    }
    return true;
}

static void pack_seal(const struct tar *t, const struct chosen *c)
{
    _cleanup_buf_ struct buf pem = {0};
    seal_public_pem(c->seal.public, &pem);
    tar_add(t, "seal.txt", c->text, strlen(c->text));
    tar_add(t, "seal.sig", c->signature, ED25519_SIGNATURE);
    tar_add(t, "key.pem", pem.data, pem.len);
}

static void pack_page(struct store *s, const struct packing *p)
{
    char *page = *p->page ? store_get_page(s, p->page, NULL) : NULL;
    if (page != NULL)
        tar_add(p->tar, "page.md", page, strlen(page));
    free(page);
}

static void pack_readme(const struct tar *t, const struct chosen *c)
{
    _cleanup_buf_ struct buf text = {0};
    buf_printf(
        &text,
        "The record of %s up to its event %" PRId64 ", as Signalbox sealed it.\n\n"
        "events/    each event's text, byte for byte, in order\n"
        "seal.txt   the statement that was sealed: the line \"change\" has the last event and its hash\n"
        "seal.sig   the Ed25519 signature of seal.txt\n"
        "key.pem    the public key that the seal names: compare it with the one you were given, not from here\n"
        "page.md    the page that the change followed; its SHA-256 stands in the first event\n\n"
        "hash(0) is the SHA-256 of the change's id, hash(n) that of hash(n-1), as 64 hexadecimal digits,\n"
        "followed by the text of event n. The last one must be the one in seal.txt.\n"
        "How to check that with openssl and sha256sum alone: docs/audit.md.\n",
        c->change, c->head.n);
    tar_add(t, "README", text.data, text.len);
}

static bool pack(struct store *s, const struct chosen *c, FILE *out, struct bundle *said, struct error *err)
{
    _cleanup_buf_ struct buf folder = {0};
    buf_add_url(&folder, c->change);
    if (folder.len > 60)
        return error_set(err, SB_LIMIT, "the id is too long for the name of a folder");
    const struct tar tar = {out, folder.data, c->seal.at};
    struct packing p = {.tar = &tar, .chosen = c, .said = said};
    pack_readme(&tar, c);
    pack_seal(&tar, c);
    if (!store_read(s, c->change, 1, pack_event, &p, err))
        return false;
    if (said->sealed != c->head.n)
        return error_set(err, SB_CORRUPT,
                         "its seal covers %" PRId64 " events, but there are %" PRId64
                         ": signalbox audit verify tells what is whole",
                         c->head.n, said->sealed);
    pack_page(s, &p);
    return tar_end(&tar, err);
}

static bool is_there(void *ctx, const struct store_event *e)
{
    (void)e;
    *(bool *)ctx = true;
    return false;
}

bool bundle_write(struct store *s, const char *change, FILE *out, struct bundle *said, struct error *err)
{
    struct chosen c = {.change = change};
    struct error why;
    bool there = false;
    *said = (struct bundle){0};
    if (!store_read(s, change, 1, is_there, &there, err))
        return false;
    if (!there)
        return error_set(err, SB_UNKNOWN, "there is no change \"%s\"", change);
    bool ok = find_seal(s, &c, err) &&
              (pack(s, &c, out, said, &why) || error_wrap(&why, err, "bundle of %s", change));
    free(c.text);
    free(c.signature);
    return ok;
}
