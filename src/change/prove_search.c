/* prove_search.c: every state of a view, breadth first, so that the first history found is a shortest one.
 *
 * A state is kept as a few bytes a step: what decides, and nothing that is counted or timed. It is compared
 * whole, so two states are never taken for one. The edges are kept as well: what can still come to the end is
 * found by walking them backwards. */
#include "base/json.h"
#include "change/prove_parts.h"
#include <stdlib.h>
#include <string.h>

enum {
    STATES_MAX = 150000,
    EDGES_MAX = 1500000,
    HEAD_BYTES = 8,
    STEP_BYTES = 2,
    STATE_BYTES = HEAD_BYTES + STEP_BYTES * VIEW_STEPS,
};

/* An event, as small as it can be told again. */
struct edge {
    uint32_t from, to;
    uint8_t type, step, choice, flags;
};
enum { NO_STEP = 255 };
/* In `flags`, beside what a move has. */
enum { EDGE_BY_PERSON = 32, EDGE_SUBJECT = 64, EDGE_LATER = 128 };

struct search {
    uint8_t *states;
    size_t n, room, stride;
    size_t room_bytes; /* of `states` */
    uint32_t *parents; /* the edge by which each was found */
    uint8_t *stands;
    struct edge *edges;
    size_t n_edges, room_edges;
    uint32_t *table; /* state + 1; 0 = free */
    size_t slots, room_slots;
    json_t *later;
    struct moves moves;
};

static void *grown(void *p, size_t n, size_t size)
{
    void *q = reallocarray(p, n, size);
    if (q == NULL)
        abort();
    return q;
}

struct search *search_new(void)
{
    struct search *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->later = json_pack("{s:I}", "at", (json_int_t)PROVE_LATER);
    return s;
}

void search_free(struct search *s)
{
    free(s->states);
    free(s->parents);
    free(s->stands);
    free(s->edges);
    free(s->table);
    json_decref(s->later);
    free(s);
}

/* --- a state as bytes
 * ----------------------------------------------------------------------------------------------------------
 */

/* Steps that the view has only so that a branch takes time, and the decision: outside of their time they are
 * as new, since they begin anew when it comes. */
static bool as_new(const struct view *v, const struct control *c, int i)
{
    const struct step *s = &v->p.steps[i];
    bool again = s->branch == BRANCH_EXTEND || s->branch == BRANCH_PATCH || s->branch == BRANCH_ROLLBACK ||
                 s->branch == BRANCH_TROUBLE || s->branch == BRANCH_MOVE;
    return again && v->part[i] == AROUND && step_settled((enum step_status)c->steps[i].status) &&
           !control_active(c, &v->p, i);
}

/* What makes no difference any more is made the same. */
static int plain_status(const struct view *v, const struct control *c, int i)
{
    int status = c->steps[i].status;
    if (as_new(v, c, i))
        return STEP_WAITING;
    if (v->part[i] != WHOLE && status == STEP_IN_DOUBT)
        return STEP_INTENDED;
    if (!v->read[i] && (status == STEP_SKIPPED || (status == STEP_FAILED && v->p.steps[i].optional)))
        return STEP_DONE;
    return status;
}

static void pack_step(const struct view *v, const struct world *w, int i, uint8_t *out)
{
    const struct control_step *k = &w->c.steps[i];
    int status = plain_status(v, &w->c, i);
    bool pivot = i == v->p.redo_from, fresh = status == STEP_WAITING && k->status != STEP_WAITING;
    bool began = pivot ? k->began != 0 : status != STEP_WAITING && status != STEP_DORMANT;
    /* Which run it is tells whether the deployment has begun; while it shows, that is known anyhow. */
    bool again = pivot && k->run > 1 &&
                 (v->part[i] != AROUND || status == STEP_WAITING || status == STEP_SKIPPED || !began);
    out[0] = (uint8_t)(status | (k->reset ? 16 : 0) | (k->asked && !fresh ? 32 : 0) |
                       (k->at > PROVE_NOW ? 64 : 0) | (began ? 128 : 0));
    out[1] = (uint8_t)((v->chosen[i] && !fresh ? k->choice : 0) | (again ? 16 : 0) |
                       ((w->stale >> i) & 1 ? 32 : 0));
}

