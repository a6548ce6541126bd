/* rollout: the other clients that need a fix: who still runs a version without it, by the live clusters, and its way there in
 * waves, each after the one before has held for a while. What belongs to a rollout is known by the input `rollout_of` of its
 * changes, so that nothing else has to be kept. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "change/tag.h"
#include "cli/ask.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TARGETS_MAX = 500 };

/* A client's env that the fix may be missing in. */
struct target {
    const char *client, *env;
    json_t *services;     /* [{service, tag}] that it still needs */
    json_t *lines;        /* [{service, runs, state}] */
    const json_t *change; /* that brings it, or NULL */
    bool unknown;
};

struct rollout {
    struct args *a;
    struct session *s;
    const char *of;
    json_t *fix;     /* the change that fixed it first */
    json_t *changes; /* of the rollout, oldest first */
    struct target targets[TARGETS_MAX];
    int n;
    json_t *kept; /* what targets borrow from */
};

/* --- who needs it
 * --------------------------------------------------------------------------------------------------------- */

static const char *compare(const char *runs, const char *fixed)
{
    struct tag a, b;
    struct error unread;
    if (!*runs)
        return "does not run";
    if (!tag_parse(runs, &a, &unread) || !tag_parse(fixed, &b, &unread))
        return str_eq(runs, fixed) ? "fixed" : "not known";
    return tag_compare(&a, &b) < 0 ? "older" : "fixed";
}

static void look_at(struct rollout *r, const char *client, const char *env)
{
    struct error err = ERROR_NONE;
    struct target *t = &r->targets[r->n++];
    json_t *names = json_array(), *services = json_object_get(r->fix, "services"), *s;
    size_t i;
    json_array_foreach(services, i, s)
        json_array_append_new(names, json_string(json_str(s, "service", "")));
    _cleanup_json_ json_t *ask = json_pack("{s:s, s:{s:s, s:s, s:o}}", "verb", "cluster.versions", "args",
                                           "client", client, "env", env, "services", names);
    json_t *found = session_call(r->s, "POST", "/api/v1/look", ask, &err);
    *t = (struct target){client, env, json_array(), json_array(), NULL, found == NULL};
    json_array_foreach(services, i, s) {
        const char *service = json_str(s, "service", ""), *tag = json_str(s, "tag", "");
        const json_t *runs = json_object_get(json_object_get(found, "services"), service);
        const char *version = json_is_string(runs) ? json_string_value(runs) : "";
        const char *state = found ? compare(version, tag) : "not known";
        json_array_append_new(
            t->lines, json_pack("{s:s, s:s, s:s}", "service", service, "runs", version, "state", state));
        if (str_eq(state, "older"))
            json_array_append_new(t->services, json_pack("{s:s, s:s}", "service", service, "tag", tag));
    }
    json_array_append_new(r->kept, json_pack("{s:o, s:o}", "services", t->services, "lines", t->lines));
    json_decref(found);
}

/* The newest change of the rollout for this target. */
static const json_t *change_for(const struct rollout *r, const struct target *t)
{
    const json_t *found = NULL;
    size_t i;
    json_t *c;
    json_array_foreach(r->changes, i, c)
        if (str_eq(json_str(c, "client", ""), t->client) && str_eq(json_str(c, "env", ""), t->env))
            found = c;
    return found;
}

static bool look_everywhere(struct rollout *r, struct error *err)
{
    _cleanup_json_ json_t *all = session_call(r->s, "GET", "/api/v1/catalogue", NULL, err);
    size_t i, k;
    json_t *client, *env;
    if (!all)
        return false;
    json_array_append(r->kept, all);
    const char *own = json_str(r->fix, "client", ""), *same = json_str(r->fix, "env", "");
    json_array_foreach(json_object_get(all, "clients"), i, client)
        json_array_foreach(json_object_get(client, "envs"), k, env) {
            const char *id = json_str(client, "id", ""), *name = json_string_value(env);
            if (r->n < TARGETS_MAX && str_eq(name, same) && !str_eq(id, own))
                look_at(r, id, name);
        }
    for (int n = 0; n < r->n; n++)
        r->targets[n].change = change_for(r, &r->targets[n]);
    return true;
}

static bool read_changes(struct rollout *r, struct error *err)
{
    r->fix = session_call(r->s, "GET", arena_printf(r->a->arena, "/api/v1/changes/%s", r->of), NULL, err);
    _cleanup_json_ json_t *all = r->fix ? session_call(r->s, "GET", "/api/v1/changes", NULL, err) : NULL;
    const json_t *list = json_object_get(all, "changes");
    if (!all)
        return false;
    for (size_t i = json_array_size(list); i-- > 0;)
        if (str_eq(json_str(json_array_get(list, i), "rollout_of", ""), r->of))
            json_array_append(r->changes, json_array_get(list, i));
    return true;
}

/* --- how it stands
 * -------------------------------------------------------------------------------------------------------- */

static bool went_wrong(const json_t *c)
{
    const char *outcome = json_str(c, "outcome", "");
    return str_eq(json_str(c, "status", ""), "trouble") || str_eq(outcome, "rolled-back") ||
           str_eq(outcome, "stopped");
}

