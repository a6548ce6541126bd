#include "faults.h"
#include <stdlib.h>
#include <string.h>

const struct fault_row fault_table[FAULTS] = {
    [FAULT_DIES_BEFORE_COMMIT] = {"dies-before-commit", 8, "the process dies before its events are durable"},
    [FAULT_DIES_AFTER_COMMIT] = {"dies-after-commit", 8,
                                 "the process dies before it learns that they are durable"},
    [FAULT_DIES_AFTER_SENDING] = {"dies-after-sending", 20, "the process dies while a request is under way"},
    [FAULT_DIES_BEFORE_RECORDING] = {"dies-before-recording", 12,
                                     "the process dies with an answer in its hand"},
    [FAULT_STALLS] = {"stalls", 10, "the process stands still for a while, perhaps longer than its lease"},
    [FAULT_CLOCK_FORWARD] = {"clock-forward", 300, "a node's clock is set forward"},
    [FAULT_CLOCK_BACK] = {"clock-back", 300, "a node's clock is set back"},
    [FAULT_DISK_FULL] = {"disk-full", 8, "a commit fails: the disk is full"},
    [FAULT_DISK_ERROR] = {"disk-error", 8, "a commit fails: an I/O error"},
    [FAULT_COMMIT_UNCLEAR] = {"commit-unclear", 6, "a commit takes place, and is reported as failed"},
    [FAULT_CONFLICT] = {"conflict", 4, "a commit fails: somebody else was first"},
    [FAULT_CUT_OFF] = {"cut-off", 8,
                       "a node cannot reach the store for a while, perhaps longer than its lease"},
    [FAULT_UNREACHABLE] = {"unreachable", 40, "no connection: it certainly did not arrive"},
    [FAULT_LOST_BEFORE] = {"lost-before", 40, "a request gets lost on its way there"},
    [FAULT_LOST_AFTER] = {"lost-after", 40, "an answer gets lost on its way back"},
    [FAULT_SLOW] = {"slow", 30, "a request arrives after the caller has given up"},
    [FAULT_LATE] = {"late", 30, "an answer arrives after the caller has given up"},
    [FAULT_DUPLICATE] = {"duplicate", 30, "an answer arrives twice"},
    [FAULT_REFUSED] = {"refused", 10, "the system refuses"},
    [FAULT_RATE_LIMIT] = {"rate-limit", 30, "the system asks to come again later"},
    [FAULT_BREAKS_BEFORE] = {"breaks-before", 20,
                             "the system breaks before it acts, and answers with an error"},
    [FAULT_BREAKS_AFTER] = {"breaks-after", 20,
                            "the system breaks after it has acted, and answers with an error"},
    [FAULT_PARTS] = {"parts", 60, "an effect of several parts gets stuck between them"},
    [FAULT_SHOWS_LATE] = {"shows-late", 300, "what was done can be found only after a while"},
    [FAULT_FIND_FAILS] = {"find-fails", 150, "the system cannot be asked whether it took place"},
    [FAULT_FIND_DENIED] = {"find-denied", 20, "the system does not let us look"},
    [FAULT_LOOK_FAILS] = {"look-fails", 40, "an observation gets no answer"},
    [FAULT_ANSWER_NO] = {"answer-no", 15, "the answer of an observation is no"},
    [FAULT_NO_ANSWER] = {"no-answer", 10, "an observation never ends by itself"},
    [FAULT_VIEW_OLD] = {"view-old", 40, "an older view arrives after a newer one"},
    [FAULT_VIEW_TWICE] = {"view-twice", 40, "a view arrives twice"},
    [FAULT_BUILD_FAILS] = {"build-fails", 150, "a build fails"},
    [FAULT_PAUSE_GONE] = {"pause-gone", 100, "the pipeline's pause is settled elsewhere"},
    [FAULT_SILENT] = {"silent", 60, "nobody answers for a long time"},
    [FAULT_THINKS_LONG] = {"thinks-long", 60, "a person answers hours later"},
    [FAULT_ANSWERS_TWICE] = {"answers-twice", 100, "a person answers twice, perhaps differently"},
    [FAULT_ANSWERS_STALE] = {"answers-stale", 100, "an answer to a question comes again much later"},
    [FAULT_SAYS_NO] = {"says-no", 40, "a person gives an answer that fails or ends"},
    [FAULT_SAYS_NONSENSE] = {"says-nonsense", 40, "a person gives an answer that nobody asked for"},
    [FAULT_CANCELS] = {"cancels", 40, "a person cancels the change"},
    [FAULT_CANCELS_NOW] = {"cancels-now", 3, "a person cancels the change just when something is under way"},
    [FAULT_TROUBLE_NOW] = {"trouble-now", 8,
                           "a person says that something is wrong just when something is under way"},
    [FAULT_RAISES_TROUBLE] = {"raises-trouble", 100, "a person says that something is wrong"},
    [FAULT_SKIPS] = {"skips", 200, "a person skips a step"},
    [FAULT_AMENDS] = {"amends", 150, "a person moves the window"},
    [FAULT_WANTS_AGAIN] = {"wants-again", 150, "a person has a settled step carried out again"},
};

void fault_place_text(const struct fault_place *f, const struct procedure *p, struct buf *out)
{
    buf_printf(out, "%s@%s#%d", fault_table[f->fault].name, f->step >= 0 ? p->steps[f->step].id : "change",
               f->nth);
}

static bool place_read(const char *text, const struct procedure *p, struct fault_place *out,
                       struct error *err)
{
    const char *at = strchr(text, '@'), *hash = at ? strchr(at, '#') : NULL;
    char step[128];
    int fault = 0;
    if (!hash || (size_t)(hash - at) > sizeof step)
        return error_set(err, SB_PARSE, "\"%s\": a fault looks like lost-after@deploy#0", text);
    snprintf(step, sizeof step, "%.*s", (int)(hash - at - 1), at + 1);
    while (fault < FAULTS && (strlen(fault_table[fault].name) != (size_t)(at - text) ||
                              !str_starts(text, fault_table[fault].name)))
        fault++;
    if (fault == FAULTS)
        return error_set(err, SB_UNKNOWN, "\"%s\": there is no such fault", text);
    int i = str_eq(step, "change") ? -1 : procedure_step(p, step);
    if (i < 0 && !str_eq(step, "change"))
        return error_set(err, SB_UNKNOWN, "\"%s\": the page has no such step", text);
    *out = (struct fault_place){(uint16_t)fault, (int16_t)i, (uint16_t)strtol(hash + 1, NULL, 10)};
    return true;
}

bool fault_places_read(const char *text, const struct procedure *p, struct fault_place *out, int room, int *n,
                       struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    char *list = arena_strdup(&a, text), *save = NULL;
    *n = 0;
    for (char *one = strtok_r(list, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        if (*n == room)
            return error_set(err, SB_LIMIT, "at most %d faults can be named", room);
        if (!place_read(one, p, &out[*n], err))
            return false;
        (*n)++;
    }
    return true;
}
