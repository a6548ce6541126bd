#include "store/pg.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/secret.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers that may wait in the pipeline: they must fit into the sockets' buffers, or both sides would wait
 * for each other. */
enum { WAITING_MOST = 200 };

static char *copy(const char *text)
{
    char *c = text != NULL ? strdup(text) : NULL;
    if (c == NULL)
        abort();
    return c;
}

/* --- where to ---------------------------------------------------------------------------------- */

static const char *option_of(const PQconninfoOption *o, const char *key)
{
    for (; o->keyword != NULL; o++)
        if (str_eq(o->keyword, key))
            return o->val != NULL ? o->val : "";
    return "";
}

static bool check_url(const PQconninfoOption *o, struct error *err)
{
    if (*option_of(o, "password") == '\0' && *option_of(o, "sslpassword") == '\0')
        return true;
    return error_set(err, SB_PARSE,
                     "the store's URL holds a password, which would end in logs: take it out, and write "
                     "store: {url: ..., password: file:/path} or use libpq's PGPASSFILE");
}

static char *where_of(const PQconninfoOption *o)
{
    struct buf b = {0};
    const char *name = option_of(o, "dbname"), *user = option_of(o, "user"), *host = option_of(o, "host");
    buf_printf(&b, "database %s", *name != '\0' ? name : *user != '\0' ? user : "(of its user)");
    if (*host != '\0')
        buf_printf(&b, " on %s", host);
    return buf_steal(&b);
}

bool pg_target_make(struct pg_target *t, const char *url, const char *password, struct error *err)
{
    char *why = NULL;
    PQconninfoOption *o = PQconninfoParse(url, &why);
    PQfreemem(why); /* it quotes the URL, and what somebody wrote there may be a password */
    if (o == NULL)
        return error_set(err, SB_PARSE,
                         "the store's URL is none that PostgreSQL's library reads: "
                         "postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full]");
    char name[40];
    uint64_t self;
    random_bytes(&self, sizeof self);
    snprintf(name, sizeof name, "signalbox %016llx", (unsigned long long)self);
    bool ok = check_url(o, err);
    if (ok)
        *t = (struct pg_target){.url = copy(url),
                                .where = where_of(o),
                                .password = password != NULL ? copy(password) : NULL,
                                .name = copy(name)};
    PQconninfoFree(o);
    return ok;
}

void pg_target_free(struct pg_target *t)
{
    free(t->url);
    free(t->where);
    free(t->password);
    free(t->name);
    *t = (struct pg_target){0};
}

/* --- what went wrong --------------------------------------------------------------------------- */

/* Classes of SQLSTATE: what a failure means to us. */
static const struct {
    const char *state; /* its beginning */
    enum error_code code;
    const char *hint;
} meanings[] = {
    {"08", SB_NET, ""},      /* the connection */
    {"57P0", SB_NET, ""},    /* the server goes down, or comes up */
    {"25P0", SB_NET, ""},    /* idle for too long in a transaction: we were stopped */
    {"40", SB_NET, ""},      /* given up for another transaction's sake */
    {"23", SB_CONFLICT, ""}, /* a row that does not fit */
    {"XX001", SB_CORRUPT, ": restore a backup, or fail over to a standby"},
    {"XX002", SB_CORRUPT, ": REINDEX DATABASE, or fail over to a standby"},
    {"42501", SB_DENIED, ": the role must own the tables of its database"},
    {"28", SB_DENIED, ""},
    {"53100", SB_IO, ": the database's disk is full; nothing of this was kept"},
    {"25006", SB_IO, ": the server only reads (a standby?); nothing of this was kept"},
};

/* The server's words: without what it quotes of our values. */
static bool say(const struct pg *p, const char *state, const char *message, struct error *err)
{
    char text[400];
    snprintf(text, sizeof text, "%s", message != NULL ? message : "");
    text[strcspn(text, "\n")] = '\0';
    const char *shown = text[0] != '\0' ? text : "it gave no answer";
    for (size_t i = 0; state != NULL && i < COUNT_OF(meanings); i++)
        if (str_starts(state, meanings[i].state))
            return error_set(err, meanings[i].code, "%s: %s%s", p->target->where, shown, meanings[i].hint);
    return error_set(err, state == NULL ? SB_NET : SB_IO, "%s: %s", p->target->where, shown);
}

static bool fail_result(const struct pg *p, const PGresult *r, struct error *err)
{
    if (PQstatus(p->c) == CONNECTION_BAD)
        return say(p, NULL, PQresultErrorMessage(r), err);
    return say(p, PQresultErrorField(r, PG_DIAG_SQLSTATE), PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY),
               err);
}

