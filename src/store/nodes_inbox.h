/* nodes_inbox.h: notes on their way between the thread of nodes and the loop's, in order. */
#ifndef SB_STORE_NODES_INBOX_H
#define SB_STORE_NODES_INBOX_H

#include "base/error.h"
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

enum note_kind {
    /* from the loop */
    NOTE_TAKE,   /* name */
    NOTE_ASK,    /* name, body */
    NOTE_ANSWER, /* number, body */
    /* to the loop */
    NOTE_HELD,     /* body: {lease: token}, all that we hold */
    NOTE_NEWS,     /* name, number: the change's last event */
    NOTE_TAKEN,    /* name, number: the token; of `of` */
    NOTE_ASKED,    /* number, body */
    NOTE_ANSWERED, /* body; of `of` */
};

struct note {
    struct note *next;
    enum note_kind kind;
    char *name;
    int64_t number;
    json_t *body;
    struct error error; /* SB_OK: none */
    void *of;           /* who waits for it: freed by whoever the note ends with */
};

struct inbox {
    pthread_mutex_t mutex;
    struct note *first, **last;
};

void inbox_init(struct inbox *b);
void inbox_free(struct inbox *b);
/* Copies the name, takes the body. */
struct note *note_new(enum note_kind kind, const char *name, int64_t number, json_t *body);
void note_free(struct note *n);
/* True when it was empty. */
bool inbox_put(struct inbox *b, struct note *n);
/* The oldest, or NULL. */
struct note *inbox_take(struct inbox *b);

#endif
