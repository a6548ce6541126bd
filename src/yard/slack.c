/* Slack's Web API: always 200 and `ok`, but for too many requests. */
#include "yard/slack.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char scopes[] = "chat:write,channels:manage,channels:read,channels:history,channels:join,groups:"
                             "read,groups:write,groups:history,"
                             "users:read,users:read.email,files:write,commands";

/* --- arguments --------------------------------------------------------------------------------------- */

const char *slack_arg(struct slack *s, const char *name)
{
    const json_t *v = json_object_get(s->body, name);
    if (!s->body)
        return call_arg(s->c, name);
    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_integer(v))
        return arena_printf(s->c->a, "%lld", (long long)json_integer_value(v));
    return json_is_boolean(v) ? (json_is_true(v) ? "true" : "false") : NULL;
}

bool slack_flag(struct slack *s, const char *name)
{
    const char *v = slack_arg(s, name);
    return v && (str_eq(v, "true") || str_eq(v, "1"));
}

json_t *slack_value(struct slack *s, const char *name, bool *bad)
{
    const json_t *v = json_object_get(s->body, name);
    if (v && !json_is_string(v))
        return json_deep_copy(v);
    const char *text = slack_arg(s, name);
    json_t *read = text && *text ? json_read(text, strlen(text), 1 << 20, name, NULL) : NULL;
    *bad = *bad || (text && *text && !read);
    return read;
}

/* --- answers ----------------------------------------------------------------------------------------- */

void slack_ok(struct slack *s, json_t *fields)
{
    json_t *all = json_pack("{s:b}", "ok", 1);
    json_object_update(all, fields);
    json_decref(fields);
    call_answer(s->c, 200, all);
}

void slack_no(struct slack *s, const char *error)
{
    call_answer(s->c, 200, json_pack("{s:b, s:s}", "ok", 0, "error", error));
}

/* A cursor is the base64 of "next:" and the place to go on at. */
bool slack_page(struct slack *s, json_t *all, long usual, long most, char next[32])
{
    const char *cursor = slack_arg(s, "cursor"), *asked = slack_arg(s, "limit");
    long limit = asked && *asked ? strtol(asked, NULL, 10) : usual;
    unsigned long from = 0;
    next[0] = '\0';
    if (cursor && *cursor) {
        size_t n = 0;
        uint8_t *text = base64_decode(cursor, strlen(cursor), false, &n);
        char *copied = text ? arena_strndup(s->c->a, (const char *)text, n) : NULL;
        free(text);
        if (!copied || sscanf(copied, "next:%lu", &from) != 1) {
            slack_no(s, "invalid_cursor");
            return false;
        }
    }
    if (limit < 1 || limit > most) {
        slack_no(s, "invalid_limit");
        return false;
    }
    size_t total = json_array_size(all), end = from + (size_t)limit;
    while (json_array_size(all) > end)
        json_array_remove(all, json_array_size(all) - 1);
    for (size_t i = 0; i < from && json_array_size(all) > 0; i++)
        json_array_remove(all, 0);
    if (total > end) {
        const char *place = arena_printf(s->c->a, "next:%zu", end);
        char *coded = base64_encode(place, strlen(place), false);
        snprintf(next, 32, "%s", coded);
        free(coded);
    }
    return true;
}

/* --- methods that concern nothing -------------------------------------------------------------------- */

static void auth_test(struct slack *s)
{
    slack_ok(s, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "url", "https://retail.slack.example/",
                          "team", "Retail", "user", "signalbox", "team_id", SLACK_TEAM, "user_id",
                          SLACK_BOT_USER, "bot_id", SLACK_BOT, "is_enterprise_install", 0));
}

static void api_test(struct slack *s)
{
    slack_ok(s, json_object());
}

static const struct {
    const char *name;
    bool json; /* takes a JSON body; the others read a form or the query, and do not see one */
    slack_method *serve;
} methods[] = {
    {"api.test", true, api_test},
    {"auth.test", true, auth_test},
    {"chat.delete", true, slack_delete},
    {"chat.getPermalink", false, slack_permalink},
    {"chat.postEphemeral", true, slack_ephemeral},
    {"chat.postMessage", true, slack_post},
    {"chat.update", true, slack_update},
    {"conversations.archive", true, slack_archive},
    {"conversations.create", true, slack_create},
    {"conversations.history", false, slack_history},
    {"conversations.info", false, slack_info},
    {"conversations.invite", true, slack_invite},
    {"conversations.join", true, slack_join},
    {"conversations.leave", true, slack_leave},
    {"conversations.list", false, slack_list},
    {"conversations.members", false, slack_members},
    {"conversations.replies", false, slack_replies},
    {"conversations.setPurpose", true, slack_purpose},
    {"conversations.setTopic", true, slack_topic},
    {"files.completeUploadExternal", true, slack_upload_done},
    {"files.getUploadURLExternal", false, slack_upload_url},
    {"users.info", false, slack_user_info},
    {"users.list", false, slack_user_list},
    {"users.lookupByEmail", false, slack_lookup},
};

/* --- serving ----------------------------------------------------------------------------------------- */

static const char *sign_in_fault(struct slack *s)
{
    const char *secret = yard_secret(s->c->y, "slack"), *field = slack_arg(s, "token");
    if (call_signed_in(s->c, "Bearer", secret) || (field && str_eq(field, secret)))
        return NULL;
    return request_header(s->c->x, "Authorization") || field ? "invalid_auth" : "not_authed";
}

static bool is_json(const struct call *c)
{
    const char *type = request_header(c->x, "Content-Type");
    return type && strncasecmp(type, "application/json", 16) == 0;
}

static void serve_method(struct call *c, const char *name)
{
    struct slack s = {.c = c};
    _cleanup_json_ json_t *body = is_json(c) ? call_json(c) : NULL;
    const char *fault = sign_in_fault(&s);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (!str_eq(methods[i].name, name))
            continue;
        s.body = methods[i].json ? body : NULL;
        if (fault)
            slack_no(&s, fault);
        else if (methods[i].json && is_json(c) && !body && c->r->body_len > 0)
            slack_no(&s, "invalid_json");
        else
            methods[i].serve(&s);
        return;
    }
    slack_no(&s, "unknown_method");
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    yard_answer_header(y, x, "x-oauth-scopes", scopes);
    yard_answer_header(y, x, "x-slack-req-id", stable_id(c.a, 32, "%lld", (long long)c.now));
    if (route_fits(&c, "/api/*"))
        serve_method(&c, c.part[0]);
    else if (route_fits(&c, "/upload/v1/*"))
        slack_upload_bytes(&c);
    else
        call_answer_text(&c, 404, "text/html", "Not found");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out, "    driver: slack\n    url: %s/api\n    token: \"file:%s/slack\"\n", url, secrets_dir);
}

const struct stand_in slack_stand_in = {
    .name = "slack",
    .imitates = "Slack's Web API",
    .role = "chat",
    .world = slack_world,
    .serve = serve,
    .configure = configure,
};
