#include "change/questions.h"

#include "base/buf.h"
#include "base/instant.h"
#include "change/tag.h"

const char *const about_names[ABOUT_COUNT + 1] = {
    [ABOUT_PAST] = "past",         [ABOUT_HOURS] = "hours",   [ABOUT_FREEZE] = "freeze",
    [ABOUT_CONFLICT] = "conflict", [ABOUT_CHECKS] = "checks", [ABOUT_LENGTH] = "length",
    [ABOUT_TAG] = "tag",           [ABOUT_ONCALL] = "oncall", [ABOUT_TAM] = "tam",
    [ABOUT_ROLLBACK] = "rollback", [ABOUT_QUEUE] = "queue",   [ABOUT_COUNT] = NULL,
};

struct asking {
    const struct plan_known *k;
    struct arena *a;
    struct question *out;
    int n;
};

static struct question *add(struct asking *q, enum about about, const char *says)
{
    if (q->n == QUESTIONS_MAX)
        q->n--; /* so many are not read anyway */
    q->out[q->n] = (struct question){.about = about, .says = says};
    return &q->out[q->n++];
}

static const char *moment(const struct asking *q, int64_t at)
{
    return instant_text(at, q->k->zone, q->k->now, q->a);
}

/* --- a window, wherever it lies
 * ---------------------------------------------------------------------------------------------------- */

/* When the service can be deployed; 0 = now, as far as is known. */
static int64_t ready_at(const struct plan_known *k, const struct plan_service *s)
{
    if (str_eq(s->checks, "passed") || str_eq(s->checks, "failed"))
        return 0;
    if (s->exists == KNOWN_YES && str_eq(s->checks, "none"))
        return 0;
    if (s->ready > 0)
        return s->ready;
    if (s->took.n > 0 && (s->exists == KNOWN_NO || str_eq(s->checks, "pending")))
        return k->now + s->took.p90;
    return k->checks_ms > 0 ? k->now + k->checks_ms : 0;
}

static int64_t all_ready_at(const struct plan_known *k)
{
    int64_t last = 0;
    for (int i = 0; i < k->n_services; i++) {
        int64_t at = ready_at(k, &k->services[i]);
        last = at > last ? at : last;
    }
    return last;
}

static const struct plan_busy *meets(const struct plan_known *k, int64_t from, int64_t to, bool freeze)
{
    for (int i = 0; i < k->n_busy; i++)
        if (k->busy[i].freeze == freeze && k->busy[i].from < to && from < k->busy[i].to)
            return &k->busy[i];
    return NULL;
}

static const char *against_hours(const struct plan_known *k, int64_t from, int64_t to)
{
    return k->hours && k->severity != 1 ? staffing_against(k->hours, from, to, k->zone) : NULL;
}

/* Does nothing speak against a window there? */
static bool is_good(const struct plan_known *k, int64_t from, int64_t to, int64_t ready)
{
    return from > k->now && from >= ready && !meets(k, from, to, true) && !meets(k, from, to, false) &&
           !against_hours(k, from, to);
}

/* The nearest that is good, earlier or later, in steps that keep the quarter of the hour. 0 = there is none. */
static int64_t better(const struct plan_known *k)
{
    const int64_t step = MINUTES(15), length = k->to - k->from, ready = all_ready_at(k);
    /* One that is over long ago is looked for from now on. */
    int64_t from = k->from;
    if (from + PLAN_REACH <= k->now)
        from += (k->now - from) / step * step;
    for (int64_t shift = step; shift <= PLAN_REACH; shift += step) {
        if (is_good(k, from - shift, from - shift + length, ready))
            return from - shift;
        if (is_good(k, from + shift, from + shift + length, ready))
            return from + shift;
    }
    return 0;
}

static void propose_window(struct asking *q, struct question *x, int64_t from)
{
    if (from == 0) {
        x->proposal = "There is no better window within two weeks.";
        return;
    }
    x->better_from = from;
    x->better_to = from + (q->k->to - q->k->from);
    x->proposal = arena_printf(q->a, "The nearest window that meets no question begins %s.", moment(q, from));
}

