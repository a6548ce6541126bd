/* Slack's messages: channels, threads, metadata, history, files. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/slack.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 40000, HISTORY_USUAL = 100, HISTORY_MOST = 999, BURST = 10, BURST_S = 10 };

/* --- messages ---------------------------------------------------------------------------------------- */

static json_t *messages_of(json_t *world, const char *channel)
{
    json_t *all = json_object_get(world, "messages"), *list = json_object_get(all, channel);
    if (!list)
        json_object_set_new(all, channel, list = json_array());
    return list;
}

static json_t *with_ts(const json_t *messages, const char *ts)
{
    size_t i;
    json_t *m;
    json_array_foreach(messages, i, m)
        if (ts && str_eq(json_str(m, "ts", ""), ts))
            return m;
    return NULL;
}

/* Seconds and microseconds; no two of a workspace are the same. */
static const char *new_ts(struct call *c)
{
    long long micro = c->now * 1000, last = strtoll(json_str(c->world, "last_ts", "0"), NULL, 10);
    micro = micro > last ? micro : last + 1;
    json_object_set_new(c->world, "last_ts", json_string(arena_printf(c->a, "%lld", micro)));
    return arena_printf(c->a, "%lld.%06lld", micro / 1000000, micro % 1000000);
}

static int compare_ts(const char *a, const char *b)
{
    size_t n = strcspn(a, "."), m = strcspn(b, ".");
    return n != m ? (n > m) - (n < m) : strcmp(a, b);
}

/* A channel where the bot may write. NULL: answered. */
static json_t *writable(struct slack *s)
{
    const char *id = slack_arg(s, "channel");
    json_t *found = NULL, *ch;
    size_t i;
    if (id && *id == '#') /* names are still taken, for messages only */
        json_array_foreach(json_object_get(s->c->world, "channels"), i, ch)
            found = str_eq(json_str(ch, "name", ""), id + 1) ? ch : found;
    json_t *channel = found ? found : slack_channel(s, id);
    if (!channel)
        return NULL;
    bool archived = json_flag(channel, "archived", false);
    if (!archived && slack_is_member(channel, SLACK_BOT_USER))
        return channel;
    slack_no(s, archived ? "is_archived" : "not_in_channel");
    return NULL;
}

/* Reads text, blocks and metadata into `into`. False: answered. */
static bool read_content(struct slack *s, json_t *into)
{
    const char *text = slack_arg(s, "text");
    bool bad_blocks = false, bad_metadata = false;
    _cleanup_json_ json_t *blocks = slack_value(s, "blocks", &bad_blocks),
                          *metadata = slack_value(s, "metadata", &bad_metadata);
    const char *fault = bad_blocks ? "invalid_blocks_format" : slack_blocks_fault(blocks);
    if (!fault && metadata &&
        (!json_str(metadata, "event_type", NULL) ||
         !json_is_object(json_object_get(metadata, "event_payload"))))
        fault = "invalid_metadata_schema";
    fault = bad_metadata ? "invalid_metadata_format" : fault;
    if (!fault && (!text || !*text) && json_array_size(blocks) == 0)
        fault = "no_text";
    if (!fault && text && strlen(text) > TEXT_MAX)
        fault = "msg_too_long";
    if (fault) {
        slack_no(s, fault);
        return false;
    }
    json_object_set_new(into, "text", json_string(text ? text : ""));
    if (blocks)
        json_object_set(into, "blocks", blocks);
    if (metadata)
        json_object_set(into, "metadata", metadata);
    return true;
}

/* What others see of a message; its metadata only if they asked for it. */
static json_t *message_view(const json_t *m, const json_t *messages, bool metadata)
{
    json_t *v = json_deep_copy(m), *users = json_array(), *reply;
    const char *ts = json_str(m, "ts", ""), *latest = NULL;
    size_t i;
    int replies = 0;
    if (!metadata)
        json_object_del(v, "metadata");
    json_array_foreach(messages, i, reply)
        if (reply != m && str_eq(json_str(reply, "thread_ts", ""), ts)) {
            replies++;
            latest = json_str(reply, "ts", "");
            if (json_array_size(users) == 0)
                json_array_append(users, json_object_get(reply, "user"));
        }
    if (replies) {
        json_t *thread = json_pack("{s:s, s:i, s:i, s:O, s:s, s:b}", "thread_ts", ts, "reply_count", replies,
                                   "reply_users_count", (int)json_array_size(users), "reply_users", users,
                                   "latest_reply", latest, "subscribed", 0);
        json_object_update(v, thread);
        json_decref(thread);
    }
    json_decref(users);
    return v;
}

