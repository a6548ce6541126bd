/* error.h: an error is a value.
 *
 * A function that can fail returns bool (or a pointer) and takes a `struct error *` last. It is filled once,
 * by who knows most, and wrapped on its way up by who knows why. The text is for a person: what
 * happened, where, and what to do. It never holds a secret. Nothing below cli/ prints one.
 *
 * `err` may be NULL everywhere: then only the return value tells. All functions are thread-safe on
 * distinct errors. */
#ifndef SB_BASE_ERROR_H
#define SB_BASE_ERROR_H

#include "base/macros.h"
#include <stdarg.h>
#include <stdbool.h>

enum error_code {
    SB_OK = 0,
    SB_PARSE,     /* outside text is not what its format says; has file, line, column where known */
    SB_RANGE,     /* well formed, but not a possible value */
    SB_UNKNOWN,   /* a name that nothing has; the text offers near ones */
    SB_MISSING,   /* something required was not given */
    SB_LIMIT,     /* larger, deeper or longer than we accept */
    SB_INTERLOCK, /* would break a rule of the SOP; names rule and step */
    SB_STATE,     /* not possible in the present state (gate already answered, change has ended ...) */
    SB_DENIED,    /* this person or program may not do that */
    SB_CONFLICT,  /* somebody else was first (sequence number, lock, lease) */
    SB_IO,        /* the operating system or the disk */
    SB_NET,       /* no answer: connect, TLS, time-out, reset */
    SB_REMOTE,    /* an outside system answered with an error */
    SB_CORRUPT,   /* the store or the record is damaged */
    SB_INTERNAL,  /* a fault of ours */
};

enum { ERROR_TEXT_MAX = 1536 };

struct error {
    enum error_code code;
    int line, column; /* 1-based; 0 = not known */
    char file[192];   /* page or configuration; empty = not about a file */
    char text[ERROR_TEXT_MAX];
};

#define ERROR_NONE ((struct error){.code = SB_OK})

/* Fills `err`; always returns false, so that a failing function can end in `return error_set(...)`. */
bool error_set(struct error *err, enum error_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool error_vset(struct error *err, enum error_code code, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/* Same, about a place in a file. `file` is cut from the left when it is too long. */
bool error_at(struct error *err, enum error_code code, const char *file, int line, int column,
              const char *fmt, ...) PRINTF_LIKE(6, 7);

/* From errno (`errnum`): "<what>: <strerror>". */
bool error_errno(struct error *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "<fmt>: " before the text of `inner` and stores the whole in `err` (they may be the same). Code and place
 * are kept. Returns false. */
bool error_wrap(const struct error *inner, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "file:line:column: text" or just the text, into `out` (always terminated). Returns `out`. */
const char *error_format(const struct error *err, char *out, unsigned long size);

/* "parse", "interlock", ...: stable names, used in JSON. */
const char *error_code_name(enum error_code code);

#endif
