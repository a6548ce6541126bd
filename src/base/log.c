#include "base/log.h"

#include "base/buf.h"
#include "base/instant.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REDACT_MIN = 6, REDACT_MAX = 512 };

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info",   [LOG_NOTE] = "note",
    [LOG_WARN] = "warn",   [LOG_ERROR] = "error",
};

static enum log_level lowest = LOG_INFO;
static bool as_json;

/* Guards the sink and the registered values. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink)(void *ctx, const char *line);
static void *sink_ctx;
static char
    *redacted[REDACT_MAX]; /* a ring: a value that many rotations have replaced is no longer valid anywhere */
static size_t redacted_n, redacted_next;

void log_setup(enum log_level level, bool json)
{
    lowest = level;
    as_json = json;
}

void log_capture(void (*fn)(void *ctx, const char *line), void *ctx)
{
    pthread_mutex_lock(&lock);
    sink = fn;
    sink_ctx = ctx;
    pthread_mutex_unlock(&lock);
}

static bool is_registered(const char *secret)
{
    for (size_t i = 0; i < redacted_n; i++)
        if (strcmp(redacted[i], secret) == 0)
            return true;
    return false;
}

void log_redact(const char *secret)
{
    if (secret == NULL || strlen(secret) < REDACT_MIN)
        return;
    pthread_mutex_lock(&lock);
    if (!is_registered(secret)) {
        char *old = redacted[redacted_next];
        if (old != NULL)
            explicit_bzero(old, strlen(old));
        free(old);
        redacted[redacted_next] = strdup(secret);
        if (redacted[redacted_next] == NULL)
            abort();
        redacted_next = (redacted_next + 1) % REDACT_MAX;
        redacted_n += redacted_n < REDACT_MAX;
    }
    pthread_mutex_unlock(&lock);
}

/* The length of the longest registered value that stands at `s`, or 0. */
static size_t registered_at(const char *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < redacted_n; i++) {
        if (*s != *redacted[i])
            continue;
        size_t n = strlen(redacted[i]);
        if (n > longest && strncmp(s, redacted[i], n) == 0)
            longest = n;
    }
    return longest;
}

static void redact_locked(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        size_t n = registered_at(from);
        if (n == 0) {
            *to++ = *from++;
            continue;
        }
        memcpy(to, "***", 3);
        to += 3;
        from += n;
    }
    *to = '\0';
}

void log_redact_text(char *text)
{
    pthread_mutex_lock(&lock);
    redact_locked(text);
    pthread_mutex_unlock(&lock);
}

/* Control characters would let an outside text forge entries or drive the reader's terminal. */
static void add_visible(struct buf *line, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\n')
            buf_adds(line, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(line, "\\x%02x", (unsigned)c);
        else
            buf_addc(line, *s);
    }
}

static void add_json_field(struct buf *line, const char *name, const char *value)
{
    buf_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", name);
    buf_add_json(line, value);
}

static void format_json(struct buf *line, const char *at, enum log_level level, const char *room,
                        const char *change, const char *text)
{
    buf_addc(line, '{');
    add_json_field(line, "time", at);
    add_json_field(line, "level", level_names[level]);
    add_json_field(line, "room", room);
    if (change != NULL)
        add_json_field(line, "change", change);
    add_json_field(line, "text", text);
    buf_addc(line, '}');
}

static void format_text(struct buf *line, const char *at, enum log_level level, const char *room,
                        const char *change, const char *text)
{
    buf_printf(line, "%s %-5s %s", at, level_names[level], room);
    if (change != NULL) {
        buf_addc(line, ' ');
        add_visible(line, change);
    }
    buf_adds(line, ": ");
    add_visible(line, text);
}

/* One write an entry, so that entries of several processes on one file do not mix. A log that cannot be
 * written has nobody to tell. */
static void write_line(struct buf *line)
{
    buf_addc(line, '\n');
    for (size_t done = 0; done < line->len;) {
        ssize_t n = write(STDERR_FILENO, line->data + done, line->len - done);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

void log_write(enum log_level level, const char *room, const char *change, const char *fmt, ...)
{
    if (level < lowest)
        return;
    _cleanup_buf_ struct buf text = {0}, line = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char at[32];
    instant_rfc3339((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, at);

    pthread_mutex_lock(&lock);
    redact_locked(text.data); /* before escaping, which would hide a value that holds a quote */
    (as_json ? format_json : format_text)(&line, at, level, room, change, text.data);
    if (sink != NULL)
        sink(sink_ctx, line.data);
    else
        write_line(&line);
    pthread_mutex_unlock(&lock);
}
