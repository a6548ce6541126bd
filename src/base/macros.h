/* macros.h: what the compiler should check for us, under names of our own. */
#ifndef SB_BASE_MACROS_H
#define SB_BASE_MACROS_H

/* The result says whether it worked: ignoring it is a compile error. */
#define MUST_USE               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED                 __attribute__((unused))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Runs `fn(&variable)` when the variable goes out of scope. Each type with a natural end has a
 * `_cleanup_TYPE_` next to its declaration. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#endif
