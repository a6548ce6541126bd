/* slack.c: the chat driver for Slack: configuration, calls, and what their failures mean.
 *
 * Slack answers 200 to nearly everything and says in the body whether it did it. */
#include "systems/slack.h"
#include "base/buf.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {CONFIG_PEER_KEYS, "private_channels", "channels", NULL};

/* --- calls
 * ------------------------------------------------------------------------------------------------------ */

static void slack_flow_free(struct flow *f)
{
    json_decref(((struct slack_flow *)f)->posts);
}

void *slack_flow_new(size_t size, struct system *system, const struct effect *e, outcome_fn *done,
                     progress_fn *progress, void *ctx)
{
    struct slack *s = (struct slack *)system;
    struct slack_flow *t = flow_new(size, system, s->peer, e, done, progress, ctx);
    t->s = s;
    t->f.on_free = slack_flow_free;
    return t;
}

static void answered(struct flow *f, const struct http_reply *reply)
{
    struct slack_flow *t = (struct slack_flow *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer =
        reply->status == 200 ? http_json(f->peer, &f->request, reply, &err) : NULL;
    bool understood = json_is_boolean(json_object_get(answer, "ok"));
    t->on_answer(t, understood ? answer : NULL, reply);
}

static void add_argument(struct buf *query, const char *name, const json_t *value)
{
    buf_addc(query, query->len ? '&' : '?');
    buf_add_url(query, name);
    buf_addc(query, '=');
    if (json_is_string(value))
        buf_add_url(query, json_string_value(value));
    else if (json_is_integer(value))
        buf_printf(query, "%lld", (long long)json_integer_value(value));
    else
        buf_adds(query, json_is_true(value) ? "true" : "false");
}

void slack_look(struct slack_flow *t, const char *what, const char *method, json_t *args, slack_answer *then)
{
    _cleanup_json_ json_t *owned = args;
    _cleanup_buf_ struct buf query = {0};
    const char *name;
    json_t *value;
    json_object_foreach(owned, name, value) {
        add_argument(&query, name, value);
    }
    t->on_answer = then;
    flow_get(&t->f, what, arena_printf(&t->f.arena, "/%s%s", method, buf_str(&query)), answered);
}

void slack_act(struct slack_flow *t, const char *what, const char *method, json_t *args, bool repeatable,
               slack_answer *then)
{
    _cleanup_json_ json_t *owned = args;
    t->on_answer = then;
    flow_json(&t->f, "POST", what, arena_printf(&t->f.arena, "/%s", method), owned, repeatable, answered);
}

bool slack_next_page(struct slack_flow *t, const json_t *answer)
{
    const char *cursor = json_str(answer, "response_metadata.next_cursor", "");
    if (!*cursor || strlen(cursor) >= sizeof t->cursor || ++t->pages >= SLACK_PAGES_MAX) {
        *t->cursor = '\0';
        return false;
    }
    memcpy(t->cursor, cursor, strlen(cursor) + 1);
    return true;
}

/* --- failures
 * ---------------------------------------------------------------------------------------------------- */

const char *slack_error(const json_t *answer)
{
    return json_flag(answer, "ok", false) ? NULL : json_str(answer, "error", "no reason given");
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(word, *words))
            return true;
    return false;
}

