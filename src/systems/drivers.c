/* drivers.c: every driver, by role. A new driver is its own file and one line here. */
#include "systems/drivers.h"
#include <stddef.h>

const struct driver *const drivers[] = {
    NULL,
};
