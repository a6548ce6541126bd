/* silences.c: see silences.h.
 *
 * Alertmanager gives ids of its own and has no search by comment, so the change's silence is picked out of a
 * list, which is narrowed by one of our own matchers. A silence whose end moves keeps its id while it is
 * active with the same matchers and start; else it is replaced by one with another id, which is why nothing
 * here relies on an id that was told earlier. */
#include "systems/silences.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/health_look.h"
#include <string.h>

enum { LABELS_MAX = 20, PATTERN_MAX = 8000 };

#define MARK "[signalbox:"

struct quiet {
    struct flow f; /* first */
    const struct silences *s;
    json_t *matchers; /* of the effect's silence */
    int64_t until;
    json_t *ids; /* to lift, or lifted */
    size_t next;
    int looks;
    bool finding;
};

static void quiet_free(struct flow *f)
{
    struct quiet *q = (struct quiet *)f;
    json_decref(q->matchers);
    json_decref(q->ids);
}

/* --- what is to be quiet ---------------------------------------------------------------------- */

/* {services} stands for any of them: a regular expression. */
static json_t *matcher_of(struct flow *f, const struct silence_label *l)
{
    const json_t *args = f->effect.args;
    const struct fill values[] = {
        {"client", json_str(args, "client", "")},
        {"env", json_str(args, "env", "")},
        {"services", health_alternatives(json_object_get(args, "services"), &f->arena)},
        {NULL, NULL}};
    const char *value = fill(l->value, values, fill_plain, &f->arena);
    if (!*value || strlen(value) > PATTERN_MAX)
        return NULL;
    return json_pack("{s:s, s:s, s:b, s:b}", "name", l->name, "value", value, "isRegex",
                     fill_uses(l->value, "services"), "isEqual", 1);
}

/* false: the step does not say all that the labels want, and the flow has ended with that. */
static bool make_matchers(struct quiet *q)
{
    q->matchers = json_array();
    for (int i = 0; i < q->s->n; i++) {
        const struct silence_label *l = &q->s->labels[i];
        json_t *m = matcher_of(&q->f, l);
        if (!m) {
            flow_ends(
                &q->f, OUTCOME_FAILED, SB_MISSING,
                "a silence needs a value for the label \"%s\" (%s), and the step gives none that would do",
                l->name, l->value);
            return false;
        }
        json_array_append_new(q->matchers, m);
    }
    return true;
}

static const char *arg_text(const struct quiet *q, const char *name)
{
    return json_str(q->f.effect.args, name, "");
}

static char *moment(struct flow *f, int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    return arena_strdup(&f->arena, text);
}

static int64_t now_of(const struct flow *f)
{
    return f->system->around->now(f->system->around->now_ctx);
}

/* --- which are ours --------------------------------------------------------------------------- */

static bool is_ours(const struct flow *f, const json_t *silence)
{
    const char *mark = strstr(json_str(silence, "comment", ""), MARK);
    size_t n = strlen(f->effect.change);
    if (!mark || !*json_str(silence, "id", ""))
        return false;
    mark += strlen(MARK);
    return strncmp(mark, f->effect.change, n) == 0 && (mark[n] == '/' || mark[n] == ']');
}

static bool has_key(const struct flow *f, const json_t *silence)
{
    const char *mark = strstr(json_str(silence, "comment", ""), MARK);
    size_t n = strlen(f->effect.key);
    return mark && strncmp(mark + strlen(MARK), f->effect.key, n) == 0 && mark[strlen(MARK) + n] == ']';
}

static bool is_over(const json_t *silence)
{
    return str_eq(json_str(silence, "status.state", ""), "expired");
}

static int64_t end_of(const json_t *silence)
{
    int64_t ms;
    return instant_parse_rfc3339(json_str(silence, "endsAt", ""), &ms, NULL) ? ms : 0;
}

/* Ends are kept to the second by some. */
static bool ends_as_wanted(const struct quiet *q, const json_t *silence)
{
    return end_of(silence) / 1000 == q->until / 1000;
}

/* --- list ------------------------------------------------------------------------------------- */

/* Alertmanager compares a filter with matchers of the same kind only: one that is no regular expression is the
 * same for all versions. NULL: there is none, and the whole list is read. */
static const json_t *exact_matcher(const struct quiet *q)
{
    for (size_t i = 0; i < json_array_size(q->matchers); i++)
        if (!json_flag(json_array_get(q->matchers, i), "isRegex", false))
            return json_array_get(q->matchers, i);
    return NULL;
}

static void get(struct flow *f, const struct silences *s, const char *path,
                void (*then)(struct flow *, const struct http_reply *))
{
    flow_send(f,
              &(struct http_request){.method = "GET",
                                     .what = "list the silences",
                                     .path = path,
                                     .headers = s->headers,
                                     .repeatable = true},
              then);
}

