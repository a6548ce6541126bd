#include "store/nodes_inbox.h"

#include <stdlib.h>
#include <string.h>

void inbox_init(struct inbox *b)
{
    pthread_mutex_init(&b->mutex, NULL);
    b->first = NULL;
    b->last = &b->first;
}

void inbox_free(struct inbox *b)
{
    for (struct note *n; (n = inbox_take(b)) != NULL;)
        note_free(n);
    pthread_mutex_destroy(&b->mutex);
}

struct note *note_new(enum note_kind kind, const char *name, int64_t number, json_t *body)
{
    struct note *n = calloc(1, sizeof *n);
    if (n == NULL || (name != NULL && (n->name = strdup(name)) == NULL))
        abort();
    n->kind = kind;
    n->number = number;
    n->body = body;
    return n;
}

void note_free(struct note *n)
{
    json_decref(n->body);
    free(n->name);
    free(n);
}

bool inbox_put(struct inbox *b, struct note *n)
{
    pthread_mutex_lock(&b->mutex);
    bool was_empty = b->first == NULL;
    n->next = NULL;
    *b->last = n;
    b->last = &n->next;
    pthread_mutex_unlock(&b->mutex);
    return was_empty;
}

struct note *inbox_take(struct inbox *b)
{
    pthread_mutex_lock(&b->mutex);
    struct note *n = b->first;
    if (n != NULL && (b->first = n->next) == NULL)
        b->last = &b->first;
    pthread_mutex_unlock(&b->mutex);
    return n;
}
