/* told.h: who reads what: from the arguments of a verb to the messages that people get, word for word, and to the list
 * of all who are told, with the reasons. For the dry run. */
#ifndef SB_ENGINE_TOLD_H
#define SB_ENGINE_TOLD_H

#include "engine/inside.h"

struct told;

/* `facts` and `known` are borrowed until told_end. */
struct told *told_begin(const json_t *facts, const struct known_plan *known);
/* The messages of a step: [{reader, how, text, mention?}], one for each that reads it. New reference. */
json_t *messages_of(struct told *t, const struct step *s, const json_t *args, int64_t at);
/* All who are told: [{who, as?, why: [...], steps: [...], first}], in the order in which they are. New reference;
 * frees it. */
json_t *told_end(struct told *t);

#endif
