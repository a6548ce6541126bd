#include "store/answers.h"

#include <pthread.h>
#include <stdlib.h>

struct answers {
    struct loop *loop;
    struct loop_end *end;
    pthread_mutex_t mutex; /* guards the list and `posted` */
    struct job *first, **last;
    bool posted; /* the loop will call; one call is enough for all that comes until then */
    bool freed;  /* by the store; the loop's call is the last to know of us */
};

static void destroy(struct answers *a)
{
    for (struct job *j = a->first, *next; j != NULL; j = next) {
        next = j->next;
        job_free(j);
    }
    loop_end_drop(a->end);
    pthread_mutex_destroy(&a->mutex);
    free(a);
}

/* The loop goes, and with it the calls that were posted to it. */
static void on_loop_end(void *ctx)
{
    struct answers *a = ctx;
    a->end = NULL;
    a->loop = NULL;
    if (a->freed)
        destroy(a);
}

struct answers *answers_new(struct loop *l)
{
    struct answers *a = calloc(1, sizeof *a);
    if (a == NULL || pthread_mutex_init(&a->mutex, NULL) != 0)
        abort();
    a->loop = l;
    a->last = &a->first;
    a->end = loop_at_end(l, on_loop_end, a);
    return a;
}

static void on_post(void *ctx)
{
    struct answers *a = ctx;
    pthread_mutex_lock(&a->mutex);
    a->posted = false;
    pthread_mutex_unlock(&a->mutex);
    if (a->freed)
        destroy(a);
    else
        answers_deliver(a);
}

void answers_give(struct answers *a, struct job *first)
{
    if (first == NULL)
        return;
    pthread_mutex_lock(&a->mutex);
    bool post = !a->posted;
    a->posted = true;
    *a->last = first;
    while (*a->last != NULL)
        a->last = &(*a->last)->next;
    pthread_mutex_unlock(&a->mutex);
    if (post)
        loop_post(a->loop, on_post, a);
}

bool answers_deliver(struct answers *a)
{
    pthread_mutex_lock(&a->mutex);
    struct job *j = a->first;
    a->first = NULL;
    a->last = &a->first;
    pthread_mutex_unlock(&a->mutex);
    bool any = j != NULL;
    while (j != NULL) {
        struct job *next = j->next;
        j->answer(j, j->error);
        job_free(j);
        j = next;
    }
    return any;
}

void answers_free(struct answers *a)
{
    a->freed = true;
    if (!a->posted || a->loop == NULL)
        destroy(a);
}
