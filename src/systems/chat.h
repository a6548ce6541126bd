/* chat.h: the role "chat": channels, threads, messages, who has joined.
 *
 * chat.channel (effect)
 *   arguments  name (without #); topic, invite (mail addresses) optional
 *   result     {"channel": id, "name", "created": true or false, "absent": [mail addresses the chat does not know]}
 *   repeatable a channel of that name is taken as it is, topic and invitations are set again
 * chat.post (effect, several parts: one a channel)
 *   arguments  channels (names or ids), text (Markdown); thread (result of the post that opened the threads), broadcast, mention (mail addresses)
 *   result     {"posts": [{"channel": id, "name", "ts", "url"}]}. `ts` is a text, the message's id
 *   parts      {"posts": [...]}: those that took place. A channel that refuses does not keep the others from being told
 *   find       by the key and the channel, kept with the message where people do not see it; only what is not in the effect's parts
 *              A channel that the opening post did not reach gets the message outside of a thread
 * chat.edit (effect)
 *   arguments  posts (result of the post), text (Markdown)
 *   result     {"posts"}
 *   repeatable the same text again changes nothing
 * chat.joined (looks)
 *   arguments  channel, people (mail addresses)
 *   result     {"joined": [mail addresses], "absent": [mail addresses]} */
#ifndef SB_SYSTEMS_CHAT_H
#define SB_SYSTEMS_CHAT_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>

/* Markdown as Slack's mrkdwn: headings and ** become *, lists get a bullet, links become <url|text>, `&`, `<` and `>` are escaped,
 * so that nothing in the text can mention a person or everybody. Code keeps its characters. Pure; in `a`. */
char *chat_mrkdwn(const char *markdown, struct arena *a);

/* The list of posts in a result of chat.post (or that list itself); NULL when there is none. Borrowed. */
const json_t *chat_posts(const json_t *result);
/* The post of a channel (id or name) among them, or NULL. Borrowed. */
const json_t *chat_post_in(const json_t *posts, const char *channel);

/* A channel's name as chat systems want it: no #, lower case, blanks to '-', nothing but letters, digits, '-' and '_', at most 80. In `a`. */
char *chat_channel_name(const char *name, struct arena *a);

#endif
