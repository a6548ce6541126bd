/* verbs.c: the table. A row's `says` and `result` are also the manual (docs/verbs.md is printed from it). */
#include "sop/verbs.h"
#include <stddef.h>
#include <string.h>

#define REQ true
#define OPT false

const struct verb verbs[] = {
    /* tickets */
    {"tickets.create", VERB_EFFECT, "creates the change ticket",
     {{"summary", ARG_TEXT, REQ, "its title"},
      {"description", ARG_TEXT, OPT, "Markdown"},
      {"labels", ARG_LIST, OPT, "labels besides Signalbox's own"},
      {"type", ARG_TEXT, OPT, "issue type, when not the configured one"}},
     "id, url"},
    {"tickets.transition", VERB_EFFECT, "moves the ticket",
     {{"ticket", ARG_TEXT, REQ, "its id"},
      {"to", ARG_TEXT, REQ, "name of the transition or of the status it leads to"},
      {"resolution", ARG_TEXT, OPT, "when the transition asks for one"}},
     "status"},
    {"tickets.comment", VERB_EFFECT, "comments on the ticket",
     {{"ticket", ARG_TEXT, REQ, "its id"}, {"text", ARG_TEXT, REQ, "Markdown"}},
     "id"},
    {"tickets.link", VERB_EFFECT, "links a page to the ticket",
     {{"ticket", ARG_TEXT, REQ, "its id"}, {"url", ARG_TEXT, REQ, "where it leads"}, {"title", ARG_TEXT, REQ, "its name"}},
     "id"},

    /* calendar */
    {"calendar.create", VERB_EFFECT, "puts the change on the change calendar and invites people",
     {{"title", ARG_TEXT, REQ, "of the event"},
      {"description", ARG_TEXT, OPT, "text"},
      {"from", ARG_NUMBER, REQ, "UTC milliseconds"},
      {"to", ARG_NUMBER, REQ, "UTC milliseconds"},
      {"zone", ARG_TEXT, OPT, "IANA name in which people speak of it"},
      {"attendees", ARG_LIST, OPT, "mail addresses"},
      {"meeting", ARG_TEXT, OPT, "link of the bridge"}},
     "id, url"},
    {"calendar.update", VERB_EFFECT, "moves the event or changes its text",
     {{"event", ARG_TEXT, REQ, "its id"},
      {"title", ARG_TEXT, OPT, "new title"},
      {"from", ARG_NUMBER, OPT, "UTC milliseconds"},
      {"to", ARG_NUMBER, OPT, "UTC milliseconds"},
      {"description", ARG_TEXT, OPT, "text"}},
     "id"},
    {"calendar.cancel", VERB_EFFECT, "takes the event off the calendar and tells those invited",
     {{"event", ARG_TEXT, REQ, "its id"}},
     "id"},
    {"calendar.conflicts", VERB_OBSERVE, "finds other events and freezes in a time",
     {{"from", ARG_NUMBER, REQ, "UTC milliseconds"},
      {"to", ARG_NUMBER, REQ, "UTC milliseconds"},
      {"client", ARG_TEXT, OPT, "only what concerns this client"},
      {"except", ARG_TEXT, OPT, "id of our own event"}},
     "conflicts"},

    /* statuspage */
    {"statuspage.schedule", VERB_EFFECT, "creates a Scheduled Maintenance",
     {{"name", ARG_TEXT, REQ, "what customers read"},
      {"body", ARG_TEXT, REQ, "the first update"},
      {"from", ARG_NUMBER, REQ, "UTC milliseconds, ahead of now"},
      {"to", ARG_NUMBER, REQ, "UTC milliseconds"},
      {"components", ARG_LIST, REQ, "names or ids of the components it concerns"},
      {"notify", ARG_FLAG, OPT, "send notifications (default true)"}},
     "id, url"},
    {"statuspage.begin", VERB_EFFECT, "sets the maintenance in progress and its components under maintenance",
     {{"maintenance", ARG_TEXT, REQ, "its id"}, {"body", ARG_TEXT, REQ, "the update"}, {"components", ARG_LIST, REQ, "names or ids"}},
     "status"},
    {"statuspage.verify", VERB_EFFECT, "sets the maintenance to verifying",
     {{"maintenance", ARG_TEXT, REQ, "its id"}, {"body", ARG_TEXT, REQ, "the update"}},
     "status"},
    {"statuspage.extend", VERB_EFFECT, "moves the end of the maintenance",
     {{"maintenance", ARG_TEXT, REQ, "its id"}, {"to", ARG_NUMBER, REQ, "UTC milliseconds"}, {"body", ARG_TEXT, REQ, "the update"}},
     "to"},
    {"statuspage.complete", VERB_EFFECT, "completes the maintenance",
     {{"maintenance", ARG_TEXT, REQ, "its id"}, {"body", ARG_TEXT, REQ, "the update"}},
     "status"},
    {"statuspage.cancel", VERB_EFFECT, "completes a maintenance that will not take place, saying so",
     {{"maintenance", ARG_TEXT, REQ, "its id"}, {"body", ARG_TEXT, REQ, "the update"}},
     "status"},
    {"statuspage.component", VERB_EFFECT, "sets components' status",
     {{"components", ARG_LIST, REQ, "names or ids"}, {"status", ARG_TEXT, REQ, "operational, under_maintenance, ..."}},
     "components"},
    {"statuspage.confirm", VERB_OBSERVE, "reads components back and fails unless all have the status",
     {{"components", ARG_LIST, REQ, "names or ids"}, {"status", ARG_TEXT, REQ, "the status expected"}},
     "components"},

    /* chat */
    {"chat.channel", VERB_EFFECT, "makes a channel, or takes the one of that name",
     {{"name", ARG_TEXT, REQ, "without #"}, {"topic", ARG_TEXT, OPT, "text"}, {"invite", ARG_LIST, OPT, "mail addresses"}},
     "channel, name, created"},
    {"chat.post", VERB_EFFECT, "posts a message in each of the channels; one thread a change and channel",
     {{"channels", ARG_LIST, REQ, "names or ids"},
      {"text", ARG_TEXT, REQ, "Markdown"},
      {"thread", ARG_ANY, OPT, "result of the post that opened the threads; then this goes into them"},
      {"broadcast", ARG_FLAG, OPT, "in a thread: show it in the channel as well"},
      {"mention", ARG_LIST, OPT, "mail addresses of people to mention"}},
     "posts (a list of {channel, ts, url})"},
    {"chat.edit", VERB_EFFECT, "edits messages in place",
     {{"posts", ARG_ANY, REQ, "result of the post"}, {"text", ARG_TEXT, REQ, "Markdown"}},
     "posts"},
    {"chat.joined", VERB_OBSERVE, "who of these people is in the channel",
     {{"channel", ARG_TEXT, REQ, "name or id"}, {"people", ARG_LIST, REQ, "mail addresses"}},
     "joined, absent"},

    /* pager */
    {"pager.oncall", VERB_OBSERVE, "looks up who is on call",
     {{"schedule", ARG_TEXT, REQ, "schedule or team"}},
     "people"},
    {"pager.alert", VERB_EFFECT, "alerts a team or schedule",
     {{"to", ARG_TEXT, REQ, "team or schedule"},
      {"summary", ARG_TEXT, REQ, "one line"},
      {"details", ARG_TEXT, OPT, "text"},
      {"priority", ARG_TEXT, OPT, "P1 to P5; default P1"}},
     "alert"},
    {"pager.acknowledged", VERB_OBSERVE, "waits until the alert is acknowledged; fails when the step's timeout passes",
     {{"alert", ARG_TEXT, REQ, "its id"}},
     "by, at"},
    {"pager.close", VERB_EFFECT, "closes the alert",
     {{"alert", ARG_TEXT, REQ, "its id"}, {"note", ARG_TEXT, OPT, "text"}},
     "alert"},

    /* pipeline */
    {"pipeline.start", VERB_EFFECT, "starts the deployment, exactly once",
     {{"client", ARG_TEXT, REQ, "as the pipeline names it"},
      {"env", ARG_TEXT, REQ, "as the pipeline names it"},
      {"services", ARG_LIST, REQ, "list of {service, tag}"},
      {"pipeline", ARG_TEXT, OPT, "job, when not the configured one"}},
     "build, url"},
    {"pipeline.watch", VERB_OBSERVE, "follows the build to its end; fails when the build fails; opens gates when it pauses",
     {{"build", ARG_TEXT, REQ, "its id"}},
     "status, stages, took_ms, failed_stage, log"},
    {"pipeline.answer", VERB_EFFECT, "proceeds or aborts at the pipeline's pause",
     {{"build", ARG_TEXT, REQ, "its id"}, {"gate", ARG_TEXT, REQ, "id of the pause"}, {"proceed", ARG_FLAG, REQ, "or abort"}},
     "gate"},
    {"pipeline.stop", VERB_EFFECT, "stops the build",
     {{"build", ARG_TEXT, REQ, "its id"}},
     "status"},

    /* health */
    {"health.snapshot", VERB_OBSERVE, "measures system health now",
     {{"services", ARG_LIST, REQ, "names"}, {"client", ARG_TEXT, OPT, "for labels"}, {"env", ARG_TEXT, OPT, "for labels"}},
     "healthy, measures (a list of {name, value, ok, says})"},
    {"health.watch", VERB_OBSERVE, "watches system health for a while, against a snapshot; fails when it is worse",
     {{"services", ARG_LIST, REQ, "names"},
      {"before", ARG_ANY, OPT, "result of the snapshot"},
      {"soak", ARG_DURATION, OPT, "how long it must stay good; default 5m"},
      {"client", ARG_TEXT, OPT, "for labels"},
      {"env", ARG_TEXT, OPT, "for labels"}},
     "healthy, measures, worse"},
    {"health.mark", VERB_EFFECT, "marks the deployment on the dashboards",
     {{"text", ARG_TEXT, REQ, "of the mark"}, {"tags", ARG_LIST, OPT, "tags"}},
     "id"},

    /* cluster */
    {"cluster.versions", VERB_OBSERVE, "reads which versions run",
     {{"client", ARG_TEXT, REQ, "client"}, {"env", ARG_TEXT, REQ, "env"}, {"services", ARG_LIST, OPT, "only these"}},
     "services (a map of name to tag)"},
    {"cluster.verify", VERB_OBSERVE, "waits until every service runs at its tag with all pods ready and not restarting",
     {{"client", ARG_TEXT, REQ, "client"},
      {"env", ARG_TEXT, REQ, "env"},
      {"services", ARG_LIST, REQ, "list of {service, tag}"}},
     "services, pods, problems"},

    /* releases */
    {"releases.check", VERB_OBSERVE, "the tags exist, are hotfixes of what runs, and their checks have passed",
     {{"services", ARG_LIST, REQ, "list of {service, tag, before}"}},
     "services (a list of {service, tag, exists, checks, url, schema})"},

    /* owners */
    {"owners.lookup", VERB_OBSERVE, "looks up who owns services",
     {{"services", ARG_LIST, REQ, "names"}},
     "owners (a list of {service, team, channel, schedule, people})"},

    /* the change itself */
    {"change.report", VERB_LOCAL, "writes the report of the change", {{"title", ARG_TEXT, OPT, "of the report"}}, "path"},
    {"change.note", VERB_LOCAL, "writes a note into the record", {{"text", ARG_TEXT, REQ, "the note"}}, ""},
    {"change.evidence", VERB_LOCAL, "gathers what is known of the failure: failing step, end of its log, pods, health", {{NULL, 0, 0, NULL}}, "text"},
    {NULL, 0, NULL, {{NULL, 0, 0, NULL}}, NULL},
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const char *const *verb_names(void)
{
    static const char *names[sizeof verbs / sizeof verbs[0]];
    if (!names[0])
        for (size_t i = 0; verbs[i].name; i++)
            names[i] = verbs[i].name;
    return names;
}
