/* arena.h: memory that belongs to something a person can name (a request, a page, one fold) and is freed
 * whole. Not thread-safe: one owner at a time. Running out of memory ends the process: every size that
 * comes from outside is bounded before it reaches an arena. */
#ifndef SB_BASE_ARENA_H
#define SB_BASE_ARENA_H

#include "base/macros.h"
#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena_release;

struct arena {
    struct arena_block *head;
    struct arena_release *releases;
    size_t used; /* bytes handed out, for limits and statistics */
};

/* An empty arena; allocates nothing until used. A zeroed struct is one as well. */
struct arena arena_make(void);
void arena_free(struct arena *a);
#define _cleanup_arena_ CLEANUP(arena_free)
/* Has arena_free call `release(p)` first, the latest registered first: for what things in the arena own but the arena cannot hold
 * (a reference to a JSON value). */
void arena_on_free(struct arena *a, void (*release)(void *p), void *p);

/* Zeroed memory, aligned for any type; never NULL. size 0 gives a unique pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* Array of `n` zeroed elements; ends the process on overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);
#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))

char *arena_strdup(struct arena *a, const char *s);            /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n); /* copies n bytes and a terminator */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

#endif
