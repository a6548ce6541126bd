/* fuzz_api.c: HTTP requests. With an even first byte the rest is sent to the server as it is, and whatever is sent,
 * answers come or the connection ends; with an odd one it is a method, path and body for the API without a socket. */
#include "api/api.h"
#include "base/json.h"
#include "net/server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ANEW = 2000 /* inputs, until the store is begun anew */ };

static struct loop *loop;
static struct config *config;
static struct engine *engine;
static struct api *api;
static struct server *server;
static struct arena arena;
static char folder[] = "/tmp/signalbox-fuzz-XXXXXX", socket_path[64];

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static void serve(void *ctx, struct exchange *x)
{
    (void)ctx;
    if (!api_serve(api, x))
        answer_text(x, 404, "not here");
}

/* Pages of the names that ship: to prove those takes seconds under sanitizers. */
static void put_page(const char *name)
{
    char path[100];
    (void)snprintf(path, sizeof path, "%s/%s.md", folder, name);
    FILE *f = fopen(path, "w");
    insist(f != NULL);
    insist(fputs("---\ntitle: P\nsignalbox:\n  inputs:\n    - {name: reason, type: text}\n---\n\n"
                 "```step\nid: a\nask: {question: q, choices: [yes, {id: no, label: No, ends: true}]}\n```\n",
                 f) >= 0);
    insist(fclose(f) == 0);
}

static void open_all(void)
{
    static const char *page_dirs[] = {folder, NULL};
    struct error err = ERROR_NONE;
    char command[128];
    if (loop == NULL)
        insist(mkdtemp(folder) != NULL);
    (void)snprintf(command, sizeof command, "rm -rf %s/*", folder);
    insist(system(command) == 0);
    loop = loop_new();
    arena = arena_make();
    config = config_read(NULL, &arena, &err);
    insist(config != NULL);
    config->state_dir = folder;
    config->page_dirs = page_dirs;
    put_page("hotfix");
    put_page("deploy");
    engine = engine_open(&(struct engine_options){.loop = loop, .config = config}, &err);
    if (engine == NULL)
        fprintf(stderr, "%s\n", err.text);
    insist(engine != NULL);
    api = api_new(engine);
    (void)snprintf(socket_path, sizeof socket_path, "%s/s", folder);
    server = server_new(loop, &(struct server_options){.unix_path = socket_path, .listen_fd = -1}, serve,
                        NULL, &err);
    insist(server != NULL);
}

static void close_all(void)
{
    api_free(api);
    server_free(server);
    engine_close(engine);
    config_free(config);
    loop_free(loop);
    arena_free(&arena);
}

static void fuzz_socket(const uint8_t *data, size_t n)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    insist(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0)
            break;
        data += sent;
        n -= (size_t)sent;
    }
    shutdown(fd, SHUT_WR);
    char answer[4096];
    for (int round = 0; round < 40; round++) {
        loop_once(loop, false);
        ssize_t got = read(fd, answer, sizeof answer);
        if (got == 0)
            break;
    }
    close(fd);
    for (int round = 0; round < 10; round++)
        loop_once(loop, false);
}

static void answered(void *ctx, int status, const json_t *body)
{
    (void)body;
    insist(status >= 200 && status < 600);
    insist((*(int *)ctx)++ == 0);
}

static void fuzz_call(const char *text)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "PUT", "HEAD", "?"};
    static int all_told[ANEW], calls; /* an answer may come while later calls are made */
    const char *method = methods[(unsigned char)*text % (sizeof methods / sizeof methods[0])];
    if (*text == '\0')
        return;
    char *path = strdup(text + 1), *body = strchr(path, '\n');
    if (body != NULL)
        *body++ = '\0';
    _cleanup_json_ json_t *j = body != NULL ? json_read(body, strlen(body), 1 << 20, "fuzz", NULL) : NULL;
    int *told = &all_told[calls++ % ANEW];
    *told = 0;
    api_call(api, method, path, j, "ann", answered, told);
    for (int round = 0; round < 30 && *told == 0; round++)
        loop_once(loop, false);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int runs;
    if (runs++ % ANEW == 0) {
        if (runs > 1)
            close_all();
        open_all();
    }
    if (n < 2)
        return 0;
    char *text = malloc(n);
    insist(text != NULL);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    if (data[0] % 2 == 0)
        fuzz_socket(data + 1, n - 1);
    else
        fuzz_call(text);
    free(text);
    return 0;
}
