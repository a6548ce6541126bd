/* slack_post.c: posting, finding a post again, editing.
 *
 * A post in several channels is several messages, each with its own key in the message's metadata, which
 * people do not see. A channel that refuses does not keep the others from being told; silence does, because
 * then nobody knows, and what was posted goes back with the outcome. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/slack.h"
#include <string.h>

static const char event_type[] = "signalbox_effect";

struct post {
    struct slack_flow t; /* first; `posts` is what has taken place */
    json_t *channels;    /* names or ids, in order; borrowed from the arguments */
    size_t next;
    const char *name, *id; /* the channel at work */
    const char *text;
    bool joined;         /* tried, for this channel */
    struct buf refusals; /* "#incident: is_archived; ..." */
    int pass, missing;   /* find */
};

static void next_channel(struct post *p);

static void post_free(struct flow *f)
{
    struct post *p = (struct post *)f;
    json_decref(p->t.posts);
    buf_free(&p->refusals);
}

static struct post *post_new(struct system *system, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct post *p = slack_flow_new(sizeof *p, system, e, done, NULL, ctx);
    p->t.f.on_free = post_free;
    p->channels = json_object_get(e->args, "channels");
    const json_t *earlier = chat_posts(e->parts);
    p->t.posts = earlier ? json_deep_copy(earlier) : json_array();
    return p;
}

/* One key a channel: the parts of an effect are found apart. */
static const char *key_in(struct post *p)
{
    return arena_printf(&p->t.f.arena, "%s/%s", p->t.f.effect.key, p->id);
}

static const char *thread_in(const struct post *p)
{
    const json_t *threads = chat_posts(json_object_get(p->t.f.effect.args, "thread"));
    const json_t *opened = chat_post_in(threads, p->id);
    if (!opened)
        opened = chat_post_in(threads, p->name);
    return json_str(opened, "ts", NULL);
}

/* Goes to the next channel that is still to be done, if there is one. */
static bool take_channel(struct post *p)
{
    while (p->next < json_array_size(p->channels)) {
        const char *name = json_string_value(json_array_get(p->channels, p->next++));
        if (!name || !*name)
            continue;
        p->name = *name == '#' ? name + 1 : name;
        p->id = arena_strdup(&p->t.f.arena, slack_channel_id(p->t.s, name));
        p->joined = false;
        if (!chat_post_in(p->t.posts, p->id ? p->id : p->name))
            return true;
    }
    return false;
}

/* --- what is kept of a post
 * ------------------------------------------------------------------------------------------ */

static void on_permalink(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    (void)reply; /* without a link the post is as good */
    const char *url = json_str(answer, "permalink", NULL);
    json_t *post = json_array_get(t->posts, json_array_size(t->posts) - 1);
    if (url)
        json_object_set_new(post, "url", json_string(url));
    next_channel((struct post *)t);
}

static void keep(struct post *p, const char *ts)
{
    json_array_append_new(p->t.posts, json_pack("{s:s, s:s, s:s, s:s}", "channel", p->id, "name", p->name,
                                                "ts", ts, "url", ""));
    slack_look(&p->t, "get the link", "chat.getPermalink",
               json_pack("{s:s, s:s}", "channel", p->id, "message_ts", ts), on_permalink);
}

static void done(struct post *p)
{
    flow_done(&p->t.f, json_pack("{s:O}", "posts", p->t.posts));
}

/* --- joining
 * ----------------------------------------------------------------------------------------------------------
 */

static void at_work(struct post *p); /* the channel's own call: post, or look */

static void on_joined(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    (void)answer; /* whether it helped, the second try tells */
    (void)reply;
    at_work((struct post *)t);
}

/* Public channels need no invitation. True when it is being tried. */
static bool tries_to_join(struct post *p, const json_t *answer)
{
    if (p->joined || !str_eq(slack_error(answer), "not_in_channel"))
        return false;
    p->joined = true;
    slack_act(&p->t, "join the channel", "conversations.join", json_pack("{s:s}", "channel", p->id), true,
              on_joined);
    return true;
}

/* --- posting
 * ----------------------------------------------------------------------------------------------------------
 */

static void refused(struct post *p, const char *words)
{
    if (p->refusals.len)
        buf_adds(&p->refusals, "; ");
    buf_printf(&p->refusals, "#%.80s: %.300s", p->name, words);
}

static void on_posted(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct post *p = (struct post *)t;
    const char *ts = json_str(answer, "ts", NULL);
    if (!slack_error(answer) && ts) {
        keep(p, ts);
        return;
    }
    if (tries_to_join(p, answer))
        return;
    struct outcome o = slack_failure(t, slack_error(answer) ? answer : NULL, reply, true);
    if (o.kind != OUTCOME_FAILED) {
        slack_end(t, &o);
        return;
    }
    if (str_eq(slack_error(answer), "channel_not_found"))
        json_object_del(t->s->channels, p->name); /* made anew under that name, perhaps */
    refused(p, o.error.text);
    next_channel(p);
}