/* About one message a second a channel, with short bursts. */
static bool too_fast(struct slack *s, const json_t *messages)
{
    int64_t since = (s->c->now - yard_pace(s->c->y, BURST_S)) * 1000;
    int n = 0;
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const char *ts = json_str(json_array_get(messages, i), "ts", "0");
        long long seconds = 0, micro = 0;
        sscanf(ts, "%lld.%lld", &seconds, &micro);
        n += seconds * 1000000 + micro > since;
    }
    if (n < BURST)
        return false;
    yard_answer_header(s->c->y, s->c->x, "Retry-After", "1");
    call_answer(s->c, 429, json_pack("{s:b, s:s}", "ok", 0, "error", "ratelimited"));
    return true;
}

void slack_post(struct slack *s)
{
    struct call *c = s->c;
    json_t *channel = writable(s);
    if (!channel)
        return;
    const char *id = json_str(channel, "id", ""), *thread = slack_arg(s, "thread_ts");
    json_t *messages = messages_of(c->world, id);
    _cleanup_json_ json_t *m =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "message", "user", SLACK_BOT_USER, "bot_id", SLACK_BOT,
                  "app_id", "A0SIGNALBOX", "team", SLACK_TEAM);
    if (too_fast(s, messages) || !read_content(s, m))
        return;
    if (thread && *thread && !with_ts(messages, thread)) {
        slack_no(s, "thread_not_found");
        return;
    }
    const char *ts = new_ts(c);
    json_object_set_new(m, "ts", json_string(ts));
    if (thread && *thread) {
        json_object_set_new(m, "thread_ts", json_string(thread));
        json_object_set_new(m, "parent_user_id",
                            json_object_get(with_ts(messages, thread), "user")
                                ? json_incref(json_object_get(with_ts(messages, thread), "user"))
                                : json_null());
        if (slack_flag(s, "reply_broadcast"))
            json_object_set_new(m, "subtype", json_string("thread_broadcast"));
    }
    json_array_append(messages, m);
    yard_deed(c->y, "slack", arena_printf(c->a, "post in #%s", json_str(channel, "name", "")),
              json_str(m, "metadata.event_payload.key", ""));
    slack_ok(
        s, json_pack("{s:s, s:s, s:o}", "channel", id, "ts", ts, "message", message_view(m, messages, true)));
}

void slack_update(struct slack *s)
{
    struct call *c = s->c;
    json_t *channel = writable(s);
    if (!channel)
        return;
    const char *id = json_str(channel, "id", ""), *ts = slack_arg(s, "ts");
    json_t *messages = messages_of(c->world, id), *m = with_ts(messages, ts);
    if (!m || !str_eq(json_str(m, "user", ""), SLACK_BOT_USER)) {
        slack_no(s, m ? "cant_update_message" : "message_not_found");
        return;
    }
    _cleanup_json_ json_t *content = json_object();
    if (!read_content(s, content))
        return;
    json_object_update(m, content);
    json_object_set_new(m, "edited", json_pack("{s:s, s:s}", "user", SLACK_BOT_USER, "ts", new_ts(c)));
    yard_deed(c->y, "slack", arena_printf(c->a, "edit in #%s", json_str(channel, "name", "")),
              json_str(content, "metadata.event_payload.key", ""));
    slack_ok(s, json_pack("{s:s, s:s, s:s, s:o}", "channel", id, "ts", ts, "text", json_str(m, "text", ""),
                          "message", message_view(m, messages, true)));
}

