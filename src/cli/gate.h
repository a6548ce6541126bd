/* gate.h: a question at the keyboard: which choice, and then what that choice needs (a reason, tags, minutes
 * and who permitted them). */
#ifndef SB_CLI_GATE_H
#define SB_CLI_GATE_H

#include "base/buf.h"
#include "cli/session.h"

enum gate_field { GATE_CHOICE, GATE_TAGS, GATE_MINUTES, GATE_PERMITTED, GATE_REASON };

struct gate {
    json_t *step;     /* the step that asks, as last seen; NULL = none */
    json_t *services; /* of the change */
    json_t *answer;   /* what has been entered so far */
    enum gate_field field;
};

/* The first step of the change that asks a person (a gate, or an effect nobody can tell about), or NULL.
 * Borrowed. */
const json_t *gate_step(const json_t *change);
/* Takes over the question that is open now; what was half entered for another is dropped. NULL: none. */
void gate_look(struct gate *g, const json_t *change);
/* The question in lines, into `out`; returns what to put before the line being typed, or NULL when nothing is
 * asked. */
const char *gate_prompt(const struct gate *g, int width, struct buf *out);
/* A line was entered. Sends the answer when it is complete. False: the line does not do, and why. */
MUST_USE bool gate_enter(struct gate *g, struct session *s, const char *change, const char *line,
                         struct error *err);
void gate_clear(struct gate *g);

/* Reads "SERVICE=TAG SERVICE=TAG" into a list of {service, tag}. With a single service in `services`, a tag
 * alone does. New reference. */
json_t *gate_tags(const char *text, const json_t *services, struct error *err);

#endif
