/* What an outside system does on a bad night, done to every driver by its stand-in, over the real wire: each
 * fault is a row, each driver's effect a row, and all drivers meet a fault at once. What a person may expect
 * of all of them: the effect takes place at most once, as the yard counts; it does take place when it can; the
 * system's own words are heard; and credentials never go anywhere else. */
#include "base/json.h"
#include "base/yaml.h"
#include "check.h"
#include "net/http.h"
#include "net/server.h"
#include "systems/system.h"
#include "yard/yard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is done ----------------------------------------------------------------------------- */

#define WINDOW "\"from\":1907418600000,\"to\":1907424000000"

static const struct doing {
    enum role role;
    const char *driver, *configured_by; /* the stand-in that writes its configuration */
    const char *verb, *args;
    const char *system, *method, *path; /* whom the fault befalls, and in which request */
    const char *deed;                   /* what the yard counts; NULL: it only looks */
    const char *refusal;                /* the system's words for wrong credentials; NULL: not tried here */
} doings[] = {
    {ROLE_TICKETS, "jira", "jira", "create", "{\"summary\":\"Hotfix\"}", "jira", "POST", "/rest/api/3/issue",
     "create ", "Client must be authenticated"},
    {ROLE_CALENDAR, "google", "google_calendar", "create",
     "{\"title\":\"Hotfix\"," WINDOW ",\"zone\":\"UTC\",\"attendees\":[]}", "google_calendar", "POST",
     "/calendar/v3/calendars/", "insert ", NULL},
    {ROLE_STATUSPAGE, "statuspage", "statuspage", "schedule",
     "{\"name\":\"Maintenance\",\"body\":\"Soon\"," WINDOW ",\"components\":[\"Tangerine\"]}", "statuspage",
     "POST", "/v1/pages/", "create ", "Could not authenticate"},
    {ROLE_CHAT, "slack", "slack", "post", "{\"channels\":[\"change-control\"],\"text\":\"Hotfix\"}", "slack",
     "POST", "/api/chat.postMessage", "post in", "invalid_auth"},
    {ROLE_PAGER, "opsgenie", "opsgenie", "alert", "{\"to\":\"production\",\"summary\":\"Hotfix\"}",
     "opsgenie", "POST", "/v2/alerts", "alert", "Could not authenticate"},
    {ROLE_PAGER, "jsm", "jsm", "alert", "{\"to\":\"production\",\"summary\":\"Hotfix\"}", "jsm", "POST",
     "/jsm/ops/api/", "alert", "Unauthorized"},
    {ROLE_PAGER, "pagerduty", "pagerduty", "alert", "{\"to\":\"production\",\"summary\":\"Hotfix\"}",
     "pagerduty", "POST", "/v2/enqueue", "trigger", "'routing_key' is incorrect"},
    {ROLE_PIPELINE, "jenkins", "jenkins", "start",
     "{\"client\":\"tangerine\",\"env\":\"qa\",\"services\":[{\"service\":\"order-service\",\"tag\":\"24-02-05.622-"
     "hotfix.624\"}]}",
     "jenkins", "POST", "/job/", "start", "401"},
    {ROLE_HEALTH, "grafana", "grafana", "mark", "{\"text\":\"Hotfix\"}", "grafana", "POST",
     "/api/annotations", "annotate", "Invalid API key"},
    {ROLE_HEALTH, "prometheus", "prometheus", "silence",
     "{\"services\":[\"order-service\"],\"client\":\"tangerine\",\"env\":\"prod\",\"to\":1907424000000}",
     "alertmanager", "POST", "/api/v2/silences", "silence", "Unauthorized"},
    /* These only look: nothing can be done twice, but a bad answer must not pass for a good one. */
    {ROLE_RELEASES, "github", "github", "check",
     "{\"services\":[{\"service\":\"order-service\",\"tag\":\"24-02-05.622-hotfix.624\",\"before\":\"24-02-05.622\"}]}",
     "github", "GET", "/repos/", NULL, "Bad credentials"},
    {ROLE_HEALTH, "prometheus", "prometheus", "snapshot",
     "{\"services\":[\"order-service\"],\"client\":\"tangerine\",\"env\":\"prod\"}", "prometheus", "POST",
     "/api/v1/query", NULL, NULL},
    {ROLE_CLUSTER, "kubernetes", "kubernetes", "versions", "{\"client\":\"tangerine\",\"env\":\"prod\"}",
     "kubernetes", "GET", "/clusters/", NULL, NULL},
    {ROLE_OWNERS, "sheet", "sheet", "lookup", "{\"services\":[\"order-service\"]}", "sheet", "GET",
     "/v4/spreadsheets/", NULL, "invalid authentication"},
};

