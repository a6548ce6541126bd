/* Jira Cloud's REST API, version 3: one project with change tickets. */
#include "yard/jira.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROJECT "OPS"
#define MAIL    "signalbox@example.com"
#define ACCOUNT "5f0000000000000000000001"

enum { PAGE_MOST = 100, INDEXED_AFTER_MS = 2000, TEXT_MAX = 32767, SUMMARY_MAX = 255 };

static const struct status {
    const char *id, *name, *category;
} statuses[] = {{"1", "Open", "new"},
                {"2", "Approved", "new"},
                {"3", "In progress", "indeterminate"},
                {"4", "Done", "done"},
                {"5", "Cancelled", "done"}};

/* The workflow: from which status a transition leads where. */
static const struct transition {
    const char *id, *name;
    int from, to; /* indexes of statuses; from -1 = any that is not done */
    bool resolution;
} transitions[] = {{"11", "Approve", 0, 1, false},
                   {"21", "Start", 0, 2, false},
                   {"22", "Start", 1, 2, false},
                   {"31", "Done", 2, 3, true},
                   {"41", "Cancel", -1, 4, true}};

static const char *const issue_types[] = {"Change", "Task", "Incident"};

/* --- refusing ---------------------------------------------------------------------------------------- */

static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status, json_pack("{s:[s], s:{}}", "errorMessages", message, "errors"));
}

static void refuse_field(struct call *c, const char *field, const char *message)
{
    call_answer(c, 400, json_pack("{s:[], s:{s:s}}", "errorMessages", "errors", field, message));
}

static const char *moment(struct arena *a, int64_t ms)
{
    struct civil t;
    if (!instant_to_civil(ms, "UTC", &t, NULL))
        return "";
    return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+0000", t.year, t.month, t.day, t.hour,
                        t.minute, t.second, (int)(ms % 1000));
}

static json_t *self_user(const struct call *c)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "self",
                     arena_printf(c->a, "%s/rest/api/3/user?accountId=" ACCOUNT, yard_url(c->y, "jira")),
                     "accountId", ACCOUNT, "emailAddress", MAIL, "displayName", "Signalbox", "active", 1,
                     "timeZone", "Etc/UTC");
}

/* --- issues ------------------------------------------------------------------------------------------ */

static json_t *find_issue(struct call *c)
{
    size_t i;
    json_t *issue;
    json_array_foreach(json_object_get(c->world, "issues"), i, issue) {
        if (strcasecmp(json_str(issue, "key", ""), c->part[0]) == 0 ||
            str_eq(json_str(issue, "id", ""), c->part[0]))
            return issue;
    }
    refuse(c, 404, "Issue does not exist or you do not have permission to see it.");
    return NULL;
}

static int status_of(const json_t *issue)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (str_eq(statuses[i].name, json_str(issue, "fields.status.name", "")))
            return (int)i;
    return 0;
}

static json_t *status_view(const struct status *s)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", s->id, "name", s->name, "statusCategory", "key",
                     s->category, "name",
                     str_eq(s->category, "done")  ? "Done"
                     : str_eq(s->category, "new") ? "To Do"
                                                  : "In Progress");
}

static const char *known_type(const json_t *type)
{
    const char *name = json_str(type, "name", ""), *id = json_str(type, "id", "");
    for (size_t i = 0; i < COUNT_OF(issue_types); i++)
        if (str_eq(issue_types[i], name) || (size_t)strtoul(id, NULL, 10) == 10001 + i)
            return issue_types[i];
    return NULL;
}

/* NULL: the refusal has been sent. */
static const char *checked_fields(struct call *c, const json_t *fields)
{
    const char *summary = json_str(fields, "summary", ""),
               *type = known_type(json_object_get(fields, "issuetype"));
    const json_t *description = json_object_get(fields, "description");
    size_t i;
    json_t *label;
    if (!str_eq(json_str(fields, "project.key", ""), PROJECT) &&
        !str_eq(json_str(fields, "project.id", ""), "10000"))
        refuse_field(c, "project", "valid project is required");
    else if (!type)
        refuse_field(c, "issuetype", "Specify a valid issue type");
    else if (!*summary)
        refuse_field(c, "summary", "You must specify a summary of the issue.");
    else if (strlen(summary) > SUMMARY_MAX || strchr(summary, '\n'))
        refuse_field(c, "summary", "Summary can't exceed 255 characters and must be one line.");
    else if (description && !json_is_null(description) && jira_document_fault(description))
        refuse_field(c, "description", jira_document_fault(description));
    else {
        json_array_foreach(json_object_get(fields, "labels"), i, label)
            if (!json_is_string(label) || strchr(json_string_value(label), ' ')) {
                refuse_field(c, "labels", "The label contains spaces which is invalid.");
                return NULL;
            }
        return type;
    }
    return NULL;
}

