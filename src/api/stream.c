/* stream.c: events as they happen, as server-sent events.
 *
 * An event's id is CHANGE:N. A stream of one change reads the store, from wherever its reader stands: nothing
 * is missed or sent twice however long the reader was away. The stream of all changes is fed as events become
 * durable; a reader who comes back gets what it missed from the last few hundred events, or is told to look
 * at everything anew (event "reset"). A reader of all changes who takes nothing is cut off, one of a single
 * change is waited for until the server's own patience ends. */
#include "api/access.h"
#include "api/events.h"
#include "net/alloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECENT_MAX = 256, /* events that are kept for readers who come back */
    STREAMS_MAX = 512,
    BACKLOG_MAX = 1 << 20,    /* bytes that may wait for a reader before it is cut off */
    BACKLOG_FULL = 128 << 10, /* no more of the record is read ahead of a reader */
    PIECE = 50,               /* events read from the store at once */
    AGAIN_MS = 50,            /* until a reader with a full backlog is looked at again */
    HEARTBEAT_MS = 15000,     /* proxies cut what is silent for a minute or less */
};

struct subscriber {
    struct subscriber *prev, *next;
    struct api *api;
    struct exchange *x;
    char *change;   /* NULL = all */
    int64_t wanted; /* of the change: the next event's number */
    struct timer *again;
    struct arena arena; /* of the visitor */
    struct visitor visitor;
};

/* --- what is sent ----------------------------------------------------------------------------- */

static void frame(struct buf *out, const char *change, const json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);
    buf_printf(out, "id: %s:%" PRId64 "\ndata: ", change, json_int(event, "n", 0));
    buf_adds(out, text ? text : "{}");
    buf_adds(out, "\n\n");
    free(text);
}

/* The event with its change and text. A copy: the event itself belongs to the engine. */
static void frame_of_all(struct buf *out, const struct change *change, const json_t *event)
{
    _cleanup_json_ json_t *copy = json_copy((json_t *)(uintptr_t)event);
    json_object_set_new(copy, "change", json_string(change->id));
    event_explain(change, copy);
    frame(out, change->id, copy);
}

static void send_text(const struct subscriber *s, const char *text)
{
    stream_write(s->x, text, strlen(text));
}

static bool sees(const struct subscriber *s, const struct change *change)
{
    return visitor_sees(s->api, &s->visitor, json_str(change->facts, "change.client", ""),
                        json_str(change->facts, "change.env", ""));
}

/* --- of one change ---------------------------------------------------------------------------- */

static void pump(struct subscriber *s);

static bool is_full(const struct subscriber *s)
{
    return stream_write(s->x, NULL, 0) >= BACKLOG_FULL;
}

static void pump_again(void *ctx)
{
    struct subscriber *s = ctx;
    s->again = NULL;
    pump(s);
}

/* Sends as many of `events` as the reader should get now; false when that is not all. */
static bool send_piece(struct subscriber *s, const json_t *events)
{
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        _cleanup_buf_ struct buf out = {0};
        if (is_full(s))
            return false;
        json_object_set_new(event, "change", json_string(s->change));
        frame(&out, s->change, event);
        stream_write(s->x, buf_str(&out), out.len);
        s->wanted = json_int(event, "n", s->wanted) + 1;
    }
    return true;
}

/* Sends what the record has beyond what the reader has, as far as the reader takes it. */
static void pump(struct subscriber *s)
{
    while (!s->again && !is_full(s)) {
        struct error err = ERROR_NONE;
        const struct change *change = engine_fold(s->api->engine, s->change, &err);
        _cleanup_json_ json_t *events = change ? events_read(s->api, change, s->wanted, PIECE, &err) : NULL;
        if (!events) { /* the record cannot be read now: its reader comes back, or is told in its next call */
            stream_end(s->x);
            return;
        }
        if (send_piece(s, events) && json_array_size(events) < PIECE)
            return;
    }
    if (!s->again)
        s->again = timer_start(engine_loop(s->api->engine), AGAIN_MS, pump_again, s);
}

/* --- the last events of all ------------------------------------------------------------------- */

static void remember(struct api *a, const char *change, const json_t *event)
{
    if (!a->recent)
        a->recent = net_alloc(RECENT_MAX * sizeof *a->recent);
    struct recent *r = &a->recent[a->recent_at++ % RECENT_MAX];
    free(r->change);
    json_decref(r->event);
    r->change = net_strdup(change);
    r->event = json_incref((json_t *)(uintptr_t)event);
}

static size_t oldest(const struct api *a)
{
    return a->recent_at > RECENT_MAX ? a->recent_at - RECENT_MAX : 0;
}

/* The place after the event with this id; false when it is not among the last. */
static bool place_after(const struct api *a, const char *change, int64_t n, size_t *out)
{
    for (size_t at = a->recent_at; at > oldest(a); at--) {
        const struct recent *r = &a->recent[(at - 1) % RECENT_MAX];
        if (str_eq(r->change, change) && json_int(r->event, "n", 0) == n) {
            *out = at;
            return true;
        }
    }
    return false;
}

static void send_of_all(struct subscriber *s, const char *id, const json_t *event, struct buf *made)
{
    const struct change *change = engine_fold(s->api->engine, id, NULL);
    if (!change || !sees(s, change))
        return;
    if (made->len == 0)
        frame_of_all(made, change, event);
    stream_write(s->x, buf_str(made), made->len);
}

