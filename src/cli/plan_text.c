#include "cli/plan_text.h"

#include "base/instant.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text {
    struct buf *b;
    struct arena *a;
    const char *zone, *reader;
    int64_t now;
};

const char *reader_zone(struct arena *a)
{
    static const char marker[] = "/zoneinfo/";
    const char *tz = getenv("TZ");
    if (tz && *tz == ':')
        tz++;
    if (tz && *tz && zone_check(tz, NULL))
        return arena_strdup(a, tz);
    char target[512];
    ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
    if (n <= 0)
        return "UTC";
    target[n] = '\0';
    const char *name = strstr(target, marker);
    name = name ? name + sizeof marker - 1 : "UTC";
    return zone_check(name, NULL) ? arena_strdup(a, name) : "UTC";
}

/* --- moments
 * ----------------------------------------------------------------------------------------------------------------------- */

/* In the client's zone, and in the reader's where its clocks show something else. */
static const char *moment(const struct text *t, int64_t at)
{
    struct civil theirs, ours;
    const char *text = instant_text(at, t->zone, t->now, t->a);
    if (!instant_to_civil(at, t->zone, &theirs, NULL) || !instant_to_civil(at, t->reader, &ours, NULL) ||
        theirs.offset_s == ours.offset_s)
        return text;
    return arena_printf(t->a, "%s (%s for you)", text, instant_text(at, t->reader, t->now, t->a));
}

static const char *moment_of_step(const struct text *t, int64_t at)
{
    return at <= t->now + MINUTES(1) ? "at once" : moment(t, at);
}

/* Text with every line behind `by`. */
static void indented(struct buf *b, const char *text, const char *by)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        buf_printf(b, "%s%.*s\n", by, (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static void joined(struct buf *b, const json_t *list, const char *between)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one)
        buf_printf(b, "%s%s", i ? between : "", json_is_string(one) ? json_string_value(one) : "?");
}

/* --- the parts
 * ------------------------------------------------------------------------------------------------------------------- */

static void head(const struct text *t, const json_t *v)
{
    const json_t *f = json_object_get(v, "facts");
    size_t i;
    json_t *s;
    buf_printf(t->b, "%s: %s/%s, window %s\n", json_str(v, "title", "Plan"), json_str(f, "client.id", "?"),
               json_str(f, "env.name", "?"), json_str(f, "window.text", "not given"));
    int64_t from = json_int(f, "window.from", 0);
    const char *shown = from ? moment(t, from) : "";
    if (strstr(shown, "for you"))
        buf_printf(t->b, "  begins %s\n", shown);
    json_array_foreach(json_object_get(f, "services"), i, s)
        buf_printf(t->b, "  %s %s\n", json_str(s, "service", "?"), json_str(s, "tag", "?"));
    if (*json_str(f, "change.reason", ""))
        buf_printf(t->b, "  severity %lld, risk %s: %s\n", (long long)json_int(f, "change.severity", 0),
                   json_str(f, "change.risk", "not said"), json_str(f, "change.reason", ""));
}

static void question(const struct text *t, const json_t *q)
{
    bool blocks = json_flag(q, "blocks", false);
    const char *role = json_str(q, "overrule", "nobody"), *overruled = json_str(q, "overruled", NULL);
    buf_printf(t->b, "  %s %-9s %s\n",
               overruled ? "-"
               : blocks  ? "!"
                         : "?",
               json_str(q, "about", "?"), json_str(q, "says", ""));
    if (json_str(q, "proposal", NULL))
        buf_printf(t->b, "              %s\n", json_str(q, "proposal", ""));
    if (json_path(q, "better.window"))
        buf_printf(t->b, "              --window \"%s\"\n", json_str(q, "better.window", ""));
    if (overruled)
        buf_printf(t->b, "              overruled: %s\n", overruled);
    else if (blocks && str_eq(role, "nobody"))
        buf_adds(t->b, "              It stops the plan, and nobody may overrule it.\n");
    else if (blocks)
        buf_printf(
            t->b,
            "              It stops the plan, unless somebody with the role %s overrules it: --overrule %s=REASON\n",
            role, json_str(q, "about", "?"));
}

