/* history.c: the virtual clock, and who is called when something happens. */
#include "base/instant.h"
#include "check.h"
#include "node.h"
#include "rng.h"
#include "world.h"
#include <stdarg.h>

#define BEGIN_MS 1707393600000 /* Thu 2024-02-08 12:00 UTC */

/* --- chance
 * ----------------------------------------------------------------------------------------------------------------
 */

int64_t draw(struct sim *s, enum draw what, int step, int64_t n)
{
    return (int64_t)(rng_at(s->seed, FAULTS + what, step, s->drawn[what][step + 1]++) % (uint64_t)n);
}

int64_t draw_between(struct sim *s, enum draw what, int step, int64_t from, int64_t to)
{
    return from + draw(s, what, step, to - from + 1);
}

static bool among_only(const struct sim *s, enum fault f, int step, unsigned nth)
{
    for (int i = 0; i < s->n_only; i++)
        if (s->only[i].fault == f && s->only[i].step == step && s->only[i].nth == nth)
            return true;
    return false;
}

bool fault(struct sim *s, enum fault f, int step)
{
    unsigned nth = s->faults_asked[f][step + 1]++;
    if (s->now >= s->calm || s->rate[f] == 0 || s->n_fired == FIRED_MAX)
        return false;
    if ((int)(rng_at(s->seed, f, step, nth) % 100000) >= s->rate[f] ||
        (s->only && !among_only(s, f, step, nth)))
        return false;
    s->fired[s->n_fired++] = (struct fault_place){(uint16_t)f, (int16_t)step, (uint16_t)nth};
    if (s->trace) {
        _cleanup_buf_ struct buf b = {0};
        fault_place_text(&s->fired[s->n_fired - 1], s->sop, &b);
        say(s, -1, "! %s (%s)", fault_table[f].says, buf_str(&b));
    }
    return true;
}

/* Each history has its own weather: which kinds of fault it has at all, and how many of them. Many kinds at
 * once hide each other, few kinds in great number find what they alone can. */
static void draw_weather(struct sim *s)
{
    static const int force[] = {0, 30, 100, 100, 300};
    int strength = force[draw(s, DRAW_WEATHER, -1, COUNT_OF(force))];
    for (int f = 0; f < FAULTS; f++)
        s->rate[f] = draw(s, DRAW_WEATHER, -1, 2) ? fault_table[f].per_mille * strength : 0;
}

/* --- time
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool before(const struct happening *a, const struct happening *b)
{
    return a->at != b->at ? a->at < b->at : a->nth < b->nth;
}

uint64_t happen(struct sim *s, int64_t at, enum what what, int node, int64_t n, void *p)
{
    if (s->n_heap == s->room_heap) {
        s->room_heap = s->room_heap ? s->room_heap * 2 : 256;
        s->heap = realloc(s->heap, s->room_heap * sizeof *s->heap);
        if (!s->heap)
            abort();
    }
    struct happening h = {.at = at > s->now ? at : s->now,
                          .nth = ++s->happened,
                          .what = what,
                          .node = node,
                          .life = node >= 0 ? s->nodes[node].life : 0,
                          .n = n,
                          .p = p};
    size_t i = s->n_heap++;
    while (i > 0 && before(&h, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = h;
    return h.nth;
}

bool next_happening(struct sim *s, struct happening *out)
{
    if (s->n_heap == 0)
        return false;
    *out = s->heap[0];
    struct happening last = s->heap[--s->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return true;
}

/* --- words
 * ------------------------------------------------------------------------------------------------------------------
 */

void say(struct sim *s, int node, const char *fmt, ...)
{
    if (!s->trace)
        return;
    int64_t t = s->now - s->began;
    char who = node < 0 ? ' ' : (char)('A' + node);
    fprintf(s->trace, "%3lldh%02lldm%02lld.%03llds %c ", (long long)(t / HOURS(1)),
            (long long)(t / MINUTES(1) % 60), (long long)(t / 1000 % 60), (long long)(t % 1000), who);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(s->trace, fmt, ap);
    va_end(ap);
    fputc('\n', s->trace);
}

void broke(struct sim *s, const char *invariant, const char *fmt, ...)
{
    if (s->broke)
        return;
    s->broke = invariant;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->says, sizeof s->says, fmt, ap);
    va_end(ap);
    say(s, -1, "BROKEN: %s: %s", invariant, s->says);
}

/* --- dispatch
 * ---------------------------------------------------------------------------------------------------------------
 */

/* What a node does itself; the rest concerns the store, the systems or people. */
static bool of_node(enum what w)
{
    return w == AT_WAKE || w == AT_COMMITTED || w == AT_READ || w == AT_ANSWER || w == AT_GIVE_UP ||
           w == AT_LOOK;
}

/* True when it is not its time yet. A node that stands still does nothing; what the store has been handed may
 * stand still with it; and across a cut nothing comes through. */
static bool put_off(struct sim *s, const struct happening *h)
{
    const struct node *n = h->node >= 0 ? &s->nodes[h->node] : NULL;
    int64_t until = 0;
    if (n && (of_node(h->what) || (h->what == AT_COMMIT && n->writer_stalls)))
        until = n->stalled_until;
    if (n && (h->what == AT_COMMIT || h->what == AT_COMMITTED) && n->cut_until > until)
        until = n->cut_until;
    if (until <= s->now)
        return false;
    uint64_t nth = happen(s, until, h->what, h->node, h->n, h->p);
    for (size_t i = 0; i < s->n_heap; i++)
        if (s->heap[i].nth == nth)
            s->heap[i].life = h->life;
    if (h->what == AT_WAKE && s->nodes[h->node].wake == h->nth)
        s->nodes[h->node].wake = nth;
    return true;
}

