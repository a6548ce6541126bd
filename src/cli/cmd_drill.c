/* drill: rehearses a hotfix against the yard: the real program, the real drivers, the real wire, nothing real
 * behind it.
 *
 * The drill's clock is the yard's: when nothing goes on and the next thing lies hours ahead, both leap there.
 */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/autopilot.h"
#include "cli/files.h"
#include "cli/follow.h"
#include "cli/pages.h"
#include "cli/plan_options.h"
#include "cli/scenarios.h"
#include "cli/score.h"
#include "cli/session.h"
#include "cli/yard_process.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who answers gates in a drill: somebody else than who started it. */
#define SECOND_PERSON "on-call.production@example.com"

struct drill {
    struct args *args;
    const json_t *scenario; /* NULL = all goes well */
    struct session *session;
    struct yard_process *yard;
    struct http *http;
    struct http_peer *control;
    struct pages *pages; /* with --listen */
    struct autopilot *autopilot;
    int64_t leapt; /* how far the drill's clock is ahead of the wall's */
    bool leaping;
    json_t *told; /* by the yard's control server, last */
    bool telling;
};

/* --- the clock
 * -----------------------------------------------------------------------------------------------------------------
 */

static int64_t now(void *ctx)
{
    return loop_wall_ms() + ((const struct drill *)ctx)->leapt;
}

static void leapt(void *ctx, const struct http_reply *reply)
{
    struct drill *d = ctx;
    _cleanup_json_ json_t *j =
        reply->status == 200 ? json_read(reply->body, reply->body_len, 1 << 16, "clock of the yard", NULL)
                             : NULL;
    d->leaping = false;
    if (j)
        d->leapt = json_int(j, "leapt", d->leapt);
    engine_wake(session_engine(d->session));
}

/* Asks the yard to leap; ours follows when it has. */
static bool leap(void *ctx, int64_t by)
{
    struct drill *d = ctx;
    if (d->leaping || !d->control)
        return false;
    d->leaping = true;
    char body[64];
    snprintf(body, sizeof body, "{\"leap\": %" PRId64 "}", by);
    const struct http_request r = {.method = "POST",
                                   .path = "/clock",
                                   .content_type = "application/json",
                                   .body = body,
                                   .body_len = strlen(body),
                                   .what = "let time leap"};
    http_send(d->control, &r, leapt, d);
    return true;
}

static bool idle(void *ctx, int64_t until)
{
    int64_t by = until - now(ctx);
    return by >= 1500 && leap(ctx, by);
}

/* What the yard's clock stood at when it was stopped. */
static void take_over_clock(struct drill *d)
{
    d->leapt = json_int(yard_process_urls(d->yard), "leapt", 0);
}

/* --- the plan
 * --------------------------------------------------------------------------------------------------------------------
 */

/* What is drilled when nothing is said: the hotfix of the handbook, planned five hours ahead so that every
 * step has its turn; with what the scenario has different. */
static json_t *default_plan(const json_t *scenario)
{
    json_t *plan =
        json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:s, s:s, s:s, s:s, s:s}", "sop", "hotfix",
                  "client", "tangerine", "env", "prod", "services", "service", "decanting-service", "tag",
                  "24-02-05.619-hotfix.627", "service", "fulfillment-service", "tag",
                  "24-02-05.611-hotfix.612", "window", "in 5h for 90m", "severity", "2", "risk", "low",
                  "reason", "Totes stay in decanting when an order is split", "incident", "now");
    const json_t *other = json_path(scenario, "drill.plan");
    if (json_is_object(other))
        json_merge_patch(plan, other);
    return plan;
}

/* The id of this drill's change is kept in a file, so that the same command goes on with it. */
static char *kept_id(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[64] = "";
    if (!f)
        return NULL;
    bool ok = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    line[strcspn(line, "\n")] = '\0';
    return ok && *line ? strdup(line) : NULL;
}

static void keep_id(const char *path, const char *id)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    fprintf(f, "%s\n", id);
    fclose(f);
}

static bool is_open(struct session *s, struct args *a, const char *id)
{
    struct error e = ERROR_NONE;
    _cleanup_json_ json_t *c =
        session_call(s, "GET", arena_printf(a->arena, "/api/v1/changes/%s", id), NULL, &e);
    return c && !str_eq(json_str(c, "status", ""), "ended");
}

