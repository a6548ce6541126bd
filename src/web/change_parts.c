/* change_parts.c: what is seen of a change: the pipeline's stages, the line of its steps, versions, health, log,
 * timeline. */
#include "web/inside.h"
#include <inttypes.h>
#include <string.h>

/* --- the pipeline ----------------------------------------------------------------------------- */

/* What is known of it: the last view, or how it ended. */
static const json_t *build_of(const json_t *watch)
{
    const json_t *result = json_object_get(watch, "result");
    return json_array_size(json_object_get(result, "stages")) > 0 ? result : json_object_get(watch, "view");
}

static void stage(struct visit *v, const json_t *s)
{
    struct html *h = &v->html;
    const char *state = state_of_stage(json_str(s, "status", ""), json_flag(s, "paused", false));
    html_put(h, "<li class='stage s-%s'><span class='name'>%s</span>", state, json_str(s, "name", "?"));
    part_state(h, state);
    html_put(h, "<span class='took'>");
    if (str_eq(state, "running") || str_eq(state, "asks"))
        part_since(v, json_int(s, "started_ms", 0));
    else if (json_int(s, "took_ms", 0) > 0)
        html_put(h, "%s", duration_short(json_int(s, "took_ms", 0), &v->arena));
    html_put(h, "</span></li>");
}

static void against_the_usual(struct visit *v, const json_t *watch, const json_t *build)
{
    struct html *h = &v->html;
    int64_t usual = json_int(build, "estimated_ms", json_int(watch, "view.estimated_ms", 0));
    int64_t began = json_int(build, "started_ms", json_int(watch, "began", 0));
    bool over = json_object_get(watch, "ended") != NULL;
    int64_t took = over ? json_int(build, "took_ms", json_int(watch, "ended", 0) - began) : v->now - began;
    if (over)
        html_put(h, "<p class='muted'>Took %s", visit_duration(v, took));
    else if (usual > 0)
        html_put(
            h,
            "<progress max='%lld' value='%lld' data-from='%lld' aria-label='Time against the usual time'></progress>"
            "<p class='muted'>For ",
            (long long)usual, (long long)(took < usual ? took : usual), (long long)began);
    else
        html_put(h, "<p class='muted'>For ");
    if (!over)
        part_since(v, began);
    if (usual > 0)
        html_put(h, ", usually %s", visit_duration(v, usual));
    html_put(h, "</p>");
    if (json_flag(build, "stuck", false))
        html_put(h, "<p class='notice bad'>It takes much longer than usual.</p>");
}

void change_stages(struct visit *v, const json_t *c)
{
    const json_t *watch = step_doing(c, "pipeline.watch"), *build = watch ? build_of(watch) : NULL;
    struct html *h = &v->html;
    size_t i;
    json_t *s;
    html_put(h, "<section id='stages' data-live>");
    if (json_array_size(json_object_get(build, "stages")) > 0) {
        html_put(h, "<h2>Pipeline</h2><ol class='stages'>");
        json_array_foreach(json_object_get(build, "stages"), i, s)
            stage(v, s);
        html_put(h, "</ol>");
        against_the_usual(v, watch, build);
    }
    html_put(h, "</section>");
}

void change_log(struct visit *v, const json_t *c)
{
    const json_t *watch = step_doing(c, "pipeline.watch"), *verify = step_doing(c, "cluster.verify");
    const char *log = json_str(watch, "result.log", "");
    struct html *h = &v->html;
    size_t i;
    json_t *p;
    html_put(h, "<section id='log' data-live>");
    if (*log)
        html_put(h, "<h2>End of the log%s%s</h2><pre class='log' tabindex='0'>%s</pre>",
                 *json_str(watch, "result.failed_stage", "") ? ": " : "",
                 json_str(watch, "result.failed_stage", ""), log);
    const json_t *seen = json_flag(c, "trouble.now", false)
                             ? json_object_get(verify, json_object_get(verify, "result") ? "result" : "view")
                             : NULL;
    json_array_foreach(json_object_get(seen, "problems"), i, p) {
        html_put(h, "<h2>%s %s</h2><p class='notice bad'>%s %s</p>", json_str(p, "service", ""),
                 json_str(p, "pod", ""), json_str(p, "reason", ""), json_str(p, "message", ""));
        if (*json_str(p, "log", ""))
            html_put(h, "<pre class='log' tabindex='0'>%s</pre>", json_str(p, "log", ""));
    }
    html_put(h, "</section>");
}

