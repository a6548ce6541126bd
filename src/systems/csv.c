/* csv.c: the ownership map as a file: a header row with service, team, channel, schedule, people. Read again
 * at every look, so that a correction counts at once. */
#include "base/json.h"
#include "base/read.h"
#include "systems/drivers.h"
#include "systems/flow.h"
#include "systems/owners.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct owners {
    struct system system;
    char *file; /* NULL = none is configured */
};

/* Reading on the pool; what it needs is its own, because the flow may be gone before it ends. */
struct reading {
    struct flow *flow; /* NULL when cancelled */
    char *file;
    json_t *table;
    struct error error;
};

struct lookup {
    struct flow flow;
    struct reading *reading;
};

static void reading_free(struct reading *r)
{
    json_decref(r->table);
    free(r->file);
    free(r);
}

static void reading_drop(void *ctx)
{
    reading_free(ctx);
}

static void read_table(void *ctx)
{
    struct reading *r = ctx;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf text = {0};
    struct csv t;
    if (read_file(r->file, CSV_MAX_BYTES, &text, &r->error) &&
        csv_parse(buf_str(&text), text.len, r->file, &a, &t, &r->error))
        r->table = owners_table(&t, r->file, &r->error);
}

static void lookup_free(struct flow *f)
{
    struct reading *r = ((struct lookup *)f)->reading;
    if (r)
        r->flow = NULL;
}

/* Has the table read; `then` runs on the loop, with the reading still there. */
static void start_reading(struct lookup *l, void (*then)(void *ctx))
{
    struct reading *r = calloc(1, sizeof *r);
    const char *file = ((struct owners *)l->flow.system)->file;
    if (!r || !(r->file = strdup(file)))
        abort();
    r->flow = &l->flow;
    l->reading = r;
    l->flow.on_free = lookup_free;
    loop_work_or_drop(l->flow.system->around->loop, read_table, then, reading_drop, r);
}

/* The flow that asked, or NULL. */
static struct flow *reading_over(struct reading *r)
{
    if (r->flow)
        ((struct lookup *)r->flow)->reading = NULL;
    return r->flow;
}

static void looked_up(void *ctx)
{
    struct reading *r = ctx;
    struct flow *f = reading_over(r);
    char text[ERROR_TEXT_MAX + 256];
    if (f && r->table)
        flow_done(f, owners_lookup(r->table, json_object_get(f->effect.args, "services")));
    else if (f)
        flow_ends(f, OUTCOME_FAILED, r->error.code, "ownership map: %s",
                  error_format(&r->error, text, sizeof text));
    reading_free(r);
}

static struct task *lookup(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    const json_t *services = json_object_get(e->args, "services");
    if (!((struct owners *)s)->file)
        return task_done(s, done, ctx, owners_lookup(NULL, services));
    struct lookup *l = flow_new(sizeof *l, s, NULL, e, done, progress, ctx);
    start_reading(l, looked_up);
    return &l->flow.task;
}

/* --- doctor ----------------------------------------------------------------------------------- */

static void visited(void *ctx)
{
    struct reading *r = ctx;
    struct flow *f = reading_over(r);
    if (f) {
        char text[ERROR_TEXT_MAX + 256];
        struct check c = {r->table ? CHECK_OK : CHECK_FAIL, "may read the ownership map", text};
        if (r->table)
            (void)snprintf(text, sizeof text, "%s: %zu services", r->file, json_object_size(r->table));
        else
            (void)error_format(&r->error, text, sizeof text);
        flow_checked(f, &c, 1);
    }
    reading_free(r);
}

static void no_file(struct flow *f)
{
    struct check c = {CHECK_WARN, "ownership map",
                      "none is configured (systems: owners: file): no service has an owner"};
    flow_checked(f, &c, 1);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct lookup *l = flow_visit(sizeof *l, s, NULL, done, ctx);
    if (((struct owners *)s)->file)
        start_reading(l, visited);
    else
        flow_wait(&l->flow, 0, no_file);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void close_system(struct system *s)
{
    tasks_cancel(s);
    free(((struct owners *)s)->file);
    free(s);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    const char *path = NULL;
    if (config && config->n > 0 &&
        !(path = config_need(config, file, "file", "the table: service,team,channel,schedule,people", err)))
        return NULL;
    struct owners *o = calloc(1, sizeof *o);
    if (!o || (path && !(o->file = strdup(path))))
        abort();
    o->system = (struct system){.driver = d, .name = d->name, .around = around};
    return &o->system;
}

static const char *const keys[] = {"file", NULL};

const struct driver csv_driver = {
    .role = ROLE_OWNERS,
    .name = "csv",
    .says = "reads who owns a service from a CSV file",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"lookup", lookup, NULL, false},
        },
};
