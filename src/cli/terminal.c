#include "cli/terminal.h"
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

struct terminal {
    uv_poll_t poll;
    void (*on_key)(void *ctx, const char *line, bool done);
    void *ctx;
    char line[LINE_MAX_BYTES];
    size_t len;
    bool typing;
    int shown; /* lines of the picture now on the screen */
    char *prompt;
};

/* The settings to go back to, also from exit(): a terminal left without echo is a broken terminal. */
static struct termios before;
static bool changed;

static void give_back(void)
{
    if (changed)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (changed)
        fputs("\033[?25h", stdout);
    fflush(stdout);
    changed = false;
}

bool terminal_usable(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && !str_eq(term, "dumb");
}

bool terminal_has_color(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term && !str_eq(term, "dumb");
}

bool terminal_has_unicode(void)
{
    static int known = -1;
    if (known < 0) {
        setlocale(LC_CTYPE, "");
        known = str_eq(nl_langinfo(CODESET), "UTF-8");
    }
    return known;
}

int terminal_columns(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    return 80;
}

void terminal_size(const struct terminal *t, int *width, int *height)
{
    (void)t;
    struct winsize w;
    bool ok = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 && w.ws_row > 0;
    *width = ok ? w.ws_col : 80;
    *height = ok ? w.ws_row : 24;
}

/* Drops the last character, which may be several bytes. */
static void backspace(struct terminal *t)
{
    while (t->len > 0 && ((unsigned char)t->line[t->len - 1] & 0xC0) == 0x80)
        t->len--;
    if (t->len > 0)
        t->len--;
    t->line[t->len] = '\0';
}

static void typed(struct terminal *t, char c)
{
    if (c == '\r' || c == '\n') {
        t->on_key(t->ctx, t->line, true);
        t->len = 0;
        t->line[0] = '\0';
        return;
    }
    if (c == 0x7f || c == '\b')
        backspace(t);
    else if (c == 0x15) /* ^U */
        t->len = 0;
    else if ((unsigned char)c >= 0x20 && t->len + 1 < sizeof t->line)
        t->line[t->len++] = c;
    t->line[t->len] = '\0';
    t->on_key(t->ctx, t->line, false);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct terminal *t = poll->data;
    char bytes[256];
    (void)events;
    ssize_t n = status == 0 ? read(STDIN_FILENO, bytes, sizeof bytes) : 0;
    if (n <= 0) { /* the terminal has gone: nobody will type any more */
        uv_poll_stop(poll);
        return;
    }
    bool escape = false;
    for (ssize_t i = 0; i < n && t->typing; i++) {
        if (bytes[i] == 0x1b) /* arrow keys and their like come as one read: not text */
            escape = true;
        if (!escape)
            typed(t, bytes[i]);
    }
}

struct terminal *terminal_new(struct loop *l, void (*on_key)(void *ctx, const char *line, bool done),
                              void *ctx)
{
    struct terminal *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->on_key = on_key;
    t->ctx = ctx;
    if (tcgetattr(STDIN_FILENO, &before) == 0) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        changed = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
        atexit(give_back);
    }
    uv_poll_init(loop_uv(l), &t->poll, STDIN_FILENO);
    t->poll.data = t;
    uv_poll_start(&t->poll, UV_READABLE, readable);
    return t;
}

static void closed(uv_handle_t *h)
{
    struct terminal *t = h->data;
    free(t->prompt);
    free(t);
}

void terminal_free(struct terminal *t)
{
    if (!t)
        return;
    terminal_leave(t);
    give_back();
    uv_poll_stop(&t->poll);
    uv_close((uv_handle_t *)&t->poll, closed);
}

void terminal_show(struct terminal *t, const char *picture, const char *prompt)
{
    _cleanup_buf_ struct buf out = {0};
    buf_adds(&out, "\033[?25l");
    if (t->shown > 0)
        buf_printf(&out, "\033[%dA", t->shown);
    buf_adds(&out, "\r");
    int lines = 0;
    for (const char *p = picture; *p;) {
        size_t n = strcspn(p, "\n");
        buf_add(&out, p, n);
        buf_adds(&out, "\033[K\n");
        lines++;
        p += n + (p[n] == '\n');
    }
    buf_adds(&out, "\033[J"); /* whatever the former picture had below */
    if (prompt)
        buf_printf(&out, "%s%s\033[?25h", prompt, t->line);
    t->typing = prompt != NULL;
    t->shown = lines;
    fputs(buf_str(&out), stdout);
    fflush(stdout);
}

void terminal_leave(struct terminal *t)
{
    if (t->shown > 0)
        fputs("\r\033[K\033[?25h", stdout);
    fflush(stdout);
    t->shown = 0;
}