/* Asked for by one of our own matchers, so that a long history of others' silences stays away. */
static void list(struct quiet *q, void (*then)(struct flow *, const struct http_reply *))
{
    struct flow *f = &q->f;
    const json_t *m = exact_matcher(q);
    _cleanup_buf_ struct buf filter = {0}, path = {0};
    buf_printf(&path, "%s/silences", q->s->prefix);
    if (m) {
        buf_printf(&filter, "%s=\"", json_str(m, "name", ""));
        fill_quoted(&filter, json_str(m, "value", ""));
        buf_adds(&filter, "\"");
        buf_adds(&path, "?filter=");
        buf_add_url(&path, buf_str(&filter));
    }
    get(f, q->s, arena_strdup(&f->arena, buf_str(&path)), then);
}

static void look(struct flow *f);

static void done_with(struct quiet *q, const char *id)
{
    flow_done(&q->f, json_pack("{s:s, s:I}", "id", id, "until", (json_int_t)q->until));
}

/* --- silence ---------------------------------------------------------------------------------- */

static void on_silenced(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const char *id = json_str(answer, "silenceID", "");
    if (*id)
        done_with((struct quiet *)f, id);
    else
        flow_failed_send(f, reply);
}

/* `old`: the change's silence, whose end moves; NULL = a new one. */
static void send_silence(struct quiet *q, const json_t *old)
{
    struct flow *f = &q->f;
    const char *text = arg_text(q, "text");
    const char *comment =
        arena_printf(&f->arena, "%.800s%s" MARK "%s]", text, *text ? " " : "", f->effect.key);
    int64_t now = now_of(f), from = json_int(f->effect.args, "from", now);
    _cleanup_json_ json_t *body =
        json_pack("{s:O, s:s, s:s, s:s, s:s}", "matchers", q->matchers, "startsAt",
                  old ? json_str(old, "startsAt", "") : moment(f, from > now ? from : now), "endsAt",
                  moment(f, q->until), "createdBy", "signalbox", "comment",
                  old ? json_str(old, "comment", comment) : comment);
    if (old) {
        json_object_set(body, "id", json_object_get(old, "id"));
        json_object_set(body, "matchers", json_object_get(old, "matchers"));
    }
    char *json = json_dumps(body, JSON_COMPACT);
    flow_send(f,
              &(struct http_request){.method = "POST",
                                     .what = old ? "move the end of the silence" : "silence the alarms",
                                     .path = arena_printf(&f->arena, "%s/silences", q->s->prefix),
                                     .headers = q->s->headers,
                                     .content_type = "application/json",
                                     .body = json,
                                     .body_len = json ? strlen(json) : 0},
              on_silenced);
    free(json);
}

static void not_there(struct quiet *q)
{
    if (!q->finding)
        send_silence(q, NULL);
    else if (q->looks++ == 0) /* members of a cluster tell each other in a moment */
        flow_wait(&q->f, flow_pause(&q->f, SECONDS(3), SECONDS(1)), look);
    else
        flow_ends(&q->f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "%s has no silence of %s until then", q->s->says,
                  q->f.effect.change);
}

