#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under the address sanitizer every allocation is a block of its own, so that it sees a write past the end.
 */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED 1
#endif
#endif

#ifdef ARENA_SANITIZED
static const size_t first_block = 0, largest_block = 0;
#else
static const size_t first_block = 1 << 10, largest_block = 64 << 10;
#endif

enum { ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct arena arena_make(void)
{
    return (struct arena){0};
}

struct arena_release {
    struct arena_release *next;
    void (*release)(void *p);
    void *p;
};

void arena_on_free(struct arena *a, void (*release)(void *p), void *p)
{
    struct arena_release *r = ARENA_NEW(a, struct arena_release);
    *r = (struct arena_release){.next = a->releases, .release = release, .p = p};
    a->releases = r;
}

void arena_free(struct arena *a)
{
    for (struct arena_release *r = a->releases; r != NULL; r = r->next)
        r->release(r->p);
    for (struct arena_block *b = a->head; b != NULL;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = (struct arena){0};
}

static struct arena_block *block_make(size_t size)
{
    size_t whole;
    if (__builtin_add_overflow(size, sizeof(struct arena_block), &whole))
        abort();
    struct arena_block *b = calloc(1, whole);
    if (b == NULL)
        abort();
    b->size = size;
    return b;
}

/* Each block is twice the last, up to a bound; a large request gets its own, behind the one in use. */
static struct arena_block *block_for(struct arena *a, size_t size)
{
    struct arena_block *head = a->head;
    if (head != NULL && head->size - head->used >= size)
        return head;
    size_t usual = first_block;
    if (head != NULL)
        usual = head->size < largest_block / 2 ? head->size * 2 : largest_block;
    if (head != NULL && size > usual / 4) {
        struct arena_block *own = block_make(size);
        own->next = head->next;
        head->next = own;
        return own;
    }
    struct arena_block *b = block_make(size > usual ? size : usual);
    b->next = head;
    a->head = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size == 0)
        size = 1;
    struct arena_block *b = block_for(a, size);
    void *p = b->bytes + b->used;
    size_t step = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    b->used = step > b->size - b->used ? b->size : b->used + step;
    a->used += size;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(n, size, &whole))
        abort();
    return arena_alloc(a, whole);
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    size_t whole;
    if (__builtin_add_overflow(n, 1, &whole))
        abort();
    char *copy = arena_alloc(a, whole);
    if (n > 0)
        memcpy(copy, s, n);
    return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return text;
}
