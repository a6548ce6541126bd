/* fuzz_systems.c: everything in systems/ that reads what other systems and teams' scripts say. The first byte
 * chooses the reader. Run: build/fuzz/tests/fuzz/fuzz_systems -max_total_time=60 */
#include "base/buf.h"
#include "base/json.h"
#include "systems/cluster.h"
#include "systems/command_log.h"
#include "systems/health.h"
#include "systems/kube_helm.h"
#include "systems/kube_rules.h"
#include "systems/kubeconfig.h"
#include "systems/owners.h"
#include "systems/pipeline.h"
#include "systems/releases.h"
#include "systems/sift.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static void collect(void *ctx, json_t *item)
{
    insist(json_is_object(item));
    json_array_append(ctx, item);
}

static json_t *sifted(const char *text, size_t n, const char *items, size_t piece, bool *ok)
{
    json_t *got = json_array();
    struct sift *s = sift_new(&(struct sift_options){.what = "fuzz",
                                                     .items = items,
                                                     .keep = kube_pod_keep,
                                                     .on_item = collect,
                                                     .ctx = got,
                                                     .items_max = 1000});
    struct error e = ERROR_NONE;
    *ok = true;
    for (size_t at = 0; at < n && *ok; at += piece)
        *ok = sift_feed(s, text + at, n - at < piece ? n - at : piece, &e);
    *ok = *ok && sift_end(s, &e);
    insist(*ok == (e.code == SB_OK));
    sift_free(s);
    return got;
}

/* However a stream is cut, the same comes out of it. */
static void fuzz_sift(const char *text, size_t n)
{
    static const char *const items[] = {NULL, "items"};
    for (size_t i = 0; i < 2; i++) {
        bool whole, cut;
        _cleanup_json_ json_t *a = sifted(text, n, items[i], n + 1, &whole);
        _cleanup_json_ json_t *b = sifted(text, n, items[i], 3, &cut);
        insist(whole == cut && (!whole || json_equal(a, b)));
    }
}

static void fuzz_rules(const char *text, size_t n)
{
    _cleanup_json_ json_t *j = json_read(text, n, 1 << 20, "fuzz", NULL);
    _cleanup_json_ json_t *images = json_object(), *versions = json_object();
    struct kube_service s = {.name = "cart", .as = "cart", .tag = "1"};
    char says[200];
    if (!j)
        return;
    kube_count_pod(j, NULL, 1, images, versions);
    kube_count_pod(j, NULL, -1, images, versions);
    insist(json_object_size(images) == 0 && json_object_size(versions) == 0);
    (void)kube_pod_of(j, &s);
    insist(kube_pod_image(j, &s) != NULL && kube_pod_state(j) != NULL && kube_pod_problem(j).reason != NULL);
    for (int kind = KUBE_DEPLOYMENT; kind <= KUBE_DAEMONSET; kind++)
        (void)kube_rollout(j, (enum kube_kind)kind, says, sizeof says);
    json_decref(health_worse(j, j));
}

static void fuzz_kubeconfig(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct error e = ERROR_NONE;
    struct kube_access access;
    char path[64];
    int fd = memfd_create("kubeconfig", MFD_CLOEXEC);
    insist(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct kubeconfig *k = kubeconfig_read(path, &a, &e);
    insist(k != NULL || e.code != SB_OK);
    if (k && kubeconfig_access(k, NULL, &a, &access, &e))
        insist(access.server != NULL && access.namespace_ != NULL);
    close(fd);
}

static void fuzz_credential(const char *text, size_t n)
{
    static const char *const argv[] = {"plugin", NULL};
    struct kube_exec x = {.api_version = "client.authentication.k8s.io/v1", .argv = argv};
    _cleanup_arena_ struct arena a = arena_make();
    struct kube_credential c;
    struct error e = ERROR_NONE;
    if (kube_credential_parse(text, n, &x, &a, &c, &e))
        insist(c.token || (c.cert_pem && c.key_pem));
}

static void fuzz_helm(const char *text, size_t n)
{
    (void)n;
    struct error e = ERROR_NONE;
    json_decref(kube_helm_record(text, &e));
}

static void fuzz_owners(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct error e = ERROR_NONE;
    struct csv t;
    if (!csv_parse(text, n, "fuzz", &a, &t, &e)) {
        insist(e.code != SB_OK && e.line > 0);
        return;
    }
    json_decref(owners_table(&t, "fuzz", &e));
}

static void fuzz_command_log(const char *text, size_t n)
{
    struct command_log *l = calloc(1, sizeof *l);
    insist(l != NULL);
    command_log_known(l, text);
    command_log_feed(l, text, n, 1);
    command_log_feed(l, "\n", 1, 2);
    json_t *stages = command_log_stages(l, STAGE_RUNNING);
    insist((int)json_array_size(stages) == l->n && l->line.len <= COMMAND_LINE_MAX);
    json_decref(stages);
    command_log_free(l);
    free(l);
}

static void fuzz_names(const char *text, size_t n)
{
    struct image_ref r;
    (void)n;
    if (image_ref_parse(text, &r))
        insist(r.name_len > 0 && r.repository_len >= r.name_len && r.tag_len >= 0);
    const char *line = strchr(text, '\n');
    if (line) {
        char *pattern = strndup(text, (size_t)(line - text));
        (void)releases_path_matches(pattern, line + 1);
        free(pattern);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const char *, size_t) = {fuzz_sift,        fuzz_rules, fuzz_kubeconfig,
                                                            fuzz_credential,  fuzz_helm,  fuzz_owners,
                                                            fuzz_command_log, fuzz_names};
    if (n == 0)
        return 0;
    char *text = malloc(n);
    insist(text != NULL);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    readers[data[0] % COUNT_OF(readers)](text, n - 1);
    free(text);
    return 0;
}
