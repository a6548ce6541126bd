/* google.c: the calendar driver for Google Calendar (API v3), signed in as a service account.
 *
 * The client chooses an event's id, so it is made from the effect's key: an id that is there already is the event
 * of an earlier request, and a late request finds its id taken. Google deletes by marking an event cancelled; the
 * id stays taken. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/google_account.h"
#include <stdlib.h>
#include <string.h>

enum {
    ID_LENGTH = 26, /* of base32hex digits: 130 bits of the key's hash */
    PAGE_EVENTS = 250,
    PAGES_MAX = 20,
    CHANGE_TRIES = 3, /* when somebody else changes the event at the same time */
    ATTENDEES_MAX = 200,
};

static const char events_scope[] = "https://www.googleapis.com/auth/calendar.events";

struct google {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    struct google_account *account;
    const char *events, *freezes; /* paths: "/calendars/ID/events"; the second, or NULL, holds freezes only */
    const char *subject;
};

/* --- requests: signed in, and once again when a token has run out ------------------------------- */

struct google_flow {
    struct flow f; /* first */
    struct google *g;
    const char *method, *what, *path;
    const char *const *headers;
    json_t *body;
    bool repeatable, signed_in_again, finding;
    void (*then)(struct google_flow *t, const struct http_reply *reply);
    /* verbs */
    const char *id;
    int tries;
    /* conflicts */
    json_t *list;
    int pages;
    bool in_freezes;
};

static void on_free(struct flow *f)
{
    struct google_flow *t = (struct google_flow *)f;
    json_decref(t->body);
    json_decref(t->list);
}

static struct google_flow *new_flow(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct google *g = (struct google *)s;
    struct google_flow *t = flow_new(sizeof *t, s, g->peer, e, done, NULL, ctx);
    t->g = g;
    t->f.on_free = on_free;
    return t;
}

static void send_signed(struct flow *f);

static void not_signed_in(struct flow *f, const struct outcome *o)
{
    struct outcome end = *o;
    if (((struct google_flow *)f)->finding && end.kind == OUTCOME_FAILED)
        end.kind = OUTCOME_CANNOT_TELL;
    flow_end(f, &end);
}

static void on_answer(struct flow *f, const struct http_reply *reply)
{
    struct google_flow *t = (struct google_flow *)f;
    if (reply->status == 401 && !t->signed_in_again) {
        t->signed_in_again = true;
        google_forget_token(t->g->account);
        google_sign_in(f, t->g->account, send_signed, not_signed_in);
        return;
    }
    t->then(t, reply);
}

static void send_signed(struct flow *f)
{
    struct google_flow *t = (struct google_flow *)f;
    char *text = t->body ? json_dumps(t->body, JSON_COMPACT) : NULL;
    flow_send(f,
              &(struct http_request){.method = t->method,
                                     .what = t->what,
                                     .path = t->path,
                                     .headers = t->headers,
                                     .content_type = text ? "application/json; charset=utf-8" : NULL,
                                     .body = text,
                                     .body_len = text ? strlen(text) : 0,
                                     .repeatable = t->repeatable},
              on_answer);
    free(text);
}

/* Takes `body`. */
static void ask(struct google_flow *t, const char *method, const char *what, const char *path, json_t *body,
                void (*then)(struct google_flow *, const struct http_reply *))
{
    json_decref(t->body);
    t->body = body;
    t->method = method;
    t->what = what;
    t->path = path;
    t->repeatable = str_eq(method, "GET");
    t->then = then;
    google_sign_in(&t->f, t->g->account, send_signed, not_signed_in);
}

static const char *event_path(struct google_flow *t, const char *id, const char *query)
{
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "%s/", t->g->events);
    buf_add_url(&b, id);
    buf_adds(&b, query);
    return arena_strdup(&t->f.arena, buf_str(&b));
}

/* --- what went wrong ---------------------------------------------------------------------------- */

static const char *reason_of(const struct http_reply *reply, json_t **answer)
{
    *answer = json_read(reply->body, reply->body_len, JSON_MAX_BYTES, "answer", NULL);
    return json_str(*answer, "error.errors.0.reason", "");
}

