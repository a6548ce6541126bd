/* store.c: the front: makes jobs of what is asked for, hands them to the writer, and reads beside it. */
#include "store/store.h"

#include "base/buf.h"
#include "base/log.h"
#include "store/seal.h"
#include "store/verify.h"
#include "store/writer.h"
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct store {
    struct backend *backend;
    struct answers *answers; /* NULL when read-only without a loop */
    struct writer *writer;   /* NULL when read-only */
    bool closing;
    struct seal_key seal_key; /* the writer's; all zero: none */
    struct seal_trust seal_trust;

    pthread_mutex_t mutex; /* guards the reader; recursive, for a read made from inside another */
    struct reader *reader;
};

enum { SEAL_MS = 60000 };

/* Rounds of callbacks that give new jobs while the store closes. */
enum { CLOSING_ROUNDS = 16 };

/* --- opening and closing ----------------------------------------------------------------------- */

static void init_mutex(pthread_mutex_t *m)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(m, &attr);
    pthread_mutexattr_destroy(&attr);
}

static void start_writer(struct store *s, const struct store_options *o)
{
    if (o->seal_key != NULL)
        s->seal_key = *o->seal_key;
    s->writer = writer_start(s->backend, s->answers, o->seal_key != NULL ? &s->seal_key : NULL,
                             o->seal_ms > 0 ? o->seal_ms : SEAL_MS);
}

struct store *store_open(const struct store_options *o, struct error *err)
{
    if (o->loop == NULL && !o->read_only) {
        error_set(err, SB_MISSING, "a store that is written needs a loop");
        return NULL;
    }
    struct backend *b = o->url != NULL ? postgres_open(o, err) : sqlite_open(o, err);
    if (b == NULL)
        return NULL;
    struct reader *r = b->ops->reader_open(b, err);
    if (r == NULL) {
        b->ops->close(b);
        return NULL;
    }
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    *s = (struct store){.backend = b, .reader = r};
    if (o->seal_trust != NULL)
        s->seal_trust = *o->seal_trust;
    init_mutex(&s->mutex);
    if (o->loop != NULL)
        s->answers = answers_new(o->loop);
    if (!o->read_only)
        start_writer(s, o);
    return s;
}

static void end_jobs(struct store *s)
{
    for (int round = 0; round < CLOSING_ROUNDS; round++) {
        if (s->writer != NULL)
            writer_flush(s->writer);
        if (!answers_deliver(s->answers))
            break;
    }
    s->closing = true;
    if (s->writer != NULL)
        writer_stop(s->writer);
    for (int round = 0; round < CLOSING_ROUNDS && answers_deliver(s->answers); round++)
        ;
    answers_free(s->answers);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    if (s->answers != NULL)
        end_jobs(s);
    s->reader->ops->close(s->reader);
    s->backend->ops->close(s->backend);
    pthread_mutex_destroy(&s->mutex);
    seal_key_wipe(&s->seal_key);
    free(s);
}

/* --- giving jobs ------------------------------------------------------------------------------- */

/* A job that cannot be done is answered like any other, through the loop. */
static void answer_now(struct store *s, struct job *j)
{
    j->next = NULL;
    if (j->answer == NULL) {
        log_warn("store", "a note could not be kept: %s", j->error->text);
        job_free(j);
    } else if (s->answers != NULL) {
        answers_give(s->answers, j);
    } else {
        j->answer(j, j->error);
        job_free(j);
    }
}

static bool refuse_if_shut(const struct store *s, struct job *j)
{
    if (j->error == NULL && s->writer == NULL)
        job_refuse_with(j, SB_STATE, "the store was opened for reading only");
    if (j->error == NULL && s->closing)
        job_refuse_with(j, SB_STATE, "the store is closing");
    return j->error != NULL;
}

static void put(struct store *s, struct job *j)
{
    if (refuse_if_shut(s, j))
        answer_now(s, j);
    else
        writer_put(s->writer, j);
}

