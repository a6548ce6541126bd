/* Google Calendar, version 3, with the sign-in of a service account: one shared change calendar. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/route.h"
#include "yard/service_account.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALENDAR "change-calendar@example.com"
#define CLIENT   "signalbox@retail.iam.example.com"

enum { TOKEN_LIFE_S = 3600, PAGE_USUAL = 250, PAGE_MOST = 2500 };

/* --- refusing ---------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, const char *reason, const char *message)
{
    call_answer(c, status,
                json_pack("{s:{s:i, s:s, s:[{s:s, s:s, s:s}]}}", "error", "code", status, "message", message,
                          "errors", "domain", "global", "reason", reason, "message", message));
}

/* --- sign-in ----------------------------------------------------------------------------------------- */

static const json_t *account_of(struct yard *y, json_t *world)
{
    json_t *account = json_object_get(world, "account");
    if (!account) {
        char *private_pem, *public_pem;
        service_account_key(&private_pem, &public_pem);
        account = json_pack("{s:s, s:s}", "private", private_pem, "public", public_pem);
        json_object_set_new(world, "account", account);
        free(private_pem);
        free(public_pem);
        yard_save(y);
    }
    return account;
}

static char *credential(struct yard *y, json_t *world, const char *url)
{
    const json_t *account = account_of(y, world);
    char uri[128];
    snprintf(uri, sizeof uri, "%s/token", url);
    json_t *file = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "service_account", "project_id",
                             "retail", "private_key_id", "yard-1", "private_key",
                             json_str(account, "private", ""), "client_email", CLIENT, "token_uri", uri);
    char *text = json_dumps(file, JSON_INDENT(2));
    json_decref(file);
    return text;
}

/* A token says until when it holds, whether in a person's name, and proves that we said so; nothing has to be
 * remembered. */
static const char *token_until(struct call *c, int64_t until_s, int delegated)
{
    return arena_printf(c->a, "ya29.%lld.%d.%s", (long long)until_s, delegated,
                        stable_id(c->a, 40, "%s %lld %d", yard_secret(c->y, "google_calendar"),
                                  (long long)until_s, delegated));
}

static void token(struct call *c)
{
    const char *grant = request_form(c->x, "grant_type"), *assertion = request_form(c->x, "assertion");
    if (!grant || !str_eq(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer") || !assertion) {
        call_answer(c, 400,
                    json_pack("{s:s, s:s}", "error", "unsupported_grant_type", "error_description",
                              "Invalid grant_type"));
        return;
    }
    const char *fault =
        service_account_fault(assertion, json_str(account_of(c->y, c->world), "public", ""), CLIENT,
                              arena_printf(c->a, "%s/token", yard_url(c->y, "google_calendar")), c->now);
    if (fault)
        call_answer(c, 400, json_pack("{s:s, s:s}", "error", "invalid_grant", "error_description", fault));
    else
        call_answer(
            c, 200,
            json_pack("{s:s, s:i, s:s}", "access_token",
                      token_until(c, c->now / 1000 + TOKEN_LIFE_S, service_account_is_delegated(assertion)),
                      "expires_in", TOKEN_LIFE_S, "token_type", "Bearer"));
}

static bool signed_in(struct call *c)
{
    const char *given = request_header(c->x, "Authorization");
    long long until = 0;
    int delegated = 0;
    bool in = given && sscanf(given, "Bearer ya29.%lld.%d.", &until, &delegated) == 2 &&
              until > c->now / 1000 && call_signed_in(c, "Bearer", token_until(c, until, delegated));
    if (!in)
        call_answer(c, 401,
                    json_pack("{s:{s:i, s:s, s:[{s:s, s:s, s:s, s:s, s:s}], s:s}}", "error", "code", 401,
                              "message", "Request had invalid authentication credentials.", "errors",
                              "message", "Invalid Credentials", "domain", "global", "reason", "authError",
                              "location", "Authorization", "locationType", "header", "status",
                              "UNAUTHENTICATED"));
    return in;
}

/* --- events ------------------------------------------------------------------------------------------ */

/* "dateTime" with an offset, or local with "timeZone", or "date". */
static bool read_time(const json_t *when, int64_t *out)
{
    const char *text = json_str(when, "dateTime", NULL), *date = json_str(when, "date", NULL),
               *zone = json_str(when, "timeZone", "UTC");
    struct civil t = {0};
    if (text && instant_parse_rfc3339(text, out, NULL))
        return true;
    if (text && sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &t.year, &t.month, &t.day, &t.hour, &t.minute,
                       &t.second) == 6)
        return json_object_get(when, "timeZone") && instant_from_civil(&t, zone, false, out, NULL);
    return !text && date && sscanf(date, "%4d-%2d-%2d", &t.year, &t.month, &t.day) == 3 &&
           instant_from_civil(&t, zone, false, out, NULL);
}

