/* grafana_mark.c: the mark of a deployment on the dashboards, and pictures of their panels.
 *
 * Annotations get ids of Grafana's own, so the effect's key is one of the tags: "signalbox:HF-7/mark/1". */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "systems/grafana_driver.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "signalbox:"

enum { PICTURE_BYTES_MAX = 4 << 20, PICTURE_MS = 70000 };

struct marking {
    struct flow f; /* first */
    int looks;
    int next;         /* panel */
    json_t *pictures; /* told so far */
};

static struct grafana *grafana_of(const struct flow *f)
{
    return (struct grafana *)f->system;
}

static int64_t now_of(const struct flow *f)
{
    return f->system->around->now(f->system->around->now_ctx);
}

/* The dashboard, from half an hour before a moment until half an hour after the other; "" without one. */
static char *link_of(struct flow *f, int64_t from, int64_t to)
{
    const struct grafana *g = grafana_of(f);
    if (!g->dashboard)
        return arena_strdup(&f->arena, "");
    return arena_printf(&f->arena, "%s/d/%s?from=%lld&to=%lld", g->base, g->dashboard,
                        (long long)(from - MINUTES(30)), (long long)(to + MINUTES(30)));
}

/* --- mark ------------------------------------------------------------------------------------- */

static void marked(struct flow *f, int64_t id, int64_t at)
{
    flow_done(f, json_pack("{s:s, s:s}", "id", arena_printf(&f->arena, "%lld", (long long)id), "url",
                           link_of(f, at, at)));
}

static void on_marked(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    int64_t id = json_int(answer, "id", 0);
    if (id > 0)
        marked(f, id, now_of(f));
    else
        flow_failed_send(f, reply);
}

struct task *grafana_mark(struct system *s, const struct effect *e, outcome_fn *done,
                          UNUSED progress_fn *progress, void *ctx)
{
    struct grafana *g = (struct grafana *)s;
    struct marking *m = flow_new(sizeof *m, s, g->peer, e, done, NULL, ctx);
    struct flow *f = &m->f;
    json_t *tags = json_pack("[s, s]", "signalbox", arena_printf(&f->arena, TAG "%s", e->key));
    const json_t *more = json_object_get(e->args, "tags");
    for (size_t i = 0; i < json_array_size(more); i++)
        json_array_append(tags, json_array_get(more, i));
    _cleanup_json_ json_t *body = json_pack("{s:s, s:o, s:I}", "text", json_str(e->args, "text", ""), "tags",
                                            tags, "time", (json_int_t)now_of(f));
    if (g->dashboard)
        json_object_set_new(body, "dashboardUID", json_string(g->dashboard));
    char *text = json_dumps(body, JSON_COMPACT);
    flow_send(f,
              &(struct http_request){.method = "POST",
                                     .what = "mark the deployment",
                                     .path = "/api/annotations",
                                     .headers = g->headers,
                                     .content_type = "application/json",
                                     .body = text,
                                     .body_len = text ? strlen(text) : 0},
              on_marked);
    free(text);
    return &f->task;
}

static void look_for_mark(struct flow *f);

static void on_marks(struct flow *f, const struct http_reply *reply)
{
    struct marking *m = (struct marking *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *mark = json_array_get(answer, 0);
    if (!json_is_array(answer))
        flow_failed_find(f, reply);
    else if (json_int(mark, "id", 0) > 0)
        marked(f, json_int(mark, "id", 0), json_int(mark, "time", now_of(f)));
    else if (m->looks++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(3), SECONDS(1)), look_for_mark);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "Grafana has no annotation with the tag " TAG "%s",
                  f->effect.key);
}

static void look_for_mark(struct flow *f)
{
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path, "/api/annotations?type=annotation&limit=10&tags=");
    buf_add_url(&path, arena_printf(&f->arena, TAG "%s", f->effect.key));
    grafana_get(f, "look for the mark", arena_strdup(&f->arena, buf_str(&path)), on_marks);
}

struct task *grafana_find_mark(struct system *s, const struct effect *e, outcome_fn *done,
                               UNUSED progress_fn *progress, void *ctx)
{
    struct marking *m = flow_new(sizeof *m, s, ((struct grafana *)s)->peer, e, done, NULL, ctx);
    look_for_mark(&m->f);
    return &m->f.task;
}