enum { DOINGS = COUNT_OF(doings), TRIES_MAX = 12, SPEED = 50 };

/* --- the stage -------------------------------------------------------------------------------- */

struct night;

/* One driver at work, carried as the engine carries it: what is in doubt is looked for before it is repeated. */
struct actor {
    struct night *night;
    const struct doing *doing;
    struct system *system;
    bool over, finding;
    enum outcome_kind kind;
    int tries;
    char heard[4096]; /* all errors */
    char key[64];
};

struct night {
    struct loop *loop;
    struct http *http;
    struct yard *yard;
    struct surroundings around;
    struct http_peer *control;
    struct server *elsewhere;
    int strangers, credentials; /* requests that came elsewhere, and those with credentials */
    json_t *answer;             /* of the control server */
    bool answered;
    char dir[64];
    struct arena arena;
    struct actor actors[DOINGS];
    int open;
};

static void come_elsewhere(void *ctx, struct exchange *x)
{
    struct night *n = ctx;
    n->strangers++;
    n->credentials += request_header(x, "Authorization") != NULL;
    answer_text(x, 200, "{}");
}

static int64_t night_now(void *ctx)
{
    return yard_now(((struct night *)ctx)->yard);
}

static void control_answered(void *ctx, const struct http_reply *reply)
{
    struct night *n = ctx;
    json_decref(n->answer);
    n->answer = reply->body ? json_loads(reply->body, 0, NULL) : NULL;
    n->answered = true;
}

static const json_t *control(struct night *n, const char *method, const char *path, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    n->answered = false;
    http_send(n->control,
              &(struct http_request){.method = method,
                                     .path = path,
                                     .what = "control",
                                     .content_type = text ? "application/json" : NULL,
                                     .body = text,
                                     .body_len = text ? strlen(text) : 0},
              control_answered, n);
    free(text);
    json_decref(body);
    while (!n->answered)
        loop_once(n->loop, true);
    return n->answer;
}

static const struct stand_in *stand_in(const char *name)
{
    for (const struct stand_in *const *s = stand_ins; *s; s++)
        if (str_eq((*s)->name, name))
            return *s;
    fail_msg("the yard has no %s", name);
    return NULL;
}

static struct system *open_driver(struct night *n, const struct doing *d)
{
    struct error err = ERROR_NONE;
    _cleanup_buf_ struct buf text = {0};
    const struct driver *driver = driver_find(d->role, d->driver);
    assert_non_null(driver);
    stand_in(d->configured_by)->configure(n->yard, yard_url(n->yard, d->configured_by), n->dir, &text);
    const char *kept = arena_strdup(&n->arena, buf_str(&text));
    const struct yaml *y = yaml_parse(kept, text.len, "signalbox.yaml", 1, 0, &n->arena, &err);
    struct system *s = y ? driver->open(driver, y, "signalbox.yaml", &n->around, &err) : NULL;
    if (!s)
        fail_msg("%s: %s", d->driver, err.text);
    return s;
}

static struct night *night_new(void)
{
    struct night *n = calloc(1, sizeof *n);
    struct error err = ERROR_NONE;
    n->arena = arena_make();
    n->loop = loop_new();
    n->http = http_new(n->loop);
    strcpy(n->dir, "/tmp/signalbox-test-XXXXXX");
    assert_non_null(mkdtemp(n->dir));
    n->yard = yard_open(&(struct yard_options){.loop = n->loop, .speed = SPEED}, &err);
    assert_non_null(n->yard);
    char *config = yard_configuration(n->yard, n->dir, &err);
    assert_non_null(config);
    free(config);
    struct server_options o = {.address = "127.0.0.1:0", .listen_fd = -1};
    n->elsewhere = server_new(n->loop, &o, come_elsewhere, n, &err);
    assert_non_null(n->elsewhere);
    json_t *urls = yard_urls(n->yard);
    n->control = http_peer_new(
        n->http, &(struct http_peer_options){.name = "control", .base_url = json_str(urls, "control", "")},
        &err);
    assert_non_null(n->control);
    json_decref(urls);
    n->around = (struct surroundings){.loop = n->loop,
                                      .http = n->http,
                                      .now = night_now,
                                      .now_ctx = n,
                                      .state_dir = n->dir,
                                      .poll_ms = 200,
                                      .speed = SPEED};
    return n;
}

