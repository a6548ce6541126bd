/* statuspage_driver.h: what the files of the Statuspage driver share. Nobody else includes it.
 *
 * statuspage.c: configuration, components, doctor. statuspage_maintenance.c: the Scheduled Maintenance. */
#ifndef SB_SYSTEMS_STATUSPAGE_DRIVER_H
#define SB_SYSTEMS_STATUSPAGE_DRIVER_H

#include "base/json.h"
#include "systems/checks.h"
#include "systems/flow.h"
#include "systems/statuspage.h"

struct statuspage {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    const char *page;   /* "/pages/ID", encoded */
    json_t *components; /* as last read: [{"id", "name", "group_id", "status", ...}]; NULL = never */
};

struct page_flow;
typedef void page_next(struct page_flow *t);

struct page_flow {
    struct flow f; /* first */
    struct statuspage *s;
    bool finding;    /* a failed look ends as a find does */
    json_t *ids;     /* of the components that the arguments name */
    json_t *reading; /* components read so far */
    int page;
    page_next *then;
    const char *status; /* that components are being set to */
    page_next *were_set;
};

void *page_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done, void *ctx);
/* Below the page: "/incidents/abc". In the flow's arena. */
char *page_path(struct page_flow *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *page_encoded(struct page_flow *t, const char *text);
void page_look_failed(struct page_flow *t, const struct http_reply *reply);

/* Fills `ids` from the argument "components" (names or ids) and goes on; reads the list when it is not known or `fresh`. A name
 * that nothing has, or that two components have, ends the flow (FAILED). */
void page_learn_components(struct page_flow *t, bool fresh, page_next *then);
/* Sets each of `ids` that has another status, one after the other, then goes on. Reads the list first. */
void page_set_components(struct page_flow *t, const char *status, page_next *then);
/* [{"id", "name", "status"}] of `ids`, as last read or set. New reference. */
json_t *page_components(const struct page_flow *t);

/* `update` is begin, verify, extend, complete and cancel: the effect's verb says which. */
act_fn statuspage_schedule, statuspage_schedule_find, statuspage_update, statuspage_update_find;

#endif
