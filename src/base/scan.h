/* scan.h: reading a short text that a person typed, from left to right, and saying at which column it went
 * wrong. Pure. The text must outlive the scan. */
#ifndef SB_BASE_SCAN_H
#define SB_BASE_SCAN_H

#include "base/error.h"
#include <stddef.h>

enum { SCAN_TEXT_MAX = 200 }; /* nobody types more than this into one field */

struct scan {
    const char *text, *at;
};

/* Refuses a text longer than SCAN_TEXT_MAX (SB_LIMIT). */
MUST_USE bool scan_begin(struct scan *s, const char *text, struct error *err);
void scan_space(struct scan *s);
/* After white space: is this the end? */
bool scan_is_end(struct scan *s);
/* Takes `c` when it is next. */
bool scan_char(struct scan *s, char c);
/* Takes `word` when it is next as a whole word, in any case. */
bool scan_word(struct scan *s, const char *word);
/* Takes between `least` and `most` digits (`most` at most 9); false when there are fewer or more. */
bool scan_digits(struct scan *s, int least, int most, int *out);
/* The bytes of a run of letters, digits, '_', '/', '+' and '-' that is next; 0 when none is. Takes nothing.
 */
size_t scan_name_length(const struct scan *s);
/* "column 5 of "...": expected ..." as `code`, with the column in the error. Returns false. */
bool scan_fail(const struct scan *s, enum error_code code, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