static json_t *properties_of(const json_t *list)
{
    json_t *all = json_object(), *p;
    size_t i;
    json_array_foreach(list, i, p)
        json_object_set(all, json_str(p, "key", ""), json_object_get(p, "value"));
    return all;
}

static const char *self_of(struct call *c, const json_t *issue)
{
    return arena_printf(c->a, "%s/rest/api/3/issue/%s", yard_url(c->y, "jira"), json_str(issue, "id", ""));
}

static void create(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    json_t *asked = json_object_get(body, "fields");
    if (!json_is_object(asked)) {
        refuse(c, 400, "There was an error parsing JSON. Check that your request body is valid.");
        return;
    }
    const char *type = checked_fields(c, asked);
    if (!type)
        return;
    int64_t n = json_int(c->world, "next", 100);
    json_t *fields = json_deep_copy(asked);
    json_object_set_new(fields, "status", status_view(&statuses[0]));
    json_object_set_new(fields, "issuetype", json_pack("{s:s}", "name", type));
    json_object_set_new(fields, "project",
                        json_pack("{s:s, s:s, s:s}", "id", "10000", "key", PROJECT, "name", "Operations"));
    json_object_set_new(fields, "created", json_string(moment(c->a, c->now)));
    json_object_set_new(fields, "updated", json_string(moment(c->a, c->now)));
    json_object_set_new(fields, "creator", self_user(c));
    json_object_set_new(fields, "resolution", json_null());
    if (!json_object_get(fields, "labels"))
        json_object_set_new(fields, "labels", json_array());
    json_t *issue = json_pack(
        "{s:s, s:s, s:o, s:o, s:[], s:[], s:I}", "id", arena_printf(c->a, "%lld", (long long)(10000 + n)),
        "key", arena_printf(c->a, PROJECT "-%lld", (long long)n), "fields", fields, "properties",
        properties_of(json_object_get(body, "properties")), "comments", "links", "indexed",
        (json_int_t)(c->now + yard_pace(c->y, (double)INDEXED_AFTER_MS / 1000)));
    json_array_append_new(json_object_get(c->world, "issues"), issue);
    json_object_set_new(c->world, "next", json_integer(n + 1));
    yard_deed(c->y, "jira", arena_printf(c->a, "create %s", json_str(issue, "key", "")),
              json_str(issue, "properties.signalbox.key", ""));
    call_answer(c, 201,
                json_pack("{s:s, s:s, s:s}", "id", json_str(issue, "id", ""), "key",
                          json_str(issue, "key", ""), "self", self_of(c, issue)));
}

/* The fields asked for, as "a,b" or a list; all when none are. */
static json_t *issue_view(struct call *c, const json_t *issue, const json_t *wanted)
{
    json_t *fields = json_object(), *name;
    size_t i;
    json_array_foreach(wanted, i, name) {
        json_t *v = json_object_get(json_object_get(issue, "fields"), json_string_value(name));
        if (v)
            json_object_set(fields, json_string_value(name), v);
        if (str_eq(json_string_value(name), "*all"))
            json_object_update(fields, json_object_get(issue, "fields"));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "expand", "names,schema,transitions", "id",
                     json_str(issue, "id", ""), "key", json_str(issue, "key", ""), "self", self_of(c, issue),
                     "fields", fields);
}

static json_t *list_of(struct arena *a, const char *text)
{
    json_t *list = json_array();
    for (const char *s = text ? text : "*all"; *s;) {
        size_t n = strcspn(s, ",");
        json_array_append_new(list, json_string(arena_strndup(a, s, n)));
        s += n + (s[n] == ',');
    }
    return list;
}

static void show(struct call *c)
{
    const json_t *issue = find_issue(c);
    if (!issue)
        return;
    _cleanup_json_ json_t *wanted = list_of(c->a, request_query(c->x, "fields"));
    json_t *view = issue_view(c, issue, wanted), *properties = json_object();
    _cleanup_json_ json_t *names =
        list_of(c->a, request_query(c->x, "properties") ? request_query(c->x, "properties") : "");
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) {
        json_t *v = json_object_get(json_object_get(issue, "properties"), json_string_value(name));
        if (v)
            json_object_set(properties, json_string_value(name), v);
    }
    json_object_set_new(view, "properties", properties);
    call_answer(c, 200, view);
}

