/* fuzz_drivers.c: every driver against a system that answers whatever it likes. The first byte chooses the driver, the
 * second the verb; what follows is the answers, each from a byte for its status to the next 0xff. Whatever comes, a verb
 * ends with one outcome, that has an error unless it is done; and nothing is sent for ever. */
#include "base/buf.h"
#include "base/json.h"
#include "net/server.h"
#include "systems/drivers.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { REQUESTS_MAX = 60, WAIT_MS = 80, ANSWER_MAX = 16 << 10 };

/* %s is the server's address, %k a folder with a kubeconfig, a service account's key and a token. */
static const struct {
    const struct driver *driver;
    const char *config;
} subjects[] = {
    {&jenkins_driver, "url: %s\nuser: bot\ntoken: file:%k/token\njob: shop/deploy\n"},
    {&slack_driver, "url: %s/api\ntoken: file:%k/token\n"},
    {&statuspage_driver, "url: %s/v1\ntoken: file:%k/token\npage: pg1\nper_second: 0\n"},
    {&jira_driver,
     "url: %s\nuser: b@x.example\ntoken: file:%k/token\nproject: OPS\ntype: Change\nper_second: 0\n"},
    {&opsgenie_driver, "url: %s\ntoken: file:%k/token\nper_second: 0\n"},
    {&jsm_driver,
     "url: %s/ops\nsite: %s\nuser: b@x.example\ntoken: file:%k/token\ncloud_id: c1\nper_second: 0\n"},
    {&pagerduty_driver,
     "url: %s\nevents_url: %s\ntoken: file:%k/token\nfrom: b@x.example\nper_second: 0\nservices: "
     "{cart: file:%k/token}\n"},
    {&prometheus_driver, "url: %s\nmeasures: [{name: errors, query: 'up{s=\"{service}\"}', max: 1}]\n"},
    {&http_driver, "probes: [{name: up, url: '%s/{service}'}]\n"},
    {&github_driver, "url: %s\ntoken: file:%k/token\nper_second: 0\nrepository: x/{service}\n"},
    {&google_driver, "url: %s/calendar/v3\nkey: file:%k/account\ncalendar: c@example.com\nper_second: 0\n"},
    {&sheet_driver, "url: %s\ntoken: file:%k/token\nsheet: s1\nrange: A:F\nper_second: 0\n"},
    {&sheet_driver, "csv: %s/d/s1/export\nper_second: 0\n"},
    {&kubernetes_driver,
     "kubeconfig: %k/kubeconfig\nsettle: 20ms\nsteady: 20ms\ntargets:\n  t/prod: {context: prod}\n"},
};

/* All that any verb takes. */
static const char all_args[] =
    "{\"summary\":\"s\",\"description\":\"**d**\",\"labels\":[\"l\"],\"ticket\":\"OPS-1\",\"to\":\"Done\",\"resolution\":"
    "\"Done\",\"text\":\"t\",\"url\":\"https://x.example\",\"title\":\"t\",\"from\":1707418800000,\"zone\":\"UTC\","
    "\"attendees\":[\"a@x.example\"],\"event\":\"e1\",\"client\":\"t\",\"env\":\"prod\",\"name\":\"incident\",\"body\":\"b\","
    "\"components\":[\"Tangerine\"],\"maintenance\":\"m1\",\"status\":\"operational\",\"channels\":[\"incident\"],\"topic\":"
    "\"t\",\"invite\":[\"a@x.example\"],\"mention\":[\"a@x.example\"],\"channel\":\"C1\",\"people\":[\"a@x.example\"],"
    "\"schedule\":\"cart\",\"alert\":\"a1\",\"build\":\"shop/deploy#7\",\"gate\":\"g\",\"proceed\":true,\"services\":"
    "[{\"service\":\"cart\",\"tag\":\"24-02-05.619-hotfix.627\",\"before\":\"24-02-05.619\"}],\"posts\":[{\"channel\":\"C1\","
    "\"ts\":\"1.2\"}]}";

enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static struct loop *loop;
static struct http *http;
static struct server *server;
static struct surroundings around;
static struct system *systems[SUBJECTS];
static const uint8_t *answers;
static size_t answers_n;
static int requests, told;

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static void answer(void *ctx, struct exchange *x)
{
    static const int statuses[] = {200, 200, 200, 200, 201, 202, 204, 302,
                                   400, 401, 404, 409, 422, 429, 500, 503};
    (void)ctx;
    requests++;
    if (answers_n == 0) {
        answer_text(x, 404, "");
        return;
    }
    int status = statuses[answers[0] % (sizeof statuses / sizeof statuses[0])];
    const uint8_t *body = answers + 1, *end = memchr(body, 0xff, answers_n - 1);
    size_t n = end != NULL ? (size_t)(end - body) : answers_n - 1;
    answers_n -= 1 + n + (end != NULL);
    answers = body + n + (end != NULL);
    if (status == 302)
        answer_header(x, "Location", "/elsewhere");
    if (status == 429)
        answer_header(x, "Retry-After", "0");
    answer_bytes(x, status, "application/json", body, n < ANSWER_MAX ? n : ANSWER_MAX);
}