/* --- the questions about the window
 * --------------------------------------------------------------------------------------------------- */

static const char *busy_text(const struct asking *q, const struct plan_busy *b)
{
    return arena_printf(q->a, "%s (%s to %s)", b->title, moment(q, b->from), moment(q, b->to));
}

static void about_busy(struct asking *q, bool freeze, const char *what, int64_t nearest)
{
    enum { NAMED_MAX = 5 };
    const struct plan_known *k = q->k;
    _cleanup_buf_ struct buf list = {0};
    int n = 0;
    for (int i = 0; i < k->n_busy; i++) {
        const struct plan_busy *b = &k->busy[i];
        if (b->freeze != freeze || !(b->from < k->to && k->from < b->to))
            continue;
        if (n++ < NAMED_MAX)
            buf_printf(&list, "%s%s", list.len ? "; " : "", busy_text(q, b));
    }
    if (n == 0)
        return;
    const char *more = n > NAMED_MAX ? arena_printf(q->a, "; and %d more", n - NAMED_MAX) : "";
    propose_window(q,
                   add(q, freeze ? ABOUT_FREEZE : ABOUT_CONFLICT,
                       arena_printf(q->a, "%s: %s%s.", what, buf_str(&list), more)),
                   nearest);
}

static void about_checks(struct asking *q, int64_t nearest)
{
    const struct plan_known *k = q->k;
    for (int i = 0; i < k->n_services; i++) {
        const struct plan_service *s = &k->services[i];
        int64_t at = ready_at(k, s);
        if (at <= k->from)
            continue;
        bool by_history =
            s->ready == 0 && s->took.n > 0 && (s->exists == KNOWN_NO || str_eq(s->checks, "pending"));
        const char *basis = s->ready ? "by what they took for what runs now"
                            : by_history
                                ? arena_printf(q->a, "they usually take %s", spread_text(&s->took, q->a))
                                : arena_printf(q->a, "the configuration says that they take %s",
                                               duration_text(k->checks_ms, q->a));
        struct question *x = add(
            q, ABOUT_CHECKS,
            arena_printf(
                q->a,
                "Checks and builds of %s %s will not have finished before about %s (%s), and the window begins %s.",
                s->service, s->tag, moment(q, at), basis, moment(q, k->from)));
        if (by_history)
            x->took = s->took;
        propose_window(q, x, nearest);
    }
}

static void about_length(struct asking *q)
{
    const struct plan_known *k = q->k;
    if (k->deployment.n == 0 || k->to - k->from >= k->deployment.p90)
        return;
    struct question *x =
        add(q, ABOUT_LENGTH,
            arena_printf(q->a, "The window is %s long, and a deployment there usually takes %s.",
                         duration_text(k->to - k->from, q->a), spread_text(&k->deployment, q->a)));
    x->took = k->deployment;
    x->proposal =
        arena_printf(q->a, "A window of %s would do.",
                     duration_text((k->deployment.p90 + MINUTES(15) - 1) / MINUTES(15) * MINUTES(15), q->a));
}

static void about_window(struct asking *q)
{
    const struct plan_known *k = q->k;
    if (k->from == 0)
        return;
    const char *against = against_hours(k, k->from, k->to);
    bool over = k->to <= k->now;
    bool questioned = over || against || meets(k, k->from, k->to, true) || meets(k, k->from, k->to, false) ||
                      all_ready_at(k) > k->from;
    int64_t nearest = questioned ? better(k) : 0;
    if (over)
        propose_window(
            q, add(q, ABOUT_PAST, arena_printf(q->a, "The window is over: it ended %s.", moment(q, k->to))),
            nearest);
    if (against)
        propose_window(q, add(q, ABOUT_HOURS, arena_printf(q->a, "About the window: %s.", against)), nearest);
    about_busy(q, true, "The window meets a freeze", nearest);
    about_busy(q, false, "In the same time", nearest);
    about_checks(q, nearest);
    about_length(q);
}

