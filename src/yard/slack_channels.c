/* Slack's channels and people. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/slack.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_CHARACTERS = 80, LIST_USUAL = 100, LIST_MOST = 1000 };

/* --- world ------------------------------------------------------------------------------------------- */

static json_t *users_of(const json_t *scenario)
{
    json_t *users = json_array(), *person;
    const char *mail;
    int n = 0;
    json_array_append_new(users, json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", SLACK_BOT_USER, "name",
                                           "signalbox", "real_name", "Signalbox", "is_bot", 1, "mail", ""));
    json_object_foreach(json_object_get(scenario, "people"), mail, person) {
        char id[32], name[64];
        snprintf(id, sizeof id, "U0%07d", ++n);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(mail, "@"), mail);
        json_array_append_new(users,
                              json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", id, "name", name, "real_name",
                                        json_str(person, "name", name), "is_bot", 0, "mail", mail));
    }
    return users;
}

static json_t *channel_new(int number, const char *name, int64_t now, const char *creator)
{
    char id[32];
    snprintf(id, sizeof id, "C0%07d", number);
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:b, s:b, s:[]}", "id", id, "name", name, "created",
                     (json_int_t)(now / 1000), "creator", creator, "topic", "", "purpose", "", "archived", 0,
                     "private", 0, "members");
}

/* The bot is in the channels it has to post in; so is everybody else. */
static void everybody_joins(json_t *channel, const json_t *users)
{
    size_t i;
    json_t *user;
    json_array_foreach(users, i, user)
        json_array_append(json_object_get(channel, "members"), json_object_get(user, "id"));
}

json_t *slack_world(const json_t *scenario, int64_t now)
{
    json_t *users = users_of(scenario), *channels = json_array(), *name, *client;
    const char *id;
    size_t i;
    int n = 0;
    json_array_foreach(json_object_get(scenario, "channels"), i, name)
        json_array_append_new(channels, channel_new(++n, json_string_value(name), now, "U0000001"));
    json_object_foreach(json_object_get(scenario, "clients"), id, client)
        json_array_append_new(channels, channel_new(++n, json_str(client, "support", id), now, "U0000001"));
    json_array_foreach(channels, i, client)
        everybody_joins(client, users);
    json_array_append_new(channels, channel_new(++n, "random", now, "U0000001")); /* where the bot is not */
    return json_pack("{s:o, s:o, s:i, s:{}, s:{}, s:s}", "users", users, "channels", channels, "next_channel",
                     n + 1, "messages", "files", "last_ts", "0");
}

/* --- finding ----------------------------------------------------------------------------------------- */

static json_t *with_id(const json_t *list, const char *id)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        if (id && str_eq(json_str(item, "id", ""), id))
            return item;
    return NULL;
}

json_t *slack_user(const json_t *world, const char *id)
{
    return with_id(json_object_get(world, "users"), id);
}

json_t *slack_channel(struct slack *s, const char *id)
{
    json_t *channel = with_id(json_object_get(s->c->world, "channels"), id);
    if (!channel)
        slack_no(s, "channel_not_found");
    return channel;
}

bool slack_is_member(const json_t *channel, const char *user)
{
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(channel, "members"), i, member)
        if (str_eq(json_string_value(member), user))
            return true;
    return false;
}

static json_t *user_view(const json_t *u)
{
    const char *name = json_str(u, "name", ""), *real = json_str(u, "real_name", "");
    bool bot = json_flag(u, "is_bot", false);
    json_t *profile =
        json_pack("{s:s, s:s, s:s}", "real_name", real, "display_name", name, "team", SLACK_TEAM);
    if (!bot)
        json_object_set(profile, "email", json_object_get(u, "mail"));
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:b, s:b, s:i}", "id", json_str(u, "id", ""),
                     "team_id", SLACK_TEAM, "name", name, "deleted", 0, "real_name", real, "tz", "Etc/UTC",
                     "profile", profile, "is_bot", bot, "is_app_user", 0, "updated", 1700000000);
}