/* Takes the job, gives its number. */
static bool put_and_wait(struct store *s, struct job *j, int64_t *number, struct error *err)
{
    if (!refuse_if_shut(s, j))
        writer_put_and_wait(s->writer, j);
    bool ok = j->error == NULL;
    if (ok && number != NULL)
        *number = j->number;
    if (!ok && err != NULL)
        *err = *j->error;
    job_free(j);
    return ok;
}

/* Room for a text in a job, which keeps a copy of those that are not refused. */
static size_t room_of(const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;
    return n <= STORE_BODY_MAX ? n + 1 : 1;
}

/* Copies a name into the job; refuses it when it cannot be one. */
static const char *take_name(struct job *j, const char *what, const char *name)
{
    size_t n = name != NULL ? strlen(name) : 0;
    if (n == 0)
        job_refuse_with(j, SB_MISSING, "%s is empty", what);
    else if (n > STORE_ID_MAX)
        job_refuse_with(j, SB_LIMIT, "%s is longer than %d bytes", what, (int)STORE_ID_MAX);
    else if (!str_is_utf8(name, n))
        job_refuse_with(j, SB_PARSE, "%s is not UTF-8", what);
    else
        return job_copy(j, name, n);
    return "";
}

static const char *take_text(struct job *j, const char *what, const char *text)
{
    size_t n = strlen(text);
    j->size += n;
    if (n <= STORE_BODY_MAX)
        return job_copy(j, text, n);
    job_refuse_with(j, SB_LIMIT, "%s is larger than %d bytes", what, (int)STORE_BODY_MAX);
    return "";
}

static void answer_append(struct job *j, const struct error *err)
{
    j->append.done(j->ctx, err);
}

struct backend *store_backend(struct store *s)
{
    return s->backend;
}

void store_append(struct store *s, const char *change, int64_t first, const char *const *bodies, int n,
                  store_done_fn *done, void *ctx)
{
    store_append_held(s, NULL, change, first, bodies, n, done, ctx);
}

void store_append_held(struct store *s, const struct store_lease *lease, const char *change, int64_t first,
                       const char *const *bodies, int n, store_done_fn *done, void *ctx)
{
    size_t count = n > 0 ? (size_t)n : 0, list = count * sizeof(const char *), room = list + room_of(change);
    room += lease != NULL ? room_of(lease->name) : 0;
    for (size_t i = 0; i < count; i++)
        room += room_of(bodies[i]);
    struct job *j = job_new(room);
    const char **copies = (const char **)(void *)j->room;
    j->used = list;
    j->apply = apply_append;
    j->answer = answer_append;
    j->ctx = ctx;
    j->append.done = done;
    j->append.change = take_name(j, "the change's id", change);
    j->append.first = first;
    if (lease != NULL) {
        j->append.lease = take_name(j, "the lease's name", lease->name);
        j->append.token = lease->token;
    }
    j->append.bodies = copies;
    j->append.n = n;
    if (count == 0)
        job_refuse_with(j, SB_MISSING, "%s: no events to append", j->append.change);
    for (size_t i = 0; i < count; i++)
        copies[i] = take_text(j, "the event", bodies[i]);
    put(s, j);
}

void store_flush(struct store *s)
{
    if (s->writer != NULL)
        writer_flush(s->writer);
}

void store_mark_ended(struct store *s, const char *change)
{
    struct job *j = job_new(room_of(change));
    j->apply = apply_ended;
    j->change.change = take_name(j, "the change's id", change);
    put(s, j);
}

void store_put_snapshot(struct store *s, const char *change, int64_t seq, const char *version, json_t *state)
{
    char *text = json_canonical(state);
    struct job *j = job_new(room_of(change) + room_of(version) + room_of(text));
    j->apply = apply_snapshot;
    j->change.change = take_name(j, "the change's id", change);
    j->change.seq = seq;
    j->change.version = take_name(j, "the version", version);
    j->change.state = take_text(j, "the snapshot", text);
    free(text);
    put(s, j);
}

static bool apply_number(struct job *j, struct writing *w, struct error *err)
{
    return w->backend->ops->number_next(w->backend, &j->number, err);
}

bool store_next_number(struct store *s, int64_t *out, struct error *err)
{
    struct job *j = job_new(0);
    j->apply = apply_number;
    return put_and_wait(s, j, out, err);
}