static void pack(const struct view *v, const struct world *w, uint8_t *out)
{
    const struct control *c = &w->c;
    bool turned = c->outcome == OUTCOME_ROLLED_BACK && v->outcome_read;
    out[0] = c->status;
    out[1] = (uint8_t)(c->status == CHANGE_ENDED ? OUTCOME_CARRIED_OUT
                       : turned                  ? OUTCOME_ROLLED_BACK
                                                 : c->outcome != OUTCOME_OPEN);
    out[2] = c->aside == BRANCH_ROLLBACK && v->repairs_alike ? BRANCH_PATCH : c->aside;
    out[3] = c->moving;
    memcpy(out + 4, &w->atoms, sizeof w->atoms);
    for (int i = 0; i < v->p.n_steps; i++)
        pack_step(v, w, i, out + HEAD_BYTES + (size_t)i * STEP_BYTES);
}

static void unpack(const struct view *v, const uint8_t *in, struct world *w)
{
    memset(&w->c, 0, offsetof(struct control, steps));
    w->c.status = in[0];
    w->c.outcome = in[1];
    w->c.aside = in[2];
    w->c.moving = in[3];
    w->c.trouble_step = -1;
    w->c.at = PROVE_NOW;
    w->stale = 0;
    memcpy(&w->atoms, in + 4, sizeof w->atoms);
    for (int i = 0; i < v->p.n_steps; i++) {
        const uint8_t *b = in + HEAD_BYTES + (size_t)i * STEP_BYTES;
        w->c.steps[i] = (struct control_step){.status = b[0] & 15,
                                              .reset = (b[0] >> 4) & 1,
                                              .asked = (b[0] >> 5) & 1,
                                              .at = b[0] & 64 ? PROVE_LATER : 0,
                                              .began = b[0] & 128 ? PROVE_NOW : 0,
                                              .since = PROVE_NOW,
                                              .choice = b[1] & 15,
                                              .run = b[1] & 16 ? 2 : 1};
        if (b[1] & 32)
            w->stale |= UINT64_C(1) << i;
    }
}

/* --- the set of states
 * ------------------------------------------------------------------------------------------------------------
 */

