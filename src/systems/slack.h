/* slack.h: what the files of the Slack driver share. Nobody else includes it.
 *
 * slack.c: configuration, calls and their failures, doctor. slack_names.c: ids of channels and people. slack_post.c: posting, and
 * finding a post again; editing. slack_channel.c: making a channel, and who has joined. */
#ifndef SB_SYSTEMS_SLACK_H
#define SB_SYSTEMS_SLACK_H

#include "base/json.h"
#include "systems/chat.h"
#include "systems/checks.h"
#include "systems/flow.h"

enum { SLACK_PAGES_MAX = 50 };

struct slack {
    struct system system; /* first */
    struct arena arena;
    struct http_peer *peer;
    json_t *channels; /* what is known: name -> {"id", "topic"} */
    json_t *people;   /* mail address -> user id, or null when Slack knows none */
    json_t *next;     /* channel id -> monotonic ms before which nothing is posted there */
    json_t *wanted;   /* channels that doctor looks for */
    bool private_channels;
};

struct slack_flow;
typedef void slack_next(struct slack_flow *t);
/* `answer` (borrowed) is Slack's object, whether ok or not; NULL when there is none (`reply` tells why). */
typedef void slack_answer(struct slack_flow *t, const json_t *answer, const struct http_reply *reply);

struct slack_flow {
    struct flow f; /* first */
    struct slack *s;
    bool finding;  /* a failed look ends as a find does */
    json_t *posts; /* those that have taken place, for every outcome; or NULL */
    slack_answer *on_answer;
    slack_next *then; /* after learning names, or a pause */
    const json_t *names;
    size_t at;
    bool people_may_fail;
    char cursor[256]; /* of a list read page by page; "" = the first or the last */
    int pages;
};

void *slack_flow_new(size_t size, struct system *s, const struct effect *e, outcome_fn *done,
                     progress_fn *progress, void *ctx);

/* Calls a method that looks (GET; repeated when it fails) or acts (POST). `args`: texts, numbers, flags; takes the reference. */
void slack_look(struct slack_flow *t, const char *what, const char *method, json_t *args, slack_answer *then);
void slack_act(struct slack_flow *t, const char *what, const char *method, json_t *args, bool repeatable,
               slack_answer *then);

/* NULL when it is ok. */
const char *slack_error(const json_t *answer);
/* What a failed call means: for one that acted, an answer that did not come is UNKNOWN. With the server's words and what to do. */
struct outcome slack_failure(struct slack_flow *t, const json_t *answer, const struct http_reply *reply,
                             bool acted);
/* Ends the flow with a failed look, or any outcome; the posts that took place go along. */
void slack_look_failed(struct slack_flow *t, const json_t *answer, const struct http_reply *reply);
void slack_end(struct slack_flow *t, struct outcome *o);
/* Takes the next page's cursor from an answer; false at the last page, or when there are too many. */
bool slack_next_page(struct slack_flow *t, const json_t *answer);

/* --- slack_names.c ------------------------------------------------------------------------------------------------- */

/* Learns the ids of these channels (names or ids) or people (mail addresses), as far as Slack tells them, then goes on. */
void slack_learn_channels(struct slack_flow *t, const json_t *names, slack_next *then);
void slack_learn_people(struct slack_flow *t, const json_t *mails, bool may_fail, slack_next *then);
/* NULL when not known. An id is its own id. */
const char *slack_channel_id(const struct slack *s, const char *name);
const char *slack_channel_topic(const struct slack *s, const char *name);
const char *slack_user_id(const struct slack *s, const char *mail);
/* Waits for this channel's turn: Slack takes about one message a second in a channel. */
void slack_take_turn(struct slack_flow *t, const char *channel, slack_next *then);

/* --- the verbs --------------------------------------------------------------------------------------------------- */

act_fn slack_act_post, slack_post_find, slack_edit, slack_act_channel, slack_joined;

#endif
