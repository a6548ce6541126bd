/* mail.c: see mail.h. */
#include "net/mail.h"
#include "base/arena.h"
#include "base/buf.h"
#include "net/alloc.h"
#include "net/message.h"
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

enum { CONNECT_MS_DEFAULT = 10000, TOTAL_MS_DEFAULT = 60000, WORDS_MAX = 400, GOOD_BYE = 221 };

TAILQ_HEAD(mails, mail_call);

struct mailer {
    struct loop *loop;
    struct arena arena;
    struct mailer_options o;
    struct mails queue;
    struct mail_call *flying; /* on the pool; or NULL */
    struct timer *soon;
};

/* While it flies, the pool has all of it but `mailer`, `done` and `ctx`, which are the loop's. */
struct mail_call {
    TAILQ_ENTRY(mail_call) link;
    struct mailer *mailer; /* NULL once that is gone, or the call was cancelled */
    mail_done_fn *done;
    void *ctx;
    struct arena arena;
    struct mailer_options o; /* strings are the arena's */
    bool probes;
    const char *from, *what, *text;
    const char **to;
    char *password;
    atomic_bool stop;

    size_t sent; /* bytes of the text that libcurl has */
    bool sent_all;
    int refused;           /* code of the refusal that the server ended with, or 0 */
    char words[WORDS_MAX]; /* its line */
    struct mail_reply reply;
};

/* --- on the pool -------------------------------------------------------------------------------- */

static size_t give_text(char *out, size_t size, size_t n, void *ctx)
{
    struct mail_call *c = ctx;
    size_t room = size * n, left = strlen(c->text) - c->sent, take = left < room ? left : room;
    memcpy(out, c->text + c->sent, take);
    c->sent += take;
    /* After the last byte libcurl sends the dot that ends a mail: before it, no server can have taken it. */
    c->sent_all = left == take;
    return take;
}

/* libcurl hands over the server's lines as if they were headers. The refusal that counts is the one that nothing
 * but the good-bye came after: another way of greeting or signing in may have been tried since. */
static size_t hear(char *bytes, size_t size, size_t n, void *ctx)
{
    struct mail_call *c = ctx;
    size_t len = size * n, k = 0;
    bool is_code = len >= 3 && isdigit((unsigned char)bytes[0]) && isdigit((unsigned char)bytes[1]) &&
                   isdigit((unsigned char)bytes[2]);
    int code = is_code ? (bytes[0] - '0') * 100 + (bytes[1] - '0') * 10 + (bytes[2] - '0') : 0;
    if (code == GOOD_BYE)
        return len;
    c->refused = code >= 400 ? code : 0;
    for (size_t i = 0; i < len && k + 1 < sizeof c->words; i++)
        if (isprint((unsigned char)bytes[i]))
            c->words[k++] = bytes[i];
    c->words[k] = '\0';
    return len;
}

/* What a server says to NOOP is not for our standard output. */
static size_t overhear(UNUSED char *bytes, size_t size, size_t n, UNUSED void *ctx)
{
    return size * n;
}

static int may_go_on(void *ctx, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
    struct mail_call *c = ctx;
    (void)dt;
    (void)dn;
    (void)ut;
    (void)un;
    return atomic_load(&c->stop) ? 1 : 0;
}

static void set_server(struct mail_call *c, CURL *e)
{
    curl_easy_setopt(e, CURLOPT_URL, c->o.url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->o.connect_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->o.total_ms);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_USE_SSL, c->o.plain ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    if (c->o.ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, c->o.ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    if (c->password) {
        curl_easy_setopt(e, CURLOPT_USERNAME, c->o.user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, c->password);
    }
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, hear);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, overhear);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, may_go_on);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, c);
}

static struct curl_slist *set_mail(struct mail_call *c, CURL *e)
{
    struct curl_slist *to = NULL;
    for (const char *const *one = c->to; *one; one++)
        to = curl_slist_append(to, *one);
    curl_easy_setopt(e, CURLOPT_MAIL_FROM, c->from);
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, give_text);
    curl_easy_setopt(e, CURLOPT_READDATA, c);
    curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)strlen(c->text));
    return to;
}

static bool is_lasting(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_USE_SSL_FAILED || code == CURLE_LOGIN_DENIED || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL;
}

