/* sheet.c: the ownership map as a Google Sheet: through its values API with a bearer token, or as the CSV
 * that a published sheet gives to whoever has its address.
 *
 * An export leads on to another host, which gets no credentials. A sheet is read at every look, as a file is,
 * but not more than once in half a minute: one step asks for several services, several steps follow each
 * other. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/flow.h"
#include "systems/owners.h"
#include <stdlib.h>
#include <string.h>

enum { KEPT_MS = 30000 };

struct sheet {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *path;  /* of the values, or of the CSV */
    const char *shown; /* the sheet in messages */
    bool is_csv;
    json_t *table; /* as last read, or NULL */
    int64_t read_ms;
};

/* --- reading
 * --------------------------------------------------------------------------------------------------- */

/* A cell is text, a number or a truth value, as the sheet has it. */
static char *cell(const json_t *value, struct arena *a)
{
    if (json_is_string(value))
        return arena_strdup(a, json_string_value(value));
    if (json_is_integer(value))
        return arena_printf(a, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(a, "%g", json_real_value(value));
    return arena_strdup(a, json_is_true(value) ? "TRUE" : json_is_false(value) ? "FALSE" : "");
}

/* Rows may be shorter than the first: empty cells at their ends are left out. */
static bool rows_of(const json_t *values, const char *shown, struct arena *a, struct csv *out,
                    struct error *err)
{
    size_t n = json_array_size(values);
    if (n > CSV_MAX_ROWS)
        return error_at(err, SB_LIMIT, shown, 0, 0, "more than %d rows", CSV_MAX_ROWS);
    *out = (struct csv){.rows = ARENA_ARRAY(a, n + 1, struct csv_row)};
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(values, i);
        size_t cells = json_array_size(row);
        if (cells == 0)
            continue;
        if (cells > CSV_MAX_FIELDS)
            return error_at(err, SB_LIMIT, shown, (int)i + 1, 0, "more than %d fields in a row",
                            CSV_MAX_FIELDS);
        struct csv_row *r = &out->rows[out->n++];
        *r = (struct csv_row){.fields = ARENA_ARRAY(a, cells, char *), .n = (int)cells, .line = (int)i + 1};
        for (size_t c = 0; c < cells; c++)
            r->fields[c] = cell(json_array_get(row, c), a);
    }
    return true;
}

static json_t *table_of_values(const struct sheet *s, const struct flow *f, const struct http_reply *reply,
                               struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, err);
    const json_t *values = json_object_get(answer, "values");
    struct csv t;
    if (!answer)
        return NULL;
    if (values && !json_is_array(values)) {
        (void)error_set(err, SB_PARSE, "%s: \"values\" is no list", s->shown);
        return NULL;
    }
    return rows_of(values, s->shown, &a, &t, err) ? owners_table(&t, s->shown, err) : NULL;
}

/* Who may not read a sheet is led to a page for signing in, with a good status: that is no table. */
static bool is_page(const struct http_reply *reply)
{
    return reply->content_type && str_starts(reply->content_type, "text/html");
}

static json_t *table_of_csv(const struct sheet *s, const struct flow *f, const struct http_reply *reply,
                            struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct csv t;
    if (!http_ok(f->peer, &f->request, reply, err))
        return NULL;
    if (is_page(reply)) {
        (void)error_set(
            err, SB_DENIED,
            "%s: a web page came instead of the table: share the sheet with everybody who has the "
            "link, or give its id and a token",
            s->shown);
        return NULL;
    }
    return csv_parse(reply->body, reply->body_len, s->shown, &a, &t, err) ? owners_table(&t, s->shown, err)
                                                                          : NULL;
}

/* The table of an answer, kept; or NULL and what is wrong. */
static const json_t *take_table(struct flow *f, const struct http_reply *reply, struct error *err)
{
    struct sheet *s = (struct sheet *)f->system;
    json_t *table = s->is_csv ? table_of_csv(s, f, reply, err) : table_of_values(s, f, reply, err);
    if (!table)
        return NULL;
    json_decref(s->table);
    s->table = table;
    s->read_ms = loop_wall_ms();
    return table;
}

static void ask(struct flow *f, void (*then)(struct flow *, const struct http_reply *))
{
    const struct sheet *s = (const struct sheet *)f->system;
    struct http_request r = {.method = "GET",
                             .what = "read the ownership map",
                             .path = s->path,
                             .repeatable = true,
                             .follow = true,
                             .follow_away = s->is_csv,
                             .body_max = CSV_MAX_BYTES};
    flow_send(f, &r, then);
}

/* --- lookup
 * ---------------------------------------------------------------------------------------------------- */

static bool is_json(const struct flow *f, const struct http_reply *reply)
{
    struct error ignored = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &ignored);
    return answer != NULL;
}

static void on_table(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    const json_t *table = take_table(f, reply, &err);
    bool whole = reply->error.code == SB_OK && reply->status >= 200 && reply->status < 300;
    bool garbled = !((const struct sheet *)f->system)->is_csv && !is_json(f, reply);
    char text[ERROR_TEXT_MAX + 256];
    if (table)
        flow_done(f, owners_lookup(table, json_object_get(f->effect.args, "services")));
    else if (whole && err.code != SB_OK &&
             !garbled) /* it came, and is no table: that does not pass by itself */
        flow_ends(f, OUTCOME_FAILED, err.code, "ownership map: %s", error_format(&err, text, sizeof text));
    else
        flow_failed_look(f, reply);
}

