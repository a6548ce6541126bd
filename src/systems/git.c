/* git.c: the role "releases" by the git command: does the tag exist, does it hold what runs, which migrations
 * changed between.
 *
 * A repository on this machine is asked as it is. Of a remote one, a bare copy without file contents is kept
 * under the state folder, and only the two tags in question are fetched into it. A service at a time, in one
 * child process after another. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "net/process.h"
#include "systems/drivers.h"
#include "systems/fill.h"
#include "systems/flow.h"
#include "systems/releases.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SERVICES_MAX = 200, OVERRIDES_MAX = 2000, SCHEMA_SHOWN = 100, GIT_MS = 120000, OUTPUT_MAX = 8 << 20 };

struct override {
    const char *service, *repository;
};

struct git {
    struct system system;
    struct arena arena;
    const char *repository; /* with {service}; NULL = none is configured */
    const char *tag;        /* with {service} and {tag} */
    const char *url;        /* page of a tag, with {service} and {tag}; "" = none */
    struct override *overrides;
    int n_overrides;
    const char *const *migrations;
    const char *user; /* that signs in with the token */
    struct secret token;
};

/* --- one service after another ---------------------------------------------------------------- */

struct checking {
    struct flow flow;
    struct process *process;
    void (*then)(struct checking *c, const struct process_end *end);
    size_t at; /* of the services argument */
    json_t *services, *problems;
    json_t *row;                     /* of the present service */
    const char *repository, *folder; /* folder: where git runs: the repository itself, or our copy of it */
    const char *tag, *before;        /* as the repository has them; before NULL = nothing runs */
    bool remote;
};

static void checking_free(struct flow *f)
{
    struct checking *c = (struct checking *)f;
    process_free(c->process);
    json_decref(c->services);
    json_decref(c->problems);
    json_decref(c->row);
}

static const struct git *driver_of(const struct checking *c)
{
    return (const struct git *)c->flow.system;
}

static void next_service(struct checking *c);

static void git_ended(void *ctx, const struct process_end *end)
{
    struct checking *c = ctx;
    c->process = NULL;
    c->then(c, end);
}

/* The token goes to the repository's own host only, and through the environment, because everybody on the
 * machine can read arguments. */
static void add_sign_in(struct checking *c, const char **env, int *n)
{
    struct arena *a = &c->flow.arena;
    const char *host = strstr(c->repository, "://");
    _cleanup_secret_ char *token = secret_read(&driver_of(c)->token, NULL);
    if (!host || !token || !str_starts(c->repository, "http"))
        return;
    size_t origin = (size_t)(host + 3 - c->repository) + strcspn(host + 3, "/");
    const char *pair = arena_printf(a, "%s:%s", driver_of(c)->user, token);
    char *basic = base64_encode(pair, strlen(pair), false);
    log_redact(basic);
    env[(*n)++] = "GIT_CONFIG_COUNT=1";
    env[(*n)++] = arena_printf(a, "GIT_CONFIG_KEY_0=http.%.*s/.extraHeader", (int)origin, c->repository);
    env[(*n)++] = arena_printf(a, "GIT_CONFIG_VALUE_0=Authorization: Basic %s", basic);
    secret_wipe(basic);
}

/* No terminal to ask at, and no helper programs of a hostile address ("ext::"). */
static const char **git_env(struct checking *c)
{
    struct arena *a = &c->flow.arena;
    const char **env = ARENA_ARRAY(a, 8, const char *);
    int n = 0;
    env[n++] = "GIT_TERMINAL_PROMPT=0";
    env[n++] = "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file";
    env[n++] = "GIT_SSH_COMMAND=ssh -oBatchMode=yes";
    env[n++] = "LC_ALL=C";
    if (driver_of(c)->token.ref && c->remote)
        add_sign_in(c, env, &n);
    return env;
}

