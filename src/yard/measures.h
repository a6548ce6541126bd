/* measures.h: how the services do, as a function of what runs in the stand-in cluster: prometheus.c and
 * grafana.c ask it, alertmanager.c is told of its alerts. It understands of a query what a health check asks:
 * which metric, which services, client and env, and whether one number or one a service is wanted. */
#ifndef SB_YARD_MEASURES_H
#define SB_YARD_MEASURES_H

#include "yard/route.h"

enum { MEASURES_ALERT_FOR_S = 5 }; /* a rule is pending that long before it fires */

/* The samples of a PromQL expression at a time: [{"metric": {...}, "value": [seconds, "0.02"]}]. New
 * reference. */
json_t *yard_measures_query(const struct yard *y, const char *query, int64_t t, struct arena *a);
/* "1" and "vector(1)" need no metric. */
bool yard_measures_constant(const char *text, double *v, bool *vector);
json_t *yard_measures_sample(struct arena *a, const char *service, int64_t t, double v);
bool yard_measures_query_is_whole(const char *text); /* brackets and quotes close */

/* The alerting rules, by index; NULL name after the last. */
struct yard_measures_rule {
    const char *name, *query;
};
extern const struct yard_measures_rule yard_measures_rules[];
/* The alerts of one rule, pending and firing, as Prometheus shows them. New reference. */
json_t *yard_measures_alerts(const struct yard *y, int rule, int64_t now, struct arena *a);

#endif