static bool fail_connection(const struct pg *p, struct error *err)
{
    return say(p, NULL, PQerrorMessage(p->c), err);
}

/* --- the connection ---------------------------------------------------------------------------- */

/* Notices are for people at a prompt. */
static void on_notice(void *ctx, const char *message)
{
    (void)ctx;
    log_debug("store", "database: %s", message);
}

/* A process that is stopped for long must not keep the others from writing. What a role has set of durability
 * is not weakened, only `off` is not accepted. */
static const char settings[] =
    "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '30s'; SET statement_timeout = '60s';"
    "SET default_transaction_isolation = 'read committed';"
    "SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', "
    "'on', false) END, current_setting('server_encoding'), current_setting('server_version_num')::int";

enum { OLDEST = 150000 };

static bool set_up(struct pg *p, struct error *err)
{
    PGresult *r = PQexec(p->c, settings);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK || fail_result(p, r, err);
    if (ok && !str_eq(pg_str(r, 0, 1), "UTF8"))
        ok = error_set(err, SB_STATE, "%s has the encoding %s: make one with ENCODING 'UTF8'",
                       p->target->where, pg_str(r, 0, 1));
    if (ok && pg_int(r, 0, 2) < OLDEST)
        ok = error_set(err, SB_STATE, "%s: the server is older than PostgreSQL 15", p->target->where);
    PQclear(r);
    return ok;
}

static const char *name_of(enum pg_statement what, char out[16])
{
    snprintf(out, 16, "s%d", (int)what);
    return out;
}

static bool is_good(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_PIPELINE_SYNC;
}

static bool prepare(struct pg *p, enum pg_statement what, const char *name, struct error *err)
{
    if (p->prepared[what])
        return true;
    PGresult *r = PQprepare(p->c, name, pg_sql[what], 0, NULL);
    p->prepared[what] = is_good(r);
    bool ok = p->prepared[what] || fail_result(p, r, err);
    PQclear(r);
    return ok;
}

/* In a pipeline, what follows a failure is not run: a statement would be prepared or not, and nobody could tell.
 * So all are, before the first is used. */
static bool prepare_all(struct pg *p, struct error *err)
{
    char name[16];
    if (PQenterPipelineMode(p->c) != 1)
        return fail_connection(p, err);
    for (int i = 0; i < PG_SQL_COUNT; i++, p->waiting++)
        if (PQsendPrepare(p->c, name_of((enum pg_statement)i, name), pg_sql[i], 0, NULL) != 1)
            return fail_connection(p, err);
    return pg_finish(p, err);
}

bool pg_open(struct pg *p, bool pipeline, int seconds, struct error *err)
{
    pg_close(p);
    _cleanup_secret_ char *password = NULL;
    const struct secret ref = {p->target->password};
    if (ref.ref != NULL && (password = secret_read(&ref, err)) == NULL)
        return false;
    char limit[16];
    snprintf(limit, sizeof limit, "%d", seconds);
    /* What the URL says wins over what stands before it. */
    const char *keys[] = {"target_session_attrs",
                          "tcp_user_timeout",
                          "keepalives_idle",
                          "dbname",
                          "client_encoding",
                          "application_name",
                          "connect_timeout",
                          password != NULL ? "password" : NULL,
                          NULL};
    const char *values[] = {"read-write", "10000",  "10", p->target->url, "UTF8", p->target->name,
                            limit,        password, NULL};
    p->c = PQconnectdbParams(keys, values, 1);
    bool ok = PQstatus(p->c) == CONNECTION_OK || fail_connection(p, err);
    if (ok)
        PQsetNoticeProcessor(p->c, on_notice, NULL);
    ok = ok && set_up(p, err);
    p->pipeline = pipeline;
    ok = ok && (!pipeline || prepare_all(p, err));
    if (!ok)
        pg_close(p);
    return ok;
}

void pg_close(struct pg *p)
{
    PQfinish(p->c);
    *p = (struct pg){.target = p->target};
}

bool pg_is_open(const struct pg *p)
{
    return p->c != NULL && PQstatus(p->c) == CONNECTION_OK;
}

/* --- statements -------------------------------------------------------------------------------- */

void pg_text(struct pg_args *a, const char *text)
{
    a->values[a->n++] = text;
}

void pg_number(struct pg_args *a, int64_t number)
{
    snprintf(a->numbers[a->n], sizeof a->numbers[0], "%lld", (long long)number);
    a->values[a->n] = a->numbers[a->n];
    a->n++;
}

static const struct pg_args none;

