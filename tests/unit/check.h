/* check.h: cmocka with what it wants to see before it. Include it first. */
#ifndef SB_TESTS_CHECK_H
#define SB_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