static void on_list(struct flow *f, const struct http_reply *reply)
{
    struct quiet *q = (struct quiet *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *all = http_json(f->peer, &f->request, reply, &err);
    const json_t *ours = NULL;
    if (!json_is_array(all)) {
        if (q->finding)
            flow_failed_find(f, reply);
        else
            flow_failed_look(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i);
        /* One of this very key that is over has taken place, and is not made again. */
        if (is_ours(f, s) && ((!is_over(s) && ends_as_wanted(q, s)) || (q->finding && has_key(f, s)))) {
            done_with(q, json_str(s, "id", ""));
            return;
        }
        if (is_ours(f, s) && !is_over(s))
            ours = s;
    }
    if (ours && !q->finding)
        send_silence(q, ours);
    else
        not_there(q);
}

static void look(struct flow *f)
{
    list((struct quiet *)f, on_list);
}

static struct quiet *quiet_new(struct system *system, const struct silences *s, const struct effect *e,
                               outcome_fn *done, void *ctx)
{
    struct quiet *q = flow_new(sizeof *q, system, s->peer, e, done, NULL, ctx);
    q->s = s;
    q->f.on_free = quiet_free;
    q->until = json_int(e->args, "to", 0);
    return q;
}

static struct task *nothing_to_do(struct system *system, outcome_fn *done, void *ctx)
{
    return task_done(system, done, ctx,
                     json_pack("{s:s, s:s}", "id", "", "says", "no silences are configured for this system"));
}

/* Later, because a task must not end while it is being made. */
static void begin(struct flow *f)
{
    struct quiet *q = (struct quiet *)f;
    if (make_matchers(q))
        look(f);
}

static struct task *start(struct system *system, const struct silences *s, const struct effect *e,
                          outcome_fn *done, void *ctx, bool finding)
{
    if (!s->peer)
        return nothing_to_do(system, done, ctx);
    struct quiet *q = quiet_new(system, s, e, done, ctx);
    q->finding = finding;
    flow_wait(&q->f, 0, begin);
    return &q->f.task;
}

struct task *silences_act(struct system *system, const struct silences *s, const struct effect *e,
                          outcome_fn *done, void *ctx)
{
    return start(system, s, e, done, ctx, false);
}

struct task *silences_find(struct system *system, const struct silences *s, const struct effect *e,
                           outcome_fn *done, void *ctx)
{
    return start(system, s, e, done, ctx, true);
}

/* --- unsilence -------------------------------------------------------------------------------- */

static void lift_next(struct quiet *q);

static void on_lifted(struct flow *f, const struct http_reply *reply)
{
    struct quiet *q = (struct quiet *)f;
    bool gone =
        reply->error.code == SB_OK && (reply->status == 404 || (reply->status >= 200 && reply->status < 300));
    if (!gone) {
        flow_failed_send(f, reply);
        return;
    }
    q->next++;
    lift_next(q);
}

static void lift_next(struct quiet *q)
{
    struct flow *f = &q->f;
    if (q->next == json_array_size(q->ids)) {
        flow_done(f, json_pack("{s:O}", "lifted", q->ids));
        return;
    }
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s/silence/", q->s->prefix);
    buf_add_url(&path, json_string_value(json_array_get(q->ids, q->next)));
    flow_send(f,
              &(struct http_request){.method = "DELETE",
                                     .what = "lift the silence",
                                     .path = arena_strdup(&f->arena, buf_str(&path)),
                                     .headers = q->s->headers,
                                     .repeatable = true},
              on_lifted);
}

static void on_list_to_lift(struct flow *f, const struct http_reply *reply)
{
    struct quiet *q = (struct quiet *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *all = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_array(all)) {
        flow_failed_look(f, reply);
        return;
    }
    q->ids = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i);
        if (is_ours(f, s) && !is_over(s))
            json_array_append(q->ids, json_object_get(s, "id"));
    }
    lift_next(q);
}

static void begin_lifting(struct flow *f)
{
    struct quiet *q = (struct quiet *)f;
    if (make_matchers(q))
        list(q, on_list_to_lift);
}

struct task *silences_lift(struct system *system, const struct silences *s, const struct effect *e,
                           outcome_fn *done, void *ctx)
{
    if (!s->peer)
        return nothing_to_do(system, done, ctx);
    struct quiet *q = quiet_new(system, s, e, done, ctx);
    flow_wait(&q->f, 0, begin_lifting);
    return &q->f.task;
}

/* --- doctor ----------------------------------------------------------------------------------- */

void silences_ask(struct checks *c, const struct silences *s,
                  void (*then)(struct flow *f, const struct http_reply *reply))
{
    c->f.peer = s->peer;
    get(&c->f, s, arena_printf(&c->f.arena, "%s/silences", s->prefix), then);
}

void silences_told(struct checks *c, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *all = http_json(c->f.peer, &c->f.request, reply, &err);
    if (json_is_array(all))
        checks_add(c, CHECK_OK, "may read silences",
                   "yes; whether it may make them shows at the first window");
    else
        checks_failed(c, CHECK_FAIL, "may read silences", reply);
}

/* --- configuration ---------------------------------------------------------------------------- */

bool silences_read(struct silences *s, const struct yaml *config, const char *file, struct arena *a,
                   struct error *err)
{
    const struct yaml *map = yaml_get(config, "match");
    bool narrow = false;
    if (!map || map->kind != YAML_MAP || map->n == 0 || map->n > LABELS_MAX)
        return error_at(err, SB_MISSING, file, map ? map->line : config->line,
                        map ? map->column : config->column,
                        "match: expected the labels of the alarms that stay quiet, such as {service: "
                        "\"{services}\", client: \"{client}\"}");
    s->labels = ARENA_ARRAY(a, (size_t)map->n, struct silence_label);
    for (; s->n < map->n; s->n++) {
        const struct yaml *value = map->items[s->n];
        if (value->kind != YAML_SCALAR || !*value->text || fill_uses(value->text, "service"))
            return error_at(err, SB_PARSE, file, value->line, value->column,
                            "match: expected a text with {client}, {env} or {services} in it");
        s->labels[s->n].name = arena_strdup(a, map->keys[s->n]->text);
        s->labels[s->n].value = arena_strdup(a, value->text);
        narrow = narrow || fill_uses(value->text, "services") || fill_uses(value->text, "client");
    }
    if (!narrow)
        return error_at(
            err, SB_RANGE, file, map->line, map->column,
            "match: this would silence the alarms of every client and service; name {services} or "
            "{client} in it");
    return true;
}
