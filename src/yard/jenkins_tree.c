/* `tree=a,b[c,d]{0,5}`: the fields of an answer that somebody wants. A field without brackets gives plain
 * values whole, and of objects only their class, as Stapler's pruner does. */
#include "base/buf.h"
#include "yard/jenkins.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TREE_DEPTH_MAX = 16 };

struct spec {
    const char *at;
    bool broken;
};

static json_t *prune(const json_t *value, struct spec *s, int depth);

/* Moves `s` past a list of fields in brackets without using it. */
static void skip_brackets(struct spec *s)
{
    int depth = 0;
    do {
        depth += (*s->at == '[') - (*s->at == ']');
        s->broken = s->broken || !*s->at;
        s->at += *s->at != '\0';
    } while (depth > 0 && !s->broken);
}

static json_t *class_only(const json_t *value)
{
    if (json_is_object(value)) {
        json_t *out = json_object(), *name = json_object_get(value, "_class");
        if (name)
            json_object_set(out, "_class", name);
        return out;
    }
    if (json_is_array(value)) {
        json_t *out = json_array(), *item;
        size_t i;
        json_array_foreach(value, i, item)
            json_array_append_new(out, class_only(item));
        return out;
    }
    return json_deep_copy(value);
}

/* "{2}", "{0,5}", "{3,}", "{,5}". */
static void read_range(struct spec *s, size_t *from, size_t *to)
{
    char *end;
    const char *at = s->at + 1;
    unsigned long first = strtoul(at, &end, 10);
    *from = first;
    if (*end == ',') {
        at = end + 1;
        unsigned long last = strtoul(at, &end, 10);
        *to = end == at ? SIZE_MAX : last;
    } else {
        *to = first + 1;
    }
    s->broken = s->broken || *end != '}';
    s->at = end + (*end != '\0');
}

static json_t *slice(json_t *value, size_t from, size_t to)
{
    if (!json_is_array(value))
        return value;
    json_t *out = json_array(), *item;
    size_t i;
    json_array_foreach(value, i, item)
        if (i >= from && i < to)
            json_array_append(out, item);
    json_decref(value);
    return out;
}

static void take_field(json_t *out, const char *name, const json_t *value, struct spec *s, int depth)
{
    json_t *taken = *s->at == '[' ? prune(value, s, depth + 1) : class_only(value);
    if (*s->at == '{') {
        size_t from = 0, to = SIZE_MAX;
        read_range(s, &from, &to);
        taken = slice(taken, from, to);
    }
    json_object_set_new(out, name, taken);
}

static void skip_field(struct spec *s)
{
    size_t from, to;
    if (*s->at == '[')
        skip_brackets(s);
    if (*s->at == '{')
        read_range(s, &from, &to);
}

static void prune_fields(const json_t *object, json_t *out, struct spec *s, int depth)
{
    for (;;) {
        const char *start = s->at;
        while (isalnum((unsigned char)*s->at) || *s->at == '_' || *s->at == '*')
            s->at++;
        char name[64];
        size_t n = (size_t)(s->at - start);
        if (n == 0 || n >= sizeof name || depth > TREE_DEPTH_MAX) {
            s->broken = true;
            return;
        }
        memcpy(name, start, n);
        name[n] = '\0';
        struct spec after = *s;
        skip_field(&after);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
            if (str_eq(name, "*") || str_eq(name, key)) {
                struct spec field = *s;
                take_field(out, key, value, &field, depth);
                after.broken = after.broken || field.broken;
            }
        *s = after;
        if (s->broken || *s->at != ',')
            return;
        s->at++;
    }
}

/* `s` stands at '['; afterwards behind its ']'. */
static json_t *prune(const json_t *value, struct spec *s, int depth)
{
    struct spec inside = *s;
    skip_brackets(s);
    if (json_is_array(value)) {
        json_t *out = json_array(), *item;
        size_t i;
        json_array_foreach(value, i, item) {
            struct spec each = inside;
            json_array_append_new(out, prune(item, &each, depth));
            s->broken = s->broken || each.broken;
        }
        return out;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    json_t *out = class_only(value);
    inside.at++;
    prune_fields(value, out, &inside, depth);
    s->broken = s->broken || inside.broken || *inside.at != ']';
    return out;
}

json_t *jenkins_tree(const json_t *whole, const char *tree)
{
    struct spec s = {.at = tree};
    json_t *out = class_only(whole);
    prune_fields(whole, out, &s, 0);
    if (!s.broken && *s.at == '\0')
        return out;
    json_decref(out);
    return NULL;
}
