/* audit: is the record what was recorded? Looks at the store alone, so it works on a copy and beside a running
 * server. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/read.h"
#include "cli/ask.h"
#include "cli/bundle.h"
#include "cli/store_named.h"
#include "store/seal_key.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EVIDENCE_MAX = 4 << 20 };

static const char *store_file(const struct args *a)
{
    const char *path = opt(a, "store");
    return path ? path : store_configured(a);
}

static struct store *open_store(const struct args *a, const char *path, struct error *err)
{
    struct store_options o = {.read_only = true};
    store_named(a, path, &o);
    return store_open(&o, err);
}

/* --- verify ------------------------------------------------------------------------------------ */

/* A word that names a file is the store: a change's id never does. */
static bool is_file(const char *word)
{
    return strchr(word, '/') || access(word, F_OK) == 0;
}

/* seal.pub beside the file, when nobody says which keys to believe. */
static const char *published_beside(const struct args *a, const char *path)
{
    if (store_is_url(path))
        path = arena_printf(a->arena, "%s/x", state_dir_of(a, NULL)); /* the server keeps its keys at home */
    const char *slash = strrchr(path, '/');
    const char *pub = slash ? arena_printf(a->arena, "%.*s/seal.pub", (int)(slash - path), path) : "seal.pub";
    return access(pub, F_OK) == 0 ? pub : NULL;
}

struct brought {
    struct store_evidence evidence;
    struct seal_trust trust;
    struct buf seal;
    const char *keys; /* where the keys are from; NULL = nowhere */
};

static bool read_keys(const struct args *a, const char *path, struct brought *b, struct error *err)
{
    const char *const *files;
    _cleanup_buf_ struct buf pem = {0};
    int n = opt_list(a, "key", &files);
    const char *beside = n == 0 ? published_beside(a, path) : NULL;
    b->keys = n > 0 ? files[0] : beside;
    if (beside && !read_file(beside, EVIDENCE_MAX, &pem, err))
        return false;
    for (int i = 0; i < n; i++)
        if (!read_file(files[i], EVIDENCE_MAX, &pem, err))
            return false;
    if (!b->keys)
        return true;
    struct error why;
    if (!seal_trust_parse(buf_str(&pem), &b->trust, &why))
        return error_wrap(&why, err, "%s", b->keys);
    b->evidence.trust = &b->trust;
    return true;
}

static bool read_evidence(const struct args *a, const char *path, struct brought *b, struct error *err)
{
    const char *kept = opt(a, "seal");
    if (kept && !read_file(kept, EVIDENCE_MAX, &b->seal, err))
        return false;
    if (kept)
        b->evidence.seal = buf_str(&b->seal);
    return read_keys(a, path, b, err);
}

static void print_seals(const struct args *a, const struct verdict *v, const struct brought *b)
{
    if (v->seals == 0) {
        puts("Nothing of it is sealed yet.");
        return;
    }
    char *at = instant_text(v->sealed_at, "UTC", v->sealed_at, a->arena);
    printf("%" PRId64 " seal%s fit%s it, the newest of %s; ", v->seals, v->seals == 1 ? "" : "s",
           v->seals == 1 ? "s" : "", at);
    if (v->unsealed > 0)
        printf("%" PRId64 " event%s came after it.\n", v->unsealed, v->unsealed == 1 ? "" : "s");
    else
        puts("nothing came after it.");
    if (b->keys)
        printf("They are by the keys of %s.\n", b->keys);
    else
        puts(
            "Nobody said by which key: give the published one with --key, or a forger's seals would fit as well.");
}

static int print_verdict(const struct args *a, const struct verdict *v, const struct brought *b)
{
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j =
            json_pack("{s:b, s:I, s:I, s:I, s:I, s:b, s:s}", "good", v->good, "changes",
                      (json_int_t)v->changes, "events", (json_int_t)v->events, "seals", (json_int_t)v->seals,
                      "unsealed", (json_int_t)v->unsealed, "trusted", v->trusted, "text", v->text);
        print_json(j);
    } else if (v->good) {
        printf("The record is whole: %" PRId64 " event%s of %" PRId64
               " change%s, every hash follows from the one before it.\n",
               v->events, v->events == 1 ? "" : "s", v->changes, v->changes == 1 ? "" : "s");
        print_seals(a, v, b);
    } else {
        printf("The record has been changed: %s\n", v->text);
    }
    return v->good ? EXIT_DONE : EXIT_FAILED;
}

