/* files.h: the few things commands do with files. */
#ifndef SB_CLI_FILES_H
#define SB_CLI_FILES_H

#include "base/error.h"

/* Makes a folder and those above it, for us alone. */
MUST_USE bool make_dirs(const char *path, struct error *err);

#endif
