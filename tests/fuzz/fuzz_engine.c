/* fuzz_engine.c: configurations. One that is accepted can be asked for all that it holds, and each of its systems opens or says why not. */
#include "base/json.h"
#include "engine/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static int64_t now(void *ctx)
{
    (void)ctx;
    return 1707418800000;
}

static void open_systems(const struct config *c)
{
    struct loop *loop = loop_new();
    struct http *http = http_new(loop);
    struct surroundings around = {
        .loop = loop, .http = http, .now = now, .state_dir = "/nowhere", .poll_ms = 2000, .speed = 1};
    for (int i = 0; i < ROLE_COUNT; i++) {
        const struct driver *d = driver_find((enum role)i, c->systems[i].driver ? c->systems[i].driver : "");
        struct error err = ERROR_NONE;
        if (d == NULL || c->systems[i].yaml == NULL)
            continue;
        struct system *s = d->open(d, c->systems[i].yaml, c->file, &around, &err);
        insist(s != NULL || err.text[0] != '\0');
        if (s != NULL)
            d->close(s);
    }
    http_free(http);
    loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = arena_make();
    struct error err = ERROR_NONE;
    char path[64];
    int fd = memfd_create("configuration", MFD_CLOEXEC);
    insist(fd >= 0 && write(fd, data, n) == (ssize_t)n);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config *c = config_read(path, &a, &err);
    insist(c != NULL || (err.code != SB_OK && err.text[0] != '\0'));
    if (c != NULL) {
        insist(c->state_dir != NULL && c->zone != NULL);
        for (int i = 0; i < c->n_clients; i++)
            insist(config_client(c, c->clients[i].id, &err) == &c->clients[i] &&
                   json_is_object(c->clients[i].facts));
        (void)config_may(c, "ann@example.com", "deploy", "tangerine", "prod");
        open_systems(c);
        config_free(c);
    }
    close(fd);
    arena_free(&a);
    return 0;
}