/* Runs git in a folder with arguments up to NULL. Whatever it comes to, the flow is not touched after it. */
static void run_git(struct checking *c, const char *folder, const char *const *args,
                    void (*then)(struct checking *, const struct process_end *))
{
    struct arena *a = &c->flow.arena;
    struct error err = ERROR_NONE;
    int n = 0;
    while (args[n])
        n++;
    const char **argv = ARENA_ARRAY(a, (size_t)n + 4, const char *);
    argv[0] = "git";
    argv[1] = "-C";
    argv[2] = folder;
    memcpy(argv + 3, args, (size_t)n * sizeof *argv);
    struct process_options o = {
        .argv = argv, .env = git_env(c), .timeout_ms = GIT_MS, .output_max = OUTPUT_MAX};
    c->then = then;
    c->process = process_start(c->flow.system->around->loop, &o, git_ended, c, &err);
    if (!c->process)
        flow_ends(&c->flow, OUTCOME_FAILED, err.code, "git: %s", err.text);
}

/* git itself failed: nothing is known, and it may pass. */
static void git_failed(struct checking *c, const char *what, const struct process_end *end)
{
    const char *tail = end->err_tail ? end->err_tail : "";
    size_t n = strlen(tail);
    flow_ends(&c->flow, OUTCOME_RETRY, SB_REMOTE, "git: %s of %s: %s%s", what, c->repository,
              end->timed_out ? "took too long: " : "", n > 600 ? tail + n - 600 : tail);
}

/* --- the row of a service --------------------------------------------------------------------- */

static const char *row_service(const struct checking *c)
{
    return json_str(c->row, "service", "");
}

static void row_ends(struct checking *c, const char *says, bool problem)
{
    json_object_set_new(c->row, "says", json_string(says));
    if (problem)
        json_array_append_new(c->problems, json_pack("{s:s, s:s}", "service", row_service(c), "says", says));
    json_array_append_new(c->services, c->row);
    c->row = NULL;
    c->at++;
    next_service(c);
}

static void row_done(struct checking *c)
{
    size_t n = json_array_size(json_object_get(c->row, "schema"));
    row_ends(c,
             n ? arena_printf(&c->flow.arena, "holds what runs, and changes %zu migration files", n)
               : "holds what runs",
             false);
}

static bool is_migration(const struct git *g, const char *path)
{
    for (const char *const *m = g->migrations; *m; m++)
        if (releases_path_matches(*m, path))
            return true;
    return false;
}

/* "HASH\x1fNAME\x1fSUBJECT", each ending with NUL. */
static void commits_known(struct checking *c, const struct process_end *end)
{
    json_t *list = json_array();
    const char *last = end->out + end->out_len;
    for (const char *p = end->out; end->status == 0 && p < last; p += strlen(p) + 1) {
        char *hash = arena_strdup(&c->flow.arena, p), *name = strchr(hash, '\x1f');
        char *subject = name ? strchr(name + 1, '\x1f') : NULL;
        if (!subject || json_array_size(list) >= RELEASES_COMMITS_SHOWN)
            continue;
        *name++ = *subject++ = '\0';
        json_array_append_new(list, releases_commit(hash, subject, name));
    }
    json_object_set_new(c->row, "commits", list);
    row_done(c);
}

/* What the tag brings is for people to read: without it the tag is as good. */
static void ask_commits(struct checking *c)
{
    struct arena *a = &c->flow.arena;
    const char *args[] = {"log",
                          "-z",
                          "--no-show-signature",
                          arena_printf(a, "-%d", RELEASES_COMMITS_SHOWN),
                          "--format=%H%x1f%an%x1f%s",
                          arena_printf(a, "%s..%s", c->before, c->tag),
                          "--",
                          NULL};
    run_git(c, c->folder, args, commits_known);
}

/* Names end with NUL (-z), so that none can pretend to be two. */
static void changes_known(struct checking *c, const struct process_end *end)
{
    json_t *schema = json_array();
    if (end->status != 0 || end->timed_out) {
        json_decref(schema);
        git_failed(c, "comparison", end);
        return;
    }
    const char *p = end->out, *last = end->out + end->out_len;
    for (; p < last; p += strlen(p) + 1)
        if (is_migration(driver_of(c), p) && json_array_size(schema) < SCHEMA_SHOWN) {
            json_t *name = json_string(p);
            json_array_append_new(schema, name ? name : json_string("(a name that is not UTF-8)"));
        }
    json_object_set_new(c->row, "schema", schema);
    ask_commits(c);
}