/* Why no wave may begin now; NULL = one may. */
static const char *held(const struct rollout *r, int64_t soak_ms, int64_t now)
{
    size_t i;
    json_t *c;
    json_array_foreach(r->changes, i, c) {
        const char *id = json_str(c, "id", "?");
        int64_t ended = json_int(c, "ended", 0);
        if (went_wrong(c))
            return arena_printf(
                r->a->arena,
                "%s (%s) went wrong: the rollout has stopped. Settle that first, and say --despite %s", id,
                json_str(c, "client", "?"), id);
        if (!ended)
            return arena_printf(r->a->arena, "the wave before is not over: %s (%s) is %s", id,
                                json_str(c, "client", "?"), json_str(c, "status", "?"));
        if (str_eq(json_str(c, "outcome", ""), "done") && now - ended < soak_ms)
            return arena_printf(r->a->arena,
                                "%s (%s) ended %s ago: the next wave begins when it has held for %s", id,
                                json_str(c, "client", "?"), duration_text(now - ended, r->a->arena),
                                duration_text(soak_ms, r->a->arena));
    }
    return NULL;
}

static const char *state_of(const struct rollout *r, const struct target *t)
{
    if (t->change && !json_int(t->change, "ended", 0))
        return arena_printf(r->a->arena, "%s is %s", json_str(t->change, "id", "?"),
                            json_str(t->change, "status", "?"));
    if (t->change && went_wrong(t->change))
        return arena_printf(r->a->arena, "%s: %s", json_str(t->change, "id", "?"),
                            json_str(t->change, "outcome", "?"));
    return t->unknown ? "its cluster does not answer" : json_array_size(t->services) ? "needs it" : "has it";
}

static int left_of(const struct rollout *r)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        n += r->targets[i].unknown || json_array_size(r->targets[i].services) > 0;
    return n;
}

static void print_status(const struct rollout *r)
{
    static const char *const head[] = {"CLIENT", "ENV", "SERVICE", "RUNS", "STATE"};
    struct table t = {head, 5, ARENA_ARRAY(r->a->arena, (size_t)r->n * 100 * 5 + 1, const char *), 0};
    for (int i = 0; i < r->n; i++) {
        const struct target *target = &r->targets[i];
        size_t k;
        json_t *line;
        json_array_foreach(target->lines, k, line) {
            if (k == 100)
                break;
            const char **row = t.cells + t.rows++ * 5;
            row[0] = target->client;
            row[1] = target->env;
            row[2] = json_str(line, "service", "?");
            row[3] = *json_str(line, "runs", "") ? json_str(line, "runs", "") : "-";
            row[4] = str_eq(json_str(line, "state", ""), "older") || target->unknown
                         ? state_of(r, target)
                         : json_str(line, "state", "?");
        }
    }
    table_print(&t);
    int left = left_of(r);
    if (left == 0)
        printf("\nNobody runs a version without the fix of %s any more.\n", r->of);
    else
        printf("\n%d of %d still run a version without it. The next wave: signalbox rollout start %s\n", left,
               r->n, r->of);
}

static void print_status_json(const struct rollout *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n; i++) {
        const struct target *t = &r->targets[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:O, s:s, s:s?}", "client", t->client, "env",
                                              t->env, "services", t->lines, "state", state_of(r, t), "change",
                                              t->change ? json_str(t->change, "id", NULL) : NULL));
    }
    _cleanup_json_ json_t *out =
        json_pack("{s:s, s:i, s:o}", "of", r->of, "left", left_of(r), "targets", list);
    print_json(out);
}

/* --- a wave
 * --------------------------------------------------------------------------------------------------------------- */

static json_t *plan_for(const struct rollout *r, const struct target *t, const char *window)
{
    return json_pack("{s:s, s:s, s:s, s:O, s:s, s:o, s:s, s:o, s:{s:s}}", "sop",
                     json_str(r->fix, "sop", "hotfix"), "client", t->client, "env", t->env, "services",
                     t->services, "window", window, "severity", json_integer(json_int(r->fix, "severity", 3)),
                     "risk", json_str(r->fix, "risk", "low"), "reason",
                     json_sprintf("%s (rolled out from %s)", json_str(r->fix, "reason", ""), r->of), "inputs",
                     "rollout_of", r->of);
}

static bool start_one(struct rollout *r, const struct target *t, const char *window, struct error *err)
{
    struct error e = ERROR_NONE;
    _cleanup_json_ json_t *plan = plan_for(r, t, window);
    _cleanup_json_ json_t *made = session_call(r->s, "POST", "/api/v1/changes", plan, &e);
    _cleanup_json_ json_t *started =
        made ? session_call(r->s, "POST",
                            arena_printf(r->a->arena, "/api/v1/changes/%s/start", json_str(made, "id", "")),
                            NULL, &e)
             : NULL;
    if (!started)
        return error_wrap(&e, err, "%s %s", t->client, t->env);
    if (!opt_given(r->a, "json"))
        printf("%s: %s %s, %s\n", json_str(made, "id", "?"), t->client, t->env, window);
    return true;
}