static void send_recent(struct subscriber *s, size_t from)
{
    for (size_t at = from; at < s->api->recent_at; at++) {
        const struct recent *r = &s->api->recent[at % RECENT_MAX];
        _cleanup_buf_ struct buf made = {0};
        send_of_all(s, r->change, r->event, &made);
    }
}

static void on_event(void *ctx, const char *change, const json_t *event)
{
    struct api *a = ctx;
    _cleanup_buf_ struct buf made = {0};
    metrics_event(a->metrics, change, event);
    remember(a, change, event);
    for (struct subscriber *s = a->subscribers; s; s = s->next) {
        if (!s->change)
            send_of_all(s, change, event, &made);
        else if (str_eq(s->change, change))
            pump(s);
    }
}

/* --- readers ---------------------------------------------------------------------------------- */

static void beat(void *ctx)
{
    struct api *a = ctx;
    a->heartbeat = timer_start(engine_loop(a->engine), a->heartbeat_ms, beat, a);
    for (struct subscriber *s = a->subscribers; s; s = s->next) {
        if (visitor_is_current(a, s->visitor.credential))
            send_text(s, ": still here\n\n");
        else /* whoever signed out, or whose token was revoked, sees no more */
            stream_end(s->x);
    }
}

static void subscriber_free(struct subscriber *s)
{
    struct api *a = s->api;
    if (s->prev)
        s->prev->next = s->next;
    else
        a->subscribers = s->next;
    if (s->next)
        s->next->prev = s->prev;
    timer_cancel(s->again);
    if (--a->n_subscribers == 0) {
        timer_cancel(a->heartbeat);
        a->heartbeat = NULL;
    }
    free(s->change);
    arena_free(&s->arena);
    free(s);
}

static void reader_left(void *ctx)
{
    subscriber_free(ctx);
}

/* "HF-7:12" into its parts; NULL when it is none. */
static const char *last_id(struct call *c, int64_t *n)
{
    const char *id = request_header(c->x, "Last-Event-ID");
    const char *colon = id && strlen(id) < 80 ? strrchr(id, ':') : NULL;
    char *stop = NULL;
    *n = colon ? strtoll(colon + 1, &stop, 10) : 0;
    if (!colon || colon == id || stop == colon + 1 || *stop != '\0' || *n < 0)
        return NULL;
    return arena_strndup(&c->arena, id, (size_t)(colon - id));
}

/* Ends the call; NULL when there cannot be a stream. */
static struct subscriber *subscribe(struct call *c, const char *change)
{
    struct api *a = c->api;
    if (a->n_subscribers == STREAMS_MAX) {
        call_problem(c, 503, "limit", "too many streams are open here; come back later");
        return NULL;
    }
    struct subscriber *s = NET_NEW(struct subscriber);
    s->api = a;
    s->change = change ? net_strdup(change) : NULL;
    s->arena = arena_make();
    visitor_copy(&c->visitor, &s->arena, &s->visitor);
    s->next = a->subscribers;
    if (s->next)
        s->next->prev = s;
    a->subscribers = s;
    s->x = call_release(c);
    exchange_on_end(s->x, reader_left, s);
    answer_header(s->x, "Cache-Control", "no-store");
    answer_header(s->x, "X-Content-Type-Options", "nosniff");
    answer_header(s->x, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    answer_stream(s->x, 200, "text/event-stream", BACKLOG_MAX);
    send_text(s, "retry: 1000\n\n");
    if (a->n_subscribers++ == 0)
        a->heartbeat = timer_start(engine_loop(a->engine), a->heartbeat_ms, beat, a);
    return s;
}

void stream_change(struct call *c, const struct change *change, int64_t from)
{
    int64_t n;
    const char *id = last_id(c, &n);
    if (id && str_eq(id, change->id))
        from = n < INT64_MAX ? n + 1 : n;
    int64_t end = change->control.seq + 1;
    struct subscriber *s = subscribe(c, change->id);
    if (!s)
        return;
    s->wanted = from < end ? from : end;
    pump(s);
}

void events_of_all(struct call *c)
{
    int64_t n;
    size_t from = 0;
    if (!c->x) {
        call_problem(c, 406, "stream", "events of all changes are a stream, which needs a socket");
        return;
    }
    const char *given = request_header(c->x, "Last-Event-ID"), *id = last_id(c, &n);
    bool comes_back = given && *given;
    bool known = id && place_after(c->api, id, n, &from);
    struct subscriber *s = subscribe(c, NULL);
    if (s && known)
        send_recent(s, from);
    else if (s && comes_back)
        send_text(s, "event: reset\ndata: {}\n\n");
}

/* --- the API's life --------------------------------------------------------------------------- */

void events_open(struct api *a)
{
    a->heartbeat_ms = HEARTBEAT_MS;
    a->listener = engine_listen(a->engine, on_event, a);
}

void api_end_streams(struct api *a)
{
    for (struct subscriber *s = a->subscribers, *next; s; s = next) {
        next = s->next;
        send_text(s, "event: end\ndata: {}\n\n");
        stream_end(s->x);
    }
}

void events_close(struct api *a)
{
    engine_unlisten(a->engine, a->listener);
    for (struct subscriber *s = a->subscribers, *next; s; s = next) {
        next = s->next;
        exchange_on_end(s->x, NULL, NULL);
        stream_end(s->x);
        subscriber_free(s);
    }
    for (size_t i = 0; a->recent && i < RECENT_MAX; i++) {
        free(a->recent[i].change);
        json_decref(a->recent[i].event);
    }
    free(a->recent);
}