/* Goes on with the change of an interrupted drill, or plans one. */
static const char *change_of(struct drill *d, const char *file, struct error *err)
{
    struct args *a = d->args;
    char *kept = kept_id(file);
    const char *id = kept ? arena_strdup(a->arena, kept) : NULL;
    free(kept);
    if (id && is_open(d->session, a, id)) {
        if (!opt_given(a, "json"))
            printf("Going on with %s, where it was.\n", id);
        return id;
    }
    _cleanup_json_ json_t *plan = plan_given(a) ? plan_of(a, err) : default_plan(d->scenario);
    _cleanup_json_ json_t *made =
        plan ? session_call(d->session, "POST", "/api/v1/changes", plan, err) : NULL;
    if (!made)
        return NULL;
    id = arena_strdup(a->arena, json_str(made, "id", "?"));
    keep_id(file, id);
    return id;
}

/* --- the end
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void yard_told(void *ctx, const struct http_reply *reply)
{
    struct drill *d = ctx;
    d->telling = false;
    if (reply->status == 200)
        d->told = json_read(reply->body, reply->body_len, 32 << 20, "word of the yard", NULL);
    session_wake(d->session);
}

/* What the yard's control server says to this path; NULL when it does not answer. New reference. */
static json_t *ask_yard(struct drill *d, const char *path)
{
    const struct http_request r = {
        .method = "GET", .path = path, .what = "look at the yard", .body_max = 32 << 20};
    d->told = NULL;
    d->telling = true;
    http_send(d->control, &r, yard_told, d);
    while (d->telling && !session_signal(d->session))
        session_wait(d->session, "", 1000);
    json_t *told = d->told;
    d->told = NULL;
    return told;
}

static json_t *all_events(struct drill *d, const char *id)
{
    json_t *all = json_array();
    for (int64_t from = 1;;) {
        _cleanup_json_ json_t *page = session_call(
            d->session, "GET",
            arena_printf(d->args->arena, "/api/v1/changes/%s/events?from=%" PRId64 "&limit=1000", id, from),
            NULL, NULL);
        json_t *events = json_object_get(page, "events");
        json_array_extend(all, events);
        from += (int64_t)json_array_size(events);
        if (json_array_size(events) < 1000)
            return all;
    }
}

static json_t *score_of(struct drill *d, const char *id, bool record_good)
{
    _cleanup_json_ json_t *change =
        session_call(d->session, "GET", arena_printf(d->args->arena, "/api/v1/changes/%s", id), NULL, NULL);
    _cleanup_json_ json_t *events = all_events(d, id);
    _cleanup_json_ json_t *book = ask_yard(d, "/book");
    _cleanup_json_ json_t *page = ask_yard(d, "/world/statuspage");
    const struct score_of s = {.scenario = d->scenario,
                               .change = change,
                               .events = events,
                               .deeds = json_object_get(book, "deeds"),
                               .page = page,
                               .refused = autopilot_refused(d->autopilot),
                               .record_good = record_good};
    return drill_score(&s);
}

static int conclude(struct drill *d, const char *id, int status)
{
    struct args *a = d->args;
    struct error err = ERROR_NONE;
    _cleanup_json_ json_t *all = json_object();
    _cleanup_json_ json_t *verdict = session_call(d->session, "POST", "/api/v1/verify", all, &err);
    _cleanup_json_ json_t *report = session_call(
        d->session, "GET", arena_printf(a->arena, "/api/v1/changes/%s/report?format=html", id), NULL, NULL);
    if (!verdict)
        return complain(&err);
    bool good = json_flag(verdict, "good", false);
    _cleanup_json_ json_t *score = status == EXIT_WAITS ? NULL : score_of(d, id, good);
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *line = json_pack("{s:O?}", "score", score);
        char *text = score ? json_dumps(line, JSON_COMPACT) : NULL;
        if (text)
            puts(text);
        free(text);
        return good ? status : EXIT_FAILED;
    }
    printf("\n%s: %s\n", id,
           status == EXIT_DONE    ? "carried out"
           : status == EXIT_WAITS ? "waits for a person"
                                  : "ended otherwise than planned");
    printf("record: %s (%" PRId64 " events, each hash follows from the one before)\n",
           good ? "verified" : json_str(verdict, "text", "?"), json_int(verdict, "events", 0));
    if (report)
        printf("report: %s\n", json_str(report, "path", "?"));
    if (score)
        drill_score_print(score, a->arena);
    return good ? status : EXIT_FAILED;
}

