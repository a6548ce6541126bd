/* pipeline.h: the role "pipeline": the deployment job.
 *
 * pipeline.start (effect)
 *   arguments  client, env (as the pipeline names them), services (list of {service, tag}); pipeline (optional: job, when not the configured one)
 *   result     {"build": "shop/deploy#87", "url"}. `build` holds all that the other verbs need
 *   find       by the key, which travels as a parameter of the build: exact. A start that waits in a queue counts as started: find
 *              then waits for the build's number as start does
 * pipeline.watch (looks, until the build's end)
 *   arguments  build
 *   view       {"status", "stages": [{"id", "name", "status", "started_ms", "took_ms", "paused"}], "started_ms", "took_ms", "estimated_ms", "stuck",
 *               "restarts", "gate": {"id", "message", "stage"}, "note"}
 *              status: a STAGE_ word below, or "QUEUED". "stuck": it takes much longer than usual, pauses not counted. "gate": the pause that
 *              waits for an answer, absent when there is none. "note": why nothing newer is known (the pipeline does not answer ...), or absent. A view
 *              is told when more than its "took_ms" differ from the last: readers count on from "started_ms"
 *   result     {"status", "stages", "took_ms"}; with FAILED also {"failed_stage", "log"}: the end of the failing step's log, at most
 *              PIPELINE_LOG_LINES lines and PIPELINE_LOG_BYTES bytes
 *   FAILED     only when the build has ended otherwise than well, or is certainly gone. A pipeline that does not answer is waited for
 * pipeline.answer (effect)
 *   arguments  build, gate (id from the view), proceed (or abort)
 *   result     {"gate"}
 *   find       by the pause: gone from what the build waits for = answered
 *   FAILED     when the pause is no longer there: somebody else has answered it
 * pipeline.stop (effect)
 *   arguments  build
 *   result     {"status"}: how the build ended
 *   repeatable a build that has ended stays as it is */
#ifndef SB_SYSTEMS_PIPELINE_H
#define SB_SYSTEMS_PIPELINE_H

#include "base/arena.h"
#include "base/error.h"
#include <stddef.h>

enum { PIPELINE_LOG_LINES = 100, PIPELINE_LOG_BYTES = 16 << 10 };

/* The words of a build's and a stage's status, whatever the driver's system calls them. */
#define STAGE_WAITING  "NOT_EXECUTED"
#define STAGE_RUNNING  "IN_PROGRESS"
#define STAGE_PAUSED   "PAUSED_PENDING_INPUT"
#define STAGE_SUCCESS  "SUCCESS"
#define STAGE_UNSTABLE "UNSTABLE"
#define STAGE_FAILED   "FAILED"
#define STAGE_ABORTED  "ABORTED"

/* The last lines of a log, within the two limits and beginning at a line's start. Invalid UTF-8 becomes '?', terminal escapes and other
 * control characters go. Pure; in `a`. */
char *pipeline_log_tail(const char *log, size_t n, struct arena *a);

/* "shop/deploy#87" into job and number, and back. */
MUST_USE bool pipeline_build_split(const char *build, struct arena *a, char **job, long *number,
                                   struct error *err);
char *pipeline_build_id(const char *job, long number, struct arena *a);

#endif
