/* config_store.h: the configuration's `store`: where the record is kept, when not in a file of the state folder.
 *
 *   store: postgresql://signalbox@db.example.com/signalbox
 *   store: {url: postgresql://..., password: file:/etc/signalbox/db, lease: 15s} */
#ifndef SB_ENGINE_CONFIG_STORE_H
#define SB_ENGINE_CONFIG_STORE_H

#include "base/yaml.h"

struct config_store {
    const char *url;      /* NULL: signalbox.db in the state folder */
    const char *password; /* a reference, or NULL */
    int64_t lease_ms;     /* a node that is not heard of for so long has lost its changes to the others */
};

/* `y` NULL: the file. Errors have the place, and never quote the URL: somebody may have put a password there. */
MUST_USE bool config_store_read(const struct yaml *y, const char *file, struct arena *a,
                                struct config_store *out, struct error *err);

#endif