static struct outcome with_advice(struct google_flow *t, struct outcome o, const struct http_reply *reply)
{
    _cleanup_json_ json_t *answer = NULL;
    if (reply->status != 403)
        return o;
    const char *reason = reason_of(reply, &answer);
    /* Google says "too fast" with 403 as well, and does nothing then. */
    if (str_eq(reason, "rateLimitExceeded") || str_eq(reason, "userRateLimitExceeded") ||
        str_eq(reason, "quotaExceeded"))
        o.kind = OUTCOME_RETRY;
    else if (str_eq(reason, "forbiddenForServiceAccounts"))
        (void)error_wrap(
            &o.error, &o.error,
            "a service account may invite people only in somebody's name: set \"subject\" and allow "
            "domain-wide delegation");
    else if (t->g->subject == NULL)
        (void)error_wrap(&o.error, &o.error,
                         "share the calendar with the service account (make changes to events)");
    return o;
}

static void failed_send(struct google_flow *t, const struct http_reply *reply)
{
    struct outcome o = with_advice(t, outcome_of_failed_send(t->f.peer, &t->f.request, reply), reply);
    flow_end(&t->f, &o);
}

static void failed_look(struct google_flow *t, const struct http_reply *reply)
{
    struct outcome o = with_advice(t, outcome_of_failed_look(t->f.peer, &t->f.request, reply), reply);
    if (t->finding && o.kind == OUTCOME_FAILED)
        o.kind = OUTCOME_CANNOT_TELL;
    flow_end(&t->f, &o);
}

/* --- create ------------------------------------------------------------------------------------- */

static json_t *moment(int64_t ms, const char *zone)
{
    char text[32];
    instant_rfc3339(ms, text);
    return json_pack("{s:s, s:s*}", "dateTime", text, "timeZone", zone && *zone ? zone : NULL);
}

static json_t *attendees(const json_t *args)
{
    json_t *list = json_array(), *mail;
    size_t i;
    json_array_foreach(json_object_get(args, "attendees"), i, mail)
        if (json_is_string(mail) && strchr(json_string_value(mail), '@') && i < ATTENDEES_MAX)
            json_array_append_new(list, json_pack("{s:O}", "email", mail));
    return list;
}

static const char *event_id(struct google_flow *t)
{
    char *id = arena_alloc(&t->f.arena, ID_LENGTH + 1);
    key_short(t->f.effect.key, id, ID_LENGTH);
    return id;
}

static json_t *event_of(struct google_flow *t)
{
    const struct effect *e = &t->f.effect;
    const char *zone = json_str(e->args, "zone", "UTC"), *meeting = json_str(e->args, "meeting", "");
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:{s:{s:s, s:s}}}", "id", t->id, "summary",
                  json_str(e->args, "title", ""), "description", json_str(e->args, "description", ""),
                  "start", moment(json_int(e->args, "from", 0), zone), "end",
                  moment(json_int(e->args, "to", 0), zone), "attendees", attendees(e->args), "status",
                  "confirmed", "extendedProperties", "private", "signalbox", e->key, "change", e->change);
    if (*meeting)
        json_object_set_new(event, "location", json_string(meeting));
    return event;
}

static void take_event(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *event = http_json(t->f.peer, &t->f.request, reply, &err);
    const char *id = json_str(event, "id", NULL);
    if (!id)
        failed_look(t, reply);
    else
        flow_done(&t->f, json_pack("{s:s, s:s}", "id", id, "url", json_str(event, "htmlLink", "")));
}

static void on_found(struct google_flow *t, const struct http_reply *reply)
{
    if (reply->status == 404)
        flow_ends(&t->f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the calendar has no event for %s", t->f.effect.key);
    else
        take_event(t, reply);
}

static void on_created(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *event = http_json(t->f.peer, &t->f.request, reply, &err);
    if (reply->status == 409) /* an earlier request made it */
        ask(t, "GET", "read the event", event_path(t, t->id, ""), NULL, take_event);
    else if (!json_str(event, "id", NULL))
        failed_send(t, reply);
    else
        flow_done(&t->f, json_pack("{s:s, s:s}", "id", json_str(event, "id", ""), "url",
                                   json_str(event, "htmlLink", "")));
}

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct google_flow *t = new_flow(s, e, done, ctx);
    t->id = event_id(t);
    ask(t, "POST", "create the event", arena_printf(&t->f.arena, "%s?sendUpdates=all", t->g->events),
        event_of(t), on_created);
    return &t->f.task;
}

