/* jira_ticket.c: moving the ticket, comments, links. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/adf.h"
#include "systems/jira_driver.h"
#include <string.h>
#include <strings.h>

enum { COMMENTS_A_PAGE = 100, PAGES_MAX = 10 };

static const char *arg(const struct flow *f, const char *name)
{
    return json_str(f->effect.args, name, "");
}

/* "/rest/api/3/issue/OPS-118" and the rest. */
static char *ticket_path(struct flow *f, const char *rest)
{
    return jira_path(f, "/issue/%s%s", jira_encoded(f, arg(f, "ticket")), rest);
}

/* --- transition
 * ------------------------------------------------------------------------------------------------ */

struct move {
    struct jira_flow t; /* first */
    const char *status; /* the ticket's now, then the one it is moved to */
};

static void moved(struct move *m, const char *status)
{
    flow_done(&m->t.f, json_pack("{s:s}", "status", status));
}

static void on_moved(struct flow *f, const struct http_reply *reply)
{
    struct move *m = (struct move *)f;
    if (reply->error.code == SB_OK && reply->status >= 200 && reply->status < 300)
        moved(m, m->status);
    else
        flow_failed_send(f, reply);
}

/* By its own name first: two transitions may lead to one status. */
static const json_t *transition_to(const json_t *transitions, const char *to)
{
    static const char *const by[] = {"name", "to.name"};
    for (size_t k = 0; k < COUNT_OF(by); k++)
        for (size_t i = 0; i < json_array_size(transitions); i++) {
            const json_t *t = json_array_get(transitions, i);
            if (strcasecmp(json_str(t, by[k], ""), to) == 0)
                return t;
        }
    return NULL;
}

static void not_offered(struct move *m, const json_t *transitions)
{
    _cleanup_buf_ struct buf offers = {0};
    for (size_t i = 0; i < json_array_size(transitions); i++) {
        const json_t *t = json_array_get(transitions, i);
        buf_printf(&offers, "%s\"%.60s\" (to %.60s)", i ? ", " : "", json_str(t, "name", "?"),
                   json_str(t, "to.name", "?"));
    }
    flow_ends(&m->t.f, OUTCOME_FAILED, SB_STATE,
              "the ticket %s is in \"%.60s\", from where there is no transition \"%.60s\"; there %s%.800s%s",
              arg(&m->t.f, "ticket"), m->status, arg(&m->t.f, "to"), offers.len ? "is " : "are none",
              buf_str(&offers), offers.len ? "" : " that the account may make: give it Transition Issues");
}

/* The wanted one in Jira's own spelling; NULL when it is not asked for or not offered. */
static const char *offered_resolution(const json_t *asked, const char *wanted)
{
    const json_t *offers = json_object_get(asked, "allowedValues");
    for (size_t i = 0; i < json_array_size(offers); i++)
        if (strcasecmp(json_str(json_array_get(offers, i), "name", ""), wanted) == 0)
            return json_str(json_array_get(offers, i), "name", "");
    return asked && !json_is_array(offers) && *wanted ? wanted : NULL;
}

static void no_resolution(struct move *m, const json_t *asked)
{
    _cleanup_buf_ struct buf offers = {0};
    const json_t *all = json_object_get(asked, "allowedValues");
    for (size_t i = 0; i < json_array_size(all); i++)
        buf_printf(&offers, "%s\"%.60s\"", i ? ", " : "", json_str(json_array_get(all, i), "name", "?"));
    const char *wanted = arg(&m->t.f, "resolution");
    flow_ends(
        &m->t.f, OUTCOME_FAILED, SB_MISSING,
        "Jira moves the ticket %s to \"%.60s\" only with a resolution: %.800s. The page's step gives %s%.60s%s",
        arg(&m->t.f, "ticket"), m->status, buf_str(&offers), *wanted ? "\"" : "none", wanted,
        *wanted ? "\", which is none of them" : "");
}