/* What went wrong and was settled is told by --despite: it holds up nothing any more. */
static void forgive(struct rollout *r, const char *id)
{
    for (size_t i = json_array_size(r->changes); id && i-- > 0;)
        if (str_eq(json_str(json_array_get(r->changes, i), "id", ""), id))
            json_array_remove(r->changes, i);
}

static bool start_wave(struct rollout *r, struct error *err)
{
    const char *size = opt(r->a, "size"), *window = opt(r->a, "window"), *soak = opt(r->a, "soak");
    int64_t soak_ms = HOURS(24), most = size ? strtoll(size, NULL, 10) : 1;
    if (!window)
        return error_set(err, SB_MISSING,
                         "when? --window \"tomorrow 10:00 for 90m\": in each client's own time zone");
    if (most < 1 || (soak && !duration_parse(soak, &soak_ms, err)))
        return err->code != SB_OK ? false : error_set(err, SB_RANGE, "--size: at least 1");
    forgive(r, opt(r->a, "despite"));
    const char *why = held(r, soak_ms, json_int(r->fix, "now", 0));
    if (why)
        return error_set(err, SB_STATE, "%s", why);
    for (int i = 0; i < r->n && most > 0; i++)
        if (json_array_size(r->targets[i].services) > 0 && most-- > 0 &&
            !start_one(r, &r->targets[i], window, err))
            return false;
    return left_of(r) > 0 ||
           error_set(err, SB_STATE, "nobody runs a version without the fix of %s any more", r->of);
}

/* Folded into the next release train: said in the record, with its date, as the answer to the question of the page. */
static bool join_train(struct rollout *r, struct error *err)
{
    if (!opt(r->a, "date"))
        return error_set(err, SB_MISSING, "which train? --date 2024-03-01");
    _cleanup_json_ json_t *answer =
        json_pack("{s:s, s:s, s:o}", "step", "others", "choice", "release-train", "reason",
                  json_sprintf("release train of %s", opt(r->a, "date")));
    json_t *told = session_call(r->s, "POST", arena_printf(r->a->arena, "/api/v1/changes/%s/answer", r->of),
                                answer, err);
    json_decref(told);
    if (told && !opt_given(r->a, "json"))
        printf("%s: the others get it with the release train of %s.\n", r->of, opt(r->a, "date"));
    return told != NULL;
}

static bool act(struct rollout *r, const char *what, struct error *err)
{
    if (str_eq(what, "train"))
        return join_train(r, err);
    if (!look_everywhere(r, err))
        return false;
    if (str_eq(what, "start"))
        return start_wave(r, err);
    if (!str_eq(what, "status") && !str_eq(what, "plan"))
        return error_set(err, SB_UNKNOWN, "\"%.40s\": rollout plan, start, status or train", what);
    if (opt_given(r->a, "json"))
        print_status_json(r);
    else
        print_status(r);
    return true;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct rollout *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    bool bare = a->n_words == 1;
    r->a = a;
    r->of = a->words[bare ? 0 : 1];
    r->changes = json_array();
    r->kept = json_array();
    r->s = session_open(a, &o, &err);
    bool ok = r->s && read_changes(r, &err) && act(r, bare ? "status" : a->words[0], &err);
    int status = ok ? EXIT_DONE : complain(&err);
    json_decref(r->fix);
    json_decref(r->changes);
    json_decref(r->kept);
    session_close(r->s);
    free(r);
    return status;
}

const struct command cmd_rollout = {
    .name = "rollout",
    .usage = "[plan|start|status|train] CHANGE",
    .says = "bring a fix to the other clients: who still runs a version without it, and the next wave",
    .more =
        "Versions are read from the live clusters, in the env of the fix. A wave takes the next clients in the order of the "
        "configuration; it begins only when all of the wave before have ended well and held for a while, and not at all "
        "while one is in trouble or was rolled back. Its changes follow the page like any other.",
    .examples =
        "signalbox rollout HF-7\twho still runs a version without the fix\n"
        "signalbox rollout start HF-7 --window \"tomorrow 10:00 for 90m\" --size 2\tthe next two clients\n"
        "signalbox rollout train HF-7 --date 2024-03-01\tthe others get it with that release train\n",
    .group = 2,
    .words_min = 1,
    .words_max = 2,
    .complete = "changes",
    .options = {{"window", 'w', OPTION_VALUE, "WINDOW", "start: when, in each client's own time zone", NULL},
                {"size", 0, OPTION_VALUE, "N", "start: how many clients the wave has (default: 1)", NULL},
                {"soak", 0, OPTION_VALUE, "DURATION",
                 "start: how long the wave before must have held (default: 24h)", NULL},
                {"despite", 0, OPTION_VALUE, "CHANGE",
                 "start: go on although this one went wrong; it has been settled", NULL},
                {"date", 0, OPTION_VALUE, "DATE", "train: of the release train", NULL}},
    .run = run,
};
