/* inside.h: what the files of web/ share; nobody else includes it.
 *
 * A *visit* is one request for a page and the page to be. A handler fills visit->html (page_begin ... page_end) and
 * calls visit_page, or answers otherwise; when it asks something that is answered later, visit_ask brings it back. */
#ifndef SB_WEB_INSIDE_H
#define SB_WEB_INSIDE_H

#include "api/session.h"
#include "base/instant.h"
#include "base/json.h"
#include "web/html.h"
#include "web/web.h"

enum { VISIT_ARGS_MAX = 2, WEB_FIELD_MAX = 16 << 10 };

struct visit;
struct looks;

struct web {
    struct api *api;
    struct engine *engine;
    const char *const *players;
    char csrf[65]; /* of a drill's forms; those of a session have the session's */
    char assets[17];
    struct visit *visits; /* those that wait for an answer */
    struct looks *looks;  /* what outside systems were seen to be */
};

struct web_route {
    const char *method;
    const char *path; /* "/changes/{id}/answer" */
    bool open;        /* anybody who reaches the port may see it */
    void (*handle)(struct visit *v);
};
extern const struct web_route web_routes[]; /* ends with a NULL method */

struct visit {
    struct web *web;
    struct visit *prev, *next;
    struct exchange *x; /* NULL: its client has gone */
    struct arena arena;
    struct html html;
    const struct web_route *route;
    const char *args[VISIT_ARGS_MAX];
    struct visitor who;
    const char *path; /* as asked for, with its query: where a form leads back to */
    int64_t now;      /* by the changes' clock */
    int status;       /* of the answer; 0 = 200 */
    bool in_store;    /* the store has yet to answer it, and will, even when it is closed */
    /* of the question under way */
    void (*then)(struct visit *v, int status, const json_t *body);
    void *data; /* the handler's, in the arena */
};

/* --- web.c -------------------------------------------------------------------------------------------------- */

/* Asks the API as the visitor; `then` gets the answer, once, perhaps before this returns; not at all when the
 * client has gone. */
void visit_ask(struct visit *v, const char *method, const char *path, const json_t *body,
               void (*then)(struct visit *v, int status, const json_t *body));
/* Answers with what stands in visit->html. Ends the visit. */
void visit_page(struct visit *v);
/* Leads on to another page of ours (303). Ends the visit. */
void visit_lead(struct visit *v, const char *path);
/* A page that says what went wrong: of a problem document. Ends the visit. */
void visit_problem(struct visit *v, int status, const json_t *problem);
void visit_fail(struct visit *v, int status, const char *title, const char *detail);
/* Without an answer: its client has gone. Ends the visit. */
void visit_over(struct visit *v);
void visit_bytes(struct visit *v, int status, const char *type, const char *bytes, size_t n);
/* Headers that every answer of ours has. */
void visit_headers(struct exchange *x);
/* Decoded value of the query or form; "" when absent or longer than WEB_FIELD_MAX. */
const char *visit_query(struct visit *v, const char *name);
const char *visit_field(struct visit *v, const char *name);

/* --- who.c -------------------------------------------------------------------------------------------------- */

/* Fills visit->who. False when it was refused (and answered). */
MUST_USE bool who_asks(struct visit *v);
/* Did the form come from a page of ours, of this visitor? */
bool who_sent_it(struct visit *v);
/* Chooses whom one plays in a drill (POST /play). */
void who_plays(struct visit *v);
void sign_in_page(struct visit *v);
/* May the visitor act at all? Says so in the page when not. */
bool who_acts(const struct visit *v);
/* May the visitor see what concerns this client and env? */
bool who_sees(const struct visit *v, const char *client, const char *env);

/* --- frame.c: what surrounds every page --------------------------------------------------------------------- */

struct page {
    const char *title;
    const char *place;  /* which entry of the navigation it is: "board", "plan" ... or NULL */
    const char *events; /* stream that says when it is out of date, or NULL */
    const char *script; /* a module besides live.js, or NULL */
    bool wide;
    bool still; /* of the past: its clocks do not go on */
};
void page_begin(struct visit *v, const struct page *p);
void page_end(struct visit *v);
/* Path of an asset. In the visit's arena. */
const char *asset_path(struct visit *v, const char *name);
/* Serves /assets/.... */
bool assets_serve(struct web *w, struct exchange *x);
void assets_version(char out[17]);
/* The hidden field that every form has. */
void form_token(struct visit *v);

