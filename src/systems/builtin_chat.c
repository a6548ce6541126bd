/* builtin_chat.c: the change's timeline: channels and posts kept in Signalbox's own store, shown on its
 * pages. */
#include "base/buf.h"
#include "base/json.h"
#include "systems/chat.h"
#include "systems/drivers.h"
#include "systems/kept.h"

/* --- channels --------------------------------------------------------------------------------- */

static void channel_kept(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc) {
        kept_failed(k, KEPT_CHANNEL, json_str(k->flow.effect.args, "name", ""), err);
        return;
    }
    bool created = str_eq(json_str(doc, "key", ""), k->flow.effect.key);
    flow_done(&k->flow, json_pack("{s:s, s:s, s:b, s:[]}", "channel", json_str(doc, "id", ""), "name",
                                  json_str(doc, "name", ""), "created", created, "absent"));
}

static json_t *invited(const json_t *args)
{
    json_t *people = json_object();
    size_t i;
    json_t *mail;
    json_array_foreach(json_object_get(args, "invite"), i, mail)
        if (json_is_string(mail))
            json_object_set_new(people, json_string_value(mail), json_true());
    return people;
}

static void channel_there(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc) {
        channel_kept(k, doc, err);
        return;
    }
    json_t *patch = json_pack("{s:o}", "invited", invited(k->flow.effect.args));
    json_t *topic = json_object_get(k->flow.effect.args, "topic");
    if (topic)
        json_object_set(patch, "topic", topic);
    kept_patch(k, KEPT_CHANNEL, json_str(doc, "id", ""), patch, channel_kept);
}

static struct task *channel(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                            void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    const char *name = chat_channel_name(json_str(e->args, "name", ""), &k->flow.arena);
    json_t *doc =
        json_pack("{s:s, s:s, s:s, s:s}", "id", name, "name", name, "change", e->change, "key", e->key);
    kept_put(k, KEPT_CHANNEL, name, doc, channel_there);
    return &k->flow.task;
}

/* --- posts, one channel after another --------------------------------------------------------- */

struct posting {
    struct kept kept;
    size_t at;
    json_t *posts;
};

static void posting_free(struct kept *k)
{
    json_decref(((struct posting *)k)->posts);
}

static struct posting *posting_new(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct posting *p = kept_new(sizeof *p, s, e, done, NULL, ctx);
    p->kept.on_free = posting_free;
    p->posts = json_array();
    return p;
}

static void posted_all(struct posting *p)
{
    flow_done(&p->kept.flow, json_pack("{s:O}", "posts", p->posts));
}

static void add_post(struct posting *p, const json_t *doc)
{
    const char *channel = json_str(doc, "channel", "");
    json_array_append_new(p->posts,
                          json_pack("{s:s, s:s, s:s, s:s}", "channel", channel, "name", channel, "ts",
                                    json_str(doc, "id", ""), "url", json_str(doc, "url", "")));
    p->at++;
}

static json_t *post_of(struct posting *p, const char *id, const char *channel)
{
    static const char *const args[] = {"text", "broadcast", "mention", NULL};
    const struct effect *e = &p->kept.flow.effect;
    const json_t *posts = chat_posts(json_object_get(e->args, "thread"));
    const json_t *opener = posts ? chat_post_in(posts, channel) : NULL;
    json_t *doc = kept_doc(p->kept.flow.system, e, args);
    json_object_set_new(doc, "id", json_string(id));
    json_object_set_new(doc, "channel", json_string(channel));
    json_object_set_new(doc, "thread", json_string(json_str(opener, "ts", "")));
    json_object_set_new(doc, "at", json_integer(e->intended_ms));
    return doc;
}

static void post_next(struct posting *p);

static void posted(struct kept *k, json_t *doc, const struct error *err)
{
    struct posting *p = (struct posting *)k;
    if (!doc) {
        kept_failed(k, KEPT_POST, k->flow.effect.key, err);
        return;
    }
    add_post(p, doc);
    post_next(p);
}

