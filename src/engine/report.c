/* report.c: the report of a change: what it was, what was decided, what was sent, what happened when, and
 * whether its record is whole. Markdown for people's other tools; HTML that needs nothing beside itself. */
#include "base/hash.h"
#include "base/instant.h"
#include "base/read.h"
#include "engine/inside.h"
#include "engine/times.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURE_MAX = 4 << 20 };

struct report {
    struct engine *e;
    const struct change *c;
    struct buf *b; /* Markdown */
    struct arena *a;
    const char *zone;
    json_t *health;
    size_t graph_at; /* where in `b` the picture belongs; 0 = nowhere */
    /* From one reading of the record: */
    struct buf lines, sent;
    json_t *intended[STEPS_MAX]; /* arguments of effects that have no end yet */
    json_t *deployed;            /* lists of {service, tag}, in turn */
    struct times_reading *times;
    struct error error;
};

/* "Thu 8 Feb 14:00:07 EST": the second after the minute. */
static char *when(const struct report *r, int64_t at)
{
    const char *text = instant_text(at, r->zone, engine_now(r->e), r->a), *colon = strchr(text, ':');
    if (!colon || strlen(colon) < 3)
        return arena_strdup(r->a, text);
    return arena_printf(r->a, "%.*s:%02d%s", (int)(colon + 3 - text), text, (int)(at / 1000 % 60), colon + 3);
}

/* Text from outside must not make a table's cell or row end. */
static void cell(struct buf *b, const char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\r')
            buf_addc(b, ' ');
        else if (*text == '|')
            buf_adds(b, "\\|");
        else
            buf_addc(b, *text);
}

static void row2(struct buf *b, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    buf_printf(b, "| %s | ", name);
    cell(b, text);
    buf_adds(b, " |\n");
}

/* --- the parts
 * ------------------------------------------------------------------------------------------------------------------
 */

static void summary(const struct report *r)
{
    const json_t *f = r->c->facts;
    const struct control *k = &r->c->control;
    buf_adds(r->b, "| | |\n| --- | --- |\n");
    row2(r->b, "Client", json_str(f, "client.name", ""));
    row2(r->b, "Environment", json_str(f, "env.name", ""));
    row2(r->b, "Window", json_str(f, "window.text", ""));
    row2(r->b, "Severity", arena_printf(r->a, "%lld", (long long)json_int(f, "change.severity", 0)));
    row2(r->b, "Risk", json_str(f, "change.risk", ""));
    row2(r->b, "Reason", json_str(f, "change.reason", ""));
    row2(r->b, "Requested by", json_str(f, "change.requested_by", ""));
    row2(r->b, "Planned", r->c->planned ? when(r, r->c->planned) : "");
    row2(r->b, "Started", r->c->started ? when(r, r->c->started) : "");
    row2(r->b, "Ended", r->c->ended ? when(r, r->c->ended) : "");
    row2(r->b, "Took", r->c->ended && r->c->started ? duration_text(r->c->ended - r->c->started, r->a) : "");
    row2(r->b, "Outcome",
         r->c->ended ? change_outcome_names[k->outcome]
                     : arena_printf(r->a, "open (%s)", change_status_names[k->status]));
    row2(r->b, "Page", arena_printf(r->a, "%s (%.12s)", r->c->sop->title, r->c->sop->hash));
}

/* The tag that a deployment gave the service, or NULL. */
static const char *tag_in(const json_t *services, const char *name)
{
    size_t i;
    json_t *s;
    json_array_foreach((json_t *)services, i, s)
        if (str_eq(json_str(s, "service", ""), name))
            return json_str(s, "tag", NULL);
    return NULL;
}

