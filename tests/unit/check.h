/* check.h: cmocka with what it wants to see before it, and how we check errors. Include it first. */
#ifndef SB_TESTS_CHECK_H
#define SB_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/* The error has this code and says this. `about` names the row of a table. */
static inline void assert_error(const struct error *e, enum error_code code, const char *says,
                                const char *about)
{
    if (e->code != code)
        fail_msg("%s: code %s instead of %s: %s", about, error_code_name(e->code), error_code_name(code),
                 e->text);
    if (strstr(e->text, says) == NULL)
        fail_msg("%s: says \"%s\", not \"%s\"", about, e->text, says);
}

#endif