static bool times_of(const json_t *event, int64_t *from, int64_t *to)
{
    return read_time(json_object_get(event, "start"), from) && read_time(json_object_get(event, "end"), to);
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    return json_string(text);
}

static bool is_cancelled(const json_t *event)
{
    return str_eq(json_str(event, "status", ""), "cancelled");
}

static json_t *events_of(struct call *c)
{
    if (str_eq(c->part[0], CALENDAR) || str_eq(c->part[0], "primary"))
        return json_object_get(c->world, "events");
    refuse(c, 404, "notFound", "Not Found");
    return NULL;
}

static void touch(struct call *c, json_t *event)
{
    int64_t n = json_int(c->world, "next_etag", 1);
    json_object_set_new(c->world, "next_etag", json_integer(n + 1));
    json_object_set_new(event, "etag", json_string(arena_printf(c->a, "\"%lld\"", (long long)n)));
    json_object_set_new(event, "updated", moment(c->now));
}

/* Those who have not been asked yet are asked now. */
static void invite(const json_t *event, int64_t now)
{
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(event, "attendees"), i, a) {
        if (!json_object_get(a, "responseStatus"))
            json_object_set_new(a, "responseStatus", json_string("needsAction"));
        if (!json_object_get(a, "asked"))
            json_object_set_new(a, "asked", json_integer(now));
    }
}

/* A service account may invite people only in somebody's name. */
static bool may_invite(struct call *c, const json_t *event)
{
    const char *given = request_header(c->x, "Authorization");
    int delegated = 0;
    if (json_array_size(json_object_get(event, "attendees")) == 0 ||
        (given && sscanf(given, "Bearer ya29.%*d.%d.", &delegated) == 1 && delegated))
        return true;
    refuse(c, 403, "forbiddenForServiceAccounts",
           "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.");
    return false;
}

static json_t *event_view(const json_t *event)
{
    json_t *v = json_deep_copy(event), *a;
    size_t i;
    json_array_foreach(json_object_get(v, "attendees"), i, a)
        json_object_del(a, "asked");
    return v;
}

static const char *event_fault(const json_t *event)
{
    static const char *const answers[] = {"needsAction", "declined", "tentative", "accepted"};
    int64_t from, to;
    size_t i;
    json_t *a;
    if (!json_object_get(event, "start") || !json_object_get(event, "end"))
        return "Missing end time.";
    if (!times_of(event, &from, &to))
        return "Missing time zone definition for start time.";
    if (to <= from)
        return "The specified time range is empty.";
    json_array_foreach(json_object_get(event, "attendees"), i, a) {
        const char *answer = json_str(a, "responseStatus", "needsAction");
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(answers); k++)
            known = known || str_eq(answers[k], answer);
        if (!strchr(json_str(a, "email", ""), '@') || !known)
            return "Invalid attendee email.";
    }
    return NULL;
}

static bool id_fits(const char *id)
{
    size_t n = strlen(id);
    for (const char *p = id; *p; p++)
        if (!isdigit((unsigned char)*p) && !(*p >= 'a' && *p <= 'v'))
            return false;
    return n >= 5 && n <= 1024;
}

static const char *key_of(const json_t *event)
{
    return json_str(event, "extendedProperties.private.signalbox", "");
}

/* Times given in a zone's own words are told with an offset from then on: the calendar's, which is UTC. */
static void tell_times(json_t *event)
{
    static const char *const ends[] = {"start", "end"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        json_t *when = json_object_get(event, ends[i]);
        int64_t ms;
        if (json_str(when, "dateTime", NULL) && read_time(when, &ms))
            json_object_set_new(when, "dateTime", moment(ms));
    }
}

