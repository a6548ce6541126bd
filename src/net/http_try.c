#include "base/hash.h"
#include "base/log.h"
#include "net/http_internal.h"
#include <string.h>
#include <strings.h>

enum {
    HEADERS_MAX = 256 * 1024,
    /* What is kept of the body of an error when the answer itself goes to on_body. */
    ERROR_BODY_MAX = 64 * 1024,
    BUFFER = 64 * 1024,
};

/* ---- what comes back ---- */

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;
    n *= size;
    c->last_byte_ms = loop_mono_ms();
    c->header_bytes += n;
    if (c->header_bytes > HEADERS_MAX) {
        c->too_large = true;
        return 0;
    }
    bool end_of_headers = n <= 2 && (bytes[0] == '\r' || bytes[0] == '\n');
    long status = 0;
    if (end_of_headers && curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status >= 200)
        c->status = (int)status;
    return n;
}

static size_t give_to_caller(struct http_call *c, const char *bytes, size_t n)
{
    c->delivered = true;
    if (c->r.on_body(c->ctx, bytes, n))
        return n;
    c->unwanted = true;
    return 0;
}

/* Only the body of a success is a stream for the caller: an error's words belong into its error text, and an
 * answer that is going to be retried must leave no trace. */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;
    n *= size;
    if (c->state != CALL_FLYING)
        return 0;
    c->last_byte_ms = loop_mono_ms();
    c->peer->stats.bytes_in += n;
    if (c->r.on_body != NULL && c->status >= 200 && c->status < 300)
        return give_to_caller(c, bytes, n);
    size_t most = c->r.body_max > 0 ? c->r.body_max : c->peer->o.body_max;
    if (c->r.on_body != NULL) {
        size_t room = c->body.len < ERROR_BODY_MAX ? ERROR_BODY_MAX - c->body.len : 0;
        buf_add(&c->body, bytes, n < room ? n : room);
        return n;
    }
    if (n > most - c->body.len) {
        c->too_large = true;
        return 0;
    }
    buf_add(&c->body, bytes, n);
    return n;
}

const char *try_header(const struct http_call *c, const char *name)
{
    struct curl_header *h = NULL;
    return curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

/* ---- what is sent ---- */

static void add_header(struct http_call *c, const char *line)
{
    struct curl_slist *more = curl_slist_append(c->headers, line);
    if (more == NULL)
        abort();
    c->headers = more;
}

static void add_secret_header(struct http_call *c, const char *name, const char *prefix, const char *value)
{
    size_t n = strlen(name) + strlen(prefix) + strlen(value) + 3;
    char *line = net_alloc(n);
    snprintf(line, n, "%s: %s%s", name, prefix, value);
    add_header(c, line);
    secret_wipe(line);
}

static void add_basic(struct http_call *c, const char *user, const char *password)
{
    size_t n = strlen(user) + strlen(password) + 2;
    char *pair = net_alloc(n);
    snprintf(pair, n, "%s:%s", user, password);
    char *text = base64_encode(pair, n - 1, false);
    log_redact(text); /* a server that echoes the header would give the password away */
    add_secret_header(c, "Authorization", "Basic ", text);
    secret_wipe(text);
    secret_wipe(pair);
}

static bool add_sign_in(struct http_call *c, struct error *err)
{
    const struct http_peer *p = c->peer;
    if (p->auth == HTTP_AUTH_NONE || (p->token == NULL && p->o.secret.ref == NULL))
        return true;
    _cleanup_secret_ char *value = p->token != NULL ? net_strdup(p->token) : secret_read(&p->o.secret, err);
    if (value == NULL)
        return error_wrap(err, err, "sign in to %s", p->o.name);
    if (strpbrk(value, "\r\n") != NULL) /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): wiped on the way out */
        return error_set(err, SB_RANGE, "sign in to %s: the secret has more than one line", p->o.name);
    switch (p->auth) {
    case HTTP_AUTH_NONE:
        break;
    case HTTP_AUTH_BASIC:
        add_basic(c, p->o.user != NULL ? p->o.user : "", value);
        break;
    case HTTP_AUTH_BEARER:
        add_secret_header(c, "Authorization", "Bearer ", value);
        break;
    case HTTP_AUTH_HEADER:
        add_secret_header(c, p->o.auth_header, p->o.auth_prefix, value);
        break;
    }
    return true;
}

