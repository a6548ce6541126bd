/* drivers.h: the drivers by name, for their own files and the table in drivers.c. Everybody else asks
 * driver_find. */
#ifndef SB_SYSTEMS_DRIVERS_H
#define SB_SYSTEMS_DRIVERS_H

#include "systems/system.h"

extern const struct driver jenkins_driver;    /* pipeline */
extern const struct driver slack_driver;      /* chat */
extern const struct driver statuspage_driver; /* statuspage */

#endif