static int verify(struct args *a)
{
    struct error err = ERROR_NONE;
    struct verdict v = {0};
    struct brought b = {0};
    int change = 1;
    const char *path = a->n_words > 1 && is_file(a->words[1]) ? a->words[change++] : store_file(a);
    const char *only = a->n_words > change ? a->words[change] : NULL;
    struct store *s = read_evidence(a, path, &b, &err) ? open_store(a, path, &err) : NULL;
    bool ok = s && store_verify_with(s, only, &b.evidence, &v, &err);
    store_close(s);
    int status = ok ? print_verdict(a, &v, &b) : complain(&err);
    buf_free(&b.seal);
    return status;
}

/* --- export, key, seal --------------------------------------------------------------------------- */

static int export_bundle(struct args *a)
{
    struct error err = ERROR_NONE;
    struct bundle said;
    if (a->n_words < 2)
        error_set(&err, SB_MISSING, "audit export: which change?");
    else if (isatty(STDOUT_FILENO))
        error_set(&err, SB_STATE, "a bundle is a tar archive: signalbox audit export %s > %s.tar",
                  a->words[1], a->words[1]);
    if (err.code != SB_OK)
        return complain(&err);
    struct store *s = open_store(a, store_file(a), &err);
    bool ok = s && bundle_write(s, a->words[1], stdout, &said, &err);
    store_close(s);
    if (!ok)
        return complain(&err);
    if (said.later > 0)
        fprintf(stderr, "signalbox: %" PRId64 " event%s of %s came after its newest seal and %s left out\n",
                said.later, said.later == 1 ? "" : "s", a->words[1], said.later == 1 ? "is" : "are");
    return EXIT_DONE;
}

static int print_key(struct args *a)
{
    struct error err = ERROR_NONE;
    _cleanup_buf_ struct buf pem = {0};
    const char *path = arena_printf(a->arena, "%s/seal.pub", state_dir_of(a, NULL));
    if (!read_file(path, EVIDENCE_MAX, &pem, &err))
        return complain(&err);
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j = json_pack("{s:s}", "pem", buf_str(&pem));
        print_json(j);
    } else {
        fputs(buf_str(&pem), stdout);
    }
    return EXIT_DONE;
}

struct newest {
    bool json, printed;
};

static bool print_newest(void *ctx, const char *text, const char *signature)
{
    struct newest *n = ctx;
    n->printed = true;
    if (n->json) {
        _cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "text", text, "signature", signature);
        print_json(j);
    } else {
        fputs(text, stdout);
    }
    return false;
}

static int print_seal(struct args *a)
{
    struct error err = ERROR_NONE;
    struct newest n = {.json = opt_given(a, "json")};
    struct store *s = open_store(a, store_file(a), &err);
    bool ok = s && store_seals(s, print_newest, &n, &err);
    store_close(s);
    if (ok && !n.printed)
        ok = error_set(&err, SB_STATE, "the record has no seal yet");
    return ok ? EXIT_DONE : complain(&err);
}

static const struct {
    const char *name;
    int (*run)(struct args *a);
} parts[] = {{"verify", verify}, {"export", export_bundle}, {"key", print_key}, {"seal", print_seal}};

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_eq(a->words[0], parts[i].name))
            return parts[i].run(a);
    error_set(&err, SB_UNKNOWN, "audit knows \"verify\", \"export\", \"key\" and \"seal\", not \"%s\"",
              a->words[0]);
    return complain(&err);
}

const struct command cmd_audit = {
    .name = "audit",
    .usage = "verify [FILE] [CHANGE] | export CHANGE | key | seal",
    .says = "is the record what was recorded? Nobody has edited, removed, added or moved anything",
    .more =
        "verify computes every hash again and holds the seals against the public key. export writes a tar archive "
        "that an auditor checks with openssl and sha256sum alone. key prints the public key, seal the newest "
        "seal: kept elsewhere, it shows when the record's end was cut off.",
    .examples = "signalbox audit verify\tall changes\n"
                "signalbox audit verify copy.db --key published.pem\tof a copy, offline\n"
                "signalbox audit verify --seal kept.txt\tthe record still holds what this seal covers\n"
                "signalbox audit export HF-7 > HF-7.tar\tfor an auditor\n",
    .group = 3,
    .words_min = 1,
    .words_max = 3,
    .options = {{"store", 0, OPTION_VALUE, "STORE", "the store's file or URL (default: the configured one)",
                 "files"},
                {"key", 0, OPTION_LIST, "FILE",
                 "public keys by which seals are believed (default: seal.pub beside the file)", "files"},
                {"seal", 0, OPTION_VALUE, "FILE",
                 "a seal that was kept elsewhere must be part of it (default: none)", "files"}},
    .run = run,
};
