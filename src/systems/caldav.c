/* caldav.c: the calendar driver for CalDAV servers (RFC 4791).
 *
 * The client chooses where an event lies, so its place and its UID are made from the effect's key, and it is put
 * there only if nothing is (If-None-Match): what lies there already is the event of an earlier request. Changes are
 * made to what was read and only if it is still so (If-Match). */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/checks.h"
#include "systems/dav.h"
#include "systems/drivers.h"
#include "systems/invite.h"
#include <stdlib.h>
#include <string.h>

enum { CHANGE_TRIES = 3, EVENT_MAX = 1 << 20 };

struct caldav {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *url;       /* of the collection, without a slash at its end */
    const char *freezes;   /* URL of a calendar that holds freezes only, or NULL */
    const char *organizer; /* whose invitations the server sends, or NULL */
    const char *zone;      /* of times that name none */
    struct postbox box;    /* of invitations that we send; its mailer is NULL when we do not */
};

struct caldav_flow {
    struct flow f; /* first */
    struct caldav *c;
    const char *id, *path;
    struct ical_edit edit;
    bool in_freezes;
    int tries;
    const char *text; /* the event as it was sent, or read */
    json_t *people, *list, *result;
    struct invite *invite;
};

static void on_free(struct flow *f)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    invite_cancel(t->invite);
    json_decref(t->people);
    json_decref(t->list);
    json_decref(t->result);
}

static struct caldav_flow *new_flow(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct caldav *c = (struct caldav *)s;
    struct caldav_flow *t = flow_new(sizeof *t, s, c->peer, e, done, NULL, ctx);
    t->c = c;
    t->f.on_free = on_free;
    return t;
}

/* "/HASH.ics": the UID without what follows its @, which is the same for all of ours. NULL when the id is none of
 * ours. */
static const char *path_of(const char *id, struct arena *a)
{
    size_t n = strcspn(id, "@");
    if (n == 0 || n > 64 || strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") != n)
        return NULL;
    return arena_printf(a, "/%.*s.ics", (int)n, id);
}

static json_t *result_of(const struct caldav_flow *t, bool with_url)
{
    json_t *result = json_pack("{s:s}", "id", t->id);
    if (with_url)
        json_object_set_new(result, "url", json_sprintf("%s%s", t->c->url, t->path));
    return result;
}

/* Takes `then`: with If-Match or If-None-Match, so that a repeated request has no second effect. */
static void put(struct caldav_flow *t, const char *what, const char *condition,
                void (*then)(struct flow *, const struct http_reply *))
{
    const char **headers = ARENA_ARRAY(&t->f.arena, 2, const char *);
    headers[0] = condition;
    flow_send(&t->f,
              &(struct http_request){.method = "PUT",
                                     .what = what,
                                     .path = t->path,
                                     .content_type = "text/calendar; charset=utf-8",
                                     .body = t->text,
                                     .body_len = strlen(t->text),
                                     .headers = headers,
                                     .repeatable = true},
              then);
}

/* --- invitations -------------------------------------------------------------------------------- */

static void invited(void *ctx, const json_t *missed, const struct outcome *why)
{
    struct caldav_flow *t = ctx;
    t->invite = NULL;
    if (json_array_size(missed))
        json_object_set(t->result, "uninvited", (json_t *)missed);
    if (why->kind != OUTCOME_DONE)
        flow_end(&t->f, why);
    else
        flow_done(&t->f, json_incref(t->result));
}

/* The event stands; those invited hear of it as it stands. Takes `result`. */
static void tell_people(struct caldav_flow *t, json_t *result)
{
    struct ical_event event;
    t->result = result;
    if (!t->c->box.mailer || !ical_first(t->text, &t->f.arena, &event, &t->people, NULL) ||
        json_array_size(t->people) == 0) {
        flow_done(&t->f, json_incref(result));
        return;
    }
    const struct invite_what what = {.event = &event,
                                     .attendees = t->people,
                                     .key = t->f.effect.key,
                                     .change = t->f.effect.change,
                                     .zone = json_str(t->f.effect.args, "zone", NULL),
                                     .cancels = event.cancelled};
    t->invite = invite_send(&t->c->box, t->f.system->around->loop, &what, invited, t);
}

/* --- create -------------------------------------------------------------------------------------- */

static const char *event_text(struct caldav_flow *t)
{
    const struct effect *e = &t->f.effect;
    const char *ours = t->c->box.mailer ? t->c->box.from : NULL;
    const struct ical_event event = {.uid = t->id,
                                     .title = json_str(e->args, "title", ""),
                                     .description = json_str(e->args, "description", ""),
                                     .place = json_str(e->args, "meeting", ""),
                                     .key = e->key,
                                     .from = json_int(e->args, "from", 0),
                                     .to = json_int(e->args, "to", 0),
                                     .stamp = e->intended_ms,
                                     .organizer = ours ? ours : t->c->organizer,
                                     .by_client = ours != NULL,
                                     .attendees = json_object_get(e->args, "attendees")};
    return ical_text(&event, 1, NULL, NULL, &t->f.arena);
}

static void on_put(struct flow *f, const struct http_reply *reply)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    struct error err = ERROR_NONE;
    /* 412: it lies there already. What an earlier request put there is what this one would have. */
    if (reply->status == 412 || http_ok(f->peer, &f->request, reply, &err))
        tell_people(t, result_of(t, true));
    else
        flow_failed_send(f, reply);
}