static void questions(const struct text *t, const json_t *v)
{
    size_t i;
    json_t *q;
    const json_t *list = json_object_get(v, "questions"), *unknown = json_object_get(v, "unknown"),
                 *problems = json_object_get(v, "problems");
    if (json_array_size(list) > 0)
        buf_adds(t->b, "\nQuestions\n");
    json_array_foreach((json_t *)list, i, q)
        question(t, q);
    if (json_array_size(unknown) > 0)
        buf_adds(t->b, "\nCould not be found out\n");
    json_array_foreach((json_t *)unknown, i, q)
        buf_printf(t->b, "  %s: %s\n", json_str(q, "what", "?"), json_str(q, "says", ""));
    if (json_array_size(problems) > 0)
        buf_adds(t->b, "\nProblems\n");
    json_array_foreach((json_t *)problems, i, q)
        buf_printf(t->b, "  %s: %s\n", json_str(q, "step", "the change"), json_str(q, "says", ""));
}

static bool same_message(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "text", ""), json_str(b, "text", "")) &&
           str_eq(json_str(a, "how", ""), json_str(b, "how", ""));
}

/* Readers of one and the same message stand together above it. */
static void messages(const struct text *t, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list);) {
        const json_t *m = json_array_get(list, i);
        buf_printf(t->b, "      to %s", json_str(m, "reader", "?"));
        for (i++; i < json_array_size(list) && same_message(m, json_array_get(list, i)); i++)
            buf_printf(t->b, ", %s", json_str(json_array_get(list, i), "reader", "?"));
        buf_printf(t->b, " (%s)", json_str(m, "how", ""));
        if (json_array_size(json_object_get(m, "mention")) > 0) {
            buf_adds(t->b, ", mentions ");
            joined(t->b, json_object_get(m, "mention"), ", ");
        }
        buf_adds(t->b, ":\n");
        indented(t->b, json_str(m, "text", ""), "      | ");
    }
}

static void asked(const struct text *t, const json_t *v, const char *step)
{
    size_t i;
    json_t *q;
    json_array_foreach(json_object_get(v, "asks"), i, q) {
        if (!str_eq(json_str(q, "step", ""), step))
            continue;
        buf_printf(t->b, "      asks who has the role %s%s:\n", json_str(q, "role", "?"),
                   json_flag(q, "other", false) ? ", and has not requested the change" : "");
        indented(t->b, json_str(q, "question", ""), "      ? ");
        buf_adds(t->b, "        ");
        joined(t->b, json_object_get(q, "choices"), " / ");
        buf_addc(t->b, '\n');
        return;
    }
}

static void steps(const struct text *t, const json_t *v)
{
    const char *section = "";
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(v, "steps"), i, s) {
        const char *in = json_str(s, "section", ""), *id = json_str(s, "id", "?");
        if (!str_eq(section, in))
            buf_printf(t->b, "\n%s\n", in);
        section = in;
        if (json_flag(s, "skipped", false)) {
            buf_printf(t->b, "  - %-22s %s\n      left out: %s\n", id, json_str(s, "title", ""),
                       json_str(s, "because", ""));
            continue;
        }
        buf_printf(t->b, "  * %-22s %s\n      %s%s%s\n", id, json_str(s, "title", ""),
                   moment_of_step(t, json_int(s, "at", 0)), json_str(s, "does", NULL) ? ", " : "",
                   json_str(s, "does", ""));
        if (json_int(s, "due", 0))
            buf_printf(t->b, "      due by %s\n", moment(t, json_int(s, "due", 0)));
        asked(t, v, id);
        messages(t, json_object_get(s, "messages"));
    }
}

static void told(const struct text *t, const json_t *v)
{
    size_t i;
    json_t *w;
    const json_t *list = json_object_get(v, "told");
    if (json_array_size(list) > 0)
        buf_adds(t->b, "\nWho is told, and why\n");
    json_array_foreach((json_t *)list, i, w) {
        buf_printf(t->b, "  %s%s%s, first %s\n", json_str(w, "who", "?"), json_str(w, "as", NULL) ? ", " : "",
                   json_str(w, "as", ""), moment_of_step(t, json_int(w, "first", 0)));
        buf_adds(t->b, "      in ");
        joined(t->b, json_object_get(w, "steps"), ", ");
        buf_printf(t->b, "\n      %s\n", json_str(w, "why.0", ""));
    }
}

