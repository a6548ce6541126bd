/* Faults: what an outside system does on a bad night, armed by the scenario or through the control server,
 * applied to the next requests that fit. */
#include "base/json.h"
#include "yard/inside.h"
#include <stdlib.h>
#include <string.h>

enum { GIANT_BYTES = 24 << 20, DELAY_MS_MAX = 600000 };

struct held {
    struct held *next;
    struct yard *yard;
    struct place *place; /* of a delayed request: it is served even when its client has left, for the system
                            had it. Else NULL */
    struct exchange *x;
    struct timer *timer;
};

static const struct {
    const char *name;
    enum spoil spoil; /* of the answer, after acting; SPOIL_NOT = handled before acting */
} kinds[] = {
    {"lose_answer", SPOIL_LOSE}, {"reset", SPOIL_NOT},         {"status", SPOIL_NOT},
    {"delay", SPOIL_NOT},        {"hang", SPOIL_NOT},          {"garbage", SPOIL_GARBAGE},
    {"giant", SPOIL_GIANT},      {"truncate", SPOIL_TRUNCATE}, {"redirect", SPOIL_NOT},
};

static const char *const kind_names[] = {"lose_answer", "reset", "status",   "delay",    "hang",
                                         "garbage",     "giant", "truncate", "redirect", NULL};

bool fault_check(const json_t *fault, struct error *err)
{
    const char *system = json_str(fault, "system", NULL);
    const char *kind = json_str(fault, "fault", NULL);
    bool known = false;
    for (const struct stand_in *const *s = stand_ins; *s; s++)
        known = known || str_eq((*s)->name, system);
    if (!known)
        return error_set(err, SB_UNKNOWN, "fault: the yard has no system called %s",
                         system ? system : "(none)");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eq(kinds[i].name, kind)) {
            int64_t code = json_int(fault, "code", 0);
            if (str_eq(kind, "status") && (code < 200 || code > 599))
                return error_set(err, SB_RANGE, "fault: status needs a code from 200 to 599");
            if (str_eq(kind, "redirect") && !json_str(fault, "to", NULL))
                return error_set(err, SB_MISSING, "fault: redirect needs \"to\"");
            return true;
        }
    const char *near = kind ? str_near(kind, kind_names) : NULL;
    return error_set(err, SB_UNKNOWN, "fault: %s is none of the kinds%s%s", kind ? kind : "(none)",
                     near ? "; did you mean " : "", near ? near : "");
}

/* --- which fault ------------------------------------------------------------------------------------- */

static bool fault_fits(const json_t *f, const char *system, const struct server_request *r)
{
    const char *method = json_str(f, "method", NULL), *path = json_str(f, "path", NULL);
    const char *contains = json_str(f, "contains", NULL);
    return str_eq(json_str(f, "system", NULL), system) && (!method || str_eq(method, r->method)) &&
           (!path || str_starts(r->path, path)) && (!contains || (r->body && strstr(r->body, contains)));
}

/* The first armed fault that fits, counted down. New reference or NULL. */
static json_t *take_fault(struct yard *y, const char *system, const struct server_request *r)
{
    size_t i;
    json_t *f;
    json_array_foreach(y->faults, i, f) {
        if (!fault_fits(f, system, r))
            continue;
        int64_t after = json_int(f, "after", 0);
        if (after > 0) {
            json_object_set_new(f, "after", json_integer(after - 1));
            continue;
        }
        json_incref(f);
        int64_t times = json_int(f, "times", 1);
        if (times > 0)
            json_object_set_new(f, "times", json_integer(times - 1));
        if (times == 1)
            json_array_remove(y->faults, i);
        yard_save(y);
        return f;
    }
    return NULL;
}

/* --- serving ----------------------------------------------------------------------------------------- */

static void serve_spoiled(struct place *p, struct exchange *x, enum spoil spoil)
{
    struct yard *y = p->yard;
    yard_settle(y);
    y->spoiled = x;
    y->spoil = spoil;
    y->busy = p;
    p->kind->serve(y, p->world, x);
    y->busy = NULL;
    y->spoiled = NULL;
    y->spoil = SPOIL_NOT;
}

static void forget(struct held *h)
{
    for (struct held **at = &h->yard->held; *at; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    timer_cancel(h->timer);
    free(h);
}

static void client_left(void *ctx)
{
    struct held *h = ctx;
    if (h->place)
        serve_spoiled(h->place, h->x, SPOIL_MUTE);
    forget(h);
}

static struct held *hold(struct yard *y, struct place *acts, struct exchange *x)
{
    struct held *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    *h = (struct held){.next = y->held, .yard = y, .place = acts, .x = x};
    y->held = h;
    exchange_on_end(x, client_left, h);
    return h;
}

static struct exchange *release(struct held *h)
{
    struct exchange *x = h->x;
    h->timer = NULL; /* it has just fired */
    exchange_on_end(x, NULL, NULL);
    forget(h);
    return x;
}

static void delay_over(void *ctx)
{
    struct held *h = ctx;
    struct place *p = h->place;
    serve_spoiled(p, release(h), SPOIL_NOT);
}

void held_free_all(struct yard *y)
{
    while (y->held) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): forget takes it off the list */
        exchange_on_end(y->held->x, NULL, NULL);
        forget(y->held);
    }
}

