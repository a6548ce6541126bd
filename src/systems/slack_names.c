/* slack_names.c: ids of channels and people. Slack's calls take ids; pages and configurations hold names and
 * mail addresses. What was learnt is kept while the system is open. */
#include "base/buf.h"
#include "systems/slack.h"
#include <ctype.h>
#include <string.h>

/* Ids are capitals and digits; names never have a capital. */
static bool is_id(const char *name)
{
    if (!strchr("CGD", *name) || !name[0] || !name[1])
        return false;
    for (; *name; name++)
        if (!isupper((unsigned char)*name) && !isdigit((unsigned char)*name))
            return false;
    return true;
}

static const char *bare(const char *name)
{
    return *name == '#' ? name + 1 : name;
}

const char *slack_channel_id(const struct slack *s, const char *name)
{
    if (is_id(bare(name)))
        return bare(name);
    return json_str(json_object_get(s->channels, bare(name)), "id", NULL);
}

const char *slack_channel_topic(const struct slack *s, const char *name)
{
    return json_str(json_object_get(s->channels, bare(name)), "topic", "");
}

const char *slack_user_id(const struct slack *s, const char *mail)
{
    return json_string_value(json_object_get(s->people, mail));
}

/* --- channels
 * --------------------------------------------------------------------------------------------------- */

static void list_page(struct slack_flow *t);

static bool all_known(const struct slack_flow *t)
{
    for (size_t i = 0; i < json_array_size(t->names); i++) {
        const char *name = json_string_value(json_array_get(t->names, i));
        if (name && !slack_channel_id(t->s, name))
            return false;
    }
    return true;
}

static void on_page(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    if (slack_error(answer)) {
        slack_look_failed(t, answer, reply);
        return;
    }
    const json_t *channels = json_object_get(answer, "channels");
    for (size_t i = 0; i < json_array_size(channels); i++) {
        const json_t *c = json_array_get(channels, i);
        const char *name = json_str(c, "name", NULL);
        const char *id = json_str(c, "id", NULL);
        if (name && id)
            json_object_set_new(t->s->channels, name,
                                json_pack("{s:s, s:s}", "id", id, "topic", json_str(c, "topic.value", "")));
    }
    if (slack_next_page(t, answer) && !all_known(t))
        list_page(t);
    else
        t->then(t);
}

static void list_page(struct slack_flow *t)
{
    json_t *args = json_pack("{s:s, s:b, s:i}", "types", "public_channel,private_channel", "exclude_archived",
                             1, "limit", 1000);
    if (*t->cursor)
        json_object_set_new(args, "cursor", json_string(t->cursor));
    slack_look(t, "list the channels", "conversations.list", args, on_page);
}

static void go_on(struct flow *f)
{
    struct slack_flow *t = (struct slack_flow *)f;
    t->then(t);
}

void slack_learn_channels(struct slack_flow *t, const json_t *names, slack_next *then)
{
    t->names = names;
    t->then = then;
    t->pages = 0;
    *t->cursor = '\0';
    if (all_known(t))
        flow_wait(&t->f, 0, go_on);
    else
        list_page(t);
}

/* --- people
 * ---------------------------------------------------------------------------------------------------------
 */

static void next_person(struct slack_flow *t);

static void on_person(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    const char *mail = json_string_value(json_array_get(t->names, t->at));
    const char *error = slack_error(answer);
    const char *id = json_str(answer, "user.id", NULL);
    if (!error && id)
        json_object_set_new(t->s->people, mail, json_string(id));
    else if (answer && (!error || str_eq(error, "users_not_found")))
        json_object_set_new(t->s->people, mail, json_null());
    else if (!answer || !t->people_may_fail) {
        slack_look_failed(t, answer, reply);
        return;
    }
    t->at++;
    next_person(t);
}

static void next_person(struct slack_flow *t)
{
    for (; t->at < json_array_size(t->names); t->at++) {
        const char *mail = json_string_value(json_array_get(t->names, t->at));
        if (mail && !json_object_get(t->s->people, mail)) {
            slack_look(t, "look up a person", "users.lookupByEmail", json_pack("{s:s}", "email", mail),
                       on_person);
            return;
        }
    }
    t->then(t);
}

static void first_person(struct flow *f)
{
    struct slack_flow *t = (struct slack_flow *)f;
    /* Who was not known to Slack earlier may be by now. */
    for (size_t i = 0; i < json_array_size(t->names); i++) {
        const char *mail = json_string_value(json_array_get(t->names, i));
        if (mail && json_is_null(json_object_get(t->s->people, mail)))
            json_object_del(t->s->people, mail);
    }
    next_person(t);
}

void slack_learn_people(struct slack_flow *t, const json_t *mails, bool may_fail, slack_next *then)
{
    t->names = mails;
    t->then = then;
    t->people_may_fail = may_fail;
    t->at = 0;
    flow_wait(&t->f, 0, first_person);
}

/* --- turns
 * ------------------------------------------------------------------------------------------------------------
 */

void slack_take_turn(struct slack_flow *t, const char *channel, slack_next *then)
{
    enum { A_MESSAGE_EVERY_MS = 1000 };
    int64_t now = loop_mono_ms();
    int64_t turn = json_integer_value(json_object_get(t->s->next, channel));
    if (turn < now)
        turn = now;
    json_object_set_new(t->s->next, channel, json_integer(turn + flow_pause(&t->f, A_MESSAGE_EVERY_MS, 1)));
    t->then = then;
    flow_wait(&t->f, turn - now, go_on);
}