/* --- parts.c: what several pages show ----------------------------------------------------------------------- */

/* A small picture; says nothing to a screen reader: words stand beside it. */
void part_icon(struct html *h, const char *name);
/* A state as shape, colour and word. */
void part_state(struct html *h, const char *state);
/* Of a change: "running", "in trouble" ... */
void part_change_state(struct html *h, const json_t *change);
/* The state that a step's status or a stage's word is shown as: "done", "running", "asks", ... */
const char *state_of_step(const char *status);
const char *state_of_stage(const char *status, bool paused);
const char *state_word(const char *state);
/* A moment in the zone, as a <time> that a script may bring up to date. */
void part_moment(struct visit *v, int64_t ms, const char *zone);
void part_hour(struct visit *v, int64_t ms, const char *zone);
/* Time since or until a moment, counting. */
void part_since(struct visit *v, int64_t ms);
void part_until(struct visit *v, int64_t ms);
/* Text with its paragraphs, line breaks, **bold**, `code` and addresses; nothing else of Markdown. */
void part_prose(struct html *h, const char *text);
const char *visit_duration(struct visit *v, int64_t ms);
/* "2 services" */
const char *plural(struct visit *v, size_t n, const char *one, const char *many);

/* --- handlers ----------------------------------------------------------------------------------------------- */

void board_page(struct visit *v);
void board_acknowledge(struct visit *v);
void change_page(struct visit *v);
void change_sop_page(struct visit *v);
void change_messages_page(struct visit *v);
void change_record_page(struct visit *v);
void change_report_page(struct visit *v);
void change_replay_page(struct visit *v);
void change_post(struct visit *v); /* the act is the path's last word */
void plan_page(struct visit *v);
void plan_post(struct visit *v);
void calendar_page(struct visit *v);
void versions_page(struct visit *v);
void figures_page(struct visit *v);
void sops_page(struct visit *v);
void sop_page(struct visit *v);
void record_page(struct visit *v);
void record_post(struct visit *v);
void drills_page(struct visit *v);
void status_page(struct visit *v);
void status_feed(struct visit *v);

/* --- change_*.c: the parts of a change's pages -------------------------------------------------------------- */

/* `how` is CHANGE_LIVE where a person may act, CHANGE_PAST in a replay. */
enum change_how { CHANGE_LIVE, CHANGE_PAST };
void change_head(struct visit *v, const json_t *change, const char *tab);
void change_now(struct visit *v, const json_t *change, enum change_how how);
void change_ask(struct visit *v, const json_t *change, const json_t *step, enum change_how how);
void change_stages(struct visit *v, const json_t *change);
void change_line(struct visit *v, const json_t *change);
void change_versions(struct visit *v, const json_t *change);
void change_health(struct visit *v, const json_t *change);
/* What was measured while it was watched, as far as `events` tell. */
void change_health_graph(struct visit *v, const json_t *change, const json_t *events);
void change_log(struct visit *v, const json_t *change);
void change_facts_part(struct visit *v, const json_t *change);
void change_timeline(struct visit *v, const json_t *change, const json_t *events, size_t most);
/* The page that a change follows, each step with how it stands (change NULL: none is under way). */
void sop_body(struct visit *v, const char *source, const json_t *steps, const char *zone);
/* What a step sends: {field, text, to} each. */
void message_parts(struct visit *v, const json_t *args, const char *does);

const json_t *step_named(const json_t *change, const char *id);
/* Of the steps with this verb that have begun: the one that came last into the state it is in; or NULL. */
const json_t *step_doing(const json_t *change, const char *verb);
/* The beginning of a step's title, up to where it begins to explain. */
const char *short_title(struct visit *v, const json_t *step);

/* --- looks.c: outside systems, looked at without anybody waiting -------------------------------------------- */

struct look_seen {
    const json_t *answer; /* the last one; NULL = none yet. Borrowed until the loop's next round */
    const char *failed;   /* why the last look gave none, or NULL */
    int64_t at;           /* when the last look ended, monotonic; 0 = never */
    bool under_way;
};
/* What was seen last of a verb with these arguments; begins a new look when that is older than `fresh_ms`. */
struct look_seen look_at(struct web *w, const char *verb, const json_t *args, int64_t fresh_ms);
void looks_free(struct web *w);

#endif
