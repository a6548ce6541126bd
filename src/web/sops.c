/* sops.c: the SOP pages, and what the prover says of each. */
#include "web/inside.h"

static void told_pages(struct visit *v, int status, const json_t *body)
{
    static const struct page p = {.title = "SOP pages", .place = "pages"};
    struct html *h = &v->html;
    size_t i;
    json_t *page;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    page_begin(v, &p);
    html_put(h, "<h1>SOP pages</h1><ul class='cards'>");
    json_array_foreach(json_object_get(body, "pages"), i, page) {
        bool good = json_flag(page, "good", false);
        int steps = (int)json_int(page, "steps", 0);
        const char *name = json_str(page, "name", "");
        html_put(h, "<li class='card'><div class='row'><h2><a href='/pages/%s'>%s</a></h2>",
                 html_part(h, name), json_str(page, "title", name));
        html_put(h, "<span class='state s-%s'>", good ? "done" : "failed");
        part_icon(h, good ? "done" : "failed");
        html_put(h, "%s</span></div>", !good ? "does not load" : steps ? "proven" : "to read");
        html_put(h, "<p class='muted'>%s · %d steps</p>", json_str(page, "file", ""), steps);
        if (!good)
            html_put(h, "<pre class='notice bad'>%s</pre>", json_str(page, "says", ""));
        else if (steps)
            html_put(h, "<p><a href='/plan?sop=%s'>Plan a change by it</a></p>", html_part(h, name));
        html_put(h, "</li>");
    }
    html_put(h, "</ul>");
    page_end(v);
    visit_page(v);
}

void sops_page(struct visit *v)
{
    visit_ask(v, "GET", "/api/v1/pages", NULL, told_pages);
}

static void rules(struct visit *v, const json_t *page)
{
    struct html *h = &v->html;
    size_t i;
    json_t *r;
    if (json_array_size(json_object_get(page, "interlocks")) == 0)
        return;
    html_put(h, "<section class='card'><div class='row'><h2>Its rules</h2><span class='state s-done'>");
    part_icon(h, "lock");
    html_put(
        h,
        "proven</span></div><p class='muted'>In every state that the page can reach, whatever fails and whatever is "
        "answered, none of these can be broken. A page for which that does not hold does not load.</p><dl class='rules'>");
    json_array_foreach(json_object_get(page, "interlocks"), i, r)
        html_put(h, "<div><dt><code>%s</code></dt><dd>%s</dd></div>", json_str(r, "id", ""),
                 json_str(r, "because", ""));
    html_put(h, "</dl></section>");
}

static void told_page(struct visit *v, int status, const json_t *body)
{
    struct html *h = &v->html;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    const struct page p = {.title = json_str(body, "title", "SOP"), .place = "pages", .wide = true};
    page_begin(v, &p);
    html_put(
        h,
        "<h1>%s</h1><p class='muted'>%s · %s</p><div class='columns'><div class='main'><article class='sop'>",
        json_str(body, "title", ""), json_str(body, "file", ""),
        arena_printf(&v->arena, "sha256 %.16s…", json_str(body, "hash", "")));
    sop_body(v, json_str(body, "source", ""), json_object_get(body, "steps"), "UTC");
    html_put(h, "</article></div><div class='side'>");
    rules(v, body);
    html_put(h, "</div></div>");
    page_end(v);
    visit_page(v);
}

void sop_page(struct visit *v)
{
    visit_ask(v, "GET", arena_printf(&v->arena, "/api/v1/pages/%s", html_part(&v->html, v->args[0])), NULL,
              told_page);
}
