/* pagerduty_driver.h: what the files of the PagerDuty driver share. Nobody else includes it.
 *
 * pagerduty.c: configuration, who is on call, doctor. pagerduty_alert.c: alerts. */
#ifndef SB_SYSTEMS_PAGERDUTY_DRIVER_H
#define SB_SYSTEMS_PAGERDUTY_DRIVER_H

#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/pager.h"

/* Where events for one name go. */
struct pagerduty_route {
    const char *name;
    struct secret key;
};

struct pagerduty {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;   /* the REST API */
    struct http_peer *events; /* the events API, which knows no sign-in but the routing key */
    const char *const *headers, *const *write_headers;
    struct pagerduty_route *routes;
    int n_routes;
    struct secret fallback; /* for names without a route; ref NULL = none */
};

struct pagerduty_flow {
    struct flow f; /* first */
    struct pagerduty *p;
    const char *schedule, *schedule_id; /* on call */
    json_t *people;
    int page, looks;
};

void *pagerduty_flow_new(size_t size, struct system *s, struct http_peer *peer, const struct effect *e,
                         outcome_fn *done, progress_fn *progress, void *ctx);
char *pagerduty_encoded(struct flow *f, const char *text);
/* GET with PagerDuty's own media type. */
void pagerduty_get(struct flow *f, const char *what, const char *path,
                   void (*then)(struct flow *f, const struct http_reply *reply));

act_fn pagerduty_act_alert, pagerduty_find_alert, pagerduty_look_acknowledged, pagerduty_act_close;

#endif
