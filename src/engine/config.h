/* config.h: the configuration: one YAML file, checked whole before anything runs. docs/configuration.md is
 * its manual.
 *
 * With no file at all every role has its built-in driver. */
#ifndef SB_ENGINE_CONFIG_H
#define SB_ENGINE_CONFIG_H

#include "base/yaml.h"
#include "engine/config_questions.h"
#include "engine/config_store.h"
#include "systems/freeze.h"
#include "systems/system.h"

struct config_env {
    const char *name;
    bool production;
};

struct config_client {
    const char *id, *name, *zone;
    const char *work_week; /* "mon-fri" */
    const char *hours;     /* "08:00-18:00", staffed hours in its zone */
    struct config_env *envs;
    int n_envs;
    json_t *facts; /* all of the above and tam, components, channels ..., as expressions see it */
};

struct config_service {
    const char *id;
    json_t *facts; /* repository, team, image ... */
};

struct config_person {
    const char *id; /* mail address, or a login name of this machine */
    const char *name;
    json_t *roles; /* list of "see", "deploy", "approve", "administer"; or {role, clients, envs} */
};

struct config_system {
    enum role role;
    const char *driver;
    const struct yaml *yaml; /* its block, or NULL when built in by default */
};

/* Who gets in over the network, and under which name the world knows us: the blocks `serve` and `sign_in`. */
struct config_access {
    const char *listen;             /* ADDR:PORT or NULL */
    const char *url;                /* "https://signalbox.example", without a slash at its end; or NULL */
    const char *tls_cert, *tls_key; /* files; or NULL */
    bool behind_proxy;              /* the last X-Forwarded-For is who asks */
    int64_t idle_ms, lasts_ms;      /* of a session */
};

/* A client or service that came into being when asked for, because none are configured. */
struct config_made {
    struct config_made *next;
    const char *id;
    struct config_client client;
    struct config_env env;
    struct config_service service;
};

struct config {
    struct arena *arena; /* everything lives here; outlives the configuration's users */
    const char *file;    /* "" = none */
    const char *state_dir;
    struct secret seal_key; /* seals the record; ref NULL = the one in state_dir, made on first use */
    struct config_store store;
    const char *
        *page_dirs; /* where pages are looked for, NULL-terminated; the pages that ship come last, embedded */
    struct config_client *clients;
    int n_clients;
    struct config_service *services;
    int n_services;
    struct config_person *people;
    int n_people;
    struct config_system systems[ROLE_COUNT];
    struct config_access access;
    json_t *channels; /* change_control, announcements, incident ... */
    json_t *settings; /* overrides of the pages' settings; listen address ... */
    struct config_question questions[ABOUT_COUNT];
    const char *production_oncall; /* schedule of the production on-call, or NULL */
    struct freezes freezes;        /* times in which nothing should be deployed */
    const char *zone;              /* of times without a client; default UTC */
    int poll_ms;
    struct config_made **made; /* grows while the rest stays as it was read */
};

/* Reads `path` (NULL = none) into `a`. Unknown keys, wrong types, unknown drivers, unknown zones ... are
 * refused with file, line, column and near name. When no client is configured, any name of a sane form is a
 * client with env prod. */
struct config *config_read(const char *path, struct arena *a, struct error *err);
/* Drops its JSON values; the rest goes with the arena. NULL is fine. */
void config_free(struct config *c);

/* config_access.c: for config_read. `top`: the whole file, or NULL. */
MUST_USE bool config_read_access(struct config_access *out, const struct yaml *top, const char *file,
                                 struct arena *a, struct error *err);

/* NULL and near names in `err` when there is none. */
const struct config_client *config_client(const struct config *c, const char *id, struct error *err);
const struct config_env *config_env(const struct config_client *c, const char *env, struct error *err);
const struct config_service *config_service(const struct config *c, const char *id, struct error *err);
const struct config_person *config_person(const struct config *c, const char *id);
/* Does [from, to) of a client (id or name) and env meet freezes of the configuration? Which, and until when: by
 * begin, at most `most`; returns how many. NULL or "" = any client, any env. systems/freeze.h has more questions. */
int config_freezes(const struct config *c, const char *client, const char *env, int64_t from, int64_t to,
                   struct freeze_met *out, int most);
/* The same question with the client's name and zone filled in, for freezes_meet and freezes_clear. */
struct freeze_ask config_freeze_ask(const struct config *c, const char *client, const char *env, int64_t from,
                                    int64_t to);
/* May `who` do what `role` names, for this client and env (NULL = of any)? With nobody
 * configured, whoever gets as far as asking may do everything. */
bool config_may(const struct config *c, const char *who, const char *role, const char *client,
                const char *env);
/* Is nobody named who may do what? */
bool config_is_open(const struct config *c);

#endif
