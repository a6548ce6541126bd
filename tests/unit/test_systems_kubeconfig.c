/* Kubeconfig files: merged, resolved, refused. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "check.h"
#include "systems/kubeconfig.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
    char folder[64];
    struct arena arena;
};

static int up(void **state)
{
    struct files *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/signalbox-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_make();
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct files *f = *state;
    char *command = arena_printf(&f->arena, "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static char *put(struct files *f, const char *name, const char *text)
{
    char *path = arena_printf(&f->arena, "%s/%s", f->folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    return path;
}

/* "PEM A" and "PEM K" in base64. */
static const char full[] =
    "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
    "clusters:\n"
    "- name: prod\n  cluster: {server: 'https://10.0.0.5:6443/', certificate-authority-data: UEVNIEE=, "
    "tls-server-name: api.example,\n"
    "    proxy-url: 'http://proxy:3128', extensions: [{name: client.authentication.k8s.io/exec, extension: "
    "{audience: x}}]}\n"
    "- name: bare\n  cluster: {server: 'http://127.0.0.1:1', insecure-skip-tls-verify: true}\n"
    "users:\n"
    "- {name: token, user: {token: very-secret-token, as: deployer, as-groups: [ops, sre]}}\n"
    "- {name: cert, user: {client-certificate-data: UEVNIEE=, client-key-data: UEVNIEs=}}\n"
    "- {name: certfile, user: {client-certificate: pki/cert.pem, client-key: pki/key.pem}}\n"
    "- {name: tokenfile, user: {tokenFile: tok}}\n"
    "- name: exec\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      "
    "command: ./bin/plugin\n"
    "      args: [a, 'b c']\n      env: [{name: X, value: '1'}]\n      interactiveMode: IfAvailable\n      "
    "provideClusterInfo: true\n"
    "- {name: both, user: {token: t0ken-t0ken, exec: {apiVersion: client.authentication.k8s.io/v1, command: "
    "p}}}\n"
    "contexts:\n"
    "- {name: prod, context: {cluster: prod, user: token, namespace: shop}}\n"
    "- {name: cert, context: {cluster: prod, user: cert}}\n"
    "- {name: certfile, context: {cluster: prod, user: certfile}}\n"
    "- {name: tokenfile, context: {cluster: bare, user: tokenfile}}\n"
    "- {name: exec, context: {cluster: prod, user: exec}}\n"
    "- {name: both, context: {cluster: prod, user: both}}\n"
    "- {name: anonymous, context: {cluster: bare}}\n"
    "- {name: lost, context: {cluster: nowhere, user: token}}\n"
    "- {name: stranger, context: {cluster: prod, user: nobody}}\n";

static struct kube_access access_of(struct files *f, const char *context)
{
    struct error err = ERROR_NONE;
    struct kube_access got;
    struct kubeconfig *k = kubeconfig_read(put(f, "config", full), &f->arena, &err);
    assert_non_null(k);
    if (!kubeconfig_access(k, context, &f->arena, &got, &err))
        fail_msg("%s", err.text);
    return got;
}

static void the_current_context_resolves_to_server_namespace_and_token(void **state)
{
    struct kube_access a = access_of(*state, NULL);
    assert_string_equal(a.context, "prod");
    assert_string_equal(a.namespace_, "shop");
    assert_string_equal(a.server, "https://10.0.0.5:6443");
    assert_string_equal(a.ca_pem, "PEM A");
    assert_string_equal(a.tls_server_name, "api.example");
    assert_string_equal(a.proxy, "http://proxy:3128");
    assert_string_equal(a.token, "very-secret-token");
    assert_string_equal(a.headers[0], "Impersonate-User: deployer");
    assert_string_equal(a.headers[2], "Impersonate-Group: sre");
    assert_null(a.headers[3]);
    assert_null(a.exec);
}

static void certificates_come_from_data_or_from_files_beside_the_kubeconfig(void **state)
{
    struct files *f = *state;
    struct kube_access a = access_of(f, "cert");
    assert_string_equal(a.cert_pem, "PEM A");
    assert_string_equal(a.key_pem, "PEM K");
    assert_string_equal(a.namespace_, "default");
    assert_int_equal(mkdir(arena_printf(&f->arena, "%s/pki", f->folder), 0700), 0);
    put(f, "pki/cert.pem", "C");
    put(f, "pki/key.pem", "K");
    a = access_of(f, "certfile");
    assert_string_equal(a.cert_pem, "C");
    assert_string_equal(a.key_pem, "K");
    a = access_of(f, "tokenfile");
    assert_string_equal(a.token_file, arena_printf(&f->arena, "%s/tok", f->folder));
    assert_true(a.insecure);
}