void slack_delete(struct slack *s)
{
    json_t *channel = writable(s);
    if (!channel)
        return;
    json_t *messages = messages_of(s->c->world, json_str(channel, "id", ""));
    const char *ts = slack_arg(s, "ts");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (ts && str_eq(json_str(json_array_get(messages, i), "ts", ""), ts)) {
            json_array_remove(messages, i);
            yard_deed(s->c->y, "slack", "delete", "");
            slack_ok(s, json_pack("{s:s, s:s}", "channel", json_str(channel, "id", ""), "ts", ts));
            return;
        }
    slack_no(s, "message_not_found");
}

void slack_ephemeral(struct slack *s)
{
    json_t *channel = writable(s);
    _cleanup_json_ json_t *content = json_object();
    const char *user = slack_arg(s, "user");
    if (!channel)
        return;
    if (!user || !slack_is_member(channel, user)) {
        slack_no(s, "user_not_in_channel");
        return;
    }
    if (!read_content(s, content))
        return;
    yard_deed(s->c->y, "slack", "whisper", json_str(content, "metadata.event_payload.key", ""));
    slack_ok(s, json_pack("{s:s}", "message_ts", new_ts(s->c)));
}

void slack_permalink(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (!channel)
        return;
    const char *id = json_str(channel, "id", ""), *ts = slack_arg(s, "message_ts");
    const json_t *m = with_ts(messages_of(s->c->world, id), ts);
    if (!m) {
        slack_no(s, "message_not_found");
        return;
    }
    const char *thread = json_str(m, "thread_ts", NULL);
    const char *in_thread = thread ? arena_printf(s->c->a, "?thread_ts=%s&cid=%s", thread, id) : "";
    slack_ok(s, json_pack("{s:s, s:s}", "channel", id, "permalink",
                          arena_printf(s->c->a, "https://retail.slack.example/archives/%s/p%.*s%s%s", id,
                                       (int)strcspn(ts, "."), ts, ts + strcspn(ts, ".") + 1, in_thread)));
}

/* --- reading ----------------------------------------------------------------------------------------- */

static bool within(struct slack *s, const char *ts)
{
    const char *oldest = slack_arg(s, "oldest"), *latest = slack_arg(s, "latest");
    bool inclusive = slack_flag(s, "inclusive");
    int low = oldest && *oldest && !str_eq(oldest, "0") ? compare_ts(ts, oldest) : 1;
    int high = latest && *latest ? compare_ts(latest, ts) : 1;
    return (low > 0 || (inclusive && low == 0)) && (high > 0 || (inclusive && high == 0));
}

/* A channel the bot may read. NULL: answered. */
static json_t *readable(struct slack *s)
{
    json_t *channel = slack_channel(s, slack_arg(s, "channel"));
    if (!channel || slack_is_member(channel, SLACK_BOT_USER))
        return channel;
    slack_no(s, "not_in_channel");
    return NULL;
}

static void answer_messages(struct slack *s, json_t *found)
{
    char next[32];
    if (slack_page(s, found, HISTORY_USUAL, HISTORY_MOST, next)) {
        json_t *fields = json_pack("{s:O, s:b}", "messages", found, "has_more", next[0] != '\0');
        if (next[0])
            json_object_set_new(fields, "response_metadata", json_pack("{s:s}", "next_cursor", next));
        slack_ok(s, fields);
    }
    json_decref(found);
}

void slack_history(struct slack *s)
{
    json_t *channel = readable(s);
    if (!channel)
        return;
    json_t *messages = messages_of(s->c->world, json_str(channel, "id", "")), *found = json_array();
    bool metadata = slack_flag(s, "include_all_metadata");
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *m = json_array_get(messages, i);
        const char *ts = json_str(m, "ts", ""), *thread = json_str(m, "thread_ts", ts);
        bool in_thread = !str_eq(thread, ts) && !str_eq(json_str(m, "subtype", ""), "thread_broadcast");
        if (!in_thread && within(s, ts))
            json_array_append_new(found, message_view(m, messages, metadata));
    }
    answer_messages(s, found);
}

