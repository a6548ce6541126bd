/* builtin_calendar.c: the change calendar, kept in Signalbox's own store; freezes come from the
 * configuration. */
#include "base/instant.h"
#include "base/json.h"
#include "systems/calendar.h"
#include "systems/drivers.h"
#include "systems/kept.h"
#include <string.h>

enum { FREEZES_MAX = 500, EVENTS_MAX = 10000 };

struct freeze {
    const char *title;
    int64_t from, to;
    const char **clients; /* NULL = all */
    int n_clients;
};

struct calendar {
    struct kept_system kept; /* first */
    struct freeze *freezes;
    int n;
};

/* --- effects ---------------------------------------------------------------------------------- */

static struct task *create(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    static const char *const args[] = {"title", "description", "from",    "to",
                                       "zone",  "attendees",   "meeting", NULL};
    (void)progress;
    json_t *doc = kept_doc(s, e, args);
    json_object_set_new(doc, "status", json_string("confirmed"));
    return kept_put_effect(s, e, done, ctx, KEPT_EVENT, doc, kept_result_id_url);
}

static struct task *update(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    static const char *const args[] = {"title", "description", "from", "to", NULL};
    (void)progress;
    json_t *patch = json_pack("{s:{s:I}}", "changes", e->key, (json_int_t)e->intended_ms);
    for (const char *const *a = args; *a; a++) {
        json_t *value = json_object_get(e->args, *a);
        if (value)
            json_object_set(patch, *a, value);
    }
    return kept_patch_effect(s, e, done, ctx, KEPT_EVENT, json_str(e->args, "event", ""), patch,
                             kept_result_id);
}

static void cancelled(struct kept *k, json_t *doc, const struct error *err)
{
    const char *id = json_str(k->flow.effect.args, "event", "");
    if (!doc && err && err->code != SB_UNKNOWN)
        kept_failed(k, KEPT_EVENT, id, err);
    else
        flow_done(&k->flow, json_pack("{s:s}", "id", id));
}

static struct task *cancel(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    json_t *patch =
        json_pack("{s:s, s:{s:I}}", "status", "cancelled", "changes", e->key, (json_int_t)e->intended_ms);
    kept_patch(k, KEPT_EVENT, json_str(e->args, "event", ""), patch, cancelled);
    return &k->flow.task;
}

/* --- conflicts -------------------------------------------------------------------------------- */

struct question {
    int64_t from, to;
    const char *client, *except;
};

static json_t *conflict(const char *event, const char *title, int64_t from, int64_t to, bool freeze,
                        const char *url)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:s}", "event", event, "title", title, "from",
                     (json_int_t)from, "to", (json_int_t)to, "freeze", freeze, "url", url);
}

/* Keeps the list sorted by begin. */
static void insert(json_t *list, json_t *c)
{
    size_t i = 0;
    while (i < json_array_size(list) &&
           json_int(json_array_get(list, i), "from", 0) <= json_int(c, "from", 0))
        i++;
    json_array_insert_new(list, i, c);
}

static void add_event(json_t *list, const json_t *doc, const struct question *q)
{
    const char *id = json_str(doc, "id", ""), *title = json_str(doc, "title", "");
    int64_t from = json_int(doc, "from", 0), to = json_int(doc, "to", 0);
    bool freeze = calendar_is_freeze(title);
    if (strcmp(json_str(doc, "status", ""), "cancelled") == 0 || strcmp(id, q->except) == 0)
        return;
    if (!calendar_overlap(q->from, q->to, from, to))
        return;
    if (freeze || calendar_concerns(q->client, title, json_str(doc, "description", NULL)))
        insert(list, conflict(id, title, from, to, freeze, json_str(doc, "url", "")));
}

static bool freeze_concerns(const struct freeze *f, const char *client)
{
    for (int i = 0; i < f->n_clients; i++)
        if (strcmp(f->clients[i], client) == 0)
            return true;
    return f->n_clients == 0 || !*client;
}