static void insert(struct call *c)
{
    json_t *events = events_of(c);
    if (!events)
        return;
    _cleanup_json_ json_t *event = call_json(c);
    const char *fault = event ? event_fault(event) : "Parse Error",
               *id = arena_strdup(c->a, json_str(event, "id", NULL));
    if (fault || (id && !id_fits(id))) {
        refuse(c, 400, fault && str_eq(fault, "Parse Error") ? "parseError" : "invalid",
               fault ? fault : "Invalid resource id value.");
        return;
    }
    if (!may_invite(c, event))
        return;
    if (id && json_object_get(events, id)) {
        refuse(c, 409, "duplicate", "The requested identifier already exists.");
        return;
    }
    if (!id)
        id = stable_id(c->a, 26, "event %zu %lld", json_object_size(events), (long long)c->now);
    json_object_set_new(event, "id", json_string(id));
    json_object_set_new(event, "kind", json_string("calendar#event"));
    json_object_set_new(event, "status", json_string(json_str(event, "status", "confirmed")));
    json_object_set_new(event, "iCalUID", json_string(arena_printf(c->a, "%s@calendar.example.com", id)));
    json_object_set_new(event, "htmlLink",
                        json_string(arena_printf(c->a, "https://calendar.example.com/event?eid=%s", id)));
    json_object_set_new(event, "created", moment(c->now));
    json_object_set_new(event, "sequence", json_integer(0));
    json_object_set_new(event, "organizer", json_pack("{s:s, s:b}", "email", CALENDAR, "self", 1));
    tell_times(event);
    touch(c, event);
    invite(event, c->now);
    json_object_set(events, id, event);
    yard_deed(c->y, "google_calendar", arena_printf(c->a, "insert %s", json_str(event, "summary", "")),
              *key_of(event) ? key_of(event) : id);
    call_answer(c, 200, event_view(event));
}

static json_t *find_event(struct call *c)
{
    json_t *events = events_of(c), *event = json_object_get(events, c->part[1]);
    if (events && !event)
        refuse(c, 404, "notFound", "Not Found");
    return event;
}

static void show(struct call *c)
{
    const json_t *event = find_event(c);
    if (event)
        call_answer(c, 200, event_view(event));
}

static bool matches(struct call *c, const json_t *event)
{
    const char *wanted = request_header(c->x, "If-Match");
    if (!wanted || str_eq(wanted, "*") || str_eq(wanted, json_str(event, "etag", "")))
        return true;
    refuse(c, 412, "conditionNotMet", "Precondition Failed");
    return false;
}

static void change(struct call *c)
{
    json_t *event = find_event(c);
    if (!event || !matches(c, event))
        return;
    _cleanup_json_ json_t *patch = call_json(c), *changed = json_deep_copy(event);
    if (patch)
        json_merge_patch(changed, patch);
    const char *fault = patch ? event_fault(changed) : "Parse Error";
    if (fault) {
        refuse(c, 400, "invalid", fault);
        return;
    }
    if (!may_invite(c, changed))
        return;
    json_object_set_new(changed, "sequence", json_integer(json_int(event, "sequence", 0) + 1));
    tell_times(changed);
    touch(c, changed);
    invite(changed, c->now);
    json_object_set(json_object_get(c->world, "events"), c->part[1], changed);
    yard_deed(c->y, "google_calendar", arena_printf(c->a, "change %s", json_str(changed, "summary", "")), "");
    call_answer(c, 200, event_view(changed));
}

static void delete_event(struct call *c)
{
    json_t *event = find_event(c);
    if (!event || !matches(c, event))
        return;
    if (is_cancelled(event)) {
        refuse(c, 410, "deleted", "Resource has been deleted");
        return;
    }
    json_object_set_new(event, "status", json_string("cancelled"));
    touch(c, event);
    yard_deed(c->y, "google_calendar", arena_printf(c->a, "delete %s", json_str(event, "summary", "")), "");
    call_answer_text(c, 204, NULL, "");
}

/* --- lists ------------------------------------------------------------------------------------------- */

static bool in_range(struct call *c, const json_t *event)
{
    const char *min = request_query(c->x, "timeMin"), *max = request_query(c->x, "timeMax");
    int64_t from, to, t;
    if (!times_of(event, &from, &to))
        return false;
    return !(min && instant_parse_rfc3339(min, &t, NULL) && to <= t) &&
           !(max && instant_parse_rfc3339(max, &t, NULL) && from >= t);
}

