/* calendar.c: windows of changes, what else is on the change calendar, and freezes: by month, week and as a list. */
#include "web/inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRESH_MS = 60 * 1000, ENTRIES_MOST = 2000 };

struct entry {
    int64_t from, to;
    const char *title, *href, *state;
    bool freeze;
};

struct almanac {
    const char *zone, *view;
    int64_t from, to; /* what is shown */
    struct civil first;
    struct entry *entries;
    size_t n;
    bool looking;
    const char *failed;
};

/* --- days -------------------------------------------------------------------------------------- */

static int64_t midnight(const struct almanac *m, int year, int month, int day)
{
    struct civil c = {.year = year, .month = month, .day = day};
    int64_t at = 0;
    /* A zone whose clock leaps at midnight has no such moment: its day begins an hour later. */
    if (!instant_from_civil(&c, m->zone, false, &at, NULL)) {
        c.hour = 1;
        if (!instant_from_civil(&c, m->zone, false, &at, NULL))
            return 0;
    }
    return at;
}

static struct civil civil_of(const struct almanac *m, int64_t ms)
{
    struct civil c = {.year = 1970, .month = 1, .day = 1};
    if (!instant_to_civil(ms, m->zone, &c, NULL))
        return c;
    return c;
}

/* The day after `days`, at its beginning; noon is the same day whatever the clock does. */
static int64_t day_later(const struct almanac *m, int64_t at, int days)
{
    struct civil c = civil_of(m, at + HOURS(12) + days * DAYS(1));
    return midnight(m, c.year, c.month, c.day);
}

static int64_t month_of(const struct almanac *m, int64_t at, int later)
{
    struct civil c = civil_of(m, at);
    int month = c.year * 12 + c.month - 1 + later;
    return midnight(m, month / 12, month % 12 + 1, 1);
}

static int64_t monday_of(const struct almanac *m, int64_t at)
{
    struct civil c = civil_of(m, at);
    return day_later(m, midnight(m, c.year, c.month, c.day), -((c.weekday + 6) % 7));
}

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

static const char *date_text(struct visit *v, const struct almanac *m, int64_t at)
{
    struct civil c = civil_of(m, at);
    return arena_printf(&v->arena, "%04d-%02d-%02d", c.year, c.month, c.day);
}

/* --- what is on it ----------------------------------------------------------------------------- */

static void add(struct almanac *m, struct entry e)
{
    if (e.from && e.to > m->from && e.from < m->to && m->n < ENTRIES_MOST)
        m->entries[m->n++] = e;
}

static void add_changes(struct visit *v, struct almanac *m, const json_t *changes)
{
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)(uintptr_t)changes, i, c) {
        bool ended = str_eq(json_str(c, "status", ""), "ended");
        if (str_eq(json_str(c, "outcome", ""), "cancelled"))
            continue;
        add(m, (struct entry){
                   .from = json_int(c, "window.from", 0),
                   .to = json_int(c, "window.to", 0),
                   .title = arena_printf(&v->arena, "%s %s %s", json_str(c, "id", ""),
                                         json_str(c, "client", ""), json_str(c, "env", "")),
                   .href = arena_printf(&v->arena, "/changes/%s", html_part(&v->html, json_str(c, "id", ""))),
                   .state = json_str(c, ended ? "outcome" : "status", "")});
    }
}

/* Events that are windows of ours are there twice: the calendar's copy is left out. */
static bool is_ours(const struct almanac *m, int64_t from, int64_t to)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->entries[i].state && m->entries[i].from == from && m->entries[i].to == to)
            return true;
    return false;
}

static void add_events(struct visit *v, struct almanac *m)
{
    _cleanup_json_ json_t *args =
        json_pack("{s:I, s:I}", "from", (json_int_t)m->from, "to", (json_int_t)m->to);
    struct look_seen seen = look_at(v->web, "calendar.conflicts", args, FRESH_MS);
    size_t i;
    json_t *e;
    m->looking = seen.under_way;
    m->failed = seen.failed;
    json_array_foreach(json_object_get(seen.answer, "conflicts"), i, e) {
        int64_t from = json_int(e, "from", 0), to = json_int(e, "to", 0);
        bool freeze = json_flag(e, "freeze", false);
        const char *url = json_str(e, "url", "");
        if (freeze || !is_ours(m, from, to))
            add(m, (struct entry){.from = from,
                                  .to = to,
                                  .title = arena_strdup(&v->arena, json_str(e, "title", "?")),
                                  .href = *url ? arena_strdup(&v->arena, html_link(url)) : NULL,
                                  .freeze = freeze});
    }
}

