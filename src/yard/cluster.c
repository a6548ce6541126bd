#include "yard/cluster.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    BOOT_MS = 700,
    LINGER_MS = 500,
    CRASH_RUN_MS = 400,
    IMAGE_TRY_MS = 1500,
    BACK_OFF_MS = 10000,
    BACK_OFF_MAX_MS = 300000
};

static int64_t pace(const struct cluster *cl, double ms)
{
    return llround(ms / cl->speed);
}

/* --- world ------------------------------------------------------------------------------------------- */

static json_t *rules_of(const json_t *told)
{
    if (json_is_array(told))
        return json_deep_copy(told);
    return json_is_object(told) ? json_pack("[o]", json_deep_copy(told)) : json_array();
}

static json_t *target_of(const json_t *scenario, const char *client, const char *env)
{
    json_t *services = json_object(), *service;
    const char *name;
    bool production = str_eq(env, "prod");
    json_object_foreach(json_object_get(scenario, "services"), name, service)
        json_object_set_new(services, name,
                            json_pack("{s:s, s:I, s:i}", "tag", json_str(service, "running", "24-01-01.1"),
                                      "replicas",
                                      (json_int_t)(production ? json_int(service, "replicas", 2) : 1),
                                      "revision", (int)strlen(name) - 5));
    char context[128], slug[128];
    snprintf(context, sizeof context, "gke_%s_%s", client, env);
    snprintf(slug, sizeof slug, "%s-%s", client, env);
    return json_pack("{s:s, s:s, s:s, s:o}", "context", context, "slug", slug, "namespace", env, "services",
                     services);
}

json_t *cluster_world(const json_t *scenario, int64_t now)
{
    json_t *targets = json_object(), *client, *env;
    const char *id;
    size_t i;
    json_object_foreach(json_object_get(scenario, "clients"), id, client)
        json_array_foreach(json_object_get(client, "envs"), i, env) {
            char key[128];
            snprintf(key, sizeof key, "%s/%s", id, json_string_value(env));
            json_object_set_new(targets, key, target_of(scenario, id, json_string_value(env)));
        }
    const json_t *own = json_object_get(scenario, "kubernetes");
    json_t *running = json_object_get(own, "running");
    json_t *world = json_pack("{s:I, s:o, s:o, s:o, s:f, s:[]}", "born", (json_int_t)now, "targets", targets,
                              "crash_loop", rules_of(json_object_get(own, "crash_loop")), "image_pull",
                              rules_of(json_object_get(own, "image_pull")), "slow_rollout",
                              json_num(own, "slow_rollout", 1), "rollouts");
    json_object_set_new(world, "wrong_version", rules_of(json_object_get(own, "wrong_version")));
    const char *target, *service;
    json_t *tags, *tag;
    json_object_foreach(running, target, tags)
        json_object_foreach(tags, service, tag) {
            json_t *app =
                json_object_get(json_object_get(json_object_get(targets, target), "services"), service);
            if (app)
                json_object_set(app, "tag", tag);
        }
    cluster_settle(world, now);
    return world;
}

void cluster_settle(json_t *world, int64_t now)
{
    static const char *const kinds[] = {"crash_loop", "image_pull"};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        json_t *rules = json_object_get(world, kinds[k]), *rule;
        if (!json_is_array(rules)) { /* a patch may give one rule, or null to heal */
            rules = rules_of(rules);
            json_object_set_new(world, kinds[k], rules);
        }
        size_t i;
        json_array_foreach(rules, i, rule)
            if (json_is_object(rule) && !json_object_get(rule, "since"))
                json_object_set_new(rule, "since", json_integer(now));
    }
}

static bool rule_fits(const json_t *rule, const struct app *app, const char *tag)
{
    const char *service = json_str(rule, "service", NULL), *of_tag = json_str(rule, "tag", NULL);
    const char *target = json_str(rule, "target", NULL);
    return (!service || str_eq(service, app->service)) && (!of_tag || str_eq(of_tag, tag)) &&
           (!target || str_eq(target, app->target));
}