/* Every deployment is a column: what was tried belongs to what was done. */
static void versions(const struct report *r)
{
    size_t i, k, n = json_array_size(r->deployed);
    json_t *s, *d;
    buf_adds(r->b, "\n## Versions\n\n| Service | Before |");
    for (k = 0; k < n; k++)
        buf_printf(r->b, n > 1 ? " Deployed (%zu) |" : " Deployed |", k + 1);
    buf_adds(r->b, " After |\n| --- | --- |");
    for (k = 0; k <= n; k++)
        buf_adds(r->b, " --- |");
    buf_addc(r->b, '\n');
    json_array_foreach(json_object_get(r->c->facts, "services"), i, s) {
        const char *name = json_str(s, "service", "?");
        buf_adds(r->b, "| ");
        cell(r->b, name);
        buf_printf(r->b, " | %s |", json_str(s, "before", "not known"));
        json_array_foreach(r->deployed, k, d) {
            const char *tag = tag_in(d, name);
            buf_printf(r->b, " %s |", tag ? tag : "");
        }
        buf_printf(r->b, " %s |\n", n > 0 ? json_str(s, "tag", "?") : json_str(s, "before", "not known"));
    }
}

static void span(const struct report *r, const char *name, int64_t from, int64_t to)
{
    if (from > 0 && to >= from)
        row2(r->b, name, duration_text(to - from, r->a));
}

/* How long it took to notice, to tell, to decide, to repair. */
static void times(const struct report *r)
{
    const struct times *t = &r->times->t;
    buf_adds(r->b, "\n## Times\n\n| | |\n| --- | --- |\n");
    span(r, "From the plan until verified", t->planned, t->restored);
    span(r, "From the incident until verified", t->incident, t->restored);
    row2(r->b, "Deployments", arena_printf(r->a, "%d", t->deployments));
    for (int i = 0; i < t->n_troubles; i++) {
        const struct times_trouble *m = &t->troubles[i];
        const char *nth = t->n_troubles > 1 ? arena_printf(r->a, "Trouble %d", i + 1) : "Trouble";
        row2(r->b, nth, *m->step ? arena_printf(r->a, "%s failed", m->step) : "raised by a person");
        span(r, "Noticed, after the step had begun", m->looked, m->began);
        span(r, "Told, after it was noticed", m->began, m->told);
        span(r, "Decided, after it was noticed", m->began, m->decided);
        span(r, "Repaired and verified, after the decision", m->decided, m->repaired);
    }
}

static void number(struct buf *b, const json_t *v)
{
    if (json_is_number(v))
        buf_printf(b, "%.4g", json_number_value(v));
    else
        buf_adds(b, "not known");
}

static void health(struct report *r)
{
    size_t i;
    json_t *m;
    if (json_array_size(r->health) == 0)
        return;
    buf_adds(r->b, "\n## Health\n\n");
    r->graph_at = r->b->len;
    buf_adds(r->b, "| Measure | Before | After | Limit | |\n| --- | --- | --- | --- | --- |\n");
    json_array_foreach(r->health, i, m) {
        const char *unit = json_str(m, "unit", "");
        buf_adds(r->b, "| ");
        cell(r->b, json_str(m, "name", "?"));
        buf_adds(r->b, *unit ? " (" : "");
        cell(r->b, unit);
        buf_adds(r->b, *unit ? ") | " : " | ");
        number(r->b, json_object_get(m, "before"));
        buf_adds(r->b, " | ");
        number(r->b, json_object_get(m, "after"));
        buf_adds(r->b, " | ");
        if (json_is_number(json_object_get(m, "max")))
            number(r->b, json_object_get(m, "max"));
        buf_printf(r->b, " | %s |\n", json_flag(m, "ok", true) ? "healthy" : "not healthy");
    }
}

static void decisions(const struct report *r)
{
    size_t i;
    json_t *d;
    if (json_array_size(r->c->decisions) == 0)
        return;
    buf_adds(r->b, "\n## Decisions\n\n| When | Who | What | Why |\n| --- | --- | --- | --- |\n");
    json_array_foreach(r->c->decisions, i, d) {
        buf_printf(r->b, "| %s | ", when(r, json_int(d, "at", 0)));
        cell(r->b, json_str(d, "by", ""));
        buf_printf(r->b, " | %s | ", json_str(d, "choice", "?"));
        cell(r->b, json_str(d, "reason", ""));
        const char *permitted = json_str(d, "permitted_by", NULL);
        if (permitted) {
            buf_adds(r->b, " (permitted by ");
            cell(r->b, permitted);
            buf_addc(r->b, ')');
        }
        buf_adds(r->b, " |\n");
    }
}

