#include "pages.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/read.h"
#include "base/window.h"
#include "change/change.h"
#include "rng.h"
#include "sop/page.h"
#include <stdlib.h>
#include <string.h>

static bool parse(struct sim_page *p, const char *text, size_t n, const char *file, struct error *err)
{
    struct page_errors errors = {0};
    char line[ERROR_TEXT_MAX];
    p->sop = page_parse(text, n, file, &p->arena, &errors);
    if (!p->sop)
        return error_set(err, SB_PARSE, "%s", error_format(&errors.list[0], line, sizeof line));
    return true;
}

struct sim_page *page_open(const char *root, const char *name, struct error *err)
{
    struct sim_page *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    snprintf(p->name, sizeof p->name, "%s", name);
    p->arena = arena_make();
    _cleanup_buf_ struct buf text = {0};
    bool ok = true;
    if (str_starts(name, "invented-"))
        buf_adds(&text, page_invent(strtoull(name + strlen("invented-"), NULL, 10), &p->arena));
    else
        ok = read_file(arena_printf(&p->arena, "%s/sops/%s.md", root, name), PAGE_MAX_BYTES, &text, err);
    /* The procedure borrows the page's text. */
    if (ok && parse(p, arena_strdup(&p->arena, buf_str(&text)), text.len,
                    arena_printf(&p->arena, "%s.md", name), err))
        return p;
    page_close(p);
    return NULL;
}

void page_close(struct sim_page *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    free(p);
}

/* --- the facts of a plan
 * ------------------------------------------------------------------------------------------------------------
 */

static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

/* What configuration would say. */
static json_t *base_facts(struct rng *r)
{
    json_t *client = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:{}}", "id", "tangerine", "name",
                               "Tangerine", "zone", "America/New_York", "work_week", "mon-fri", "hours",
                               "08:00-18:00", "tam", "name", "Bo", "mail", "bo@example.com", "channels");
    set(client, "components", rng_chance(r, 70) ? json_pack("[s]", "Tangerine") : json_array());
    json_t *systems = json_object();
    static const char *const optional[] = {"health", "cluster", "releases"};
    for (size_t i = 0; i < COUNT_OF(optional); i++)
        if (rng_chance(r, 70))
            set(systems, optional[i], json_string("system"));
    return json_pack("{s:{s:s, s:s, s:s, s:s}, s:o, s:{s:s, s:b}, s:o, s:{}, s:[], s:s}", "change", "id",
                     "HF-1", "client", "tangerine", "env", "prod", "requested_by", "pat@example.com",
                     "client", client, "env", "name", "prod", "production", rng_chance(r, 80), "systems",
                     systems, "channels", "people", "oncall", rng_chance(r, 70) ? "production" : "");
}

static json_t *input_value(struct rng *r, const struct input *in, int64_t now)
{
    _cleanup_arena_ struct arena a = arena_make();
    switch (in->type) {
    case INPUT_SERVICES:
        if (rng_chance(r, 50))
            return json_pack("[{s:s, s:s}]", "service", "cart", "tag", "24-02-05.619-hotfix.627");
        return json_pack("[{s:s, s:s}, {s:s, s:s}]", "service", "cart", "tag", "24-02-05.619-hotfix.627",
                         "service", "orders", "tag", "24-02-05.619-hotfix.631");
    case INPUT_WINDOW: {
        struct window w = {.from = now + MINUTES(1) * (5 + rng_below(r, rng_chance(r, 50) ? 120 : 2400))};
        w.to = w.from + MINUTES(1) * (30 + rng_below(r, 120));
        return json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)w.from, "to", (json_int_t)w.to, "zone",
                         "America/New_York", "text", "the window");
    }
    case INPUT_CHOICE: {
        int n = 0;
        while (in->choices[n])
            n++;
        return json_string(in->choices[rng_below(r, n)]);
    }
    case INPUT_NUMBER:
        return json_integer(rng_below(r, 10));
    case INPUT_FLAG:
        return json_boolean(rng_chance(r, 50));
    case INPUT_INSTANT:
        return json_integer(now - MINUTES(1) * rng_below(r, 600));
    case INPUT_TEXT:
        break;
    }
    return json_string(!in->required && rng_chance(r, 50) ? "" : "https://meet.example/x");
}

json_t *page_facts(const struct sim_page *p, uint64_t seed, int64_t now, struct error *err)
{
    struct rng r = rng_new(rng_mix(seed) ^ 0xFAC75);
    _cleanup_json_ json_t *base = base_facts(&r), *inputs = json_object();
    int64_t from = 0;
    json_t *window = NULL;
    for (int i = 0; i < p->sop->n_inputs; i++) {
        const struct input *in = &p->sop->inputs[i];
        json_t *value = input_value(&r, in, now);
        if (in->type == INPUT_WINDOW) {
            window = value;
            from = json_int(value, "from", 0);
            _cleanup_arena_ struct arena a = arena_make();
            json_object_set_new(inputs, in->name, json_string(arena_printf(&a, "2024-02-08 14:00-15:30")));
        } else {
            json_object_set_new(inputs, in->name, value);
        }
    }
    json_t *facts = change_facts(p->sop, base, inputs, now, "America/New_York", err);
    if (facts && window) {
        set(facts, "window", window);
        set(facts, "lead_hours", json_real((double)(from - now) / (double)HOURS(1)));
    }
    return facts;
}
