/* names.h: a map from names to pointers that it does not own. A zeroed struct is an empty map. */
#ifndef SB_ENGINE_NAMES_H
#define SB_ENGINE_NAMES_H

#include <stddef.h>

struct name_slot;

struct names {
    struct name_slot **slots;
    size_t n_slots, n;
};

void names_free(struct names *m);
/* NULL when there is none. */
void *names_get(const struct names *m, const char *name);
/* Copies the name; replaces what was there. */
void names_put(struct names *m, const char *name, void *value);
void names_each(const struct names *m, void (*fn)(void *value));
/* All values, in no order, into `out`, which has room for m->n. Gives their number. */
size_t names_values(const struct names *m, void **out);
void names_drop(struct names *m, const char *name);

#endif