static void touch(struct call *c, json_t *issue)
{
    json_object_set_new(json_object_get(issue, "fields"), "updated", json_string(moment(c->a, c->now)));
}

static void edit(struct call *c)
{
    json_t *issue = find_issue(c);
    _cleanup_json_ json_t *body = call_json(c);
    if (!issue)
        return;
    const json_t *fields = json_object_get(body, "fields"),
                 *description = json_object_get(fields, "description");
    if (!json_is_object(fields) || (description && jira_document_fault(description))) {
        refuse_field(c, "description",
                     "Operation value must be an Atlassian Document (see the Atlassian Document Format)");
        return;
    }
    json_object_update(json_object_get(issue, "fields"), (json_t *)(uintptr_t)fields);
    touch(c, issue);
    yard_deed(c->y, "jira", arena_printf(c->a, "edit %s", json_str(issue, "key", "")), "");
    call_answer_text(c, 204, NULL, "");
}

/* --- transitions ------------------------------------------------------------------------------------- */

static bool leads_from(const struct transition *t, int status)
{
    return t->from == status || (t->from < 0 && !str_eq(statuses[status].category, "done"));
}

static void show_transitions(struct call *c)
{
    const json_t *issue = find_issue(c);
    if (!issue)
        return;
    json_t *all = json_array();
    const char *expand = request_query(c->x, "expand");
    for (size_t i = 0; i < COUNT_OF(transitions); i++) {
        const struct transition *t = &transitions[i];
        if (!leads_from(t, status_of(issue)))
            continue;
        json_t *v = json_pack("{s:s, s:s, s:o, s:b, s:b}", "id", t->id, "name", t->name, "to",
                              status_view(&statuses[t->to]), "hasScreen", t->resolution, "isAvailable", 1);
        if (expand && strstr(expand, "transitions.fields"))
            json_object_set_new(v, "fields",
                                t->resolution
                                    ? json_pack("{s:{s:b, s:s, s:s, s:[s], s:{s:s, s:s}, s:[{s:s}, {s:s}]}}",
                                                "resolution", "required", 1, "name", "Resolution", "key",
                                                "resolution", "operations", "set", "schema", "type",
                                                "resolution", "system", "resolution", "allowedValues", "name",
                                                "Done", "name", "Won't Do")
                                    : json_object());
        json_array_append_new(all, v);
    }
    call_answer(c, 200, json_pack("{s:s, s:o}", "expand", "transitions", "transitions", all));
}

static void transition(struct call *c)
{
    json_t *issue = find_issue(c);
    _cleanup_json_ json_t *body = call_json(c);
    const char *id = json_str(body, "transition.id", ""),
               *resolution = json_str(body, "fields.resolution.name", NULL);
    if (!issue)
        return;
    for (size_t i = 0; i < COUNT_OF(transitions); i++) {
        const struct transition *t = &transitions[i];
        if (!str_eq(t->id, id) || !leads_from(t, status_of(issue)))
            continue;
        if (t->resolution && !resolution) {
            refuse_field(c, "resolution", "Resolution is required.");
            return;
        }
        if (resolution && !t->resolution) {
            refuse_field(
                c, "resolution",
                "Field 'resolution' cannot be set. It is not on the appropriate screen, or unknown.");
            return;
        }
        json_t *fields = json_object_get(issue, "fields");
        json_object_set_new(fields, "status", status_view(&statuses[t->to]));
        json_object_set_new(fields, "resolution",
                            resolution ? json_pack("{s:s}", "name", resolution) : json_null());
        touch(c, issue);
        yard_deed(c->y, "jira",
                  arena_printf(c->a, "%s to %s", json_str(issue, "key", ""), statuses[t->to].name), "");
        call_answer_text(c, 204, NULL, "");
        return;
    }
    refuse(c, 400,
           "It seems that you have tried to perform an illegal workflow operation: the transition is not "
           "available from this status.");
}

/* --- comments, properties, links --------------------------------------------------------------------- */