static struct task *find_created(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct google_flow *t = new_flow(s, e, done, ctx);
    t->finding = true;
    t->id = event_id(t);
    ask(t, "GET", "look for the event", event_path(t, t->id, ""), NULL, on_found);
    return &t->f.task;
}

/* --- update: what differs, and only if nobody else changes it meanwhile -------------------------- */

static void read_event(struct google_flow *t);

static int64_t moment_of(const json_t *event, const char *path)
{
    int64_t ms = 0;
    return instant_parse_rfc3339(json_str(event, path, ""), &ms, NULL) ? ms : 0;
}

static json_t *differences(const struct google_flow *t, const json_t *event)
{
    static const char *const texts[][2] = {{"title", "summary"}, {"description", "description"}};
    static const char *const times[][2] = {{"from", "start"}, {"to", "end"}};
    const json_t *args = t->f.effect.args;
    json_t *patch = json_object();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *wanted = json_str(args, texts[i][0], NULL);
        if (wanted && !str_eq(wanted, json_str(event, texts[i][1], "")))
            json_object_set_new(patch, texts[i][1], json_string(wanted));
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        const json_t *has = json_object_get(event, times[i][1]);
        int64_t wanted = json_int(args, times[i][0], -1);
        if (wanted >= 0 && wanted != moment_of(has, "dateTime"))
            json_object_set_new(patch, times[i][1], moment(wanted, json_str(has, "timeZone", NULL)));
    }
    return patch;
}

static void on_changed(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *event = http_json(t->f.peer, &t->f.request, reply, &err);
    if (reply->status == 412 && ++t->tries < CHANGE_TRIES) /* somebody changed it since we read it */
        read_event(t);
    else if (!json_str(event, "id", NULL))
        failed_send(t, reply);
    else
        flow_done(&t->f, json_pack("{s:s}", "id", t->id));
}

static void on_read(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *event = http_json(t->f.peer, &t->f.request, reply, &err);
    if (!event) {
        failed_look(t, reply);
        return;
    }
    if (str_eq(json_str(event, "status", ""), "cancelled")) {
        flow_ends(&t->f, OUTCOME_FAILED, SB_STATE, "somebody took the event off the calendar");
        return;
    }
    json_t *patch = differences(t, event);
    if (json_object_size(patch) == 0) {
        json_decref(patch);
        flow_done(&t->f, json_pack("{s:s}", "id", t->id));
        return;
    }
    const char *etag = json_str(event, "etag", "");
    const char **headers = ARENA_ARRAY(&t->f.arena, 2, const char *);
    headers[0] = *etag && !strpbrk(etag, "\r\n") ? arena_printf(&t->f.arena, "If-Match: %s", etag) : NULL;
    t->headers = headers;
    ask(t, "PATCH", "change the event", event_path(t, t->id, "?sendUpdates=all"), patch, on_changed);
}

static void read_event(struct google_flow *t)
{
    t->headers = NULL;
    ask(t, "GET", "read the event", event_path(t, t->id, ""), NULL, on_read);
}

static struct task *update(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct google_flow *t = new_flow(s, e, done, ctx);
    t->id = arena_strdup(&t->f.arena, json_str(e->args, "event", ""));
    read_event(t);
    return &t->f.task;
}

/* --- cancel ------------------------------------------------------------------------------------- */

static void on_deleted(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    bool gone = reply->status == 404 || reply->status == 410;
    if (gone || http_ok(t->f.peer, &t->f.request, reply, &err))
        flow_done(&t->f, json_pack("{s:s}", "id", t->id));
    else
        failed_send(t, reply);
}

static struct task *cancel(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct google_flow *t = new_flow(s, e, done, ctx);
    t->id = arena_strdup(&t->f.arena, json_str(e->args, "event", ""));
    ask(t, "DELETE", "cancel the event", event_path(t, t->id, "?sendUpdates=all"), NULL, on_deleted);
    return &t->f.task;
}

/* --- conflicts ---------------------------------------------------------------------------------- */

static void list_page(struct google_flow *t, const char *token);

/* A moment, or the begin of a day in the calendar's zone. */
static bool read_time(const json_t *when, const char *zone, int64_t *out)
{
    struct civil day = {0};
    if (instant_parse_rfc3339(json_str(when, "dateTime", ""), out, NULL))
        return true;
    return sscanf(json_str(when, "date", ""), "%4d-%2d-%2d", &day.year, &day.month, &day.day) == 3 &&
           instant_from_civil(&day, zone, false, out, NULL);
}

