#include "cli/stage.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/json.h"
#include <string.h>

enum { ID_COLUMNS = 22, TIME_COLUMNS = 9, PROSE_LINES = 8, PROSE_COLUMNS = 88, STEP_LINES_ALL = 1000 };

struct mark {
    const char *status, *unicode, *ascii, *color;
};

static const struct mark marks[] = {
    {"done", "✔", "+", "32"},      {"skipped", "↷", "-", "90"},  {"failed", "✘", "x", "31"},
    {"asking", "?", "?", "33;1"},  {"unsure", "?", "?", "33;1"}, {"intended", "●", "*", "36"},
    {"observing", "●", "*", "36"}, {"paused", "◌", "~", "33"},   {"in-doubt", "◌", "~", "33"},
    {"ready", "◷", "o", "34"},     {"waiting", "·", ".", "90"},  {"dormant", "·", ".", "90"},
};

static const struct mark *mark_of(const char *status)
{
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (str_eq(marks[i].status, status))
            return &marks[i];
    return &marks[COUNT_OF(marks) - 1];
}

static bool is(const json_t *step, const char *status)
{
    return str_eq(json_str(step, "status", ""), status);
}

static bool settled(const json_t *step)
{
    return is(step, "done") || is(step, "skipped") || is(step, "failed");
}

/* A step that has not begun, or only exists for a case that has not come. */
static bool idle(const json_t *step)
{
    return is(step, "waiting") || is(step, "dormant");
}

void stage_cell(struct buf *out, const char *text, int columns)
{
    int used = 0;
    const char *p = text;
    if (str_columns(text) > columns && columns > 1) {
        char one[8];
        while (*p) {
            size_t n = 1;
            while (((unsigned char)p[n] & 0xC0) == 0x80)
                n++;
            memcpy(one, p, n < sizeof one ? n : sizeof one - 1);
            one[n < sizeof one ? n : sizeof one - 1] = '\0';
            int w = str_columns(one);
            if (used + w > columns - 1)
                break;
            buf_adds(out, one);
            used += w;
            p += n;
        }
        buf_adds(out, "…");
        used++;
    } else {
        buf_adds(out, text);
        used = str_columns(text);
    }
    for (; used < columns; used++)
        buf_addc(out, ' ');
}

static void paint(struct buf *out, const struct stage_look *look, const char *color, const char *text)
{
    if (look->color && *color)
        buf_printf(out, "\033[%sm%s\033[0m", color, text);
    else
        buf_adds(out, text);
}

static void put_mark(struct buf *out, const struct stage_look *look, const char *status)
{
    const struct mark *m = mark_of(status);
    paint(out, look, m->color, look->unicode ? m->unicode : m->ascii);
}

const char *stage_due(const json_t *change)
{
    static const char *const order[] = {"asking",   "unsure",    "failed", "in-doubt",
                                        "intended", "observing", "paused", "ready"};
    bool trouble = str_eq(json_str(change, "status", ""), "trouble");
    for (size_t o = 0; o < COUNT_OF(order); o++) {
        size_t i;
        json_t *step;
        json_array_foreach(json_object_get(change, "steps"), i, step)
            if (is(step, order[o]) && (!str_eq(order[o], "failed") || trouble))
                return json_str(step, "id", NULL);
    }
    return NULL;
}

static const json_t *step_named(const json_t *change, const char *id)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(change, "steps"), i, step)
        if (id && str_eq(json_str(step, "id", ""), id))
            return step;
    return NULL;
}

/* --- parts
 * --------------------------------------------------------------------------------------------------------------
 */

/* The last moment at which a rollback still fits the window. */
static void draw_decision_clock(const json_t *change, const struct stage_look *look, struct buf *out,
                                struct arena *a)
{
    const json_t *rollback = json_path(change, "trouble.rollback");
    if (!json_object_get(rollback, "left_ms") || !json_flag(change, "deploying", false))
        return;
    int64_t left = json_int(rollback, "left_ms", 0);
    char *takes = duration_text(json_int(rollback, "takes_ms", 0), a);
    struct buf w = {0};
    stage_cell(&w,
               left > 0
                   ? arena_printf(a, "a rollback takes about %s (%s): it fits the window for another %s",
                                  takes, json_str(rollback, "takes_from", "a guess"), duration_text(left, a))
                   : arena_printf(a, "a rollback takes about %s (%s): it no longer fits the window", takes,
                                  json_str(rollback, "takes_from", "a guess")),
               look->width);
    paint(out, look, left > MINUTES(10) ? "33" : "31;1", str_trim(w.data));
    buf_addc(out, '\n');
    buf_free(&w);
}

