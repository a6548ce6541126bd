/* log.h: the structured log, on standard error: one line an entry, text for a terminal, JSON otherwise.
 * Thread-safe. Secrets never get here: whoever holds one has it as `struct secret` (base/secret.h), which
 * has no printable form; log_redact is the second net below that one. */
#ifndef SB_BASE_LOG_H
#define SB_BASE_LOG_H

#include "base/macros.h"
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_NOTE, LOG_WARN, LOG_ERROR };

/* Entries below `level` are dropped. `json` chooses the form. Call once, before threads. */
void log_setup(enum log_level level, bool json);
/* Where entries go instead of standard error (tests, a ring buffer for the page); NULL = standard error. */
void log_capture(void (*sink)(void *ctx, const char *line), void *ctx);

/* `room` is the folder ("engine"), `change` an id or NULL, `fmt` a sentence. */
void log_write(enum log_level level, const char *room, const char *change, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
#define log_debug(room, ...) log_write(LOG_DEBUG, room, NULL, __VA_ARGS__)
#define log_info(room, ...)  log_write(LOG_INFO, room, NULL, __VA_ARGS__)
#define log_warn(room, ...)  log_write(LOG_WARN, room, NULL, __VA_ARGS__)
#define log_error(room, ...) log_write(LOG_ERROR, room, NULL, __VA_ARGS__)

/* Registers a value that must never appear: every later entry has it replaced by "***". Values under 6 bytes are
 * ignored (they would hollow out ordinary words). Copies. */
void log_redact(const char *secret);
/* Replaces all registered values in `text` in place (the replacement is never longer). For error texts that quote
 * an outside system. */
void log_redact_text(char *text);

#endif
