/* cluster.c: see cluster.h. */
#include "systems/cluster.h"
#include <stdlib.h>
#include <string.h>

bool image_ref_parse(const char *image, struct image_ref *out)
{
    *out = (struct image_ref){0};
    if (!image || !*image || strpbrk(image, " \t\r\n"))
        return false;
    const char *at = strchr(image, '@');
    const char *end = at ? at : image + strlen(image);
    const char *name = image;
    for (const char *p = image; p < end; p++)
        if (*p == '/')
            name = p + 1;
    /* A colon before the last slash belongs to the registry's port. */
    const char *colon = memchr(name, ':', (size_t)(end - name));
    const char *name_end = colon ? colon : end;
    if (name_end == name)
        return false;
    out->repository = image;
    out->repository_len = (int)(name_end - image);
    out->name = name;
    out->name_len = (int)(name_end - name);
    out->tag = colon ? colon + 1 : end;
    out->tag_len = (int)(end - out->tag);
    out->digest = at ? at + 1 : NULL;
    return true;
}

json_t *image_tag_json(const char *image)
{
    struct image_ref r;
    if (!image_ref_parse(image, &r))
        return json_string("");
    if (r.tag_len == 0 && r.digest)
        return json_string(r.digest);
    return json_stringn(r.tag, (size_t)r.tag_len);
}

static bool same(const char *part, int n, const char *text)
{
    return text && strlen(text) == (size_t)n && strncmp(part, text, (size_t)n) == 0;
}

bool image_name_is(const char *image, const char *name)
{
    struct image_ref r;
    return image_ref_parse(image, &r) && same(r.name, r.name_len, name);
}

bool image_tag_is(const char *image, const char *tag)
{
    struct image_ref r;
    if (!image_ref_parse(image, &r) || !tag)
        return false;
    if (r.tag_len == 0 && r.digest)
        return strcmp(r.digest, tag) == 0;
    return same(r.tag, r.tag_len, tag);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The object's keys, sorted. Caller frees the array. */
static const char **sorted_keys(const json_t *object, size_t *n)
{
    const char **keys = calloc(json_object_size(object) + 1, sizeof *keys);
    const char *key;
    json_t *value;
    *n = 0;
    if (!keys)
        abort();
    json_object_foreach((json_t *)object, key, value)
        keys[(*n)++] = key;
    qsort(keys, *n, sizeof *keys, by_text);
    return keys;
}

json_t *image_table(const json_t *counts, const char *only)
{
    json_t *table = json_array();
    size_t n;
    const char **images = sorted_keys(counts, &n);
    for (size_t i = 0; i < n; i++)
        if (!only || strstr(images[i], only))
            json_array_append_new(table, json_pack("{s:s, s:O}", "image", images[i], "count",
                                                   json_object_get(counts, images[i])));
    free(images);
    return table;
}

void cluster_versions_of(const json_t *counted, json_t *services, json_t *mixed)
{
    size_t n;
    const char **names = sorted_keys(counted, &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *tags = json_object_get(counted, names[i]);
        size_t kinds;
        const char **texts = sorted_keys(tags, &kinds);
        const char *most = NULL;
        json_int_t best = 0;
        for (size_t k = 0; k < kinds; k++) {
            json_int_t count = json_integer_value(json_object_get(tags, texts[k]));
            if (count > best) {
                best = count;
                most = texts[k];
            }
        }
        if (most)
            json_object_set_new(services, names[i], json_string(most));
        if (kinds > 1) {
            json_t *list = json_array();
            for (size_t k = 0; k < kinds; k++)
                json_array_append_new(list, json_string(texts[k]));
            json_object_set_new(mixed, names[i], list);
        }
        free(texts);
    }
    free(names);
}