static void answer_as_told(const json_t *f, struct exchange *x)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)json_path(f, "headers"), name, value)
        if (json_is_string(value))
            answer_header(x, name, json_string_value(value));
    const json_t *body = json_path(f, "body");
    int status = (int)json_int(f, "code", 500);
    if (json_is_object(body) || json_is_array(body))
        answer_json(x, status, json_deep_copy(body));
    else
        answer_text(x, status, json_is_string(body) ? json_string_value(body) : "");
}

/* Faults that come before acting. */
static void refuse(struct place *p, struct exchange *x, const json_t *f)
{
    const char *kind = json_str(f, "fault", "");
    if (str_eq(kind, "reset")) {
        answer_reset(x);
    } else if (str_eq(kind, "status")) {
        answer_as_told(f, x);
    } else if (str_eq(kind, "redirect")) {
        answer_header(x, "Location", json_str(f, "to", "/"));
        answer_text(x, 302, "");
    } else if (str_eq(kind, "delay")) {
        int64_t ms = json_int(f, "ms", 1000);
        struct held *h = hold(p->yard, p, x);
        h->timer = timer_start(p->yard->loop,
                               ms < 0              ? 0
                               : ms > DELAY_MS_MAX ? DELAY_MS_MAX
                                                   : ms,
                               delay_over, h);
    } else {
        hold(p->yard, NULL, x);
    }
}

void place_serve(void *ctx, struct exchange *x)
{
    struct place *p = ctx;
    _cleanup_json_ json_t *f = take_fault(p->yard, p->kind->name, exchange_request(x));
    enum spoil spoil = SPOIL_NOT;
    for (size_t i = 0; f && i < COUNT_OF(kinds); i++)
        if (str_eq(kinds[i].name, json_str(f, "fault", "")))
            spoil = kinds[i].spoil;
    if (f && spoil == SPOIL_NOT)
        refuse(p, x, f);
    else
        serve_spoiled(p, x, spoil);
}

/* --- answering --------------------------------------------------------------------------------------- */

static void answer_giant(struct exchange *x)
{
    char *bytes = malloc(GIANT_BYTES);
    if (!bytes)
        abort();
    memset(bytes, ' ', GIANT_BYTES);
    bytes[0] = '[';
    bytes[GIANT_BYTES - 1] = ']';
    answer_bytes(x, 200, "application/json", bytes, GIANT_BYTES);
    free(bytes);
}

static void answer_cut(struct exchange *x, int status, const char *type, const void *body, size_t n)
{
    answer_stream(x, status, type, n + 1);
    stream_write(x, body, n / 2);
    answer_reset(x);
}

static enum spoil spoil_of(const struct yard *y, const struct exchange *x)
{
    return y->spoiled == x ? y->spoil : SPOIL_NOT;
}

/* For those who hold the yard's words against a description of the real system's. Credentials stay out. */
static void record(const struct yard *y, struct exchange *x, int status, const char *type, const void *body,
                   size_t n)
{
    const struct server_request *r = exchange_request(x);
    const char *asked_as = request_header(x, "Content-Type");
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s%, s:i, s:s, s:s%}", "system", y->busy->kind->name, "method",
                  r->method, "path", r->raw_path, "query", r->raw_query, "type", asked_as ? asked_as : "",
                  "body", r->body ? r->body : "", r->body ? r->body_len : 0, "status", status, "answer_type",
                  type ? type : "", "answer", body ? body : "", n);
    if (!line) /* no text: a picture */
        return;
    json_dumpf(line, y->record, JSON_COMPACT);
    fputc('\n', y->record);
    fflush(y->record);
    json_decref(line);
}

void yard_answer_bytes(struct yard *y, struct exchange *x, int status, const char *type, const void *body,
                       size_t n)
{
    switch (spoil_of(y, x)) {
    case SPOIL_NOT:
        if (y->record && y->busy)
            record(y, x, status, type, body, n);
        answer_bytes(x, status, type, body, n);
        break;
    case SPOIL_LOSE:
        answer_reset(x);
        break;
    case SPOIL_GARBAGE:
        answer_text(x, 200, "{\"ok\": tru\x01, <html>");
        break;
    case SPOIL_GIANT:
        answer_giant(x);
        break;
    case SPOIL_TRUNCATE:
        answer_cut(x, status, type, body, n);
        break;
    case SPOIL_MUTE:
        break;
    }
}

void yard_answer(struct yard *y, struct exchange *x, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    json_decref(body);
    if (!text)
        abort();
    yard_answer_bytes(y, x, status, "application/json", text, strlen(text));
    free(text);
}

void yard_answer_header(struct yard *y, struct exchange *x, const char *name, const char *value)
{
    enum spoil s = spoil_of(y, x);
    if (s == SPOIL_NOT || s == SPOIL_TRUNCATE)
        answer_header(x, name, value);
}

bool yard_answer_stream(struct yard *y, struct exchange *x, int status, const char *type)
{
    if (spoil_of(y, x) != SPOIL_NOT) {
        yard_answer_bytes(y, x, status, type, "{}", 2);
        return false;
    }
    answer_stream(x, status, type, 16 << 20);
    return true;
}
