/* report.c: the report of a change: what it was, what was decided, what was sent, what happened when, and
 * whether its record is whole. Markdown for people's other tools; HTML that needs nothing beside itself. */
#include "base/hash.h"
#include "base/instant.h"
#include "base/read.h"
#include "engine/inside.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURE_MAX = 4 << 20 };

struct report {
    struct engine *e;
    const struct change *c;
    struct buf *b;
    struct arena *a;
    const char *zone;
};

static char *when(const struct report *r, int64_t at)
{
    return instant_text(at, r->zone, engine_now(r->e), r->a);
}

/* In a timeline the seconds tell what came first. */
static char *when_exactly(const struct report *r, int64_t at)
{
    struct civil c;
    if (!instant_to_civil(at, r->zone, &c, NULL))
        return when(r, at);
    return arena_printf(r->a, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
                        c.second);
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

static void versions(const struct report *r)
{
    size_t i;
    json_t *s;
    buf_adds(r->b, "\n## Versions\n\n| Service | Before | After |\n| --- | --- | --- |\n");
    json_array_foreach(json_object_get(r->c->facts, "services"), i, s) {
        buf_adds(r->b, "| ");
        cell(r->b, json_str(s, "service", "?"));
        buf_printf(r->b, " | %s | %s |\n", json_str(s, "before", "not known"), json_str(s, "tag", "?"));
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

static void messages(const struct report *r)
{
    static const char *const texts[] = {"text", "body", "summary", "description"};
    bool any = false;
    for (int i = 0; i < r->c->sop->n_steps; i++) {
        const struct step *s = &r->c->sop->steps[i];
        const struct step_data *d = &r->c->data[i];
        if (!s->verb || s->verb->kind != VERB_EFFECT || r->c->control.steps[i].status != STEP_DONE)
            continue;
        for (size_t k = 0; k < COUNT_OF(texts); k++) {
            const char *text = json_str(d->args, texts[k], NULL);
            if (!text || !*text)
                continue;
            if (!any)
                buf_adds(r->b, "\n## Messages sent\n\n");
            any = true;
            buf_printf(r->b, "%s, %s (%s):\n\n", when(r, d->ended), s->id, s->verb->name);
            quote(r->b, text);
        }
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

struct lines {
    const struct report *r;
    struct error error;
};

static bool one_line(void *ctx, const struct store_event *stored)
{
    struct lines *l = ctx;
    _cleanup_json_ json_t *j =
        json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, "event", &l->error);
    _cleanup_event_ struct event ev = {0};
    if (!j || !event_from_json(j, l->r->c->sop, &ev, &l->error))
        return false;
    if (ev.type == EV_PROGRESS)
        return true;
    buf_printf(l->r->b, "| %s | ", when_exactly(l->r, ev.at));
    cell(l->r->b, event_text(&ev, l->r->c->sop, l->r->a));
    buf_adds(l->r->b, " |\n");
    return true;
}

static void timeline(const struct report *r)
{
    struct lines l = {.r = r, .error = ERROR_NONE};
    buf_printf(r->b, "\n## Timeline\n\n| When (%s) | What |\n| --- | --- |\n", r->zone);
    if (!store_read(r->e->store, r->c->id, 1, one_line, &l, &l.error) || l.error.code != SB_OK)
        buf_printf(r->b, "\nThe record could not be read to its end: %s\n", l.error.text);
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

char *report_markdown(struct engine *e, const struct change *c, const char *title)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct buf b = {0};
    struct report r = {.e = e, .c = c, .b = &b, .a = &a, .zone = json_str(c->facts, "client.zone", "UTC")};
    buf_printf(&b, "# %s: %s\n\n", c->id, title ? title : c->sop->title);
    summary(&r);
    versions(&r);
    if (c->trouble_reason) {
        buf_adds(&b, "\n## Trouble\n\n");
        quote(&b, c->trouble_reason);
    }
    decisions(&r);
    messages(&r);
    dashboards(&r);
    timeline(&r);
    record_check(&r);
    return buf_steal(&b);
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

static char *as_html(const struct change *c, const char *markdown, const char *state_dir)
{
    struct buf b = {0};
    char *body = page_html(markdown, strlen(markdown));
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
             "code{font-size:.9em}img{max-width:100%}\n</style>\n</head>\n<body>\n");
    buf_adds(&b, body ? body : "");
    add_pictures(&b, c, state_dir);
    buf_adds(&b, "</body>\n</html>\n");
    free(body);
    return buf_steal(&b);
}

bool report_write(struct engine *e, const struct change *c, const char *title, char *path, size_t n,
                  struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *dir = arena_printf(&a, "%s/reports", e->config->state_dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "%s", dir);
    char *markdown = report_markdown(e, c, title);
    char *html = as_html(c, markdown, e->config->state_dir);
    const char *html_path = arena_printf(&a, "%s/%s.html", dir, c->id);
    bool ok = write_whole(arena_printf(&a, "%s/%s.md", dir, c->id), markdown, err) &&
              write_whole(html_path, html, err);
    free(html);
    free(markdown);
    snprintf(path, n, "%s", html_path);
    return ok;
}