static void ancestry_known(struct checking *c, const struct process_end *end)
{
    if (end->timed_out || (end->status != 0 && end->status != 1)) {
        git_failed(c, "ancestry", end);
        return;
    }
    json_object_set_new(c->row, "descends", json_boolean(end->status == 0));
    if (end->status != 0) {
        row_ends(c,
                 arena_printf(&c->flow.arena,
                              "%s does not hold all of %s, which runs now: it would take something away",
                              json_str(c->row, "tag", ""), json_str(c->row, "before", "")),
                 true);
        return;
    }
    const char *args[] = {
        "diff", "--no-ext-diff", "--name-only", "--no-renames", "-z", c->before, c->tag, "--", NULL};
    run_git(c, c->folder, args, changes_known);
}

static void ask_ancestry(struct checking *c)
{
    if (!c->before) {
        json_object_set_new(c->row, "schema", json_array());
        row_ends(c, "nothing runs yet", false);
        return;
    }
    const char *args[] = {"merge-base", "--is-ancestor", c->before, c->tag, NULL};
    run_git(c, c->folder, args, ancestry_known);
}

/* "HASH SECONDS" */
static void commit_known(struct checking *c, const struct process_end *end)
{
    char hash[80] = "";
    long long seconds = 0;
    if (end->status != 0 || sscanf(end->out, "%79s %lld", hash, &seconds) != 2) {
        git_failed(c, "commit", end);
        return;
    }
    json_object_set_new(c->row, "commit", json_string(hash));
    json_object_set_new(c->row, "at", json_integer(seconds * 1000));
    ask_ancestry(c);
}

static void ask_commit(struct checking *c)
{
    const char *args[] = {"log", "-1", "--no-show-signature", "--format=%H %ct", c->tag, "--", NULL};
    run_git(c, c->folder, args, commit_known);
}

/* --- which tags there are --------------------------------------------------------------------- */

static void fetched(struct checking *c, const struct process_end *end)
{
    if (end->status != 0 || end->timed_out)
        git_failed(c, "fetch", end);
    else
        ask_commit(c);
}

static void fetch_tags(struct checking *c)
{
    struct arena *a = &c->flow.arena;
    const char *tag = arena_printf(a, "+%s:%s", c->tag, c->tag);
    const char *before = c->before ? arena_printf(a, "+%s:%s", c->before, c->before) : NULL;
    const char *args[] = {"fetch",       "--quiet", "--no-tags", "--filter=blob:none",
                          c->repository, tag,       before,      NULL};
    run_git(c, c->folder, args, fetched);
}

static bool lists(const char *out, const char *ref)
{
    size_t n = strlen(ref);
    for (const char *at = strstr(out, ref); at; at = strstr(at + 1, ref))
        if (at > out && (at[-1] == '\t' || at[-1] == ' ') && (at[n] == '\n' || at[n] == '\0'))
            return true;
    return false;
}

static void tags_known(struct checking *c, const struct process_end *end)
{
    /* show-ref ends with 1 when it finds nothing at all; ls-remote ends with 0. */
    if (end->timed_out || end->signal || (end->status != 0 && (c->remote || end->status != 1))) {
        git_failed(c, "list of tags", end);
        return;
    }
    bool exists = lists(end->out, c->tag), before = c->before && lists(end->out, c->before);
    json_object_set_new(c->row, "exists", json_boolean(exists));
    if (!exists) {
        row_ends(c,
                 arena_printf(&c->flow.arena, "there is no tag %s in %s", c->tag + strlen("refs/tags/"),
                              c->repository),
                 true);
        return;
    }
    if (c->before && !before) {
        row_ends(
            c,
            arena_printf(&c->flow.arena,
                         "what runs now, %s, has no tag in %s: whether this is a fix of it cannot be told",
                         json_str(c->row, "before", ""), c->repository),
            true);
        return;
    }
    if (c->remote)
        fetch_tags(c);
    else
        ask_commit(c);
}

static void ask_tags(struct checking *c)
{
    const char *remote[] = {"ls-remote", "--tags", "--refs", c->repository, c->tag, c->before, NULL};
    const char *local[] = {"show-ref", "--", c->tag, c->before, NULL};
    run_git(c, c->folder, c->remote ? remote : local, tags_known);
}