static void comment(struct call *c)
{
    json_t *issue = find_issue(c);
    _cleanup_json_ json_t *body = call_json(c);
    if (!issue)
        return;
    const char *fault = jira_document_fault(json_object_get(body, "body"));
    if (fault) {
        refuse_field(c, "comment", fault);
        return;
    }
    json_t *comments = json_object_get(issue, "comments"), *properties = json_object_get(body, "properties");
    json_t *made = json_pack("{s:s, s:o, s:O, s:s, s:s, s:O?}", "id",
                             arena_printf(c->a, "%zu", 20001 + json_array_size(comments)), "author",
                             self_user(c), "body", json_object_get(body, "body"), "created",
                             moment(c->a, c->now), "updated", moment(c->a, c->now), "properties", properties);
    json_array_append_new(comments, made);
    touch(c, issue);
    yard_deed(c->y, "jira", arena_printf(c->a, "comment on %s", json_str(issue, "key", "")),
              json_str(properties, "0.value.key", ""));
    call_answer(c, 201, json_incref(made));
}

static void comments(struct call *c)
{
    const json_t *issue = find_issue(c);
    const char *from = request_query(c->x, "startAt"), *most = request_query(c->x, "maxResults"),
               *expand = request_query(c->x, "expand");
    if (!issue)
        return;
    const json_t *all = json_object_get(issue, "comments");
    size_t start = from ? strtoul(from, NULL, 10) : 0, max = most ? strtoul(most, NULL, 10) : 50, i;
    json_t *page = json_array(), *one;
    json_array_foreach(all, i, one) {
        if (i < start || i >= start + max)
            continue;
        json_t *v = json_copy(one);
        if (!expand || !strstr(expand, "properties"))
            json_object_del(v, "properties");
        json_array_append_new(page, v);
    }
    call_answer(c, 200,
                json_pack("{s:I, s:I, s:I, s:o}", "startAt", (json_int_t)start, "maxResults", (json_int_t)max,
                          "total", (json_int_t)json_array_size(all), "comments", page));
}

static void property(struct call *c)
{
    const json_t *issue = find_issue(c);
    if (!issue)
        return;
    json_t *value = json_object_get(json_object_get(issue, "properties"), c->part[1]);
    if (value)
        call_answer(c, 200, json_pack("{s:s, s:O}", "key", c->part[1], "value", value));
    else
        refuse(c, 404, arena_printf(c->a, "The property with key '%s' does not exist.", c->part[1]));
}

static void set_property(struct call *c)
{
    json_t *issue = find_issue(c), *value = json_read(c->r->body, c->r->body_len, 1 << 15, "property", NULL);
    if (!issue || !value) {
        if (issue)
            refuse(c, 400, "The property value must be valid JSON.");
        json_decref(value);
        return;
    }
    bool fresh = !json_object_get(json_object_get(issue, "properties"), c->part[1]);
    json_object_set_new(json_object_get(issue, "properties"), c->part[1], value);
    yard_deed(c->y, "jira", arena_printf(c->a, "property of %s", json_str(issue, "key", "")),
              json_str(value, "key", ""));
    call_answer_text(c, fresh ? 201 : 200, "application/json", "");
}

/* The same globalId is the same link. */
static void link_page(struct call *c)
{
    json_t *issue = find_issue(c), *known = NULL, *link;
    _cleanup_json_ json_t *body = call_json(c);
    const char *id = json_str(body, "globalId", NULL);
    size_t i;
    if (!issue)
        return;
    if (!*json_str(body, "object.url", "") || !*json_str(body, "object.title", "")) {
        refuse_field(c, "title", "'title' and 'url' are required.");
        return;
    }
    json_t *links = json_object_get(issue, "links");
    json_array_foreach(links, i, link)
        if (id && str_eq(json_str(link, "globalId", ""), id))
            known = link;
    if (!known) {
        known = json_pack("{s:I}", "id", (json_int_t)(30001 + json_array_size(links)));
        json_array_append_new(links, known);
    }
    bool fresh = !json_object_get(known, "object");
    json_object_update(known, body);
    yard_deed(c->y, "jira",
              arena_printf(c->a, "%s link of %s", fresh ? "new" : "same", json_str(issue, "key", "")),
              id ? id : "");
    call_answer(c, fresh ? 201 : 200,
                json_pack("{s:I, s:s}", "id", (json_int_t)json_int(known, "id", 0), "self",
                          arena_printf(c->a, "%s/remotelink/%lld", self_of(c, issue),
                                       (long long)json_int(known, "id", 0))));
}

