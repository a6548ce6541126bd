/* plan.c: a hotfix planned in a form. Its questions are answered as one types, every message is shown word for word
 * before anything is sent; the preview is the engine's own dry run. */
#include "change/questions.h"
#include "web/inside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SERVICE_ROWS = 4, SERVICE_ROWS_MOST = 40 };

struct planning {
    const json_t *page; /* the SOP page */
    const json_t *preview;
    const json_t *problem;
    const char *action; /* "preview", "plan", "start"; "" = the form was just opened */
    const char *id;     /* of the change that was made */
};

static void drop(void *p)
{
    json_decref(p);
}

static const json_t *keep(struct visit *v, const json_t *body)
{
    json_t *kept = json_incref((json_t *)(uintptr_t)body);
    arena_on_free(&v->arena, drop, kept);
    return kept;
}

/* What stands in a field: as it was sent, or as a link filled it. */
static const char *value_of(struct visit *v, const char *name)
{
    /* A better window was proposed, and taken. */
    if (str_eq(name, "window") && *visit_field(v, "better"))
        return visit_field(v, "better");
    const char *sent = visit_field(v, name);
    return *sent ? sent : visit_query(v, name);
}

static const char *numbered(struct visit *v, const char *name, int i)
{
    return arena_printf(&v->arena, "%s%d", name, i);
}

/* --- the plan that the form means ------------------------------------------------------------- */

static void put_text(json_t *o, const char *key, const char *value)
{
    json_t *text = *value ? json_string(value) : NULL;
    if (text)
        json_object_set_new(o, key, text);
}

static bool is_said_at_the_top(const char *input)
{
    static const char *const top[] = {"window", "severity", "risk", "reason", "incident"};
    for (size_t i = 0; i < COUNT_OF(top); i++)
        if (str_eq(top[i], input))
            return true;
    return false;
}

static json_t *typed(const char *type, const char *value)
{
    char *stop;
    long long n = strtoll(value, &stop, 10);
    if (str_eq(type, "flag"))
        return json_boolean(*value);
    return str_eq(type, "number") && *value && !*stop ? json_integer(n) : json_string(value);
}

/* The questions that the form overrules, each with its reason. */
static json_t *overruled(struct visit *v)
{
    json_t *o = json_object();
    for (size_t i = 0; about_names[i]; i++)
        put_text(o, about_names[i], value_of(v, arena_printf(&v->arena, "overrule-%s", about_names[i])));
    return o;
}

static json_t *plan_of(struct visit *v, const struct planning *p)
{
    json_t *plan = json_object(), *inputs = json_object(), *services = json_array();
    const char *target = value_of(v, "target"), *slash = strchr(target, '/');
    size_t i;
    json_t *in;
    put_text(plan, "sop", json_str(p->page, "name", "hotfix"));
    put_text(plan, "client",
             slash ? arena_strndup(&v->arena, target, (size_t)(slash - target)) : value_of(v, "client"));
    put_text(plan, "env", slash ? slash + 1 : value_of(v, "env"));
    for (int k = 0; k < SERVICE_ROWS_MOST; k++) {
        const char *service = value_of(v, numbered(v, "service", k)),
                   *tag = value_of(v, numbered(v, "tag", k));
        if (*service || *tag)
            json_array_append_new(services, json_pack("{s:s, s:s}", "service", service, "tag", tag));
    }
    json_object_set_new(plan, "services", services);
    json_array_foreach(json_object_get(p->page, "inputs"), i, in) {
        const char *name = json_str(in, "name", ""), *value = value_of(v, name),
                   *type = json_str(in, "type", "");
        if (str_eq(name, "services") || (!*value && !str_eq(type, "flag")))
            continue;
        json_object_set_new(is_said_at_the_top(name) ? plan : inputs, name, typed(type, value));
    }
    json_object_set_new(plan, "inputs", inputs);
    json_t *overrule = overruled(v);
    if (json_object_size(overrule) > 0)
        json_object_set(plan, "overrule", overrule);
    json_decref(overrule);
    return plan;
}

/* --- the form --------------------------------------------------------------------------------- */