/* Somebody's pipeline takes another image than it was told: that tag, as long as the rule has times left; else `tag`. */
static const char *tag_taken(json_t *world, const char *target, const char *service, const char *tag)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(world, "wrong_version"), i, rule) {
        struct app app = {.target = target, .service = service};
        int64_t times = json_int(rule, "times", 1);
        if (times <= 0 || !rule_fits(rule, &app, tag) || !json_str(rule, "instead", NULL))
            continue;
        json_object_set_new(rule, "times", json_integer(times - 1));
        return json_str(rule, "instead", tag);
    }
    return tag;
}

bool cluster_roll_out(json_t *world, const char *key, const char *client, const char *env,
                      const char *service, const char *tag, int64_t at)
{
    char target[160];
    snprintf(target, sizeof target, "%s/%s", client, env);
    const json_t *where = json_object_get(json_object_get(world, "targets"), target);
    json_t *rollouts = json_object_get(world, "rollouts"), *r;
    if (!json_object_get(json_object_get(where, "services"), service) || !json_is_array(rollouts))
        return false;
    size_t i, place = json_array_size(rollouts);
    json_array_foreach(rollouts, i, r)
        if (str_eq(json_str(r, "key", ""), key))
            return true;
    while (place > 0 && json_int(json_array_get(rollouts, place - 1), "at", 0) > at)
        place--;
    json_array_insert_new(rollouts, place,
                          json_pack("{s:s, s:s, s:s, s:s, s:I}", "key", key, "target", target, "service",
                                    service, "tag", tag_taken(world, target, service, tag), "at",
                                    (json_int_t)at));
    return true;
}

/* --- illness ----------------------------------------------------------------------------------------- */

static int64_t crash_of(const struct cluster *cl, const struct app *app, const struct pod *p)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(cl->world, "crash_loop"), i, rule) {
        if (!rule_fits(rule, app, p->tag))
            continue;
        int64_t since = json_int(rule, "since", 0);
        int64_t from = p->started > since ? p->started : since;
        return from + pace(cl, (double)CRASH_RUN_MS / 2 + 1000 * json_num(rule, "after", 0));
    }
    return NEVER;
}

static bool image_missing(const struct cluster *cl, const struct app *app, const struct pod *p)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(cl->world, "image_pull"), i, rule)
        if (rule_fits(rule, app, p->tag) && p->created >= json_int(rule, "since", 0))
            return true;
    return false;
}

/* --- rolling ----------------------------------------------------------------------------------------- */

/* Kubernetes makes names from consonants and digits, so that they spell nothing. */
static char *safe_name(struct arena *a, int n, const char *seed)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    char hex[SHA256_HEX + 1];
    sha256_hex(seed, strlen(seed), hex);
    char *out = arena_alloc(a, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        unsigned v = 0;
        sscanf(hex + 2 * i, "%2x", &v);
        out[i] = letters[v % (sizeof letters - 1)];
    }
    return out;
}

static struct pod *new_pod(const struct cluster *cl, struct app *app, const char *tag, int64_t at,
                           struct arena *a)
{
    struct pod *p = &app->pods[app->n_pods++];
    const char *hash = safe_name(a, 10, arena_printf(a, "%s:%s", app->service, tag));
    const char *suffix =
        safe_name(a, 5, arena_printf(a, "%s/%s/%s/%d", app->target, app->service, tag, app->n_pods));
    double slow = fmax(json_num(cl->world, "slow_rollout", 1), 0.01);
    *p = (struct pod){.tag = tag, .hash = hash, .created = at, .deleted = NEVER, .gone = NEVER};
    p->name = arena_printf(a, "%s-%s-%s", app->service, hash, suffix);
    p->started = at + pace(cl, 0.3 * slow * (double)BOOT_MS);
    p->ready = at + pace(cl, slow * (double)BOOT_MS);
    p->crashes = crash_of(cl, app, p);
    p->image_missing = image_missing(cl, app, p);
    if (p->crashes <= p->ready || p->image_missing)
        p->ready = NEVER;
    if (p->image_missing)
        p->crashes = NEVER;
    return p;
}

