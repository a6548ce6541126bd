#include "engine/told.h"

struct told {
    const json_t *facts;
    const struct known_plan *known;
    json_t *list;
};

/* One step's messages, as they are collected. */
struct telling {
    struct told *t;
    const struct step *s;
    const json_t *args;
    int64_t at;
    json_t *messages;
};

struct told *told_begin(const json_t *facts, const struct known_plan *known)
{
    struct told *t = NET_NEW(struct told);
    *t = (struct told){.facts = facts, .known = known, .list = json_array()};
    return t;
}

json_t *told_end(struct told *t)
{
    json_t *list = t->list;
    free(t);
    return list;
}

/* --- who somebody is
 * -------------------------------------------------------------------------------------------------------------- */

static bool is_among(const json_t *people, const char *mail)
{
    size_t i;
    json_t *p;
    json_array_foreach((json_t *)people, i, p)
        if (str_eq(json_is_string(p) ? json_string_value(p) : json_str(p, "mail", ""), mail))
            return true;
    return false;
}

/* As what a person is told: that is the reason that people ask for. New reference or NULL. */
static json_t *role_of(const struct told *t, const char *mail)
{
    size_t i;
    json_t *o;
    if (str_eq(json_str(t->facts, "client.tam.mail", "?"), mail))
        return json_sprintf("technical account manager of %s", json_str(t->facts, "client.name", "?"));
    if (is_among(t->known->oncall, mail))
        return json_sprintf("on call for %s", json_str(t->facts, "oncall", "?"));
    json_array_foreach(t->known->owners, i, o)
        if (is_among(json_object_get(o, "people"), mail))
            return json_sprintf("owner of %s", json_str(o, "service", "?"));
    return NULL;
}

static json_t *entry_for(struct told *t, const char *who, int64_t at)
{
    size_t i;
    json_t *o;
    json_array_foreach(t->list, i, o)
        if (str_eq(json_str(o, "who", ""), who))
            return o;
    o = json_pack("{s:s, s:[], s:[], s:I}", "who", who, "why", "steps", "first", (json_int_t)at);
    json_t *as = role_of(t, who);
    if (as)
        json_object_set_new(o, "as", as);
    json_array_append_new(t->list, o);
    return o;
}

static void note(const struct telling *x, const char *who)
{
    if (!*who)
        return;
    json_t *o = entry_for(x->t, who, x->at);
    json_array_append_new(json_object_get(o, "steps"), json_string(x->s->id));
    if (x->s->title && *x->s->title)
        json_array_append_new(json_object_get(o, "why"), json_string(x->s->title));
}

static void note_all(const struct telling *x, const char *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(x->args, list), i, one)
        if (json_is_string(one))
            note(x, json_string_value(one));
}

/* --- what they read
 * --------------------------------------------------------------------------------------------------------------- */

static const char *arg(const struct telling *x, const char *name)
{
    return json_str(x->args, name, "");
}

static json_t *say(const struct telling *x, const char *reader, const char *how, const char *text)
{
    json_t *m = json_pack("{s:s, s:s, s:s}", "reader", reader, "how", how, "text", text);
    json_array_append_new(x->messages, m);
    return m;
}

static void say_and_note(const struct telling *x, const char *reader, const char *how, const char *text)
{
    say(x, reader, how, text);
    note(x, reader);
}

/* Two texts with a line between them; one alone when the other is empty. In `a`. */
static const char *both(struct arena *a, const char *first, const char *second)
{
    return *first && *second ? arena_printf(a, "%s\n%s", first, second) : *first ? first : second;
}

static void in_channels(const struct telling *x, const json_t *channels, const char *how)
{
    size_t i;
    json_t *ch;
    json_array_foreach((json_t *)channels, i, ch) {
        const char *name = json_is_string(ch) ? json_string_value(ch) : json_str(ch, "name", "");
        if (!*name)
            continue;
        json_t *m = say(x, name, how, arg(x, "text"));
        if (json_array_size(json_object_get(x->args, "mention")) > 0)
            json_object_set(m, "mention", json_object_get(x->args, "mention"));
        note(x, name);
    }
    note_all(x, "mention");
}

