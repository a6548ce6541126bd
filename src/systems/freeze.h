/* freeze.h: times in which nothing should be deployed, as the configuration has them: once, or again and again
 * by a rule; for all, for some clients, for some environments; in a zone of their own or in the client's.
 *
 * Freezes that stand in a calendar are that calendar's (calendar.conflicts). Pure; loop's thread. */
#ifndef SB_SYSTEMS_FREEZE_H
#define SB_SYSTEMS_FREEZE_H

#include "base/yaml.h"
#include "systems/recur.h"

enum { FREEZES_MAX = 500 };

struct freeze {
    const char *title;
    const char *zone; /* of its times; NULL: the client's own */
    struct recur when;
    const char *const *clients; /* ids or names, NULL-terminated; NULL = all */
    const char *const *envs;    /* NULL = all */
};

struct freezes {
    struct freeze *list;
    int n;
};

/* Whether [from, to) of a client and an env meets a freeze. */
struct freeze_ask {
    const char *client, *client_name; /* id and name; NULL or "" = any client: then every freeze counts */
    const char *env;                  /* NULL or "" = any env */
    const char *zone;                 /* the client's */
    int64_t from, to;
};

struct freeze_met {
    const struct freeze *freeze;
    int64_t from, to; /* of the one occurrence that is met */
};

/* Those that are met, by begin, at most `most`. Returns how many. */
int freezes_meet(const struct freezes *all, const struct freeze_ask *q, struct freeze_met *out, int most);
/* The first moment from q->from on from which a time of that length meets no freeze; -1 when there is none within
 * a year. */
int64_t freezes_clear(const struct freezes *all, const struct freeze_ask *q);

/* The list `freezes:` of a configuration; `list` NULL: none. Texts are copied into `a`. Errors with file, line,
 * column. */
MUST_USE bool freezes_read(const struct yaml *list, const char *file, struct arena *a, struct freezes *out,
                           struct error *err);

#endif
