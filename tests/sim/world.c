#include "world.h"
#include "check.h"
#include "planted.h"

static void release(void *j)
{
    json_decref(j);
}

enum nature world_nature(const struct sim *s, const struct verb *v)
{
    unsigned role = 0; /* the same for all verbs of a role */
    for (const char *c = v->name; *c && *c != '.'; c++)
        role = role * 31 + (unsigned char)*c;
    return (enum nature)s->nature[role % COUNT_OF(s->nature)];
}

/* --- deeds
 * -------------------------------------------------------------------------------------------------------------------
 */

struct deed *deed_find(const struct sim *s, const char *key)
{
    for (struct deed *d = s->deeds; d; d = d->next)
        if (strcmp(d->key, key) == 0)
            return d;
    return NULL;
}

bool deed_whole(const struct deed *d)
{
    for (int i = 0; i < d->n_parts; i++)
        if (d->count[i] == 0)
            return false;
    return true;
}

static int parts_of(const struct sim *s, const struct call *c)
{
    if (!str_eq(s->sop->steps[c->step].verb->name, "chat.post"))
        return 1;
    size_t n = json_array_size(json_object_get(c->args, "channels"));
    return n < PARTS_MAX ? (int)n : PARTS_MAX;
}

static struct deed *deed_of(struct sim *s, struct call *c)
{
    struct deed *d = deed_find(s, c->key);
    if (d)
        return d;
    d = ARENA_NEW(&s->arena, struct deed);
    *d = (struct deed){.next = s->deeds, .key = c->key, .n_parts = parts_of(s, c), .result = result_of(s, c)};
    d->repeatable = world_nature(s, s->sop->steps[c->step].verb) == NATURE_REPEATABLE;
    arena_on_free(&s->arena, release, d->result);
    s->deeds = d;
    return d;
}

json_t *deed_parts(const struct deed *d)
{
    json_t *posts = json_object_get(d->result, "posts");
    if (!posts)
        return NULL;
    json_t *done = json_array();
    for (int i = 0; i < d->n_parts; i++)
        if (d->count[i] > 0)
            json_array_append(done, json_array_get(posts, (size_t)i));
    return json_pack("{s:o}", "posts", done);
}

static bool known(const json_t *parts, const json_t *channel)
{
    size_t i;
    json_t *post;
    json_array_foreach(json_object_get(parts, "posts"), i, post)
        if (json_equal(json_object_get(post, "channel"), (json_t *)channel))
            return true;
    return false;
}

/* --- answers
 * -------------------------------------------------------------------------------------------------------------------
 */

static void answer(struct sim *s, struct call *c, int64_t after, struct answer a)
{
    struct answer *kept = ARENA_NEW(&s->arena, struct answer);
    *kept = a;
    kept->call = c;
    if (a.result)
        arena_on_free(&s->arena, release, json_incref(a.result));
    happen(s, s->now + after, AT_ANSWER, c->node, 0, kept);
    if (c->kind == CALL_PERFORM)
        s->last_answer[c->step] = kept;
}

static int64_t travel(struct sim *s, const struct call *c)
{
    return draw_between(s, DRAW_TRAVEL, c->step, 5, 300);
}

/* --- effects
 * ---------------------------------------------------------------------------------------------------------------------
 */

void world_send(struct sim *s, struct call *c)
{
    check_sent(s, c);
    if (fault(s, FAULT_UNREACHABLE, c->step)) {
        answer(s, c, travel(s, c), (struct answer){.came = CAME_RETRY, .error = "connection refused"});
        return;
    }
    if (fault(s, FAULT_LOST_BEFORE, c->step))
        return;
    int64_t takes = travel(s, c);
    struct answer *old = s->last_answer[c->step];
    if (old && fault(s, FAULT_DUPLICATE, c->step))
        happen(s, s->now + draw(s, DRAW_TRAVEL, c->step, takes), AT_ANSWER, old->call->node, 0, old);
    if (fault(s, FAULT_SLOW, c->step))
        takes = draw_between(s, DRAW_TRAVEL, c->step, CALL_LIMIT_MS / 2, ARRIVE_MOST);
    happen(s, s->now + takes, AT_ARRIVE, -1, 0, c);
}