static uint64_t hash_of(const uint8_t *b, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, b + i, n - i < 8 ? n - i : 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

static void rehash(struct search *s)
{
    s->slots = s->slots == 0 ? 1024 : s->slots * 4;
    if (s->slots > s->room_slots) {
        s->room_slots = s->slots;
        s->table = grown(s->table, s->slots, sizeof *s->table);
    }
    memset(s->table, 0, s->slots * sizeof *s->table);
    for (size_t i = 0; i < s->n; i++) {
        size_t at = hash_of(s->states + i * s->stride, s->stride) & (s->slots - 1);
        while (s->table[at] != 0)
            at = (at + 1) & (s->slots - 1);
        s->table[at] = (uint32_t)i + 1;
    }
}

/* The state's number; *new when it was not known. */
static uint32_t state_of(struct search *s, const uint8_t *bytes, bool *new)
{
    if ((s->n + 1) * 2 > s->slots)
        rehash(s);
    size_t at = hash_of(bytes, s->stride) & (s->slots - 1);
    for (; s->table[at] != 0; at = (at + 1) & (s->slots - 1))
        if (memcmp(s->states + (s->table[at] - 1) * s->stride, bytes, s->stride) == 0) {
            *new = false;
            return s->table[at] - 1;
        }
    if (s->n == s->room) {
        s->room = s->room == 0 ? 4096 : s->room * 2;
        s->parents = grown(s->parents, s->room, sizeof *s->parents);
        s->stands = grown(s->stands, s->room, 1);
    }
    if ((s->n + 1) * s->stride > s->room_bytes) {
        s->room_bytes = s->room_bytes == 0 ? 1 << 16 : s->room_bytes * 2;
        s->states = grown(s->states, s->room_bytes, 1);
    }
    memcpy(s->states + s->n * s->stride, bytes, s->stride);
    s->stands[s->n] = 0;
    s->table[at] = (uint32_t)++s->n;
    *new = true;
    return (uint32_t)s->n - 1;
}

static void clear(struct search *s, const struct view *v)
{
    size_t bytes = HEAD_BYTES + STEP_BYTES * (size_t)v->p.n_steps;
    s->stride = (bytes + 7) / 8 * 8;
    s->n = 0;
    s->n_edges = 0;
    s->slots = 0;
    rehash(s);
}

static struct edge *add_edge(struct search *s, const struct view *v, uint32_t from, const struct move *m)
{
    if (s->n_edges == s->room_edges) {
        s->room_edges = s->room_edges == 0 ? 16384 : s->room_edges * 2;
        s->edges = grown(s->edges, s->room_edges, sizeof *s->edges);
    }
    struct edge *e = &s->edges[s->n_edges++];
    bool runs = v->subject >= 0 && m->e.step == v->subject && event_acts(m->e.type);
    *e = (struct edge){.from = from,
                       .to = from,
                       .type = (uint8_t)m->e.type,
                       .step = m->e.step < 0 ? NO_STEP : (uint8_t)m->e.step,
                       .choice = (uint8_t)m->e.choice,
                       .flags = (uint8_t)(m->flags | (m->e.by[0] ? EDGE_BY_PERSON : 0) |
                                          (runs ? EDGE_SUBJECT : 0) | (m->e.data ? EDGE_LATER : 0))};
    return e;
}

/* --- histories
 * ---------------------------------------------------------------------------------------------------------------------
 */

static struct move move_of(const struct search *s, const struct edge *e)
{
    return (struct move){.e = {.type = (enum event_type)e->type,
                               .step = e->step == NO_STEP ? -1 : e->step,
                               .choice = e->choice,
                               .data = e->flags & EDGE_LATER ? s->later : NULL,
                               .by = e->flags & EDGE_BY_PERSON ? "a person" : ""},
                         .flags = e->flags};
}

#define NO_EDGE UINT32_MAX

/* The way to `state` by `parents`, and `last` after it (or NULL). */
static void tell_path(const struct search *s, const uint32_t *parents, uint32_t state,
                      const struct edge *last, struct arena *a, struct found *out)
{
    int n = last != NULL;
    for (uint32_t at = state; parents[at] != NO_EDGE; at = s->edges[parents[at]].from)
        n++;
    out->path = ARENA_ARRAY(a, (size_t)n, struct move);
    out->n_path = n;
    if (last != NULL)
        out->path[--n] = move_of(s, last);
    for (uint32_t at = state; parents[at] != NO_EDGE; at = s->edges[parents[at]].from)
        out->path[--n] = move_of(s, &s->edges[parents[at]]);
    for (int i = 0; i < out->n_path; i++)
        out->path[i].e.data = NULL; /* it goes with the search */
}

static void tell_breach(const struct search *s, uint32_t state, const struct edge *last, struct arena *a,
                        struct found *out)
{
    out->broken = true;
    tell_path(s, s->parents, state, last, a, out);
}

/* --- exploring
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* Tries one move; false when it broke something. */
static bool try_move(struct search *s, const struct view *v, uint32_t from, const struct world *before,
                     const struct move *m, struct arena *a, struct found *out)
{
    struct world after;
    uint8_t bytes[STATE_BYTES] = {0};
    bool new;
    world_copy(v, &after, before);
    out->events++;
    if (!control_apply(&after.c, &v->p, &m->e, NULL)) {
        struct error err = ERROR_NONE;
        if (!(m->flags & MOVE_WANTED) || control_apply(&after.c, &v->p, &m->e, &err))
            return true;
        struct edge *e = add_edge(s, v, from, m);
        out->breach =
            (struct breach){.law = &law_agrees,
                            .step = m->e.step,
                            .says = arena_printf(a, "Signalbox wants it and must not: %s", err.text)};
        tell_breach(s, from, e, a, out);
        return false;
    }
    world_follow(v, before, m, &after);
    struct edge *e = add_edge(s, v, from, m);
    if (laws_broken(v, before, m, &after, &out->breach)) {
        tell_breach(s, from, e, a, out);
        return false;
    }
    pack(v, &after, bytes);
    uint32_t edge = (uint32_t)(e - s->edges);
    e->to = state_of(s, bytes, &new);
    if (new)
        s->parents[e->to] = edge;
    if (e->to == from && (m->flags & MOVE_ADVANCES)) {
        out->breach = (struct breach){
            .law = &law_agrees, .step = m->e.step, .says = "it leads nowhere, and is wanted for ever"};
        tell_breach(s, from, e, a, out);
        return false;
    }
    return true;
}

static bool explore(struct search *s, const struct view *v, struct arena *a, struct found *out)
{
    struct world w;
    uint8_t bytes[STATE_BYTES] = {0};
    bool new;
    world_begin(v, &w);
    pack(v, &w, bytes);
    state_of(s, bytes, &new);
    s->parents[0] = NO_EDGE;
    for (uint32_t i = 0; i < s->n; i++) {
        unpack(v, s->states + i * s->stride, &w);
        moves_of(v, &w, s->later, &s->moves);
        s->stands[i] = s->moves.stands;
        for (int k = 0; k < s->moves.n; k++)
            if (!try_move(s, v, i, &w, &s->moves.list[k], a, out))
                return false;
        if (s->n > STATES_MAX || s->n_edges > EDGES_MAX || s->moves.too_many) {
            out->broken = true;
            out->breach = (struct breach){
                .law = &law_size, .step = v->subject, .says = "too much can happen at the same time"};
            return false;
        }
    }
    return true;
}

/* --- what is asked of the whole
 * -------------------------------------------------------------------------------------------------------- */

/* States that can be reached by such moves only; `parents`, when given, holds the way. */
static uint8_t *reached(const struct search *s, int flag, uint32_t *parents)
{
    uint8_t *mark = calloc(s->n, 1);
    uint32_t *first = grown(NULL, s->n + 1, sizeof *first), *queue = grown(NULL, s->n, sizeof *queue);
    size_t head = 0, tail = 0;
    if (mark == NULL)
        abort();
    /* Edges stand in the order of the states they leave. */
    for (size_t i = 0, k = 0; i <= s->n; i++) {
        while (k < s->n_edges && s->edges[k].from < i)
            k++;
        first[i] = (uint32_t)k;
    }
    mark[0] = 1;
    queue[tail++] = 0;
    if (parents != NULL)
        parents[0] = NO_EDGE;
    while (head < tail) {
        uint32_t at = queue[head++];
        for (uint32_t k = first[at]; k < first[at + 1]; k++) {
            const struct edge *e = &s->edges[k];
            if (!(e->flags & flag) || mark[e->to])
                continue;
            mark[e->to] = 1;
            if (parents != NULL)
                parents[e->to] = k;
            queue[tail++] = e->to;
        }
    }
    free(first);
    free(queue);
    return mark;
}

static bool look_for_run(const struct search *s)
{
    uint8_t *mark = reached(s, MOVE_PLAIN, NULL);
    bool ran = false;
    for (size_t i = 0; i < s->n_edges && !ran; i++)
        ran =
            (s->edges[i].flags & EDGE_SUBJECT) && (s->edges[i].flags & MOVE_PLAIN) && mark[s->edges[i].from];
    free(mark);
    return ran;
}

/* The shortest way on which all goes well and that comes to a stand. */
static bool look_for_stand(const struct search *s, const struct view *v, struct arena *a, struct found *out)
{
    uint32_t *parents = grown(NULL, s->n, sizeof *parents);
    uint8_t *mark = reached(s, MOVE_WELL, parents);
    uint32_t worst = UINT32_MAX, best = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (!mark[i] || !s->stands[i])
            continue;
        uint32_t length = 0;
        for (uint32_t at = i; parents[at] != NO_EDGE; at = s->edges[parents[at]].from)
            length++;
        if (length < worst) {
            worst = length;
            best = i;
        }
    }
    if (worst != UINT32_MAX) {
        struct world w;
        unpack(v, s->states + best * s->stride, &w);
        if (!laws_obstacle(v, &w, &out->breach))
            out->breach = (struct breach){
                .law = &law_stands, .step = -1, .says = "nothing can go on, and nobody is asked"};
        out->broken = true;
        tell_path(s, parents, best, NULL, a, out);
    }
    free(parents);
    free(mark);
    return out->broken;
}

