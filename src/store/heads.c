#include "store/heads.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. Ids are ours, so nobody chooses them to collide; and if somebody did, it would only be slow. */
static size_t bucket_of(const struct heads *h, const char *id)
{
    uint64_t x = 14695981039346656037U;
    for (; *id != '\0'; id++)
        x = (x ^ (unsigned char)*id) * 1099511628211U;
    return (size_t)(x ^ x >> 32) & (h->n_buckets - 1);
}

struct head *heads_find(const struct heads *h, const char *id)
{
    if (h->n == 0)
        return NULL;
    struct head *e = h->buckets[bucket_of(h, id)];
    while (e != NULL && strcmp(e->id, id) != 0)
        e = e->next;
    return e;
}

static void put(struct heads *h, struct head *e)
{
    struct head **bucket = &h->buckets[bucket_of(h, e->id)];
    e->next = *bucket;
    *bucket = e;
}

static void grow(struct heads *h)
{
    struct heads wider = {.n = h->n, .n_buckets = h->n_buckets > 0 ? h->n_buckets * 2 : 64};
    wider.buckets = calloc(wider.n_buckets, sizeof(struct head *));
    if (wider.buckets == NULL)
        abort();
    for (size_t i = 0; i < h->n_buckets; i++)
        for (struct head *e = h->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            put(&wider, e);
        }
    free(h->buckets);
    *h = wider;
}

struct head *heads_add(struct heads *h, const char *id)
{
    if (h->n == h->n_buckets)
        grow(h);
    size_t size = strlen(id) + 1;
    struct head *e = calloc(1, sizeof *e + size);
    if (e == NULL)
        abort();
    memcpy(e->id, id, size);
    put(h, e);
    h->n++;
    return e;
}

void heads_drop(struct heads *h, const char *id)
{
    if (h->n == 0)
        return;
    struct head **at = &h->buckets[bucket_of(h, id)];
    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    struct head *e = *at;
    if (e == NULL)
        return;
    *at = e->next;
    free(e);
    h->n--;
}

void heads_free(struct heads *h)
{
    for (size_t i = 0; i < h->n_buckets; i++)
        for (struct head *e = h->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            free(e);
        }
    free(h->buckets);
    *h = (struct heads){0};
}
