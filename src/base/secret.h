/* secret.h: a credential. It is configured as a reference and read when it is used; the value has no
 * printable form, is registered with the log's redaction, and is wiped when freed. */
#ifndef SB_BASE_SECRET_H
#define SB_BASE_SECRET_H

#include "base/arena.h"
#include "base/error.h"

struct secret {
    const char *ref; /* "env:NAME", "file:/path", "credential:NAME" (systemd, $CREDENTIALS_DIRECTORY) */
};

/* Checks the form of a reference; a bare value is refused with an explanation. Text is copied into `a`. */
MUST_USE bool secret_ref(const char *ref, struct arena *a, struct secret *out, struct error *err);

/* Reads the value now (files are re-read each time, so rotation works). Trailing newline dropped; 64 KiB at
 * most. Caller: secret_wipe. NULL on error, which names the reference, never the value. */
char *secret_read(const struct secret *s, struct error *err);
void secret_wipe(char *value);
void secret_wipe_ptr(char **value);
#define _cleanup_secret_ CLEANUP(secret_wipe_ptr)

#endif
