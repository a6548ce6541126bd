/* invent.c: pages that nobody would write: every kind of step, in any order, with any rules. */
#include "base/buf.h"
#include "pages.h"
#include "rng.h"

enum { MAIN_MOST = 14 };

struct inventor {
    struct rng r;
    struct buf b;
    int n_main;                    /* s0, s1, ... */
    int deploy;                    /* the step that starts the pipeline */
    const char *answer[MAIN_MOST]; /* of a question that is all of its step: an answer to it */
    bool due[MAIN_MOST];
};

static bool maybe(struct inventor *v, int percent)
{
    return rng_chance(&v->r, percent);
}

static int below(struct inventor *v, int n)
{
    return rng_below(&v->r, n);
}

static void open_step(struct inventor *v, const char *id)
{
    buf_printf(&v->b, "1. Do %s.\n\n   ```step\n   id: %s\n", id, id);
}

static void close_step(struct inventor *v)
{
    buf_adds(&v->b, "   ```\n\n");
}

static void line(struct inventor *v, const char *text)
{
    buf_printf(&v->b, "   %s\n", text);
}

/* --- verbs
 * --------------------------------------------------------------------------------------------------------------------------
 */

static void act(struct inventor *v)
{
    static const char *const acts[] = {
        "do: tickets.comment\n   with: {ticket: T-1, text: \"{{ change.id }} {{ window.text }}\"}",
        "do: chat.post\n   with: {channels: [one], text: \"{{ change.reason }}\"}",
        "do: chat.post\n   with: {channels: [one, two, three], text: \"{{ join(pluck(services, 'tag')) }}\"}",
        "do: pager.alert\n   with: {to: production, summary: \"{{ change.id }}\"}",
        "do: statuspage.component\n   with: {components: [c], status: operational}",
        "do: calendar.create\n   with: {title: x, from: \"{{ window.from }}\", to: \"{{ window.to }}\"}",
        "do: change.note\n   with: {text: \"{{ change.id }}\"}",
        "do: change.report",
    };
    line(v, acts[below(v, (int)COUNT_OF(acts))]);
}

static void look(struct inventor *v)
{
    static const char *const looks[] = {
        "do: health.snapshot\n   with: {services: \"{{ pluck(services, 'service') }}\"}",
        "do: cluster.versions\n   with: {client: c, env: e, services: \"{{ pluck(services, 'service') }}\"}",
        "do: pager.acknowledged\n   with: {alert: a}\n   timeout: 20m",
        "do: releases.check\n   with: {services: \"{{ services }}\"}\n   timeout: 1h",
        "do: health.watch\n   with: {services: \"{{ pluck(services, 'service') }}\"}",
    };
    line(v, looks[below(v, (int)COUNT_OF(looks))]);
}

static const char *question(struct inventor *v)
{
    static const char *const answers[] = {"yes", "yes", "a", "go", "keep"};
    static const char *const asks[] = {
        "ask: \"Go on?\"",
        "ask: {question: \"Well?\", choices: [{id: yes}, {id: no, fails: true}], reason: true}",
        "ask: {question: \"Which?\", choices: [a, b, c]}",
        "ask: {question: \"Wait?\", choices: [come, go], limit: 20m, otherwise: go}",
        "ask: {question: \"Keep it?\", choices: [{id: keep}, {id: drop, ends: true}]}",
    };
    int i = below(v, (int)COUNT_OF(asks));
    line(v, asks[i]);
    return answers[i];
}

/* --- what any step may have
 * ------------------------------------------------------------------------------------------------------------
 */

static void after(struct inventor *v, int step)
{
    if (step == 0 || maybe(v, 50))
        return;
    buf_adds(&v->b, "   after: [");
    const char *comma = "";
    for (int i = 0; i < step; i++)
        if (maybe(v, 40)) {
            buf_printf(&v->b, "%ss%d", comma, i);
            comma = ", ";
        }
    buf_adds(&v->b, "]\n");
}

static void condition(struct inventor *v, int step)
{
    if (step == 0 || maybe(v, 75))
        return;
    switch (below(v, 4)) {
    case 0:
        line(v, "when: \"false\"");
        break;
    case 1:
        buf_printf(&v->b, "   when: steps.s%d.state == \"done\"\n", below(v, step));
        break;
    case 2:
        buf_printf(&v->b, "   when: steps.s%d.state ~= \"done\"\n", below(v, step));
        break;
    default:
        line(v, "when: lead_hours > 3");
        break;
    }
}

static void times(struct inventor *v, int step)
{
    static const char *const deadlines[] = {"to + 1h", "from + 40m", "started + 35m"};
    static const char *const moments[] = {"from - 1h", "from", "to", "from + 20m", "started + 10m"};
    if (maybe(v, 20)) {
        buf_printf(&v->b, "   at: %s\n", moments[below(v, (int)COUNT_OF(moments))]);
        if (maybe(v, 30))
            line(v, "late: skip");
    }
    v->due[step] = maybe(v, 15);
    if (!v->due[step])
        return;
    buf_printf(&v->b, "   due:\n     by: %s\n", deadlines[below(v, (int)COUNT_OF(deadlines))]);
    line(v, "  nag: {before: 30m, do: chat.post, with: {channels: [one], text: late}}");
    line(v, "  escalate: {after: 10m, do: pager.alert, with: {to: production, summary: late}}");
}

