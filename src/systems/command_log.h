/* command_log.h: the marks in a script's output, and what they make of the run.
 *
 *   ::stage NAME           a stage begins (and the one before has gone well)
 *   ::gate ID MESSAGE      the script waits until the gate is answered
 *
 * Everything else is log. Bounded against any output. Pure. */
#ifndef SB_SYSTEMS_COMMAND_LOG_H
#define SB_SYSTEMS_COMMAND_LOG_H

#include "base/arena.h"
#include "base/buf.h"
#include <jansson.h>
#include <stdint.h>

enum { COMMAND_STAGES_MAX = 200, COMMAND_LINE_MAX = 4096 };

struct command_stage {
    char name[128];
    int64_t started_ms, ended_ms; /* 0 = not known, not ended */
};

struct command_log {
    struct buf line; /* what has come of the present line */
    struct command_stage stages[COMMAND_STAGES_MAX];
    int n;
    int noted; /* stages whose moment was known before this reading (see `command_log_known`) */
    char gate[72], message[512]; /* the last gate that no later mark has passed; "" = none */
};

void command_log_free(struct command_log *l);
/* Moments of stages noticed by an earlier reading: text of numbers, one a line, in order. Before the first
 * feed. */
void command_log_known(struct command_log *l, const char *moments);
/* More output, noticed at `now`. */
void command_log_feed(struct command_log *l, const char *bytes, size_t n, int64_t now_ms);

/* The stages as pipeline.watch shows them; the last one has `last_status`, those before went well. New
 * reference. */
json_t *command_log_stages(const struct command_log *l, const char *last_status);

#endif