static const char *advice(const char *error)
{
    static const struct {
        const char *error, *advice;
    } rows[] = {
        {"not_in_channel", "Invite the app to the channel (/invite)"},
        {"channel_not_found", "The channel does not exist, or it is private and the app was not invited"},
        {"is_archived", "The channel is archived: unarchive it or name another"},
        {"missing_scope", "Give the app the scope it needs and install it again"},
        {"invalid_auth", "The token is not valid"},
        {"token_revoked", "The token was revoked"},
        {"token_expired", "The token has expired"},
        {"account_inactive", "The app was removed from the workspace"},
        {"not_authed", "No token was sent"},
        {"msg_too_long", "The message is too long for Slack"},
        {"message_not_found", "The message was deleted"},
        {"restricted_action", "A workspace preference keeps the app from this"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eq(error, rows[i].error))
            return rows[i].advice;
    return NULL;
}

/* Slack's further words: what scope is needed, which argument is wrong. */
static const char *further_words(const json_t *answer)
{
    const char *needed = json_str(answer, "needed", NULL);
    return needed ? needed : json_str(answer, "response_metadata.messages.0", NULL);
}

struct outcome slack_failure(struct slack_flow *t, const json_t *answer, const struct http_reply *reply,
                             bool acted)
{
    static const char *const passing[] = {"ratelimited", "rate_limited", NULL};
    static const char *const inner[] = {"internal_error",      "fatal_error",     "request_timeout",
                                        "service_unavailable", "no reason given", NULL};
    static const char *const denied[] = {
        "invalid_auth",     "not_authed", "token_revoked", "token_expired", "missing_scope",
        "account_inactive", NULL};
    const struct http_request *r = &t->f.request;
    if (!answer)
        return acted ? outcome_of_failed_send(t->f.peer, r, reply)
                     : outcome_of_failed_look(t->f.peer, r, reply);
    const char *error = slack_error(answer);
    struct outcome o = {.kind = OUTCOME_FAILED};
    if (is_one_of(error, passing)) {
        o.kind = OUTCOME_RETRY;
        o.retry_after_ms = SECONDS(30);
    } else if (is_one_of(error, inner)) {
        o.kind = acted ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    }
    const char *further = further_words(answer);
    const char *tip = advice(error);
    (void)error_set(&o.error, is_one_of(error, denied) ? SB_DENIED : SB_REMOTE,
                    "slack: %s: %.100s%s%.200s%s%s%s", r->what, error, further ? " (" : "",
                    further ? further : "", further ? ")" : "", tip ? ". " : "", tip ? tip : "");
    return o;
}

void slack_end(struct slack_flow *t, struct outcome *o)
{
    _cleanup_json_ json_t *result = t->posts ? json_pack("{s:O}", "posts", t->posts) : NULL;
    o->result = result;
    flow_end(&t->f, o);
}

void slack_look_failed(struct slack_flow *t, const json_t *answer, const struct http_reply *reply)
{
    struct outcome o = slack_failure(t, answer, reply, false);
    if (t->finding && o.kind == OUTCOME_FAILED)
        o.kind = OUTCOME_CANNOT_TELL;
    slack_end(t, &o);
}

/* --- doctor
 * ------------------------------------------------------------------------------------------------------- */

struct look {
    struct checks c; /* first: what the calls need of a slack_flow is not used here */
    struct slack *s;
    char cursor[256];
    int pages;
    json_t *found;
};

static void look_free(struct flow *f)
{
    json_decref(((struct look *)f)->found);
}

static bool has_scope(const char *scopes, const char *scope)
{
    size_t n = strlen(scope);
    for (const char *s = scopes; (s = strstr(s, scope)) != NULL; s += n) {
        bool begins = s == scopes || s[-1] == ',' || s[-1] == ' ';
        if (begins && (s[n] == ',' || s[n] == ' ' || s[n] == '\0'))
            return true;
    }
    return false;
}

static void check_scopes(struct look *w, const char *scopes)
{
    static const struct {
        const char *scope, *without;
        enum check_state state;
    } needed[] = {
        {"chat:write", "nothing can be posted", CHECK_FAIL},
        {"channels:read", "channels cannot be found by name", CHECK_FAIL},
        {"channels:history", "a message cannot be found again after a crash: a person will be asked",
         CHECK_FAIL},
        {"channels:manage", "no channel can be made for a change", CHECK_WARN},
        {"users:read.email", "people cannot be mentioned, invited or seen to join", CHECK_WARN},
    };
    if (!scopes) {
        checks_add(&w->c, CHECK_WARN, "scopes", "Slack did not tell them");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        bool there = has_scope(scopes, needed[i].scope);
        char *what = arena_printf(&w->c.f.arena, "scope %s", needed[i].scope);
        checks_add(&w->c, there ? CHECK_OK : needed[i].state, what, "%s%s",
                   there ? "granted" : "not granted: ", there ? "" : needed[i].without);
    }
}

static void list_channels(struct look *w);

static void tell_channels(struct look *w)
{
    for (size_t i = 0; i < json_array_size(w->s->wanted); i++) {
        const char *name = json_string_value(json_array_get(w->s->wanted, i));
        const json_t *there = json_object_get(w->found, *name == '#' ? name + 1 : name);
        char *what = arena_printf(&w->c.f.arena, "channel %s", name);
        if (!there)
            checks_add(&w->c, CHECK_FAIL, what,
                       "not found: it does not exist, or it is private and the app was not invited");
        else
            checks_add(&w->c, CHECK_OK, what,
                       json_is_true(there) ? "found, and the app is in it"
                                           : "found; the app joins when it posts");
    }
    checks_end(&w->c);
}

static void on_channels(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (slack_error(answer)) {
        checks_add(&w->c, CHECK_FAIL, "channels", "%s", answer ? slack_error(answer) : err.text);
        checks_end(&w->c);
        return;
    }
    const json_t *channels = json_object_get(answer, "channels");
    for (size_t i = 0; i < json_array_size(channels); i++) {
        const json_t *c = json_array_get(channels, i);
        const char *name = json_str(c, "name", NULL);
        if (name)
            json_object_set_new(w->found, name, json_boolean(json_flag(c, "is_member", false)));
    }
    const char *cursor = json_str(answer, "response_metadata.next_cursor", "");
    if (!*cursor || strlen(cursor) >= sizeof w->cursor || ++w->pages >= SLACK_PAGES_MAX) {
        tell_channels(w);
        return;
    }
    memcpy(w->cursor, cursor, strlen(cursor) + 1);
    list_channels(w);
}

static void list_channels(struct look *w)
{
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path,
             "/conversations.list?types=public_channel,private_channel&exclude_archived=true&limit=1000");
    if (*w->cursor) {
        buf_adds(&path, "&cursor=");
        buf_add_url(&path, w->cursor);
    }
    flow_get(&w->c.f, "list the channels", arena_strdup(&w->c.f.arena, buf_str(&path)), on_channels);
}

