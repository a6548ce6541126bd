/* drive.h: drives one system of a test: a loop, a shelf in memory, and verbs performed until their outcome.
 */
#ifndef SB_TESTS_DRIVE_H
#define SB_TESTS_DRIVE_H

#include "base/json.h"
#include "base/yaml.h"
#include "check.h"
#include "net/http.h"
#include "net/loop.h"
#include "systems/system.h"
#include <stdio.h>

/* What a verb ended with; of the test's, freed by drive_forget. */
struct ending {
    bool over;
    enum outcome_kind kind;
    json_t *result;
    struct error error;
    json_t *views; /* every view told */
    struct check checks[32];
    int n_checks;
    char texts[32][256];
};

struct drive {
    struct loop *loop;
    struct http *http;
    struct surroundings around;
    struct shelf shelf;
    json_t *docs; /* {kind: {id: doc}} */
    bool shelf_fails;
    int64_t now;
    struct arena arena; /* configuration */
    struct system *system;
    struct ending end;
    struct task *task;
    bool looks; /* what begins belongs to no change */
    char state_dir[64];
};

/* --- the shelf -------------------------------------------------------------------------------- */

struct shelf_answer {
    json_t *doc;
    struct error error;
    void (*done)(void *, json_t *, const struct error *);
    void *user;
};

static void shelf_tell(void *ctx)
{
    struct shelf_answer *a = ctx;
    a->done(a->user, a->doc, a->doc ? NULL : &a->error);
    json_decref(a->doc);
    free(a);
}

static void shelf_answers(struct drive *d, json_t *doc, void (*done)(void *, json_t *, const struct error *),
                          void *user)
{
    struct shelf_answer *a = calloc(1, sizeof *a);
    a->doc = d->shelf_fails ? NULL : json_deep_copy(doc);
    a->done = done;
    a->user = user;
    if (!a->doc)
        (void)error_set(&a->error, d->shelf_fails ? SB_IO : SB_UNKNOWN, "no document");
    loop_post(d->loop, shelf_tell, a);
}

static json_t *shelf_kind(struct drive *d, const char *kind)
{
    if (!json_object_get(d->docs, kind))
        json_object_set_new(d->docs, kind, json_object());
    return json_object_get(d->docs, kind);
}

static void shelf_put(void *ctx, const char *kind, const char *id, json_t *doc,
                      void (*done)(void *, json_t *, const struct error *), void *user)
{
    json_t *all = shelf_kind(ctx, kind);
    if (!json_object_get(all, id) && !((struct drive *)ctx)->shelf_fails)
        json_object_set_new(all, id, json_deep_copy(doc));
    shelf_answers(ctx, json_object_get(all, id), done, user);
}

static void shelf_patch(void *ctx, const char *kind, const char *id, json_t *patch,
                        void (*done)(void *, json_t *, const struct error *), void *user)
{
    json_t *doc = json_object_get(shelf_kind(ctx, kind), id);
    if (doc && !((struct drive *)ctx)->shelf_fails)
        json_merge_patch(doc, patch);
    shelf_answers(ctx, doc, done, user);
}

static void shelf_get(void *ctx, const char *kind, const char *id,
                      void (*done)(void *, json_t *, const struct error *), void *user)
{
    shelf_answers(ctx, json_object_get(shelf_kind(ctx, kind), id), done, user);
}

static void shelf_list(void *ctx, const char *kind, int limit,
                       void (*done)(void *, json_t *, const struct error *), void *user)
{
    json_t *list = json_array(), *doc;
    const char *id;
    json_object_foreach(shelf_kind(ctx, kind), id, doc)
        if ((int)json_array_size(list) < limit)
            json_array_append(list, doc);
    shelf_answers(ctx, list, done, user);
    json_decref(list);
}

/* --- set-up ----------------------------------------------------------------------------------- */

static int64_t drive_now(void *ctx)
{
    return ((struct drive *)ctx)->now;
}

static UNUSED struct drive *drive_new(void)
{
    struct drive *d = calloc(1, sizeof *d);
    d->loop = loop_new();
    d->http = http_new(d->loop);
    d->docs = json_object();
    d->shelf = (struct shelf){d, shelf_put, shelf_patch, shelf_get, shelf_list};
    d->now = 1707418800000; /* 2024-02-08 19:00 UTC */
    d->around = (struct surroundings){.loop = d->loop,
                                      .http = d->http,
                                      .shelf = &d->shelf,
                                      .now = drive_now,
                                      .now_ctx = d,
                                      .state_dir = d->state_dir,
                                      .poll_ms = 20,
                                      .speed = 1};
    d->arena = arena_make();
    strcpy(d->state_dir, "/tmp/signalbox-test-XXXXXX");
    assert_non_null(mkdtemp(d->state_dir));
    return d;
}

static void drive_forget(struct drive *d)
{
    json_decref(d->end.result);
    json_decref(d->end.views);
    d->end = (struct ending){0};
}

