/* mail_chat.c: the chat driver for teams that announce by mail: a channel is a list's address or the people
 * invited, a thread is what mail programs make of References.
 *
 * A mail's id comes from the effect's key, so that readers and most servers take a second one of the same id for the
 * first. But nobody can be asked whether it arrived: an effect in doubt is a question to a person. */
#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "systems/chat.h"
#include "systems/checks.h"
#include "systems/drivers.h"
#include "systems/postbox.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SUBJECT_MAX = 100, LISTS_MAX = 200 };

struct mail_system {
    struct system system; /* first */
    struct arena arena;
    struct postbox box;
    json_t *lists;        /* name -> addresses, as a text */
    const char *fallback; /* of channels that no list names; or NULL */
};

/* --- who and what ------------------------------------------------------------------------------- */

/* The addresses of a channel as one text, which is its id: of a list, of its own when it is made of addresses. */
static const char *addresses_of(const struct mail_system *m, const char *channel, struct arena *a)
{
    const char *name = *channel == '#' ? channel + 1 : channel;
    if (strchr(name, '@'))
        return name;
    const char *list = json_string_value(json_object_get(m->lists, chat_channel_name(name, a)));
    return list ? list : m->fallback;
}

/* As people read it: without Markdown's backslashes, which are noise where nothing renders them. */
static char *plain(const char *markdown, struct arena *a)
{
    char *out = arena_strdup(a, markdown), *to = out;
    bool code = false;
    for (const char *s = out; *s; s++) {
        code ^= *s == '`';
        if (*s == '\\' && !code && ispunct((unsigned char)s[1]))
            s++;
        *to++ = *s;
    }
    *to = '\0';
    return out;
}

/* The first line without its marks: what people see in their list of mails. */
static const char *headline(const char *text, struct arena *a)
{
    text += strspn(text, "#*_> \n");
    size_t n = strcspn(text, "\n"), k = 0;
    char *out = arena_alloc(a, SUBJECT_MAX + 1);
    for (size_t i = 0, step; i < n; i += step) {
        uint32_t point;
        step = utf8_next(text + i, n - i, &point);
        step = step ? step : 1;
        if (k + step > SUBJECT_MAX)
            break;
        if (text[i] != '*' && text[i] != '`') {
            memcpy(out + k, text + i, step);
            k += step;
        }
    }
    return out;
}

/* --- posting, one channel after the other -------------------------------------------------------- */

struct posting {
    struct flow f; /* first */
    struct mail_system *m;
    struct mail_call *call;
    const json_t *channels; /* of a post; borrowed from the arguments */
    const json_t *edited;   /* of an edit: the posts; borrowed */
    size_t next;
    const char *name, *id, *subject, *message_id; /* at work */
    const json_t *opener;                         /* in whose thread */
    json_t *posts;
    struct buf refusals;
};

static void next_mail(struct posting *p);

static void posting_free(struct flow *f)
{
    struct posting *p = (struct posting *)f;
    mail_cancel(p->call);
    json_decref(p->posts);
    buf_free(&p->refusals);
}

static void end_posting(struct posting *p, struct outcome *o)
{
    _cleanup_json_ json_t *result = json_pack("{s:O}", "posts", p->posts);
    o->result = result;
    flow_end(&p->f, o);
}

static void refuse(struct posting *p, const char *words)
{
    buf_printf(&p->refusals, "%s%.80s: %.300s", p->refusals.len ? "; " : "", p->name, words);
    next_mail(p);
}

static void on_mail(void *ctx, const struct mail_reply *reply)
{
    struct posting *p = ctx;
    p->call = NULL;
    if (reply->kind == MAIL_REFUSED) {
        refuse(p, reply->error.text);
        return;
    }
    if (reply->kind != MAIL_TAKEN) {
        struct outcome o = outcome_of_mail(reply);
        end_posting(p, &o);
        return;
    }
    /* An edited post stays the one that opened the thread. */
    const char *ts = p->edited ? json_str(p->opener, "ts", p->message_id) : p->message_id;
    json_array_append_new(p->posts, json_pack("{s:s, s:s, s:s, s:s, s:s}", "channel", p->id, "name", p->name,
                                              "ts", ts, "url", "", "subject", p->subject));
    next_mail(p);
}

static const char *const *copies(struct posting *p, const char *const *to)
{
    const json_t *mention = json_object_get(p->f.effect.args, "mention");
    size_t n = 0;
    const char **cc = ARENA_ARRAY(&p->f.arena, json_array_size(mention) + 1, const char *);
    for (size_t i = 0; i < json_array_size(mention); i++) {
        const char *mail = json_string_value(json_array_get(mention, i));
        bool there = false;
        for (const char *const *one = to; *one; one++)
            there = there || (mail && strcasecmp(*one, mail) == 0);
        if (!there && mail_address_ok(mail))
            cc[n++] = mail;
    }
    return cc;
}