static int by_begin(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* --- how it is shown --------------------------------------------------------------------------- */

static void put_entry(struct visit *v, const struct almanac *m, const struct entry *e, bool with_day)
{
    struct html *h = &v->html;
    struct civil c = civil_of(m, e->from), end = civil_of(m, e->to);
    html_put(h, "<li class='entry%s'>", e->freeze ? " freeze" : "");
    if (e->freeze)
        part_icon(h, "lock");
    if (with_day)
        part_moment(v, e->from, m->zone);
    else
        html_put(h, "<span class='hour'>%02d:%02d</span>", c.hour, c.minute);
    html_put(h, "–%02d:%02d ", end.hour, end.minute);
    html_put(h, e->href ? "<a href='%s'>%s</a>" : "%s%s", e->href ? e->href : "", e->title);
    if (e->state)
        html_put(h, " <span class='muted'>%s</span>", state_word(e->state));
    if (e->freeze)
        html_put(h, " <span class='mark'>freeze</span>");
    html_put(h, "</li>");
}

static void put_day(struct visit *v, const struct almanac *m, int64_t at, int month)
{
    struct html *h = &v->html;
    int64_t end = day_later(m, at, 1);
    struct civil c = civil_of(m, at);
    bool today = v->now >= at && v->now < end;
    html_put(h,
             "<td class='%s%s'%s><span class='day'>%d</span>"
             "<span class='date'>%s %d %s</span><ul>",
             c.month == month || month == 0 ? "" : "other ", today ? "today" : "",
             today ? " aria-current='date'" : "", c.day, days[(c.weekday + 6) % 7], c.day,
             months[c.month - 1]);
    for (size_t i = 0; i < m->n; i++)
        if (m->entries[i].to > at && m->entries[i].from < end)
            put_entry(v, m, &m->entries[i], false);
    html_put(h, "</ul></td>");
}

static void put_weeks(struct visit *v, const struct almanac *m, int month)
{
    struct html *h = &v->html;
    html_put(
        h,
        "<div class='scroll' tabindex='0' role='region' aria-label='Calendar'><table class='calendar'><thead><tr>");
    for (size_t i = 0; i < COUNT_OF(days); i++)
        html_put(h, "<th scope='col'>%s</th>", days[i]);
    html_put(h, "</tr></thead><tbody>");
    for (int64_t week = m->from; week < m->to; week = day_later(m, week, 7)) {
        html_put(h, "<tr>");
        for (int d = 0; d < 7; d++)
            put_day(v, m, day_later(m, week, d), month);
        html_put(h, "</tr>");
    }
    html_put(h, "</tbody></table></div>");
}

static void put_agenda(struct visit *v, const struct almanac *m)
{
    struct html *h = &v->html;
    html_put(h, "<ul class='agenda'>");
    for (size_t i = 0; i < m->n; i++)
        put_entry(v, m, &m->entries[i], true);
    html_put(h, "</ul>");
    if (m->n == 0)
        html_put(h, "<p class='empty'>Nothing in these weeks.</p>");
}

static void navigation(struct visit *v, const struct almanac *m, int64_t before, int64_t after)
{
    static const char *const views[] = {"month", "week", "agenda"};
    struct html *h = &v->html;
    html_put(h, "<nav class='tabs' aria-label='Calendar'><ul>");
    for (size_t i = 0; i < COUNT_OF(views); i++)
        html_put(h,
                 str_eq(views[i], m->view) ? "<li><a href='/calendar?view=%s' aria-current='page'>%s</a></li>"
                                           : "<li><a href='/calendar?view=%s'>%s</a></li>",
                 views[i],
                 i == 0   ? "Month"
                 : i == 1 ? "Week"
                          : "List");
    html_put(h, "<li class='apart'><a href='/calendar?view=%s&amp;date=%s' rel='prev'>Earlier</a></li>",
             m->view, date_text(v, m, before));
    html_put(h, "<li><a href='/calendar?view=%s&amp;date=%s' rel='next'>Later</a></li></ul></nav>", m->view,
             date_text(v, m, after));
}

static void show(struct visit *v, const struct almanac *m, int64_t at)
{
    static const struct page p = {
        .title = "Calendar", .place = "calendar", .events = "/api/v1/events", .wide = true};
    struct html *h = &v->html;
    struct civil c = civil_of(m, at);
    bool month = str_eq(m->view, "month");
    page_begin(v, &p);
    html_put(h, "<h1>%s %d</h1>", months[c.month - 1], c.year);
    navigation(v, m, month ? month_of(m, at, -1) : day_later(m, m->from, -7),
               month ? month_of(m, at, 1) : day_later(m, m->from, 7));
    html_put(h, m->looking ? "<section id='calendar' data-live data-again='1500'>"
                           : "<section id='calendar' data-live>");
    html_put(h, "<p class='muted'>Times are %s.</p>", m->zone);
    if (m->failed)
        html_put(h, "<p class='notice bad'>The calendar does not answer: %s</p>", m->failed);
    if (str_eq(m->view, "agenda"))
        put_agenda(v, m);
    else
        put_weeks(v, m, month ? c.month : 0);
    html_put(h, "</section>");
    page_end(v);
    visit_page(v);
}

static void told(struct visit *v, int status, const json_t *body)
{
    const struct config *config = engine_config(v->web->engine);
    const char *view = visit_query(v, "view"), *date = visit_query(v, "date");
    struct almanac m = {.zone = config->zone ? config->zone : "UTC",
                        .view = str_eq(view, "week") || str_eq(view, "agenda") ? view : "month"};
    int year, month, day;
    int64_t at = v->now;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    if (sscanf(date, "%4d-%2d-%2d", &year, &month, &day) == 3 && year > 1970 && year < 3000 && month >= 1 &&
        month <= 12 && day >= 1 && day <= 31)
        at = midnight(&m, year, month, day) + HOURS(12);
    if (str_eq(m.view, "month")) {
        m.from = monday_of(&m, month_of(&m, at, 0));
        m.to = day_later(&m, monday_of(&m, month_of(&m, at, 1) - 1), 7);
    } else {
        m.from = monday_of(&m, at);
        m.to = day_later(&m, m.from, str_eq(m.view, "week") ? 7 : 28);
    }
    m.entries = ARENA_ARRAY(&v->arena, ENTRIES_MOST, struct entry);
    add_changes(v, &m, json_object_get(body, "changes"));
    add_events(v, &m);
    qsort(m.entries, m.n, sizeof *m.entries, by_begin);
    show(v, &m, at);
}

void calendar_page(struct visit *v)
{
    visit_ask(v, "GET", "/api/v1/changes", NULL, told);
}
