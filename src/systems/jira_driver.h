/* jira_driver.h: what the files of the Jira driver share. Nobody else includes it.
 *
 * jira.c: configuration, doctor. jira_create.c: making the ticket and finding it again. jira_ticket.c: moving
 * it, comments, links. */
#ifndef SB_SYSTEMS_JIRA_DRIVER_H
#define SB_SYSTEMS_JIRA_DRIVER_H

#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/tickets.h"

/* Of issues and comments: the property that holds an effect's key, {"key": "HF-7/ticket/1"}. */
#define JIRA_PROPERTY "signalbox"

struct jira {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *project; /* its key */
    const char *type;    /* issue type of a ticket */
    const char *browse;  /* where people read tickets: "https://SITE.atlassian.net" */
    json_t *fields;      /* set on every ticket besides ours, or NULL */
};

struct jira_flow {
    struct flow f; /* first */
    struct jira *j;
};

/* "/rest/api/3" and the rest, in the flow's arena. */
char *jira_path(struct flow *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Percent-encoded, in the flow's arena. */
char *jira_encoded(struct flow *f, const char *text);
void *jira_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done, void *ctx);
/* [{"key": "signalbox", "value": {"key": the effect's}}]. New reference. */
json_t *jira_properties(const struct flow *f);

act_fn jira_act_create, jira_find_created, jira_act_transition, jira_act_comment, jira_find_comment,
    jira_act_link;

#endif