void slack_replies(struct slack *s)
{
    json_t *channel = readable(s);
    if (!channel)
        return;
    json_t *messages = messages_of(s->c->world, json_str(channel, "id", "")), *found = json_array(), *m;
    const json_t *asked = with_ts(messages, slack_arg(s, "ts"));
    const char *root = json_str(asked, "thread_ts", json_str(asked, "ts", NULL));
    bool metadata = slack_flag(s, "include_all_metadata");
    size_t i;
    if (!root) {
        json_decref(found);
        slack_no(s, "thread_not_found");
        return;
    }
    json_array_foreach(messages, i, m) {
        bool parent = str_eq(json_str(m, "ts", ""), root);
        if (parent || (str_eq(json_str(m, "thread_ts", ""), root) && within(s, json_str(m, "ts", ""))))
            json_array_append_new(found, message_view(m, messages, metadata));
    }
    answer_messages(s, found);
}

/* --- files ------------------------------------------------------------------------------------------- */

void slack_upload_url(struct slack *s)
{
    json_t *files = json_object_get(s->c->world, "files");
    const char *name = slack_arg(s, "filename"), *length = slack_arg(s, "length");
    if (!name || !*name || !length || strtol(length, NULL, 10) <= 0) {
        slack_no(s, "invalid_arguments");
        return;
    }
    const char *id = arena_printf(s->c->a, "F0%07zu", json_object_size(files) + 1);
    json_object_set_new(files, id,
                        json_pack("{s:s, s:I, s:b}", "name", name, "length",
                                  (json_int_t)strtoll(length, NULL, 10), "uploaded", 0));
    yard_save(s->c->y);
    slack_ok(s, json_pack("{s:s, s:s}", "upload_url",
                          arena_printf(s->c->a, "%s/upload/v1/%s", yard_url(s->c->y, "slack"), id), "file_id",
                          id));
}

void slack_upload_bytes(struct call *c)
{
    json_t *file = json_object_get(json_object_get(c->world, "files"), c->part[0]);
    if (!file || !str_eq(c->r->method, "POST")) {
        call_answer_text(c, 404, "text/plain", "not found");
        return;
    }
    json_object_set_new(file, "uploaded", json_true());
    json_object_set_new(file, "bytes", json_integer((json_int_t)c->r->body_len));
    yard_save(c->y);
    call_answer_text(c, 200, "text/plain", arena_printf(c->a, "OK - %zu", c->r->body_len));
}

void slack_upload_done(struct slack *s)
{
    struct call *c = s->c;
    bool bad = false;
    _cleanup_json_ json_t *files = slack_value(s, "files", &bad);
    const char *to = slack_arg(s, "channel_id"), *thread = slack_arg(s, "thread_ts"),
               *says = slack_arg(s, "initial_comment");
    json_t *shown = json_array(), *f;
    size_t i;
    json_array_foreach(files, i, f) {
        const char *id = json_str(f, "id", "");
        const json_t *file = json_object_get(json_object_get(c->world, "files"), id);
        if (json_flag(file, "uploaded", false))
            json_array_append_new(shown,
                                  json_pack("{s:s, s:s, s:s}", "id", id, "title", json_str(f, "title", ""),
                                            "name", json_str(file, "name", "")));
    }
    json_t *channel = to ? slack_channel(s, to) : NULL;
    if (to && !channel) {
        json_decref(shown);
        return;
    }
    if (bad || json_array_size(shown) == 0 || json_array_size(shown) < json_array_size(files)) {
        json_decref(shown);
        slack_no(s, bad || json_array_size(files) == 0 ? "invalid_arguments" : "file_not_found");
        return;
    }
    if (channel) {
        json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:O, s:s}", "type", "message", "user", SLACK_BOT_USER,
                              "bot_id", SLACK_BOT, "text", says ? says : "", "files", shown, "ts", new_ts(c));
        if (thread && *thread)
            json_object_set_new(m, "thread_ts", json_string(thread));
        json_array_append_new(messages_of(c->world, to), m);
    }
    yard_deed(c->y, "slack", "upload", "");
    slack_ok(s, json_pack("{s:o}", "files", shown));
}
