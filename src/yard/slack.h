/* slack.h: what the files of the Slack stand-in share. slack.c: sign-in and the table of methods;
 * slack_channels.c: channels and people; slack_messages.c: messages, threads, history, files; slack_blocks.c:
 * what blocks may be. */
#ifndef SB_YARD_SLACK_H
#define SB_YARD_SLACK_H

#include "yard/route.h"

#define SLACK_BOT_USER "U0SIGNALBOX"
#define SLACK_BOT      "B0SIGNALBOX"
#define SLACK_TEAM     "T0RETAIL1"

/* One call of a method, with its arguments wherever they came from. */
struct slack {
    struct call *c;
    json_t *body; /* of a JSON request, else NULL */
};

/* An argument as text (numbers and flags too), or NULL. */
const char *slack_arg(struct slack *s, const char *name);
bool slack_flag(struct slack *s, const char *name);
/* An argument that is JSON: a value in a JSON body, or text of JSON in a form. `*bad` when it is text that is
 * no JSON. New reference or NULL. */
json_t *slack_value(struct slack *s, const char *name, bool *bad);

/* Answers {"ok": true, ...fields}; takes `fields`. */
void slack_ok(struct slack *s, json_t *fields);
/* Answers {"ok": false, "error": ...}. */
void slack_no(struct slack *s, const char *error);

/* The part of `all` that limit and cursor ask for. Fills `next` ("" at the end) and removes the rest from
 * `all`. False when the cursor is none of ours (answered). */
bool slack_page(struct slack *s, json_t *all, long usual, long most, char next[32]);

/* By id. NULL (and answered with channel_not_found) when there is none. */
json_t *slack_channel(struct slack *s, const char *id);
bool slack_is_member(const json_t *channel, const char *user);
json_t *slack_user(const json_t *world, const char *id);

/* NULL when Slack would take these blocks, else what it says. */
const char *slack_blocks_fault(const json_t *blocks);

json_t *slack_world(const json_t *scenario, int64_t now);

typedef void slack_method(struct slack *s);
/* slack_channels.c */
slack_method slack_create, slack_invite, slack_join, slack_leave, slack_topic, slack_purpose, slack_archive,
    slack_members, slack_list, slack_info, slack_lookup, slack_user_info, slack_user_list;
/* slack_messages.c */
slack_method slack_post, slack_update, slack_delete, slack_ephemeral, slack_permalink, slack_history,
    slack_replies, slack_upload_url, slack_upload_done;
void slack_upload_bytes(struct call *c);

#endif