static void delete_pod(const struct cluster *cl, struct pod *p, int64_t at)
{
    p->deleted = at;
    p->gone = at + pace(cl, LINGER_MS);
}

/* An old pod to take away: first one that does not work, as the deployment controller does. */
static struct pod *oldest(struct app *app, const char *tag, bool only_broken)
{
    struct pod *found = NULL;
    for (int i = 0; i < app->n_pods; i++) {
        struct pod *p = &app->pods[i];
        if (p->deleted != NEVER || str_eq(p->tag, tag))
            continue;
        if (p->ready == NEVER)
            return p;
        if (!found && !only_broken)
            found = p;
    }
    return found;
}

static int alive(const struct app *app, const char *tag)
{
    int n = 0;
    for (int i = 0; i < app->n_pods; i++)
        n += app->pods[i].deleted == NEVER && (!tag || str_eq(app->pods[i].tag, tag));
    return n;
}

static bool waits_for_ill_pod(const struct app *app, const char *tag)
{
    for (int i = 0; i < app->n_pods; i++)
        if (app->pods[i].deleted == NEVER && app->pods[i].ready == NEVER && str_eq(app->pods[i].tag, tag))
            return true;
    return false;
}

/* One pod more than wanted at most, and never one less that works. A pod that does not become ready holds
 * everything up until another version is asked for. */
static void roll(const struct cluster *cl, struct app *app, const char *tag, int64_t t, int64_t until,
                 struct arena *a)
{
    struct pod *old;
    while ((old = oldest(app, tag, true)) != NULL)
        delete_pod(cl, old, t);
    while (t < until && !waits_for_ill_pod(app, tag)) {
        if (alive(app, NULL) > app->replicas && (old = oldest(app, tag, false)) != NULL)
            delete_pod(cl, old, t);
        else if (alive(app, tag) < app->replicas)
            t = new_pod(cl, app, tag, t, a)->ready;
        else
            return;
    }
}

static void want(struct app *app, const char *tag, int64_t at, struct arena *a)
{
    int revision = 0;
    for (int i = 0; i < app->n_sets; i++)
        if (app->sets[i].revision > revision)
            revision = app->sets[i].revision;
    for (app->current = 0; app->current < app->n_sets; app->current++)
        if (str_eq(app->sets[app->current].tag, tag))
            break;
    struct replica_set *set = &app->sets[app->current];
    if (app->current == app->n_sets) {
        app->n_sets++;
        *set = (struct replica_set){.tag = tag, .created = at};
        set->hash = safe_name(a, 10, arena_printf(a, "%s:%s", app->service, tag));
    }
    if (set->revision != revision || revision == 0) {
        set->revision = revision + 1;
        set->touched = at;
    }
    app->tag = tag;
    app->began = at;
}

bool cluster_app(const struct cluster *cl, const char *target, const char *service, int64_t t,
                 struct arena *a, struct app *out)
{
    const json_t *where = json_object_get(json_object_get(cl->world, "targets"), target);
    const json_t *known = json_object_get(json_object_get(where, "services"), service);
    const json_t *rollouts = json_object_get(cl->world, "rollouts");
    if (!known)
        return false;
    size_t all = json_array_size(rollouts) + 1;
    *out =
        (struct app){.target = target, .service = service, .replicas = (int)json_int(known, "replicas", 1)};
    out->pods = ARENA_ARRAY(a, all * ((size_t)out->replicas + 1), struct pod);
    out->sets = ARENA_ARRAY(a, all + 1, struct replica_set);
    out->releases = ARENA_ARRAY(a, all, struct release);

    int64_t born = json_int(cl->world, "born", 0) - DAYS(9);
    int revision = (int)json_int(known, "revision", 1);
    const char *tag = json_str(known, "tag", "");
    want(out, tag, born, a);
    out->sets[0].revision = revision;
    out->releases[out->n_releases++] = (struct release){.revision = revision, .tag = tag, .at = born};
    for (int i = 0; i < out->replicas; i++)
        new_pod(cl, out, tag, born, a);