static UNUSED void drive_close(struct drive *d)
{
    if (d->system)
        d->system->driver->close(d->system);
    d->system = NULL;
}

static UNUSED void drive_free(struct drive *d)
{
    drive_close(d);
    drive_forget(d);
    for (int i = 0; i < 20; i++)
        loop_once(d->loop, false);
    http_free(d->http);
    loop_free(d->loop);
    json_decref(d->docs);
    arena_free(&d->arena);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", d->state_dir);
    assert_int_equal(system(command), 0);
    free(d);
}

/* Opens a driver with a configuration (NULL = none). false: `err` says why. */
static UNUSED bool drive_try_open(struct drive *d, const struct driver *driver, const char *config,
                                  struct error *err)
{
    struct yaml *y =
        config ? yaml_parse(config, strlen(config), "signalbox.yaml", 1, 0, &d->arena, err) : NULL;
    if (config && !y)
        return false;
    d->system = driver->open(driver, y, "signalbox.yaml", &d->around, err);
    return d->system != NULL;
}

static UNUSED void drive_open(struct drive *d, const struct driver *driver, const char *config)
{
    struct error err = ERROR_NONE;
    if (!drive_try_open(d, driver, config, &err))
        fail_msg("%s: %d:%d: %s", driver->name, err.line, err.column, err.text);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static void drive_ended(void *ctx, const struct outcome *o)
{
    struct drive *d = ctx;
    assert_false(d->end.over);
    d->end.over = true;
    d->end.kind = o->kind;
    d->end.result = json_deep_copy(o->result);
    d->end.error = o->error;
    d->task = NULL;
}

static void drive_told(void *ctx, const json_t *view)
{
    struct drive *d = ctx;
    assert_false(d->end.over);
    if (!d->end.views)
        d->end.views = json_array();
    json_array_append_new(d->end.views, json_deep_copy(view));
}

static const struct verb_entry *drive_verb(const struct driver *driver, const char *verb)
{
    for (const struct verb_entry *v = driver->verbs; v->verb; v++)
        if (strcmp(v->verb, verb) == 0)
            return v;
    fail_msg("%s cannot %s", driver->name, verb);
    return NULL;
}

static void drive_begin(struct drive *d, bool find, const char *verb, const char *key, json_t *args)
{
    drive_forget(d);
    const struct verb_entry *v = drive_verb(d->system->driver, verb);
    struct effect e = {.key = key,
                       .verb = verb,
                       .change = d->looks ? "" : "HF-7",
                       .args = args,
                       .intended_ms = d->now,
                       .attempt = 1};
    d->task = (find ? v->find : v->perform)(d->system, &e, drive_ended, drive_told, d);
    assert_false(d->end.over); /* never from inside */
    json_decref(args);
}

static void drive_wake(void *ctx)
{
    *(bool *)ctx = true;
}

/* Runs the loop for a while or until `*until`. */
static UNUSED void drive_run(struct drive *d, int ms, const bool *until)
{
    bool late = false;
    struct timer *t = timer_start(d->loop, ms, drive_wake, &late);
    while (!late && !(until && *until))
        loop_once(d->loop, true);
    if (!late)
        timer_cancel(t);
}

static UNUSED struct ending *drive_wait(struct drive *d)
{
    drive_run(d, 20000, &d->end.over);
    if (!d->end.over)
        fail_msg("no outcome within 20 s");
    return &d->end;
}

/* Performs and waits. Takes `args`. */
static UNUSED struct ending *drive_do(struct drive *d, const char *verb, const char *key, json_t *args)
{
    drive_begin(d, false, verb, key, args);
    return drive_wait(d);
}

static UNUSED struct ending *drive_find(struct drive *d, const char *verb, const char *key, json_t *args)
{
    drive_begin(d, true, verb, key, args);
    return drive_wait(d);
}

static UNUSED const char *drive_str(const struct drive *d, const char *path)
{
    return json_str(d->end.result, path, "(none)");
}

#define assert_done(d)                                                           \
    do {                                                                         \
        if ((d)->end.kind != OUTCOME_DONE)                                       \
            fail_msg("outcome %d: %s", (int)(d)->end.kind, (d)->end.error.text); \
    } while (0)

static void drive_checked(void *ctx, const struct check *checks, int n)
{
    struct drive *d = ctx;
    d->end.over = true;
    d->end.n_checks = n;
    for (int i = 0; i < n && i < 32; i++) {
        d->end.checks[i] = checks[i];
        (void)snprintf(d->end.texts[i], sizeof d->end.texts[i], "%s: %s", checks[i].what, checks[i].says);
    }
}

static UNUSED struct ending *drive_check(struct drive *d)
{
    drive_forget(d);
    d->system->driver->check(d->system, drive_checked, d);
    return drive_wait(d);
}

static UNUSED int drive_up(void **state)
{
    *state = drive_new();
    return 0;
}

static UNUSED int drive_down(void **state)
{
    drive_free(*state);
    return 0;
}
#define drive_test(name) cmocka_unit_test_setup_teardown(name, drive_up, drive_down)

#endif
