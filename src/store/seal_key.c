#include "store/seal_key.h"

#include "base/read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 64 << 10 };

/* What stands before the 32 bytes in PKCS#8 and in SubjectPublicKeyInfo: for Ed25519 there is just one form. */
static const uint8_t private_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const uint8_t public_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

enum { KEY_BYTES = 32, DER_MAX = sizeof private_head + KEY_BYTES };
_Static_assert(KEY_BYTES == (int)ED25519_SEED && KEY_BYTES == (int)ED25519_PUBLIC, "both are 32 bytes");

/* --- PEM --------------------------------------------------------------------------------------- */

struct pem {
    const char *name; /* "PRIVATE KEY" */
    const uint8_t *head;
    size_t head_n;
};
static const struct pem private_pem = {"PRIVATE KEY", private_head, sizeof private_head};
static const struct pem public_pem = {"PUBLIC KEY", public_head, sizeof public_head};

static void pem_write(const struct pem *p, const uint8_t key[KEY_BYTES], struct buf *out)
{
    uint8_t der[DER_MAX];
    memcpy(der, p->head, p->head_n);
    memcpy(der + p->head_n, key, KEY_BYTES);
    char *text = base64_encode(der, p->head_n + KEY_BYTES, false);
    buf_printf(out, "-----BEGIN %s-----\n%s\n-----END %s-----\n", p->name, text, p->name);
    explicit_bzero(der, sizeof der);
    secret_wipe(text);
}

/* The key in the base64 between `from` and `to`. */
static bool pem_decode(const struct pem *p, const char *from, const char *to, uint8_t out[KEY_BYTES])
{
    char text[2 * DER_MAX];
    size_t n = 0, der_n = 0;
    for (; from < to && n < sizeof text; from++)
        if (strchr(" \t\r\n", *from) == NULL)
            text[n++] = *from;
    uint8_t *der = base64_decode(text, n, false, &der_n);
    bool ok = der != NULL && der_n == p->head_n + KEY_BYTES && memcmp(der, p->head, p->head_n) == 0;
    if (ok)
        memcpy(out, der + p->head_n, KEY_BYTES);
    if (der != NULL)
        explicit_bzero(der, der_n);
    explicit_bzero(text, sizeof text);
    free(der);
    return ok;
}

/* The next block of that name: -1 none, 0 it is not an Ed25519 key, 1 read. *text is moved behind it. */
static int pem_next(const struct pem *p, const char **text, uint8_t out[KEY_BYTES])
{
    _cleanup_buf_ struct buf begin = {0}, end = {0};
    buf_printf(&begin, "-----BEGIN %s-----", p->name);
    buf_printf(&end, "-----END %s-----", p->name);
    const char *from = strstr(*text, begin.data), *to = from != NULL ? strstr(from, end.data) : NULL;
    if (to == NULL)
        return -1;
    *text = to + end.len;
    return pem_decode(p, from + begin.len, to, out) ? 1 : 0;
}

void seal_public_pem(const uint8_t public[ED25519_PUBLIC], struct buf *out)
{
    pem_write(&public_pem, public, out);
}

static bool read_private(const char *pem, struct seal_key *out, struct error *err)
{
    if (pem_next(&private_pem, &pem, out->seed) != 1)
        return error_set(err, SB_PARSE,
                         "it is no Ed25519 key in PEM, as openssl genpkey -algorithm ed25519 makes one");
    ed25519_public(out->seed, out->public);
    return true;
}

/* --- public keys ------------------------------------------------------------------------------- */

bool seal_trust_parse(const char *pem, struct seal_trust *out, struct error *err)
{
    *out = (struct seal_trust){0};
    uint8_t key[KEY_BYTES];
    for (int got; (got = pem_next(&public_pem, &pem, key)) >= 0;) {
        if (got == 0)
            return error_set(err, SB_PARSE, "public key %d is no Ed25519 key", out->n + 1);
        if (out->n == SEAL_TRUST_MAX)
            return error_set(err, SB_LIMIT, "more than %d public keys", (int)SEAL_TRUST_MAX);
        memcpy(out->keys[out->n++], key, KEY_BYTES);
    }
    return out->n > 0 || error_set(err, SB_PARSE,
                                   "there is no public key in it: it begins with -----BEGIN PUBLIC KEY-----, "
                                   "as signalbox audit key prints it");
}