static void post_next(struct posting *p)
{
    const struct effect *e = &p->kept.flow.effect;
    const char *name = json_string_value(json_array_get(json_object_get(e->args, "channels"), p->at));
    if (!name) {
        posted_all(p);
        return;
    }
    struct arena *a = &p->kept.flow.arena;
    const char *channel = chat_channel_name(name, a);
    const char *id = arena_printf(a, "%s#%s", e->key, channel);
    kept_put(&p->kept, KEPT_POST, id, post_of(p, id, channel), posted);
}

static struct task *post(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    (void)progress;
    if (json_array_size(json_object_get(e->args, "channels")) == 0)
        return task_done(s, done, ctx, json_pack("{s:[]}", "posts"));
    struct posting *p = posting_new(s, e, done, ctx);
    post_next(p);
    return &p->kept.flow.task;
}

static void edit_next(struct posting *p);

static void edited(struct kept *k, json_t *doc, const struct error *err)
{
    struct posting *p = (struct posting *)k;
    if (!doc) {
        kept_failed(k, KEPT_POST, k->flow.effect.key, err);
        return;
    }
    add_post(p, doc);
    edit_next(p);
}

static void edit_next(struct posting *p)
{
    const struct effect *e = &p->kept.flow.effect;
    const json_t *its = json_array_get(chat_posts(json_object_get(e->args, "posts")), p->at);
    if (!its) {
        posted_all(p);
        return;
    }
    json_t *patch =
        json_pack("{s:s, s:I}", "text", json_str(e->args, "text", ""), "edited", (json_int_t)e->intended_ms);
    kept_patch(&p->kept, KEPT_POST, json_str(its, "ts", ""), patch, edited);
}

static struct task *edit(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                         void *ctx)
{
    (void)progress;
    if (json_array_size(chat_posts(json_object_get(e->args, "posts"))) == 0)
        return task_done(s, done, ctx, json_pack("{s:[]}", "posts"));
    struct posting *p = posting_new(s, e, done, ctx);
    edit_next(p);
    return &p->kept.flow.task;
}

/* --- who has joined --------------------------------------------------------------------------- */

static void members_read(struct kept *k, json_t *doc, const struct error *err)
{
    if (!doc && err && err->code != SB_UNKNOWN) {
        kept_failed(k, KEPT_CHANNEL, json_str(k->flow.effect.args, "channel", ""), err);
        return;
    }
    json_t *joined = json_array(), *absent = json_array();
    size_t i;
    json_t *mail;
    json_array_foreach(json_object_get(k->flow.effect.args, "people"), i, mail) {
        bool there =
            json_is_string(mail) && json_object_get(json_object_get(doc, "members"), json_string_value(mail));
        json_array_append(there ? joined : absent, mail);
    }
    flow_done(&k->flow, json_pack("{s:o, s:o}", "joined", joined, "absent", absent));
}

static struct task *joined(struct system *s, const struct effect *e, outcome_fn *done, progress_fn *progress,
                           void *ctx)
{
    struct kept *k = kept_new(sizeof *k, s, e, done, progress, ctx);
    kept_get(k, KEPT_CHANNEL, chat_channel_name(json_str(e->args, "channel", ""), &k->flow.arena),
             members_read);
    return &k->flow.task;
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    (void)file;
    struct kept_system *k = kept_open(sizeof *k, d, config, around, err);
    return k ? &k->system : NULL;
}

static const char *const keys[] = {"url", NULL};

const struct driver timeline_driver = {
    .role = ROLE_CHAT,
    .name = "timeline",
    .says = "keeps messages as the change's timeline in Signalbox's own store",
    .keys = keys,
    .open = open_system,
    .close = kept_close,
    .check = kept_check,
    .verbs =
        {
            {"channel", channel, NULL, true},
            {"post", post, NULL, true},
            {"edit", edit, NULL, true},
            {"joined", joined, NULL, false},
        },
};
