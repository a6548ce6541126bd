#include "sop/procedure.h"

#include <string.h>

const char *const branch_names[BRANCH_COUNT + 1] = {"main",  "trouble", "extend", "rollback",
                                                    "patch", "stop",    "move",   "undo"};
const char *const decision_names[] = {"", "retry", "patch", "extend", "rollback", "stop", NULL};
const char *const moment_names[] = {"from",    "to",      "incident", "planned",
                                    "started", "trouble", "decide",   NULL};
const char *const ask_roles[] = {"deploy", "approve", "administer", "tam", NULL};

int procedure_step(const struct procedure *p, const char *id)
{
    for (int i = 0; i < p->n_steps; i++)
        if (strcmp(p->steps[i].id, id) == 0)
            return i;
    return -1;
}

const char *const *procedure_ids(const struct procedure *p, struct arena *a)
{
    const char **ids = ARENA_ARRAY(a, (size_t)p->n_steps + 1, const char *);
    for (int i = 0; i < p->n_steps; i++)
        ids[i] = p->steps[i].id;
    return ids;
}