static void on_transitions(struct flow *f, const struct http_reply *reply)
{
    struct move *m = (struct move *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *transitions = json_object_get(answer, "transitions");
    if (!json_is_array(transitions)) {
        flow_failed_look(f, reply);
        return;
    }
    const json_t *t = transition_to(transitions, arg(f, "to"));
    if (!t) {
        not_offered(m, transitions);
        return;
    }
    if (strcasecmp(json_str(t, "to.name", ""), m->status) == 0) {
        moved(m, m->status);
        return;
    }
    m->status = arena_strdup(&f->arena, json_str(t, "to.name", arg(f, "to")));
    _cleanup_json_ json_t *body = json_pack("{s:{s:s}}", "transition", "id", json_str(t, "id", ""));
    const json_t *asked = json_path(t, "fields.resolution");
    const char *resolution = offered_resolution(asked, arg(f, "resolution"));
    if (!resolution && json_flag(asked, "required", false)) {
        no_resolution(m, asked);
        return;
    }
    if (resolution) /* Jira refuses a field that is not on the transition's screen */
        json_object_set_new(body, "fields", json_pack("{s:{s:s}}", "resolution", "name", resolution));
    flow_json(f, "POST", arena_printf(&f->arena, "move the ticket to %.60s", m->status),
              ticket_path(f, "/transitions"), body, false, on_moved);
}

static void on_status(struct flow *f, const struct http_reply *reply)
{
    struct move *m = (struct move *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *issue = http_json(f->peer, &f->request, reply, &err);
    const char *status = json_str(issue, "fields.status.name", NULL);
    if (!status) {
        flow_failed_look(f, reply);
        return;
    }
    m->status = arena_strdup(&f->arena, status);
    if (strcasecmp(status, arg(f, "to")) == 0)
        moved(m, m->status);
    else
        flow_get(f, "list the ticket's transitions", ticket_path(f, "/transitions?expand=transitions.fields"),
                 on_transitions);
}

struct task *jira_act_transition(struct system *s, const struct effect *e, outcome_fn *done,
                                 UNUSED progress_fn *progress, void *ctx)
{
    struct move *m = jira_flow_new(sizeof *m, s, e, done, ctx);
    flow_get(&m->t.f, "read the ticket", ticket_path(&m->t.f, "?fields=status"), on_status);
    return &m->t.f.task;
}

/* --- comments
 * -------------------------------------------------------------------------------------------------- */

static void commented(struct flow *f, const json_t *comment)
{
    flow_done(f, json_pack("{s:s}", "id", json_str(comment, "id", "")));
}

static void on_commented(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *comment = http_json(f->peer, &f->request, reply, &err);
    if (*json_str(comment, "id", ""))
        commented(f, comment);
    else
        flow_failed_send(f, reply);
}

struct task *jira_act_comment(struct system *s, const struct effect *e, outcome_fn *done,
                              UNUSED progress_fn *progress, void *ctx)
{
    struct jira_flow *t = jira_flow_new(sizeof *t, s, e, done, ctx);
    _cleanup_json_ json_t *body = json_pack("{s:o, s:o}", "body", adf_of_markdown(arg(&t->f, "text")),
                                            "properties", jira_properties(&t->f));
    flow_json(&t->f, "POST", "comment on the ticket", ticket_path(&t->f, "/comment"), body, false,
              on_commented);
    return &t->f.task;
}

struct reading {
    struct jira_flow t; /* first */
    int page, pass;
};

static void read_comments(struct flow *f);

static bool is_ours(const struct flow *f, const json_t *comment)
{
    const json_t *properties = json_object_get(comment, "properties");
    for (size_t i = 0; i < json_array_size(properties); i++) {
        const json_t *p = json_array_get(properties, i);
        if (str_eq(json_str(p, "key", ""), JIRA_PROPERTY) &&
            str_eq(json_str(p, "value.key", ""), f->effect.key))
            return true;
    }
    return false;
}

static void on_comments(struct flow *f, const struct http_reply *reply)
{
    struct reading *r = (struct reading *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *comments = json_object_get(answer, "comments");
    if (!json_is_array(comments)) {
        flow_failed_find(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(comments); i++)
        if (is_ours(f, json_array_get(comments, i))) {
            commented(f, json_array_get(comments, i));
            return;
        }
    if (json_array_size(comments) >= COMMENTS_A_PAGE) {
        if (++r->page < PAGES_MAX)
            read_comments(f);
        else
            flow_ends(f, OUTCOME_CANNOT_TELL, SB_LIMIT, "the ticket %s has more than %d comments",
                      arg(f, "ticket"), PAGES_MAX * COMMENTS_A_PAGE);
        return;
    }
    r->page = 0;
    if (r->pass++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(5), SECONDS(1)), read_comments);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "the ticket %s has no comment with the key %s",
                  arg(f, "ticket"), f->effect.key);
}

/* The newest first: ours is among them. */
static void read_comments(struct flow *f)
{
    char *rest =
        arena_printf(&f->arena, "/comment?expand=properties&orderBy=-created&startAt=%d&maxResults=%d",
                     ((struct reading *)f)->page * COMMENTS_A_PAGE, COMMENTS_A_PAGE);
    flow_get(f, "read the ticket's comments", ticket_path(f, rest), on_comments);
}

struct task *jira_find_comment(struct system *s, const struct effect *e, outcome_fn *done,
                               UNUSED progress_fn *progress, void *ctx)
{
    struct reading *r = jira_flow_new(sizeof *r, s, e, done, ctx);
    read_comments(&r->t.f);
    return &r->t.f.task;
}

/* --- links
 * ----------------------------------------------------------------------------------------------------- */

static void on_linked(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *link = http_json(f->peer, &f->request, reply, &err);
    const json_t *id = json_object_get(link, "id");
    if (json_is_integer(id))
        flow_done(f, json_pack("{s:o}", "id", json_sprintf("%lld", (long long)json_integer_value(id))));
    else if (json_is_string(id))
        flow_done(f, json_pack("{s:O}", "id", id));
    else
        flow_failed_send(f, reply);
}

struct task *jira_act_link(struct system *s, const struct effect *e, outcome_fn *done,
                           UNUSED progress_fn *progress, void *ctx)
{
    struct jira_flow *t = jira_flow_new(sizeof *t, s, e, done, ctx);
    struct flow *f = &t->f;
    _cleanup_json_ json_t *body =
        json_pack("{s:o, s:{s:s, s:s}}", "globalId", json_sprintf("signalbox:%s", f->effect.key), "object",
                  "url", arg(f, "url"), "title", *arg(f, "title") ? arg(f, "title") : arg(f, "url"));
    flow_json(f, "POST", "link a page to the ticket", ticket_path(f, "/remotelink"), body, true, on_linked);
    return &f->task;
}