/* --- the questions about the rest
 * ---------------------------------------------------------------------------------------------------- */

/* What is wrong with a tag in view of what runs, or NULL. */
static const char *against_tag(struct asking *q, const struct plan_service *s)
{
    struct tag tag, before;
    if (!s->before || !tag_parse(s->tag, &tag, NULL) || !tag_parse(s->before, &before, NULL))
        return NULL;
    int age = tag_compare(&tag, &before);
    if (age == 0)
        return arena_printf(q->a, "%s %s runs already", s->service, s->tag);
    if (age < 0)
        return arena_printf(q->a,
                            "%s %s is older than %s, which runs now: that would be a way back, and no fix",
                            s->service, s->tag, s->before);
    if (!tag_is_hotfix_of(&tag, &before))
        return arena_printf(
            q->a, "%s %s is no hotfix of %s, which runs now: it would bring everything else that is in it",
            s->service, s->tag, s->before);
    return NULL;
}

static void about_tags(struct asking *q)
{
    for (int i = 0; i < q->k->n_services; i++) {
        const struct plan_service *s = &q->k->services[i];
        const char *against = against_tag(q, s);
        struct tag before;
        bool gone = s->exists == KNOWN_NO, failed = str_eq(s->checks, "failed");
        if (s->problem && (gone || failed || !against))
            against = arena_printf(q->a, "%s: %s", s->service, s->problem);
        else if (gone)
            against = arena_printf(q->a, "There is no tag %s of %s", s->tag, s->service);
        else if (failed)
            against = arena_printf(q->a, "The checks of %s %s have failed", s->service, s->tag);
        if (!against)
            continue;
        struct question *x = add(q, ABOUT_TAG, arena_printf(q->a, "%s.", against));
        if (s->before && tag_parse(s->before, &before, NULL))
            x->proposal = arena_printf(q->a, "A hotfix of it is named %02d-%02d-%02d.%d-hotfix.N.",
                                       before.year % 100, before.month, before.day, before.build);
    }
}

static void about_people(struct asking *q)
{
    const struct plan_known *k = q->k;
    if (!*k->oncall)
        add(q, ABOUT_ONCALL,
            "No schedule of the production on-call is configured: nobody is told of this change in advance.")
            ->proposal = "Name it in the configuration: production_oncall: SCHEDULE.";
    else if (k->on_call == KNOWN_NO)
        add(q, ABOUT_ONCALL, arena_printf(q->a, "Nobody is on call for %s now.", k->oncall))->proposal =
            "Find somebody who stands in, and say so in the reason.";
    if (k->tam == KNOWN_NO)
        add(q, ABOUT_TAM,
            arena_printf(q->a, "%s has no technical account manager who could be told.", k->client))
            ->proposal =
            arena_printf(q->a, "Name them in the configuration: clients: %s: tam: {name, mail}.", k->client);
}

static void about_way_back(struct asking *q)
{
    if (q->k->high_risk && q->k->way_back == KNOWN_NO)
        add(q, ABOUT_ROLLBACK, "The risk is high, and nobody has said how to go back.")->proposal =
            "Say it: --input rollback=\"how, how long it takes, what stands in the way\".";
}

static void about_others(struct asking *q)
{
    for (int i = 0; i < q->k->n_others; i++)
        add(q, ABOUT_QUEUE,
            arena_printf(
                q->a,
                "%s is open for the same client and environment (%s): one goes on when the other has ended.",
                q->k->others[i].id, q->k->others[i].window));
}

int plan_asks(const struct plan_known *k, struct arena *a, struct question *out)
{
    struct asking q = {.k = k, .a = a, .out = out};
    about_window(&q);
    about_tags(&q);
    about_people(&q);
    about_way_back(&q);
    about_others(&q);
    return q.n;
}