static void target_field(struct visit *v)
{
    struct html *h = &v->html;
    const struct config *c = engine_config(v->web->engine);
    const char *target = value_of(v, "target");
    if (c->n_clients == 0) {
        html_put(
            h,
            "<p><label for='client'>Client</label><input id='client' name='client' required value='%s' "
            "autocomplete='off'></p><p><label for='env'>Environment</label><input id='env' name='env' value='%s'></p>",
            value_of(v, "client"), *value_of(v, "env") ? value_of(v, "env") : "prod");
        return;
    }
    html_put(
        h, "<p><label for='target'>Client and environment</label><select id='target' name='target' required>"
           "<option value=''>Choose</option>");
    for (int i = 0; i < c->n_clients; i++)
        for (int k = 0; k < c->clients[i].n_envs; k++) {
            const struct config_client *cl = &c->clients[i];
            const char *id = arena_printf(&v->arena, "%s/%s", cl->id, cl->envs[k].name);
            html_put(h,
                     str_eq(id, target) ? "<option value='%s' selected>%s %s%s</option>"
                                        : "<option value='%s'>%s %s%s</option>",
                     id, cl->name ? cl->name : cl->id, cl->envs[k].name,
                     cl->envs[k].production ? " (production)" : "");
        }
    html_put(h, "</select></p>");
}

static void service_fields(struct visit *v)
{
    struct html *h = &v->html;
    const struct config *c = engine_config(v->web->engine);
    int rows = SERVICE_ROWS;
    while (rows < SERVICE_ROWS_MOST && *value_of(v, numbered(v, "service", rows - 1)))
        rows++;
    html_put(h, "<fieldset><legend>Services, each with the build tag it is to run</legend>");
    for (int i = 0; i < rows; i++)
        html_put(
            h,
            "<div class='pair'><p><label for='service%d'>Service%s</label><input id='service%d' name='service%d' "
            "list='services' value='%s' autocomplete='off' spellcheck='false'%s></p><p><label for='tag%d'>Tag</label>"
            "<input id='tag%d' name='tag%d' value='%s' placeholder='24-02-05.619-hotfix.627' autocomplete='off' "
            "spellcheck='false'%s></p></div>",
            i, i ? arena_printf(&v->arena, " %d", i + 1) : "", i, i, value_of(v, numbered(v, "service", i)),
            i ? "" : " required", i, i, i, value_of(v, numbered(v, "tag", i)), i ? "" : " required");
    html_put(h, "</fieldset><datalist id='services'>");
    for (int i = 0; i < c->n_services; i++)
        html_put(h, "<option value='%s'></option>", c->services[i].id);
    html_put(h, "</datalist>");
}

static void choice_field(struct visit *v, const json_t *in, const char *value)
{
    struct html *h = &v->html;
    const char *name = json_str(in, "name", "");
    size_t i;
    json_t *choice;
    html_put(h, "<select id='in-%s' name='%s'%s><option value=''>Choose</option>", name, name,
             json_flag(in, "required", false) ? " required" : "");
    json_array_foreach(json_object_get(in, "choices"), i, choice) {
        const char *c = json_string_value(choice);
        html_put(h, str_eq(c, value) ? "<option selected>%s</option>" : "<option>%s</option>", c);
    }
    html_put(h, "</select>");
}

static const char *hint_of(const char *type, const char *name)
{
    if (str_eq(type, "window"))
        return "today 16:00 for 90m";
    if (str_eq(type, "instant"))
        return "now, 2h ago is “today 13:20”";
    return str_eq(name, "bridge") || str_ends(name, "link") ? "https://" : "";
}

