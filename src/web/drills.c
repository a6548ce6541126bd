/* drills.c: how to rehearse, and what has been rehearsed here. */
#include "web/inside.h"

static void told(struct visit *v, int status, const json_t *body)
{
    static const struct page p = {.title = "Drills", .place = "drills"};
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *c;
    if (status != 200) {
        visit_problem(v, status, body);
        return;
    }
    page_begin(v, &p);
    html_put(h, "<h1>Drills</h1>");
    if (!v->web->players) {
        html_put(
            h,
            "<p>A drill is a whole hotfix on the practice yard: the real page, the real engine and the real drivers, "
            "against stand-ins of all outside systems on one's own machine. Nothing real is behind it.</p>"
            "<pre class='card' tabindex='0'>signalbox drill --listen 127.0.0.1:8080</pre>"
            "<p>Then open the address that it prints. <code>--scenario FILE</code> has something go wrong: a stage "
            "that fails, pods that crash-loop, a status page that refuses.</p>");
        page_end(v);
        visit_page(v);
        return;
    }
    html_put(
        h,
        "<p>This is one: every system is a stand-in on this machine, and hours in which nothing happens are leapt over. "
        "You play whoever is chosen above.</p><ul class='cards'>");
    json_array_foreach(json_object_get(body, "changes"), i, c) {
        int64_t began = json_int(c, "started", json_int(c, "planned", 0)), end = json_int(c, "ended", 0);
        html_put(h, "<li class='card'><div class='row'><h2><a href='/changes/%s'>%s</a></h2>",
                 html_part(h, json_str(c, "id", "")), json_str(c, "id", ""));
        part_change_state(h, c);
        html_put(h, "</div><p>%s</p><p class='muted'>%s · trouble %s</p></li>", json_str(c, "reason", ""),
                 end ? arena_printf(&v->arena, "took %s", visit_duration(v, end - began)) : "under way",
                 plural(v, (size_t)json_int(c, "rounds", 0), "time", "times"));
        n++;
    }
    html_put(h, "</ul>");
    if (n == 0)
        html_put(h, "<p class='empty'>None yet.</p>");
    page_end(v);
    visit_page(v);
}

void drills_page(struct visit *v)
{
    visit_ask(v, "GET", "/api/v1/changes", NULL, told);
}