static void draw_head(const json_t *change, const struct stage_look *look, struct buf *out, struct arena *a)
{
    struct buf line = {0};
    buf_printf(&line, "%s  %s/%s ", json_str(change, "id", "?"), json_str(change, "client", "?"),
               json_str(change, "env", "?"));
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(change, "services"), i, s)
        buf_printf(&line, "%s %s %s", i ? "," : "", json_str(s, "service", "?"), json_str(s, "tag", "?"));
    const char *status = json_str(change, "status", "?");
    if (str_eq(status, "ended"))
        status = json_str(change, "outcome", status);
    int64_t from = json_int(change, "started", 0), to = json_int(change, "ended", 0);
    if (!to)
        to = json_int(change, "now", from);
    char *state = arena_printf(a, "%s  %s", status, from ? duration_short(to - from, a) : "");
    struct buf cell = {0};
    stage_cell(&cell, buf_str(&line), look->width - str_columns(state) - 1);
    paint(out, look, "1", buf_str(&cell));
    buf_addc(out, ' ');
    paint(out, look, str_eq(status, "trouble") ? "31;1" : str_eq(status, "done") ? "32;1" : "1", state);
    buf_addc(out, '\n');
    buf_free(&cell);
    buf_free(&line);
    const char *window = json_str(change, "window.text", json_str(change, "facts.window.text", ""));
    const char *behind = json_str(change, "queue_behind", "");
    const char *trouble = json_str(change, "trouble.reason", "");
    if (*window || *behind) {
        struct buf w = {0};
        stage_cell(&w, arena_printf(a, "window %s%s%s", window, *behind ? "   waits for " : "", behind),
                   look->width);
        paint(out, look, "90", str_trim(w.data));
        buf_addc(out, '\n');
        buf_free(&w);
    }
    if (str_eq(status, "trouble")) {
        struct buf w = {0};
        stage_cell(&w, arena_printf(a, "in trouble: %s", trouble), look->width);
        paint(out, look, "31", str_trim(w.data));
        buf_addc(out, '\n');
        buf_free(&w);
        draw_decision_clock(change, look, out, a);
    }
}

/* What stands right of the id: the title, or what is waited for and why. */
static const char *says_of(const json_t *step, struct arena *a)
{
    const char *title = json_str(step, "title", ""), *waits = json_str(step, "waits", NULL);
    const char *because = json_str(step, "because", NULL), *view = json_str(step, "view.says", NULL);
    /* A condition of the page is not news; a person's reason, or a fault, is. */
    bool condition = because && str_starts(because, "its condition does not hold");
    if ((is(step, "skipped") || is(step, "failed") || is(step, "paused")) && because && !condition)
        return arena_printf(a, "%s: %s", title, because);
    if (view && is(step, "observing"))
        return arena_printf(a, "%s: %s", title, view);
    if (waits)
        return arena_printf(a, "%s (%s)", title, waits);
    return title;
}

static const char *time_of(const json_t *change, const json_t *step, struct arena *a)
{
    int64_t began = json_int(step, "began", 0), ended = json_int(step, "ended", 0);
    if (!began || is(step, "skipped"))
        return "";
    if (!settled(step))
        ended = json_int(change, "now", began);
    return ended >= began ? duration_short(ended - began, a) : "";
}

