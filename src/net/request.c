#include "net/server_internal.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* More arguments than any page or API call has; those after it are not seen. */
enum { PAIRS_MAX = 512 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte of an escape "%41" at `s`, or -1. */
static int escaped(const char *s, size_t left)
{
    if (left < 3)
        return -1;
    int high = hex_digit(s[1]), low = hex_digit(s[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A hidden NUL would cut the path for whoever compares it as a string. */
char *path_decode(struct arena *a, const char *s, size_t n)
{
    char *out = arena_alloc(a, n + 1), *w = out;
    for (size_t i = 0; i < n; i++) {
        int c = (unsigned char)s[i];
        if (c == '%') {
            c = escaped(s + i, n - i);
            i += 2;
        }
        if (c <= 0)
            return NULL;
        *w++ = (char)c;
    }
    return out;
}

/* Decodes a name or value of a query or form. A broken escape stays as it is, as in browsers; NULL when it
 * hides a NUL. */
static char *decode_value(struct arena *a, const char *s, size_t n)
{
    char *out = arena_alloc(a, n + 1), *w = out;
    for (size_t i = 0; i < n; i++) {
        int c = s[i] == '+' ? ' ' : (unsigned char)s[i];
        int e = c == '%' ? escaped(s + i, n - i) : -1;
        if (e >= 0) {
            c = e;
            i += 2;
        }
        if (c == 0)
            return NULL;
        *w++ = (char)c;
    }
    return out;
}

static void read_pairs(struct pairs *p, struct arena *a, const char *text, size_t n)
{
    p->read = true;
    int most = 1;
    for (size_t i = 0; i < n && most < PAIRS_MAX; i++)
        most += text[i] == '&';
    p->at = ARENA_ARRAY(a, (size_t)most, struct pair);
    const char *end = text + n;
    while (text < end && p->n < most) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        const char *name_end = equals != NULL ? equals : stop;
        const char *value = equals != NULL ? equals + 1 : stop;
        struct pair *pair = &p->at[p->n];
        pair->name = decode_value(a, text, (size_t)(name_end - text));
        pair->value = decode_value(a, value, (size_t)(stop - value));
        if (pair->name != NULL && pair->value != NULL && pair->name[0] != '\0')
            p->n++;
        text = stop + 1;
    }
}

static const char *pairs_find(const struct pairs *p, const char *name, int k)
{
    for (int i = 0; i < p->n; i++) {
        if (strcmp(p->at[i].name, name) == 0 && k-- == 0)
            return p->at[i].value;
    }
    return NULL;
}

/* A proxy's form of the target, "http://host/path": what is after the host. */
static const char *without_origin(const char *target)
{
    if (strncasecmp(target, "http://", 7) != 0 && strncasecmp(target, "https://", 8) != 0)
        return target;
    const char *host = strstr(target, "://") + 3;
    return host + strcspn(host, "/?");
}

void request_target(struct exchange *x, const char *target)
{
    target = without_origin(target);
    size_t n = strcspn(target, "?");
    struct server_request *r = &x->request;
    r->raw_query = arena_strdup(&x->arena, target[n] == '?' ? target + n + 1 : "");
    r->raw_path = n > 0 ? arena_strndup(&x->arena, target, n) : "/";
    r->path = path_decode(&x->arena, r->raw_path, strlen(r->raw_path));
    if (r->path == NULL || r->path[0] != '/') {
        x->bad = "the path is not a valid URL path";
        r->path = "/";
    }
}

static void address_text(const struct sockaddr *from, char *out, socklen_t size)
{
    out[0] = '\0';
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        inet_ntop(AF_INET, &in->sin_addr, out, size);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
        /* One client, one name: an IPv4 client of a dual socket is written as IPv4. */
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], out, size);
        else
            inet_ntop(AF_INET6, &in6->sin6_addr, out, size);
    }
}

void request_peer(struct exchange *x)
{
    struct server_request *r = &x->request;
    r->peer_uid = UINT32_MAX;
    r->is_unix = x->server->is_unix;
    r->peer_address = "";
    if (r->is_unix) {
        struct ucred who;
        socklen_t n = sizeof who;
        int fd = MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0)
            r->peer_uid = who.uid;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL && info->client_addr != NULL) {
        char text[INET6_ADDRSTRLEN];
        address_text(info->client_addr, text, sizeof text);
        r->peer_address = arena_strdup(&x->arena, text);
    }
}

const struct server_request *exchange_request(const struct exchange *x)
{
    return &x->request;
}

const char *request_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, name);
}

/* The pairs are read when first asked for, which does not change what the exchange is: hence the cast. */
const char *request_query_nth(const struct exchange *x, const char *name, int k)
{
    struct exchange *own = (struct exchange *)(uintptr_t)x;
    if (!x->query.read)
        read_pairs(&own->query, &own->arena, x->request.raw_query, strlen(x->request.raw_query));
    return pairs_find(&x->query, name, k);
}

const char *query_value(const char *raw_query, const char *name, struct arena *a)
{
    struct pairs pairs = {0};
    read_pairs(&pairs, a, raw_query, strlen(raw_query));
    return pairs_find(&pairs, name, 0);
}

const char *request_query(const struct exchange *x, const char *name)
{
    return request_query_nth(x, name, 0);
}

const char *request_form(const struct exchange *x, const char *name)
{
    static const char form_type[] = "application/x-www-form-urlencoded";
    const char *type = request_header(x, "Content-Type");
    if (type == NULL || strncasecmp(type, form_type, sizeof form_type - 1) != 0)
        return NULL;
    struct exchange *own = (struct exchange *)(uintptr_t)x;
    if (!x->form.read)
        read_pairs(&own->form, &own->arena, x->request.body, x->request.body_len);
    return pairs_find(&x->form, name, 0);
}
