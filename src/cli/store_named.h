/* store_named.h: which store a command means: a file, the URL of a database, or what the configuration says. */
#ifndef SB_CLI_STORE_NAMED_H
#define SB_CLI_STORE_NAMED_H

#include "cli/command.h"
#include "store/store.h"

bool store_is_url(const char *name);
/* The configured database's URL, or the file in the state folder. In the command's arena. */
const char *store_configured(const struct args *a);
/* Fills path or url, and the password's reference when the configuration has one for that database. Borrows
 * `name`. */
void store_named(const struct args *a, const char *name, struct store_options *out);

#endif
