/* health_query.h: measures as configurations hold them: a name, an expression, what is healthy. For health
 * drivers that ask a database of measures. */
#ifndef SB_SYSTEMS_HEALTH_QUERY_H
#define SB_SYSTEMS_HEALTH_QUERY_H

#include "base/yaml.h"
#include "systems/health.h"

enum { HEALTH_QUERIES_MAX = 200 };

struct health_query {
    const char *name, *query;
    const char *datasource; /* or NULL */
    struct health_limits limits;
};

/* Reads "measures:", a list of {name, query, max, min, worse_by, unit}, with at least one of the limits each.
 * `datasource`: whether each may name its own. Text lives in `a`. Not there at all: none. */
MUST_USE bool health_queries_read(const struct yaml *config, const char *file, bool datasource,
                                  struct arena *a, struct health_query **out, int *n, struct error *err);

#endif
