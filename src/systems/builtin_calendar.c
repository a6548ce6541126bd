/* builtin_calendar.c: the change calendar, kept in Signalbox's own store; invitations by mail when a server is
 * configured for them. */
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/invite.h"
#include "systems/kept.h"
#include <string.h>

enum { EVENTS_MAX = 10000 };

struct calendar {
    struct kept_system kept; /* first */
    struct postbox box;      /* of invitations; its mailer is NULL when none are sent */
};

/* --- effects: the document first, then invitations of what stands there now ---------------------- */

struct planning {
    struct kept kept; /* first */
    struct invite *invite;
    json_t *result;
};

static void planning_free(struct kept *k)
{
    struct planning *p = (struct planning *)k;
    invite_cancel(p->invite);
    json_decref(p->result);
}

static struct planning *planning_new(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct planning *p = kept_new(sizeof *p, s, e, done, NULL, ctx);
    p->kept.on_free = planning_free;
    return p;
}

/* One who cannot be invited does not undo the event: the result names them. When nobody could be, something is
 * wrong with the server. */
static void invited(void *ctx, const json_t *missed, const struct outcome *why)
{
    struct planning *p = ctx;
    p->invite = NULL;
    if (json_array_size(missed))
        json_object_set(p->result, "uninvited", (json_t *)missed);
    if (why->kind != OUTCOME_DONE)
        flow_end(&p->kept.flow, why);
    else
        flow_done(&p->kept.flow, json_incref(p->result));
}

/* Takes `result`. */
static void invite_all(struct planning *p, const json_t *doc, json_t *result)
{
    struct calendar *c = (struct calendar *)p->kept.flow.system;
    const struct effect *e = &p->kept.flow.effect;
    const json_t *people = json_object_get(doc, "attendees");
    p->result = result;
    if (!c->box.mailer || json_array_size(people) == 0) {
        flow_done(&p->kept.flow, json_incref(result));
        return;
    }
    struct ical_event event = calendar_event_of(doc, &p->kept.flow.arena);
    const struct invite_what what = {.event = &event,
                                     .attendees = people,
                                     .key = e->key,
                                     .change = e->change,
                                     .zone = json_str(doc, "zone", NULL),
                                     .cancels = event.cancelled};
    p->invite = invite_send(&c->box, p->kept.flow.system->around->loop, &what, invited, p);
}

static void created(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc)
        kept_failed(k, KEPT_EVENT, k->flow.effect.key, err);
    else
        invite_all((struct planning *)k, doc, kept_result_id_url(&k->flow.effect, doc));
}

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    static const char *const args[] = {"title", "description", "from",    "to",
                                       "zone",  "attendees",   "meeting", NULL};
    struct planning *p = planning_new(s, e, done, ctx);
    json_t *doc = kept_doc(s, e, args);
    json_object_set_new(doc, "status", json_string("confirmed"));
    kept_put(&p->kept, KEPT_EVENT, e->key, doc, created);
    return &p->kept.flow.task;
}

static void updated(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc)
        kept_failed(k, KEPT_EVENT, json_str(k->flow.effect.args, "event", ""), err);
    else
        invite_all((struct planning *)k, doc, kept_result_id(&k->flow.effect, doc));
}

static struct task *update(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    static const char *const args[] = {"title", "description", "from", "to", NULL};
    struct planning *p = planning_new(s, e, done, ctx);
    json_t *patch = json_pack("{s:{s:I}}", "changes", e->key, (json_int_t)e->intended_ms);
    for (const char *const *a = args; *a; a++) {
        json_t *value = json_object_get(e->args, *a);
        if (value)
            json_object_set(patch, *a, value);
    }
    kept_patch(&p->kept, KEPT_EVENT, json_str(e->args, "event", ""), patch, updated);
    return &p->kept.flow.task;
}

static void cancelled(struct kept *k, json_t *doc, const struct error *err)
{
    const char *id = json_str(k->flow.effect.args, "event", "");
    json_t *result = json_pack("{s:s}", "id", id);
    if (doc) {
        invite_all((struct planning *)k, doc, result);
    } else if (err && err->code != SB_UNKNOWN) {
        json_decref(result);
        kept_failed(k, KEPT_EVENT, id, err);
    } else {
        flow_done(&k->flow, result);
    }
}

static struct task *cancel(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct planning *p = planning_new(s, e, done, ctx);
    json_t *patch =
        json_pack("{s:s, s:{s:I}}", "status", "cancelled", "changes", e->key, (json_int_t)e->intended_ms);
    kept_patch(&p->kept, KEPT_EVENT, json_str(e->args, "event", ""), patch, cancelled);
    return &p->kept.flow.task;
}

/* --- conflicts -------------------------------------------------------------------------------- */

static void add_event(json_t *list, const json_t *doc, const json_t *args)
{
    const struct calendar_event e = {.id = json_str(doc, "id", ""),
                                     .title = json_str(doc, "title", ""),
                                     .description = json_str(doc, "description", NULL),
                                     .url = json_str(doc, "url", ""),
                                     .from = json_int(doc, "from", 0),
                                     .to = json_int(doc, "to", 0)};
    if (strcmp(json_str(doc, "status", ""), "cancelled") != 0)
        calendar_add_event(list, &e, args);
}

static void listed(struct kept *k, json_t *docs, const struct error *err)
{
    const json_t *args = k->flow.effect.args;
    if (!docs) {
        kept_failed(k, "list of", "events", err);
        return;
    }
    json_t *list = json_array();
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc)
        add_event(list, doc, args);
    calendar_add_freezes(list, k->flow.system->around, args);
    flow_done(&k->flow, json_pack("{s:o}", "conflicts", list));
}

static struct task *conflicts(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    kept_list(k, KEPT_EVENT, EVENTS_MAX, listed);
    return &k->flow.task;
}

/* --- doctor ------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    struct calendar *calendar;
    struct mail_call *call;
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

/* The store itself is what every other check of the engine stands on. */
static void check(struct system *s, check_fn *done, void *ctx)
{
    struct calendar *c = (struct calendar *)s;
    if (!c->box.mailer) {
        kept_check(s, done, ctx);
        return;
    }
    struct look *w = checks_new(sizeof *w, s, NULL, done, ctx);
    w->calendar = c;
    w->c.f.on_free = look_free;
    w->call = mail_probe(c->box.mailer, on_probe, w);
}

/* --- configuration ------------------------------------------------------------------------------ */

static void close_system(struct system *s)
{
    struct calendar *c = (struct calendar *)s;
    tasks_cancel(s);
    postbox_close(&c->box);
    kept_close(s);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct calendar *c = kept_open(sizeof *c, d, config, around, err);
    if (!c || invite_config(&c->box, around->loop, config, file, &c->kept.arena, err))
        return c ? &c->kept.system : NULL;
    close_system(&c->kept.system);
    return NULL;
}

static const char *const keys[] = {"url", "invitations", NULL};

const struct driver builtin_calendar_driver = {
    .role = ROLE_CALENDAR,
    .name = "builtin",
    .says = "keeps the change calendar in Signalbox's own store and serves it as a feed",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"create", create, NULL, true},
            {"update", update, NULL, true},
            {"cancel", cancel, NULL, true},
            {"conflicts", conflicts, NULL, false},
        },
};