static void links(struct call *c)
{
    const json_t *issue = find_issue(c);
    const char *id = request_query(c->x, "globalId");
    size_t i;
    json_t *link, *found = json_array();
    if (issue) {
        json_array_foreach(json_object_get(issue, "links"), i, link)
            if (!id || str_eq(json_str(link, "globalId", ""), id))
                json_array_append(found, link);
        if (id && json_array_size(found) == 1)
            call_answer(c, 200, json_incref(json_array_get(found, 0)));
        else if (id)
            refuse(c, 404, "No remote link exists with this global ID.");
        else
            call_answer(c, 200, json_incref(found));
    }
    json_decref(found);
}

/* --- search ------------------------------------------------------------------------------------------ */

static bool indexed(const struct call *c, const json_t *issue, const json_t *reconcile)
{
    size_t i;
    json_t *id;
    json_array_foreach(reconcile, i, id)
        if (json_integer_value(id) == strtoll(json_str(issue, "id", "0"), NULL, 10))
            return true;
    return c->now >= json_int(issue, "indexed", 0);
}

/* A fresh issue is not found for some seconds, unless the search names it to be made consistent. */
static void search(struct call *c, const char *jql, const json_t *fields, const json_t *reconcile,
                   int64_t most, const char *token)
{
    const char *fault = NULL;
    size_t start = token ? strtoul(token, NULL, 10) : 0, seen = 0, i;
    json_t *found = json_array(), *issue;
    most = most < 1 ? 50 : most > PAGE_MOST ? PAGE_MOST : most;
    if (!jql || !*jql)
        fault = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";
    else
        jira_query_fits(jql, NULL, c->a, &fault);
    json_array_foreach(json_object_get(c->world, "issues"), i, issue) {
        if (fault || !indexed(c, issue, reconcile) || !jira_query_fits(jql, issue, c->a, &fault))
            continue;
        if (seen >= start && json_array_size(found) < (size_t)most)
            json_array_append_new(found, issue_view(c, issue, fields));
        seen++;
    }
    if (fault) {
        json_decref(found);
        refuse(c, 400, fault);
        return;
    }
    bool last = start + json_array_size(found) >= seen;
    json_t *answer = json_pack("{s:o, s:b}", "issues", found, "isLast", last);
    if (!last)
        json_object_set_new(answer, "nextPageToken",
                            json_string(arena_printf(c->a, "%zu", start + json_array_size(found))));
    call_answer(c, 200, answer);
}

static void search_post(struct call *c)
{
    _cleanup_json_ json_t *body = call_json(c);
    search(c, json_str(body, "jql", NULL), json_object_get(body, "fields"),
           json_object_get(body, "reconcileIssues"), json_int(body, "maxResults", 50),
           json_str(body, "nextPageToken", NULL));
}

static void search_get(struct call *c)
{
    _cleanup_json_ json_t *fields =
        list_of(c->a, request_query(c->x, "fields") ? request_query(c->x, "fields") : "");
    const char *most = request_query(c->x, "maxResults");
    search(c, request_query(c->x, "jql"), fields, NULL, most ? strtoll(most, NULL, 10) : 50,
           request_query(c->x, "nextPageToken"));
}

/* --- around it --------------------------------------------------------------------------------------- */

static void myself(struct call *c)
{
    call_answer(c, 200, self_user(c));
}

static void server_info(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:s}", "baseUrl", yard_url(c->y, "jira"), "version",
                          "1001.0.0-SNAPSHOT", "deploymentType", "Cloud"));
}

static void permissions(struct call *c)
{
    const char *asked = request_query(c->x, "permissions");
    if (!asked || !*asked) {
        refuse(c, 400, "The 'permissions' query parameter is required.");
        return;
    }
    _cleanup_json_ json_t *names = list_of(c->a, asked);
    json_t *all = json_object(), *name;
    size_t i;
    json_array_foreach(names, i, name) {
        const char *n = json_string_value(name);
        bool has = json_is_null(json_object_get(json_object_get(c->world, "denied"), n)) ||
                   !json_object_get(json_object_get(c->world, "denied"), n);
        json_object_set_new(all, n, json_pack("{s:s, s:s, s:b}", "key", n, "name", n, "havePermission", has));
    }
    call_answer(c, 200, json_pack("{s:o}", "permissions", all));
}

static bool is_project(struct call *c)
{
    if (str_eq(c->part[0], PROJECT) || str_eq(c->part[0], "10000"))
        return true;
    refuse(c, 404, arena_printf(c->a, "No project could be found with key '%s'.", c->part[0]));
    return false;
}

static void project(struct call *c)
{
    if (is_project(c))
        call_answer(c, 200,
                    json_pack("{s:s, s:s, s:s}", "id", "10000", "key", PROJECT, "name", "Operations"));
}