static void add_item(struct google_flow *t, const json_t *item, const char *zone)
{
    struct calendar_event e = {.id = json_str(item, "id", ""),
                               .title = json_str(item, "summary", ""),
                               .description = json_str(item, "description", NULL),
                               .url = json_str(item, "htmlLink", "")};
    bool free_time =
        str_eq(json_str(item, "transparency", ""), "transparent") && !calendar_is_freeze(e.title);
    if (str_eq(json_str(item, "status", ""), "cancelled") || (free_time && !t->in_freezes) ||
        !read_time(json_object_get(item, "start"), zone, &e.from) ||
        !read_time(json_object_get(item, "end"), zone, &e.to))
        return;
    if (t->in_freezes)
        calendar_add_freeze(t->list, &e, t->f.effect.args);
    else
        calendar_add_event(t->list, &e, t->f.effect.args);
}

static void on_page(struct google_flow *t, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(t->f.peer, &t->f.request, reply, &err);
    const json_t *items = json_object_get(answer, "items");
    const char *next = json_str(answer, "nextPageToken", "");
    if (!json_is_array(items)) {
        failed_look(t, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(items); i++)
        add_item(t, json_array_get(items, i), json_str(answer, "timeZone", "UTC"));
    if (*next && ++t->pages >= PAGES_MAX) {
        flow_ends(&t->f, OUTCOME_FAILED, SB_LIMIT, "the calendar has more than %d events in that time",
                  PAGES_MAX * PAGE_EVENTS);
    } else if (*next) {
        list_page(t, next);
    } else if (t->g->freezes && !t->in_freezes) {
        t->in_freezes = true;
        t->pages = 0;
        list_page(t, NULL);
    } else {
        calendar_add_freezes(t->list, t->f.system->around, t->f.effect.args);
        flow_done(&t->f, json_pack("{s:O}", "conflicts", t->list));
    }
}

static void list_page(struct google_flow *t, const char *token)
{
    char from[32], to[32];
    _cleanup_buf_ struct buf path = {0};
    instant_rfc3339(json_int(t->f.effect.args, "from", 0), from);
    instant_rfc3339(json_int(t->f.effect.args, "to", 0), to);
    buf_printf(&path, "%s?singleEvents=true&orderBy=startTime&maxResults=%d&timeMin=",
               t->in_freezes ? t->g->freezes : t->g->events, PAGE_EVENTS);
    buf_add_url(&path, from);
    buf_adds(&path, "&timeMax=");
    buf_add_url(&path, to);
    if (token) {
        buf_adds(&path, "&pageToken=");
        buf_add_url(&path, token);
    }
    ask(t, "GET", "list the events", arena_strdup(&t->f.arena, buf_str(&path)), NULL, on_page);
}

static struct task *conflicts(struct system *s, const struct effect *e, outcome_fn *done,
                              UNUSED progress_fn *progress, void *ctx)
{
    struct google_flow *t = new_flow(s, e, done, ctx);
    t->list = json_array();
    list_page(t, NULL);
    return &t->f.task;
}

/* --- doctor ------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    struct google *g;
};

static void end_look(struct look *w)
{
    if (w->g->subject)
        checks_add(&w->c, CHECK_OK, "invitations", "are sent in the name of %s", w->g->subject);
    else
        checks_add(
            &w->c, CHECK_WARN, "invitations",
            "Google lets a service account invite people only in somebody's name: set \"subject\", and allow "
            "its domain-wide delegation the scope %s",
            events_scope);
    checks_end(&w->c);
}

static void look_at(struct look *w, const char *what, const struct http_reply *reply, bool must_write)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(w->c.f.peer, &w->c.f.request, reply, &err);
    const char *role = json_str(answer, "accessRole", "");
    bool writes = str_eq(role, "writer") || str_eq(role, "owner");
    if (!answer && reply->status == 404)
        checks_add(&w->c, CHECK_FAIL, what, "not found: check its id, and share it with the service account");
    else if (!answer)
        checks_failed(&w->c, CHECK_FAIL, what, reply);
    else if (must_write && !writes)
        checks_add(&w->c, CHECK_FAIL, what,
                   "%.100s: the account is %s there; it must be writer: share the calendar "
                   "with it as \"make changes to events\"",
                   json_str(answer, "summary", "?"), *role ? role : "nobody");
    else
        checks_add(&w->c, CHECK_OK, what, "%.100s, as %s", json_str(answer, "summary", "?"), role);
    if (must_write)
        checks_clock(&w->c, reply);
}

static void on_freezes(struct flow *f, const struct http_reply *reply)
{
    look_at((struct look *)f, "freezes", reply, false);
    end_look((struct look *)f);
}

static void on_calendar(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    look_at(w, "calendar", reply, true);
    if (w->g->freezes)
        flow_get(f, "read the calendar of freezes", arena_printf(&f->arena, "%s?maxResults=1", w->g->freezes),
                 on_freezes);
    else
        end_look(w);
}

static void visit(struct flow *f)
{
    struct look *w = (struct look *)f;
    checks_add(&w->c, CHECK_OK, "sign in", "the service account's key is accepted");
    flow_get(f, "read the calendar", arena_printf(&f->arena, "%s?maxResults=1", w->g->events), on_calendar);
}

static void turned_away(struct flow *f, const struct outcome *o)
{
    struct look *w = (struct look *)f;
    checks_add(&w->c, CHECK_FAIL, "sign in", "%s", o->error.text);
    checks_end(&w->c);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct google *g = (struct google *)s;
    struct look *w = checks_new(sizeof *w, s, g->peer, done, ctx);
    w->g = g;
    google_forget_token(g->account); /* the sign-in itself is to be seen */
    google_sign_in(&w->c.f, g->account, visit, turned_away);
}