static int64_t now(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    insist(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void put_account(const char *folder, const char *url)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    insist(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    long n = BIO_get_mem_data(bio, &pem);
    json_t *j = json_pack("{s:s, s:s, s:s%, s:s}", "client_email", "b@x.example", "private_key_id", "k",
                          "private_key", pem, (size_t)n, "token_uri", url);
    char *text = json_dumps(j, 0);
    put_file(folder, "account", text);
    free(text);
    json_decref(j);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void fill(struct buf *out, const char *config, const char *url, const char *folder)
{
    for (; *config != '\0'; config++)
        if (config[0] == '%' && (config[1] == 's' || config[1] == 'k'))
            buf_adds(out, *++config == 's' ? url : folder);
        else
            buf_addc(out, *config);
}

static void open_all(void)
{
    static struct arena arena;
    static char folder[] = "/tmp/signalbox-fuzz-XXXXXX";
    struct error err = ERROR_NONE;
    char url[64], text[400];
    loop = loop_new();
    http = http_new(loop);
    server = server_new(loop, &(struct server_options){.address = "127.0.0.1:0", .listen_fd = -1}, answer,
                        NULL, &err);
    insist(server != NULL && mkdtemp(folder) != NULL);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
    (void)snprintf(
        text, sizeof text,
        "current-context: prod\nclusters: [{name: c, cluster: {server: '%s'}}]\nusers: [{name: u, user: {}}]\n"
        "contexts: [{name: prod, context: {cluster: c, user: u, namespace: shop}}]\n",
        url);
    put_file(folder, "kubeconfig", text);
    put_file(folder, "token", "secret");
    (void)snprintf(text, sizeof text, "%s/token", url);
    put_account(folder, text);
    around = (struct surroundings){
        .loop = loop, .http = http, .now = now, .state_dir = folder, .poll_ms = 50, .speed = 1000};
    for (size_t i = 0; i < SUBJECTS; i++) {
        struct buf config = {0};
        fill(&config, subjects[i].config, url, folder);
        struct yaml *y = yaml_parse(config.data, config.len, "fuzz.yaml", 1, 0, &arena, &err);
        insist(y != NULL);
        systems[i] = subjects[i].driver->open(subjects[i].driver, y, "fuzz.yaml", &around, &err);
        if (systems[i] == NULL)
            fprintf(stderr, "%s: %s\n", subjects[i].driver->name, err.text);
        insist(systems[i] != NULL);
        buf_free(&config);
    }
}

static void caught(void *ctx, const struct outcome *o)
{
    (void)ctx;
    told++;
    insist(o->kind == OUTCOME_DONE || o->kind == OUTCOME_NOT_FOUND || o->error.text[0] != '\0');
    insist(o->kind != OUTCOME_DONE || o->result == NULL || json_is_object(o->result));
}

static void viewed(void *ctx, const json_t *view)
{
    (void)ctx;
    insist(json_is_object(view));
}

static void checked(void *ctx, const struct check *checks, int n)
{
    (void)ctx;
    told++;
    for (int i = 0; i < n; i++)
        insist(checks[i].what != NULL && checks[i].says != NULL);
}

static void late(void *ctx)
{
    *(bool *)ctx = true;
}

static struct task *begin(struct system *s, uint8_t choice)
{
    int n = 0;
    while (s->driver->verbs[n].verb != NULL)
        n++;
    const struct verb_entry *v = &s->driver->verbs[choice % (n + 1)];
    if (v->verb == NULL) {
        s->driver->check(s, checked, NULL);
        return NULL;
    }
    json_t *args = json_loads(all_args, 0, NULL);
    insist(args != NULL);
    if (str_eq(v->verb, "schedule") || str_eq(v->verb, "extend") || s->driver->role == ROLE_CALENDAR ||
        str_eq(v->verb, "silence"))
        json_object_set_new(args, "to", json_integer(1707424200000));
    if (s->driver->role == ROLE_HEALTH || s->driver->role == ROLE_OWNERS)
        json_object_set_new(args, "services", json_pack("[s]", "cart"));
    const struct effect e = {.key = "HF-7/step/1",
                             .verb = v->verb,
                             .change = "HF-7",
                             .args = args,
                             .intended_ms = 1707418800000,
                             .attempt = 1};
    act_fn *act = choice & 0x80 && v->find != NULL ? v->find : v->perform;
    struct task *t = act(s, &e, caught, viewed, NULL);
    json_decref(args);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (loop == NULL)
        open_all();
    if (n < 3)
        return 0;
    struct system *s = systems[data[0] % SUBJECTS];
    bool is_late = false;
    answers = data + 2;
    answers_n = n - 2;
    requests = told = 0;
    struct timer *limit = timer_start(loop, WAIT_MS, late, &is_late);
    struct task *t = begin(s, data[1]);
    while (told == 0 && !is_late && requests < REQUESTS_MAX)
        loop_once(loop, true);
    insist(told <= 1);
    if (told == 0 && t != NULL)
        task_cancel(t);
    while (told == 0 && t == NULL) /* a check cannot be called back */
        loop_once(loop, true);
    if (!is_late)
        timer_cancel(limit);
    return 0;
}