static void note(struct pg *p, const PGresult *r)
{
    if (p->failed.code != SB_OK || is_good(r) || PQresultStatus(r) == PGRES_PIPELINE_ABORTED)
        return;
    fail_result(p, r, &p->failed);
}

/* The result of the oldest statement of the pipeline. NULL when the connection is gone. */
static PGresult *take(struct pg *p)
{
    p->waiting--;
    PGresult *r = PQgetResult(p->c);
    if (r == NULL) {
        if (p->failed.code == SB_OK)
            fail_connection(p, &p->failed);
        return NULL;
    }
    note(p, r);
    if (PQresultStatus(r) != PGRES_PIPELINE_SYNC)
        PQclear(PQgetResult(p->c)); /* the NULL that ends it */
    return r;
}

static void take_all(struct pg *p, int but)
{
    while (p->waiting > but) {
        PGresult *r = take(p);
        if (r == NULL)
            p->waiting = but;
        PQclear(r);
    }
}

static bool told(const struct pg *p, struct error *err)
{
    if (p->failed.code == SB_OK)
        return true;
    if (err != NULL)
        *err = p->failed;
    return false;
}

static bool send(struct pg *p, enum pg_statement what, const struct pg_args *a, struct error *err)
{
    char name[16];
    if (!pg_is_open(p))
        return error_set(err, SB_NET, "%s: the connection is lost", p->target->where);
    name_of(what, name);
    if (PQsendQueryPrepared(p->c, name, a->n, a->values, NULL, NULL, 0) != 1)
        return fail_connection(p, err);
    p->waiting++;
    return true;
}

bool pg_put(struct pg *p, enum pg_statement what, const struct pg_args *a, struct error *err)
{
    if (!told(p, err) || !send(p, what, a != NULL ? a : &none, err))
        return false;
    if (p->waiting < WAITING_MOST)
        return true;
    if (PQsendFlushRequest(p->c) != 1)
        return fail_connection(p, err);
    take_all(p, 0);
    return told(p, err);
}

static PGresult *ask_pipeline(struct pg *p, enum pg_statement what, const struct pg_args *a,
                              struct error *err)
{
    if (!told(p, err) || !send(p, what, a, err))
        return NULL;
    if (PQsendFlushRequest(p->c) != 1) {
        fail_connection(p, err);
        return NULL;
    }
    take_all(p, 1);
    PGresult *r = p->waiting == 1 && pg_is_open(p) ? take(p) : NULL;
    if (r == NULL && p->failed.code == SB_OK)
        fail_connection(p, &p->failed);
    if (told(p, err))
        return r;
    PQclear(r);
    return NULL;
}

PGresult *pg_ask(struct pg *p, enum pg_statement what, const struct pg_args *a, struct error *err)
{
    a = a != NULL ? a : &none;
    if (p->pipeline)
        return ask_pipeline(p, what, a, err);
    char name[16];
    if (!pg_is_open(p)) {
        error_set(err, SB_NET, "%s: the connection is lost", p->target->where);
        return NULL;
    }
    if (!prepare(p, what, name_of(what, name), err))
        return NULL;
    PGresult *r = PQexecPrepared(p->c, name, a->n, a->values, NULL, NULL, 0);
    if (is_good(r))
        return r;
    fail_result(p, r, err);
    PQclear(r);
    return NULL;
}

bool pg_finish(struct pg *p, struct error *err)
{
    if (!pg_is_open(p) || PQpipelineSync(p->c) != 1) {
        if (p->failed.code == SB_OK)
            fail_connection(p, &p->failed);
        return told(p, err);
    }
    p->waiting++;
    take_all(p, 0);
    bool ok = told(p, err);
    if (pg_is_open(p))
        p->failed = ERROR_NONE;
    return ok;
}

void pg_rollback(struct pg *p)
{
    struct error ignored;
    if (p->pipeline) {
        bool whole = pg_finish(p, &ignored);
        if (pg_is_open(p) && send(p, PG_ROLLBACK, &none, &ignored))
            whole = pg_finish(p, &ignored);
        if (whole)
            return;
    } else if (pg_exec(p, "ROLLBACK", &ignored)) {
        return;
    }
    pg_close(p); /* whatever it was, a new connection has none of it */
}

bool pg_exec(struct pg *p, const char *sql, struct error *err)
{
    if (!pg_is_open(p))
        return error_set(err, SB_NET, "%s: the connection is lost", p->target->where);
    PGresult *r = PQexec(p->c, sql);
    bool ok = is_good(r) || fail_result(p, r, err);
    PQclear(r);
    return ok;
}

int64_t pg_int(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

const char *pg_str(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column); /* "" for NULL, too */
}

void pg_clear(PGresult **r)
{
    PQclear(*r);
}