static struct caldav_flow *create_flow(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct caldav_flow *t = new_flow(s, e, done, ctx);
    t->id = ical_uid(e->key, &t->f.arena);
    t->path = path_of(t->id, &t->f.arena);
    t->text = event_text(t);
    return t;
}

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct caldav_flow *t = create_flow(s, e, done, ctx);
    put(t, "put the event into the calendar", "If-None-Match: *", on_put);
    return &t->f.task;
}

static void on_found(struct flow *f, const struct http_reply *reply)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    struct error err = ERROR_NONE;
    if (reply->status == 404 || reply->status == 410)
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the calendar has no event for %s", f->effect.key);
    else if (http_ok(f->peer, &f->request, reply, &err))
        tell_people(t, result_of(t, true)); /* nobody knows whether they were told before the crash */
    else
        flow_failed_find(f, reply);
}

static struct task *find_created(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct caldav_flow *t = create_flow(s, e, done, ctx);
    flow_get(&t->f, "look for the event", t->path, on_found);
    return &t->f.task;
}

/* --- update, cancel ------------------------------------------------------------------------------ */

static void read_event(struct caldav_flow *t);

static void on_changed(struct flow *f, const struct http_reply *reply)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    struct error err = ERROR_NONE;
    if (reply->status == 412 && ++t->tries < CHANGE_TRIES) /* somebody changed it since we read it */
        read_event(t);
    else if (http_ok(f->peer, &f->request, reply, &err))
        tell_people(t, result_of(t, false));
    else
        flow_failed_send(f, reply);
}

static void gone(struct caldav_flow *t)
{
    if (t->edit.cancel)
        flow_done(&t->f, result_of(t, false));
    else
        flow_ends(&t->f, OUTCOME_FAILED, SB_STATE, "somebody took the event out of the calendar");
}

static void on_read(struct flow *f, const struct http_reply *reply)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    struct error err = ERROR_NONE;
    bool changed = false;
    if (reply->status == 404 || reply->status == 410) {
        gone(t);
        return;
    }
    if (!http_ok(f->peer, &f->request, reply, &err)) {
        flow_failed_look(f, reply);
        return;
    }
    const char *etag = http_reply_header(reply, "ETag");
    t->text = ical_edited(reply->body, &t->edit, f->effect.intended_ms, &f->arena, &changed, &err);
    if (!t->text)
        flow_ends(f, OUTCOME_FAILED, err.code, "the event cannot be read: %s", err.text);
    else if (!changed)
        tell_people(t, result_of(t, false));
    else
        put(t, "change the event",
            etag && strlen(etag) < 256 ? arena_printf(&f->arena, "If-Match: %s", etag) : "If-Match: *",
            on_changed);
}

