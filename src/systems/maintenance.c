/* maintenance.c: what status page drivers share. */
#include "base/buf.h"
#include "systems/statuspage.h"
#include <stddef.h>

const char *const component_statuses[] = {
    "operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage", NULL,
};

int maintenance_stage(const char *status)
{
    static const char *const stages[] = {
        MAINTENANCE_SCHEDULED,
        MAINTENANCE_IN_PROGRESS,
        MAINTENANCE_VERIFYING,
        MAINTENANCE_COMPLETED,
    };
    for (int i = 0; i < (int)COUNT_OF(stages); i++)
        if (str_eq(status, stages[i]))
            return i;
    return -1;
}

enum maintenance_step maintenance_step(const char *is, const char *wanted)
{
    if (str_eq(is, wanted))
        return MAINTENANCE_THERE;
    if (str_eq(is, MAINTENANCE_COMPLETED))
        return MAINTENANCE_PAST;
    return maintenance_stage(is) > maintenance_stage(wanted) ? MAINTENANCE_THERE : MAINTENANCE_WRITE;
}