bool seal_trust_read(const char *path, struct seal_trust *out, struct error *err)
{
    _cleanup_buf_ struct buf text = {0};
    struct error why;
    *out = (struct seal_trust){0};
    if (!read_file(path, KEY_FILE_MAX, &text, err))
        return false;
    return seal_trust_parse(buf_str(&text), out, &why) || error_wrap(&why, err, "%s", path);
}

bool seal_trust_has(const struct seal_trust *t, const uint8_t public[ED25519_PUBLIC])
{
    for (int i = 0; i < t->n; i++)
        if (bytes_equal(t->keys[i], public, KEY_BYTES))
            return true;
    return false;
}

/* --- the files beside the record --------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        text += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0;
}

/* Whole or not at all, also when two processes make it at once: the first one's stays, unless `over`. */
static bool put_file(const char *path, mode_t mode, const struct buf *text, bool over, struct error *err)
{
    _cleanup_buf_ struct buf part = {0};
    buf_printf(&part, "%s.%ld", path, (long)getpid());
    int fd = open(part.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return error_errno(err, errno, "%s", part.data);
    bool ok = write_all(fd, text->data, text->len) || error_errno(err, errno, "%s", part.data);
    close(fd);
    if (ok && over)
        ok = rename(part.data, path) == 0 || error_errno(err, errno, "%s", path);
    else if (ok)
        ok = link(part.data, path) == 0 || errno == EEXIST || error_errno(err, errno, "%s", path);
    unlink(part.data);
    return ok;
}

static bool make_key(const char *path, struct error *err)
{
    struct seal_key k;
    _cleanup_buf_ struct buf pem = {0};
    random_bytes(k.seed, sizeof k.seed);
    pem_write(&private_pem, k.seed, &pem);
    bool ok = put_file(path, 0600, &pem, false, err);
    explicit_bzero(pem.data, pem.len);
    seal_key_wipe(&k);
    return ok;
}

static bool read_key_file(const char *path, struct seal_key *out, struct error *err)
{
    _cleanup_buf_ struct buf pem = {0};
    struct error why;
    struct stat st;
    if (stat(path, &st) != 0 && (errno != ENOENT || !make_key(path, err)))
        return errno == ENOENT ? false : error_errno(err, errno, "%s", path);
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        return error_set(err, SB_DENIED,
                         "%s: others may read the key that seals the record, so its seals prove nothing: "
                         "chmod 600 it, or remove it to have a new one made",
                         path);
    bool ok = read_file(path, KEY_FILE_MAX, &pem, err) &&
              (read_private(buf_str(&pem), out, &why) || error_wrap(&why, err, "%s", path));
    if (pem.data != NULL)
        explicit_bzero(pem.data, pem.len);
    return ok;
}

static bool read_secret(const struct secret *ref, struct seal_key *out, struct error *err)
{
    _cleanup_secret_ char *pem = secret_read(ref, err);
    struct error why;
    return pem != NULL &&
           (read_private(pem, out, &why) || error_wrap(&why, err, "the key that seals (%s)", ref->ref));
}

static bool publish(const char *path, const struct seal_key *k, struct error *err)
{
    _cleanup_buf_ struct buf text = {0};
    struct seal_trust known = {0};
    if (access(path, F_OK) == 0 && !read_file(path, KEY_FILE_MAX, &text, err))
        return false;
    if (text.len > 0 && seal_trust_parse(text.data, &known, NULL) && seal_trust_has(&known, k->public))
        return true;
    seal_public_pem(k->public, &text);
    return put_file(path, 0644, &text, true, err);
}

bool seal_key_open(const char *folder, const struct secret *ref, struct seal_key *out, struct error *err)
{
    _cleanup_buf_ struct buf key = {0}, pub = {0};
    buf_printf(&key, "%s/seal.key", folder);
    buf_printf(&pub, "%s/seal.pub", folder);
    if ((ref != NULL ? read_secret(ref, out, err) : read_key_file(key.data, out, err)) &&
        publish(pub.data, out, err))
        return true;
    seal_key_wipe(out);
    return false;
}

void seal_key_wipe(struct seal_key *k)
{
    explicit_bzero(k, sizeof *k);
}
