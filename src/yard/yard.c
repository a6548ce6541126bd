#include "yard/yard.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "yard/certificate.h"
#include "yard/inside.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct stand_in jenkins_stand_in, slack_stand_in, statuspage_stand_in, kubernetes_stand_in,
    prometheus_stand_in, jira_stand_in, opsgenie_stand_in, google_calendar_stand_in, github_stand_in,
    alertmanager_stand_in, grafana_stand_in, jsm_stand_in, pagerduty_stand_in, sheet_stand_in;

const struct stand_in *const stand_ins[] = {
    &jenkins_stand_in,      &slack_stand_in,           &statuspage_stand_in,
    &kubernetes_stand_in,   &prometheus_stand_in,      &jira_stand_in,
    &opsgenie_stand_in,     &google_calendar_stand_in, &github_stand_in,
    &jsm_stand_in,          &pagerduty_stand_in,       &sheet_stand_in,
    &alertmanager_stand_in, &grafana_stand_in,         NULL,
};

enum { STATE_BYTES_MAX = 256 << 20 };

/* --- what it knows ----------------------------------------------------------------------------------- */

int64_t yard_now(const struct yard *y)
{
    return loop_wall_ms() + y->leapt;
}

double yard_speed(const struct yard *y)
{
    return y->speed;
}

int64_t yard_pace(const struct yard *y, double seconds)
{
    return llround(seconds * 1000 / y->speed);
}

struct loop *yard_loop(const struct yard *y)
{
    return y->loop;
}

const json_t *yard_scenario(const struct yard *y)
{
    return y->scenario;
}

struct place *yard_place(const struct yard *y, const char *system)
{
    for (int i = 0; i < y->n_places; i++)
        if (str_eq(y->places[i].kind->name, system))
            return (struct place *)&y->places[i];
    return NULL;
}

json_t *yard_world(const struct yard *y, const char *system)
{
    const struct place *p = yard_place(y, system);
    return p ? p->world : NULL;
}

const char *yard_secret(const struct yard *y, const char *system)
{
    const struct place *p = yard_place(y, system);
    return p ? p->secret : "";
}

const char *yard_url(const struct yard *y, const char *system)
{
    const struct place *p = yard_place(y, system);
    return p ? p->url : "";
}

json_t *yard_urls(const struct yard *y)
{
    json_t *urls = json_pack("{s:s, s:I}", "control", y->control_url, "leapt", (json_int_t)y->leapt);
    json_t *secrets = json_object();
    for (int i = 0; i < y->n_places; i++) {
        json_object_set_new(urls, y->places[i].kind->name, json_string(y->places[i].url));
        json_object_set_new(secrets, y->places[i].kind->name, json_string(y->places[i].secret));
    }
    json_object_set_new(urls, "secrets", secrets);
    return urls;
}

/* --- state ------------------------------------------------------------------------------------------- */

static json_t *state_of(const struct yard *y)
{
    json_t *worlds = json_object(), *secrets = json_object(), *ports = json_object();
    for (int i = 0; i < y->n_places; i++) {
        const struct place *p = &y->places[i];
        json_object_set(worlds, p->kind->name, p->world);
        json_object_set_new(secrets, p->kind->name, json_string(p->secret));
        json_object_set_new(ports, p->kind->name, json_integer(server_port(p->server)));
    }
    json_object_set_new(ports, "control", json_integer(server_port(y->control)));
    return json_pack("{s:i, s:I, s:O, s:O, s:O, s:o, s:o, s:o, s:s, s:s}", "version", 1, "leapt",
                     (json_int_t)y->leapt, "scenario", y->scenario, "book", y->book, "faults", y->faults,
                     "worlds", worlds, "secrets", secrets, "ports", ports, "cert", y->cert_pem, "key",
                     y->key_pem);
}

static bool write_state(const struct yard *y)
{
    _cleanup_buf_ struct buf fresh = {0};
    buf_printf(&fresh, "%s.new", y->state_file);
    _cleanup_json_ json_t *state = state_of(y);
    FILE *f = fopen(buf_str(&fresh), "we");
    if (!f)
        return false;
    bool ok = fchmod(fileno(f), 0600) == 0 && json_dumpf(state, f, JSON_COMPACT) == 0;
    ok = fclose(f) == 0 && ok;
    return ok && rename(buf_str(&fresh), y->state_file) == 0;
}

/* Rename without a sync: what must be survived is the death of this process, not of the machine. */
void yard_save(struct yard *y)
{
    if (!y->state_file)
        return;
    if (!write_state(y))
        log_error("yard", "cannot write %s: %s. A restart will not know what happened since", y->state_file,
                  strerror(errno));
}