static void night_free(struct night *n)
{
    char command[128];
    for (int i = 0; i < DOINGS; i++)
        if (n->actors[i].system)
            n->actors[i].system->driver->close(n->actors[i].system);
    http_peer_free(n->control);
    http_free(n->http);
    server_free(n->elsewhere);
    yard_close(n->yard);
    loop_free(n->loop);
    json_decref(n->answer);
    arena_free(&n->arena);
    (void)snprintf(command, sizeof command, "rm -rf %s", n->dir);
    assert_int_equal(system(command), 0);
    free(n);
}

/* --- carrying --------------------------------------------------------------------------------- */

static void act(void *ctx);

static void act_later(struct actor *a, int64_t ms)
{
    timer_start(a->night->loop, ms < 10 ? 10 : ms, act, a);
}

static void came_out(void *ctx, const struct outcome *o)
{
    struct actor *a = ctx;
    bool finding = a->finding;
    if (o->kind != OUTCOME_DONE) {
        size_t at = strlen(a->heard);
        (void)snprintf(a->heard + at, sizeof a->heard - at, "%s\n", o->error.text);
    }
    a->kind = o->kind;
    a->finding = o->kind == OUTCOME_UNKNOWN || (finding && o->kind == OUTCOME_RETRY);
    bool again = o->kind == OUTCOME_RETRY || o->kind == OUTCOME_UNKNOWN || o->kind == OUTCOME_NOT_FOUND;
    if (again && a->tries++ < TRIES_MAX) {
        act_later(a, o->retry_after_ms);
        return;
    }
    a->over = true;
    a->night->open--;
}

static void act(void *ctx)
{
    struct actor *a = ctx;
    const struct verb_entry *v = driver_verb(a->system->driver, a->doing->verb);
    json_t *args = json_loads(a->doing->args, 0, NULL);
    assert_non_null(args);
    struct effect e = {.key = a->key,
                       .verb = a->doing->verb,
                       .change = "HF-7",
                       .args = args,
                       .intended_ms = night_now(a->night) - 60000,
                       .attempt = a->tries + 1};
    (a->finding && v->find ? v->find : v->perform)(a->system, &e, came_out, NULL, a);
    json_decref(args);
}

static void is_late(void *ctx)
{
    *(bool *)ctx = true;
}

static void carry_all(struct night *n, bool with_refusal_only)
{
    for (int i = 0; i < DOINGS; i++) {
        struct actor *a = &n->actors[i];
        *a = (struct actor){.night = n, .doing = &doings[i], .over = true};
        if (with_refusal_only && !doings[i].refusal)
            continue;
        a->over = false;
        a->system = open_driver(n, &doings[i]);
        (void)snprintf(a->key, sizeof a->key, "HF-7/%s-%d/1", doings[i].verb, i);
        n->open++;
        act_later(a, 0);
    }
    bool late = false;
    struct timer *limit = timer_start(n->loop, 120000, is_late, &late);
    while (n->open > 0 && !late)
        loop_once(n->loop, true);
    for (int i = 0; i < DOINGS; i++)
        if (!n->actors[i].over)
            fail_msg("%s %s does not end; it says:\n%s", doings[i].driver, doings[i].verb,
                     n->actors[i].heard);
    timer_cancel(limit);
}

static int deeds_of(const json_t *deeds, const struct doing *d)
{
    int n = 0;
    size_t i;
    json_t *deed;
    json_array_foreach((json_t *)deeds, i, deed)
        n += d->deed && str_eq(json_str(deed, "system", ""), d->system) &&
             strstr(json_str(deed, "what", ""), d->deed) != NULL;
    return n;
}

/* --- the faults ------------------------------------------------------------------------------- */

static const struct fault {
    const char *name;
    const char *fault; /* what is armed, for the doing's request */
    const char *says;  /* of an effect: words that must be heard; NULL: any */
    bool looks_hear;   /* those that only look hear it as well */
    bool looks_fail;   /* those that only look may give up, with a reason: it does not pass by itself */
} faults[] = {
    {"an answer that takes its time", "{\"fault\":\"delay\",\"ms\":300}", NULL, false},
    {"being asked to come back later",
     "{\"fault\":\"status\",\"code\":429,\"headers\":{\"Retry-After\":\"1\"},\"body\":{\"message\":\"slow down\"}}",
     NULL, false},
    {"an internal error",
     "{\"fault\":\"status\",\"code\":500,\"body\":{\"message\":\"the database is on holiday\"}}",
     "the database is on holiday", true},
    {"a connection that is cut before anything was done", "{\"fault\":\"reset\"}", NULL, false},
    {"an answer that is cut in the middle", "{\"fault\":\"truncate\"}", NULL, false},
    {"an answer that is lost after the effect took place", "{\"fault\":\"lose_answer\"}", NULL, false},
    {"an answer that is no JSON", "{\"fault\":\"garbage\"}", NULL, false},
    {"an answer of 24 MiB", "{\"fault\":\"giant\"}", NULL, false, true},
};