static bool sends_body(const struct http_call *c)
{
    if (c->without_body)
        return false;
    return c->r.body != NULL || strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0 ||
           strcmp(c->method, "PATCH") == 0;
}

static bool set_headers(struct http_call *c, struct error *err)
{
    for (const char *const *h = c->r.headers; *h != NULL; h++) {
        /* Any header may be a credential; to a stranger goes only what says which form the answer should
         * have. */
        if (!c->away || strncasecmp(*h, "Accept", 6) == 0)
            add_header(c, *h);
    }
    /* libcurl would name a form's type for a body without one, and would wait for leave to send a large one.
     */
    if (sends_body(c))
        add_header(c, c->r.content_type != NULL
                          ? arena_printf(&c->arena, "Content-Type: %s", c->r.content_type)
                          : "Content-Type:");
    add_header(c, "Expect:");
    if (!c->away && !add_sign_in(c, err))
        return false;
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return true;
}

static void set_method(struct http_call *c)
{
    CURL *e = c->easy;
    if (sends_body(c)) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->r.body != NULL ? c->r.body : "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(c->r.body != NULL ? c->r.body_len : 0));
    }
    if (strcmp(c->method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
}

static bool may_be_sent_twice(const struct http_call *c)
{
    return c->r.repeatable || strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0 ||
           strcmp(c->method, "OPTIONS") == 0;
}

/* When an open connection dies before the first byte of an answer, libcurl takes it for one that the server
 * had closed long ago, and sends the request again without a word. The server may have acted before it died,
 * so a request that must not happen twice gets a connection of its own, for which libcurl never does that. */
static void forbid_silent_repeat(struct http_call *c)
{
    if (!may_be_sent_twice(c))
        curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_limits(struct http_call *c)
{
    const struct http_peer *p = c->peer;
    CURL *e = c->easy;
    int total = c->r.total_ms != 0 ? c->r.total_ms : p->o.total_ms;
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)p->o.connect_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, total > 0 ? (long)total : 0L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* A name look-up that hangs in its thread must not be waited for when its call ends. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "signalbox/" SB_VERSION);
}

static void set_blob(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob b = {.data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(e, option, &b);
}

static void set_tls(struct http_call *c)
{
    const struct http_peer *p = c->peer;
    CURL *e = c->easy;
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->away)
        return;
    if (p->o.ca_pem != NULL)
        set_blob(e, CURLOPT_CAINFO_BLOB, p->o.ca_pem);
    else if (p->o.ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, p->o.ca_file);
    /* Who names its authority trusts that one, not the system's as well. */
    if (p->o.ca_pem != NULL || p->o.ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    if (p->cert_pem != NULL && p->key_pem != NULL) {
        curl_easy_setopt(e, CURLOPT_SSLCERTTYPE, "PEM");
        curl_easy_setopt(e, CURLOPT_SSLKEYTYPE, "PEM");
        set_blob(e, CURLOPT_SSLCERT_BLOB, p->cert_pem);
        set_blob(e, CURLOPT_SSLKEY_BLOB, p->key_pem);
    }
    if (p->o.insecure) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* libcurl verifies the name in the URL. To verify another one, the URL gets that name, the connection goes
 * where it would have gone, and the Host header says what it would have said. */
static void set_verified_name(struct http_call *c)
{
    const struct http_peer *p = c->peer;
    const char *name = p->o.tls_server_name;
    const char *rest = strstr(c->url, "://") + 3;
    rest += strcspn(rest, "/?");
    c->connect_to =
        curl_slist_append(NULL, arena_printf(&c->arena, "%s:%s:%s:%s", name, p->port, p->host, p->port));
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
    curl_easy_setopt(c->easy, CURLOPT_URL, arena_printf(&c->arena, "https://%s:%s%s", name, p->port, rest));
    add_header(c, arena_printf(&c->arena, strcmp(p->port, "443") == 0 ? "Host: %s" : "Host: %s:%s", p->host,
                               p->port));
}

static void set_way(struct http_call *c)
{
    const struct http_peer *p = c->peer;
    CURL *e = c->easy;
    curl_easy_setopt(e, CURLOPT_URL, c->url);
    if (c->away)
        return;
    if (p->o.unix_socket != NULL)
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, p->o.unix_socket);
    if (p->o.proxy != NULL)
        curl_easy_setopt(e, CURLOPT_PROXY, p->o.proxy);
    else if (p->o.unix_socket != NULL || p->own_proxy_rules)
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (p->o.tls_server_name != NULL && strncmp(p->origin, "https:", 6) == 0)
        set_verified_name(c);
    if (p->cookies != NULL) {
        curl_easy_setopt(e, CURLOPT_SHARE, p->cookies);
        curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
    }
}

bool try_begin(struct http_call *c, struct error *err)
{
    try_end(c);
    buf_clear(&c->body);
    c->header_bytes = 0;
    c->status = 0;
    c->delivered = c->too_large = c->unwanted = c->idle = false;
    c->last_byte_ms = loop_mono_ms();

    c->easy = curl_easy_init();
    if (c->easy == NULL)
        abort();
    c->curl_says[0] = '\0';
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->curl_says);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    set_limits(c);
    set_way(c);
    set_tls(c);
    set_method(c);
    forbid_silent_repeat(c);
    return set_headers(c, err);
}