static void a_plugin_is_told_of_its_cluster_and_stands_back_for_a_token(void **state)
{
    struct files *f = *state;
    struct kube_access a = access_of(f, "exec");
    assert_non_null(a.exec);
    assert_string_equal(a.exec->argv[0], arena_printf(&f->arena, "%s/./bin/plugin", f->folder));
    assert_string_equal(a.exec->argv[2], "b c");
    assert_null(a.exec->argv[3]);
    assert_string_equal(a.exec->env[0], "X=1");
    assert_true(str_starts(a.exec->info, "KUBERNETES_EXEC_INFO={"));
    _cleanup_json_ json_t *info = json_loads(strchr(a.exec->info, '=') + 1, 0, NULL);
    assert_string_equal(json_str(info, "spec.cluster.server", ""), "https://10.0.0.5:6443");
    assert_string_equal(json_str(info, "spec.cluster.config.audience", ""), "x");
    assert_string_equal(json_str(info, "spec.cluster.certificate-authority-data", ""), "UEVNIEE=");
    assert_null(access_of(f, "both").exec);
    assert_string_equal(access_of(f, "both").token, "t0ken-t0ken");
}

static void the_first_file_that_has_an_entry_wins_it_whole(void **state)
{
    struct files *f = *state;
    struct error err = ERROR_NONE;
    struct kube_access a;
    char *one = put(f, "one",
                    "clusters: [{name: c, cluster: {server: 'http://one'}}]\ncontexts: [{name: x, context: "
                    "{cluster: c}}]\n");
    char *two =
        put(f, "two",
            "current-context: x\nclusters: [{name: c, cluster: {server: 'http://two', tls-server-name: n}}]\n"
            "contexts: [{name: x, context: {cluster: c, namespace: n}}, {name: y, context: {cluster: c}}]\n");
    char *paths = arena_printf(&f->arena, "%s:%s/missing:%s", one, f->folder, two);
    struct kubeconfig *k = kubeconfig_read(paths, &f->arena, &err);
    assert_non_null(k);
    assert_true(kubeconfig_access(k, NULL, &f->arena, &a, &err));
    assert_string_equal(a.server, "http://one");
    assert_null(a.tls_server_name);
    assert_string_equal(a.namespace_, "default");
    assert_true(kubeconfig_access(k, "y", &f->arena, &a, &err));
    assert_string_equal(a.server, "http://one");
}

static void what_a_context_lacks_is_said(void **state)
{
    struct files *f = *state;
    static const struct {
        const char *context;
        enum error_code code;
        const char *says;
    } rows[] = {
        {"prodd", SB_UNKNOWN, "did you mean \"prod\""},
        {"lost", SB_PARSE, "no such cluster"},
        {"stranger", SB_PARSE, "no such user"},
        {"certfile", SB_IO, "cert.pem"},
    };
    struct error err = ERROR_NONE;
    struct kubeconfig *k = kubeconfig_read(put(f, "config", full), &f->arena, &err);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kube_access a;
        assert_false(kubeconfig_access(k, rows[i].context, &f->arena, &a, &err));
        assert_int_equal(err.code, rows[i].code);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s", err.text);
    }
    assert_null(kubeconfig_read("/no/such/kubeconfig", &f->arena, &err));
    assert_int_equal(err.code, SB_MISSING);
}