static void draw_stages(const json_t *step, const struct stage_look *look, struct buf *out, struct arena *a)
{
    const json_t *stages = json_path(step, "view.stages");
    int used = 0, indent = 6;
    size_t i;
    json_t *stage;
    json_array_foreach((json_t *)stages, i, stage) {
        static const char *const to_mark[][2] = {
            {"SUCCESS", "done"},        {"FAILED", "failed"},   {"IN_PROGRESS", "observing"},
            {"ABORTED", "failed"},      {"UNSTABLE", "paused"}, {"PAUSED_PENDING_INPUT", "asking"},
            {"NOT_EXECUTED", "waiting"}};
        const char *status = json_str(stage, "status", ""), *mark = "waiting";
        for (size_t m = 0; m < COUNT_OF(to_mark); m++)
            if (str_eq(to_mark[m][0], status))
                mark = to_mark[m][1];
        int64_t took = json_int(stage, "took_ms", 0);
        char *text = arena_printf(a, " %s%s%s", json_str(stage, "name", "?"), took ? " " : "",
                                  took ? duration_short(took, a) : "");
        int columns = str_columns(text) + 3;
        if (used && indent + used + columns > look->width) {
            buf_addc(out, '\n');
            used = 0;
        }
        if (!used)
            buf_printf(out, "%*s", indent, "");
        put_mark(out, look, mark);
        buf_adds(out, text);
        buf_adds(out, "  ");
        used += columns;
    }
    if (used)
        buf_addc(out, '\n');
}

static void draw_step(const json_t *change, const json_t *step, bool due, const struct stage_look *look,
                      struct buf *out, struct arena *a)
{
    int id_columns = look->width >= 70 ? ID_COLUMNS : look->width / 3;
    int rest = look->width - 4 - id_columns - 1 - TIME_COLUMNS - 1;
    struct buf cell = {0};
    buf_adds(out, due ? (look->unicode ? "▸ " : "> ") : "  ");
    put_mark(out, look, json_str(step, "status", ""));
    buf_addc(out, ' ');
    stage_cell(&cell, json_str(step, "id", "?"), id_columns);
    paint(out, look, due ? "1" : idle(step) ? "90" : "", buf_str(&cell));
    buf_clear(&cell);
    buf_addc(out, ' ');
    stage_cell(&cell, says_of(step, a), rest > 1 ? rest : 1);
    bool quiet = idle(step) || is(step, "skipped");
    paint(out, look,
          is(step, "failed")   ? "31"
          : is(step, "asking") ? "33"
          : quiet              ? "90"
                               : "",
          buf_str(&cell));
    buf_printf(out, " %*s\n", TIME_COLUMNS, time_of(change, step, a));
    buf_free(&cell);
    if (is(step, "observing") && json_array_size(json_path(step, "view.stages")) > 0)
        draw_stages(step, look, out, a);
}

/* --- prose
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Markdown prose as a person reads it in a terminal: link targets and markers go. */
static char *plain(const char *prose, struct arena *a)
{
    struct buf b = {0};
    for (const char *p = prose; *p; p++) {
        if (*p == '*' || *p == '`' || *p == '[')
            continue;
        if (*p == ']' && p[1] == '(') {
            const char *end = strchr(p, ')');
            if (end) {
                p = end;
                continue;
            }
        }
        if (*p == ']')
            continue;
        buf_addc(&b, *p == '\n' || *p == '\t' ? ' ' : *p);
    }
    char *text = arena_strdup(a, str_trim(buf_str(&b)[0] ? b.data : (char[1]){0}));
    buf_free(&b);
    return text;
}

/* One line of the text, without its break, filled. */
static int wrap_line(struct buf *out, char *text, int indent, int width, int lines)
{
    struct buf line = {0};
    int used = 0, made = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word && made < lines; word = strtok_r(NULL, " ", &save)) {
        int w = str_columns(word);
        if (used && used + 1 + w > width - indent) {
            buf_printf(out, "%*s%s%s\n", indent, "", buf_str(&line), made == lines - 1 ? " …" : "");
            buf_clear(&line);
            used = 0;
            made++;
        }
        buf_printf(&line, "%s%s", used ? " " : "", word);
        used += w + (used ? 1 : 0);
    }
    if (used && made < lines) {
        buf_printf(out, "%*s%s\n", indent, "", buf_str(&line));
        made++;
    }
    buf_free(&line);
    return made;
}

