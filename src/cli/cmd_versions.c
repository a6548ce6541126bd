/* versions: what runs where. For one client its services (and every image of its pods, as often as it runs); without a
 * client the services of all of them, side by side, with what differs from the others marked. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/ask.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS_A_TABLE = 8 };

static json_t *question(const char *client, const char *env)
{
    return json_pack("{s:s, s:{s:s, s:s}}", "verb", "cluster.versions", "args", "client", client, "env", env);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object, sorted. */
static const char **names_of(const json_t *object, struct arena *a, size_t *n)
{
    const char **names = ARENA_ARRAY(a, json_object_size(object) + 1, const char *);
    const char *name;
    json_t *value;
    *n = 0;
    json_object_foreach((json_t *)object, name, value)
        names[(*n)++] = name;
    qsort(names, *n, sizeof *names, by_text);
    return names;
}

/* --- one client ------------------------------------------------------------------------------- */

/* "24-02-05.619", or all tags that run, when several do. */
static const char *version_text(const json_t *answer, const char *service, struct arena *a)
{
    const json_t *several = json_object_get(json_object_get(answer, "mixed"), service);
    const char *text = NULL;
    size_t i;
    json_t *tag;
    json_array_foreach((json_t *)several, i, tag)
        text = text ? arena_printf(a, "%s, %s", text, json_string_value(tag)) : json_string_value(tag);
    return text ? arena_printf(a, "%s (several run)", text)
                : json_string_value(json_object_get(json_object_get(answer, "services"), service));
}

static void print_images(const json_t *images, struct arena *a)
{
    static const char *const head[] = {"CONTAINERS", "IMAGE"};
    struct table t = {head, 2, ARENA_ARRAY(a, json_array_size(images) * 2 + 1, const char *), 0};
    size_t i;
    json_t *image;
    json_array_foreach((json_t *)images, i, image) {
        const char **row = t.cells + (size_t)t.rows++ * 2;
        row[0] = arena_printf(a, "%lld", (long long)json_int(image, "count", 0));
        row[1] = json_str(image, "image", "");
    }
    table_print(&t);
}

static int print_client(const struct args *args, const json_t *answer)
{
    static const char *const head[] = {"SERVICE", "VERSION"};
    struct arena *a = args->arena;
    size_t n;
    const char **names = names_of(json_object_get(answer, "services"), a, &n);
    if (*json_str(answer, "says", ""))
        fprintf(stderr, "%s\n", json_str(answer, "says", ""));
    if (n == 0) {
        puts("No service was found. Which cluster is looked at: signalbox doctor cluster");
        return EXIT_DONE;
    }
    if (opt_given(args, "images")) {
        print_images(json_object_get(answer, "images"), a);
        return EXIT_DONE;
    }
    struct table t = {head, 2, ARENA_ARRAY(a, n * 2, const char *), (int)n};
    for (size_t i = 0; i < n; i++) {
        t.cells[i * 2] = names[i];
        t.cells[i * 2 + 1] = version_text(answer, names[i], a);
    }
    table_print(&t);
    return EXIT_DONE;
}

/* --- all clients ------------------------------------------------------------------------------ */

/* Clients that have the env. */
static json_t *clients_with(const json_t *catalogue, const char *env)
{
    json_t *list = json_array(), *client, *one;
    size_t i, k;
    json_array_foreach(json_object_get(catalogue, "clients"), i, client)
        json_array_foreach(json_object_get(client, "envs"), k, one)
            if (str_eq(json_string_value(one), env))
                json_array_append_new(list, json_string(json_str(client, "id", "")));
    return list;
}

/* {"env", "clients": [id], "services": {service: {client: tag}}, "unknown": {client: why}}. One client after the other:
 * a cluster that does not answer is told beside those that do. */
static json_t *gather(struct session *s, const json_t *clients, const char *env)
{
    json_t *services = json_object(), *unknown = json_object(), *client;
    size_t i;
    json_array_foreach((json_t *)clients, i, client) {
        const char *id = json_string_value(client), *service;
        struct error err = ERROR_NONE;
        _cleanup_json_ json_t *body = question(id, env);
        _cleanup_json_ json_t *answer = session_call(s, "POST", "/api/v1/look", body, &err);
        json_t *tag;
        if (!answer)
            json_object_set_new(unknown, id, json_string(err.text));
        json_object_foreach(json_object_get(answer, "services"), service, tag) {
            if (!json_object_get(services, service))
                json_object_set_new(services, service, json_object());
            json_object_set(json_object_get(services, service), id, tag);
        }
    }
    return json_pack("{s:s, s:O, s:o, s:o}", "env", env, "clients", clients, "services", services, "unknown",
                     unknown);
}