/* --- the line: every step of the page as a lamp ----------------------------------------------- */

static bool is_on_the_line(const json_t *s)
{
    const char *branch = json_str(s, "branch", "");
    bool made = json_object_get(s, "of") != NULL;
    if (made || str_eq(branch, "main"))
        return !made;
    return json_object_get(s, "began") || json_flag(s, "active", false);
}

static void lamp(struct visit *v, const json_t *c, const json_t *s)
{
    struct html *h = &v->html;
    const char *state = state_of_step(json_str(s, "status", ""));
    const char *title = json_str(s, "title", json_str(s, "id", ""));
    html_put(h, "<li class='lamp s-%s'><a href='/changes/%s/page#step-%s' title='%s: %s'>", state,
             html_part(h, json_str(c, "id", "")), json_str(s, "id", ""), title, state_word(state));
    part_icon(h, str_eq(state, "done")                                  ? "done"
                 : str_eq(state, "failed")                              ? "failed"
                 : str_eq(state, "skipped")                             ? "skipped"
                 : str_eq(state, "asks")                                ? "asks"
                 : str_eq(state, "running")                             ? "running"
                 : str_eq(state, "waiting") || str_eq(state, "dormant") ? "waiting"
                 : str_eq(state, "ready")                               ? "clock"
                                                                        : "doubt");
    html_put(h, "<span class='vh'>%s: %s</span></a></li>", title, state_word(state));
}

void change_line(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const json_t *steps = json_object_get(c, "steps");
    html_put(h, "<section id='line' data-live><h2>The steps</h2>");
    for (size_t i = 0, n = json_array_size(steps); i < n;) {
        const char *section = json_str(json_array_get(steps, i), "section", "");
        size_t end = i, shown = 0, settled = 0;
        for (; end < n && str_eq(json_str(json_array_get(steps, end), "section", ""), section); end++) {
            const json_t *s = json_array_get(steps, end);
            const char *status = json_str(s, "status", "");
            shown += is_on_the_line(s);
            settled += is_on_the_line(s) && (str_eq(status, "done") || str_eq(status, "skipped"));
        }
        if (shown > 0) {
            html_put(h, "<h3 class='phase'>%s <span class='muted'>%zu of %zu</span></h3><ol class='lamps'>",
                     section, settled, shown);
            for (; i < end; i++)
                if (is_on_the_line(json_array_get(steps, i)))
                    lamp(v, c, json_array_get(steps, i));
            html_put(h, "</ol>");
        }
        i = end;
    }
    html_put(h, "</section>");
}

/* --- versions --------------------------------------------------------------------------------- */

static const json_t *seen_of(const json_t *verify, const char *service)
{
    const json_t *seen = json_object_get(verify, json_object_get(verify, "result") ? "result" : "view");
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(seen, "services"), i, s)
        if (str_eq(json_str(s, "service", ""), service))
            return s;
    return NULL;
}

void change_versions(struct visit *v, const json_t *c)
{
    const json_t *verify = step_doing(c, "cluster.verify");
    struct html *h = &v->html;
    size_t i;
    json_t *s;
    html_put(
        h,
        "<section id='versions' data-live class='card'><h2>Versions</h2><table><thead><tr><th scope='col'>Service</th>"
        "<th scope='col'>Before</th><th scope='col'>Wanted</th><th scope='col'>Runs</th></tr></thead><tbody>");
    json_array_foreach(json_object_get(c, "services"), i, s) {
        const json_t *seen = seen_of(verify, json_str(s, "service", ""));
        html_put(h, "<tr><th scope='row'>%s</th><td><code>%s</code></td><td><code>%s</code></td><td>",
                 json_str(s, "service", "?"), json_str(s, "before", "not known"), json_str(s, "tag", "?"));
        if (seen) {
            bool looking = str_eq(json_str(verify, "status", ""), "observing");
            part_state(h, json_flag(seen, "done", false) ? "done" : looking ? "running" : "not-yet");
            html_put(h, " <span class='muted'>%lld of %lld pods</span>",
                     (long long)json_int(seen, "ready", 0), (long long)json_int(seen, "wanted", 0));
        } else {
            html_put(h, "<span class='muted'>not looked at yet</span>");
        }
        html_put(h, "</td></tr>");
    }
    html_put(h, "</tbody></table></section>");
}

