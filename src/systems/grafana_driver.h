/* grafana_driver.h: what the files of the Grafana driver share. Nobody else includes it.
 *
 * grafana.c: configuration, doctor, table. grafana_look.c: queries and alert rules. grafana_mark.c:
 * annotations and pictures. */
#ifndef SB_SYSTEMS_GRAFANA_DRIVER_H
#define SB_SYSTEMS_GRAFANA_DRIVER_H

#include "systems/health_look.h"
#include "systems/health_query.h"
#include "systems/silences.h"

enum { GRAFANA_PANELS_MAX = 10 };

/* Alert rules that must not fire. */
struct grafana_rule {
    const char *name;                  /* of the measure */
    const char *match;                 /* lines `label="text with {service} ..."` */
    const char *folder, *group, *rule; /* only these; or NULL */
};

/* What a question of a look is about: exactly one of them. */
struct grafana_ask {
    const struct health_query *query;
    const struct grafana_rule *rule;
};

struct grafana {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *const *headers; /* with the organization, or NULL */
    const char *base;           /* the address, for links */
    const char *datasource;
    const char *dashboard; /* uid, or NULL */
    int panels[GRAFANA_PANELS_MAX];
    int n_panels;
    struct health_query *queries;
    int n_queries;
    struct grafana_rule *rules;
    int n_rules;
    struct grafana_ask *asks; /* one for each query and rule */
    bool silencing;
    struct silences silences;
};

extern const struct health_look_ops grafana_look_ops;

act_fn grafana_mark, grafana_find_mark, grafana_picture;

/* As flow_get, with the organization. */
void grafana_get(struct flow *f, const char *what, const char *path,
                 void (*then)(struct flow *f, const struct http_reply *reply));

#endif