static void copy_made(struct checking *c, const struct process_end *end)
{
    if (end->status != 0)
        git_failed(c, "copy", end);
    else
        ask_tags(c);
}

/* --- beginning -------------------------------------------------------------------------------- */

static const char *repository_of(const struct git *g, const char *service)
{
    for (int i = 0; i < g->n_overrides; i++)
        if (str_eq(g->overrides[i].service, service))
            return g->overrides[i].repository;
    return g->repository;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void begin_row(struct checking *c, const char *service, const char *tag, const char *before)
{
    const struct git *g = driver_of(c);
    struct arena *a = &c->flow.arena;
    const struct fill now[] = {{"service", service}, {"tag", tag}, {NULL, NULL}};
    const struct fill was[] = {{"service", service}, {"tag", before}, {NULL, NULL}};
    c->row = json_pack("{s:s, s:s, s:s, s:b, s:n, s:s, s:s, s:s, s:i, s:n}", "service", service, "tag", tag,
                       "before", before, "exists", 0, "descends", "checks", "none", "url",
                       fill(g->url, now, fill_plain, a), "commit", "", "at", 0, "schema");
    const char *repository = repository_of(g, service);
    if (!releases_name_ok(service) || !releases_name_ok(tag) || (*before && !releases_name_ok(before))) {
        row_ends(c, "service and tags must be plain names", true);
        return;
    }
    if (!repository) {
        row_ends(c, "no repository is configured for it: nothing was looked at", false);
        return;
    }
    c->repository = fill(repository, now, fill_plain, a);
    c->tag = arena_printf(a, "refs/tags/%s", fill(g->tag, now, fill_plain, a));
    c->before = *before ? arena_printf(a, "refs/tags/%s", fill(g->tag, was, fill_plain, a)) : NULL;
    c->remote = !is_folder(c->repository);
    c->folder = c->repository;
    if (!c->remote) {
        ask_tags(c);
        return;
    }
    char name[24];
    key_short(c->repository, name, 20);
    const char *root = arena_printf(a, "%s/git", g->system.around->state_dir);
    (void)mkdir(root, 0700);
    c->folder = arena_printf(a, "%s/%s.git", root, name);
    const char *args[] = {"init", "--quiet", "--bare", c->folder, NULL};
    run_git(c, root, args, copy_made);
}

static void all_checked(struct checking *c)
{
    json_t *result = json_pack("{s:O, s:O}", "services", c->services, "problems", c->problems);
    if (json_array_size(c->problems) == 0) {
        flow_done(&c->flow, result);
        return;
    }
    struct outcome o = {.kind = OUTCOME_FAILED, .result = result};
    (void)error_set(&o.error, SB_REMOTE, "%s: %s", json_str(c->problems, "0.service", ""),
                    json_str(c->problems, "0.says", ""));
    flow_end(&c->flow, &o);
    json_decref(result);
}

static void next_service(struct checking *c)
{
    const json_t *s = json_array_get(json_object_get(c->flow.effect.args, "services"), c->at);
    if (s && c->at < SERVICES_MAX)
        begin_row(c, json_str(s, "service", ""), json_str(s, "tag", ""), json_str(s, "before", ""));
    else
        all_checked(c);
}

static void begin(struct flow *f)
{
    next_service((struct checking *)f);
}

static struct task *check_tags(struct system *s, const struct effect *e, outcome_fn *done,
                               progress_fn *progress, void *ctx)
{
    struct checking *c = flow_new(sizeof *c, s, NULL, e, done, progress, ctx);
    c->flow.on_free = checking_free;
    c->services = json_array();
    c->problems = json_array();
    flow_wait(&c->flow, 0, begin);
    return &c->flow.task;
}

/* --- doctor ----------------------------------------------------------------------------------- */

struct visit {
    struct flow flow;
    struct process *process;
};

static void visit_free(struct flow *f)
{
    process_free(((struct visit *)f)->process);
}

static void version_known(void *ctx, const struct process_end *end)
{
    struct visit *v = ctx;
    const struct git *g = (const struct git *)v->flow.system;
    v->process = NULL;
    char version[64] = "";
    bool ok = end->status == 0 && sscanf(end->out, "git version %63[^\n]", version) == 1;
    bool any = g->repository || g->n_overrides;
    struct check checks[] = {
        {ok ? CHECK_OK : CHECK_FAIL, "git", ok ? version : "does not run"},
        {any ? CHECK_OK : CHECK_WARN, "repositories",
         any ? (g->repository ? g->repository : "named for single services")
             : "none is configured (systems: releases: repository): tags are not checked"},
    };
    flow_checked(&v->flow, checks, 2);
}

static void visit_begins(struct flow *f)
{
    struct visit *v = (struct visit *)f;
    static const char *const argv[] = {"git", "--version", NULL};
    struct process_options o = {.argv = argv, .timeout_ms = 10000};
    struct error err = ERROR_NONE;
    v->process = process_start(f->system->around->loop, &o, version_known, v, &err);
    if (v->process)
        return;
    struct check c = {CHECK_FAIL, "git", err.text};
    flow_checked(f, &c, 1);
}

static void check(struct system *s, check_fn *done, void *ctx)
{
    struct visit *v = flow_visit(sizeof *v, s, NULL, done, ctx);
    v->flow.on_free = visit_free;
    flow_wait(&v->flow, 0, visit_begins);
}

/* --- configuration ---------------------------------------------------------------------------- */

/* A password in an address would stand in process lists and in errors. */
static bool holds_password(const char *address)
{
    const char *user = strstr(address, "://");
    if (!user)
        return false;
    size_t n = strcspn(user + 3, "/@");
    return user[3 + n] == '@' && memchr(user + 3, ':', n);
}

static bool repository_ok(const struct yaml *y, const char *file, struct error *err)
{
    if (y->kind != YAML_SCALAR || !*y->text || y->text[0] == '-')
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "expected the path or the address of a repository");
    return !holds_password(y->text) ||
           error_at(err, SB_DENIED, file, y->line, y->column,
                    "a password does not belong into an address: use \"user\" and \"token\"");
}

