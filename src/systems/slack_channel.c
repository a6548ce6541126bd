/* slack_channel.c: making a channel or taking the one of that name, and who is in it. */
#include "base/buf.h"
#include "systems/slack.h"
#include <string.h>

/* --- members, for both verbs
 * ------------------------------------------------------------------------------------------ */

struct members {
    struct slack_flow t; /* first */
    const char *channel;
    json_t *wanted; /* the channel's name, as a list */
    json_t *in;     /* user id -> true */
    slack_next *listed;
};

static void list_members(struct members *m);

static void members_free(struct flow *f)
{
    struct members *m = (struct members *)f;
    json_decref(m->in);
    json_decref(m->wanted);
}

static void on_members(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct members *m = (struct members *)t;
    const json_t *members = json_object_get(answer, "members");
    if (slack_error(answer) || !json_is_array(members)) {
        slack_look_failed(t, slack_error(answer) ? answer : NULL, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(members); i++) {
        const char *id = json_string_value(json_array_get(members, i));
        if (id)
            json_object_set_new(m->in, id, json_true());
    }
    if (slack_next_page(t, answer))
        list_members(m);
    else
        m->listed(t);
}

static void list_members(struct members *m)
{
    json_t *args = json_pack("{s:s, s:i}", "channel", m->channel, "limit", 1000);
    if (*m->t.cursor)
        json_object_set_new(args, "cursor", json_string(m->t.cursor));
    slack_look(&m->t, "list who is in the channel", "conversations.members", args, on_members);
}

static void learn_members(struct members *m, slack_next *then)
{
    m->listed = then;
    m->t.pages = 0;
    *m->t.cursor = '\0';
    list_members(m);
}

static bool is_in(const struct members *m, const char *mail)
{
    const char *user = slack_user_id(m->t.s, mail);
    return user && json_object_get(m->in, user);
}

static void *members_new(size_t size, struct system *system, const struct effect *e, outcome_fn *done,
                         void *ctx)
{
    struct members *m = slack_flow_new(size, system, e, done, NULL, ctx);
    m->in = json_object();
    m->t.f.on_free = members_free;
    return m;
}

/* --- making
 * ------------------------------------------------------------------------------------------------------------
 */

struct making {
    struct members m; /* first */
    char *name;
    bool created;
};

static const json_t *invited(const struct slack_flow *t)
{
    return json_object_get(t->f.effect.args, "invite");
}

static void made(struct slack_flow *t)
{
    struct making *w = (struct making *)t;
    json_t *absent = json_array();
    for (size_t i = 0; i < json_array_size(invited(t)); i++) {
        json_t *mail = json_array_get(invited(t), i);
        if (json_is_string(mail) && !slack_user_id(t->s, json_string_value(mail)))
            json_array_append(absent, mail);
    }
    flow_done(&t->f, json_pack("{s:s, s:s, s:b, s:o}", "channel", w->m.channel, "name", w->name, "created",
                               w->created, "absent", absent));
}

static void on_invited(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    const char *error = slack_error(answer);
    if (!error || str_eq(error, "already_in_channel") || str_eq(error, "cant_invite_self")) {
        made(t);
        return;
    }
    struct outcome o = slack_failure(t, answer, reply, true);
    flow_end(&t->f, &o);
}

/* Only those who are not there: with one who is, Slack refuses the whole list. */
static void invite(struct slack_flow *t)
{
    struct making *w = (struct making *)t;
    _cleanup_buf_ struct buf users = {0};
    for (size_t i = 0; i < json_array_size(invited(t)); i++) {
        const char *mail = json_string_value(json_array_get(invited(t), i));
        const char *user = mail ? slack_user_id(t->s, mail) : NULL;
        if (user && !is_in(&w->m, mail))
            buf_printf(&users, "%s%s", users.len ? "," : "", user);
    }
    if (!users.len) {
        made(t);
        return;
    }
    slack_act(t, "invite people", "conversations.invite",
              json_pack("{s:s, s:s, s:b}", "channel", w->m.channel, "users", buf_str(&users), "force", 1),
              true, on_invited);
}

static void learn_who_is_there(struct slack_flow *t)
{
    learn_members((struct members *)t, invite);
}

static void invite_people(struct slack_flow *t)
{
    slack_learn_people(t, invited(t), false, json_array_size(invited(t)) ? learn_who_is_there : made);
}

static void on_topic(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    if (slack_error(answer)) {
        struct outcome o = slack_failure(t, answer, reply, true);
        flow_end(&t->f, &o);
        return;
    }
    invite_people(t);
}

static void set_topic(struct slack_flow *t)
{
    struct making *w = (struct making *)t;
    enum { TOPIC_MAX = 250 };
    const char *topic = json_str(t->f.effect.args, "topic", NULL);
    const char *there = slack_channel_topic(t->s, w->name);
    if (!topic || strlen(topic) > TOPIC_MAX || (!w->created && str_eq(topic, there))) {
        invite_people(t);
        return;
    }
    slack_act(t, "set the topic", "conversations.setTopic",
              json_pack("{s:s, s:s}", "channel", w->m.channel, "topic", topic), true, on_topic);
}

static void on_joined(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    (void)answer; /* a private channel cannot be joined, and need not: it is listed only to its members */
    (void)reply;
    set_topic(t);
}

static void taken(struct slack_flow *t)
{
    struct making *w = (struct making *)t;
    w->m.channel = slack_channel_id(t->s, w->name);
    if (!w->m.channel) {
        flow_ends(
            &t->f, OUTCOME_FAILED, SB_REMOTE,
            "there is a channel #%s already, but it is archived, or private and the app was not invited",
            w->name);
        return;
    }
    w->m.channel = arena_strdup(&t->f.arena, w->m.channel);
    slack_act(t, "join the channel", "conversations.join", json_pack("{s:s}", "channel", w->m.channel), true,
              on_joined);
}

static void on_created(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct making *w = (struct making *)t;
    const char *error = slack_error(answer);
    const char *id = json_str(answer, "channel.id", NULL);
    if (!error && id) {
        w->created = true;
        w->m.channel = arena_strdup(&t->f.arena, id);
        json_object_set_new(t->s->channels, w->name, json_pack("{s:s, s:s}", "id", id, "topic", ""));
        set_topic(t);
    } else if (str_eq(error, "name_taken")) {
        json_object_del(t->s->channels, w->name); /* it may be another one than we knew */
        w->m.wanted = json_pack("[s]", w->name);
        slack_learn_channels(t, w->m.wanted, taken);
    } else {
        struct outcome o = slack_failure(t, error ? answer : NULL, reply, true);
        flow_end(&t->f, &o);
    }
}

struct task *slack_act_channel(struct system *system, const struct effect *e, outcome_fn *done,
                               UNUSED progress_fn *progress, void *ctx)
{
    struct making *w = members_new(sizeof *w, system, e, done, ctx);
    struct slack_flow *t = &w->m.t;
    w->name = chat_channel_name(json_str(e->args, "name", ""), &t->f.arena);
    if (!*w->name) {
        task_cancel(&t->f.task);
        return task_ends(system, done, ctx, OUTCOME_FAILED, "name: expected a channel's name");
    }
    slack_act(t, arena_printf(&t->f.arena, "make the channel #%s", w->name), "conversations.create",
              json_pack("{s:s, s:b}", "name", w->name, "is_private", t->s->private_channels), true,
              on_created);
    return &t->f.task;
}

/* --- who has joined
 * ----------------------------------------------------------------------------------------------------- */

static void tell_joined(struct slack_flow *t)
{
    const struct members *m = (struct members *)t;
    const json_t *people = json_object_get(t->f.effect.args, "people");
    json_t *joined = json_array();
    json_t *absent = json_array();
    for (size_t i = 0; i < json_array_size(people); i++) {
        json_t *mail = json_array_get(people, i);
        if (json_is_string(mail))
            json_array_append(is_in(m, json_string_value(mail)) ? joined : absent, mail);
    }
    flow_done(&t->f, json_pack("{s:o, s:o}", "joined", joined, "absent", absent));
}

static void learn_people(struct slack_flow *t)
{
    slack_learn_people(t, json_object_get(t->f.effect.args, "people"), false, tell_joined);
}

static void channel_known(struct slack_flow *t)
{
    struct members *m = (struct members *)t;
    const char *name = json_str(t->f.effect.args, "channel", "");
    const char *id = slack_channel_id(t->s, name);
    if (!id) {
        flow_ends(&t->f, OUTCOME_FAILED, SB_UNKNOWN,
                  "there is no channel %s, or it is private and the app was not invited", name);
        return;
    }
    m->channel = arena_strdup(&t->f.arena, id);
    learn_members(m, learn_people);
}

struct task *slack_joined(struct system *system, const struct effect *e, outcome_fn *done,
                          UNUSED progress_fn *progress, void *ctx)
{
    struct members *m = members_new(sizeof *m, system, e, done, ctx);
    m->wanted = json_pack("[s]", json_str(e->args, "channel", ""));
    slack_learn_channels(&m->t, m->wanted, channel_known);
    return &m->t.f.task;
}