static json_t *read_state(const char *path, struct error *err)
{
    _cleanup_json_ json_t *state = json_read_file(path, STATE_BYTES_MAX, err);
    if (!state)
        return NULL;
    if (json_int(state, "version", 0) != 1 || !json_is_object(json_path(state, "worlds")) ||
        !json_is_array(json_path(state, "book")) || !json_is_array(json_path(state, "faults")) ||
        !json_is_object(json_path(state, "scenario"))) {
        error_set(err, SB_CORRUPT, "%s is not the state of a yard; remove it to begin anew", path);
        return NULL;
    }
    return json_incref(state);
}

/* --- deeds and watchers ------------------------------------------------------------------------------ */

void yard_deed(struct yard *y, const char *system, const char *what, const char *key)
{
    json_array_append_new(y->book, json_pack("{s:I, s:s, s:s, s:s, s:I}", "n",
                                             (json_int_t)json_array_size(y->book) + 1, "system", system,
                                             "what", what, "key", key, "at", (json_int_t)yard_now(y)));
    yard_save(y);
    yard_changed(y);
}

int yard_watch(struct yard *y, void (*fn)(void *ctx), void *ctx)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct watcher){.next = y->watchers, .id = ++y->next_watch, .fn = fn, .ctx = ctx};
    y->watchers = w;
    return w->id;
}

void yard_unwatch(struct yard *y, int id)
{
    for (struct watcher **at = &y->watchers; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct watcher *w = *at;
            *at = w->next;
            free(w);
            return;
        }
}

/* A watcher may unwatch itself while it is told. */
void yard_changed(struct yard *y)
{
    for (struct watcher *w = y->watchers, *next; w; w = next) {
        next = w->next;
        w->fn(w->ctx);
    }
}

void yard_settle(struct yard *y)
{
    int64_t now = yard_now(y);
    for (int i = 0; i < y->n_places; i++)
        if (y->places[i].kind->settle)
            y->places[i].kind->settle(y, y->places[i].world, now);
}

void yard_leap(struct yard *y, int64_t ms)
{
    if (ms <= 0)
        return;
    y->leapt += ms;
    yard_settle(y);
    yard_save(y);
    yard_changed(y);
}

/* --- opening ----------------------------------------------------------------------------------------- */

static char *new_secret(void)
{
    unsigned char bytes[20];
    random_bytes(bytes, sizeof bytes);
    _cleanup_buf_ struct buf hex = {0};
    for (size_t i = 0; i < sizeof bytes; i++)
        buf_printf(&hex, "%02x", bytes[i]);
    return buf_steal(&hex);
}

/* A yard that comes back keeps its ports, since its users have its URLs. */
static int64_t port_for(const struct yard_options *o, const json_t *state, const char *name)
{
    if (str_eq(name, "control") && o->port)
        return o->port;
    int64_t kept = json_int(json_path(state, "ports"), name, 0);
    return json_int(o->ports, name, kept);
}

/* The server wants its certificate as files: they are there for that moment only. */
struct pem_files {
    char dir[32], cert[64], key[64];
};

static bool put_pem(const char *path, const char *text)
{
    FILE *f = fopen(path, "wxe");
    if (!f)
        return false;
    bool ok = fputs(text, f) >= 0;
    return fclose(f) == 0 && ok;
}

static void remove_pem_files(const struct pem_files *p)
{
    unlink(p->cert);
    unlink(p->key);
    rmdir(p->dir);
}

static bool write_pem_files(const struct yard *y, struct pem_files *p, struct error *err)
{
    snprintf(p->dir, sizeof p->dir, "/tmp/signalbox-yard-XXXXXX");
    if (!mkdtemp(p->dir))
        return error_errno(err, errno, "yard: make a folder in /tmp");
    snprintf(p->cert, sizeof p->cert, "%s/cert.pem", p->dir);
    snprintf(p->key, sizeof p->key, "%s/key.pem", p->dir);
    if (put_pem(p->cert, y->cert_pem) && put_pem(p->key, y->key_pem))
        return true;
    error_errno(err, errno, "yard: write %s", p->dir);
    remove_pem_files(p);
    return false;
}

struct listening {
    const char *name;
    int64_t port;
    bool tls;
    server_handler *serve;
    void *ctx;
};

/* A yard comes back at its ports, so they lie below those that the system gives to outgoing connections: one of
 * these could have ours while the yard is away. */
enum { PORTS_FROM = 20000, PORTS = 12000, PORT_TRIES = 30 };

static struct server *listen_somewhere(struct yard *y, const struct listening *l,
                                       const struct server_options *how)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t n;
        char address[32];
        struct error ignored = ERROR_NONE;
        struct server_options o = *how;
        random_bytes(&n, sizeof n);
        snprintf(address, sizeof address, "127.0.0.1:%d", PORTS_FROM + n % PORTS);
        o.address = address;
        struct server *s = server_new(y->loop, &o, l->serve, l->ctx, &ignored);
        if (s)
            return s;
    }
    return NULL;
}