static bool is_hash_of(const char *hash, const char *text)
{
    char found[SHA256_HEX + 1];
    sha256_hex(text, strlen(text), found);
    return str_eq(found, hash);
}

static bool apply_page(struct job *j, struct writing *w, struct error *err)
{
    return w->backend->ops->page_put(w->backend, j->page.hash, j->page.name, j->page.text, err);
}

bool store_put_page(struct store *s, const char *hash, const char *name, const char *text, struct error *err)
{
    struct job *j = job_new(room_of(hash) + room_of(name) + room_of(text));
    j->apply = apply_page;
    j->page.hash = take_name(j, "the page's hash", hash);
    j->page.name = take_name(j, "the page's name", name);
    j->page.text = take_text(j, "the page", text);
    if (!is_hash_of(hash, text))
        job_refuse_with(j, SB_RANGE, "the page \"%s\" is not the one with the hash %.64s", j->page.name,
                        hash);
    return put_and_wait(s, j, NULL, err);
}

/* --- documents --------------------------------------------------------------------------------- */

/* `id` NULL: of no one document. */
static struct job *doc_job(const char *kind, const char *id, const json_t *doc, bool writes,
                           store_doc_fn *done, void *ctx)
{
    char *text = writes ? json_canonical(doc) : NULL;
    struct job *j = job_new(room_of(kind) + room_of(id) + room_of(text));
    j->answer = answer_doc;
    j->ctx = ctx;
    j->doc.done = done;
    j->doc.kind = take_name(j, "the document's kind", kind);
    j->doc.id = id != NULL ? take_name(j, "the document's id", id) : "";
    if (writes)
        j->doc.body = take_text(j, "the document", text);
    if (writes && !json_is_object(doc))
        job_refuse_with(j, SB_PARSE, "%s \"%s\": a document is an object", j->doc.kind, j->doc.id);
    free(text);
    return j;
}

void store_doc_put_new(struct store *s, const char *kind, const char *id, json_t *doc, store_doc_fn *done,
                       void *ctx)
{
    struct job *j = doc_job(kind, id, doc, true, done, ctx);
    j->apply = apply_doc_new;
    put(s, j);
}

void store_doc_patch(struct store *s, const char *kind, const char *id, json_t *patch, store_doc_fn *done,
                     void *ctx)
{
    struct job *j = doc_job(kind, id, patch, true, done, ctx);
    j->apply = apply_doc_patch;
    put(s, j);
}

/* A read-only store has no writer to be in order with. */
static void read_docs(struct store *s, struct job *j)
{
    struct error err;
    pthread_mutex_lock(&s->mutex);
    bool ok = j->error != NULL || apply_doc_read(j, s->reader, &err);
    pthread_mutex_unlock(&s->mutex);
    if (!ok)
        job_refuse(j, &err);
    answer_now(s, j);
}

static void look(struct store *s, struct job *j)
{
    if (s->writer == NULL)
        read_docs(s, j);
    else
        put(s, j);
}

void store_doc_get(struct store *s, const char *kind, const char *id, store_doc_fn *done, void *ctx)
{
    struct job *j = doc_job(kind, id, NULL, false, done, ctx);
    j->apply = apply_doc_get;
    look(s, j);
}

void store_doc_list(struct store *s, const char *kind, int limit, store_doc_fn *done, void *ctx)
{
    struct job *j = doc_job(kind, NULL, NULL, false, done, ctx);
    j->apply = apply_doc_list;
    j->doc.limit = limit > 0 ? limit : 0;
    look(s, j);
}

enum { DOCS_MAX = 100000 };

static bool add_doc(void *ctx, const struct doc_row *d)
{
    json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "a stored document", NULL);
    return doc != NULL && json_array_append_new(ctx, doc) == 0;
}