static struct task *lookup(struct system *system, const struct effect *e, outcome_fn *done,
                           progress_fn *progress, void *ctx)
{
    const struct sheet *s = (const struct sheet *)system;
    int64_t age = loop_wall_ms() - s->read_ms;
    if (s->table && age >= 0 && age < KEPT_MS)
        return task_done(system, done, ctx, owners_lookup(s->table, json_object_get(e->args, "services")));
    struct flow *f = flow_new(sizeof *f, system, s->peer, e, done, progress, ctx);
    ask(f, on_table);
    return &f->task;
}

/* --- doctor
 * ---------------------------------------------------------------------------------------------------- */

static void on_visit(struct flow *f, const struct http_reply *reply)
{
    struct checks *c = (struct checks *)f;
    struct error err = ERROR_NONE;
    char text[ERROR_TEXT_MAX + 256];
    const json_t *table = take_table(f, reply, &err);
    if (table)
        checks_add(c, CHECK_OK, "may read the ownership map", "%zu services", json_object_size(table));
    else
        checks_add(c, CHECK_FAIL, "may read the ownership map", "%s", error_format(&err, text, sizeof text));
    checks_end(c);
}

static void check(struct system *system, check_fn *done, void *ctx)
{
    struct checks *c = checks_new(sizeof *c, system, ((struct sheet *)system)->peer, done, ctx);
    ask(&c->f, on_visit);
}

/* --- configuration
 * --------------------------------------------------------------------------------------------- */

static void sheet_close(struct system *system)
{
    struct sheet *s = (struct sheet *)system;
    tasks_cancel(system);
    if (s->peer)
        http_peer_free(s->peer);
    json_decref(s->table);
    arena_free(&s->arena);
    free(s);
}

/* An address is split where its host ends: the peer has the origin, the path may hold a query. */
static bool split_address(struct sheet *s, const struct yaml *y, const char *file, const char **origin,
                          struct error *err)
{
    const char *text = y->kind == YAML_SCALAR ? y->text : "";
    const char *host = str_starts(text, "https://")  ? text + 8
                       : str_starts(text, "http://") ? text + 7
                                                     : NULL;
    const char *path = host ? strchr(host, '/') : NULL;
    if (!path || path == host || strpbrk(text, " \t\r\n#"))
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "csv: expected the address of the sheet's CSV, such as "
                        "https://docs.google.com/spreadsheets/d/ID/export?format=csv&gid=0");
    *origin = arena_strndup(&s->arena, text, (size_t)(path - text));
    s->path = arena_strdup(&s->arena, path);
    s->shown = arena_printf(&s->arena, "%.*s", (int)strcspn(text, "?"), text);
    s->is_csv = true;
    return true;
}

static bool read_values_path(struct sheet *s, const struct yaml *config, const char *file, struct error *err)
{
    const char *id = config_need(config, file, "sheet", "the spreadsheet's id, or \"csv\", an address", err);
    if (!id || !config_need(config, file, "token", "a reference such as file:/path", err))
        return false;
    const char *range = config_str(config, "range", "A:Z");
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path, "/v4/spreadsheets/");
    buf_add_url(&path, id);
    buf_adds(&path, "/values/");
    buf_add_url(&path, range);
    buf_adds(&path, "?majorDimension=ROWS");
    s->path = arena_strdup(&s->arena, buf_str(&path));
    s->shown = arena_printf(&s->arena, "sheet %.100s, %.100s", id, range);
    return true;
}

static bool configure(struct sheet *s, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {.name = "sheet",
                                         .base_url = "https://sheets.googleapis.com",
                                         .per_second = 1,
                                         .burst = 3,
                                         .total_ms = (int)SECONDS(30)};
    const struct yaml *csv = yaml_get(config, "csv");
    if (csv && yaml_get(config, "sheet"))
        return error_at(err, SB_PARSE, file, csv->line, csv->column,
                        "either \"sheet\" (with a token) or \"csv\" (an address), not both");
    if (csv ? !split_address(s, csv, file, &defaults.base_url, err) : !read_values_path(s, config, file, err))
        return false;
    if (!config_peer(config, file, &defaults, &s->arena, &o, err))
        return false;
    s->peer = http_peer_new(s->system.around->http, &o, err);
    return s->peer != NULL;
}

static struct system *sheet_open(const struct driver *d, const struct yaml *config, const char *file,
                                 struct surroundings *around, struct error *err)
{
    struct sheet *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->system = (struct system){.driver = d, .name = d->name, .around = around};
    s->arena = arena_make();
    if (configure(s, config, file, err))
        return &s->system;
    sheet_close(&s->system);
    return NULL;
}

static const char *const keys[] = {CONFIG_PEER_KEYS, "sheet", "range", "csv", NULL};

const struct driver sheet_driver = {
    .role = ROLE_OWNERS,
    .name = "sheet",
    .says = "reads who owns a service from a Google Sheet",
    .keys = keys,
    .open = sheet_open,
    .close = sheet_close,
    .check = check,
    .verbs =
        {
            {.verb = "lookup", .perform = lookup},
            {.verb = NULL},
        },
};