int stage_wrap(struct buf *out, const char *text, int indent, int width, int lines)
{
    _cleanup_arena_ struct arena a = arena_make();
    int made = 0;
    while (*text && made < lines) {
        size_t n = strcspn(text, "\n");
        made += wrap_line(out, arena_strndup(&a, text, n), indent, width, lines - made);
        text += n + (text[n] == '\n');
    }
    return made;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------------------
 */

static int lines_in(const struct buf *b)
{
    int n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

/* Is the step worth a line? Steps for cases that have not come, and made ones that sleep, are not. */
static bool shown(const json_t *step)
{
    bool main = str_eq(json_str(step, "branch", "main"), "main");
    bool made = json_object_get(step, "of") != NULL;
    if ((!main || made) && (idle(step) || (made && is(step, "skipped")) || (made && is(step, "ready"))))
        return false;
    return main || !is(step, "skipped") || json_flag(step, "active", false);
}

/* Draws the steps; `fold` > 0 leaves out so many settled ones from the top, `below` shows at most so many
 * idle ones. */
static int draw_steps(const json_t *change, const char *due, const struct stage_look *look, int fold,
                      int below, struct buf *out, struct arena *a)
{
    const char *section = "";
    int folded = 0, waiting = 0, hidden = 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(change, "steps"), i, step) {
        if (!shown(step))
            continue;
        bool is_due = due && str_eq(json_str(step, "id", ""), due);
        if (settled(step) && !is_due && folded < fold) {
            folded++;
            continue;
        }
        if (folded && folded == fold) {
            paint(out, look, "90",
                  arena_printf(a, "  %s %d steps settled\n", look->unicode ? "✔" : "+", folded));
            fold = -1;
        }
        if (idle(step) && ++waiting > below) {
            hidden++;
            continue;
        }
        const char *here = json_str(step, "section", "");
        if (!str_eq(here, section) && look->height == 0) {
            paint(out, look, "1", arena_printf(a, " %s\n", here));
            section = here;
        }
        draw_step(change, step, is_due, look, out, a);
    }
    if (hidden)
        paint(out, look, "90", arena_printf(a, "  %s %d more steps\n", look->unicode ? "·" : ".", hidden));
    return folded;
}

static int count_settled(const json_t *change)
{
    int n = 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(change, "steps"), i, step)
        n += shown(step) && settled(step);
    return n;
}

void stage_draw(const json_t *change, const struct stage_look *look, struct buf *out)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf head = {0}, steps = {0}, prose = {0};
    const char *due = stage_due(change);
    const json_t *step = step_named(change, due);
    draw_head(change, look, &head, &a);
    buf_addc(&head, '\n');
    if (step && *json_str(step, "prose", "")) {
        struct buf title = {0};
        stage_cell(&title,
                   arena_printf(&a, "  %s %s", look->unicode ? "──" : "--", json_str(step, "title", "")),
                   look->width);
        buf_addc(&prose, '\n');
        paint(&prose, look, "90", str_trim(title.data));
        buf_addc(&prose, '\n');
        buf_free(&title);
        stage_wrap(&prose, plain(json_str(step, "prose", ""), &a), 4,
                   look->width < PROSE_COLUMNS ? look->width : PROSE_COLUMNS, PROSE_LINES);
    }
    int room = look->height ? look->height - lines_in(&head) - lines_in(&prose) : 0;
    draw_steps(change, due, look, 0, STEP_LINES_ALL, &steps, &a);
    if (look->height && lines_in(&steps) > room) {
        /* First what has not begun is cut to a few, then what is settled is folded, as far as needed. */
        int below = 5, fold = 0, settled_ones = count_settled(change);
        do {
            buf_clear(&steps);
            draw_steps(change, due, look, fold, below, &steps, &a);
            int over = lines_in(&steps) - room;
            if (over <= 0)
                break;
            if (fold < settled_ones)
                fold = fold + over + 1 > settled_ones ? settled_ones : fold + over + 1;
            else if (below > 0)
                below--;
            else
                break;
        } while (true);
    }
    buf_adds(out, buf_str(&head));
    buf_adds(out, buf_str(&steps));
    buf_adds(out, buf_str(&prose));
}