void try_end(struct http_call *c)
{
    if (c->easy != NULL)
        curl_easy_cleanup(c->easy);
    c->easy = NULL;
    for (struct curl_slist *h = c->headers; h != NULL; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    c->headers = c->connect_to = NULL;
}

/* ---- what went wrong ---- */

/* Another try of these would end in the same way. */
static bool is_lasting(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CIPHER ||
           code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_OUT_OF_MEMORY ||
           code == CURLE_BAD_FUNCTION_ARGUMENT;
}

static void describe_timeout(const struct http_call *c, struct error *err)
{
    curl_off_t connected_us = 0;
    curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    int total = c->r.total_ms != 0 ? c->r.total_ms : c->peer->o.total_ms;
    if (connected_us == 0)
        error_set(err, SB_NET, "no connection to %s within %d ms", c->peer->host, c->peer->o.connect_ms);
    else if (c->status == 0)
        error_set(err, SB_NET, "no answer within %d ms", total);
    else
        error_set(err, SB_NET, "the answer was not complete within %d ms", total);
}

bool try_failed(struct http_call *c, CURLcode code, struct error *err, bool *again)
{
    *again = false;
    size_t most = c->r.body_max > 0 ? c->r.body_max : c->peer->o.body_max;
    if (c->too_large)
        return !error_set(err, SB_LIMIT, "the answer has more than %zu bytes",
                          c->header_bytes > HEADERS_MAX ? (size_t)HEADERS_MAX : most);
    if (c->unwanted)
        return !error_set(err, SB_LIMIT, "the answer was ended by its reader");
    if (c->idle)
        return !error_set(err, SB_NET, "no byte came for %d ms", c->r.idle_ms);
    if (code == CURLE_OK && c->status != 0)
        return false;
    *again = !is_lasting(code);
    const char *why = c->curl_says[0] != '\0' ? c->curl_says : curl_easy_strerror(code);
    if (code == CURLE_OK) /* libcurl is content with headers that stop in the middle, and with a lone 100 */
        error_set(err, SB_NET, "the connection was closed within the headers of the answer");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        describe_timeout(c, err);
    else if (c->status != 0)
        error_set(err, SB_NET, "the answer was cut off: %s", why);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        error_set(err, SB_NET,
                  "the certificate of %s cannot be verified: %s. If it is signed by an authority of your "
                  "own, name that in ca_file",
                  c->peer->host, why);
    else
        error_set(err, SB_NET, "%s", why);
    return true;
}