static void of_chat(const struct telling *x, const char *verb, struct arena *a)
{
    if (str_eq(verb, "channel")) {
        say_and_note(x, arg(x, "name"), "a channel is made", arg(x, "topic"));
        note_all(x, "invite");
        return;
    }
    if (str_eq(verb, "edit")) {
        const json_t *posts = json_object_get(x->args, "posts");
        in_channels(x, json_is_object(posts) ? json_object_get(posts, "posts") : posts,
                    "the message is edited");
        return;
    }
    const json_t *thread = json_object_get(x->args, "thread");
    bool in_thread = thread && !json_is_null(thread);
    in_channels(x, json_object_get(x->args, "channels"),
                !in_thread                               ? "a new message"
                : json_flag(x->args, "broadcast", false) ? "in the thread, shown in the channel as well"
                                                         : "in the thread");
    (void)a;
}

static void of_pager(const struct telling *x, const char *verb, struct arena *a)
{
    size_t i;
    json_t *p;
    if (!str_eq(verb, "alert"))
        return;
    const char *to = arg(x, "to");
    say_and_note(x, to, arena_printf(a, "an alert, %s", json_str(x->args, "priority", "P1")),
                 both(a, arg(x, "summary"), arg(x, "details")));
    if (!str_eq(to, json_str(x->t->facts, "oncall", "?")))
        return;
    json_array_foreach(x->t->known->oncall, i, p)
        note(x, json_str(p, "mail", json_str(p, "name", "")));
}

static void of_calendar(const struct telling *x, const char *verb, struct arena *a)
{
    const char *how = str_eq(verb, "create")   ? "an event, with invitations"
                      : str_eq(verb, "cancel") ? "the event is cancelled"
                                               : "the event is changed";
    say(x, "the change calendar", how, both(a, arg(x, "title"), arg(x, "description")));
    note_all(x, "attendees");
}

static void of_statuspage(const struct telling *x, const char *verb, struct arena *a)
{
    _cleanup_buf_ struct buf names = {0};
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(x->args, "components"), i, c)
        buf_printf(&names, "%s%s", i ? ", " : "", json_is_string(c) ? json_string_value(c) : "?");
    const char *text = str_eq(verb, "component")
                           ? arena_printf(a, "%s: %s", buf_str(&names), arg(x, "status"))
                           : both(a, arg(x, "name"), arg(x, "body"));
    say_and_note(x, "customers", "the status page", text);
}

static void of_tickets(const struct telling *x, const char *verb, struct arena *a)
{
    const char *text = str_eq(verb, "transition") ? arena_printf(a, "to %s", arg(x, "to"))
                       : str_eq(verb, "link")     ? both(a, arg(x, "title"), arg(x, "url"))
                       : str_eq(verb, "comment")  ? arg(x, "text")
                                                  : both(a, arg(x, "summary"), arg(x, "description"));
    say(x, "the change ticket", verb, text);
}

json_t *messages_of(struct told *t, const struct step *s, const json_t *args, int64_t at)
{
    static const struct {
        const char *role;
        void (*tell)(const struct telling *x, const char *verb, struct arena *a);
    } roles[] = {{"chat.", of_chat},
                 {"pager.", of_pager},
                 {"calendar.", of_calendar},
                 {"statuspage.", of_statuspage},
                 {"tickets.", of_tickets}};
    _cleanup_arena_ struct arena a = arena_make();
    const struct telling x = {.t = t, .s = s, .args = args, .at = at, .messages = json_array()};
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (str_starts(s->verb->name, roles[i].role)) {
            roles[i].tell(&x, s->verb->name + strlen(roles[i].role), &a);
            return x.messages;
        }
    if (*arg(&x, "text")) /* a note of the change, a mark on a dashboard */
        say(&x, s->verb->kind == VERB_LOCAL ? "the record" : "the dashboards", s->verb->says,
            arg(&x, "text"));
    return x.messages;
}
