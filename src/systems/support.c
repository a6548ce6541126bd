/* support.c: see support.h. */
#include "systems/support.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "net/pace.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- configuration
 * ------------------------------------------------------------------------------------------- */

static int line_of(const struct yaml *y)
{
    return y ? y->line : 0;
}

static int column_of(const struct yaml *y)
{
    return y ? y->column : 0;
}

static bool wrong(struct error *err, const struct yaml *y, const char *file, const char *key,
                  const char *expected)
{
    return error_at(err, SB_PARSE, file, line_of(y), column_of(y), "%s: expected %s%s%s%s", key, expected,
                    y && y->text ? ", found \"" : "", y && y->text ? y->text : "", y && y->text ? "\"" : "");
}

const char *config_str(const struct yaml *config, const char *key, const char *fallback)
{
    const char *text = yaml_str(config, key);
    return text ? text : fallback;
}

const char *config_need(const struct yaml *config, const char *file, const char *key, const char *says,
                        struct error *err)
{
    const struct yaml *y = yaml_get(config, key);
    if (y && (y->kind != YAML_SCALAR || !y->text)) {
        (void)wrong(err, y, file, key, "a text");
        return NULL;
    }
    if (!y || !*y->text) {
        const struct yaml *at = y ? y : config;
        (void)error_at(err, SB_MISSING, file, line_of(at), column_of(at), "\"%s\" is missing: %s", key, says);
        return NULL;
    }
    return y->text;
}

bool config_int(const struct yaml *config, const char *file, const char *key, int64_t fallback, int64_t min,
                int64_t max, int64_t *out, struct error *err)
{
    *out = fallback;
    const struct yaml *y = yaml_get(config, key);
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR || !y->text || !*y->text)
        return wrong(err, y, file, key, "a whole number");
    char *end = NULL;
    errno = 0;
    long long value = strtoll(y->text, &end, 10);
    if (*end || errno)
        return wrong(err, y, file, key, "a whole number");
    if (value < min || value > max)
        return error_at(err, SB_RANGE, file, y->line, y->column, "%s: %s is not between %lld and %lld", key,
                        y->text, (long long)min, (long long)max);
    *out = value;
    return true;
}

bool config_duration(const struct yaml *config, const char *file, const char *key, int64_t fallback,
                     int64_t *out, struct error *err)
{
    *out = fallback;
    const struct yaml *y = yaml_get(config, key);
    if (!y)
        return true;
    struct error why = ERROR_NONE;
    if (y->kind != YAML_SCALAR || !y->text)
        return wrong(err, y, file, key, "a duration such as 30s");
    if (!duration_parse(y->text, out, &why))
        return error_at(err, why.code, file, y->line, y->column, "%s: %s", key, why.text);
    return true;
}

bool config_secret(const struct yaml *config, const char *file, const char *key, struct arena *a,
                   struct secret *out, struct error *err)
{
    *out = (struct secret){0};
    const struct yaml *y = yaml_get(config, key);
    if (!y)
        return true;
    /* The text is not quoted back: somebody may have written the secret itself. */
    if (y->kind != YAML_SCALAR || !y->text)
        return error_at(err, SB_PARSE, file, y->line, y->column, "%s: expected a reference such as env:NAME",
                        key);
    struct error why = ERROR_NONE;
    if (!secret_ref(y->text, a, out, &why))
        return error_at(err, why.code, file, y->line, y->column, "%s: %s", key, why.text);
    return true;
}

static bool read_rate(const struct yaml *config, const char *file, double *out, struct error *err)
{
    const struct yaml *y = yaml_get(config, "per_second");
    if (!y)
        return true;
    char *end = NULL;
    double value = y->kind == YAML_SCALAR && y->text && *y->text ? strtod(y->text, &end) : -1;
    if (!end || *end || !isfinite(value) || value < 0)
        return wrong(err, y, file, "per_second", "a number of requests (0 = no limit)");
    *out = value;
    return true;
}

static bool read_ca(const struct yaml *config, const char *file, const char **out, struct error *err)
{
    const struct yaml *y = yaml_get(config, "ca_file");
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR || !y->text)
        return wrong(err, y, file, "ca_file", "the path of a PEM file");
    if (access(y->text, R_OK) != 0)
        return error_at(err, SB_IO, file, y->line, y->column, "ca_file: %s cannot be read", y->text);
    *out = y->text;
    return true;
}

static bool read_sign_in(const struct yaml *config, const char *file, struct arena *a,
                         struct http_peer_options *o, struct error *err)
{
    enum http_auth wanted = o->auth;
    o->user = config_str(config, "user", o->user);
    struct secret token;
    if (!config_secret(config, file, "token", a, &token, err))
        return false;
    if (token.ref)
        o->secret = token;
    if (wanted == HTTP_AUTH_NONE) {
        if (o->secret.ref)
            o->auth = o->user ? HTTP_AUTH_BASIC : HTTP_AUTH_BEARER;
        return true;
    }
    if (wanted == HTTP_AUTH_BASIC && !o->user &&
        !config_need(config, file, "user", "the name that signs in with the token", err))
        return false;
    return o->secret.ref ||
           config_need(config, file, "token", "a reference such as env:NAME or file:/path", err);
}