static void types(struct call *c)
{
    json_t *all = json_array();
    for (size_t i = 0; i < COUNT_OF(issue_types); i++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:b}", "id", arena_printf(c->a, "%zu", 10001 + i),
                                             "name", issue_types[i], "subtask", 0));
    if (is_project(c))
        call_answer(c, 200,
                    json_pack("{s:i, s:i, s:i, s:O}", "startAt", 0, "maxResults", 50, "total",
                              (int)COUNT_OF(issue_types), "issueTypes", all));
    json_decref(all);
}

static void type_fields(struct call *c)
{
    static const char *const required[] = {"project", "issuetype", "summary"};
    static const char *const optional[] = {"description", "labels"};
    json_t *all = json_array();
    for (size_t i = 0; i < COUNT_OF(required); i++)
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:b}", "fieldId", required[i], "name", required[i], "required", 1));
    for (size_t i = 0; i < COUNT_OF(optional); i++)
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:b}", "fieldId", optional[i], "name", optional[i], "required", 0));
    if (is_project(c))
        call_answer(c, 200,
                    json_pack("{s:i, s:i, s:i, s:O}", "startAt", 0, "maxResults", 50, "total",
                              (int)json_array_size(all), "fields", all));
    json_decref(all);
}

static const struct route routes[] = {
    {"GET", "/rest/api/3/myself", myself},
    {"GET", "/rest/api/3/serverInfo", server_info},
    {"GET", "/rest/api/3/mypermissions", permissions},
    {"GET", "/rest/api/3/project/*", project},
    {"GET", "/rest/api/3/issue/createmeta/*/issuetypes", types},
    {"GET", "/rest/api/3/issue/createmeta/*/issuetypes/*", type_fields},
    {"POST", "/rest/api/3/search/jql", search_post},
    {"GET", "/rest/api/3/search/jql", search_get},
    {"POST", "/rest/api/3/issue", create},
    {"GET", "/rest/api/3/issue/*", show},
    {"PUT", "/rest/api/3/issue/*", edit},
    {"GET", "/rest/api/3/issue/*/transitions", show_transitions},
    {"POST", "/rest/api/3/issue/*/transitions", transition},
    {"GET", "/rest/api/3/issue/*/comment", comments},
    {"POST", "/rest/api/3/issue/*/comment", comment},
    {"GET", "/rest/api/3/issue/*/properties/*", property},
    {"PUT", "/rest/api/3/issue/*/properties/*", set_property},
    {"GET", "/rest/api/3/issue/*/remotelink", links},
    {"POST", "/rest/api/3/issue/*/remotelink", link_page},
    {NULL, NULL, NULL},
};

static bool signed_in(struct call *c)
{
    const char *pair = arena_printf(c->a, MAIL ":%s", yard_secret(c->y, "jira"));
    char *coded = base64_encode(pair, strlen(pair), false);
    bool in = call_signed_in(c, "Basic", coded);
    free(coded);
    if (!in) {
        yard_answer_header(c->y, c->x, "WWW-Authenticate", "OAuth realm=\"jira\"");
        call_answer_text(c, 401, "text/plain;charset=UTF-8",
                         "Client must be authenticated to access this resource.");
    }
    return in;
}

static void serve(struct yard *y, json_t *world, struct exchange *x)
{
    struct call c = call_of(y, world, x);
    if (!signed_in(&c))
        return;
    switch (route_serve(routes, &c)) {
    case ROUTE_SERVED:
        break;
    case ROUTE_OTHER_METHOD:
        refuse(&c, 405, "Method not allowed");
        break;
    case ROUTE_NO_PATH:
        refuse(&c, 404, "Oops, you've found a dead link.");
        break;
    }
}

static json_t *world_new(const json_t *scenario, int64_t now)
{
    (void)scenario;
    (void)now;
    return json_pack("{s:[], s:i, s:{}}", "issues", "next", 118, "denied");
}

static void configure(const struct yard *y, const char *url, const char *secrets_dir, struct buf *out)
{
    (void)y;
    buf_printf(out,
               "    driver: jira\n    url: %s\n    user: " MAIL
               "\n    token: \"file:%s/jira\"\n    project: " PROJECT "\n    type: Change\n",
               url, secrets_dir);
}

const struct stand_in jira_stand_in = {
    .name = "jira",
    .imitates = "Jira Cloud, REST API v3",
    .role = "tickets",
    .world = world_new,
    .serve = serve,
    .configure = configure,
};