static json_t *channel_view(const json_t *ch)
{
    const char *name = json_str(ch, "name", "");
    bool hidden = json_flag(ch, "private", false);
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:s, s:b, s:{s:s, s:s, s:i}, "
                     "s:{s:s, s:s, s:i}, s:i}",
                     "id", json_str(ch, "id", ""), "name", name, "name_normalized", name, "is_channel",
                     !hidden, "is_group", 0, "is_im", 0, "is_private", hidden, "is_archived",
                     json_flag(ch, "archived", false), "is_general", 0, "is_shared", 0, "created",
                     (int)json_int(ch, "created", 0), "creator", json_str(ch, "creator", ""), "is_member",
                     slack_is_member(ch, SLACK_BOT_USER), "topic", "value", json_str(ch, "topic", ""),
                     "creator", "", "last_set", 0, "purpose", "value", json_str(ch, "purpose", ""), "creator",
                     "", "last_set", 0, "num_members", (int)json_array_size(json_object_get(ch, "members")));
}

static void answer_channel(struct slack *s, const json_t *channel)
{
    slack_ok(s, json_pack("{s:o}", "channel", channel_view(channel)));
}

/* --- channels ---------------------------------------------------------------------------------------- */

static const char *name_fault(const json_t *world, const char *name)
{
    size_t i;
    json_t *channel;
    if (!name || !*name)
        return "invalid_name_required";
    if (strlen(name) > NAME_MAX_CHARACTERS)
        return "invalid_name_maxlength";
    for (const char *p = name; *p; p++)
        if (isupper((unsigned char)*p) || isspace((unsigned char)*p) ||
            (ispunct((unsigned char)*p) && *p != '-' && *p != '_'))
            return "invalid_name_specials";
    json_array_foreach(json_object_get(world, "channels"), i, channel)
        if (str_eq(json_str(channel, "name", ""), name))
            return "name_taken";
    return NULL;
}

void slack_create(struct slack *s)
{
    json_t *world = s->c->world;
    const char *name = slack_arg(s, "name"), *fault = name_fault(world, name);
    if (fault) {
        slack_no(s, fault);
        return;
    }
    int number = (int)json_int(world, "next_channel", 1);
    json_t *channel = channel_new(number, name, s->c->now, SLACK_BOT_USER);
    json_object_set_new(channel, "private", json_boolean(slack_flag(s, "is_private")));
    json_array_append_new(json_object_get(channel, "members"), json_string(SLACK_BOT_USER));
    json_array_append_new(json_object_get(world, "channels"), channel);
    json_object_set_new(world, "next_channel", json_integer(number + 1));
    yard_deed(s->c->y, "slack", arena_printf(s->c->a, "create #%s", name), name);
    answer_channel(s, channel);
}

/* The channel named by the argument, one the bot is in and that is not archived. NULL: answered. */
static json_t *own_channel(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (!channel)
        return NULL;
    if (!json_flag(channel, "archived", false) && slack_is_member(channel, SLACK_BOT_USER))
        return channel;
    slack_no(s, json_flag(channel, "archived", false) ? "is_archived" : "not_in_channel");
    return NULL;
}

static const char *invite_fault(struct slack *s, const json_t *channel, const char *user)
{
    if (!slack_user(s->c->world, user))
        return "user_not_found";
    if (str_eq(user, SLACK_BOT_USER))
        return "cant_invite_self";
    return slack_is_member(channel, user) ? "already_in_channel" : NULL;
}

/* Without `force`, one person who cannot be invited keeps the others out too. */
void slack_invite(struct slack *s)
{
    json_t *channel = own_channel(s);
    const char *list = slack_arg(s, "users"), *first = NULL;
    if (!channel)
        return;
    if (!list || !*list) {
        slack_no(s, "no_user");
        return;
    }
    json_t *errors = json_array(), *fresh = json_array();
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        const char *user = str_trim(arena_strndup(s->c->a, at, n)), *fault = invite_fault(s, channel, user);
        if (fault)
            json_array_append_new(errors,
                                  json_pack("{s:s, s:b, s:s}", "user", user, "ok", 0, "error", fault));
        else
            json_array_append_new(fresh, json_string(user));
        first = first ? first : fault;
        at += n + (at[n] == ',');
    }
    bool goes = json_array_size(fresh) > 0 && (!first || slack_flag(s, "force"));
    if (goes) {
        json_array_extend(json_object_get(channel, "members"), fresh);
        yard_deed(s->c->y, "slack", arena_printf(s->c->a, "invite to #%s", json_str(channel, "name", "")),
                  "");
        answer_channel(s, channel);
    } else {
        call_answer(s->c, 200, json_pack("{s:b, s:s, s:O}", "ok", 0, "error", first, "errors", errors));
    }
    json_decref(errors);
    json_decref(fresh);
}