static int carry(struct drill *d, const char *dir)
{
    struct args *a = d->args;
    struct error err = ERROR_NONE;
    const char *id = change_of(d, arena_printf(a->arena, "%s/drill", dir), &err);
    const json_t *decide = json_path(d->scenario, "drill.decide");
    if (!id)
        return complain(&err);
    /* In a drill with --yes nobody is there to decide: the scenario does, when it says how. */
    const struct autopilot_options ao = {.engine = session_engine(d->session),
                                         .change = id,
                                         .by = SECOND_PERSON,
                                         .decide = opt_given(a, "yes") ? decide : NULL,
                                         .leave = json_path(d->scenario, "drill.leave"),
                                         .leap = leap,
                                         .ctx = d};
    d->autopilot = autopilot_start(&ao);
    json_t *started =
        session_call(d->session, "POST", arena_printf(a->arena, "/api/v1/changes/%s/start", id), NULL, &err);
    if (!started)
        return complain(&err);
    json_decref(started);
    /* Production needs four eyes: in a drill the one at the keyboard has both pairs. */
    session_speak_as(d->session, SECOND_PERSON);
    const struct follow_options f = {
        .json = opt_given(a, "json"), .ask = !opt_given(a, "yes"), .again = "the same command"};
    int status = follow(d->session, id, &f);
    if (session_signal(d->session))
        return status;
    if (status != EXIT_WAITS)
        unlink(arena_printf(a->arena, "%s/drill", dir));
    return conclude(d, id, status);
}

/* --- the pages
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Whom one can play on the pages: oneself, then everybody whom the yard knows. */
static const char *const *players_of(struct drill *d)
{
    const struct config *c = engine_config(session_engine(d->session));
    const char **list = arena_array(d->args->arena, (size_t)c->n_people + 2, sizeof *list),
               *me = session_by(d->session);
    size_t n = 0;
    list[n++] = me;
    for (int i = 0; i < c->n_people; i++)
        if (!str_eq(c->people[i].id, me))
            list[n++] = c->people[i].id;
    return list;
}

static bool open_pages(struct drill *d, struct error *err)
{
    const struct args *a = d->args;
    if (!opt(a, "listen"))
        return true;
    d->pages = pages_open(d->session, opt(a, "listen"), players_of(d), err);
    if (!d->pages)
        return false;
    if (!opt_given(a, "json"))
        printf("The drill's pages: %s\n", pages_url(d->pages));
    fflush(stdout);
    return true;
}

static void serve_until_stopped(struct drill *d)
{
    const struct args *a = d->args;
    if (!session_signal(d->session) && !opt_given(a, "json") && !opt_given(a, "idle"))
        printf("The pages stay until Ctrl-C: %s\n", pages_url(d->pages));
    fflush(stdout);
    while (!session_signal(d->session))
        session_wait(d->session, NULL, 60 * 60 * 1000);
}

static int print_scenarios(const struct args *a)
{
    static const char *const head[] = {"SCENARIO", "WHAT HAPPENS"};
    _cleanup_json_ json_t *list = scenarios_shipped();
    struct table t = {head, 2, ARENA_ARRAY(a->arena, json_array_size(list) * 2 + 1, const char *), 0};
    size_t i;
    json_t *s;
    if (opt_given(a, "json")) {
        print_json(list);
        return EXIT_DONE;
    }
    json_array_foreach(list, i, s) {
        t.cells[t.rows * 2] = json_str(s, "name", "?");
        t.cells[t.rows++ * 2 + 1] = json_str(s, "title", "");
    }
    table_print(&t);
    return EXIT_DONE;
}