static bool has_properties(struct call *c, const json_t *event)
{
    const char *asked;
    for (int i = 0; (asked = request_query_nth(c->x, "privateExtendedProperty", i)) != NULL; i++) {
        size_t n = strcspn(asked, "=");
        const json_t *value =
            json_object_get(json_path(event, "extendedProperties.private"), arena_strndup(c->a, asked, n));
        if (!asked[n] || !str_eq(json_string_value(value), asked + n + 1))
            return false;
    }
    return true;
}

static int by_start(const void *a, const void *b)
{
    int64_t from[2] = {0, 0}, to;
    times_of(*(json_t *const *)a, &from[0], &to);
    times_of(*(json_t *const *)b, &from[1], &to);
    return (from[0] > from[1]) - (from[0] < from[1]);
}

static json_t *sorted(json_t *list, struct arena *a)
{
    size_t n = json_array_size(list), i;
    json_t **all = arena_array(a, n + 1, sizeof *all), *out = json_array();
    for (i = 0; i < n; i++)
        all[i] = json_array_get(list, i);
    qsort(all, n, sizeof *all, by_start);
    for (i = 0; i < n; i++)
        json_array_append(out, all[i]);
    json_decref(list);
    return out;
}

static bool is_moment(const char *text)
{
    int64_t t;
    return !text || instant_parse_rfc3339(text, &t, NULL);
}

static void list(struct call *c)
{
    json_t *events = events_of(c), *event, *found = json_array(), *page = json_array();
    const char *id, *deleted = request_query(c->x, "showDeleted"), *order = request_query(c->x, "orderBy"),
                    *single = request_query(c->x, "singleEvents"), *most = request_query(c->x, "maxResults"),
                    *at = request_query(c->x, "pageToken"), *q = request_query(c->x, "q");
    bool with_deleted = deleted && str_eq(deleted, "true");
    size_t start = at ? strtoul(at, NULL, 10) : 0, max = most ? strtoul(most, NULL, 10) : PAGE_USUAL, i;
    if (events &&
        (!is_moment(request_query(c->x, "timeMin")) || !is_moment(request_query(c->x, "timeMax")))) {
        refuse(c, 400, "badRequest", "Bad Request");
        events = NULL;
    } else if (events && order && str_eq(order, "startTime") && !(single && str_eq(single, "true"))) {
        refuse(c, 400, "invalid", "The requested ordering is not available for the particular query.");
        events = NULL;
    }
    json_object_foreach(events, id, event)
        if ((with_deleted || !is_cancelled(event)) && in_range(c, event) && has_properties(c, event) &&
            (!q || strcasestr(json_str(event, "summary", ""), q)))
            json_array_append(found, event);
    found = sorted(found, c->a);
    max = max < 1 || max > PAGE_MOST ? PAGE_USUAL : max;
    json_array_foreach(found, i, event)
        if (i >= start && i < start + max)
            json_array_append_new(page, event_view(event));
    if (events) {
        json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", "calendar#events", "summary",
                                   "MFC Change Calendar", "timeZone", "America/New_York", "accessRole",
                                   json_str(c->world, "role", "writer"), "items", page);
        if (json_array_size(found) > start + max)
            json_object_set_new(answer, "nextPageToken", json_string(arena_printf(c->a, "%zu", start + max)));
        call_answer(c, 200, answer);
    }
    json_decref(found);
    json_decref(page);
}

static void free_busy(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    int64_t min, max, from, to;
    json_t *calendars = json_object(), *item, *event;
    const char *id;
    size_t i;
    if (!instant_parse_rfc3339(json_str(body, "timeMin", ""), &min, NULL) ||
        !instant_parse_rfc3339(json_str(body, "timeMax", ""), &max, NULL)) {
        json_decref(calendars);
        refuse(c, 400, "required", "Required");
        return;
    }
    json_array_foreach(json_object_get(body, "items"), i, item) {
        const char *calendar = json_str(item, "id", "");
        json_t *busy = json_array();
        json_object_foreach(json_object_get(c->world, "events"), id, event) {
            if (str_eq(calendar, CALENDAR) && !is_cancelled(event) && times_of(event, &from, &to) &&
                from < max && to > min)
                json_array_append_new(busy,
                                      json_pack("{s:o, s:o}", "start", moment(from), "end", moment(to)));
        }
        json_object_set_new(calendars, calendar,
                            str_eq(calendar, CALENDAR)
                                ? json_pack("{s:O}", "busy", busy)
                                : json_pack("{s:[{s:s, s:s}], s:[]}", "errors", "domain", "global", "reason",
                                            "notFound", "busy"));
        json_decref(busy);
    }
    call_answer(c, 200,
                json_pack("{s:s, s:O, s:O, s:o}", "kind", "calendar#freeBusy", "timeMin",
                          json_object_get(body, "timeMin"), "timeMax", json_object_get(body, "timeMax"),
                          "calendars", calendars));
}

