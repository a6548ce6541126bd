#include "web/session_now.h"
#include "base/buf.h"
#include <string.h>
#include <strings.h>

static bool is_loopback_host(const char *host)
{
    size_t n = strcspn(host, ":");
    return strncmp(host, "[::1]", 5) == 0 || (n == 9 && strncasecmp(host, "localhost", n) == 0) ||
           (str_starts(host, "127.") && strspn(host, "0123456789.") == n);
}

bool visitor_of(struct api *a UNUSED, struct exchange *x, struct visitor *v, int *status, struct error *err)
{
    const struct server_request *r = exchange_request(x);
    const char *host = request_header(x, "Host"), *origin = request_header(x, "Origin");
    const char *at = origin ? strstr(origin, "://") : NULL;
    *v = (struct visitor){.asker = {""}, .how = "nobody", .name = "", .csrf = ""};
    *status = 403;
    if (origin && (!at || !host || strcasecmp(at + 3, host) != 0))
        return error_set(err, SB_DENIED, "the page that asks is of another site");
    v->may_read = r->is_unix || ((str_starts(r->peer_address, "127.") || str_eq(r->peer_address, "::1")) &&
                                 host && is_loopback_host(host));
    return true;
}

bool visitor_csrf(const struct visitor *v, const char *given)
{
    return *v->csrf && str_eq(v->csrf, given);
}

void api_call_for(struct api *a, const struct visitor *v, const char *method, const char *path,
                  const json_t *body, void (*done)(void *ctx, int status, const json_t *body), void *ctx)
{
    api_call(a, method, path, body, v->asker.name, done, ctx);
}
