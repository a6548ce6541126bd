/* router.c: what can be asked. */
#include "api/inside.h"
#include <string.h>

/* --- the table -------------------------------------------------------------------------------- */

#define FIELDS(...) ((const struct api_field[]){__VA_ARGS__, {NULL, API_ANY, false, NULL}})
#define NO_FIELDS   ((const struct api_field[]){{NULL, API_ANY, false, NULL}})

#define STEP   "step", API_TEXT, true, "the step's id"
#define REASON "reason", API_TEXT, true, "why; it goes into the record"
#define DID    FIELDS({"id", API_TEXT, true, "of the change"}, {"did", API_TEXT, true, "what was recorded"})

#define TOKEN(...)                                                                                          \
    FIELDS(                                                                                                 \
        {"id", API_TEXT, true, "of the token"}, {"name", API_TEXT, true, "what it is for"},                 \
        {"owner", API_TEXT, true, "whose name it speaks with"}, {"scopes", API_LIST, true, "what it may"},  \
        {"for", API_LIST, true, "where: list of {client, env}; empty = everywhere"},                        \
        {"created", API_NUMBER, true, "when, in ms since 1970"}, {"created_by", API_TEXT, true, "by whom"}, \
        {"expires", API_NUMBER, true, "when, in ms since 1970; 0 = never"},                                 \
        {"used", API_NUMBER, false, "when last, to the hour"},                                              \
        {"over", API_FLAG, true, "it is revoked or has expired"}, __VA_ARGS__)

#define PLAN                                                                                         \
    FIELDS({"sop", API_TEXT, false, "the page to follow; \"hotfix\" when it is not said"},           \
           {"client", API_TEXT, true, "the client's id"},                                            \
           {"env", API_TEXT, false, "the environment; the client's first when it is not said"},      \
           {"services", API_LIST, false, "list of {service, tag}"},                                  \
           {"window", API_TEXT, false, "as people write it: \"today 14:00 for 90m\""},               \
           {"severity", API_ANY, false, "1 to 4"}, {"risk", API_TEXT, false, "low, medium or high"}, \
           {"reason", API_TEXT, false, "why the change is made"},                                    \
           {"incident", API_ANY, false, "the incident that it repairs"},                             \
           {"inputs", API_OBJECT, false, "what else the page asks for, by name"},                    \
           {"overrule", API_OBJECT, false, "questions to overrule, each with the reason"})

