/* Events and snapshots as the store gives them back: damaged ones are refused, never crash, never half-apply. */
#include "change/change.h"
#include "sop/page.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char page[] =
    "---\ntitle: P\nsignalbox:\n  redo_from: b\n---\n\n"
    "```step\nid: a\nask: {question: q, choices: [yes, {id: no, label: No, ends: true}]}\n```\n\n"
    "```step\nid: b\ndo: pipeline.start\nwith: {client: c, env: e, services: []}\n```\n\n"
    "```step\nid: w\ndo: pipeline.watch\nwith: {build: x}\ngate: {question: q}\n```\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct arena a;
    static struct procedure *p;
    if (!p) {
        struct page_errors errors = {0};
        p = page_parse(page, sizeof page - 1, "fuzz.md", &a, &errors);
        if (!p)
            abort();
    }
    json_t *j = json_read((const char *)data, n, 1 << 16, "fuzz", NULL);
    if (!j)
        return 0;
    struct change *c = change_new("HF-1", p);
    size_t i;
    json_t *one;
    json_array_foreach(j, i, one) {
        struct event e;
        if (!event_from_json(one, p, &e, NULL))
            continue;
        e.seq = c->control.seq + 1; /* numbers are not what is looked for here */
        if (change_apply(c, &e, NULL)) {
            json_t *saved = change_save(c);
            struct change *again = change_new("HF-1", p);
            if (!change_load(again, saved, NULL))
                abort();
            change_free(again);
            json_decref(saved);
        }
        event_clear(&e);
    }
    if (json_is_object(j))
        (void)!change_load(c, j, NULL);
    change_free(c);
    json_decref(j);
    return 0;
}
