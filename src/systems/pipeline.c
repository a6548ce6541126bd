/* pipeline.c: what pipeline drivers share. */
#include "systems/pipeline.h"
#include "base/buf.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

/* The bytes of a terminal escape that begins at `s` (ESC [ ... letter, or ESC and one more). */
static size_t escape_length(const char *s, size_t n)
{
    if (n < 2 || s[1] != '[')
        return n < 2 ? n : 2;
    size_t i = 2;
    while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x40)
        i++;
    return i < n ? i + 1 : n;
}

static void printable(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        if (c == 0x1b) {
            i += escape_length(s + i, n - i);
            continue;
        }
        if (c < 0x20 || c == 0x7f) {
            if (c == '\n' || c == '\t')
                buf_addc(out, (char)c);
            i++;
            continue;
        }
        uint32_t point;
        size_t width = utf8_next(s + i, n - i, &point);
        if (width)
            buf_add(out, s + i, width);
        else
            buf_addc(out, '?');
        i += width ? width : 1;
    }
}

char *pipeline_log_tail(const char *log, size_t n, struct arena *a)
{
    /* Cleaning only makes text shorter, but for nothing: twice the limit is enough to find the last lines in.
     */
    bool cut = n > 2 * PIPELINE_LOG_BYTES;
    if (cut) {
        log += n - 2 * PIPELINE_LOG_BYTES;
        n = 2 * PIPELINE_LOG_BYTES;
    }
    _cleanup_buf_ struct buf clean = {0};
    printable(&clean, log, n);
    const char *text = buf_str(&clean);
    size_t end = clean.len;
    while (end && text[end - 1] == '\n')
        end--;
    size_t from = end;
    int lines = 0;
    while (from && end - from < PIPELINE_LOG_BYTES) {
        if (text[from - 1] == '\n' && ++lines == PIPELINE_LOG_LINES)
            break;
        from--;
    }
    if ((from || cut) && lines < PIPELINE_LOG_LINES) {
        /* Cut by size: go on to where a line begins, if one does. */
        const char *next = memchr(text + from, '\n', end - from);
        if (next)
            from = (size_t)(next - text) + 1;
        else
            while (from < end && ((unsigned char)text[from] & 0xc0) == 0x80)
                from++;
    }
    return arena_strndup(a, text + from, end - from);
}

bool pipeline_build_split(const char *build, struct arena *a, char **job, long *number, struct error *err)
{
    const char *mark = strrchr(build, '#');
    char *end = NULL;
    long value = mark ? strtol(mark + 1, &end, 10) : 0;
    if (!mark || mark == build || value <= 0 || *end || strlen(mark) > 11)
        return error_set(err, SB_PARSE, "a build looks like deploy#87 (job, number), not \"%s\"", build);
    *job = arena_strndup(a, build, (size_t)(mark - build));
    *number = value;
    return true;
}

char *pipeline_build_id(const char *job, long number, struct arena *a)
{
    return arena_printf(a, "%s#%ld", job, number);
}
