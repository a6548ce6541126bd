/* pages.c: the pages that changes can follow, as data and as HTML. */
#include "api/inside.h"
#include <stdlib.h>
#include <string.h>

/* --- one page --------------------------------------------------------------------------------- */

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void put(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

static json_t *ids_of(const struct procedure *p, const int *steps, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(p->steps[steps[i]].id));
    return list;
}

static json_t *choices_of(const struct ask *ask)
{
    json_t *list = json_array();
    for (int i = 0; i < ask->n_choices; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "id", ask->choices[i].id, "label", ask->choices[i].label));
    return list;
}

static json_t *step_json(const struct procedure *p, const struct step *s)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:b}", "id", s->id, "title",
                          or_empty(s->title), "section", or_empty(s->section), "prose", or_empty(s->prose),
                          "rows", or_empty(s->row), "branch", branch_names[s->branch], "line", s->line,
                          "after", ids_of(p, s->after, s->n_after), "made", s->of >= 0);
    put(j, "verb", s->verb ? s->verb->name : NULL);
    put(j, "when", s->when);
    put(j, "at", s->at);
    put(j, "due", s->due);
    if (s->with)
        json_object_set_new(j, "with", json_deep_copy(s->with));
    if (s->has_ask) {
        put(j, "question", s->ask.question);
        put(j, "answered_by", s->ask.role ? s->ask.role : "deploy");
        json_object_set_new(j, "choices", choices_of(&s->ask));
        json_object_set_new(j, "other_person", json_boolean(s->ask.other));
        json_object_set_new(j, "decision", json_boolean(s->ask.decision));
    }
    return j;
}

static json_t *steps_json(const struct procedure *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_steps; i++)
        json_array_append_new(list, step_json(p, &p->steps[i]));
    return list;
}

static json_t *interlocks_json(const struct procedure *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_interlocks; i++) {
        const struct interlock *r = &p->interlocks[i];
        json_t *j = json_pack("{s:s, s:s, s:o, s:i}", "id", r->id, "because", or_empty(r->because), "needs",
                              ids_of(p, r->needs, r->n_needs), "line", r->line);
        put(j, "step", r->step >= 0 ? p->steps[r->step].id : NULL);
        put(j, "choice", r->choice);
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *inputs_json(const struct procedure *p)
{
    static const char *const types[] = {
        [INPUT_TEXT] = "text",         [INPUT_CHOICE] = "choice",   [INPUT_NUMBER] = "number",
        [INPUT_FLAG] = "flag",         [INPUT_INSTANT] = "instant", [INPUT_WINDOW] = "window",
        [INPUT_SERVICES] = "services",
    };
    json_t *list = json_array();
    for (int i = 0; i < p->n_inputs; i++) {
        const struct input *in = &p->inputs[i];
        json_t *j =
            json_pack("{s:s, s:s, s:b}", "name", in->name, "type", types[in->type], "required", in->required);
        put(j, "says", in->says);
        if (in->choices) {
            json_t *choices = json_array();
            for (int k = 0; in->choices[k]; k++)
                json_array_append_new(choices, json_string(in->choices[k]));
            json_object_set_new(j, "choices", choices);
        }
        if (in->fallback)
            json_object_set_new(j, "default", json_deep_copy(in->fallback));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *page_json(const struct procedure *p)
{
    char *html = page_html(p->source, strlen(p->source));
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", p->name, "title",
                          p->title ? p->title : p->name, "file", p->file, "hash", p->hash, "source",
                          p->source, "html", html ? html : "", "steps", steps_json(p), "interlocks",
                          interlocks_json(p), "inputs", inputs_json(p));
    free(html);
    return j;
}

/* --- a page that does not load ---------------------------------------------------------------- */

static json_t *errors_json(const struct page_errors *errors)
{
    json_t *list = json_array();
    for (int i = 0; i < errors->n; i++) {
        int status;
        json_array_append_new(list, api_problem(&errors->list[i], &status));
    }
    return list;
}

void pages_show(struct call *c)
{
    struct page_errors errors = {.n = 0};
    const char *name = c->args[0];
    /* A path would read any file of this machine that ends in .md. */
    if (strchr(name, '/') || str_ends(name, ".md")) {
        struct error err = ERROR_NONE;
        error_set(&err, SB_UNKNOWN, "\"%.80s\" is no page's name: GET /api/v1/pages lists them", name);
        call_fail(c, &err);
        return;
    }
    const struct procedure *p = engine_page(c->api->engine, name, &errors);
    if (p) {
        respond_json(c, 200, page_json(p));
        return;
    }
    int status;
    json_t *problem = api_problem(&errors.list[0], &status);
    if (errors.total > 1)
        json_object_set_new(problem, "errors", errors_json(&errors));
    respond(c, status, "application/problem+json", problem);
}

/* --- all pages
 * -----------------------------------------------------------------------------------------------------------
 */

static json_t *short_json(struct engine *e, const char *name)
{
    struct page_errors errors = {.n = 0};
    const struct procedure *p = engine_page(e, name, &errors);
    if (p)
        return json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", name, "title", p->title ? p->title : p->name,
                         "file", p->file, "steps", p->n_steps, "good", 1);
    char text[ERROR_TEXT_MAX + 256];
    return json_pack("{s:s, s:s, s:s, s:i, s:b, s:s}", "name", name, "title", name, "file",
                     errors.list[0].file, "steps", 0, "good", 0, "says",
                     error_format(&errors.list[0], text, sizeof text));
}

void pages_list(struct call *c)
{
    _cleanup_json_ json_t *names = engine_pages(c->api->engine);
    json_t *list = json_array();
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
        json_array_append_new(list, short_json(c->api->engine, json_string_value(name)));
    respond_json(c, 200, json_pack("{s:o}", "pages", list));
}