static void send_post(struct slack_flow *t)
{
    struct post *p = (struct post *)t;
    json_t *message = json_pack("{s:s, s:s, s:b, s:b, s:{s:s, s:{s:s}}}", "channel", p->id, "text", p->text,
                                "unfurl_links", 0, "unfurl_media", 0, "metadata", "event_type", event_type,
                                "event_payload", "key", key_in(p));
    const char *thread = thread_in(p);
    if (thread) {
        json_object_set_new(message, "thread_ts", json_string(thread));
        json_object_set_new(message, "reply_broadcast",
                            json_boolean(json_flag(t->f.effect.args, "broadcast", false)));
    }
    slack_act(t, arena_printf(&t->f.arena, "post in #%s", p->name), "chat.postMessage", message, false,
              on_posted);
}

/* Slack takes 40,000 characters; a text is cut before that, at a whole character. */
static char *cut(char *text)
{
    enum { TEXT_MAX = 39000 };
    static const char mark[] = "\xe2\x80\xa6";
    size_t n = strlen(text);
    if (n <= TEXT_MAX)
        return text;
    n = TEXT_MAX;
    while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    memcpy(text + n, mark, sizeof mark);
    return text;
}

static char *text_of(struct slack_flow *t)
{
    const json_t *args = t->f.effect.args;
    const json_t *people = json_object_get(args, "mention");
    _cleanup_buf_ struct buf b = {0};
    for (size_t i = 0; i < json_array_size(people); i++) {
        const char *mail = json_string_value(json_array_get(people, i));
        const char *user = mail ? slack_user_id(t->s, mail) : NULL;
        if (user)
            buf_printf(&b, "<@%s> ", user);
        else if (mail)
            buf_printf(&b, "%s ", chat_mrkdwn(mail, &t->f.arena));
    }
    buf_adds(&b, chat_mrkdwn(json_str(args, "text", ""), &t->f.arena));
    return cut(arena_strdup(&t->f.arena, buf_str(&b)));
}

static void begin_posting(struct slack_flow *t)
{
    struct post *p = (struct post *)t;
    p->text = text_of(t);
    next_channel(p);
}

static void learn_mentioned(struct slack_flow *t)
{
    slack_learn_people(t, json_object_get(t->f.effect.args, "mention"), true, begin_posting);
}

struct task *slack_act_post(struct system *system, const struct effect *e, outcome_fn *done_fn,
                            UNUSED progress_fn *progress, void *ctx)
{
    struct post *p = post_new(system, e, done_fn, ctx);
    slack_learn_channels(&p->t, p->channels, learn_mentioned);
    return &p->t.f.task;
}

/* --- finding
 * ----------------------------------------------------------------------------------------------------------
 */

static void look_through(struct post *p);

static void begin_pass(struct slack_flow *t)
{
    struct post *p = (struct post *)t;
    p->next = 0;
    p->missing = 0;
    next_channel(p);
}

static void second_pass(struct flow *f)
{
    begin_pass((struct slack_flow *)f);
}

static void pass_ends(struct post *p)
{
    struct flow *f = &p->t.f;
    if (!p->missing) {
        done(p);
    } else if (p->pass++ == 0) {
        /* A message that was just being sent may appear. */
        flow_wait(f, flow_pause(f, SECONDS(5), SECONDS(1)), second_pass);
    } else {
        struct outcome o = {.kind = OUTCOME_NOT_FOUND};
        (void)error_set(&o.error, SB_UNKNOWN, "no message with the key %s in %d of the channels",
                        f->effect.key, p->missing);
        slack_end(&p->t, &o);
    }
}

static const char *ts_of_key(const json_t *messages, const char *key)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        if (str_eq(json_str(m, "metadata.event_type", ""), event_type) &&
            str_eq(json_str(m, "metadata.event_payload.key", ""), key))
            return json_str(m, "ts", NULL);
    }
    return NULL;
}

static void on_messages(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct post *p = (struct post *)t;
    if (tries_to_join(p, answer))
        return;
    const json_t *messages = json_object_get(answer, "messages");
    if (slack_error(answer) || !json_is_array(messages)) {
        slack_look_failed(t, slack_error(answer) ? answer : NULL, reply);
        return;
    }
    const char *ts = ts_of_key(messages, key_in(p));
    if (ts) {
        keep(p, ts);
    } else if (slack_next_page(t, answer)) {
        look_through(p);
    } else if (t->pages >= SLACK_PAGES_MAX) {
        struct outcome o = {.kind = OUTCOME_CANNOT_TELL};
        (void)error_set(&o.error, SB_LIMIT, "too many messages in #%s since this one was to be posted",
                        p->name);
        slack_end(t, &o);
    } else {
        p->missing++;
        next_channel(p);
    }
}

