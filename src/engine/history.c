/* history.c: how long things took before, so that an estimate can say what it is made of. The last times of each
 * kind are kept in the store, one document a kind; what is remembered twice or not at all after a crash makes an
 * estimate no worse. */
#include "base/log.h"
#include "engine/inside.h"

enum { REMEMBERED = 50 };
static const char document[] = "history";

struct past {
    char *what;
    int n; /* how many are kept; the oldest goes first */
    int64_t took[REMEMBERED];
    bool stored;
};

static struct past *past_of(struct engine *e, const char *what)
{
    struct past *p = names_get(&e->history, what);
    if (p)
        return p;
    p = NET_NEW(struct past);
    p->what = net_strdup(what);
    names_put(&e->history, what, p);
    return p;
}

static void remember(struct past *p, int64_t took)
{
    if (p->n == REMEMBERED)
        memmove(p->took, p->took + 1, (size_t)--p->n * sizeof p->took[0]);
    p->took[p->n++] = took;
}

static void on_kept(void *ctx, json_t *doc, const struct error *err)
{
    (void)ctx, (void)doc;
    if (err)
        log_warn("engine", "how long something took could not be kept: %s", err->text);
}

static void keep(struct engine *e, struct past *p)
{
    _cleanup_json_ json_t *doc = json_pack("{s:s, s:[]}", "what", p->what, "took");
    for (int i = 0; i < p->n; i++)
        json_array_append_new(json_object_get(doc, "took"), json_integer(p->took[i]));
    if (p->stored)
        store_doc_patch(e->store, document, p->what, doc, on_kept, NULL);
    else
        store_doc_put_new(e->store, document, p->what, doc, on_kept, NULL);
    p->stored = true;
}

static void took(struct engine *e, const char *what, int64_t ms)
{
    if (ms <= 0 || strlen(what) >= STORE_ID_MAX)
        return;
    struct past *p = past_of(e, what);
    remember(p, ms);
    keep(e, p);
}

/* --- what is remembered
 * ---------------------------------------------------------------------------------------------------------- */

/* Of each service whose checks are told with how long they ran. */
static void follow_checks(struct engine *e, const json_t *result)
{
    size_t i;
    json_t *s;
    _cleanup_arena_ struct arena a = arena_make();
    json_array_foreach(json_object_get(result, "services"), i, s)
        took(e, arena_printf(&a, "checks %s", json_str(s, "service", "?")), json_int(s, "took_ms", 0));
}

void history_follow(struct ride *r, const json_t *events)
{
    const struct change *c = r->c;
    size_t i;
    json_t *event;
    _cleanup_arena_ struct arena a = arena_make();
    json_array_foreach((json_t *)events, i, event) {
        int step = procedure_step(c->sop, json_str(event, "step", ""));
        const struct verb *v = step >= 0 ? c->sop->steps[step].verb : NULL;
        const json_t *result = json_path(event, "data.result");
        if (!v || v->kind != VERB_OBSERVE || !str_eq(json_str(event, "type", ""), event_names[EV_DONE]))
            continue;
        if (str_eq(v->name, "releases.check"))
            follow_checks(r->e, result);
        int64_t began = c->control.steps[step].began, at = json_int(event, "at", 0);
        took(r->e,
             arena_printf(&a, "%s %s/%s", v->name, json_str(c->facts, "change.client", "?"),
                          json_str(c->facts, "change.env", "?")),
             json_int(result, "took_ms", began > 0 ? at - began : 0));
    }
}

struct spread history_of(const struct engine *e, const char *what)
{
    const struct past *p = names_get(&e->history, what);
    return p ? spread_of(p->took, p->n) : (struct spread){0};
}

/* --- from and to the store
 * ------------------------------------------------------------------------------------------------------- */

/* What has been remembered meanwhile is newer. */
static void take_in(struct engine *e, const json_t *doc)
{
    size_t i;
    json_t *ms;
    struct past *p = past_of(e, json_str(doc, "what", "?")), newer = *p;
    p->n = 0;
    p->stored = true;
    json_array_foreach(json_object_get(doc, "took"), i, ms)
        if (json_integer_value(ms) > 0)
            remember(p, json_integer_value(ms));
    for (int k = 0; k < newer.n; k++)
        remember(p, newer.took[k]);
}

static void on_listed(void *ctx, json_t *docs, const struct error *err)
{
    size_t i;
    json_t *doc;
    if (err)
        return;
    json_array_foreach(docs, i, doc)
        take_in(ctx, doc);
}

void history_open(struct engine *e)
{
    enum { KINDS_MAX = 5000 };
    store_doc_list(e->store, document, KINDS_MAX, on_listed, e);
}

static void past_free(void *value)
{
    struct past *p = value;
    free(p->what);
    free(p);
}

void history_close(struct engine *e)
{
    names_each(&e->history, past_free);
    names_free(&e->history);
}
