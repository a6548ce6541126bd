#include "store/job.h"

#include <stdlib.h>

struct job *job_new(void)
{
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    return j;
}

void job_free(struct job *j)
{
    arena_free(&j->arena);
    free(j);
}

bool job_refuse(struct job *j, const struct error *why)
{
    if (j->error == NULL)
        j->error = ARENA_NEW(&j->arena, struct error);
    *j->error = *why;
    return true;
}

bool job_refuse_with(struct job *j, enum error_code code, const char *fmt, ...)
{
    struct error why;
    va_list ap;
    va_start(ap, fmt);
    error_vset(&why, code, fmt, ap);
    va_end(ap);
    return job_refuse(j, &why);
}
