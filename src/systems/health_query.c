/* health_query.c: see health_query.h. */
#include "systems/health_query.h"
#include "systems/support.h"
#include <stdlib.h>

static bool read_limit(const struct yaml *y, const char *file, const char *key, double *out,
                       struct error *err)
{
    const struct yaml *at = yaml_get(y, key);
    char *end = NULL;
    *out = NAN;
    if (!at)
        return true;
    if (at->kind == YAML_SCALAR && *at->text)
        *out = strtod(at->text, &end);
    if (end && !*end && isfinite(*out))
        return true;
    return error_at(err, SB_PARSE, file, at->line, at->column, "%s: expected a number", key);
}

static bool read_query(const struct yaml *y, const char *file, bool datasource, struct arena *a,
                       struct health_query *m, struct error *err)
{
    static const char *const allowed[] = {"name",     "query", "max",        "min",
                                          "worse_by", "unit",  "datasource", NULL};
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "measures: expected name, query, ... of each");
    if (!yaml_only(y, file, "a measure", allowed, err))
        return false;
    const struct yaml *source = yaml_get(y, "datasource");
    if (source && !datasource)
        return error_at(err, SB_UNKNOWN, file, source->line, source->column,
                        "datasource: this system has only one");
    const char *name = config_need(y, file, "name", "the measure's name", err);
    const char *query = name ? config_need(y, file, "query", "its PromQL expression", err) : NULL;
    if (!query || !read_limit(y, file, "max", &m->limits.max, err) ||
        !read_limit(y, file, "min", &m->limits.min, err) ||
        !read_limit(y, file, "worse_by", &m->limits.worse_by, err))
        return false;
    if (isnan(m->limits.max) && isnan(m->limits.min) && isnan(m->limits.worse_by))
        return error_at(err, SB_MISSING, file, y->line, y->column,
                        "%s: what is healthy? Give max, min or worse_by", name);
    if (!isnan(m->limits.worse_by) && m->limits.worse_by < 1)
        return error_at(err, SB_RANGE, file, y->line, y->column,
                        "%s: worse_by is a factor of at least 1 (1.5: half as much again)", name);
    m->name = arena_strdup(a, name);
    m->query = arena_strdup(a, query);
    m->datasource = arena_strdup(a, config_str(y, "datasource", NULL));
    m->limits.unit = arena_strdup(a, config_str(y, "unit", NULL));
    return true;
}

bool health_queries_read(const struct yaml *config, const char *file, bool datasource, struct arena *a,
                         struct health_query **out, int *n, struct error *err)
{
    const struct yaml *list = yaml_get(config, "measures");
    *out = NULL;
    *n = 0;
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > HEALTH_QUERIES_MAX)
        return error_at(err, SB_MISSING, file, list->line, list->column,
                        "measures: expected a list of at most %d of {name, query, max, min, worse_by, unit}",
                        HEALTH_QUERIES_MAX);
    *out = ARENA_ARRAY(a, (size_t)list->n + 1, struct health_query);
    for (; *n < list->n; (*n)++)
        if (!read_query(list->items[*n], file, datasource, a, &(*out)[*n], err))
            return false;
    return true;
}