/* What the deed sets in motion elsewhere. */
static void follow(struct sim *s, const struct call *c)
{
    const char *verb = s->sop->steps[c->step].verb->name, *build = json_str(c->args, "build", "");
    if (str_eq(verb, "pipeline.start"))
        build_start(s, c->key);
    else if (str_eq(verb, "pipeline.answer"))
        build_answer(s, build, json_str(c->args, "gate", ""), json_flag(c->args, "proceed", false));
    else if (str_eq(verb, "pipeline.stop"))
        build_stop(s, build);
}

/* Does the parts that are not known to be done. True when it got through to the end. */
static bool act(struct sim *s, struct call *c, struct deed *d)
{
    enum nature nature = world_nature(s, s->sop->steps[c->step].verb);
    bool absorbs = nature == NATURE_KEYED || nature == NATURE_REPEATABLE;
    const json_t *channels = json_object_get(c->args, "channels");
    d->shows_at = s->now;
    if (nature == NATURE_LISTED && fault(s, FAULT_SHOWS_LATE, c->step))
        d->shows_at += draw(s, DRAW_SYSTEM, c->step, SHOW_MOST);
    for (int i = 0; i < d->n_parts; i++) {
        if (i > 0 && fault(s, FAULT_PARTS, c->step))
            return false;
        if (d->n_parts > 1 && known(c->parts, json_array_get(channels, (size_t)i)))
            continue;
        if (d->count[i] > 0 && absorbs)
            continue;
        d->count[i]++;
        d->recorded = false;
        if (i == 0 && d->count[0] == 1)
            follow(s, c);
        check_deed(s, d);
    }
    return true;
}

/* After the caller has given up: at any time, or just when it has looked and tries again. */
static int64_t late(struct sim *s, const struct call *c)
{
    if (draw(s, DRAW_TRAVEL, c->step, 2))
        return CALL_LIMIT_MS + draw(s, DRAW_TRAVEL, c->step, MINUTES(10));
    return CALL_LIMIT_MS + SETTLE_MS + draw(s, DRAW_TRAVEL, c->step, SECONDS(3));
}

static bool refuses(struct sim *s, struct call *c)
{
    int64_t back = fault(s, FAULT_LATE, c->step) ? late(s, c) : travel(s, c);
    if (fault(s, FAULT_REFUSED, c->step))
        answer(s, c, back, (struct answer){.came = CAME_FAILED, .error = "403: not permitted"});
    else if (fault(s, FAULT_RATE_LIMIT, c->step))
        answer(s, c, back,
               (struct answer){.came = CAME_RETRY,
                               .error = "429: too many requests",
                               .retry_after = draw_between(s, DRAW_SYSTEM, c->step, SECONDS(1), MINUTES(2))});
    else if (fault(s, FAULT_BREAKS_BEFORE, c->step))
        answer(s, c, back, (struct answer){.came = CAME_UNKNOWN, .error = "502: bad gateway"});
    else
        return false;
    return true;
}

/* Stuck between its parts: the driver knows which took place, and whether it knows what became of the one it
 * got stuck on. */
static void stuck(struct sim *s, struct call *c, const struct deed *d)
{
    json_t *parts = deed_parts(d);
    bool sure = draw(s, DRAW_SYSTEM, c->step, 2);
    answer(s, c, travel(s, c),
           (struct answer){.came = sure ? CAME_RETRY : CAME_UNKNOWN,
                           .result = parts,
                           .error = sure ? "429: too many requests" : "connection reset"});
    json_decref(parts);
}

void world_arrive(struct sim *s, struct call *c)
{
    if (refuses(s, c))
        return;
    struct deed *d = deed_of(s, c);
    if (!act(s, c, d)) {
        stuck(s, c, d);
        return;
    }
    say(s, -1, "  %s takes place", c->key);
    if (fault(s, FAULT_LOST_AFTER, c->step))
        return;
    struct answer done = {.came = CAME_DONE, .result = d->result};
    int64_t back = travel(s, c);
    if (fault(s, FAULT_BREAKS_AFTER, c->step))
        done = (struct answer){.came = CAME_UNKNOWN, .error = "500: internal error"};
    if (fault(s, FAULT_LATE, c->step))
        back = late(s, c);
    answer(s, c, back, done);
    if (fault(s, FAULT_DUPLICATE, c->step))
        answer(s, c, back + draw(s, DRAW_TRAVEL, c->step, MINUTES(5)), done);
}

/* --- looking up by key
 * ------------------------------------------------------------------------------------------------------------
 */