const struct api_route api_routes[] = {
    {"GET", "/healthz", API_OPEN, NULL, self_health, "Is the process alive?", NULL, NULL,
     FIELDS({"alive", API_FLAG, true, "true"})},
    {"GET", "/readyz", API_OPEN, NULL, self_ready, "Does it carry out changes?", NULL, NULL,
     FIELDS({"ready", API_FLAG, true, "true"})},
    {"GET", "/api/v1", API_SEE, "see", self_routes, "What can be asked here: this table.", NULL, NULL,
     FIELDS({"routes", API_LIST, true, "list of {method, path, says, query, fields, gives}"})},
    {"GET", "/api/v1/version", API_SEE, "see", self_version, "Which Signalbox this is.", NULL, NULL,
     FIELDS({"name", API_TEXT, true, "\"signalbox\""}, {"version", API_TEXT, true, "its version"},
            {"pid", API_NUMBER, true, "of its process"})},
    {"GET", "/api/v1/whoami", API_SEE, NULL, self_whoami, "Who the caller is to Signalbox.", NULL, NULL,
     FIELDS({"by", API_TEXT, true, "the name that goes into the record; empty without sign-in"},
            {"how", API_TEXT, true, "how that is known: socket, session, token, loopback, local"},
            {"name", API_TEXT, true, "as people call the caller"},
            {"may", API_LIST, true, "roles: see, deploy, approve, administer"})},

    {"GET", "/api/v1/changes", API_SEE, "see", changes_list, "All changes in short, newest first.",
     FIELDS({"open", API_FLAG, false, "1: only those that have not ended"},
            {"before", API_NUMBER, false,
             "only those with a smaller number than this: \"next\" of the page before"},
            {"limit", API_NUMBER, false, "at most so many; 2000 when it is not said, which is the most"}),
     NULL,
     FIELDS({"changes", API_LIST, true, "short forms"},
            {"next", API_NUMBER, false, "there are more: what to ask for as before"})},
    {"POST", "/api/v1/changes", API_ACT, NULL, changes_plan,
     "Plans a change. The very same plan by the same person while it is open gives that change again.", NULL,
     PLAN,
     FIELDS({"id", API_TEXT, true, "of the change"},
            {"already", API_FLAG, false, "true: it was planned before"},
            {"questions", API_LIST, false, "what a person should think about first"})},
    {"POST", "/api/v1/preview", API_ACT, NULL, changes_preview,
     "The plan as a dry run: every step and message, word for word. Nothing is kept or sent.", NULL, PLAN,
     FIELDS({"facts", API_OBJECT, true, "what the page's expressions see"},
            {"steps", API_LIST, true, "in page order"},
            {"questions", API_LIST, false, "what a person should think about"})},
    {"GET", "/api/v1/changes/{id}", API_SEE, "see", changes_show,
     "One change: its steps, what it waits for, decisions.", NULL, NULL,
     FIELDS({"id", API_TEXT, true, "of the change"},
            {"status", API_TEXT, true, "planned, running, trouble ..."},
            {"steps", API_LIST, true, "in page order"})},
    {"GET", "/api/v1/changes/{id}/events", API_SEE, "see", events_of_change,
     "The record of a change. With Accept: text/event-stream it goes on with what happens, resumable.",
     FIELDS({"from", API_NUMBER, false, "number of the first event wanted; 1 when it is not said"},
            {"limit", API_NUMBER, false, "at most so many; 200 when it is not said, 1000 at most"}),
     NULL, FIELDS({"events", API_LIST, true, "each with its hash, and its text for people"})},
    {"GET", "/api/v1/changes/{id}/report", API_SEE, "see", changes_report,
     "The report of a change, once it is written.",
     FIELDS({"format", API_TEXT, false, "md or html; md when it is not said"}), NULL,
     FIELDS({"path", API_TEXT, true, "of the file"}, {"text", API_TEXT, true, "what stands in it"})},
    {"POST", "/api/v1/changes/{id}/start", API_ACT, NULL, changes_start, "Starts a planned change.", NULL,
     NO_FIELDS,
     FIELDS({"id", API_TEXT, true, "of the change"},
            {"queue_behind", API_TEXT, false, "the change it waits for"})},
    {"POST", "/api/v1/changes/{id}/answer", API_ACT, NULL, changes_answer,
     "Answers a question of the page, or a decision in trouble. The first answer stands.", NULL,
     FIELDS({"step", API_TEXT, false, "which question; not needed when there is only one"},
            {"choice", API_TEXT, true, "id of the choice"},
            {"run", API_NUMBER, false,
             "of the step, as the question was shown: then an answer to one put anew is refused"},
            {"reason", API_TEXT, false, "why; it goes into the record"},
            {"services", API_LIST, false, "patch: list of {service, tag}"},
            {"minutes", API_NUMBER, false, "extend: by how many"},
            {"permitted_by", API_TEXT, false, "extend: who permitted it"},
            {"break_glass", API_FLAG, false, "answer alone what needs two; recorded, with a reason"}),
     FIELDS({"id", API_TEXT, true, "of the change"}, {"step", API_TEXT, true, "the step's id"},
            {"choice", API_TEXT, true, "what was recorded"})},
    {"POST", "/api/v1/changes/{id}/resolve", API_ACT, NULL, changes_resolve,
     "Says whether an effect took place that no system can tell about.", NULL,
     FIELDS({STEP}, {"took_place", API_FLAG, true, "did it?"}, {"result", API_ANY, false, "what it gave"},
            {"run", API_NUMBER, false, "of the step, as it was shown"},
            {"reason", API_TEXT, true, "how you know; it goes into the record"}),
     FIELDS({"id", API_TEXT, true, "of the change"}, {"step", API_TEXT, true, "the step's id"})},
    {"POST", "/api/v1/changes/{id}/trouble", API_ACT, NULL, changes_act, "Says that something is wrong.",
     NULL, FIELDS({REASON}), DID},
    {"POST", "/api/v1/changes/{id}/skip", API_ACT, NULL, changes_act, "Skips a step, with a reason.", NULL,
     FIELDS({STEP}, {REASON}), DID},
    {"POST", "/api/v1/changes/{id}/again", API_ACT, NULL, changes_act,
     "Has a failed step of an ending change tried again.", NULL, FIELDS({STEP}), DID},
    {"POST", "/api/v1/changes/{id}/cancel", API_ACT, NULL, changes_act,
     "Cancels a change that has not deployed anything; what can be undone is undone.", NULL, FIELDS({REASON}),
     DID},
    {"POST", "/api/v1/changes/{id}/note", API_ACT, NULL, changes_act,
     "Adds a note to the record, also after the end.", NULL, FIELDS({"text", API_TEXT, true, "the note"}),
     DID},
    {"POST", "/api/v1/changes/{id}/amend", API_ACT, NULL, changes_act,
     "Moves the window, or corrects a fact.", NULL,
     FIELDS({"facts", API_OBJECT, true, "a patch of the facts: {window: \"...\"}"}, {REASON}), DID},

    {"GET", "/api/v1/tokens", API_ACT, NULL, tokens_list, "The caller's tokens; an administrator sees all.",
     NULL, NULL, FIELDS({"tokens", API_LIST, true, "newest first, without their secrets"})},
    {"POST", "/api/v1/tokens", API_ACT, NULL, tokens_create,
     "Makes a token that speaks with the caller's name, within its scopes. Its text is in this answer and nowhere else.",
     NULL,
     FIELDS({"name", API_TEXT, true, "what it is for"},
            {"scopes", API_LIST, true, "of see, act, deploy, approve, administer"},
            {"for", API_LIST, false, "clients, or CLIENT/ENV, outside of which it is worth nothing"},
            {"expires", API_TEXT, false, "30d, a moment or \"never\"; 90d when it is not said"},
            {"owner", API_TEXT, false, "for an administrator: whose name it speaks with"}),
     TOKEN({"token", API_TEXT, true, "the token itself"})},
    {"DELETE", "/api/v1/tokens/{id}", API_ACT, NULL, tokens_revoke,
     "Revokes a token, by id or name, at once; sessions that began with it end too.", NULL, NULL,
     TOKEN({"revoked", API_NUMBER, false, "when, in ms since 1970"})},

    {"GET", "/api/v1/events", API_SEE, "see", events_of_all,
     "What happens to all changes, as server-sent events, resumable for a while.", NULL, NULL, NULL},

    {"GET", "/api/v1/catalogue", API_SEE, "see", catalogue_show,
     "The clients and services that a plan can name; empty when none are configured: then any name is one.",
     NULL, NULL,
     FIELDS({"clients", API_LIST, true, "list of {id, name, zone, envs}: those that the caller may see"},
            {"services", API_LIST, true, "their names"})},
    {"GET", "/api/v1/pages", API_SEE, "see", pages_list, "The pages that changes can follow.", NULL, NULL,
     FIELDS({"pages", API_LIST, true, "list of {name, title, file, steps, good}"})},
    {"GET", "/api/v1/pages/{name}", API_SEE, "see", pages_show,
     "One page: its text, its steps and its rules.", NULL, NULL,
     FIELDS({"name", API_TEXT, true, "of the page"},
            {"html", API_TEXT, true, "it, with an empty div for each step"},
            {"steps", API_LIST, true, "in page order"},
            {"interlocks", API_LIST, true, "rules that cannot be broken"},
            {"inputs", API_LIST, true, "what a plan must say"})},

    {"GET", "/api/v1/alerts", API_SEE, NULL, alerts_list, "Alerts of the built-in pager, newest first.", NULL,
     NULL, FIELDS({"alerts", API_LIST, true, "list of {id, change, to, summary, status, people, by, at}"})},
    {"POST", "/api/v1/alerts/ack", API_ACT, NULL, alerts_ack,
     "Takes the open alerts of a change, or one alert: nobody else is called.", NULL,
     FIELDS({"alert", API_TEXT, true, "the change's id, or the alert's"}),
     FIELDS({"acknowledged", API_LIST, true, "ids of the alerts"}, {"by", API_TEXT, true, "who took them"})},

    {"POST", "/api/v1/doctor", API_ACT, "deploy", look_doctor,
     "Tries each outside system with the rights that a deployment will need.", NULL,
     FIELDS({"role", API_TEXT, false, "only this one: tickets, calendar, chat ..., or the name of a driver"}),
     FIELDS({"systems", API_LIST, true, "list of {role, driver, checks}"})},
    {"POST", "/api/v1/look", API_ACT, "see", look_verb, "One look at an outside system, without a change.",
     NULL,
     FIELDS({"verb", API_TEXT, true, "cluster.versions, pager.who ..."},
            {"args", API_OBJECT, false, "the verb's arguments"}),
     NULL},
    {"POST", "/api/v1/verify", API_SEE, "see", verify_record, "Computes the record's chain of hashes again.",
     NULL, FIELDS({"change", API_TEXT, false, "only this one"}),
     FIELDS({"good", API_FLAG, true, "nothing was changed"},
            {"changes", API_NUMBER, true, "that were looked at"},
            {"events", API_NUMBER, true, "that were looked at"},
            {"seals", API_NUMBER, true, "that there are"},
            {"unsealed", API_NUMBER, true, "events that no seal covers yet"},
            {"text", API_TEXT, true, "what is wrong, and where"})},
    {"GET", "/api/v1/audit/key", API_SEE, "see", audit_key, "The public keys by which seals are believed.",
     NULL, NULL, FIELDS({"pem", API_TEXT, true, "in PEM, the present one last"})},
    {"GET", "/api/v1/audit/seal", API_SEE, "see", audit_seal,
     "The newest seal of the record. Who keeps it elsewhere can tell when the record's end is cut off.", NULL,
     NULL,
     FIELDS({"text", API_TEXT, true, "the sealed statement; empty while there is none"},
            {"signature", API_TEXT, true, "Ed25519, of the text, in base64"})},
    {NULL, NULL, API_OPEN, NULL, NULL, NULL, NULL, NULL, NULL},
};

