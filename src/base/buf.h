/* buf.h: a growing byte buffer for text being put together, and small string helpers.
 * The bytes are always followed by a NUL, so `buf.data` is a C string when no NUL was appended.
 * Memory: the heap, owned by the struct; free with buf_free. Out of memory ends the process. */
#ifndef SB_BASE_BUF_H
#define SB_BASE_BUF_H

#include "base/macros.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL while nothing was appended; buf_str() never gives NULL */
    size_t len, cap;
};

void buf_free(struct buf *b);
#define _cleanup_buf_ CLEANUP(buf_free)

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void buf_clear(struct buf *b);            /* keeps the memory */
const char *buf_str(const struct buf *b); /* "" when empty */
char *buf_steal(struct buf *b);           /* the caller's, for free(); the buffer is empty after */

/* Text escaped for its destination. */
void buf_add_html(struct buf *b, const char *s);
void buf_add_url(struct buf *b, const char *s);  /* percent-encoding of all but unreserved characters */
void buf_add_json(struct buf *b, const char *s); /* with the quotes */

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_is_utf8(const char *s, size_t n);
/* Removes white space at both ends, in place; returns the new start. */
char *str_trim(char *s);

/* The name in `names` (NULL-terminated) that `wrong` is most likely a misspelling of, or NULL when none is near
 * (Damerau-Levenshtein, at most a third of the length). For "did you mean". */
const char *str_near(const char *wrong, const char *const *names);

/* Columns a terminal needs for a UTF-8 string (wide and combining characters counted right). */
int str_columns(const char *s);

#endif