static int rehearse(struct drill *d, const char *dir, double speed)
{
    struct args *a = d->args;
    struct error err = ERROR_NONE;
    const struct engine_clock clock = {.now = now, .idle = idle, .ctx = d};
    const struct session_options o = {.carry = true,
                                      .yes = opt_given(a, "yes"),
                                      .yes_as = SECOND_PERSON,
                                      .yes_except = json_path(d->scenario, "drill.leave"),
                                      .clock = &clock,
                                      .speed = speed,
                                      .config = yard_process_config(d->yard),
                                      .state = dir};
    d->session = session_open(a, &o, &err);
    if (!d->session)
        return complain(&err);
    d->http = http_new(session_loop(d->session));
    const struct http_peer_options po = {.name = "yard",
                                         .base_url = json_str(yard_process_urls(d->yard), "control", "")};
    d->control = http_peer_new(d->http, &po, &err);
    int status;
    if (!d->control || !open_pages(d, &err))
        status = complain(&err);
    else if (opt_given(a, "idle"))
        status = EXIT_DONE;
    else
        status = carry(d, dir);
    if (d->pages)
        serve_until_stopped(d);
    pages_close(d->pages);
    autopilot_stop(d->autopilot);
    if (d->control)
        http_peer_free(d->control);
    d->control = NULL;
    http_free(d->http);
    session_close(d->session);
    return status;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    struct drill d = {.args = a};
    if (a->n_words == 1) {
        if (str_eq(a->words[0], "list"))
            return print_scenarios(a);
        error_set(&err, SB_UNKNOWN, "\"%.40s\": signalbox drill list, or signalbox drill --scenario NAME",
                  a->words[0]);
    }
    if (opt_given(a, "idle") && !opt(a, "listen"))
        error_set(&err, SB_MISSING,
                  "--idle waits for a plan made on the drill's pages: give --listen as well");
    _cleanup_json_ json_t *scenario = err.code == SB_OK ? yard_scenario_given(a, &err) : NULL;
    if (err.code != SB_OK)
        return complain(&err);
    d.scenario = scenario;
    const char *dir =
        opt(a, "state") ? opt(a, "state") : arena_printf(a->arena, "%s/drill", state_dir_of(a, NULL));
    if (!make_dirs(dir, &err))
        return complain(&err);
    double speed = opt(a, "speed") ? strtod(opt(a, "speed"), NULL) : json_num(scenario, "drill.speed", 4);
    /* A drill that was cut short goes on in its yard; a new one has a new night. */
    bool under_way = access(arena_printf(a->arena, "%s/drill", dir), F_OK) == 0;
    d.yard = yard_process_start(dir, scenario, speed, !under_way, &err);
    if (!d.yard)
        return complain(&err);
    take_over_clock(&d);
    int status = rehearse(&d, dir, speed);
    yard_process_stop(d.yard);
    return status;
}

const struct command cmd_drill = {
    .name = "drill",
    .usage = "[list]",
    .says = "rehearse a hotfix against stand-ins of all systems; nothing real is touched",
    .more =
        "The real program talks to stand-ins over real HTTP on loopback. Hours in which nothing happens "
        "are leapt over. Ctrl-C at any "
        "instant, then the same command again, goes on where it was. At the end a score says how long it took to notice, "
        "to tell, to decide and to repair, and what was missed.",
    .examples = "signalbox drill\tthe hotfix of the handbook; gates at the keyboard\n"
                "signalbox drill --yes\tgates answer themselves; the scenario decides\n"
                "signalbox drill list\twhich scenarios ship\n"
                "signalbox drill --scenario crash-loop\tsomething goes wrong\n"
                "signalbox drill --with pager=pagerduty\tanother system for a role\n"
                "signalbox drill --listen 127.0.0.1:8080\tand followed in a browser\n",
    .group = 1,
    .words_min = 0,
    .words_max = 1,
    .options =
        {PLAN_OPTIONS,
         {"yes", 'y', OPTION_FLAG, NULL, "answer gates with their first choice", NULL},
         YARD_OPTIONS,
         {"listen", 'l', OPTION_VALUE, "ADDR:PORT", "serve the drill's pages there, until Ctrl-C", NULL},
         {"idle", 0, OPTION_FLAG, NULL, "with --listen: plan nothing; it is planned on the pages", NULL},
         {"speed", 0, OPTION_VALUE, "N",
          "builds, rollouts and soak times pass N times faster (default: the scenario's, or 4)", NULL}},
    .run = run,
};