static struct server *listen_at(struct yard *y, const struct listening *l, char *url, size_t url_size,
                                struct error *err)
{
    char address[32];
    struct error e = ERROR_NONE;
    struct pem_files pem;
    if (l->port < 0 || l->port > 65535) {
        error_set(err, SB_RANGE, "yard: %s: port %lld does not exist", l->name, (long long)l->port);
        return NULL;
    }
    if (l->tls && !write_pem_files(y, &pem, err))
        return NULL;
    snprintf(address, sizeof address, "127.0.0.1:%d", (int)l->port);
    struct server_options o = {.address = address, .listen_fd = -1, .body_max = 8 << 20};
    o.tls_cert_file = l->tls ? pem.cert : NULL;
    o.tls_key_file = l->tls ? pem.key : NULL;
    struct server *s = l->port == 0 ? listen_somewhere(y, l, &o) : NULL;
    if (!s)
        s = server_new(y->loop, &o, l->serve, l->ctx, &e);
    if (l->tls)
        remove_pem_files(&pem);
    if (!s)
        error_wrap(&e, err, "yard: %s", l->name);
    else
        snprintf(url, url_size, "%s://127.0.0.1:%d", l->tls ? "https" : "http", server_port(s));
    return s;
}

static bool open_place(struct yard *y, const struct yard_options *o, const struct stand_in *kind,
                       const json_t *state, struct error *err)
{
    struct place *p = &y->places[y->n_places];
    *p = (struct place){.yard = y, .kind = kind};
    struct listening l = {kind->name, port_for(o, state, kind->name), kind->tls, place_serve, p};
    p->server = listen_at(y, &l, p->url, sizeof p->url, err);
    if (!p->server)
        return false;
    const char *secret = json_str(json_path(state, "secrets"), kind->name, NULL);
    p->secret = secret ? strdup(secret) : new_secret();
    log_redact(p->secret);
    json_t *world = json_object_get(json_object_get(state, "worlds"), kind->name);
    p->world = json_is_object(world) && !y->anew ? json_incref(world) : kind->world(y->scenario, yard_now(y));
    y->n_places++;
    return true;
}

static bool open_all(struct yard *y, const struct yard_options *o, struct error *err)
{
    _cleanup_json_ json_t *state = NULL;
    if (y->state_file && access(y->state_file, F_OK) == 0 && !(state = read_state(y->state_file, err)))
        return false;
    y->scenario = scenario_make(o->scenario);
    y->leapt = json_int(state, "leapt", 0);
    y->anew = o->anew || !json_equal(json_object_get(state, "scenario"), y->scenario);
    if (state && !y->anew) {
        y->book = json_incref(json_object_get(state, "book"));
        y->faults = json_incref(json_object_get(state, "faults"));
    } else {
        y->book = json_array();
        y->faults = scenario_faults(y->scenario);
    }
    const char *cert = json_str(state, "cert", NULL), *key = json_str(state, "key", NULL);
    if (cert && key) {
        y->cert_pem = strdup(cert);
        y->key_pem = strdup(key);
    } else {
        certificate_new(&y->cert_pem, &y->key_pem);
    }
    size_t i;
    json_t *fault;
    json_array_foreach(y->faults, i, fault)
        if (!fault_check(fault, err))
            return false;
    for (const struct stand_in *const *kind = stand_ins; *kind; kind++)
        if (!open_place(y, o, *kind, state, err))
            return false;
    struct listening l = {"control", port_for(o, state, "control"), false, control_serve, y};
    y->control = listen_at(y, &l, y->control_url, sizeof y->control_url, err);
    return y->control != NULL;
}

struct yard *yard_open(const struct yard_options *o, struct error *err)
{
    struct yard *y = calloc(1, sizeof *y);
    if (!y)
        abort();
    y->loop = o->loop;
    y->speed = o->speed > 0 ? o->speed : 1;
    y->state_file = o->state_file ? strdup(o->state_file) : NULL;
    if (!open_all(y, o, err)) {
        yard_close(y);
        return NULL;
    }
    const char *record = json_str(y->scenario, "record", NULL);
    if (record && !(y->record = fopen(record, "ae"))) {
        error_errno(err, errno, "yard: open %s to record", record);
        yard_close(y);
        return NULL;
    }
    yard_save(y);
    return y;
}

void yard_close(struct yard *y)
{
    if (!y)
        return;
    timer_cancel(y->stopping);
    if (y->control)
        server_free(y->control);
    held_free_all(y);
    for (int i = 0; i < YARD_PLACES_MAX; i++) {
        struct place *p = &y->places[i];
        if (p->server)
            server_free(p->server);
        json_decref(p->world);
        free(p->secret);
    }
    while (y->watchers)
        yard_unwatch(y, y->watchers->id);
    if (y->record)
        fclose(y->record);
    json_decref(y->faults);
    json_decref(y->book);
    json_decref(y->scenario);
    free(y->cert_pem);
    free(y->key_pem);
    free(y->state_file);
    free(y);
}