/* --- configuration ------------------------------------------------------------------------------ */

static const char *const keys[] = {"url",     "key",   "calendar",   "freezes", "subject",
                                   "ca_file", "proxy", "per_second", "timeout", NULL};

static void google_close(struct system *s)
{
    struct google *g = (struct google *)s;
    tasks_cancel(s);
    google_account_free(g->account);
    if (g->peer)
        http_peer_free(g->peer);
    arena_free(&g->arena);
    free(g);
}

static const char *events_path(struct google *g, const char *calendar)
{
    _cleanup_buf_ struct buf path = {0};
    if (!calendar)
        return NULL;
    buf_adds(&path, "/calendars/");
    buf_add_url(&path, calendar);
    buf_adds(&path, "/events");
    return arena_strdup(&g->arena, buf_str(&path));
}

static bool configure(struct google *g, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    const struct http_peer_options defaults = {
        .name = "google", .base_url = "https://www.googleapis.com/calendar/v3", .per_second = 5, .burst = 5};
    struct google_account_options account = {.scope = events_scope};
    if (!config_peer(config, file, &defaults, &g->arena, &o, err))
        return false;
    const char *calendar =
        config_need(config, file, "calendar", "the calendar's id, as its settings show it", err);
    if (!calendar ||
        !config_need(config, file, "key", "a reference to the service account's file, such as file:/path",
                     err) ||
        !config_secret(config, file, "key", &g->arena, &account.key, err))
        return false;
    g->events = events_path(g, calendar);
    g->freezes = events_path(g, config_str(config, "freezes", NULL));
    g->subject = arena_strdup(&g->arena, config_str(config, "subject", NULL));
    g->peer = http_peer_new(g->system.around->http, &o, err);
    if (!g->peer)
        return false;
    account.subject = g->subject;
    account.ca_file = arena_strdup(&g->arena, o.ca_file);
    account.proxy = arena_strdup(&g->arena, o.proxy);
    g->account = google_account_new(g->system.around, g->peer, &account);
    return true;
}

static struct system *google_open(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct google *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->system = (struct system){.driver = d, .name = d->name, .around = around};
    g->arena = arena_make();
    if (configure(g, config, file, err))
        return &g->system;
    google_close(&g->system);
    return NULL;
}

const struct driver google_driver = {
    .role = ROLE_CALENDAR,
    .name = "google",
    .says = "keeps the change calendar in Google Calendar, and invites people",
    .keys = keys,
    .open = google_open,
    .close = google_close,
    .check = check,
    .verbs =
        {
            {"create", create, find_created, false},
            {"update", update, NULL, true},
            {"cancel", cancel, NULL, true},
            {"conflicts", conflicts, NULL, false},
        },
};