    for (size_t i = 0, next; i < json_array_size(rollouts); i = next) {
        const json_t *r = json_array_get(rollouts, i);
        for (next = i + 1; next < json_array_size(rollouts); next++)
            if (str_eq(json_str(json_array_get(rollouts, next), "target", ""), target) &&
                str_eq(json_str(json_array_get(rollouts, next), "service", ""), service))
                break;
        int64_t at = json_int(r, "at", 0);
        if (!str_eq(json_str(r, "target", ""), target) || !str_eq(json_str(r, "service", ""), service) ||
            at > t)
            continue;
        int64_t until =
            next < json_array_size(rollouts) ? json_int(json_array_get(rollouts, next), "at", 0) : NEVER;
        tag = json_str(r, "tag", "");
        want(out, tag, at, a);
        roll(cl, out, tag, at, until < t ? until : t + 1, a);
        out->releases[out->n_releases] =
            (struct release){.revision = revision + out->n_releases, .tag = tag, .at = at};
        out->n_releases++;
    }
    return true;
}

/* --- states ------------------------------------------------------------------------------------------ */

/* After each crash the kubelet waits twice as long, up to five minutes; after the first it does not wait. */
static struct pod_state crashing(const struct cluster *cl, const struct pod *p, int64_t t)
{
    struct pod_state s = {.phase = POD_STARTING, .restarts = 1, .crashed = p->crashes, .since = p->crashes};
    int64_t run = pace(cl, CRASH_RUN_MS), wait = pace(cl, BACK_OFF_MS), at = p->crashes;
    for (;;) {
        s.since = at;
        s.phase = POD_CRASHING;
        if (t < at + run)
            return s;
        at += run;
        s = (struct pod_state){.phase = POD_BACK_OFF, .restarts = s.restarts, .crashed = at, .since = at};
        if (t < at + wait)
            return s;
        at += wait;
        s.restarts++;
        wait = wait * 2 > pace(cl, BACK_OFF_MAX_MS) ? pace(cl, BACK_OFF_MAX_MS) : wait * 2;
        if (run + wait <= 0)
            return s;
    }
}

struct pod_state pod_at(const struct cluster *cl, const struct pod *p, int64_t t)
{
    struct pod_state s;
    if (t < p->created || t >= p->gone)
        return (struct pod_state){.phase = POD_ABSENT};
    if (t < p->started)
        s = (struct pod_state){.phase = POD_CREATING, .since = p->created};
    else if (p->image_missing && t < p->started + pace(cl, IMAGE_TRY_MS))
        s = (struct pod_state){.phase = POD_NO_IMAGE, .since = p->started};
    else if (p->image_missing)
        s = (struct pod_state){.phase = POD_IMAGE_BACK_OFF, .since = p->started + pace(cl, IMAGE_TRY_MS)};
    else if (t >= p->crashes)
        s = crashing(cl, p, t);
    else if (t >= p->ready)
        s = (struct pod_state){.phase = POD_READY, .since = p->ready};
    else
        s = (struct pod_state){.phase = POD_STARTING, .since = p->started};
    s.deleting = t >= p->deleted;
    if (s.deleting && p->deleted > s.since)
        s.since = p->deleted;
    return s;
}

struct app_counts app_count(const struct cluster *cl, const struct app *app, int set, int64_t t)
{
    struct app_counts n = {.touched = app->began};
    for (int i = 0; i < app->n_pods; i++) {
        const struct pod *p = &app->pods[i];
        bool updated = str_eq(p->tag, app->tag);
        if (set >= 0 && !str_eq(p->tag, app->sets[set].tag))
            continue;
        struct pod_state s = pod_at(cl, p, t);
        int64_t last = s.phase == POD_ABSENT ? (t >= p->gone ? p->gone : 0) : s.since;
        if (last > n.touched)
            n.touched = last;
        if (s.phase == POD_ABSENT || s.deleting)
            continue;
        n.replicas++;
        n.updated += updated;
        n.ready += s.phase == POD_READY;
        n.ready_updated += updated && s.phase == POD_READY;
    }
    return n;
}