/* Walks backwards from every end; the first state that was found and cannot come to one is a dead end. */
static bool look_for_dead_end(const struct search *s, const struct view *v, struct arena *a,
                              struct found *out)
{
    uint8_t *ends = calloc(s->n, 1);
    uint32_t *count = calloc(s->n + 2, sizeof *count), *back = grown(NULL, s->n_edges + 1, sizeof *back);
    uint32_t *queue = grown(NULL, s->n, sizeof *queue);
    size_t head = 0, tail = 0;
    if (ends == NULL || count == NULL)
        abort();
    for (size_t i = 0; i < s->n_edges; i++)
        count[s->edges[i].to + 2]++;
    for (size_t i = 2; i < s->n + 2; i++)
        count[i] += count[i - 1];
    for (size_t i = 0; i < s->n_edges; i++)
        back[count[s->edges[i].to + 1]++] = (uint32_t)i;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->states[i * s->stride] == CHANGE_ENDED) {
            ends[i] = 1;
            queue[tail++] = i;
        }
    while (head < tail) {
        uint32_t at = queue[head++];
        for (uint32_t k = count[at]; k < count[at + 1]; k++) {
            const struct edge *e = &s->edges[back[k]];
            if (!(e->flags & MOVE_EXIT) || ends[e->from])
                continue;
            ends[e->from] = 1;
            queue[tail++] = e->from;
        }
    }
    uint32_t dead = 0;
    while (dead < s->n && ends[dead])
        dead++;
    if (dead < s->n) {
        struct world w;
        unpack(v, s->states + dead * s->stride, &w);
        static const char says[] = "from here the change cannot come to its end any more";
        struct breach obstacle;
        out->breach = (struct breach){.law = &law_dead_end, .step = v->decision, .says = says};
        if (laws_obstacle(v, &w, &obstacle) && obstacle.step >= 0)
            out->breach = (struct breach){
                .law = &law_dead_end,
                .step = obstacle.step,
                .says = arena_printf(a, "%s: rule %s stands against it", says, obstacle.rule->id)};
        tell_breach(s, dead, NULL, a, out);
    }
    free(ends);
    free(count);
    free(back);
    free(queue);
    return out->broken;
}

void search_run(struct search *s, const struct view *v, struct arena *a, struct found *out)
{
    *out = (struct found){.broken = false};
    clear(s, v);
    /* In the other policies conditions are met that depend on steps which the view leaves out. */
    bool good = explore(s, v, a, out) && !(v->policy == ALL_WELL && look_for_stand(s, v, a, out));
    if (good && !look_for_dead_end(s, v, a, out))
        out->ran = look_for_run(s);
    out->states = (long)s->n;
}
