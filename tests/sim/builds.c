/* builds.c: a pipeline: builds with stages, pauses for a person, and an end. */
#include "world.h"

enum { PAUSES_MAX = 3 };

struct build {
    struct build *next;
    const char *id;
    int64_t stage;          /* how long each takes */
    int n_pauses, answered; /* pauses that there are; that are over */
    int64_t since;          /* when the stage that runs, or the pause, began */
    bool paused, stopped, fails;
};

static struct build *find(const struct sim *s, const char *id)
{
    for (struct build *b = s->builds; b; b = b->next)
        if (strcmp(b->id, id) == 0)
            return b;
    return NULL;
}

void build_start(struct sim *s, const char *key)
{
    struct build *b = ARENA_NEW(&s->arena, struct build);
    *b = (struct build){.next = s->builds, .id = key, .since = s->now};
    b->stage =
        draw_between(s, DRAW_BUILD, -1, SECONDS(5), draw(s, DRAW_BUILD, -1, 2) ? SECONDS(30) : MINUTES(6));
    b->n_pauses = (int)draw(s, DRAW_BUILD, -1, PAUSES_MAX);
    b->fails = fault(s, FAULT_BUILD_FAILS, -1);
    s->builds = b;
}

static void goes_on(struct build *b, int64_t now)
{
    b->paused = false;
    b->answered++;
    b->since = now;
}

static const char *pause_id(struct sim *s, const struct build *b)
{
    return arena_printf(&s->arena, "pause-%d", b->answered + 1);
}

void build_answer(struct sim *s, const char *id, const char *gate, bool proceed)
{
    struct build *b = find(s, id);
    if (!b || !b->paused || b->stopped || strcmp(gate, pause_id(s, b)) != 0)
        return;
    if (proceed)
        goes_on(b, s->now);
    else
        b->stopped = true;
}

void build_stop(struct sim *s, const char *id)
{
    struct build *b = find(s, id);
    if (b)
        b->stopped = true;
}

int64_t build_pauses(const struct sim *s, const char *id)
{
    const struct build *b = find(s, id);
    return b && b->paused && !b->stopped ? b->since : 0;
}

json_t *build_look(struct sim *s, const char *id, int step, bool *ended, bool *good)
{
    struct build *b = find(s, id);
    if (!b || b->stopped) {
        *ended = true;
        return json_pack("{s:s}", "status", "aborted");
    }
    if (b->paused && fault(s, FAULT_PAUSE_GONE, step))
        goes_on(b, s->now);
    if (!b->paused && s->now - b->since >= b->stage) {
        if (b->answered < b->n_pauses) {
            b->paused = true;
            b->since = s->now;
        } else {
            *ended = true;
            *good = !b->fails;
            return b->fails ? json_pack("{s:s, s:s, s:s}", "status", "failed", "failed_stage", "deploy",
                                        "log", "exit 1")
                            : json_pack("{s:s}", "status", "good");
        }
    }
    json_t *view = json_pack("{s:s, s:i}", "status", "running", "stage", b->answered);
    if (b->paused)
        json_object_set_new(
            view, "gate",
            json_pack("{s:s, s:s, s:s}", "id", pause_id(s, b), "message", "Proceed?", "stage", "deploy"));
    return view;
}