json_t *store_docs(struct store *s, const char *kind, struct error *err)
{
    json_t *list = json_array();
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->doc_list(s->reader, kind, DOCS_MAX, add_doc, list, err);
    pthread_mutex_unlock(&s->mutex);
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

/* --- reading ----------------------------------------------------------------------------------- */

bool store_read(struct store *s, const char *change, int64_t from,
                bool (*each)(void *ctx, const struct store_event *e), void *ctx, struct error *err)
{
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->events(s->reader, change, from, each, ctx, err);
    pthread_mutex_unlock(&s->mutex);
    return ok;
}

struct listing {
    bool (*each)(void *ctx, const struct store_head *h);
    void *ctx;
    struct error err;
};

static bool list_whole(void *ctx, const struct store_head *h)
{
    struct listing *l = ctx;
    if (h->seq > 0)
        return l->each(l->ctx, h);
    return error_set(&l->err, SB_CORRUPT,
                     "%s: its last event cannot be found: the record was edited. signalbox audit verify "
                     "tells what is whole",
                     h->change);
}

bool store_changes(struct store *s, bool open_only, bool (*each)(void *ctx, const struct store_head *h),
                   void *ctx, struct error *err)
{
    struct listing l = {.each = each, .ctx = ctx};
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->changes(s->reader, open_only, list_whole, &l, err);
    pthread_mutex_unlock(&s->mutex);
    return ok && (l.err.code == SB_OK || error_wrap(&l.err, err, "list of changes"));
}

char *store_get_page(struct store *s, const char *hash, struct error *err)
{
    char *text = NULL;
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->page_get(s->reader, hash, &text, err);
    pthread_mutex_unlock(&s->mutex);
    if (ok && text == NULL)
        error_set(err, SB_UNKNOWN, "there is no page with the hash %.64s", hash);
    if (text == NULL || is_hash_of(hash, text))
        return text;
    error_set(err, SB_CORRUPT, "the page with the hash %.64s was edited in the store: restore a backup",
              hash);
    free(text);
    return NULL;
}

/* Only a cache: a snapshot that cannot be read is one that is not there. */
json_t *store_get_snapshot(struct store *s, const char *change, const char *version, int64_t *seq)
{
    char *text = NULL;
    struct error err;
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->snapshot_get(s->reader, change, version, seq, &text, &err);
    pthread_mutex_unlock(&s->mutex);
    if (!ok)
        log_write(LOG_WARN, "store", change, "its snapshot cannot be read: %s", err.text);
    json_t *state = text != NULL ? json_read(text, strlen(text), STORE_BODY_MAX, "snapshot", &err) : NULL;
    free(text);
    return state;
}

/* On a connection of its own: it takes long, and nobody else's reads are to wait for it. */
bool store_verify_with(struct store *s, const char *change, const struct store_evidence *evidence,
                       struct verdict *out, struct error *err)
{
    struct reader *r = s->backend->ops->reader_open(s->backend, err);
    if (r == NULL)
        return false;
    bool ok = verify(r, change, evidence, out, err);
    r->ops->close(r);
    return ok;
}

bool store_verify(struct store *s, const char *change, struct verdict *out, struct error *err)
{
    const struct store_evidence e = {.trust = s->seal_trust.n > 0 ? &s->seal_trust : NULL};
    return store_verify_with(s, change, &e, out, err);
}

struct seal_listing {
    bool (*each)(void *ctx, const char *text, const char *signature);
    void *ctx;
};

static bool list_seal(void *ctx, const struct doc_row *d)
{
    const struct seal_listing *l = ctx;
    _cleanup_json_ json_t *doc = json_read(d->body, d->size, STORE_BODY_MAX, "seal", NULL);
    return l->each(l->ctx, json_str(doc, "text", ""), json_str(doc, "signature", ""));
}

bool store_seals(struct store *s, bool (*each)(void *ctx, const char *text, const char *signature), void *ctx,
                 struct error *err)
{
    struct seal_listing l = {each, ctx};
    pthread_mutex_lock(&s->mutex);
    bool ok = s->reader->ops->doc_list(s->reader, SEAL_KIND, INT_MAX, list_seal, &l, err);
    pthread_mutex_unlock(&s->mutex);
    return ok;
}

struct store_stats store_stats(const struct store *s)
{
    return s->writer != NULL ? writer_stats(s->writer) : (struct store_stats){0};
}
