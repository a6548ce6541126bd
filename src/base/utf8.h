/* utf8.h: one character of UTF-8 at a time, strictly (RFC 3629: no overlong forms, no surrogates). Pure. */
#ifndef SB_BASE_UTF8_H
#define SB_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads the character at `s` (`n` bytes left, at least 1). Returns its bytes, or 0 when it is not UTF-8. */
size_t utf8_next(const char *s, size_t n, uint32_t *point);

#endif