void slack_join(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (!channel)
        return;
    if (json_flag(channel, "archived", false)) {
        slack_no(s, "is_archived");
        return;
    }
    bool already = slack_is_member(channel, SLACK_BOT_USER);
    if (!already) {
        json_array_append_new(json_object_get(channel, "members"), json_string(SLACK_BOT_USER));
        yard_deed(s->c->y, "slack", arena_printf(s->c->a, "join #%s", json_str(channel, "name", "")), "");
    }
    json_t *fields = json_pack("{s:o}", "channel", channel_view(channel));
    if (already)
        json_object_set_new(fields, "warning", json_string("already_in_channel"));
    slack_ok(s, fields);
}

void slack_leave(struct slack *s)
{
    json_t *channel = own_channel(s), *members = json_object_get(channel, "members");
    if (!channel)
        return;
    for (size_t i = json_array_size(members); i-- > 0;)
        if (str_eq(json_string_value(json_array_get(members, i)), SLACK_BOT_USER))
            json_array_remove(members, i);
    yard_deed(s->c->y, "slack", "leave", "");
    slack_ok(s, json_object());
}

static void set_text(struct slack *s, const char *field)
{
    json_t *channel = own_channel(s);
    const char *text = slack_arg(s, field);
    if (!channel)
        return;
    if (text && strlen(text) > 250) {
        slack_no(s, "too_long");
        return;
    }
    json_object_set_new(channel, field, json_string(text ? text : ""));
    yard_deed(s->c->y, "slack", arena_printf(s->c->a, "%s of #%s", field, json_str(channel, "name", "")), "");
    answer_channel(s, channel);
}

void slack_topic(struct slack *s)
{
    set_text(s, "topic");
}

void slack_purpose(struct slack *s)
{
    set_text(s, "purpose");
}

void slack_archive(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (!channel)
        return;
    if (json_flag(channel, "archived", false)) {
        slack_no(s, "already_archived");
        return;
    }
    json_object_set_new(channel, "archived", json_true());
    yard_deed(s->c->y, "slack", arena_printf(s->c->a, "archive #%s", json_str(channel, "name", "")), "");
    slack_ok(s, json_object());
}

/* --- looking ----------------------------------------------------------------------------------------- */

static void answer_list(struct slack *s, const char *name, json_t *all)
{
    char next[32];
    if (slack_page(s, all, LIST_USUAL, LIST_MOST, next))
        slack_ok(s, json_pack("{s:O, s:{s:s}}", name, all, "response_metadata", "next_cursor", next));
    json_decref(all);
}

void slack_members(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (channel)
        answer_list(s, "members", json_deep_copy(json_object_get(channel, "members")));
}

void slack_list(struct slack *s)
{
    const char *types = slack_arg(s, "types");
    bool hidden = types && strstr(types, "private_channel"), open = !types || strstr(types, "public_channel");
    bool without_archived = slack_flag(s, "exclude_archived");
    json_t *all = json_array(), *channel;
    size_t i;
    json_array_foreach(json_object_get(s->c->world, "channels"), i, channel) {
        bool is_private = json_flag(channel, "private", false);
        if ((is_private ? hidden : open) && !(without_archived && json_flag(channel, "archived", false)))
            json_array_append_new(all, channel_view(channel));
    }
    answer_list(s, "channels", all);
}

void slack_info(struct slack *s)
{
    const json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (channel)
        answer_channel(s, channel);
}

void slack_lookup(struct slack *s)
{
    const char *mail = slack_arg(s, "email");
    size_t i;
    json_t *user;
    json_array_foreach(json_object_get(s->c->world, "users"), i, user)
        if (mail && *mail && str_eq(json_str(user, "mail", ""), mail)) {
            slack_ok(s, json_pack("{s:o}", "user", user_view(user)));
            return;
        }
    slack_no(s, mail && *mail ? "users_not_found" : "invalid_arguments");
}

void slack_user_info(struct slack *s)
{
    const json_t *user = slack_user(s->c->world, slack_arg(s, "user"));
    if (user)
        slack_ok(s, json_pack("{s:o}", "user", user_view(user)));
    else
        slack_no(s, "user_not_found");
}

void slack_user_list(struct slack *s)
{
    json_t *all = json_array(), *user;
    size_t i;
    json_array_foreach(json_object_get(s->c->world, "users"), i, user)
        json_array_append_new(all, user_view(user));
    answer_list(s, "members", all);
}