static enum mail_kind kind_of(const struct mail_call *c, CURLcode code)
{
    if (code == CURLE_OK)
        return MAIL_TAKEN;
    if (c->refused)
        return c->refused < 500 ? MAIL_LATER : MAIL_REFUSED;
    if (c->sent_all)
        return MAIL_UNKNOWN;
    return is_lasting(code) ? MAIL_REFUSED : MAIL_LATER;
}

static void judge(struct mail_call *c, CURLcode code, const char *curl_says)
{
    c->reply.kind = kind_of(c, code);
    c->reply.code = c->refused;
    if (code == CURLE_OK)
        return;
    const char *why = *curl_says ? curl_says : curl_easy_strerror(code);
    if (code == CURLE_USE_SSL_FAILED)
        why = "the server offers no STARTTLS, and mail is not sent in the clear";
    if (c->refused)
        error_set(&c->reply.error, SB_REMOTE, "%s: %s: \"%s\"", c->o.name, c->what, c->words);
    else
        error_set(&c->reply.error, SB_NET, "%s: %s: %s", c->o.name, c->what, why);
}

static void work(void *ctx)
{
    struct mail_call *c = ctx;
    char curl_says[CURL_ERROR_SIZE] = "";
    CURL *e = curl_easy_init();
    if (!e)
        abort();
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, curl_says);
    set_server(c, e);
    struct curl_slist *to = NULL;
    if (c->probes)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "NOOP");
    else
        to = set_mail(c, e);
    CURLcode code = curl_easy_perform(e);
    judge(c, code, curl_says);
    curl_easy_cleanup(e);
    curl_slist_free_all(to);
}

/* --- on the loop -------------------------------------------------------------------------------- */

static void free_call(struct mail_call *c)
{
    secret_wipe(c->password);
    arena_free(&c->arena);
    free(c);
}

static void next_mail(struct mailer *m);

static void landed(void *ctx)
{
    struct mail_call *c = ctx;
    struct mailer *m = c->mailer;
    if (m) {
        m->flying = NULL;
        c->mailer = NULL;
        next_mail(m); /* before the callback, which may free the mailer */
        c->done(c->ctx, &c->reply);
    }
    free_call(c);
}

static void dropped(void *ctx)
{
    free_call(ctx);
}

static bool sign_in(struct mail_call *c)
{
    if (!c->o.user)
        return true;
    struct error err = ERROR_NONE;
    c->password = secret_read(&c->o.secret, &err);
    return c->password || error_wrap(&err, &c->reply.error, "%s: sign in as %s", c->o.name, c->o.user);
}

static void on_soon(void *ctx)
{
    struct mailer *m = ctx;
    m->soon = NULL;
    struct mail_call *c = TAILQ_FIRST(&m->queue);
    if (!c || m->flying)
        return;
    TAILQ_REMOVE(&m->queue, c, link);
    m->flying = c;
    if (c->reply.error.code == SB_OK && sign_in(c)) {
        loop_work_or_drop(m->loop, work, landed, dropped, c);
        return;
    }
    c->reply.kind = MAIL_REFUSED;
    landed(c);
}

static void next_mail(struct mailer *m)
{
    if (!m->soon && !m->flying && !TAILQ_EMPTY(&m->queue))
        m->soon = timer_start(m->loop, 0, on_soon, m);
}

static struct mail_call *new_call(struct mailer *m, const char *what, mail_done_fn *done, void *ctx)
{
    struct mail_call *c = NET_NEW(struct mail_call);
    c->mailer = m;
    c->done = done;
    c->ctx = ctx;
    c->arena = arena_make();
    c->o = m->o;
    c->o.name = arena_strdup(&c->arena, m->o.name);
    c->o.url = arena_strdup(&c->arena, m->o.url);
    c->o.user = arena_strdup(&c->arena, m->o.user);
    c->o.secret.ref = arena_strdup(&c->arena, m->o.secret.ref);
    c->o.ca_file = arena_strdup(&c->arena, m->o.ca_file);
    c->what = arena_strdup(&c->arena, what);
    TAILQ_INSERT_TAIL(&m->queue, c, link);
    next_mail(m);
    return c;
}

