/* prove_story.c: a history in sentences that a person can read: one an event, in the words of the page. */
#include "change/prove_parts.h"

enum { TITLE_MOST = 64 };

char *story_step(const struct view *v, int step, struct arena *a)
{
    const struct step *s = &v->p.steps[step];
    size_t n = strlen(s->title);
    if (n > TITLE_MOST) {
        n = TITLE_MOST;
        while (n > 0 && s->title[n] != ' ')
            n--;
        return arena_printf(a, "\"%.*s ...\" (%s)", (int)n, s->title, s->id);
    }
    while (n > 0 && (s->title[n - 1] == '.' || s->title[n - 1] == ':' || s->title[n - 1] == ','))
        n--;
    if (v->of_page[step] < 0)
        return arena_strndup(a, s->title, n);
    return n == 0 ? arena_strdup(a, s->id) : arena_printf(a, "\"%.*s\" (%s)", (int)n, s->title, s->id);
}

/* What a step's event says after its name. */
static const char *const deeds[EV_TYPES] = {
    [EV_SKIPPED] = "is left out",
    [EV_ASKED] = "is asked",
    [EV_INTENDED] = "begins",
    [EV_OBSERVING] = "begins to look",
    [EV_PROGRESS] = "goes on",
    [EV_DONE] = "is done",
    [EV_RETRY] = "did not work, and will be tried again",
    [EV_FAILED] = "fails",
    [EV_DOUBT] = "gets no answer: nobody knows whether it took place",
    [EV_FOUND] = "is looked up: it had taken place",
    [EV_NOT_FOUND] = "is looked up: it had not taken place",
    [EV_UNSURE] = "is looked up, and its system cannot tell whether it took place",
    [EV_GATE] = "pauses for a person",
    [EV_GATE_GONE] = "no longer pauses",
};

/* By enum left_out. */
static const char *const left_out[] = {
    [LEFT_NO_NEED] = "there is no need",
    [LEFT_CONDITION] = "its condition does not hold",
    [LEFT_LATE] = "its moment has passed",
};

static const char *answered(const struct view *v, const struct move *m, const char *name, struct arena *a)
{
    const struct ask *ask = &v->p.steps[m->e.step].ask;
    const char *label = ask->choices[m->e.choice].label;
    if (m->e.by[0] == '\0')
        return arena_printf(a, "Nobody answers %s in time, so it is taken as answered: %s.", name, label);
    if (ask->decision)
        return arena_printf(a, "A person decides: %s.", label);
    return arena_printf(a, "A person answers %s: %s.", name, label);
}

static const char *of_step(const struct view *v, const struct move *m, struct arena *a)
{
    const struct step *s = &v->p.steps[m->e.step];
    const char *name = story_step(v, m->e.step, a);
    bool person = m->e.by[0] != '\0';
    switch (m->e.type) {
    case EV_READY:
        return m->flags & MOVE_WANTED && s->at ? arena_printf(a, "%s waits for its moment.", name)
                                               : arena_printf(a, "%s is ready.", name);
    case EV_SKIPPED:
        if (person)
            return arena_printf(a, "A person skips %s.", name);
        if (v->of_page[m->e.step] < 0)
            return arena_printf(a, "%s is over.", name);
        return arena_printf(a, "%s is left out: %s.", name, left_out[m->e.choice]);
    case EV_ANSWERED:
        return answered(v, m, name, a);
    case EV_RESOLVED:
        return arena_printf(a, "A person tells that %s %s.", name,
                            m->e.choice ? "took place" : "did not take place");
    case EV_AGAIN:
        return arena_printf(a, "A person wants %s carried out again.", name);
    default:
        return arena_printf(a, "%s %s.", name, deeds[m->e.type] ? deeds[m->e.type] : event_names[m->e.type]);
    }
}

static const char *of_change(const struct move *m, struct arena *a)
{
    bool person = m->e.by[0] != '\0';
    switch (m->e.type) {
    case EV_STARTED:
        return "The change is started.";
    case EV_AMENDED:
        return "A person amends the plan.";
    case EV_MOVED:
        return "A person moves the window.";
    case EV_RESTARTED:
        return "Signalbox dies and begins again.";
    case EV_TROUBLE:
        return person ? "A person says that something is wrong: the change is in trouble."
                      : "Nothing can go on: the change is in trouble.";
    case EV_CANCELLED:
        return "A person cancels the change.";
    case EV_ENDED:
        return "The change ends.";
    default:
        return arena_strdup(a, event_names[m->e.type]);
    }
}

const char **story_tell(const struct view *v, const struct found *f, struct arena *a, int *n)
{
    const char **story = ARENA_ARRAY(a, (size_t)f->n_path + 2, const char *);
    *n = 0;
    story[(*n)++] = "A change is planned.";
    for (int i = 0; i < f->n_path; i++)
        story[(*n)++] = f->path[i].e.step >= 0 ? of_step(v, &f->path[i], a) : of_change(&f->path[i], a);
    return story;
}