/* A driver looks, waits for what may still be arriving, and looks again. */
static void find(struct sim *s, struct call *c)
{
    struct deed *d = deed_find(s, c->key);
    bool shows = d && d->shows_at <= s->now;
    if (fault(s, FAULT_FIND_FAILS, c->step)) {
        answer(s, c, 0, (struct answer){.came = CAME_RETRY, .error = "no answer"});
    } else if (fault(s, FAULT_FIND_DENIED, c->step)) {
        answer(s, c, 0, (struct answer){.came = CAME_CANNOT_TELL, .error = "403: not permitted to look"});
    } else if (shows && deed_whole(d)) {
        answer(s, c, 0, (struct answer){.came = CAME_DONE, .result = d->result});
    } else if (c->passes++ == 0 && !PLANTED("looks-once")) {
        happen(s, s->now + SETTLE_MS, AT_LOOK, c->node, 0, c);
    } else {
        json_t *parts = shows ? deed_parts(d) : NULL;
        answer(s, c, 0, (struct answer){.came = CAME_NOT_FOUND, .result = parts});
        json_decref(parts);
    }
}

/* --- observations
 * ------------------------------------------------------------------------------------------------------------------
 */

/* A view that is not the one told last; the network may turn their order round, or double one. */
static void tell_view(struct sim *s, struct call *c, json_t *view)
{
    json_t *told = view;
    if (c->view && json_equal(view, c->view))
        return;
    answer(s, c, 0, (struct answer){.came = CAME_VIEW, .result = view});
    if (c->view && fault(s, FAULT_VIEW_OLD, c->step)) {
        told = c->view;
        answer(s, c, draw(s, DRAW_TRAVEL, c->step, 2000), (struct answer){.came = CAME_VIEW, .result = told});
    } else if (fault(s, FAULT_VIEW_TWICE, c->step))
        answer(s, c, draw(s, DRAW_TRAVEL, c->step, 2000), (struct answer){.came = CAME_VIEW, .result = view});
    arena_on_free(&s->arena, release, json_incref(told));
    c->view = told;
}

static void look_at_build(struct sim *s, struct call *c)
{
    bool ended = false, good = false;
    json_t *view = build_look(s, json_str(c->args, "build", ""), c->step, &ended, &good);
    if (ended) {
        answer(s, c, 0,
               (struct answer){.came = good ? CAME_DONE : CAME_FAILED,
                               .result = view,
                               .error = good ? NULL : "the build failed"});
    } else {
        tell_view(s, c, view);
        int64_t pauses = build_pauses(s, json_str(c->args, "build", ""));
        if (pauses)
            check_pause(s, c->step, pauses);
        happen(s, s->now + draw_between(s, DRAW_TRAVEL, c->step, SECONDS(20), SECONDS(40)), AT_LOOK, c->node,
               0, c);
    }
    json_decref(view);
}

/* How long an observation takes before it has its answer. */
static int64_t patience(struct sim *s, const struct call *c)
{
    const char *verb = s->sop->steps[c->step].verb->name;
    if (str_eq(verb, "health.watch"))
        return MINUTES(5);
    if (str_eq(verb, "pager.acknowledged") || str_eq(verb, "releases.check") ||
        str_eq(verb, "cluster.verify"))
        return draw(s, DRAW_SYSTEM, c->step, MINUTES(15));
    return draw(s, DRAW_SYSTEM, c->step, SECONDS(3));
}

static void observe(struct sim *s, struct call *c)
{
    if (fault(s, FAULT_LOOK_FAILS, c->step)) {
        answer(s, c, 0, (struct answer){.came = CAME_RETRY, .error = "no answer"});
        return;
    }
    if (str_eq(s->sop->steps[c->step].verb->name, "pipeline.watch")) {
        look_at_build(s, c);
        return;
    }
    int64_t takes = patience(s, c);
    if (c->passes++ > 0 || takes < SECONDS(10)) {
        bool no = fault(s, FAULT_ANSWER_NO, c->step);
        json_t *result = result_of(s, c);
        answer(s, c, takes < SECONDS(10) ? takes : 0,
               (struct answer){.came = no ? CAME_FAILED : CAME_DONE,
                               .result = result,
                               .error = no ? "the answer is no" : NULL});
        json_decref(result);
    } else if (!fault(s, FAULT_NO_ANSWER, c->step)) {
        happen(s, s->now + takes, AT_LOOK, c->node, 0, c);
    }
}

void world_look(struct sim *s, struct call *c)
{
    if (c->kind == CALL_FIND)
        find(s, c);
    else
        observe(s, c);
}

void world_free(struct sim *s)
{
    s->deeds = NULL;
    s->builds = NULL;
}