void plan_text(const json_t *preview, const char *zone, struct buf *out)
{
    _cleanup_arena_ struct arena a = arena_make();
    const struct text t = {.b = out,
                           .a = &a,
                           .zone = json_str(preview, "facts.client.zone", "UTC"),
                           .reader = zone,
                           .now = json_int(preview, "now", 0)};
    head(&t, preview);
    questions(&t, preview);
    steps(&t, preview);
    told(&t, preview);
}

/* --- the difference
 * ----------------------------------------------------------------------------------------------------------------- */

enum { LINES_MAX = 6000, AROUND = 3 };

struct lines {
    const char *at[LINES_MAX];
    size_t len[LINES_MAX];
    int n;
};

static void split(const char *text, struct lines *out)
{
    for (out->n = 0; *text && out->n < LINES_MAX; out->n++) {
        size_t n = strcspn(text, "\n");
        out->at[out->n] = text;
        out->len[out->n] = n;
        text += n + (text[n] == '\n');
    }
}

static bool same(const struct lines *a, int i, const struct lines *b, int k)
{
    return a->len[i] == b->len[k] && memcmp(a->at[i], b->at[k], a->len[i]) == 0;
}

struct edit {
    char sign;
    const char *at;
    int len;
};

static int put(struct edit *list, int n, char sign, const struct lines *l, int i)
{
    list[n] = (struct edit){sign, l->at[i], (int)l->len[i]};
    return n + 1;
}

/* The longest common part of what is left when the same beginning and end are set aside. */
static int edits_of(const struct lines *a, const struct lines *b, struct arena *mem, struct edit *out)
{
    int head_n = 0, tail = 0, n = 0;
    while (head_n < a->n && head_n < b->n && same(a, head_n, b, head_n))
        head_n++;
    while (tail < a->n - head_n && tail < b->n - head_n && same(a, a->n - 1 - tail, b, b->n - 1 - tail))
        tail++;
    int rows = a->n - head_n - tail, columns = b->n - head_n - tail, width = columns + 1;
    uint16_t *common = ARENA_ARRAY(mem, (size_t)(rows + 1) * (size_t)width, uint16_t);
#define COMMON(i, k) common[(size_t)(i) * (size_t)width + (size_t)(k)]
    for (int i = rows - 1; i >= 0; i--)
        for (int k = columns - 1; k >= 0; k--) {
            uint16_t down = COMMON(i + 1, k), right = COMMON(i, k + 1);
            COMMON(i, k) = same(a, head_n + i, b, head_n + k) ? (uint16_t)(COMMON(i + 1, k + 1) + 1)
                           : down > right                     ? down
                                                              : right;
        }
    for (int i = 0; i < head_n; i++)
        n = put(out, n, ' ', a, i);
    int i = 0, k = 0;
    while (i < rows || k < columns) {
        if (i < rows && k < columns && same(a, head_n + i, b, head_n + k)) {
            n = put(out, n, ' ', a, head_n + i++);
            k++;
        } else if (i < rows && (k == columns || COMMON(i + 1, k) >= COMMON(i, k + 1))) {
            n = put(out, n, '-', a, head_n + i++);
        } else {
            n = put(out, n, '+', b, head_n + k++);
        }
    }
#undef COMMON
    for (int m = a->n - tail; m < a->n; m++)
        n = put(out, n, ' ', a, m);
    return n;
}

static bool near_change(const struct edit *list, int n, int at)
{
    for (int i = at - AROUND < 0 ? 0 : at - AROUND; i < n && i <= at + AROUND; i++)
        if (list[i].sign != ' ')
            return true;
    return false;
}

void plan_diff(const char *before, const char *after, struct buf *out)
{
    if (str_eq(before, after))
        return;
    _cleanup_arena_ struct arena mem = arena_make();
    struct lines *a = ARENA_NEW(&mem, struct lines), *b = ARENA_NEW(&mem, struct lines);
    split(before, a);
    split(after, b);
    struct edit *list = ARENA_ARRAY(&mem, (size_t)(a->n + b->n) + 1, struct edit);
    int n = edits_of(a, b, &mem, list);
    bool shown = true;
    for (int i = 0; i < n; i++) {
        bool near = near_change(list, n, i);
        if (near)
            buf_printf(out, "%c %.*s\n", list[i].sign, list[i].len, list[i].at);
        else if (shown)
            buf_adds(out, "  ...\n");
        shown = near;
    }
}