static void take_place(struct sim *s, const struct happening *h)
{
    struct node *n = h->node >= 0 ? &s->nodes[h->node] : NULL;
    bool now = !n || h->life == n->life;
    switch (h->what) {
    case AT_START:
        node_start(s, n);
        break;
    case AT_LEASE:
        if (now)
            node_lease(s, n);
        break;
    case AT_WAKE:
        if (now && n->wake == h->nth)
            node_wakes(s, n);
        break;
    case AT_COMMIT:
        disk_commit(s, h->p);
        break;
    case AT_COMMITTED:
        node_committed(s, n, h->p);
        break;
    case AT_READ:
        if (now)
            node_reads_again(s, n);
        break;
    case AT_ARRIVE:
        world_arrive(s, h->p);
        break;
    case AT_ANSWER:
        node_answer(s, n, h->p, h->n == 1);
        break;
    case AT_GIVE_UP:
        if (now)
            node_gives_up(s, n, h->p);
        break;
    case AT_LOOK:
        if (now && !((struct call *)h->p)->over)
            world_look(s, h->p);
        break;
    case AT_PERSON:
        people_do(s, h->p);
        break;
    case AT_TELL:
        check_promise(s, h->p);
        break;
    case AT_PATROL:
        people_patrol(s);
        break;
    case AT_CLOCK:
        node_clock(s, n, h->n);
        break;
    }
}

static void plan_clocks(struct sim *s)
{
    for (int i = 0; i < s->n_nodes; i++)
        for (int k = 0; k < 2; k++) {
            int64_t at = s->now + draw(s, DRAW_CLOCK, -1, s->calm - s->now);
            int64_t ms = draw_between(s, DRAW_CLOCK, -1, SECONDS(1), HOURS(3));
            if (fault(s, FAULT_CLOCK_FORWARD, -1))
                happen(s, at, AT_CLOCK, i, ms, NULL);
            if (fault(s, FAULT_CLOCK_BACK, -1))
                happen(s, at + ms, AT_CLOCK, i, -ms, NULL);
        }
}

static void open_history(struct sim *s)
{
    draw_weather(s);
    s->now = s->began = BEGIN_MS + draw(s, DRAW_FACTS, -1, HOURS(24 * 7));
    s->calm = s->now + draw_between(s, DRAW_FACTS, -1, HOURS(1), HOURS(48));
    s->n_nodes = draw(s, DRAW_NODES, -1, 2) ? 2 : 1;
    s->texts = draw(s, DRAW_NODES, -1, 8) == 0;
    s->splits = draw(s, DRAW_NODES, -1, 3) == 0;
    s->snapshots = draw(s, DRAW_NODES, -1, 3) == 0;
    for (size_t i = 0; i < COUNT_OF(s->nature); i++)
        s->nature[i] = (int)draw(s, DRAW_NATURE, -1, NATURES + 1) % NATURES;
    for (int i = 0; i < NODES_MAX; i++)
        s->nodes[i].number = i;
    disk_open(s);
    check_open(s);
    for (int i = 0; i < s->n_nodes; i++)
        happen(s, s->now, AT_START, i, 0, NULL);
    plan_clocks(s);
    people_open(s);
}

static bool goes_on(struct sim *s)
{
    if (s->broke)
        return false;
    if (s->now > s->calm + STUCK_AFTER)
        broke(s, "progress",
              "the change has not come to its end, though nothing has failed and everybody has answered for "
              "%d days",
              (int)(STUCK_AFTER / HOURS(24)));
    else if (json_array_size(s->disk.events) > EVENTS_MOST)
        broke(s, "progress", "%zu events, and no end", json_array_size(s->disk.events));
    else if (s->happened > HAPPENINGS_MOST)
        broke(s, "progress", "%llu things happened, and no end", (unsigned long long)s->happened);
    return !s->broke;
}

void history_run(struct sim *s, const struct sim_page *page, uint64_t seed, struct expr *x,
                 const struct fault_place *only, int n_only, FILE *trace)
{
    memset(s, 0, sizeof *s);
    s->page = page;
    s->sop = page->sop;
    s->seed = seed;
    s->expr = x;
    s->only = only;
    s->n_only = n_only;
    s->trace = trace;
    open_history(s);
    struct happening h;
    while (!s->ended && goes_on(s)) {
        if (!next_happening(s, &h)) {
            broke(s, "progress", "nothing more can happen, and the change has not ended");
            break;
        }
        s->now = h.at;
        if (!put_off(s, &h))
            take_place(s, &h);
    }
    /* What is still on its way arrives after the end. */
    while (!s->broke && next_happening(s, &h)) {
        s->now = h.at;
        if (h.what == AT_ARRIVE)
            take_place(s, &h);
    }
    if (!s->broke)
        check_end(s);
}

void history_free(struct sim *s)
{
    for (int i = 0; i < NODES_MAX; i++)
        node_free(&s->nodes[i]);
    world_free(s);
    check_close(s);
    disk_close(s);
    free(s->heap);
    arena_free(&s->arena);
}