static void input_field(struct visit *v, const json_t *in)
{
    struct html *h = &v->html;
    const char *name = json_str(in, "name", ""), *type = json_str(in, "type", "text");
    const char *given = value_of(v, name);
    const char *value = *given ? given : json_str(in, "default", "");
    const char *needed = json_flag(in, "required", false) ? " required" : "";
    char label[64];
    if (str_eq(name, "services"))
        return;
    snprintf(label, sizeof label, "%.63s", name);
    if (label[0] >= 'a' && label[0] <= 'z')
        label[0] = (char)(label[0] - 'a' + 'A');
    for (char *p = label; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    if (str_eq(type, "flag")) {
        html_put(
            h,
            "<p><label><input type='checkbox' name='%s' value='1'%s> %s</label> <span class='says'>%s</span></p>",
            name, *value ? " checked" : "", label, json_str(in, "says", ""));
        return;
    }
    html_put(h, "<p><label for='in-%s'>%s <span class='says'>%s</span></label>", name, label,
             json_str(in, "says", ""));
    if (json_object_get(in, "choices"))
        choice_field(v, in, value);
    else if (str_eq(name, "reason") || str_eq(name, "predeploy"))
        html_put(h, "<textarea id='in-%s' name='%s' rows='2'%s>%s</textarea>", name, name, needed, value);
    else
        html_put(h, "<input id='in-%s' name='%s' value='%s' placeholder='%s' autocomplete='off'%s>", name,
                 name, value, hint_of(type, name), needed);
    html_put(h, "</p>");
}

static void form(struct visit *v, const struct planning *p)
{
    struct html *h = &v->html;
    size_t i;
    json_t *in;
    html_put(h, "<form method='post' action='/plan' id='plan' class='card plan' data-preview='preview'>");
    form_token(v);
    html_put(h, "<input type='hidden' name='sop' value='%s'>", json_str(p->page, "name", "hotfix"));
    target_field(v);
    service_fields(v);
    json_array_foreach(json_object_get(p->page, "inputs"), i, in)
        input_field(v, in);
    html_put(h, "<p class='choices'><button name='action' value='preview'>Preview</button>"
                "<button name='action' value='plan'>Plan it</button>"
                "<button name='action' value='start' class='go'>Plan and start</button></p></form>");
}

/* --- the preview ------------------------------------------------------------------------------ */

/* Fields of the form that stand where the question is. */
static void overruling(struct visit *v, const json_t *q)
{
    const char *about = json_str(q, "about", "");
    if (!json_flag(q, "blocks", false) || str_eq(json_str(q, "overrule", ""), "nobody"))
        return;
    html_put(
        &v->html,
        "<p><label for='overrule-%s'>Overrule it, because <span class='says'>whoever may %s; it goes into "
        "the record</span></label><input form='plan' id='overrule-%s' name='overrule-%s' value='%s'></p>",
        about, json_str(q, "overrule", ""), about, about,
        value_of(v, arena_printf(&v->arena, "overrule-%s", about)));
}

static void question(struct visit *v, const json_t *q)
{
    struct html *h = &v->html;
    bool blocks = json_flag(q, "blocks", false);
    html_put(h, blocks ? "<div class='notice question bad'>" : "<div class='notice question'>");
    part_icon(h, blocks ? "failed" : "asks");
    html_put(h, "<div><p><b>%s</b> %s</p>", json_str(q, "about", ""), json_str(q, "says", ""));
    if (*json_str(q, "proposal", ""))
        html_put(h, "<p>%s</p>", json_str(q, "proposal", ""));
    if (*json_str(q, "better.window", ""))
        html_put(
            h,
            "<p><button form='plan' name='better' value='%s' class='quiet' formnovalidate>Take %s</button></p>",
            json_str(q, "better.window", ""), json_str(q, "better.text", ""));
    overruling(v, q);
    html_put(h, "</div></div>");
}

static void questions(struct visit *v, const json_t *preview)
{
    struct html *h = &v->html;
    size_t i;
    json_t *q;
    if (json_flag(preview, "blocked", false))
        html_put(h,
                 "<p class='notice bad'>As it stands, this plan is refused: something below blocks it.</p>");
    json_array_foreach(json_object_get(preview, "questions"), i, q)
        question(v, q);
    json_array_foreach(json_object_get(preview, "problems"), i, q)
        html_put(h, "<p class='notice bad'>%s%s%s</p>", json_str(q, "step", ""),
                 *json_str(q, "step", "") ? ": " : "", json_str(q, "says", ""));
    json_array_foreach(json_object_get(preview, "unknown"), i, q)
        html_put(h, "<p class='notice'>Not known: %s. %s</p>", json_str(q, "what", ""),
                 json_str(q, "says", ""));
}

static void told_whom(struct visit *v, const json_t *preview)
{
    struct html *h = &v->html;
    size_t i;
    json_t *t;
    html_put(h, "<details class='told'><summary>%s</summary><ul>",
             plural(v, json_array_size(json_object_get(preview, "told")), "is told", "are told"));
    json_array_foreach(json_object_get(preview, "told"), i, t) {
        html_put(h, "<li>%s <span class='muted'>%s</span></li>", json_str(t, "who", ""),
                 json_str(t, "as", ""));
    }
    html_put(h, "</ul></details>");
}

/* The same words to several readers are shown once. */
static void messages(struct visit *v, const json_t *list)
{
    struct html *h = &v->html;
    for (size_t i = 0, n = json_array_size(list); i < n;) {
        const char *text = json_str(json_array_get(list, i), "text", "");
        size_t end = i;
        html_put(h, "<p class='to'>");
        for (; end < n && str_eq(json_str(json_array_get(list, end), "text", ""), text); end++) {
            const json_t *m = json_array_get(list, end);
            html_put(h, "%s<b>%s</b>", end > i ? ", " : "", json_str(m, "reader", ""));
        }
        html_put(h, " <span class='muted'>%s</span></p>", json_str(json_array_get(list, i), "how", ""));
        if (*text) {
            html_put(h, "<blockquote class='words'>");
            part_prose(h, text);
            html_put(h, "</blockquote>");
        }
        i = end;
    }
}

static void step(struct visit *v, const json_t *s, const char *zone)
{
    struct html *h = &v->html;
    bool skipped = json_flag(s, "skipped", false);
    html_put(h, "<li class='%s'><p class='title'>", skipped ? "is-skipped" : "");
    part_moment(v, json_int(s, "at", 0), zone);
    html_put(h, " %s</p>", json_str(s, "title", json_str(s, "id", "")));
    if (skipped)
        html_put(h, "<p class='muted'>Left out: %s</p>", json_str(s, "because", ""));
    if (*json_str(s, "question", "")) {
        html_put(h, "<div class='asked'>");
        part_prose(h, json_str(s, "question", ""));
        html_put(h, "</div>");
    }
    if (!skipped)
        messages(v, json_object_get(s, "messages"));
    html_put(h, "</li>");
}

static void preview_part(struct visit *v, const struct planning *p)
{
    struct html *h = &v->html;
    const char *zone = json_str(p->preview, "facts.client.zone", "UTC");
    size_t i;
    json_t *s;
    html_put(h, "<section id='preview' class='preview' aria-live='polite' aria-label='Preview'>");
    if (p->problem)
        html_put(h, "<p class='notice bad' id='problem'>%s</p>", json_str(p->problem, "detail", ""));
    if (!p->preview && !p->problem)
        html_put(
            h,
            "<p class='empty'>Fill in the form: what would happen is shown here, every message word for word. "
            "Nothing is sent before the change is started.</p>");
    if (p->preview) {
        html_put(
            h,
            "<h2>What would happen</h2><p class='muted'>%s, when all goes well. What only a system can tell stands in "
            "«guillemets».</p>",
            json_str(p->preview, "facts.window.text", ""));
        questions(v, p->preview);
        told_whom(v, p->preview);
        html_put(h, "<ol class='steps'>");
        json_array_foreach(json_object_get(p->preview, "steps"), i, s)
            step(v, s, zone);
        html_put(h, "</ol>");
    }
    html_put(h, "</section>");
}

static void show(struct visit *v)
{
    const struct planning *p = v->data;
    static const struct page page = {
        .title = "Plan a hotfix", .place = "plan", .script = "plan.js", .wide = true};
    struct html *h = &v->html;
    page_begin(v, &page);
    html_put(h, "<h1>Plan: %s</h1>", json_str(p->page, "title", "Hotfix"));
    if (!who_acts(v))
        html_put(h,
                 "<p class='notice'><a class='button' href='/sign-in?next=%%2Fplan'>Sign in to plan</a></p>");
    html_put(h, "<div class='columns even'><div class='main'>");
    form(v, p);
    html_put(h, "</div><div class='side'>");
    preview_part(v, p);
    html_put(h, "</div></div>");
    page_end(v);
    visit_page(v);
}

/* --- one step after another ------------------------------------------------------------------- */

static void told_started(struct visit *v, int status, const json_t *body)
{
    const struct planning *p = v->data;
    if (status >= 200 && status < 300)
        visit_lead(v, arena_printf(&v->arena, "/changes/%s", html_part(&v->html, p->id)));
    else
        visit_problem(v, status, body);
}

static void told_planned(struct visit *v, int status, const json_t *body)
{
    struct planning *p = v->data;
    if (status < 200 || status >= 300) {
        p->problem = keep(v, body);
        v->status = status;
        show(v);
        return;
    }
    p->id = arena_strdup(&v->arena, json_str(body, "id", ""));
    const char *path = arena_printf(&v->arena, "/changes/%s", html_part(&v->html, p->id));
    if (str_eq(p->action, "start"))
        visit_ask(v, "POST", arena_printf(&v->arena, "/api/v1%s/start", path), NULL, told_started);
    else
        visit_lead(v, path);
}

static void told_preview(struct visit *v, int status, const json_t *body)
{
    struct planning *p = v->data;
    if (status == 200)
        p->preview = keep(v, body);
    else
        p->problem = keep(v, body);
    show(v);
}

static void told_page(struct visit *v, int status, const json_t *body)
{
    struct planning *p = v->data;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    p->page = keep(v, body);
    if (!*p->action) {
        show(v);
        return;
    }
    _cleanup_json_ json_t *plan = plan_of(v, p);
    bool dry = str_eq(p->action, "preview");
    visit_ask(v, "POST", dry ? "/api/v1/preview" : "/api/v1/changes", plan,
              dry ? told_preview : told_planned);
}

static void begin(struct visit *v, const char *action)
{
    struct planning *p = ARENA_NEW(&v->arena, struct planning);
    const char *sop = value_of(v, "sop");
    p->action = action;
    v->data = p;
    visit_ask(v, "GET",
              arena_printf(&v->arena, "/api/v1/pages/%s", html_part(&v->html, *sop ? sop : "hotfix")), NULL,
              told_page);
}

void plan_page(struct visit *v)
{
    begin(v, "");
}

void plan_post(struct visit *v)
{
    const char *action = visit_field(v, "action");
    begin(v, str_eq(action, "plan") || str_eq(action, "start") ? action : "preview");
}
