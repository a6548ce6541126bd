/* chat.c: what chat drivers share. */
#include "systems/chat.h"
#include "base/buf.h"
#include "base/json.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 8 };

static void escaped(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '&')
            buf_adds(out, "&amp;");
        else if (s[i] == '<')
            buf_adds(out, "&lt;");
        else if (s[i] == '>')
            buf_adds(out, "&gt;");
        else
            buf_addc(out, s[i]);
    }
}

/* What would end Slack's <url|text> early is percent-encoded. */
static void link_target(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr("|<> \"", s[i]))
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)s[i]);
        else if (s[i] == '&')
            buf_adds(out, "&amp;");
        else
            buf_addc(out, s[i]);
    }
}

static bool is_address(const char *s, size_t n)
{
    static const char *const schemes[] = {"https://", "http://", "mailto:"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (n > strlen(schemes[i]) && strncmp(s, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static const char *find_in(const char *s, size_t n, const char *what)
{
    return memmem(s, n, what, strlen(what));
}

static void inline_text(struct buf *out, const char *s, size_t n, bool bold, int depth);

/* `[text](url)` at `s`; returns the bytes it took, 0 when it is none. */
static size_t link_at(struct buf *out, const char *s, size_t n, bool bold, int depth)
{
    const char *close = find_in(s, n, "](");
    if (!close)
        return 0;
    const char *target = close + 2;
    const char *end = memchr(target, ')', n - (size_t)(target - s));
    if (!end || memchr(s + 1, '[', (size_t)(close - s) - 1))
        return 0;
    size_t target_n = (size_t)(end - target);
    if (is_address(target, target_n)) {
        buf_addc(out, '<');
        link_target(out, target, target_n);
        buf_addc(out, '|');
        escaped(out, s + 1, (size_t)(close - s) - 1);
        buf_addc(out, '>');
    } else {
        inline_text(out, s + 1, (size_t)(close - s) - 1, bold, depth + 1);
        buf_adds(out, " (");
        escaped(out, target, target_n);
        buf_addc(out, ')');
    }
    return (size_t)(end - s) + 1;
}

struct delimiter {
    const char *markdown, *slack;
};

/* Emphasis that begins at `s` and is closed again in the same line; returns the bytes it took, 0 when it is
 * none. */
static size_t emphasis_at(struct buf *out, const char *s, size_t n, char before, bool bold, int depth)
{
    static const struct delimiter delimiters[] = {
        {"**", "*"}, {"__", "*"}, {"~~", "~"}, {"*", "_"}, {"_", "_"},
    };
    for (size_t i = 0; i < COUNT_OF(delimiters); i++) {
        const struct delimiter *d = &delimiters[i];
        size_t width = strlen(d->markdown);
        if (n <= 2 * width || strncmp(s, d->markdown, width) != 0 || isspace((unsigned char)s[width]))
            continue;
        /* Underscores within words are names, not emphasis. */
        if (*s == '_' && isalnum((unsigned char)before))
            return 0;
        const char *close = find_in(s + width, n - width, d->markdown);
        if (!close || close == s + width || isspace((unsigned char)close[-1]))
            continue;
        if (*s == '_' && (size_t)(close - s) + width < n && isalnum((unsigned char)close[width]))
            continue;
        bool is_bold = d->slack[0] == '*';
        const char *mark = is_bold && bold ? "" : d->slack;
        buf_adds(out, mark);
        inline_text(out, s + width, (size_t)(close - s) - width, bold || is_bold, depth + 1);
        buf_adds(out, mark);
        return (size_t)(close - s) + width;
    }
    return 0;
}

static size_t code_at(struct buf *out, const char *s, size_t n)
{
    const char *close = memchr(s + 1, '`', n - 1);
    if (!close)
        return 0;
    escaped(out, s, (size_t)(close - s) + 1);
    return (size_t)(close - s) + 1;
}

static size_t autolink_at(struct buf *out, const char *s, size_t n)
{
    const char *close = memchr(s, '>', n);
    if (!close || !is_address(s + 1, (size_t)(close - s) - 1))
        return 0;
    buf_addc(out, '<');
    link_target(out, s + 1, (size_t)(close - s) - 1);
    buf_addc(out, '>');
    return (size_t)(close - s) + 1;
}

static size_t special_at(struct buf *out, const char *s, size_t n, char before, bool bold, int depth)
{
    if (depth > NESTING_MAX || n < 2)
        return 0;
    switch (*s) {
    case '`':
        return code_at(out, s, n);
    case '[':
        return link_at(out, s, n, bold, depth);
    case '!':
        if (s[1] != '[')
            return 0;
        size_t image = link_at(out, s + 1, n - 1, bold, depth);
        return image ? image + 1 : 0;
    case '<':
        return autolink_at(out, s, n);
    case '\\':
        if (!ispunct((unsigned char)s[1]))
            return 0;
        escaped(out, s + 1, 1);
        return 2;
    case '*':
    case '_':
    case '~':
        return emphasis_at(out, s, n, before, bold, depth);
    default:
        return 0;
    }
}

static void inline_text(struct buf *out, const char *s, size_t n, bool bold, int depth)
{
    size_t i = 0;
    while (i < n) {
        size_t took = special_at(out, s + i, n - i, i ? s[i - 1] : ' ', bold, depth);
        if (!took) {
            escaped(out, s + i, 1);
            took = 1;
        }
        i += took;
    }
}

static size_t heading_marks(const char *s, size_t n)
{
    size_t marks = 0;
    while (marks < n && s[marks] == '#')
        marks++;
    return marks >= 1 && marks <= 6 && marks < n && s[marks] == ' ' ? marks + 1 : 0;
}

static void line_text(struct buf *out, const char *s, size_t n)
{
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    size_t heading = heading_marks(s, n);
    if (heading) {
        while (n > heading && (s[n - 1] == '#' || s[n - 1] == ' '))
            n--;
        buf_addc(out, '*');
        inline_text(out, s + heading, n - heading, true, 0);
        buf_addc(out, '*');
        return;
    }
    size_t i = 0;
    while (i < n && s[i] == ' ')
        i++;
    buf_add(out, s, i);
    if (n - i >= 2 && strchr("-*+", s[i]) && s[i + 1] == ' ') {
        buf_adds(out, "\xe2\x80\xa2 ");
        i += 2;
    } else if (n - i >= 2 && s[i] == '>' && s[i + 1] == ' ') {
        buf_adds(out, "&gt; ");
        i += 2;
    }
    inline_text(out, s + i, n - i, false, 0);
}

char *chat_mrkdwn(const char *markdown, struct arena *a)
{
    _cleanup_buf_ struct buf out = {0};
    bool code = false;
    for (const char *s = markdown; *s;) {
        size_t n = strcspn(s, "\n");
        const char *text = s;
        while (*text == ' ')
            text++;
        if (strncmp(text, "```", 3) == 0) {
            code = !code;
            buf_adds(&out, "```"); /* Slack has no language after the fence: it would show it */
        } else if (code) {
            escaped(&out, s, n);
        } else {
            line_text(&out, s, n);
        }
        s += n;
        if (*s == '\n') {
            buf_addc(&out, '\n');
            s++;
        }
    }
    if (code)
        buf_adds(&out, "\n```");
    return arena_strndup(a, buf_str(&out), out.len);
}

const json_t *chat_posts(const json_t *result)
{
    if (json_is_array(result))
        return result;
    const json_t *posts = json_object_get(result, "posts");
    return json_is_array(posts) ? posts : NULL;
}

const json_t *chat_post_in(const json_t *posts, const char *channel)
{
    if (*channel == '#')
        channel++;
    for (size_t i = 0; i < json_array_size(posts); i++) {
        const json_t *post = json_array_get(posts, i);
        if (str_eq(json_str(post, "channel", ""), channel) || str_eq(json_str(post, "name", ""), channel))
            return post;
    }
    return NULL;
}

char *chat_channel_name(const char *name, struct arena *a)
{
    enum { NAME_MAX_CHARS = 80 };
    char *out = arena_alloc(a, NAME_MAX_CHARS + 1);
    size_t n = 0;
    for (const char *s = *name == '#' ? name + 1 : name; *s && n < NAME_MAX_CHARS; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x80 && (isalnum(c) || c == '_'))
            out[n++] = (char)tolower(c);
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    return out;
}