/* An address goes into a command of its own: one with a line break would be two. */
static void take_people(struct mail_call *c, const struct mail *mail)
{
    size_t n = 0;
    while (mail->to[n])
        n++;
    c->to = ARENA_ARRAY(&c->arena, n + 1, const char *);
    for (size_t i = 0; i < n; i++) {
        c->to[i] = arena_strdup(&c->arena, mail->to[i]);
        if (!mail_address_ok(c->to[i]))
            error_set(&c->reply.error, SB_RANGE, "%s: %s: \"%.80s\" is no mail address", c->o.name, c->what,
                      c->to[i]);
    }
    c->from = arena_strdup(&c->arena, mail->from);
    if (n == 0 || !mail_address_ok(c->from))
        error_set(&c->reply.error, SB_RANGE,
                  "%s: %s: a mail needs somebody it is from, and somebody it is to", c->o.name, c->what);
}

struct mail_call *mail_send(struct mailer *m, const struct mail *mail, mail_done_fn *done, void *ctx)
{
    struct mail_call *c = new_call(m, mail->what, done, ctx);
    c->text = arena_strdup(&c->arena, mail->text);
    take_people(c, mail);
    return c;
}

struct mail_call *mail_probe(struct mailer *m, mail_done_fn *done, void *ctx)
{
    struct mail_call *c = new_call(m, "sign in", done, ctx);
    c->probes = true;
    return c;
}

void mail_cancel(struct mail_call *c)
{
    if (!c)
        return;
    struct mailer *m = c->mailer;
    if (m && m->flying == c) {
        atomic_store(&c->stop, true);
        c->mailer = NULL; /* it frees itself when the pool lets go */
        m->flying = NULL;
        next_mail(m);
        return;
    }
    TAILQ_REMOVE(&m->queue, c, link);
    free_call(c);
}

/* --- the mailer --------------------------------------------------------------------------------- */

static void init_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK && *text && strcmp(text, "/") != 0;
    curl_free(text);
    return has;
}

static bool check_url(const struct mailer_options *o, struct error *err)
{
    CURLU *u = curl_url();
    char *scheme = NULL;
    bool ok = u && curl_url_set(u, CURLUPART_URL, o->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "smtp") == 0 || (strcmp(scheme, "smtps") == 0 && !o->plain)) &&
              has_part(u, CURLUPART_HOST) && !has_part(u, CURLUPART_USER) && !has_part(u, CURLUPART_PATH) &&
              !has_part(u, CURLUPART_QUERY) && !has_part(u, CURLUPART_FRAGMENT);
    curl_free(scheme);
    curl_url_cleanup(u);
    return ok || error_set(err, SB_PARSE,
                           "expected a server such as smtp://mail.example.com:587 (STARTTLS) or "
                           "smtps://mail.example.com:465");
}

struct mailer *mailer_new(struct loop *l, const struct mailer_options *o, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    if (!check_url(o, err))
        return NULL;
    if (o->plain && o->user) {
        error_set(err, SB_RANGE,
                  "without TLS nobody signs in: the password would be seen by everybody on the way");
        return NULL;
    }
    struct mailer *m = NET_NEW(struct mailer);
    m->loop = l;
    m->arena = arena_make();
    TAILQ_INIT(&m->queue);
    m->o = *o;
    m->o.name = arena_strdup(&m->arena, o->name);
    m->o.url = arena_strdup(&m->arena, o->url);
    m->o.user = arena_strdup(&m->arena, o->user);
    m->o.secret.ref = arena_strdup(&m->arena, o->secret.ref);
    m->o.ca_file = arena_strdup(&m->arena, o->ca_file);
    m->o.connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS_DEFAULT;
    m->o.total_ms = o->total_ms > 0 ? o->total_ms : TOTAL_MS_DEFAULT;
    return m;
}

void mailer_free(struct mailer *m)
{
    if (!m)
        return;
    struct mail_call *c;
    while ((c = TAILQ_FIRST(&m->queue)) != NULL) {
        TAILQ_REMOVE(&m->queue, c, link);
        free_call(c); /* NOLINT(clang-analyzer-unix.Malloc): it is off the list */
    }
    mail_cancel(m->flying);
    timer_cancel(m->soon);
    arena_free(&m->arena);
    free(m);
}