static void arm(struct night *n, const char *fault, const struct doing *d, const char *to)
{
    json_t *f = json_loads(fault, 0, NULL);
    assert_non_null(f);
    json_t *which = json_pack("{s:s, s:s, s:s}", "system", d->system, "method", d->method, "path", d->path);
    json_object_update(f, which);
    json_decref(which);
    if (to)
        json_object_set_new(f, "to", json_string(to));
    assert_non_null(json_object_get(control(n, "POST", "/faults", f), "faults"));
}

static void every_effect_takes_place_once_whatever_becomes_of_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct night *n = night_new();
        for (int k = 0; k < DOINGS; k++)
            arm(n, faults[i].fault, &doings[k], NULL);
        carry_all(n, false);
        const json_t *deeds = json_object_get(control(n, "GET", "/book", NULL), "deeds");
        for (int k = 0; k < DOINGS; k++) {
            const struct actor *a = &n->actors[k];
            int count = deeds_of(deeds, a->doing);
            bool gave_up = !a->doing->deed && faults[i].looks_fail && a->kind == OUTCOME_FAILED && *a->heard;
            if ((a->kind != OUTCOME_DONE && !gave_up) || count != (a->doing->deed ? 1 : 0) ||
                (faults[i].says && (a->doing->deed || faults[i].looks_hear) &&
                 !strstr(a->heard, faults[i].says)))
                fail_msg("%s: %s %s: outcome %d, took place %d times, said:\n%s", faults[i].name,
                         a->doing->driver, a->doing->verb, (int)a->kind, count, a->heard);
        }
        night_free(n);
    }
}

static void a_redirect_elsewhere_gets_no_credentials_and_is_no_success(void **state)
{
    (void)state;
    struct night *n = night_new();
    char to[64];
    (void)snprintf(to, sizeof to, "http://127.0.0.1:%d/elsewhere", server_port(n->elsewhere));
    for (int k = 0; k < DOINGS; k++)
        arm(n, "{\"fault\":\"redirect\",\"times\":0}", &doings[k], to);
    carry_all(n, false);
    const json_t *deeds = json_object_get(control(n, "GET", "/book", NULL), "deeds");
    for (int k = 0; k < DOINGS; k++) {
        const struct actor *a = &n->actors[k];
        if (a->kind == OUTCOME_DONE || deeds_of(deeds, a->doing) != 0)
            fail_msg("%s %s: outcome %d after a redirect, said:\n%s", a->doing->driver, a->doing->verb,
                     (int)a->kind, a->heard);
    }
    assert_int_equal(n->credentials, 0);
    assert_int_equal(n->strangers, 0);
    night_free(n);
}

static void wrong_credentials_are_told_in_the_systems_own_words_and_do_nothing(void **state)
{
    (void)state;
    struct night *n = night_new();
    char command[256];
    (void)snprintf(command, sizeof command,
                   "cd %s && for f in *; do [ $f = google_calendar ] || printf wrong >$f; done", n->dir);
    assert_int_equal(system(command), 0);
    carry_all(n, true);
    const json_t *deeds = json_object_get(control(n, "GET", "/book", NULL), "deeds");
    assert_int_equal(json_array_size(deeds), 0);
    for (int k = 0; k < DOINGS; k++) {
        const struct actor *a = &n->actors[k];
        if (!a->system)
            continue;
        if (a->kind != OUTCOME_FAILED || !strstr(a->heard, a->doing->refusal) || strstr(a->heard, "Basic "))
            fail_msg("%s %s: outcome %d, said:\n%s", a->doing->driver, a->doing->verb, (int)a->kind,
                     a->heard);
    }
    night_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_effect_takes_place_once_whatever_becomes_of_its_answer),
        cmocka_unit_test(a_redirect_elsewhere_gets_no_credentials_and_is_no_success),
        cmocka_unit_test(wrong_credentials_are_told_in_the_systems_own_words_and_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
