/* play.h: little plays for the core: a page, a clock, and what happens, one line each. */
#ifndef SB_TESTS_PLAY_H
#define SB_TESTS_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "change/change.h"
#include "sop/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct play {
    struct arena arena;
    struct procedure *sop;
    struct change *change;
    struct expr *expr;
    int64_t now;
    struct error err;
    json_t *log; /* every event, as it would be stored */
};

#define NOON 1707418800000 /* 2024-02-08T19:00:00Z */

/* The page's YAML front matter is `front` (ours, indented by two), its body `body`. */
static inline struct play play_open(const char *front, const char *body)
{
    struct play p = {.arena = arena_make(), .now = NOON, .log = json_array()};
    char *text = arena_printf(&p.arena, "---\ntitle: Play\nsignalbox:\n%s---\n\n%s", front, body);
    struct page_errors errors = {0};
    p.sop = page_parse(text, strlen(text), "play.md", &p.arena, &errors);
    for (int i = 0; i < errors.n; i++) {
        char line[ERROR_TEXT_MAX];
        print_message("%s\n", error_format(&errors.list[i], line, sizeof line));
    }
    assert_non_null(p.sop);
    p.change = change_new("HF-1", p.sop);
    p.expr = expr_new();
    return p;
}

static inline void play_close(struct play *p)
{
    change_free(p->change);
    expr_free(p->expr);
    json_decref(p->log);
    arena_free(&p->arena);
}

static inline int step_of(const struct play *p, const char *id)
{
    int i = procedure_step(p->sop, id);
    if (i < 0)
        fail_msg("the page has no step %s", id);
    return i;
}

static inline bool apply(struct play *p, struct event *e)
{
    p->err = ERROR_NONE;
    bool ok = change_apply(p->change, e, &p->err);
    if (ok)
        json_array_append_new(p->log, event_to_json(e, p->sop));
    event_clear(e);
    return ok;
}

/* Something happens: to a step (by id), or to the change (NULL). `data` is taken. */
static inline bool happens_by(struct play *p, enum event_type type, const char *step, int choice,
                              const char *by, json_t *data)
{
    int i = step ? step_of(p, step) : -1;
    struct event e = {.seq = p->change->control.seq + 1,
                      .at = p->now,
                      .type = type,
                      .step = i,
                      .run = i >= 0 ? p->change->control.steps[i].run : 0,
                      .choice = choice,
                      .by = by,
                      .data = data};
    return apply(p, &e);
}

static inline bool happens(struct play *p, enum event_type type, const char *step, json_t *data)
{
    return happens_by(p, type, step, 0, "", data);
}

static inline bool answers(struct play *p, const char *step, const char *choice, json_t *data)
{
    const struct ask *ask = &p->sop->steps[step_of(p, step)].ask;
    for (int i = 0; i < ask->n_choices; i++)
        if (str_eq(ask->choices[i].id, choice))
            return happens_by(p, EV_ANSWERED, step, i, "pat@example.com", data);
    fail_msg("step %s has no choice %s", step, choice);
    return false;
}

/* Plans and starts with these facts (taken). */
static inline void play_start(struct play *p, json_t *facts)
{
    assert_true(happens(p, EV_PLANNED, NULL, json_pack("{s:o}", "facts", facts)));
    assert_true(happens_by(p, EV_STARTED, NULL, 0, "pat@example.com", NULL));
}

/* Begins everything that wants to begin; nothing is answered, performed or seen. Returns how many events that
 * made. */
static inline int begin_all(struct play *p)
{
    int made = 0;
    for (bool more = true; more;) {
        struct wants w;
        more = false;
        change_next(p->change, p->now, &w);
        for (int i = 0; i < w.n && !more; i++) {
            if (w.list[i].kind != WANT_BEGIN)
                continue;
            struct event e;
            change_begin(p->change, w.list[i].step, p->now, p->expr, &e);
            if (!apply(p, &e))
                fail_msg("begin of %s: %s", p->sop->steps[w.list[i].step].id, p->err.text);
            more = true;
            made++;
        }
        if (made > 10000)
            fail_msg("it never comes to rest");
    }
    return made;
}

/* All that is under way succeeds, all that wants to begin begins, until only persons or time are waited for.
 * Ends the change when it wants to. */
static inline void goes_well(struct play *p)
{
    for (bool more = true; more;) {
        more = begin_all(p) > 0;
        for (int i = 0; i < p->sop->n_steps; i++) {
            enum step_status s = (enum step_status)p->change->control.steps[i].status;
            if (s == STEP_INTENDED || s == STEP_OBSERVING) {
                assert_true(happens(p, EV_DONE, p->sop->steps[i].id, json_pack("{s:{}}", "result")));
                more = true;
            }
        }
        struct wants w;
        change_next(p->change, p->now, &w);
        if (w.n == 1 && w.list[0].kind == WANT_END)
            more = happens(p, EV_ENDED, NULL, NULL);
    }
}

static inline const char *status(const struct play *p, const char *step)
{
    return step_status_names[p->change->control.steps[step_of(p, step)].status];
}

static inline const char *change_status(const struct play *p)
{
    return change_status_names[p->change->control.status];
}

/* The facts of most plays. */
static inline json_t *some_facts(void)
{
    return json_pack("{s:{s:s}, s:[{s:s, s:s}], s:{s:I, s:I, s:s}, s:f}", "client", "zone",
                     "America/New_York", "services", "service", "decanting-service", "tag",
                     "24-02-05.619-hotfix.627", "window", "from", (json_int_t)(NOON + HOURS(5)), "to",
                     (json_int_t)(NOON + HOURS(6)), "zone", "America/New_York", "lead_hours", 5.0);
}

#define STEP(yaml) "```step\n" yaml "```\n\n"

#endif