static void quote(struct buf *b, const char *text)
{
    buf_adds(b, "> ");
    for (; *text; text++) {
        buf_addc(b, *text);
        if (*text == '\n')
            buf_adds(b, "> ");
    }
    buf_adds(b, "\n\n");
}

/* --- one reading of the record
 * -------------------------------------------------------------------------------------------------- */

static const char *reached(const struct report *r, const json_t *args)
{
    static const char *const keys[] = {"channels",   "to",      "attendees",  "ticket",
                                       "components", "channel", "maintenance"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const json_t *v = json_object_get(args, keys[i]);
        _cleanup_buf_ struct buf all = {0};
        size_t k;
        json_t *one;
        if (json_is_string(v))
            return json_string_value(v);
        json_array_foreach((json_t *)v, k, one)
            if (json_is_string(one))
                buf_printf(&all, "%s%s", all.len ? ", " : "", json_string_value(one));
        if (all.len)
            return arena_strdup(r->a, buf_str(&all));
    }
    return "";
}

/* What an effect that has taken place said, word for word. */
static void note_sent(struct report *r, int step, int64_t at)
{
    static const char *const texts[] = {"name", "title", "summary", "text", "body", "description", "details"};
    const struct step *s = &r->c->sop->steps[step];
    const json_t *args = r->intended[step];
    bool any = false;
    for (size_t k = 0; k < COUNT_OF(texts) && s->verb->kind == VERB_EFFECT; k++) {
        const char *text = json_str(args, texts[k], NULL), *to = reached(r, args);
        if (!text || !*text)
            continue;
        if (!any) {
            buf_printf(&r->sent, "%s, %s (%s)%s", when(r, at), s->id, s->verb->name, *to ? " to " : "");
            cell(&r->sent, to);
            buf_adds(&r->sent, ":\n\n");
        }
        any = true;
        quote(&r->sent, text);
    }
}

/* --- dashboards
 * -------------------------------------------------------------------------------------------------------------------
 */

/* The next step from `*i` on whose verb is this and which is done, or NULL. */
static const json_t *next_result(const struct change *c, const char *verb, int *i)
{
    for (; *i < c->sop->n_steps; (*i)++) {
        const struct step *s = &c->sop->steps[*i];
        if (s->verb && str_eq(s->verb->name, verb) && c->control.steps[*i].status == STEP_DONE)
            return c->data[(*i)++].result;
    }
    return NULL;
}

/* Links of the marks and pictures; the pictures themselves are files beside the report. */
static void dashboards(const struct report *r)
{
    static const char *const telling[] = {"health.mark", "health.picture"};
    const json_t *result;
    size_t k;
    json_t *p;
    buf_adds(r->b, "\n## Dashboards\n\n");
    size_t bare = r->b->len;
    for (size_t v = 0; v < COUNT_OF(telling); v++)
        for (int i = 0; (result = next_result(r->c, telling[v], &i)) != NULL;) {
            const char *url = json_str(result, "url", "");
            if (*url && !strpbrk(url, " <>()"))
                buf_printf(r->b, "- %s: <%s>\n", v == 0 ? "The moment of the deployment" : "The window", url);
            json_array_foreach(json_object_get(result, "pictures"), k, p)
                if (*json_str(p, "file", ""))
                    buf_printf(r->b, "- Panel %lld: `pictures/%s`\n", (long long)json_int(p, "panel", 0),
                               json_str(p, "file", ""));
        }
    if (r->b->len == bare)
        r->b->len -= strlen("\n## Dashboards\n\n");
}