static void manners(struct inventor *v, bool acts)
{
    if (maybe(v, 25))
        line(v, "on_failure: continue");
    if (acts && maybe(v, 20))
        line(v, "retry: {tries: 5, pause: 3s}");
    if (acts && maybe(v, 25))
        line(v, "undo: {do: tickets.comment, with: {ticket: T-1, text: undone}}");
    if (acts && maybe(v, 10))
        line(v, "timeout: 10m");
}

/* --- branches
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static void main_step(struct inventor *v, int i)
{
    char id[16];
    snprintf(id, sizeof id, "s%d", i);
    open_step(v, id);
    if (i == v->deploy) {
        line(v, "do: pipeline.start\n   with: {client: c, env: e, services: \"{{ services }}\"}");
        close_step(v);
        return;
    }
    bool watches = i == v->deploy + 1;
    int kind = watches ? 100 : below(v, 100);
    const char *answer = kind < 25 ? question(v) : NULL;
    v->answer[i] = kind < 15 ? answer : NULL;
    if (kind >= 15 && kind < 70)
        act(v);
    if (kind >= 70 && kind < 100)
        look(v);
    if (watches)
        buf_printf(&v->b,
                   "   do: pipeline.watch\n   with: {build: \"{{ steps.s%d.build }}\"}\n   timeout: 2h\n   "
                   "gate: {question: \"Proceed?\"}\n",
                   v->deploy);
    if (!watches) {
        after(v, i);
        times(v, i);
    }
    condition(v, watches ? 0 : i);
    manners(v, kind >= 15 && kind < 70);
    close_step(v);
}

static void branch(struct inventor *v, const char *heading, const char *name, int most)
{
    int n = below(v, most + 1);
    char id[32];
    buf_printf(&v->b, "## %s\n\nWords.\n\n", heading);
    for (int i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%s%d", name, i);
        open_step(v, id);
        act(v);
        if (maybe(v, 50))
            line(v, "after: []");
        if (maybe(v, 40))
            line(v, "on_failure: continue");
        close_step(v);
    }
}

/* Rules stand in the front, and are about steps that come after it. */
static void rules(struct inventor *v)
{
    buf_adds(&v->b, "  interlocks:\n    - {id: back, rollback: decided, because: \"A person decides.\"}\n");
    for (int i = 0; i < v->n_main; i++)
        if (v->due[i] && maybe(v, 60))
            buf_printf(
                &v->b,
                "    - {id: quiet%d, because: \"One thing at a time.\", step: s%d.nag, never_in: trouble}\n",
                i, i);
    for (int i = 0, n = below(v, 5); i < n; i++) {
        int step = 1 + below(v, v->n_main - 1), other = below(v, step);
        buf_printf(&v->b, "    - {id: r%d, because: \"So it is.\", ", i);
        if (v->answer[other] && maybe(v, 60)) {
            buf_printf(&v->b, "step: s%d, answered: {s%d: %s}, skipped: ok}\n", step, other,
                       v->answer[other]);
            continue;
        }
        switch (below(v, 3)) {
        case 0:
            buf_printf(&v->b, "step: s%d, needs: [s%d]%s}\n", step, other,
                       maybe(v, 60) ? ", skipped: ok" : "");
            break;
        case 1:
            buf_printf(&v->b, "step: s%d, never_in: trouble}\n", step);
            break;
        default:
            buf_printf(&v->b, "end_needs: [s%d]%s}\n", step, maybe(v, 60) ? ", skipped: ok" : "");
            break;
        }
    }
}

char *page_invent(uint64_t seed, struct arena *a)
{
    struct inventor v = {.r = rng_new(seed)};
    v.n_main = 4 + below(&v, MAIN_MOST - 3);
    v.deploy = below(&v, v.n_main - 1);
    buf_printf(
        &v.b,
        "---\ntitle: Invented\nsignalbox:\n  inputs:\n    - {name: services, type: services, required: "
        "true}\n"
        "    - {name: window, type: window, required: true}\n    - {name: reason, type: text, default: x}\n"
        "  branches: {trouble: trouble, extend: extending, patch: patching, rollback: rolling-back, stop: "
        "stopping}\n"
        "  redo_from: s%d\n",
        v.deploy);
    struct buf front = v.b;
    v.b = (struct buf){0};
    for (int i = 0; i < v.n_main; i++)
        main_step(&v, i);
    struct buf steps = v.b;
    v.b = front;
    rules(&v);
    buf_printf(&v.b, "---\n\n## The way\n\n%s", buf_str(&steps));
    buf_free(&steps);
    branch(&v, "Trouble", "t", 2);
    buf_adds(&v.b, "1. Decide.\n\n   ```step\n   id: decide\n   ask: {question: \"What now?\", decision: "
                   "true, reason: true}\n   ```\n\n");
    branch(&v, "Extending", "e", 1);
    branch(&v, "Patching", "p", 2);
    branch(&v, "Rolling back", "b", 2);
    branch(&v, "Stopping", "x", 2);
    char *text = arena_strdup(a, buf_str(&v.b));
    buf_free(&v.b);
    return text;
}