static bool read_overrides(struct git *g, const struct yaml *config, const char *file, struct error *err)
{
    const struct yaml *map = yaml_get(config, "services");
    if (!map)
        return true;
    if (map->kind != YAML_MAP || map->n > OVERRIDES_MAX)
        return error_at(err, SB_PARSE, file, map->line, map->column,
                        "services: expected a map of service to repository");
    g->overrides = ARENA_ARRAY(&g->arena, (size_t)map->n, struct override);
    for (int i = 0; i < map->n; i++) {
        if (!repository_ok(map->items[i], file, err))
            return false;
        g->overrides[g->n_overrides++] = (struct override){arena_strdup(&g->arena, map->keys[i]->text),
                                                           arena_strdup(&g->arena, map->items[i]->text)};
    }
    return true;
}

static void close_system(struct system *s)
{
    tasks_cancel(s);
    arena_free(&((struct git *)s)->arena);
    free(s);
}

static struct system *open_system(const struct driver *d, const struct yaml *config, const char *file,
                                  struct surroundings *around, struct error *err)
{
    struct git *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->system = (struct system){.driver = d, .name = d->name, .around = around};
    g->arena = arena_make();
    g->repository = arena_strdup(&g->arena, config_str(config, "repository", NULL));
    g->tag = arena_strdup(&g->arena, config_str(config, "tag", "{tag}"));
    g->url = arena_strdup(&g->arena, config_str(config, "url", ""));
    g->user = arena_strdup(&g->arena, config_str(config, "user", "x-access-token"));
    const struct yaml *repository = yaml_get(config, "repository");
    if ((!repository || repository_ok(repository, file, err)) && read_overrides(g, config, file, err) &&
        releases_read_migrations(config, file, &g->arena, &g->migrations, err) &&
        config_secret(config, file, "token", &g->arena, &g->token, err))
        return &g->system;
    close_system(&g->system);
    return NULL;
}

static const char *const keys[] = {"repository", "tag",  "url",   "services",
                                   "migrations", "user", "token", NULL};

const struct driver git_driver = {
    .role = ROLE_RELEASES,
    .name = "git",
    .says = "looks for tags, their ancestry and changed migrations in git repositories",
    .keys = keys,
    .open = open_system,
    .close = close_system,
    .check = check,
    .verbs =
        {
            {"check", check_tags, NULL, false},
        },
};