/* --- pictures --------------------------------------------------------------------------------- */

static void marking_free(struct flow *f)
{
    json_decref(((struct marking *)f)->pictures);
}

static void draw_next(struct marking *m);

static int64_t arg_time(const struct flow *f, const char *name)
{
    return json_int(f->effect.args, name, now_of(f));
}

static void told_pictures(struct marking *m, const char *says)
{
    struct flow *f = &m->f;
    json_t *result = json_pack("{s:s, s:O}", "url", link_of(f, arg_time(f, "from"), arg_time(f, "to")),
                               "pictures", m->pictures);
    if (says)
        json_object_set_new(result, "says", json_string(says));
    flow_done(f, result);
}

static bool keep_picture(struct marking *m, const char *name, const struct http_reply *reply,
                         struct error *err)
{
    struct flow *f = &m->f;
    const char *dir = f->system->around->state_dir;
    const char *folder = arena_printf(&f->arena, "%s/pictures", dir);
    const char *path = arena_printf(&f->arena, "%s/pictures/%s", dir, name);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "make %s", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "write %s", path);
    ssize_t n = write(fd, reply->body, reply->body_len);
    int why = errno;
    if (close(fd) == 0 && n == (ssize_t)reply->body_len)
        return true;
    return error_errno(err, n < 0 ? why : EIO, "write %s", path);
}

static bool is_png(const struct http_reply *reply)
{
    return reply->body_len > 8 && memcmp(reply->body, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* A picture that does not come is no reason to fail: it proves nothing, it only shows. */
static void on_picture(struct flow *f, const struct http_reply *reply)
{
    struct marking *m = (struct marking *)f;
    struct error err = ERROR_NONE;
    int panel = grafana_of(f)->panels[m->next++];
    const char *name = arena_printf(&f->arena, "%s-%d.png", f->effect.change, panel);
    bool drawn = http_ok(f->peer, &f->request, reply, &err) &&
                 (is_png(reply) || error_set(&err, SB_PARSE, "Grafana sent no PNG")) &&
                 keep_picture(m, name, reply, &err);
    json_array_append_new(m->pictures, drawn ? json_pack("{s:i, s:s}", "panel", panel, "file", name)
                                             : json_pack("{s:i, s:s}", "panel", panel, "says", err.text));
    draw_next(m);
}

static void draw_next(struct marking *m)
{
    struct flow *f = &m->f;
    const struct grafana *g = grafana_of(f);
    if (m->next == g->n_panels) {
        told_pictures(m, NULL);
        return;
    }
    flow_send(f,
              &(struct http_request){
                  .method = "GET",
                  .what = "draw a panel",
                  .path = arena_printf(
                      &f->arena, "/render/d-solo/%s/panel?panelId=%d&from=%lld&to=%lld&width=1000&height=400",
                      g->dashboard, g->panels[m->next], (long long)(arg_time(f, "from") - MINUTES(30)),
                      (long long)arg_time(f, "to")),
                  .headers = g->headers,
                  .repeatable = true,
                  .total_ms = PICTURE_MS,
                  .body_max = PICTURE_BYTES_MAX},
              on_picture);
}

/* Without a renderer Grafana sends a picture that says so, with a good status: so it is asked first. */
static void on_settings(struct flow *f, const struct http_reply *reply)
{
    struct marking *m = (struct marking *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(answer))
        flow_failed_look(f, reply);
    else if (!json_flag(answer, "rendererAvailable", false))
        told_pictures(m, "Grafana has no image renderer, so there are no pictures");
    else
        draw_next(m);
}

struct task *grafana_picture(struct system *s, const struct effect *e, outcome_fn *done,
                             UNUSED progress_fn *progress, void *ctx)
{
    struct grafana *g = (struct grafana *)s;
    struct marking *m = flow_new(sizeof *m, s, g->peer, e, done, NULL, ctx);
    m->pictures = json_array();
    m->f.on_free = marking_free;
    grafana_get(&m->f, "ask for the renderer", "/api/frontend/settings", on_settings);
    return &m->f.task;
}
