#include "engine/names.h"

#include "net/alloc.h"
#include <stdint.h>

struct name_slot {
    struct name_slot *next;
    void *value;
    char name[];
};

/* FNV-1a: names are ours or checked, so nobody can choose them to collide. */
static size_t place(const struct names *m, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return (size_t)(h % m->n_slots);
}

static void grow(struct names *m)
{
    struct names bigger = {.n_slots = m->n_slots ? m->n_slots * 2 : 64, .n = m->n};
    bigger.slots = net_alloc(bigger.n_slots * sizeof *bigger.slots);
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct name_slot *s = m->slots[i], *next; s; s = next) {
            next = s->next;
            size_t at = place(&bigger, s->name);
            s->next = bigger.slots[at];
            bigger.slots[at] = s;
        }
    free(m->slots);
    *m = bigger;
}

static struct name_slot **find(const struct names *m, const char *name)
{
    struct name_slot **at = &m->slots[place(m, name)];
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

void names_free(struct names *m)
{
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct name_slot *s = m->slots[i], *next; s; s = next) {
            next = s->next;
            free(s);
        }
    free(m->slots);
    *m = (struct names){0};
}

void *names_get(const struct names *m, const char *name)
{
    if (m->n_slots == 0 || !name)
        return NULL;
    const struct name_slot *s = *find(m, name);
    return s ? s->value : NULL;
}

void names_put(struct names *m, const char *name, void *value)
{
    if (m->n >= m->n_slots)
        grow(m);
    struct name_slot **at = find(m, name);
    if (!*at) {
        size_t n = strlen(name) + 1;
        *at = net_alloc(sizeof **at + n);
        memcpy((*at)->name, name, n);
        m->n++;
    }
    (*at)->value = value;
}

void names_each(const struct names *m, void (*fn)(void *value))
{
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct name_slot *s = m->slots[i]; s; s = s->next)
            fn(s->value);
}

size_t names_values(const struct names *m, void **out)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct name_slot *s = m->slots[i]; s; s = s->next)
            out[n++] = s->value;
    return n;
}

void names_drop(struct names *m, const char *name)
{
    if (m->n_slots == 0)
        return;
    struct name_slot **at = find(m, name), *gone = *at;
    if (!gone)
        return;
    *at = gone->next;
    free(gone);
    m->n--;
}
