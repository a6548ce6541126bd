/* yaml.h: YAML as a tree that remembers where everything stood, for pages, configuration and kubeconfig.
 *
 * Bounded: depth, node count and size; aliases are refused (a few bytes could otherwise grow without
 * limit), duplicate keys are refused. Scalars keep their text and whether they were quoted; yaml_to_json
 * gives unquoted true/false/null/numbers their JSON types (YAML 1.2 core schema, so `no` is text). */
#ifndef SB_BASE_YAML_H
#define SB_BASE_YAML_H

#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    int line, column;    /* 1-based, in the whole file (see `first_line`) */
    const char *text;    /* scalar */
    bool quoted;         /* scalar: was quoted or a block, so always a string */
    struct yaml **items; /* list and map: values */
    struct yaml **keys;  /* map: scalars, in file order */
    int n;
};

enum { YAML_MAX_DEPTH = 32, YAML_MAX_NODES = 200000, YAML_MAX_BYTES = 8 << 20 };

/* Parses one document. `file` and `first_line` and `first_column` (0-based indent) place it when it is part of a page.
 * Everything is in `a`. NULL on error; an empty document gives an empty map. */
struct yaml *yaml_parse(const char *text, size_t n, const char *file, int first_line, int first_column,
                        struct arena *a, struct error *err);
struct yaml *yaml_parse_file(const char *path, struct arena *a, struct error *err);

/* The value of a key, or NULL (also when `y` is NULL or no map). */
struct yaml *yaml_get(const struct yaml *y, const char *key);
/* The scalar text of a key, or NULL. */
const char *yaml_str(const struct yaml *y, const char *key);

/* New reference. Never fails on a tree from yaml_parse. */
json_t *yaml_to_json(const struct yaml *y);

/* Refuses keys of a map that are not in `allowed` (NULL-terminated), with place and near name. */
MUST_USE bool yaml_only(const struct yaml *y, const char *file, const char *what, const char *const *allowed,
                        struct error *err);

#endif
