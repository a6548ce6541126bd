/* embedded.h: files that were made part of the program when it was built (tools/embed.c). */
#ifndef SB_BASE_EMBEDDED_H
#define SB_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;          /* file name without folder; NULL ends a table */
    const unsigned char *data; /* followed by a NUL that `size` does not count */
    size_t size;
};

#endif