static void send_mail(struct posting *p)
{
    struct arena *a = &p->f.arena;
    const struct effect *e = &p->f.effect;
    struct error err = ERROR_NONE;
    const char *text = plain(json_str(e->args, "text", ""), a), *opened = json_str(p->opener, "ts", NULL);
    const char **references = ARENA_ARRAY(a, 2, const char *);
    references[0] = opened;
    const char *old = json_str(p->opener, "subject", NULL);
    p->subject = old ? old : arena_printf(a, "%s: %s", e->change, headline(text, a));
    p->message_id = message_id_of(arena_printf(a, "%s#%s", e->key, p->name), p->m->box.from, a);
    struct message m = {.to = postbox_addresses(p->id, a, NULL),
                        .subject = old ? arena_printf(a, "Re: %s", old) : p->subject,
                        .id = p->message_id,
                        .references = references,
                        .date = e->intended_ms,
                        .text = text};
    m.cc = copies(p, m.to);
    if (!*m.to)
        (void)error_set(&err, SB_UNKNOWN, "there is no mail address in it");
    else
        p->call = postbox_send(&p->m->box, &m, arena_printf(a, "mail to %s", p->name), on_mail, p, &err);
    if (!p->call)
        refuse(p, err.text);
}

static void all_sent(struct posting *p)
{
    struct outcome o = {.kind = OUTCOME_DONE};
    if (p->refusals.len) {
        o.kind = OUTCOME_FAILED;
        (void)error_set(&o.error, SB_REMOTE, "not mailed to everybody: %s", buf_str(&p->refusals));
    }
    end_posting(p, &o);
}

static void next_edit(struct posting *p)
{
    p->opener = json_array_get(p->edited, p->next++);
    if (!p->opener) {
        all_sent(p);
        return;
    }
    p->name = json_str(p->opener, "name", "");
    p->id = json_str(p->opener, "channel", "");
    if (chat_post_in(p->posts, p->id))
        next_mail(p);
    else
        send_mail(p);
}

static void next_mail(struct posting *p)
{
    if (p->edited) {
        next_edit(p);
        return;
    }
    const json_t *threads = chat_posts(json_object_get(p->f.effect.args, "thread"));
    while (p->next < json_array_size(p->channels)) {
        const char *channel = json_string_value(json_array_get(p->channels, p->next++));
        if (!channel || !*channel)
            continue;
        p->name = channel;
        p->id = addresses_of(p->m, channel, &p->f.arena);
        if (!p->id) {
            refuse(p, "there is no such list: name it under \"lists\", with its mail address");
            return;
        }
        if (chat_post_in(p->posts, p->id))
            continue;
        p->opener = chat_post_in(threads, p->id);
        send_mail(p);
        return;
    }
    all_sent(p);
}

static void begin(struct flow *f)
{
    next_mail((struct posting *)f);
}

static struct posting *posting_new(struct system *s, const struct effect *e, outcome_fn *done, void *ctx)
{
    struct posting *p = flow_new(sizeof *p, s, NULL, e, done, NULL, ctx);
    p->f.on_free = posting_free;
    p->m = (struct mail_system *)s;
    const json_t *earlier = chat_posts(e->parts);
    p->posts = earlier ? json_deep_copy(earlier) : json_array();
    flow_wait(&p->f, 0, begin);
    return p;
}

static struct task *post(struct system *s, const struct effect *e, outcome_fn *done,
                         UNUSED progress_fn *progress, void *ctx)
{
    struct posting *p = posting_new(s, e, done, ctx);
    p->channels = json_object_get(e->args, "channels");
    return &p->f.task;
}

/* A mail that was sent stays as it is: the new text goes into its thread. */
static struct task *edit(struct system *s, const struct effect *e, outcome_fn *done,
                         UNUSED progress_fn *progress, void *ctx)
{
    const json_t *posts = chat_posts(json_object_get(e->args, "posts"));
    if (!json_array_size(posts))
        return task_ends(s, done, ctx, OUTCOME_FAILED, "posts: expected the result of chat.post");
    struct posting *p = posting_new(s, e, done, ctx);
    p->edited = posts;
    return &p->f.task;
}

static struct task *find(struct system *s, const struct effect *e, outcome_fn *done,
                         UNUSED progress_fn *progress, void *ctx)
{
    return task_ends(s, done, ctx, OUTCOME_CANNOT_TELL,
                     "a mail server does not tell what it sent: look whether the mail of %s arrived",
                     e->change);
}

/* --- channels and people ------------------------------------------------------------------------- */

