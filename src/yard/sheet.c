/* Google Sheets: the ownership map, by its values and as the CSV that its export leads to on another host. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/route.h"
#include <string.h>

#define SHEET "1yard-owners"

static const char *const columns[] = {"service", "team", "channel", "schedule", "people"};

static void refuse(struct call *c, int status, const char *name, const char *message)
{
    call_answer(
        c, status,
        json_pack("{s:{s:i, s:s, s:s}}", "error", "code", status, "message", message, "status", name));
}

/* The rows, with empty cells at their ends left out, as the real one does. */
static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)now;
    json_t *rows = json_array(), *first = json_array(), *s;
    const char *service;
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        json_array_append_new(first, json_string(columns[i]));
    json_array_append_new(rows, first);
    json_object_foreach(json_object_get(scenario, "services"), service, s) {
        const char *team = json_str(s, "team", "");
        _cleanup_buf_ struct buf people = {0};
        buf_printf(&people, "on-call.%s@example.com", team);
        json_array_append_new(
            rows, json_pack("[s, s, s, s, s]", service, team, "incident", team, buf_str(&people)));
    }
    return json_pack("{s:o}", "rows", rows);
}

static void values(struct call *c)
{
    if (!call_signed_in(c, "Bearer", yard_secret(c->y, "sheet")))
        refuse(c, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    else if (!str_eq(c->part[0], SHEET))
        refuse(c, 404, "NOT_FOUND", "Requested entity was not found.");
    else
        call_answer(c, 200,
                    json_pack("{s:s, s:s, s:O}", "range", c->part[1], "majorDimension", "ROWS", "values",
                              json_object_get(c->world, "rows")));
}

/* The export is served by another host, which wants no credentials and must not be given any. */
static void export(struct call *c)
{
    const char *url = yard_url(c->y, "sheet"), *port = strrchr(url, ':');
    yard_answer_header(
        c->y, c->x, "Location",
        arena_printf(c->a, "http://localhost%s/export/%s/sheet.csv", port ? port : "", c->part[0]));
    call_answer_text(c, 307, "text/html; charset=UTF-8", "<HTML><BODY>Temporary Redirect</BODY></HTML>");
}

static void add_cell(struct buf *out, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted)
        buf_addc(out, '"');
    for (; *text; text++)
        buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    if (quoted)
        buf_addc(out, '"');
}

static void exported(struct call *c)
{
    size_t i, k;
    json_t *row, *cell;
    _cleanup_buf_ struct buf csv = {0};
    if (request_header(c->x, "Authorization")) {
        call_answer_text(c, 400, "text/html; charset=utf-8",
                         "credentials were sent to where they do not belong");
        return;
    }
    json_array_foreach(json_object_get(c->world, "rows"), i, row) {
        json_array_foreach(row, k, cell) {
            if (k)
                buf_addc(&csv, ',');
            add_cell(&csv, json_is_string(cell) ? json_string_value(cell) : "");
        }
        buf_adds(&csv, "\r\n");
    }
    call_answer_text(c, 200, "text/csv", buf_str(&csv));
}

static const struct route routes[] = {
    {"GET", "/v4/spreadsheets/*/values/*", values},
    {"GET", "/spreadsheets/d/*/export", export},
    {"GET", "/export/*/sheet.csv", exported},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (route_serve(routes, &c) != ROUTE_SERVED)
        refuse(&c, 404, "NOT_FOUND", "Not Found");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out, "    driver: sheet\n    url: %s\n    sheet: " SHEET "\n    token: \"file:%s/sheet\"\n",
               url, secrets_dir);
}

const struct stand_in sheet_stand_in = {
    .name = "sheet",
    .imitates = "Google Sheets, API v4, and its CSV export",
    .role = "owners",
    .world = world_new,
    .serve = serve,
    .configure = configure,
};
