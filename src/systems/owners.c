/* owners.c: the ownership table and its text form. See owners.h. */
#include "systems/owners.h"
#include "base/buf.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- RFC 4180 --------------------------------------------------------------------------------- */

struct reader {
    const char *p, *end, *line_start;
    int line;
    const char *file;
    struct arena *a;
    struct error *err;
};

static bool wrong(const struct reader *r, enum error_code code, const char *says)
{
    return error_at(r->err, code, r->file, r->line, (int)(r->p - r->line_start) + 1, "%s", says);
}

static void next_line(struct reader *r)
{
    r->line++;
    r->line_start = r->p;
}

static bool at_line_end(const struct reader *r)
{
    return r->p == r->end || *r->p == '\n' || (*r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n');
}

static void skip_line_end(struct reader *r)
{
    if (r->p < r->end && *r->p == '\r')
        r->p++;
    if (r->p < r->end)
        r->p++;
    next_line(r);
}

static char *read_plain(struct reader *r)
{
    const char *from = r->p;
    while (r->p < r->end && *r->p != ',' && !at_line_end(r)) {
        if (*r->p == '"') {
            (void)wrong(r, SB_PARSE,
                        "a quote inside a field that does not begin with one: quote the whole field and "
                        "double the quote");
            return NULL;
        }
        r->p++;
    }
    return arena_strndup(r->a, from, (size_t)(r->p - from));
}

static char *read_quoted(struct reader *r)
{
    struct reader begin = *r;
    _cleanup_buf_ struct buf text = {0};
    r->p++;
    for (;;) {
        if (r->p == r->end) {
            begin.err = r->err;
            (void)wrong(&begin, SB_PARSE, "this quoted field never ends");
            return NULL;
        }
        if (*r->p == '"') {
            r->p++;
            if (r->p == r->end || *r->p != '"')
                break;
        }
        buf_addc(&text, *r->p);
        if (*r->p++ == '\n')
            next_line(r);
    }
    if (r->p < r->end && *r->p != ',' && !at_line_end(r)) {
        (void)wrong(r, SB_PARSE, "expected a comma or the end of the line after a quoted field");
        return NULL;
    }
    return arena_strndup(r->a, buf_str(&text), text.len);
}

static bool read_row(struct reader *r, struct csv_row *row)
{
    char *fields[CSV_MAX_FIELDS];
    *row = (struct csv_row){.line = r->line};
    for (;;) {
        if (row->n == CSV_MAX_FIELDS)
            return wrong(r, SB_LIMIT, "more than 256 fields in a row");
        char *field = r->p < r->end && *r->p == '"' ? read_quoted(r) : read_plain(r);
        if (!field)
            return false;
        fields[row->n++] = field;
        if (r->p == r->end || *r->p != ',')
            break;
        r->p++;
    }
    row->fields = ARENA_ARRAY(r->a, (size_t)row->n, char *);
    memcpy(row->fields, fields, (size_t)row->n * sizeof fields[0]);
    return true;
}

bool csv_parse(const char *text, size_t n, const char *file, struct arena *a, struct csv *out,
               struct error *err)
{
    *out = (struct csv){0};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    struct reader r = {
        .p = text, .end = text + n, .line_start = text, .line = 1, .file = file, .a = a, .err = err};
    if (n > CSV_MAX_BYTES)
        return wrong(&r, SB_LIMIT, "larger than 8 MiB");
    if (!str_is_utf8(text, n) || memchr(text, 0, n))
        return wrong(&r, SB_PARSE, "not UTF-8 text");
    int room = 0;
    while (r.p < r.end) {
        if (at_line_end(&r)) {
            skip_line_end(&r);
            continue;
        }
        if (out->n == CSV_MAX_ROWS)
            return wrong(&r, SB_LIMIT, "more than 100,000 rows");
        if (out->n == room) {
            struct csv_row *more = ARENA_ARRAY(a, (size_t)(room ? 2 * room : 64), struct csv_row);
            if (room)
                memcpy(more, out->rows, (size_t)room * sizeof *more);
            out->rows = more;
            room = room ? 2 * room : 64;
        }
        if (!read_row(&r, &out->rows[out->n]))
            return false;
        out->n++;
        if (r.p < r.end)
            skip_line_end(&r);
    }
    return true;
}

/* --- owners ----------------------------------------------------------------------------------- */

static const char *const columns[] = {"service", "team", "channel", "schedule", "people", NULL};
enum { COL_SERVICE, COL_TEAM, COL_CHANNEL, COL_SCHEDULE, COL_PEOPLE, COLS };

static bool read_header(const struct csv_row *row, const char *file, int at[COLS], struct error *err)
{
    for (int c = 0; c < COLS; c++) {
        at[c] = -1;
        for (int i = 0; i < row->n && at[c] < 0; i++)
            if (strcasecmp(str_trim(row->fields[i]), columns[c]) == 0)
                at[c] = i;
    }
    if (at[COL_SERVICE] >= 0)
        return true;
    return error_at(err, SB_MISSING, file, row->line, 1,
                    "the first row names the columns, and there is no column \"service\" (known: service, "
                    "team, channel, schedule, people)");
}

static const char *field(const struct csv_row *row, int column)
{
    return column >= 0 && column < row->n ? str_trim(row->fields[column]) : "";
}

static json_t *people_of(const char *text)
{
    json_t *people = json_array();
    while (*(text += strspn(text, "; \t\r\n"))) {
        size_t n = strcspn(text, "; \t\r\n");
        json_array_append_new(people, json_stringn(text, n));
        text += n;
    }
    return people;
}

static char *lower(const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

static bool add_owner(json_t *table, const struct csv_row *row, const int at[COLS], const char *file,
                      struct error *err)
{
    const char *service = field(row, at[COL_SERVICE]);
    if (!*service)
        return true;
    char *key = lower(service);
    bool twice = json_object_get(table, key) != NULL;
    if (!twice)
        json_object_set_new(table, key,
                            json_pack("{s:s, s:s, s:s, s:s, s:o}", "service", service, "team",
                                      field(row, at[COL_TEAM]), "channel", field(row, at[COL_CHANNEL]),
                                      "schedule", field(row, at[COL_SCHEDULE]), "people",
                                      people_of(field(row, at[COL_PEOPLE]))));
    free(key);
    return !twice || error_at(err, SB_PARSE, file, row->line, 1,
                              "\"%s\" has an owner already, in a row above", service);
}

json_t *owners_table(const struct csv *t, const char *file, struct error *err)
{
    int at[COLS];
    if (t->n == 0) {
        (void)error_at(err, SB_MISSING, file, 1, 1, "empty: the first row names the columns");
        return NULL;
    }
    if (!read_header(&t->rows[0], file, at, err))
        return NULL;
    json_t *table = json_object();
    for (int i = 1; i < t->n; i++)
        if (!add_owner(table, &t->rows[i], at, file, err)) {
            json_decref(table);
            return NULL;
        }
    return table;
}

json_t *owners_lookup(const json_t *table, const json_t *services)
{
    json_t *owners = json_array(), *unknown = json_array();
    size_t i;
    json_t *name;
    json_array_foreach((json_t *)services, i, name) {
        const char *text = json_is_string(name) ? json_string_value(name) : json_str(name, "service", "");
        char *key = lower(text);
        json_t *row = json_object_get(table, key);
        free(key);
        if (row)
            json_array_append(owners, row);
        else
            json_array_append_new(unknown, json_string(text));
    }
    return json_pack("{s:o, s:o}", "owners", owners, "unknown", unknown);
}
