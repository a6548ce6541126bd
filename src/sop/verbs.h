/* verbs.h: everything a step can do, as one table: the words a page may write after `do:`. The page parser
 * checks pages against it, the engine finds drivers by it, `signalbox sop verbs` prints it. Pure data. */
#ifndef SB_SOP_VERBS_H
#define SB_SOP_VERBS_H

#include <stdbool.h>

enum verb_kind {
    VERB_EFFECT,  /* changes another system: intend, perform, record; has a key */
    VERB_OBSERVE, /* only looks, perhaps for a long time; safe to begin again after a crash */
    VERB_LOCAL,   /* concerns only the change itself (report, note): performed by the engine on the store,
                     idempotent by key */
};

enum verb_arg_type { ARG_TEXT, ARG_NUMBER, ARG_FLAG, ARG_LIST, ARG_MAP, ARG_DURATION, ARG_ANY };

struct verb_arg {
    const char *name;
    enum verb_arg_type type;
    bool required;
    const char *says; /* a sentence for the manual */
};

enum { VERB_ARGS_MAX = 12 };

struct verb {
    const char *name; /* "statuspage.schedule": role, dot, verb */
    enum verb_kind kind;
    const char *says;
    struct verb_arg args[VERB_ARGS_MAX]; /* ends with a NULL name */
    const char *result;                  /* the fields of its result, for pages that use them: "id, url" */
};

/* Ends with a NULL name. */
extern const struct verb verbs[];
/* NULL when there is none. */
const struct verb *verb_find(const char *name);
/* All names, NULL-terminated, for "did you mean". */
const char *const *verb_names(void);

#endif