static void users_that_cannot_sign_in_are_refused_without_quoting_them(void **state)
{
    struct files *f = *state;
    static const char *const users[] = {
        "{token: hunter2hunter2, username: u}",
        "{client-certificate-data: '*hunter2*', client-key-data: UEVNIEs=}",
        "{client-certificate-data: UEVNIEE=}",
        "{client-key-data: UEVNIEE=}",
        "{client-certificate-data: AAAA, client-key-data: AAAA}",
        "{auth-provider: {name: gcp}}",
        "{token: hunter2hunter2, as-user-extra: {a: [b]}}",
        "{exec: {apiVersion: client.authentication.k8s.io/v1}}",
        "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: hunter2}}",
        "{exec: {apiVersion: client.authentication.k8s.io/v1, command: p, interactiveMode: Always}}",
    };
    for (size_t i = 0; i < COUNT_OF(users); i++) {
        struct error err = ERROR_NONE;
        struct kube_access a;
        char *text = arena_printf(
            &f->arena,
            "current-context: x\nclusters: [{name: c, cluster: {server: 'http://h'}}]\n"
            "users: [{name: u, user: %s}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n",
            users[i]);
        struct kubeconfig *k = kubeconfig_read(put(f, "config", text), &f->arena, &err);
        assert_non_null(k);
        if (kubeconfig_access(k, NULL, &f->arena, &a, &err))
            fail_msg("accepted %s", users[i]);
        assert_int_equal(err.line, 3);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void malformed_truncated_and_huge_files_are_refused_or_harmless(void **state)
{
    struct files *f = *state;
    struct error err = ERROR_NONE;
    static const char *const wrong[] = {"[]",
                                        "x",
                                        "clusters: {a: b}",
                                        "clusters: [{}]",
                                        "users: 7",
                                        "contexts: [[1]]",
                                        "a: [",
                                        "a: &x [*x]",
                                        "\x01",
                                        "current-context: [x]\nclusters: x"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kubeconfig *k = kubeconfig_read(put(f, "config", wrong[i]), &f->arena, &err);
        if (k)
            fail_msg("read: %s", wrong[i]);
    }
    for (size_t n = 0; n < sizeof full; n += 7) {
        _cleanup_arena_ struct arena a = arena_make();
        char *text = arena_strndup(&a, full, n);
        struct kube_access got;
        struct kubeconfig *k = kubeconfig_read(put(f, "config", text), &a, &err);
        if (k)
            (void)!kubeconfig_access(k, NULL, &a, &got, &err);
    }
    char *path = put(f, "huge", "");
    assert_int_equal(truncate(path, 64 << 20), 0);
    assert_null(kubeconfig_read(path, &f->arena, &err));
    assert_int_equal(err.code, SB_LIMIT);
    _cleanup_buf_ struct buf many = {0};
    buf_adds(&many, "clusters:\n");
    for (int i = 0; i < 6000; i++)
        buf_printf(&many, "- {name: c%d, cluster: {}}\n", i);
    assert_null(kubeconfig_read(put(f, "many", buf_str(&many)), &f->arena, &err));
    assert_int_equal(err.code, SB_LIMIT);
}

static void in_a_pod_the_service_account_signs_in(void **state)
{
    struct files *f = *state;
    struct error err = ERROR_NONE;
    struct kube_access a;
    put(f, "ca.crt", "CA");
    put(f, "namespace", "shop\n");
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_false(kube_in_cluster(f->folder, &f->arena, &a, &err));
    assert_int_equal(err.code, SB_MISSING);
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_true(kube_in_cluster(f->folder, &f->arena, &a, &err));
    assert_string_equal(a.server, "https://[fd00::1]:443");
    assert_string_equal(a.namespace_, "shop");
    assert_string_equal(a.ca_pem, "CA");
    assert_string_equal(a.token_file, arena_printf(&f->arena, "%s/token", f->folder));
    unsetenv("KUBERNETES_SERVICE_HOST");
}

static void what_a_plugin_prints_is_read_or_refused_without_quoting_it(void **state)
{
    struct files *f = *state;
    static const char *const argv[] = {"plugin", NULL};
    struct kube_exec x = {.api_version = "client.authentication.k8s.io/v1", .argv = argv};
#define CRED(version, status)                                                             \
    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/" version \
    "\",\"status\":" status "}"
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {CRED("v1", "{\"token\":\"hunter2hunter2\",\"expirationTimestamp\":\"2026-09-02T10:11:12Z\"}"), true},
        {CRED("v1", "{\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"}"), true},
        {CRED("v1beta1", "{\"token\":\"hunter2hunter2\"}"), false},
        {CRED("v1", "{\"clientCertificateData\":\"C\"}"), false},
        {CRED("v1", "{\"token\":\"hunter2hunter2\",\"expirationTimestamp\":\"soon\"}"), false},
        {CRED("v1", "{}"), false},
        {CRED("v1", "null"), false},
        {"{\"kind\":\"Pod\"}", false},
        {"hunter2hunter2", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = ERROR_NONE;
        struct kube_credential c;
        bool ok = kube_credential_parse(rows[i].text, strlen(rows[i].text), &x, &f->arena, &c, &err);
        assert_int_equal(ok, rows[i].ok);
        assert_null(strstr(err.text, "hunter2"));
        if (i == 0)
            assert_int_equal(c.expires_ms, 1788343872000);
    }
}

#define files_test(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        files_test(the_current_context_resolves_to_server_namespace_and_token),
        files_test(certificates_come_from_data_or_from_files_beside_the_kubeconfig),
        files_test(a_plugin_is_told_of_its_cluster_and_stands_back_for_a_token),
        files_test(the_first_file_that_has_an_entry_wins_it_whole),
        files_test(what_a_context_lacks_is_said),
        files_test(users_that_cannot_sign_in_are_refused_without_quoting_them),
        files_test(malformed_truncated_and_huge_files_are_refused_or_harmless),
        files_test(in_a_pod_the_service_account_signs_in),
        files_test(what_a_plugin_prints_is_read_or_refused_without_quoting_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