/* What most clients run of a service. */
static const char *usual(const json_t *tags)
{
    const char *best = "", *client, *other;
    json_t *tag, *its;
    int most = 0;
    json_object_foreach((json_t *)tags, client, tag) {
        int n = 0;
        json_object_foreach((json_t *)tags, other, its)
            n += str_eq(json_string_value(its), json_string_value(tag));
        if (n > most) {
            most = n;
            best = json_string_value(tag);
        }
    }
    return best;
}

/* A table of some of the clients; true when something in it differs. */
static bool print_some(const json_t *all, size_t from, size_t n, struct arena *a)
{
    const json_t *services = json_object_get(all, "services"), *clients = json_object_get(all, "clients");
    size_t rows, columns = n + 1;
    const char **names = names_of(services, a, &rows), **head = ARENA_ARRAY(a, columns, const char *);
    struct table t = {head, (int)columns, ARENA_ARRAY(a, rows * columns + 1, const char *), (int)rows};
    bool differs = false;
    head[0] = "SERVICE";
    for (size_t k = 0; k < n; k++)
        head[k + 1] = json_string_value(json_array_get(clients, from + k));
    for (size_t i = 0; i < rows; i++) {
        const json_t *tags = json_object_get(services, names[i]);
        const char *most = usual(tags);
        t.cells[i * columns] = names[i];
        for (size_t k = 0; k < n; k++) {
            const char *tag = json_string_value(json_object_get(tags, head[k + 1]));
            bool other = tag && !str_eq(tag, most);
            t.cells[i * columns + k + 1] = !tag ? "-" : other ? arena_printf(a, "%s *", tag) : tag;
            differs |= other;
        }
    }
    table_print(&t);
    return differs;
}

static void print_matrix(const json_t *all, struct arena *a)
{
    const json_t *clients = json_object_get(all, "clients");
    const char *client;
    json_t *why;
    bool differs = false;
    for (size_t from = 0; from < json_array_size(clients); from += CLIENTS_A_TABLE) {
        size_t left = json_array_size(clients) - from;
        if (from)
            putchar('\n');
        differs |= print_some(all, from, left < CLIENTS_A_TABLE ? left : CLIENTS_A_TABLE, a);
    }
    if (differs)
        puts("\n* differs from what most clients run");
    fflush(stdout);
    json_object_foreach(json_object_get(all, "unknown"), client, why)
        fprintf(stderr, "%s: %s\n", client, json_string_value(why));
}

static int run_all(struct args *a, const char *env)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    _cleanup_json_ json_t *catalogue = s ? session_call(s, "GET", "/api/v1/catalogue", NULL, &err) : NULL;
    _cleanup_json_ json_t *clients = catalogue ? clients_with(catalogue, env) : NULL;
    int status;
    if (catalogue && json_array_size(clients) == 0)
        (void)error_set(
            &err, SB_UNKNOWN,
            "no client with the environment %s is configured: name one, as in: signalbox versions "
            "CLIENT %s",
            env, env);
    if (err.code != SB_OK) {
        status = complain(&err);
    } else {
        _cleanup_json_ json_t *all = gather(s, clients, env);
        if (opt_given(a, "json"))
            print_json(all);
        else
            print_matrix(all, a->arena);
        status = json_object_size(json_object_get(all, "unknown")) ? EXIT_FAILED : EXIT_DONE;
    }
    session_close(s);
    return status;
}

static int run(struct args *a)
{
    const char *env = a->n_words > 1 ? a->words[1] : opt(a, "env") ? opt(a, "env") : "prod";
    if (a->n_words == 0)
        return run_all(a, env);
    return ask_and_print(a, "POST", "/api/v1/look", question(a->words[0], env), print_client);
}

const struct command cmd_versions = {
    .name = "versions",
    .usage = "[CLIENT [ENV]]",
    .says = "which version of each service runs: of one client, or of all side by side",
    .examples = "signalbox versions tangerine prod\twhat runs there now\n"
                "signalbox versions tangerine --images\tall images of all its pods, and how often each runs\n"
                "signalbox versions\tevery service of every client; what differs is marked\n",
    .group = 2,
    .words_min = 0,
    .words_max = 2,
    .complete = "clients",
    .options =
        {
            {"env", 'e', OPTION_VALUE, "ENV", "env (default: prod)", NULL},
            {"images", 0, OPTION_FLAG, NULL, "every image instead of services", NULL},
            {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
        },
    .run = run,
};
