/* figures.c: the rows that figures are computed from: one a change, read from its record. */
#include "base/instant.h"
#include "engine/figures_inside.h"

#include "base/log.h"
#include "engine/inside.h"

/* --- a row
 * -------------------------------------------------------------------------------------------------------------- */

static uint16_t intern(struct figures *f, const char *name)
{
    char **found = names_get(&f->known, name);
    if (found)
        return (uint16_t)(found - f->names);
    if (f->n_names == FIGURES_NAMES)
        return 0;
    char **slot = &f->names[f->n_names++];
    *slot = net_strdup(name);
    names_put(&f->known, name, slot);
    return (uint16_t)(slot - f->names);
}

static bool take_event(void *ctx, const struct store_event *stored)
{
    /* Views of pipelines are most of a record's bytes, and say nothing of when. */
    if (strstr(stored->body, "\"type\":\"step.progress\""))
        return true;
    _cleanup_json_ json_t *event =
        json_read(stored->body, strlen(stored->body), JSON_MAX_BYTES, "event", NULL);
    if (event)
        times_take(ctx, event);
    return true;
}

static void row_free(struct figures_row *r)
{
    if (!r)
        return;
    free(r->waits);
    free(r->id);
    free(r);
}

/* NULL when its record cannot be read: then it does not count. */
static struct figures_row *row_read(struct figures *f, const char *id)
{
    struct error err = ERROR_NONE;
    struct times_reading *reading = NET_NEW(struct times_reading);
    if (!store_read(f->e->store, id, 1, take_event, reading, &err)) {
        free(reading);
        return NULL;
    }
    times_end(reading);
    struct figures_row *r = NET_NEW(struct figures_row);
    r->id = net_strdup(id);
    r->t = reading->t;
    r->waits = net_alloc(sizeof *r->waits * (size_t)(reading->n_waits + 1));
    for (; r->n_waits < reading->n_waits; r->n_waits++)
        r->waits[r->n_waits] = (struct figures_wait){.step = intern(f, reading->waits[r->n_waits].step),
                                                     .whom = intern(f, reading->waits[r->n_waits].whom),
                                                     .person = reading->waits[r->n_waits].person,
                                                     .ms = reading->waits[r->n_waits].ms};
    free(reading);
    return r;
}

/* --- bringing them up to date
 * --------------------------------------------------------------------------------------------- */

/* The newest changes, in a ring: a store may hold many more than are looked at. */
struct newest {
    char *ids[FIGURES_CHANGES];
    size_t n;
};

static bool note_head(void *ctx, const struct store_head *h)
{
    struct newest *list = ctx;
    char **slot = &list->ids[list->n++ % FIGURES_CHANGES];
    free(*slot);
    *slot = net_strdup(h->change);
    return true;
}

static void finish(struct figures *f)
{
    for (int i = 0; i < f->n; i++)
        if (!f->rows[i]->kept)
            row_free(f->rows[i]);
    f->n = 0;
    names_free(&f->by_id);
    f->by_id = (struct names){0};
    for (int i = 0; i < f->n_next; i++) {
        if (f->next[i]) {
            f->next[i]->kept = false;
            names_put(&f->by_id, f->next[i]->id, f->next[i]);
            f->rows[f->n++] = f->next[i];
        }
        free(f->ids[i]);
    }
    f->n_next = f->at = 0;
    struct figures_asker *list = f->askers;
    f->askers = NULL;
    for (struct figures_asker *a = list, *next; a; a = next) {
        next = a->next;
        a->then(a->ctx);
        free(a);
    }
}

/* One change that has to be read, or all that have not. */
static void go_on(void *ctx)
{
    struct figures *f = ctx;
    f->timer = NULL;
    for (bool read = false; f->at < f->n_next && !read; f->at++) {
        struct figures_row *known = names_get(&f->by_id, f->ids[f->at]);
        bool still = known && known->t.ended;
        read = !still;
        f->next[f->at] = still ? known : row_read(f, f->ids[f->at]);
        if (still)
            known->kept = true;
    }
    if (f->at < f->n_next)
        f->timer = timer_start(f->e->loop, 0, go_on, f);
    else
        finish(f);
}

static void begin(struct figures *f)
{
    struct newest *list = NET_NEW(struct newest);
    struct error err = ERROR_NONE;
    if (!store_changes(f->e->store, false, note_head, list, &err))
        log_write(LOG_WARN, "engine", "figures", "%s", err.text);
    size_t n = list->n < FIGURES_CHANGES ? list->n : FIGURES_CHANGES;
    for (size_t i = 0; i < n; i++)
        f->ids[f->n_next++] = list->ids[(list->n - 1 - i) % FIGURES_CHANGES];
    free(list);
    f->timer = timer_start(f->e->loop, 0, go_on, f);
}

struct figures *figures_of(struct engine *e)
{
    if (e->figures)
        return e->figures;
    struct figures *f = e->figures = NET_NEW(struct figures);
    f->e = e;
    f->rows = net_alloc(sizeof(struct figures_row *) * FIGURES_CHANGES);
    f->next = net_alloc(sizeof(struct figures_row *) * FIGURES_CHANGES);
    f->ids = net_alloc(sizeof(char *) * FIGURES_CHANGES);
    intern(f, "others");
    return f;
}

void figures_refresh(struct engine *e, void (*then)(void *ctx), void *ctx)
{
    struct figures *f = figures_of(e);
    struct figures_asker *a = NET_NEW(struct figures_asker);
    *a = (struct figures_asker){.next = f->askers, .then = then, .ctx = ctx};
    f->askers = a;
    if (!f->timer)
        begin(f);
}

void figures_free(struct engine *e)
{
    struct figures *f = e->figures;
    if (!f)
        return;
    timer_cancel(f->timer);
    for (int i = 0; i < f->n; i++)
        if (!f->rows[i]->kept)
            row_free(f->rows[i]);
    for (int i = 0; i < f->n_next; i++) {
        if (i < f->at)
            row_free(f->next[i]);
        free(f->ids[i]);
    }
    for (struct figures_asker *a = f->askers, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    for (int i = 0; i < f->n_names; i++)
        free(f->names[i]);
    names_free(&f->by_id);
    names_free(&f->known);
    free(f->rows);
    free(f->next);
    free(f->ids);
    free(f);
    e->figures = NULL;
}
