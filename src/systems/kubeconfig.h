/* kubeconfig.h: the team's kubeconfig: files merged as kubectl merges them, and what one context of it
 * resolves to.
 *
 * Everything is read when the system is opened; token files and plugins are asked later, by
 * systems/kube_client.h. Hostile files are bounded by base/yaml.h; certificates and keys to 1 MiB. Text is in
 * the caller's arena. No error quotes a credential. */
#ifndef SB_SYSTEMS_KUBECONFIG_H
#define SB_SYSTEMS_KUBECONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"
#include <jansson.h>

/* A credential plugin (client.authentication.k8s.io, v1 and v1beta1). */
struct kube_exec {
    const char *api_version;
    const char *const
        *argv; /* NULL-terminated; argv[0] as to be run: absolute when it was relative to the file's folder */
    const char *const *env;   /* "NAME=value", NULL-terminated */
    const char *install_hint; /* or NULL */
    const char *info;         /* KUBERNETES_EXEC_INFO, "NAME=value" form */
};

/* What a context resolves to. NULL = not given. */
struct kube_access {
    const char *context, *namespace_;
    const char *server; /* URL without a slash at its end */
    const char *tls_server_name, *proxy, *ca_pem;
    bool insecure;
    const char *token;
    const char *token_file;
    const char *cert_pem, *key_pem;
    const char *user, *password;
    const char *const *headers;   /* impersonation: "Name: value", NULL-terminated; or NULL */
    const struct kube_exec *exec; /* only when nothing else signs in */
};

struct kubeconfig;

/* `paths` is one path, or a list with ':' as $KUBECONFIG has it. Files that are missing are passed over; when
 * all are: SB_MISSING. NULL on error. */
struct kubeconfig *kubeconfig_read(const char *paths, struct arena *a, struct error *err);
/* $KUBECONFIG, else ~/.kube/config; in the arena. NULL when neither names anything. */
char *kubeconfig_default_paths(struct arena *a);
/* `context` NULL = the current one. `namespace_` is the context's, or "default". */
MUST_USE bool kubeconfig_access(const struct kubeconfig *k, const char *context, struct arena *a,
                                struct kube_access *out, struct error *err);
/* Names of all contexts, NULL-terminated, for doctor and near names. */
const char *const *kubeconfig_contexts(const struct kubeconfig *k);

/* The service account of the pod we run in. `folder` is where its token, ca.crt and namespace are; NULL = the
 * usual place. SB_MISSING when this is no pod. */
MUST_USE bool kube_in_cluster(const char *folder, struct arena *a, struct kube_access *out,
                              struct error *err);

/* Reads what a plugin printed. `expires_ms` 0 = never. SB_PARSE, SB_RANGE; never quotes the output. Values
 * are in the arena. */
struct kube_credential {
    char *token, *cert_pem, *key_pem; /* NULL = not given */
    int64_t expires_ms;
};
MUST_USE bool kube_credential_parse(const char *text, size_t n, const struct kube_exec *exec, struct arena *a,
                                    struct kube_credential *out, struct error *err);

#endif
