/* report_graph.c: health before and after, as a picture that needs nothing beside itself. */
#include "engine/inside.h"

enum { ROW = 58, LEFT = 210, WIDE = 420, RIGHT = 130, ROWS_MOST = 40 };

static void text_at(struct buf *b, int x, int y, const char *class, const char *text)
{
    buf_printf(b, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
    buf_add_html(b, text);
    buf_adds(b, "</text>\n");
}

static void value_text(const json_t *value, const char *unit, char *out, size_t n)
{
    if (json_is_number(value))
        (void)snprintf(out, n, "%.4g %s", json_number_value(value), unit);
    else
        (void)snprintf(out, n, "not known");
}

/* Never wider than the picture, whatever was measured. */
static int wide(const json_t *value, double most)
{
    double v = json_is_number(value) ? json_number_value(value) : 0;
    return v > 0 && most > 0 && v <= most ? (int)(v / most * WIDE) : v > most ? WIDE : 0;
}

static void bar(struct buf *b, int y, const char *class, const json_t *value, double most, const char *unit)
{
    char text[96];
    value_text(value, unit, text, sizeof text);
    int w = wide(value, most);
    buf_printf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"14\" class=\"%s\"/>\n", LEFT, y,
               w > 0 ? w : 1, class);
    text_at(b, LEFT + w + 8, y + 12, "value", text);
}

static double most_of(const json_t *m)
{
    static const char *const keys[] = {"before", "after", "max"};
    double most = 0;
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (json_num(m, keys[i], 0) > most)
            most = json_num(m, keys[i], 0);
    return most;
}

static void add_row(struct buf *b, const json_t *m, int y)
{
    double most = most_of(m), limit = json_num(m, "max", 0);
    const char *unit = json_str(m, "unit", "");
    text_at(b, 0, y + 14, "name", json_str(m, "name", "?"));
    bar(b, y, "before", json_object_get(m, "before"), most, unit);
    bar(b, y + 18, json_flag(m, "ok", true) ? "after" : "after bad", json_object_get(m, "after"), most, unit);
    if (limit > 0 && most > 0) {
        int x = LEFT + (int)(limit / most * WIDE);
        buf_printf(b, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"limit\"/>\n", x, y - 4, x,
                   y + 36);
    }
}

char *report_graph(const json_t *measures)
{
    struct buf b = {0};
    size_t n = json_array_size(measures), i;
    json_t *m;
    if (n == 0)
        return NULL;
    if (n > ROWS_MOST)
        n = ROWS_MOST;
    buf_printf(
        &b,
        "<svg class=\"health\" viewBox=\"0 0 %d %zu\" role=\"img\" aria-label=\"Health before and after\">\n"
        "<title>Health before (grey) and after (green, red when not healthy); the line is the limit</title>\n",
        LEFT + WIDE + RIGHT, n * ROW + 10);
    json_array_foreach((json_t *)measures, i, m)
        if (i < n)
            add_row(&b, m, (int)(i * ROW + 10));
    buf_adds(&b, "</svg>\n");
    return buf_steal(&b);
}