static void on_auth(struct flow *f, const struct http_reply *reply)
{
    struct look *w = (struct look *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (slack_error(answer)) {
        const char *tip = answer ? advice(slack_error(answer)) : NULL;
        checks_add(&w->c, CHECK_FAIL, "signed in", "%s%s%s", answer ? slack_error(answer) : err.text,
                   tip ? ". " : "", tip ? tip : "");
        checks_end(&w->c);
        return;
    }
    checks_add(&w->c, CHECK_OK, "signed in", "to %.100s as %.100s", json_str(answer, "team", "?"),
               json_str(answer, "user", json_str(answer, "user_id", "?")));
    check_scopes(w, http_reply_header(reply, "x-oauth-scopes"));
    checks_clock(&w->c, reply);
    if (json_array_size(w->s->wanted))
        list_channels(w);
    else
        checks_end(&w->c);
}

static void slack_check(struct system *system, check_fn *done, void *ctx)
{
    struct slack *s = (struct slack *)system;
    struct look *w = checks_new(sizeof *w, system, s->peer, done, ctx);
    w->s = s;
    w->found = json_object();
    w->c.f.on_free = look_free;
    flow_json(&w->c.f, "POST", "ask who is signed in", "/auth.test", NULL, true, on_auth);
}

/* --- configuration
 * -------------------------------------------------------------------------------------------------- */

static void slack_close(struct system *system)
{
    struct slack *s = (struct slack *)system;
    tasks_cancel(system);
    if (s->peer)
        http_peer_free(s->peer);
    json_decref(s->channels);
    json_decref(s->people);
    json_decref(s->next);
    json_decref(s->wanted);
    arena_free(&s->arena);
    free(s);
}

static bool read_wanted(struct slack *s, const struct yaml *config, const char *file, struct error *err)
{
    s->wanted = json_array();
    const struct yaml *list = yaml_get(config, "channels");
    if (list && list->kind != YAML_LIST)
        return error_at(err, SB_PARSE, file, list->line, list->column, "channels: expected a list of names");
    for (int i = 0; list && i < list->n; i++) {
        const struct yaml *y = list->items[i];
        if (y->kind != YAML_SCALAR || !y->text || !*y->text)
            return error_at(err, SB_PARSE, file, y->line, y->column, "channels: expected a name");
        json_array_append_new(s->wanted, json_string(y->text));
    }
    return true;
}

static bool configure(struct slack *s, const struct yaml *config, const char *file, struct error *err)
{
    struct http_peer_options o;
    struct http_peer_options defaults = {
        .name = "slack",
        .base_url = "https://slack.com/api",
        .auth = HTTP_AUTH_BEARER,
        .total_ms = (int)SECONDS(30),
    };
    if (!config_peer(config, file, &defaults, &s->arena, &o, err) || !read_wanted(s, config, file, err))
        return false;
    const char *private = config_str(config, "private_channels", "false");
    s->private_channels = str_eq(private, "true");
    if (!s->private_channels && !str_eq(private, "false")) {
        const struct yaml *y = yaml_get(config, "private_channels");
        return error_at(err, SB_PARSE, file, y->line, y->column, "private_channels: expected true or false");
    }
    s->peer = http_peer_new(s->system.around->http, &o, err);
    return s->peer != NULL;
}

static struct system *slack_open(const struct driver *d, const struct yaml *config, const char *file,
                                 struct surroundings *around, struct error *err)
{
    struct slack *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->system = (struct system){.driver = d, .name = d->name, .around = around};
    s->arena = arena_make();
    s->channels = json_object();
    s->people = json_object();
    s->next = json_object();
    if (configure(s, config, file, err))
        return &s->system;
    slack_close(&s->system);
    return NULL;
}

const struct driver slack_driver = {
    .role = ROLE_CHAT,
    .name = "slack",
    .says = "posts, edits and threads messages in Slack, makes channels, sees who has joined",
    .keys = keys,
    .open = slack_open,
    .close = slack_close,
    .check = slack_check,
    .verbs =
        {
            {.verb = "channel", .perform = slack_act_channel, .repeatable = true},
            {.verb = "post", .perform = slack_act_post, .find = slack_post_find},
            {.verb = "edit", .perform = slack_edit, .repeatable = true},
            {.verb = "joined", .perform = slack_joined},
            {.verb = NULL},
        },
};
