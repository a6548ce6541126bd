/* jira_create.c: making the ticket and finding it again.
 *
 * Jira makes a second issue when it is asked twice. So the effect's key is a property of the issue, set in
 * the same request, and the change's id a label: JQL knows labels without any set-up, properties it would
 * have to index. The search index lags behind by seconds: it is asked twice before "not there" is believed,
 * and only an account that may see the project is believed at all, because for others Jira's lists are just
 * empty. */
#include "base/buf.h"
#include "base/instant.h"
#include "systems/adf.h"
#include "systems/jira_driver.h"
#include <ctype.h>
#include <string.h>

enum { ISSUES_A_PAGE = 50, PAGES_MAX = 5, INDEX_LAG_S = 15 };

static void created(struct flow *f, const char *key)
{
    const struct jira *j = ((struct jira_flow *)f)->j;
    _cleanup_buf_ struct buf url = {0};
    buf_printf(&url, "%s/browse/%s", j->browse, jira_encoded(f, key));
    flow_done(f, json_pack("{s:s, s:s}", "id", key, "url", buf_str(&url)));
}

/* --- create
 * ---------------------------------------------------------------------------------------------------- */

/* A label holds no white space; Jira refuses it. */
static json_t *label(const char *text)
{
    _cleanup_buf_ struct buf b = {0};
    for (; *text; text++)
        buf_addc(&b, isspace((unsigned char)*text) ? '-' : *text);
    return json_string(buf_str(&b));
}

/* "signalbox-hf-7" */
static char *change_label(struct flow *f)
{
    char *text = arena_printf(&f->arena, "signalbox-%s", f->effect.change);
    for (char *p = text; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '-';
    return text;
}

static json_t *labels_of(struct flow *f)
{
    json_t *labels = json_pack("[s, s]", "signalbox", change_label(f));
    const json_t *more = json_object_get(f->effect.args, "labels");
    for (size_t i = 0; i < json_array_size(more); i++) {
        const char *text = json_string_value(json_array_get(more, i));
        if (text && *text)
            json_array_append_new(labels, label(text));
    }
    return labels;
}

/* One line of at most 255 characters, as Jira wants a summary. */
static char *summary_of(struct flow *f)
{
    char *text = arena_strdup(&f->arena, json_str(f->effect.args, "summary", ""));
    int characters = 0;
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20)
            *p = ' ';
        if (((unsigned char)*p & 0xc0) != 0x80 && ++characters > 255) {
            *p = '\0';
            break;
        }
    }
    return text;
}

static json_t *issue_of(struct flow *f)
{
    const struct jira *j = ((struct jira_flow *)f)->j;
    const json_t *args = f->effect.args;
    json_t *fields = j->fields ? json_deep_copy(j->fields) : json_object();
    json_object_set_new(fields, "project", json_pack("{s:s}", "key", j->project));
    json_object_set_new(fields, "issuetype", json_pack("{s:s}", "name", json_str(args, "type", j->type)));
    json_object_set_new(fields, "summary", json_string(summary_of(f)));
    json_object_set_new(fields, "labels", labels_of(f));
    const char *description = json_str(args, "description", "");
    if (*description)
        json_object_set_new(fields, "description", adf_of_markdown(description));
    return json_pack("{s:o, s:o}", "fields", fields, "properties", jira_properties(f));
}

static void on_created(struct flow *f, const struct http_reply *reply)
{
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *issue = http_json(f->peer, &f->request, reply, &err);
    const char *key = json_str(issue, "key", "");
    if (*key)
        created(f, key);
    else
        flow_failed_send(f, reply);
}

struct task *jira_act_create(struct system *s, const struct effect *e, outcome_fn *done,
                             UNUSED progress_fn *progress, void *ctx)
{
    struct jira_flow *t = jira_flow_new(sizeof *t, s, e, done, ctx);
    _cleanup_json_ json_t *body = issue_of(&t->f);
    flow_json(&t->f, "POST", "create the ticket", jira_path(&t->f, "/issue"), body, false, on_created);
    return &t->f.task;
}

/* --- find
 * ------------------------------------------------------------------------------------------------------ */

struct search {
    struct jira_flow t; /* first */
    json_t *keys;       /* of the issues with the change's label */
    size_t next;
    const char *token; /* of the next page, or NULL */
    int page, pass;
};