static void read_event(struct caldav_flow *t)
{
    flow_send(&t->f,
              &(struct http_request){.method = "GET",
                                     .what = "read the event",
                                     .path = t->path,
                                     .repeatable = true,
                                     .body_max = EVENT_MAX},
              on_read);
}

static struct task *change(struct system *s, const struct effect *e, outcome_fn *done, void *ctx,
                           bool cancels)
{
    struct caldav_flow *t = new_flow(s, e, done, ctx);
    t->id = arena_strdup(&t->f.arena, json_str(e->args, "event", ""));
    t->path = path_of(t->id, &t->f.arena);
    t->edit = (struct ical_edit){.from = -1, .to = -1, .cancel = cancels};
    if (!cancels) {
        t->edit.title = json_str(t->f.effect.args, "title", NULL);
        t->edit.description = json_str(t->f.effect.args, "description", NULL);
        t->edit.from = json_int(e->args, "from", -1);
        t->edit.to = json_int(e->args, "to", -1);
    }
    if (!t->path) {
        task_cancel(&t->f.task);
        return task_ends(s, done, ctx, OUTCOME_FAILED, "\"%.80s\" is no event that Signalbox made",
                         json_str(e->args, "event", ""));
    }
    read_event(t);
    return &t->f.task;
}

static struct task *update(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    return change(s, e, done, ctx, false);
}

static struct task *cancel(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    return change(s, e, done, ctx, true);
}

/* --- conflicts ------------------------------------------------------------------------------------ */

static void ask_calendar(struct caldav_flow *t);

static void see(void *ctx, const struct ical_found *found)
{
    struct caldav_flow *t = ctx;
    const struct calendar_event e = {.id = found->uid,
                                     .title = found->title,
                                     .description = found->description,
                                     .url = found->url,
                                     .from = found->from,
                                     .to = found->to};
    if (found->cancelled)
        return;
    if (t->in_freezes)
        calendar_add_freeze(t->list, &e, t->f.effect.args);
    else if (!found->shows_free || calendar_is_freeze(e.title))
        calendar_add_event(t->list, &e, t->f.effect.args);
}

static bool see_all(struct caldav_flow *t, const struct dav_answer *answer, struct error *err)
{
    int64_t from = json_int(t->f.effect.args, "from", 0), to = json_int(t->f.effect.args, "to", 0);
    for (size_t i = 0; i < answer->n; i++) {
        const char *text = answer->list[i].calendar;
        if (*text && !ical_read(text, strlen(text), t->c->zone, from, to, see, t, err))
            return error_wrap(err, err, "%.100s", answer->list[i].href);
    }
    return true;
}

static void on_events(struct flow *f, const struct http_reply *reply)
{
    struct caldav_flow *t = (struct caldav_flow *)f;
    struct dav_answer answer;
    struct error err = ERROR_NONE;
    if (!http_ok(f->peer, &f->request, reply, &err)) {
        flow_failed_look(f, reply);
        return;
    }
    if (!dav_parse(reply->body, reply->body_len, &f->arena, &answer, &err) || !see_all(t, &answer, &err)) {
        flow_ends(f, err.code == SB_LIMIT ? OUTCOME_FAILED : OUTCOME_RETRY, err.code, "%s", err.text);
        return;
    }
    if (t->c->freezes && !t->in_freezes) {
        t->in_freezes = true;
        ask_calendar(t);
        return;
    }
    calendar_add_freezes(t->list, f->system->around, f->effect.args);
    flow_done(f, json_pack("{s:O}", "conflicts", t->list));
}