bool config_peer(const struct yaml *config, const char *file, const struct http_peer_options *defaults,
                 struct arena *a, struct http_peer_options *out, struct error *err)
{
    *out = *defaults;
    out->base_url = config_str(config, "url", defaults->base_url);
    if (!out->base_url || yaml_get(config, "url")) {
        out->base_url = config_need(config, file, "url", "the address of the system", err);
        if (!out->base_url)
            return false;
    }
    int64_t total;
    if (!config_duration(config, file, "timeout", defaults->total_ms, &total, err))
        return false;
    if (total > HOURS(1))
        return wrong(err, yaml_get(config, "timeout"), file, "timeout", "at most 1h");
    out->total_ms = (int)total;
    out->proxy = config_str(config, "proxy", defaults->proxy);
    return read_rate(config, file, &out->per_second, err) && read_ca(config, file, &out->ca_file, err) &&
           read_sign_in(config, file, a, out, err);
}

/* --- outcomes
 * ------------------------------------------------------------------------------------------------- */

/* At most an hour: longer is a fault of theirs. */
static int64_t asked_pause_ms(const struct http_reply *reply)
{
    const char *text = reply->status ? http_reply_header(reply, "Retry-After") : NULL;
    int64_t ms = retry_after_ms(text, reply->server_date_ms, loop_wall_ms());
    return ms < 0 ? 0 : ms > HOURS(1) ? HOURS(1) : ms;
}

static bool passes_by_itself(int status)
{
    return status == 420 || status == 425 || status == 429;
}

static struct outcome told(const struct http_peer *p, const struct http_request *r,
                           const struct http_reply *reply)
{
    struct outcome o = {0};
    if (http_ok(p, r, reply, &o.error))
        (void)error_set(&o.error, SB_REMOTE, "%s: answered %d with something that is not understood", r->what,
                        reply->status);
    o.retry_after_ms = asked_pause_ms(reply);
    return o;
}

struct outcome outcome_of_failed_send(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply)
{
    struct outcome o = told(p, r, reply);
    int status = reply->status;
    o.kind = OUTCOME_UNKNOWN;
    if (status == 0)
        o.kind = reply->maybe_sent ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    else if (passes_by_itself(status) || (status == 503 && http_reply_header(reply, "Retry-After")))
        o.kind = OUTCOME_RETRY;
    else if (status >= 400 && status < 500 && status != 408)
        o.kind = OUTCOME_FAILED;
    return o;
}

struct outcome outcome_of_failed_look(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply)
{
    struct outcome o = told(p, r, reply);
    int status = reply->status;
    bool refused = status >= 300 && status < 500 && !passes_by_itself(status) && status != 408;
    bool too_large = status != 0 && reply->error.code == SB_LIMIT;
    o.kind = refused || too_large ? OUTCOME_FAILED : OUTCOME_RETRY;
    return o;
}

struct outcome outcome_of_failed_find(const struct http_peer *p, const struct http_request *r,
                                      const struct http_reply *reply)
{
    struct outcome o = outcome_of_failed_look(p, r, reply);
    if (o.kind == OUTCOME_FAILED)
        o.kind = OUTCOME_CANNOT_TELL;
    return o;
}

/* --- tasks
 * ------------------------------------------------------------------------------------------------------ */

void task_begin(struct system *s, struct task *t, void (*cancel)(struct task *))
{
    *t = (struct task){.cancel = cancel, .system = s, .next = s->tasks};
    if (s->tasks)
        s->tasks->prev = t;
    s->tasks = t;
}

void task_leave(struct task *t)
{
    if (!t->system)
        return;
    if (t->prev)
        t->prev->next = t->next;
    else
        t->system->tasks = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->system = NULL;
    t->prev = t->next = NULL;
}

void tasks_cancel(struct system *s)
{
    while (s->tasks)
        task_cancel(s->tasks);
}

/* An outcome on its way: it comes by a timer, because that can be taken back. */
struct settled {
    struct task task;
    struct timer *timer;
    outcome_fn *done;
    void *ctx;
    struct outcome outcome;
};

static void settled_free(struct task *t)
{
    struct settled *w = (struct settled *)t;
    timer_cancel(w->timer);
    json_decref(w->outcome.result);
    free(w);
}

static void settled_tell(void *ctx)
{
    struct settled *w = ctx;
    w->timer = NULL;
    task_leave(&w->task);
    w->done(w->ctx, &w->outcome);
    settled_free(&w->task);
}

static struct settled *settled_new(struct system *s, outcome_fn *done, void *ctx)
{
    struct settled *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    task_begin(s, &w->task, settled_free);
    w->done = done;
    w->ctx = ctx;
    w->timer = timer_start(s->around->loop, 0, settled_tell, w);
    return w;
}

struct task *task_done(struct system *s, outcome_fn *done, void *ctx, json_t *result)
{
    struct settled *w = settled_new(s, done, ctx);
    w->outcome.kind = OUTCOME_DONE;
    w->outcome.result = result;
    return &w->task;
}

struct task *task_ends(struct system *s, outcome_fn *done, void *ctx, enum outcome_kind kind, const char *fmt,
                       ...)
{
    struct settled *w = settled_new(s, done, ctx);
    w->outcome.kind = kind;
    va_list ap;
    va_start(ap, fmt);
    (void)error_vset(&w->outcome.error, SB_STATE, fmt, ap);
    va_end(ap);
    return &w->task;
}

void key_short(const char *key, char *out, int n)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuv";
    char hex[SHA256_HEX + 1];
    sha256_hex(key, strlen(key), hex);
    unsigned bits = 0, have = 0;
    const char *next = hex;
    int i = 0;
    for (; i < n; i++) {
        while (have < 5 && *next) {
            unsigned digit = (unsigned)(*next <= '9' ? *next - '0' : *next - 'a' + 10);
            bits = (bits << 4 | digit) & 0xfff;
            have += 4;
            next++;
        }
        if (have < 5)
            break;
        have -= 5;
        out[i] = alphabet[bits >> have & 31];
    }
    out[i] = '\0';
}