static void note_effect(struct report *r, const struct event *ev)
{
    const struct verb *v = ev->step >= 0 ? r->c->sop->steps[ev->step].verb : NULL;
    if (!v)
        return;
    json_t *args = json_object_get(ev->data, "args");
    bool took_place = ev->type == EV_DONE || ev->type == EV_FOUND || (ev->type == EV_RESOLVED && ev->choice);
    if (ev->type == EV_INTENDED) {
        json_decref(r->intended[ev->step]);
        r->intended[ev->step] = json_incref(args);
        if (str_eq(v->name, "pipeline.start"))
            json_array_append(r->deployed, json_object_get(args, "services"));
    } else if (took_place && r->intended[ev->step]) {
        note_sent(r, ev->step, ev->at);
        json_decref(r->intended[ev->step]);
        r->intended[ev->step] = NULL;
    }
}

static bool one_event(void *ctx, const struct store_event *stored)
{
    struct report *r = ctx;
    _cleanup_json_ json_t *j =
        json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, "event", &r->error);
    _cleanup_event_ struct event ev = {0};
    if (!j || !event_from_json(j, r->c->sop, &ev, &r->error))
        return false;
    if (ev.type == EV_PROGRESS)
        return true;
    times_take(r->times, j);
    note_effect(r, &ev);
    buf_printf(&r->lines, "| %s | ", when(r, ev.at));
    cell(&r->lines, event_text(&ev, r->c->sop, r->a));
    buf_adds(&r->lines, " |\n");
    return true;
}

static void read_record(struct report *r)
{
    if (store_read(r->e->store, r->c->id, 1, one_event, r, &r->error) && r->error.code == SB_OK)
        times_end(r->times);
}

static void messages(const struct report *r)
{
    if (r->sent.len)
        buf_printf(r->b, "\n## Messages sent\n\n%s", buf_str(&r->sent));
}

static void timeline(const struct report *r)
{
    buf_printf(r->b, "\n## Timeline\n\n| When | What |\n| --- | --- |\n%s", buf_str(&r->lines));
    if (r->error.code != SB_OK)
        buf_printf(r->b, "\nThe record could not be read to its end: %s\n", r->error.text);
}

static void record_check(const struct report *r)
{
    struct verdict v = {0};
    struct error err = ERROR_NONE;
    buf_adds(r->b, "\n## Record\n\n");
    if (!store_verify(r->e->store, r->c->id, &v, &err))
        buf_printf(r->b, "It could not be verified: %s\n", err.text);
    else if (!v.good)
        buf_printf(r->b, "**It has been tampered with or is damaged**: %s\n", v.text);
    else
        buf_printf(r->b,
                   "%lld events, each carrying the hash of the one before it: whole when this was written. "
                   "To check it again: `signalbox audit verify %s`\n",
                   (long long)v.events, r->c->id);
}

/* Fills `b`; where the picture of health belongs in it (0 = nowhere), and the picture. */
static void write_report(struct engine *e, const struct change *c, const char *title, struct buf *b,
                         size_t *graph_at, char **graph)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct report r = {.e = e,
                       .c = c,
                       .b = b,
                       .a = &a,
                       .zone = json_str(c->facts, "client.zone", "UTC"),
                       .health = health_compared(c),
                       .deployed = json_array(),
                       .times = NET_NEW(struct times_reading)};
    read_record(&r);
    buf_printf(b, "# %s: %s\n\n", c->id, title ? title : c->sop->title);
    summary(&r);
    versions(&r);
    times(&r);
    if (c->trouble_reason) {
        buf_adds(b, "\n## Trouble\n\n");
        quote(b, c->trouble_reason);
    }
    decisions(&r);
    health(&r);
    messages(&r);
    dashboards(&r);
    timeline(&r);
    record_check(&r);
    *graph_at = r.graph_at;
    *graph = report_graph(r.health);
    for (int i = 0; i < c->sop->n_steps; i++)
        json_decref(r.intended[i]);
    json_decref(r.health);
    json_decref(r.deployed);
    buf_free(&r.lines);
    buf_free(&r.sent);
    free(r.times);
}

