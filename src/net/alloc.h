/* alloc.h: memory for objects that have a life of their own on the loop (a timer, a call, a child process)
 * and so fit no arena. Running out of memory ends the process, as everywhere. */
#ifndef SB_NET_ALLOC_H
#define SB_NET_ALLOC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline void *net_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL)
        abort();
    return p;
}

/* NULL gives NULL. */
static inline char *net_strdup(const char *s)
{
    if (s == NULL)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(net_alloc(n), s, n);
}

#define NET_NEW(type) ((type *)net_alloc(sizeof(type)))

#endif