/* --- matching --------------------------------------------------------------------------------- */

bool router_is_open(const char *path)
{
    return str_eq(path, "/healthz") || str_eq(path, "/readyz");
}

bool router_owns(const char *path)
{
    return router_is_open(path) || str_eq(path, "/api/v1") || str_starts(path, "/api/v1/");
}

/* Does the path have the pattern's form? The values of its {names} go to `args`, decoded piece by piece, so
 * that an escaped slash is part of a name. */
static bool matches(const char *pattern, const char *path, struct arena *a, const char *args[API_ARGS_MAX])
{
    int n = 0;
    while (*pattern && *path) {
        size_t want = strcspn(pattern + 1, "/") + 1, have = strcspn(path + 1, "/") + 1;
        if (pattern[1] == '{') {
            const char *value = have > 1 ? path_decode(a, path + 1, have - 1) : NULL;
            if (!value || n == API_ARGS_MAX)
                return false;
            args[n++] = value;
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

/* HEAD is GET without the body, which the server leaves out. */
static bool is_method(const struct api_route *r, const char *method)
{
    return str_eq(r->method, method) || (str_eq(method, "HEAD") && str_eq(r->method, "GET"));
}

/* The route of path and method; NULL: `allowed` names the methods that the path has ("" = it is no path of
 * ours). */
static const struct api_route *find(struct call *c, const char *method, const char *path, struct buf *allowed)
{
    for (const struct api_route *r = api_routes; r->method; r++) {
        if (!matches(r->path, path, &c->arena, c->args))
            continue;
        if (is_method(r, method))
            return r;
        buf_printf(allowed, "%s%s", allowed->len ? ", " : "", r->method);
    }
    return NULL;
}

static void no_route(struct call *c, const char *method, const char *allowed)
{
    if (*allowed == '\0') {
        call_problem(c, 404, "unknown", "the API has no such path; GET /api/v1 lists all");
        return;
    }
    if (c->x)
        answer_header(c->x, "Allow", allowed);
    call_problem(c, 405, "method",
                 arena_printf(&c->arena, "%.16s is not possible here, only %s", method, allowed));
}

void router_dispatch(struct call *c, const char *method, const char *raw_path)
{
    _cleanup_buf_ struct buf allowed = {0};
    struct error err = ERROR_NONE;
    c->route = find(c, method, raw_path, &allowed);
    if (!c->route) {
        no_route(c, method, buf_str(&allowed));
        return;
    }
    if (!caller_may_call(c))
        return;
    if (c->x && !body_read(c))
        return;
    if (!c->body)
        c->body = json_object();
    if (!body_check(c->body, c->route->fields, &err)) {
        call_fail(c, &err);
        return;
    }
    struct engine *e = c->api->engine;
    engine_asker(e, &c->visitor.asker);
    c->route->handle(c);
    engine_asker(e, NULL);
}