static void calendar(struct call *c)
{
    if (events_of(c))
        call_answer(c, 200,
                    json_pack("{s:s, s:s, s:s, s:s}", "kind", "calendar#calendar", "id", CALENDAR, "summary",
                              "MFC Change Calendar", "timeZone", "America/New_York"));
}

static void calendar_entry(struct call *c)
{
    if (events_of(c))
        call_answer(c, 200,
                    json_pack("{s:s, s:s, s:s, s:s}", "kind", "calendar#calendarListEntry", "id", CALENDAR,
                              "summary", "MFC Change Calendar", "accessRole",
                              json_str(c->world, "role", "writer")));
}

/* --- world ------------------------------------------------------------------------------------------- */

/* Events of the scenario: {summary, from, to} in hours from now. */
static json_t *world_new(const json_t *scenario, int64_t now)
{
    json_t *events = json_object(), *told, *answers = json_object(), *person;
    const char *mail;
    size_t i;
    json_array_foreach(json_path(scenario, "google_calendar.events"), i, told) {
        char id[32];
        snprintf(id, sizeof id, "told%zu0", i);
        json_object_set_new(
            events, id,
            json_pack("{s:s, s:s, s:s, s:s, s:{s:o}, s:{s:o}}", "id", id, "kind", "calendar#event", "status",
                      "confirmed", "summary", json_str(told, "summary", "Busy"), "start", "dateTime",
                      moment(now + (int64_t)(json_num(told, "from", 0) * 3600000)), "end", "dateTime",
                      moment(now + (int64_t)(json_num(told, "to", 1) * 3600000))));
    }
    json_object_foreach(json_object_get(scenario, "people"), mail, person) {
        const json_t *answer = json_path(person, "answers.invitation");
        if (answer)
            json_object_set_new(answers, mail, json_deep_copy(answer));
    }
    return json_pack("{s:o, s:o, s:i}", "events", events, "answers", answers, "next_etag", 1);
}

/* The scenario's people answer their invitations. */
static void settle(struct yard *y, json_t *world, int64_t now)
{
    const char *id;
    json_t *event, *a;
    size_t i;
    json_object_foreach(json_object_get(world, "events"), id, event)
        json_array_foreach(json_object_get(event, "attendees"), i, a) {
            const json_t *answer =
                json_object_get(json_object_get(world, "answers"), json_str(a, "email", ""));
            if (answer && str_eq(json_str(a, "responseStatus", ""), "needsAction") &&
                json_int(a, "asked", now) + yard_pace(y, json_num(answer, "after", 0)) <= now)
                json_object_set_new(a, "responseStatus", json_string(json_str(answer, "answer", "accepted")));
        }
}

static const struct route routes[] = {
    {"GET", "/calendar/v3/calendars/*", calendar},
    {"GET", "/calendar/v3/users/me/calendarList/*", calendar_entry},
    {"GET", "/calendar/v3/calendars/*/events", list},
    {"POST", "/calendar/v3/calendars/*/events", insert},
    {"GET", "/calendar/v3/calendars/*/events/*", show},
    {"PATCH", "/calendar/v3/calendars/*/events/*", change},
    {"DELETE", "/calendar/v3/calendars/*/events/*", delete_event},
    {"POST", "/calendar/v3/freeBusy", free_busy},
    {NULL, NULL, NULL},
};

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (route_fits(&c, "/token") && str_eq(c.r->method, "POST"))
        token(&c);
    else if (signed_in(&c) && route_serve(routes, &c) != ROUTE_SERVED)
        refuse(&c, 404, "notFound", "Not Found");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(
        out,
        "    driver: google\n    url: %s/calendar/v3\n    subject: change.manager@example.com\n    calendar: " CALENDAR
        "\n    key: \"file:%s/google_calendar\"\n",
        url, secrets_dir);
}

const struct stand_in google_calendar_stand_in = {
    .name = "google_calendar",
    .imitates = "Google Calendar, API v3, with a service account's sign-in",
    .role = "calendar",
    .world = world_new,
    .serve = serve,
    .configure = configure,
    .settle = settle,
    .credential = credential,
};