static struct task *channel(struct system *s, const struct effect *e, outcome_fn *done,
                            UNUSED progress_fn *progress, void *ctx)
{
    struct mail_system *m = (struct mail_system *)s;
    _cleanup_arena_ struct arena a = arena_make();
    _cleanup_buf_ struct buf people = {0};
    _cleanup_json_ json_t *absent = json_array();
    const char *name = chat_channel_name(json_str(e->args, "name", ""), &a);
    const char *list = json_string_value(json_object_get(m->lists, name));
    size_t i;
    json_t *mail;
    json_array_foreach(json_object_get(e->args, "invite"), i, mail) {
        if (!mail_address_ok(json_string_value(mail)))
            json_array_append(absent, mail);
        else
            buf_printf(&people, "%s%s", people.len ? ", " : "", json_string_value(mail));
    }
    const char *id = list ? list : people.len ? buf_str(&people) : m->fallback;
    if (!id)
        return task_ends(s, done, ctx, OUTCOME_FAILED,
                         "there is no list \"%s\", and nobody is invited: name it under \"lists\"", name);
    return task_done(
        s, done, ctx,
        json_pack("{s:s, s:s, s:b, s:O}", "channel", id, "name", name, "created", 0, "absent", absent));
}

/* Mail does not show who reads it. Everybody is absent, so everybody is reminded, and a person is asked. */
static struct task *joined(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    json_t *people = json_object_get(e->args, "people");
    return task_done(
        s, done, ctx,
        json_pack("{s:[], s:o}", "joined", "absent", people ? json_deep_copy(people) : json_array()));
}

/* --- doctor -------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first */
    struct mail_system *m;
    struct mail_call *call;
};

static void look_free(struct flow *f)
{
    mail_cancel(((struct look *)f)->call);
}

static void on_probe(void *ctx, const struct mail_reply *reply)
{
    struct look *w = ctx;
    w->call = NULL;
    bool works = reply->kind == MAIL_TAKEN;
    checks_add(&w->c, works ? CHECK_OK : CHECK_FAIL, "server", works ? "%s answers and lets us in" : "%s",
               works ? w->m->box.url : reply->error.text);
    if (w->m->box.plain)
        checks_add(&w->c, CHECK_WARN, "TLS", "mail goes to the server in the clear");
    size_t lists = json_object_size(w->m->lists);
    checks_add(&w->c, lists || w->m->fallback ? CHECK_OK : CHECK_WARN, "lists",
               lists || w->m->fallback ? "%zu, from %s" : "%zu: pages can only mail to addresses, from %s",
               lists, w->m->box.from);
    checks_end(&w->c);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct mail_system *m = (struct mail_system *)s;
    struct look *w = checks_new(sizeof *w, s, NULL, done, ctx);
    w->m = m;
    w->c.f.on_free = look_free;
    w->call = mail_probe(m->box.mailer, on_probe, w);
}

/* --- configuration ------------------------------------------------------------------------------- */

static const char *const keys[] = {CONFIG_MAIL_KEYS, "lists", "default", NULL};

static void mail_close(struct system *s)
{
    struct mail_system *m = (struct mail_system *)s;
    tasks_cancel(s);
    postbox_close(&m->box);
    json_decref(m->lists);
    arena_free(&m->arena);
    free(m);
}

static bool check_addresses(const struct yaml *y, const char *file, const char *what, struct arena *a,
                            struct error *err)
{
    _cleanup_json_ json_t *odd = json_array();
    bool some = y->kind == YAML_SCALAR && *postbox_addresses(y->text, a, odd);
    return (some && json_array_size(odd) == 0) ||
           error_at(err, SB_PARSE, file, y->line, y->column,
                    "%s: expected a mail address, or several with commas between them", what);
}

static bool read_lists(struct mail_system *m, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *lists = yaml_get(config, "lists"), *fallback = yaml_get(config, "default");
    m->lists = json_object();
    if (lists && (lists->kind != YAML_MAP || lists->n > LISTS_MAX))
        return error_at(err, SB_PARSE, file, lists->line, lists->column,
                        "lists: expected a map of channels to mail addresses, at most %d", LISTS_MAX);
    for (int i = 0; lists && i < lists->n; i++) {
        if (!check_addresses(lists->items[i], file, lists->keys[i]->text, &m->arena, err))
            return false;
        json_object_set_new(m->lists, chat_channel_name(lists->keys[i]->text, &m->arena),
                            json_string(lists->items[i]->text));
    }
    if (fallback && !check_addresses(fallback, file, "default", &m->arena, err))
        return false;
    m->fallback = fallback ? arena_strdup(&m->arena, fallback->text) : NULL;
    return true;
}

static struct system *mail_open(const struct driver *d, const struct yaml *config, const char *file,
                                struct surroundings *around, struct error *err)
{
    struct mail_system *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->system = (struct system){.driver = d, .name = d->name, .around = around};
    m->arena = arena_make();
    if (postbox_open(&m->box, around->loop, config, file, &m->arena, err) && read_lists(m, config, file, err))
        return &m->system;
    mail_close(&m->system);
    return NULL;
}

const struct driver mail_driver = {
    .role = ROLE_CHAT,
    .name = "mail",
    .says = "announces by mail: one thread a change and list",
    .keys = keys,
    .open = mail_open,
    .close = mail_close,
    .check = check,
    .verbs =
        {
            {"channel", channel, NULL, true},
            {"post", post, find, false},
            {"edit", edit, find, false},
            {"joined", joined, NULL, false},
        },
};