static void search_free(struct flow *f)
{
    json_decref(((struct search *)f)->keys);
}

static void search_page(struct search *s);

static void search_again(struct flow *f)
{
    struct search *s = (struct search *)f;
    json_array_clear(s->keys);
    s->next = 0;
    s->page = 0;
    s->token = NULL;
    search_page(s);
}

static void look_at_next(struct search *s);

static void on_property(struct flow *f, const struct http_reply *reply)
{
    struct search *s = (struct search *)f;
    struct error err = ERROR_NONE;
    const char *key = json_string_value(json_array_get(s->keys, s->next));
    _cleanup_json_ json_t *property = http_json(f->peer, &f->request, reply, &err);
    if (!property && reply->status != 404) {
        flow_failed_find(f, reply);
    } else if (str_eq(json_str(property, "value.key", ""), f->effect.key)) {
        created(f, arena_strdup(&f->arena, key));
    } else {
        s->next++;
        look_at_next(s);
    }
}

static void look_at_next(struct search *s)
{
    struct flow *f = &s->t.f;
    if (s->next < json_array_size(s->keys)) {
        const char *key = json_string_value(json_array_get(s->keys, s->next));
        flow_get(f, "read the ticket's key",
                 jira_path(f, "/issue/%s/properties/" JIRA_PROPERTY, jira_encoded(f, key)), on_property);
        return;
    }
    if (s->pass++ == 0)
        flow_wait(f, flow_pause(f, SECONDS(INDEX_LAG_S), SECONDS(1)), search_again);
    else
        flow_ends(f, OUTCOME_NOT_FOUND, SB_UNKNOWN, "Jira has no ticket with the key %s", f->effect.key);
}

static void on_issues(struct flow *f, const struct http_reply *reply)
{
    struct search *s = (struct search *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    const json_t *issues = json_object_get(answer, "issues");
    if (!json_is_array(issues)) {
        flow_failed_find(f, reply);
        return;
    }
    for (size_t i = 0; i < json_array_size(issues); i++) {
        const char *key = json_str(json_array_get(issues, i), "key", NULL);
        if (key)
            json_array_append_new(s->keys, json_string(key));
    }
    s->token = arena_strdup(&f->arena, json_str(answer, "nextPageToken", NULL));
    if (!s->token || json_flag(answer, "isLast", false))
        look_at_next(s);
    else if (++s->page < PAGES_MAX)
        search_page(s);
    else
        flow_ends(f, OUTCOME_CANNOT_TELL, SB_LIMIT, "Jira has more than %d tickets with the label %s",
                  PAGES_MAX * ISSUES_A_PAGE, change_label(f));
}

static void search_page(struct search *s)
{
    struct flow *f = &s->t.f;
    char *jql =
        arena_printf(&f->arena, "project = \"%s\" AND labels = \"%s\"", s->t.j->project, change_label(f));
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:[s], s:i}", "jql", jql, "fields", "labels", "maxResults", ISSUES_A_PAGE);
    if (s->token)
        json_object_set_new(body, "nextPageToken", json_string(s->token));
    flow_json(f, "POST", "look for the ticket", jira_path(f, "/search/jql"), body, true, on_issues);
}

static void on_may_browse(struct flow *f, const struct http_reply *reply)
{
    struct search *s = (struct search *)f;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *answer = http_json(f->peer, &f->request, reply, &err);
    if (!json_is_object(json_object_get(answer, "permissions")))
        flow_failed_find(f, reply);
    else if (json_flag(answer, "permissions.BROWSE_PROJECTS.havePermission", false))
        search_page(s);
    else
        flow_ends(f, OUTCOME_CANNOT_TELL, SB_DENIED,
                  "the account may not browse the project %s, so a ticket there would not be found: give it "
                  "Browse Projects",
                  s->t.j->project);
}

struct task *jira_find_created(struct system *system, const struct effect *e, outcome_fn *done,
                               UNUSED progress_fn *progress, void *ctx)
{
    struct search *s = jira_flow_new(sizeof *s, system, e, done, ctx);
    struct flow *f = &s->t.f;
    f->on_free = search_free;
    s->keys = json_array();
    flow_get(f, "ask whether the project may be browsed",
             jira_path(f, "/mypermissions?projectKey=%s&permissions=BROWSE_PROJECTS", s->t.j->project),
             on_may_browse);
    return &f->task;
}