static void look_through(struct post *p)
{
    struct slack_flow *t = &p->t;
    /* Clocks differ, so from a minute before the moment it was intended. */
    int64_t from = t->f.effect.intended_ms - MINUTES(1);
    char *oldest = arena_printf(&t->f.arena, "%lld.%03d000", (long long)(from / 1000), (int)(from % 1000));
    json_t *args = json_pack("{s:s, s:s, s:b, s:b, s:i}", "channel", p->id, "oldest", oldest, "inclusive", 1,
                             "include_all_metadata", 1, "limit", 200);
    if (*t->cursor)
        json_object_set_new(args, "cursor", json_string(t->cursor));
    const char *thread = thread_in(p);
    if (thread)
        json_object_set_new(args, "ts", json_string(thread));
    slack_look(t, arena_printf(&t->f.arena, "look for the message in #%s", p->name),
               thread ? "conversations.replies" : "conversations.history", args, on_messages);
}

struct task *slack_post_find(struct system *system, const struct effect *e, outcome_fn *done_fn,
                             UNUSED progress_fn *progress, void *ctx)
{
    struct post *p = post_new(system, e, done_fn, ctx);
    p->t.finding = true;
    slack_learn_channels(&p->t, p->channels, begin_pass);
    return &p->t.f.task;
}

/* --- one channel after the other, for both
 * --------------------------------------------------------------------------- */

static void at_work(struct post *p)
{
    if (p->t.finding) {
        p->t.pages = 0;
        *p->t.cursor = '\0';
        look_through(p);
    } else {
        slack_take_turn(&p->t, p->id, send_post);
    }
}

static void all_told(struct post *p)
{
    if (!p->refusals.len) {
        done(p);
        return;
    }
    struct outcome o = {.kind = OUTCOME_FAILED};
    (void)error_set(&o.error, SB_REMOTE, "not posted everywhere: %s", buf_str(&p->refusals));
    slack_end(&p->t, &o);
}

static void next_channel(struct post *p)
{
    while (take_channel(p)) {
        if (p->id) {
            at_work(p);
            return;
        }
        /* A channel nobody can find was never posted in either. */
        if (p->t.finding)
            p->missing++;
        else
            refused(p, "there is no such channel, or it is private and the app was not invited");
    }
    if (p->t.finding)
        pass_ends(p);
    else
        all_told(p);
}

/* --- editing
 * ----------------------------------------------------------------------------------------------------------
 */

struct edit {
    struct slack_flow t; /* first */
    const json_t *edited;
    size_t next;
    char *text;
    struct outcome refusal; /* the first, when there was one */
};

static void next_edit(struct edit *w);

static void on_edited(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct edit *w = (struct edit *)t;
    if (slack_error(answer)) {
        struct outcome o = slack_failure(t, answer, reply, true);
        if (o.kind != OUTCOME_FAILED) {
            flow_end(&t->f, &o);
            return;
        }
        if (w->refusal.kind == OUTCOME_DONE)
            w->refusal = o;
    }
    w->next++;
    next_edit(w);
}

static void send_edit(struct slack_flow *t)
{
    struct edit *w = (struct edit *)t;
    const json_t *post = json_array_get(w->edited, w->next);
    /* Without metadata in the call the message keeps its own, and so can still be found. */
    json_t *args = json_pack("{s:s, s:s, s:s}", "channel", json_str(post, "channel", ""), "ts",
                             json_str(post, "ts", ""), "text", w->text);
    slack_act(t, arena_printf(&t->f.arena, "edit the message in #%s", json_str(post, "name", "?")),
              "chat.update", args, true, on_edited);
}

static void next_edit(struct edit *w)
{
    const json_t *post = json_array_get(w->edited, w->next);
    if (post)
        slack_take_turn(&w->t, json_str(post, "channel", ""), send_edit);
    else if (w->refusal.kind != OUTCOME_DONE)
        flow_end(&w->t.f, &w->refusal);
    else
        flow_done(&w->t.f, json_pack("{s:O}", "posts", (json_t *)w->edited));
}

struct task *slack_edit(struct system *system, const struct effect *e, outcome_fn *done_fn,
                        UNUSED progress_fn *progress, void *ctx)
{
    const json_t *posts = chat_posts(json_object_get(e->args, "posts"));
    if (!json_array_size(posts))
        return task_ends(system, done_fn, ctx, OUTCOME_FAILED, "posts: expected the result of chat.post");
    struct edit *w = slack_flow_new(sizeof *w, system, e, done_fn, NULL, ctx);
    w->edited = posts;
    w->text = cut(chat_mrkdwn(json_str(e->args, "text", ""), &w->t.f.arena));
    next_edit(w);
    return &w->t.f.task;
}
