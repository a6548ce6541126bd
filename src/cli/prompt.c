#include "cli/prompt.h"

#include "base/buf.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* --- completion
 * --------------------------------------------------------------------------------------------------------------------- */

static const char *last_word(const char *line)
{
    const char *word = line;
    for (const char *p = line; *p; p++)
        if (*p == ' ' || *p == ',')
            word = p + 1;
    return word;
}

const char *prompt_complete(const char *line, const char *const *choices, int *n_found, struct arena *a)
{
    const char *word = last_word(line), *agreed = NULL;
    size_t n = 0;
    *n_found = 0;
    for (int i = 0; choices && choices[i]; i++) {
        if (!str_starts(choices[i], word))
            continue;
        size_t same = 0;
        while (agreed && same < n && choices[i][same] == agreed[same])
            same++;
        n = agreed ? same : strlen(choices[i]);
        agreed = choices[i];
        ++*n_found;
    }
    if (!agreed || n <= strlen(word))
        return arena_strdup(a, line);
    return arena_printf(a, "%.*s%.*s", (int)(word - line), line, (int)n, agreed);
}

/* --- the keyboard
 * ------------------------------------------------------------------------------------------------------------------- */

struct typing {
    const struct prompt *p;
    struct arena *a;
    char line[1024];
    size_t n;
};

static void draw(const struct typing *t)
{
    printf("\r\033[K%s", t->p->label);
    if (t->p->fallback && *t->p->fallback)
        printf(" [%s]", t->p->fallback);
    printf(": %s", t->line);
    fflush(stdout);
}

static void set(struct typing *t, const char *text)
{
    t->n = (size_t)snprintf(t->line, sizeof t->line, "%s", text);
    if (t->n >= sizeof t->line)
        t->n = sizeof t->line - 1;
}

static void list_choices(const struct typing *t)
{
    enum { SHOWN_MAX = 40 };
    const char *word = last_word(t->line);
    int shown = 0;
    printf("\r\n");
    for (int i = 0; t->p->choices[i]; i++) {
        if (!str_starts(t->p->choices[i], word))
            continue;
        if (shown++ < SHOWN_MAX)
            printf("  %s\r\n", t->p->choices[i]);
    }
    if (shown > SHOWN_MAX)
        printf("  and %d more\r\n", shown - SHOWN_MAX);
}

static void tab(struct typing *t)
{
    int found;
    const char *longer = prompt_complete(t->line, t->p->choices, &found, t->a);
    if (found > 1 && str_eq(longer, t->line))
        list_choices(t);
    set(t, longer);
}

static void backspace(struct typing *t)
{
    while (t->n > 0 && ((unsigned char)t->line[t->n - 1] & 0xC0) == 0x80)
        t->n--;
    t->n -= t->n > 0;
    t->line[t->n] = '\0';
}

static bool is_choice(const struct prompt *p, const char *line)
{
    for (int i = 0; p->choices && p->choices[i]; i++)
        if (str_eq(p->choices[i], line))
            return true;
    return false;
}

/* Enter was pressed: does the line do? */
static bool accepted(struct typing *t)
{
    if (t->n == 0 && t->p->fallback)
        set(t, t->p->fallback);
    if (t->n == 0 && !(t->p->fallback && !*t->p->fallback))
        return false;
    if (!t->p->only_choices || is_choice(t->p, t->line) || (t->n == 0 && t->p->fallback))
        return true;
    int found;
    set(t, prompt_complete(t->line, t->p->choices, &found, t->a));
    if (is_choice(t->p, t->line))
        return true;
    list_choices(t);
    return false;
}

/* False: the line has ended; *ended says whether by ^D. */
static bool key(struct typing *t, char c, bool *ended)
{
    *ended = c == 4 && t->n == 0;
    if (*ended)
        return false;
    if ((c == '\r' || c == '\n') && accepted(t))
        return false;
    if (c == '\t' && t->p->choices)
        tab(t);
    else if (c == 0x7f || c == '\b')
        backspace(t);
    else if (c == 0x15) /* ^U */
        set(t, "");
    else if ((unsigned char)c >= 0x20 && t->n + 1 < sizeof t->line) {
        t->line[t->n++] = c;
        t->line[t->n] = '\0';
    }
    return true;
}

/* Arrow keys and their like come as one read that begins with an escape: they are no text. */
static bool read_keys(struct typing *t, bool *ended)
{
    for (;;) {
        char bytes[64];
        draw(t);
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *ended = true;
            return false;
        }
        for (ssize_t i = 0; i < n && bytes[0] != 0x1b; i++)
            if (!key(t, bytes[i], ended))
                return !*ended;
    }
}

const char *prompt_line(const struct prompt *p, struct arena *a, struct error *err)
{
    struct termios before, raw;
    struct typing *t = ARENA_NEW(a, struct typing);
    *t = (struct typing){.p = p, .a = a};
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        error_set(err, SB_STATE, "%s: there is no terminal to ask at", p->label);
        return NULL;
    }
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    bool ended = false;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    bool ok = read_keys(t, &ended);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    printf("\n");
    if (ok)
        return t->line;
    error_set(err, SB_STATE, "nothing was planned");
    return NULL;
}