static void listed(struct kept *k, json_t *docs, const struct error *err)
{
    struct calendar *c = (struct calendar *)k->flow.system;
    const json_t *args = k->flow.effect.args;
    if (!docs) {
        kept_failed(k, "list of", "events", err);
        return;
    }
    struct question q = {json_int(args, "from", 0), json_int(args, "to", 0), json_str(args, "client", ""),
                         json_str(args, "except", "")};
    json_t *list = json_array();
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc)
        add_event(list, doc, &q);
    for (int f = 0; f < c->n; f++)
        if (calendar_overlap(q.from, q.to, c->freezes[f].from, c->freezes[f].to) &&
            freeze_concerns(&c->freezes[f], q.client))
            insert(list, conflict("", c->freezes[f].title, c->freezes[f].from, c->freezes[f].to, true, ""));
    flow_done(&k->flow, json_pack("{s:o}", "conflicts", list));
}

static struct task *conflicts(struct system *s, const struct effect *e, outcome_fn *done,
                              progress_fn *progress, void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    kept_list(k, KEPT_EVENT, EVENTS_MAX, listed);
    return &k->flow.task;
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool read_moment(struct calendar *c, const struct yaml *y, const char *file, const char *key,
                        const char *zone, int64_t *out, struct error *err)
{
    const char *text =
        config_need(y, file, key, "when the freeze begins and ends, as in 2024-12-20 18:00", err);
    if (!text)
        return false;
    struct error why = ERROR_NONE;
    struct surroundings *around = c->kept.system.around;
    if (instant_parse(text, around->now(around->now_ctx), zone, out, &why))
        return true;
    const struct yaml *at = yaml_get(y, key);
    return error_at(err, why.code, file, at->line, at->column, "%s: %s", key, why.text);
}

static void read_clients(struct calendar *c, const struct yaml *list, struct freeze *f)
{
    if (!list || list->kind != YAML_LIST)
        return;
    f->clients = ARENA_ARRAY(&c->kept.arena, (size_t)list->n, const char *);
    for (int i = 0; i < list->n; i++)
        if (list->items[i]->kind == YAML_SCALAR)
            f->clients[f->n_clients++] = arena_strdup(&c->kept.arena, list->items[i]->text);
}

static bool read_freeze(struct calendar *c, const struct yaml *y, const char *file, const char *zone,
                        struct freeze *f, struct error *err)
{
    static const char *const allowed[] = {"title", "from", "to", "clients", NULL};
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column, "freezes: expected title, from, to of each");
    if (!yaml_only(y, file, "a freeze", allowed, err))
        return false;
    const char *title = config_need(y, file, "title", "what people read", err);
    if (!title || !read_moment(c, y, file, "from", zone, &f->from, err) ||
        !read_moment(c, y, file, "to", zone, &f->to, err))
        return false;
    if (f->to <= f->from)
        return error_at(err, SB_RANGE, file, y->line, y->column, "the freeze \"%s\" ends before it begins",
                        title);
    f->title = arena_strdup(&c->kept.arena, title);
    read_clients(c, yaml_get(y, "clients"), f);
    return true;
}

static bool read_freezes(struct calendar *c, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *list = yaml_get(config, "freezes");
    const char *zone = config_str(config, "zone", "UTC");
    if (!zone_check(zone, err))
        return false;
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > FREEZES_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "freezes: expected a list of at most %d", FREEZES_MAX);
    c->freezes = ARENA_ARRAY(&c->kept.arena, (size_t)list->n, struct freeze);
    for (; c->n < list->n; c->n++)
        if (!read_freeze(c, list->items[c->n], file, zone, &c->freezes[c->n], err))
            return false;
    return true;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct calendar *c = kept_open(sizeof *c, d, config, around, err);
    if (!c || read_freezes(c, config, file, err))
        return c ? &c->kept.system : NULL;
    kept_close(&c->kept.system);
    return NULL;
}

static const char *const keys[] = {"url", "freezes", "zone", NULL};

const struct driver builtin_calendar_driver = {
    .role = ROLE_CALENDAR,
    .name = "builtin",
    .says = "keeps the change calendar in Signalbox's own store and serves it as a feed",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"create", create, NULL, true},
            {"update", update, NULL, true},
            {"cancel", cancel, NULL, true},
            {"conflicts", conflicts, NULL, false},
        },
};
