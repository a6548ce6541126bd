/* guard.c: slows down whoever guesses. A table of fixed size: an attacker with many addresses must not cost memory, and
 * pushes out only what is older. */
#include "api/access.h"
#include "base/instant.h"
#include "net/alloc.h"
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 2048,
    ADDRESS_MAX = 48,
    FREE_TRIES = 5,
    WAIT_FIRST_S = 30,
    WAIT_MOST_S = 900,
};

struct guard {
    struct failed {
        char address[ADDRESS_MAX];
        int times;
        int64_t last, until;
    } slots[SLOTS];
};

struct guard *guard_new(void)
{
    return NET_NEW(struct guard);
}

void guard_free(struct guard *g)
{
    free(g);
}

/* Whoever has one IPv6 address has 2^64 of them: what counts is the network. */
static void network_of(const char *address, char out[ADDRESS_MAX])
{
    int colons = 0;
    size_t n = 0;
    for (; address[n] && n < ADDRESS_MAX - 1; n++) {
        colons += address[n] == ':';
        if (colons == 4 || (address[n] == ':' && address[n + 1] == ':'))
            break;
        out[n] = address[n];
    }
    out[n] = '\0';
}

static size_t slot_of(const char *network)
{
    uint32_t h = 2166136261U;
    for (; *network; network++)
        h = (h ^ (unsigned char)*network) * 16777619U;
    return h % SLOTS;
}

int guard_wait(const struct guard *g, const char *address, int64_t now)
{
    char network[ADDRESS_MAX];
    network_of(address, network);
    const struct failed *f = &g->slots[slot_of(network)];
    if (!str_eq(f->address, network) || f->until <= now)
        return 0;
    return (int)((f->until - now) / 1000) + 1;
}

void guard_failed(struct guard *g, const char *address, int64_t now)
{
    char network[ADDRESS_MAX];
    network_of(address, network);
    struct failed *f = &g->slots[slot_of(network)];
    bool other = !str_eq(f->address, network);
    if (other && f->until > now)
        return; /* the place is taken by somebody who waits */
    if (other || now - f->last > 2 * SECONDS(WAIT_MOST_S))
        *f = (struct failed){0};
    memcpy(f->address, network, sizeof network);
    f->times++;
    f->last = now;
    if (f->times < FREE_TRIES)
        return;
    int doublings = f->times - FREE_TRIES;
    int64_t wait = doublings > 5 ? WAIT_MOST_S : (int64_t)WAIT_FIRST_S << doublings;
    f->until = now + SECONDS(wait < WAIT_MOST_S ? wait : WAIT_MOST_S);
}

void guard_passed(struct guard *g, const char *address)
{
    char network[ADDRESS_MAX];
    network_of(address, network);
    struct failed *f = &g->slots[slot_of(network)];
    if (str_eq(f->address, network))
        *f = (struct failed){0};
}
