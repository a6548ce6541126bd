/* system.c: finding drivers and their verbs. */
#include "systems/system.h"
#include "base/buf.h"
#include "systems/support.h"

const char *const role_names[ROLE_COUNT] = {
    [ROLE_TICKETS] = "tickets", [ROLE_CALENDAR] = "calendar", [ROLE_STATUSPAGE] = "statuspage",
    [ROLE_CHAT] = "chat",       [ROLE_PAGER] = "pager",       [ROLE_PIPELINE] = "pipeline",
    [ROLE_HEALTH] = "health",   [ROLE_CLUSTER] = "cluster",   [ROLE_RELEASES] = "releases",
    [ROLE_OWNERS] = "owners",
};

const struct driver *driver_find(enum role role, const char *name)
{
    for (const struct driver *const *d = drivers; *d; d++)
        if ((*d)->role == role && str_eq((*d)->name, name))
            return *d;
    return NULL;
}

const struct driver *driver_builtin(enum role role)
{
    static const char *const builtin[ROLE_COUNT] = {
        [ROLE_TICKETS] = "builtin", [ROLE_CALENDAR] = "builtin", [ROLE_STATUSPAGE] = "builtin",
        [ROLE_CHAT] = "timeline",   [ROLE_PAGER] = "roster",     [ROLE_PIPELINE] = "command",
        [ROLE_HEALTH] = "http",     [ROLE_CLUSTER] = "none",     [ROLE_RELEASES] = "git",
        [ROLE_OWNERS] = "csv",
    };
    return driver_find(role, builtin[role]);
}

const struct verb_entry *driver_verb(const struct driver *d, const char *verb)
{
    for (const struct verb_entry *v = d->verbs; v->verb; v++)
        if (str_eq(v->verb, verb))
            return v;
    return NULL;
}

void task_cancel(struct task *t)
{
    if (!t)
        return;
    task_leave(t);
    t->cancel(t);
}

bool system_can(const struct system *s, const char *verb)
{
    return driver_verb(s->driver, verb) && (!s->driver->can || s->driver->can(s, verb));
}