static void add_moment(struct buf *out, int64_t ms)
{
    struct civil c;
    if (!instant_to_civil(ms, "UTC", &c, NULL))
        c = (struct civil){.year = 1970, .month = 1, .day = 1};
    buf_printf(out, "%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

/* The server finds what lies in the time, occurrences of what repeats included; which those are we count ourselves,
 * because not every server can say. */
static void ask_calendar(struct caldav_flow *t)
{
    static const char *const headers[] = {"Depth: 1", NULL};
    _cleanup_buf_ struct buf b = {0};
    buf_adds(&b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                 "<C:calendar-query xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">"
                 "<D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">"
                 "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"");
    add_moment(&b, json_int(t->f.effect.args, "from", 0));
    buf_adds(&b, "\" end=\"");
    add_moment(&b, json_int(t->f.effect.args, "to", 0));
    buf_adds(&b, "\"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>");
    flow_send(&t->f,
              &(struct http_request){.method = "REPORT",
                                     .what = "list the events",
                                     .path = t->in_freezes ? t->c->freezes : "/",
                                     .content_type = "application/xml; charset=utf-8",
                                     .body = b.data,
                                     .body_len = b.len,
                                     .headers = headers,
                                     .repeatable = true},
              on_events);
}

static struct task *conflicts(struct system *s, const struct effect *e, outcome_fn *done,
                              UNUSED progress_fn *progress, void *ctx)
{
    struct caldav_flow *t = new_flow(s, e, done, ctx);
    t->list = json_array();
    ask_calendar(t);
    return &t->f.task;
}

/* --- doctor --------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    struct caldav *calendar;
    struct mail_call *call;
    bool in_freezes;
};

static void look_free(struct flow *f)
{
    mail_cancel(((struct look *)f)->call);
}

static void on_probe(void *ctx, const struct mail_reply *reply)
{
    struct look *w = ctx;
    w->call = NULL;
    bool works = reply->kind == MAIL_TAKEN;
    checks_add(&w->c, works ? CHECK_OK : CHECK_FAIL, "invitations", "%s",
               works ? w->calendar->box.url : reply->error.text);
    checks_end(&w->c);
}

static void look_at_mail(struct look *w)
{
    if (w->calendar->box.mailer) {
        w->call = mail_probe(w->calendar->box.mailer, on_probe, w);
        return;
    }
    if (w->calendar->organizer)
        checks_add(&w->c, CHECK_OK, "invitations", "are the server's, in the name of %s",
                   w->calendar->organizer);
    else
        checks_add(
            &w->c, CHECK_WARN, "invitations",
            "nobody is invited: give a mail server as \"invitations\", or \"organizer\" if the CalDAV server "
            "sends them");
    checks_end(&w->c);
}

static void look_at_calendar(struct look *w);

static void judge(struct look *w, const struct dav_response *r)
{
    if (!r->is_calendar)
        checks_add(&w->c, CHECK_FAIL, w->in_freezes ? "freezes" : "calendar", "%.100s is no calendar",
                   r->href);
    else if (!w->in_freezes && r->tells_rights && !r->may_write)
        checks_add(&w->c, CHECK_FAIL, "calendar",
                   "%.100s can be read and not written: give the account that right", r->name);
    else
        checks_add(
            &w->c, CHECK_OK, w->in_freezes ? "freezes" : "calendar", "%.100s%s", *r->name ? r->name : r->href,
            w->in_freezes || r->tells_rights ? "" : "; whether it may be written shows at the first change");
}

static void on_properties(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct dav_answer answer = {0};
    struct error err = ERROR_NONE;
    const char *what = w->in_freezes ? "freezes" : "calendar";
    if (!http_ok(f->peer, &f->request, reply, &err))
        checks_failed(&w->c, CHECK_FAIL, what, reply);
    else if (!dav_parse(reply->body, reply->body_len, &f->arena, &answer, &err) || answer.n == 0)
        checks_add(&w->c, CHECK_FAIL, what, "%s", err.code ? err.text : "the server tells nothing of it");
    else
        judge(w, &answer.list[0]);
    if (!w->in_freezes)
        checks_clock(&w->c, reply);
    if (w->calendar->freezes && !w->in_freezes) {
        w->in_freezes = true;
        look_at_calendar(w);
        return;
    }
    look_at_mail(w);
}

static void look_at_calendar(struct look *w)
{
    static const char *const headers[] = {"Depth: 0", NULL};
    static const char body[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:propfind xmlns:D=\"DAV:\"><D:prop>"
        "<D:displayname/><D:resourcetype/><D:current-user-privilege-set/></D:prop>"
        "</D:propfind>";
    flow_send(&w->c.f,
              &(struct http_request){.method = "PROPFIND",
                                     .what = "read the calendar's properties",
                                     .path = w->in_freezes ? w->calendar->freezes : "/",
                                     .content_type = "application/xml; charset=utf-8",
                                     .body = body,
                                     .body_len = sizeof body - 1,
                                     .headers = headers,
                                     .repeatable = true},
              on_properties);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct caldav *c = (struct caldav *)s;
    struct look *w = checks_new(sizeof *w, s, c->peer, done, ctx);
    w->calendar = c;
    w->c.f.on_free = look_free;
    look_at_calendar(w);
}

/* --- configuration -------------------------------------------------------------------------------- */

static const char *const keys[] = {CONFIG_PEER_KEYS, "freezes", "organizer", "zone", "invitations", NULL};

static void caldav_close(struct system *s)
{
    struct caldav *c = (struct caldav *)s;
    tasks_cancel(s);
    postbox_close(&c->box);
    if (c->peer)
        http_peer_free(c->peer);
    arena_free(&c->arena);
    free(c);
}

static bool read_organizer(struct caldav *c, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *y = yaml_get(config, "organizer");
    c->organizer = arena_strdup(&c->arena, config_str(config, "organizer", NULL));
    if (!y || mail_address_ok(c->organizer))
        return true;
    return error_at(err, SB_PARSE, file, y->line, y->column, "organizer: expected one bare mail address");
}

static bool read_zone(struct caldav *c, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *y = yaml_get(config, "zone");
    struct error why = ERROR_NONE;
    c->zone = arena_strdup(&c->arena, config_str(config, "zone", "UTC"));
    return zone_check(c->zone, &why) ||
           error_at(err, why.code, file, y ? y->line : 0, y ? y->column : 0, "zone: %s", why.text);
}

static bool configure(struct caldav *c, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    const struct http_peer_options defaults = {.name = "caldav"};
    if (!config_peer(config, file, &defaults, &c->arena, &o, err) || !read_organizer(c, config, file, err) ||
        !read_zone(c, config, file, err) ||
        !invite_config(&c->box, c->system.around->loop, config, file, &c->arena, err))
        return false;
    char *url = arena_strdup(&c->arena, o.base_url);
    for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
        url[n - 1] = '\0';
    o.base_url = c->url = url;
    c->freezes = arena_strdup(&c->arena, config_str(config, "freezes", NULL));
    if (c->freezes && !strstr(c->freezes, "://")) {
        const struct yaml *y = yaml_get(config, "freezes");
        return error_at(err, SB_PARSE, file, y->line, y->column, "freezes: expected the URL of a calendar");
    }
    c->peer = http_peer_new(c->system.around->http, &o, err);
    return c->peer != NULL;
}

static struct system *caldav_open(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct caldav *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->system = (struct system){.driver = d, .name = d->name, .around = around};
    c->arena = arena_make();
    if (configure(c, config, file, err))
        return &c->system;
    caldav_close(&c->system);
    return NULL;
}

const struct driver caldav_driver = {
    .role = ROLE_CALENDAR,
    .name = "caldav",
    .says = "keeps the change calendar on a CalDAV server (Nextcloud, Radicale, Fastmail ...)",
    .keys = keys,
    .open = caldav_open,
    .close = caldav_close,
    .check = check,
    .verbs =
        {
            {"create", create, find_created, false},
            {"update", update, NULL, true},
            {"cancel", cancel, NULL, true},
            {"conflicts", conflicts, NULL, false},
        },
};