/* --- files
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* Whole or not at all: a new file under another name, synced, then renamed. */
static bool write_whole(const char *path, const char *text, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *part = arena_printf(&a, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "%s", part);
    size_t n = strlen(text), at = 0;
    while (at < n) {
        ssize_t k = write(fd, text + at, n - at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            break;
        at += (size_t)k;
    }
    bool ok = at == n && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (ok && rename(part, path) == 0)
        return true;
    if (ok)
        why = errno;
    unlink(part);
    return error_errno(err, why, "%s", path);
}

/* Pictures as a part of the page, so that it can be sent on as it is. One that cannot be read is left out: the report
 * must not fail for it. */
static void add_pictures(struct buf *b, const struct change *c, const char *state_dir)
{
    const json_t *result;
    size_t k;
    json_t *p;
    for (int i = 0; (result = next_result(c, "health.picture", &i)) != NULL;)
        json_array_foreach(json_object_get(result, "pictures"), k, p) {
            _cleanup_arena_ struct arena a = arena_make();
            const char *file = json_str(p, "file", "");
            _cleanup_buf_ struct buf png = {0};
            struct error ignored = ERROR_NONE;
            if (!*file || strchr(file, '/') ||
                !read_file(arena_printf(&a, "%s/pictures/%s", state_dir, file), PICTURE_MAX, &png, &ignored))
                continue;
            char *coded = base64_encode(png.data, png.len, false);
            buf_printf(b, "<p><img alt=\"Panel %lld\" src=\"data:image/png;base64,%s\"></p>\n",
                       (long long)json_int(p, "panel", 0), coded);
            free(coded);
        }
}

static void add_html(struct buf *b, const char *markdown, size_t n)
{
    char *body = page_html(markdown, n);
    buf_adds(b, body ? body : "");
    free(body);
}

static char *as_html(const struct change *c, const struct buf *markdown, size_t graph_at, const char *graph,
                     const char *state_dir)
{
    struct buf b = {0};
    buf_adds(&b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    buf_add_html(&b, c->id);
    buf_adds(&b,
             "</title>\n<style>\n"
             ":root{color-scheme:light dark}\n"
             "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
             "table{border-collapse:collapse;width:100%;margin:1rem 0}\n"
             "td,th{border-bottom:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}\n"
             "td:first-child{white-space:nowrap}\n"
             "blockquote{border-left:3px solid #8886;margin:0 0 1rem;padding:0 1rem;white-space:pre-line}\n"
             "code{font-size:.9em}img{max-width:100%}\n"
             "svg.health{width:100%;height:auto;font:13px system-ui,sans-serif}\n"
             "svg .name,svg .value{fill:currentColor}svg .before{fill:#888}svg .after{fill:#2a8a4a}\n"
             "svg .bad{fill:#c33}svg .limit{stroke:#c80;stroke-width:2}\n</style>\n</head>\n<body>\n");
    size_t cut = graph ? graph_at : 0;
    if (cut) {
        add_html(&b, markdown->data, cut);
        buf_adds(&b, graph);
    }
    add_html(&b, markdown->data + cut, markdown->len - cut);
    add_pictures(&b, c, state_dir);
    buf_adds(&b, "</body>\n</html>\n");
    return buf_steal(&b);
}

bool report_write(struct engine *e, const struct change *c, const char *title, char *path, size_t n,
                  struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf markdown = {0};
    const char *dir = arena_printf(&a, "%s/reports", e->config->state_dir);
    size_t graph_at = 0;
    char *graph = NULL;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "%s", dir);
    write_report(e, c, title, &markdown, &graph_at, &graph);
    char *html = as_html(c, &markdown, graph_at, graph, e->config->state_dir);
    const char *html_path = arena_printf(&a, "%s/%s.html", dir, c->id);
    bool ok = write_whole(arena_printf(&a, "%s/%s.md", dir, c->id), buf_str(&markdown), err) &&
              write_whole(html_path, html, err);
    free(html);
    free(graph);
    snprintf(path, n, "%s", html_path);
    return ok;
}
