#include "store/job.h"

#include <stdlib.h>
#include <string.h>

struct job *job_new(size_t room)
{
    struct job *j = malloc(sizeof *j + room);
    if (j == NULL)
        abort();
    *j = (struct job){0};
    return j;
}

void job_free(struct job *j)
{
    free(j->error);
    free(j);
}

char *job_copy(struct job *j, const char *text, size_t n)
{
    char *copy = j->room + j->used;
    memcpy(copy, text, n);
    copy[n] = '\0';
    j->used += n + 1;
    return copy;
}

bool job_refuse(struct job *j, const struct error *why)
{
    if (j->error == NULL && (j->error = malloc(sizeof *j->error)) == NULL)
        abort();
    *j->error = *why;
    return true;
}

void job_forgive(struct job *j)
{
    free(j->error);
    j->error = NULL;
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