/* --- timeline --------------------------------------------------------------------------------- */

static const char *icon_of_event(const char *type)
{
    static const struct {
        const char *ending, *icon;
    } icons[] = {
        {".failed", "failed"}, {".trouble", "failed"}, {".done", "done"},       {".found", "done"},
        {".asked", "asks"},    {".gate", "asks"},      {".answered", "person"}, {".resolved", "person"},
        {".noted", "person"},  {".started", "person"}, {".amended", "person"},  {".skipped", "skipped"},
        {".retry", "again"},   {".doubt", "doubt"},    {".unsure", "doubt"},    {".ended", "done"}};
    for (size_t i = 0; i < COUNT_OF(icons); i++)
        if (str_ends(type, icons[i].ending))
            return icons[i].icon;
    return "waiting";
}

/* What a person would not miss: that looking goes on, that a moment was worked out. */
static bool is_noise(const json_t *e)
{
    const char *type = json_str(e, "type", "");
    return str_ends(type, ".progress") || str_ends(type, ".ready") || str_ends(type, ".observing") ||
           str_ends(type, ".intended") || (str_ends(type, ".skipped") && !*json_str(e, "by", ""));
}

/* The event's line begins with the step's id; people know it by its title. */
static void event_line(struct visit *v, const json_t *c, const json_t *e)
{
    const char *id = json_str(e, "step", ""), *text = json_str(e, "text", json_str(e, "type", ""));
    const json_t *step = *id ? step_named(c, id) : NULL;
    size_t n = strlen(id);
    if (step && strncmp(text, id, n) == 0 && text[n] == ':')
        html_put(&v->html, "<b>%s</b>%s", short_title(v, step), text + n);
    else
        html_put(&v->html, "%s", text);
}

void change_timeline(struct visit *v, const json_t *c, const json_t *events, size_t most)
{
    struct html *h = &v->html;
    const char *zone = json_str(c, "zone", "UTC"), *id = json_str(c, "id", "");
    size_t shown = 0;
    html_put(h, "<section id='timeline' data-live class='card'><h2>Timeline</h2><ol class='timeline'>");
    for (size_t i = json_array_size(events); i-- > 0 && shown < most;) {
        const json_t *e = json_array_get(events, i);
        const char *type = json_str(e, "type", "");
        if (is_noise(e))
            continue;
        html_put(h, "<li id='event-%lld'>", (long long)json_int(e, "n", 0));
        part_icon(h, icon_of_event(type));
        html_put(h, "<span class='when'>");
        part_hour(v, json_int(e, "at", 0), zone);
        html_put(h, "</span> <span>");
        event_line(v, c, e);
        html_put(h, "</span></li>");
        shown++;
    }
    html_put(h, "</ol><p><a href='/changes/%s/record'>All of it, with its hashes</a></p></section>",
             html_part(h, id));
}

/* --- messages --------------------------------------------------------------------------------- */

static void put_to(struct visit *v, const json_t *args)
{
    static const char *const to[] = {"channels",   "attendees", "to",     "ticket",
                                     "components", "channel",   "mention"};
    struct html *h = &v->html;
    for (size_t i = 0; i < COUNT_OF(to); i++) {
        json_t *value = json_object_get(args, to[i]), *one;
        size_t k;
        if (json_is_string(value) && json_string_length(value) > 0)
            html_put(h, "<li><span class='muted'>%s</span> %s</li>", to[i], json_string_value(value));
        if (json_array_size(value) == 0)
            continue;
        html_put(h, "<li><span class='muted'>%s</span>", to[i]);
        json_array_foreach(value, k, one)
            if (json_is_string(one))
                html_put(h, "%s %s", k ? "," : "", json_string_value(one));
        html_put(h, "</li>");
    }
}

void message_parts(struct visit *v, const json_t *args, const char *does)
{
    static const char *const texts[] = {"title", "name", "summary", "text", "body", "description", "details"};
    struct html *h = &v->html;
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = json_str(args, texts[i], "");
        if (!*text || (str_eq(texts[i], "name") && str_eq(does, "chat.channel")))
            continue;
        if (!any) {
            html_put(h, "<ul class='to'>");
            put_to(v, args);
            html_put(h, "</ul>");
        }
        any = true;
        html_put(h, "<blockquote class='words'>");
        part_prose(h, text);
        html_put(h, "</blockquote>");
    }
}
