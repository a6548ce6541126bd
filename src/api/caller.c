/* caller.c: who asks, and whether they may.
 *
 * On this machine the kernel says who is at the other end of the socket. A TCP connection says nothing: it
 * may read when it comes from this machine, and a page of another site, which a browser on this machine has
 * open, may not even that: hence the looks at Host (a name that an attacker's name server has turned to
 * 127.0.0.1) and at Origin. */
#include "api/inside.h"
#include <pwd.h>
#include <string.h>
#include <strings.h>

static const char *login_of(uint32_t uid, struct arena *a)
{
    char *room = arena_alloc(a, 16384);
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, room, 16384, &found) == 0 && found)
        return arena_strdup(a, found->pw_name);
    return arena_printf(a, "uid-%u", uid);
}

static bool is_loopback_address(const char *address)
{
    return str_starts(address, "127.") || str_eq(address, "::1");
}

/* "localhost:8080", "127.0.0.1", "[::1]:8080". */
static bool is_loopback_host(const char *host)
{
    if (host[0] == '[')
        return strncmp(host, "[::1]", 5) == 0 && (host[5] == '\0' || host[5] == ':');
    size_t n = strcspn(host, ":");
    return (n == 9 && strncasecmp(host, "localhost", n) == 0) ||
           (str_starts(host, "127.") && strspn(host, "0123456789.") == n);
}

/* A page that a browser shows says where it came from with everything that could change something. */
static bool same_origin(const struct exchange *x, struct error *err)
{
    const char *origin = request_header(x, "Origin"), *host = request_header(x, "Host");
    if (!origin)
        return true;
    const char *at = strstr(origin, "://");
    if (at && host && strcasecmp(at + 3, host) == 0)
        return true;
    return error_set(err, SB_DENIED, "the page that asks is of another site (%.100s)", origin);
}

static bool from_tcp(struct call *c, const struct server_request *r, struct error *err)
{
    if (!is_loopback_address(r->peer_address))
        return error_set(err, SB_DENIED,
                         "sign in first: without it the API is only read, and from the machine it runs on");
    const char *host = request_header(c->x, "Host");
    if (!host || !is_loopback_host(host))
        return error_set(
            err, SB_DENIED,
            "ask for localhost or 127.0.0.1, not for \"%.100s\": another name for this machine may be "
            "another site's trick",
            host ? host : "");
    c->how = "loopback";
    return true;
}

bool caller_of(struct call *c, struct error *err)
{
    const struct server_request *r = exchange_request(c->x);
    if (!same_origin(c->x, err))
        return false;
    if (!r->is_unix)
        return from_tcp(c, r, err);
    if (r->peer_uid == UINT32_MAX)
        return error_set(err, SB_DENIED, "the kernel does not say who is at the other end of the socket");
    c->by = login_of(r->peer_uid, &c->arena);
    c->how = "socket";
    c->known = true;
    return true;
}

bool caller_sees(const struct api *a, const char *by, bool known, const char *client, const char *env)
{
    return !known || config_may(engine_config(a->engine), by, "see", client, env);
}

bool caller_may_call(const struct call *c, struct error *err)
{
    if (c->route->right == API_ACT && !c->known)
        return error_set(
            err, SB_DENIED,
            "sign in first, or use the signalbox command on this machine: without it the API is only read");
    if (c->route->right == API_SEE && !caller_sees(c->api, c->by, c->known, NULL, NULL))
        return error_set(err, SB_DENIED,
                         "%s has no role here: the configuration's people name who may do what", c->by);
    return true;
}

enum { ID_MAX = 64 };

/* --- changes ---------------------------------------------------------------------------------- */

/* "hf7" and "HF-07" are slips, not other changes. */
static const char *near_change(struct call *c, const char *id)
{
    _cleanup_json_ json_t *page = engine_changes(c->api->engine, false, 0, 0);
    const json_t *all = json_object_get(page, "changes");
    size_t n = json_array_size(all), i;
    const char **ids = ARENA_ARRAY(&c->arena, n + 1, const char *);
    json_t *one;
    json_array_foreach((json_t *)all, i, one)
        ids[i] = arena_strdup(&c->arena, json_str(one, "id", ""));
    for (i = 0; i < n; i++)
        if (strcasecmp(ids[i], id) == 0)
            return ids[i];
    return str_near(id, ids);
}

const struct change *call_change(struct call *c, const char *id, struct error *err)
{
    if (strlen(id) > ID_MAX) {
        error_set(err, SB_UNKNOWN, "there is no change \"%.40s...\"", id);
        return NULL;
    }
    const struct change *change = engine_fold(c->api->engine, id, err);
    const char *near = !change && err->code == SB_UNKNOWN ? near_change(c, id) : NULL;
    if (near)
        error_set(err, SB_UNKNOWN, "there is no change \"%s\"; did you mean \"%s\"?", id, near);
    return change;
}

const struct change *caller_change(struct call *c, const char *id, struct error *err)
{
    const struct change *change = call_change(c, id, err);
    if (!change)
        return NULL;
    if (caller_sees(c->api, c->by, c->known, json_str(change->facts, "change.client", ""),
                    json_str(change->facts, "change.env", "")))
        return change;
    error_set(err, SB_DENIED, "%s may not see changes of %s", c->by,
              json_str(change->facts, "change.client", "this client"));
    return NULL;
}
