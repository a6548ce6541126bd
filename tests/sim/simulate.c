/* simulate: seeded histories of the core.
 *
 *   simulate --histories 20000            many, from seed 1 on, of all pages
 *   simulate --seed 17 --page hotfix --trace   one, told event by event
 *
 * Exit status: 0 nothing broke, 1 something did, 2 a wrong option. */
#include "history.h"
#include "planted.h"
#include <getopt.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct options {
    const char *root, *page, *only;
    int64_t histories, first, seconds;
    int jobs;
    bool one, trace;
};

/* What the workers tell, in memory that all share. */
struct tally {
    int64_t histories, events, happenings, faults, broken;
    int64_t user_ms;
};

/* Invented pages are used for a while, since to read one takes as long as some histories; then come others.
 */
enum { JOBS_MAX = 64, INVENTED = 64, SEEDS_A_SHELF = 4096, BROKEN_MOST = 5 };

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- pages
 * ----------------------------------------------------------------------------------------------------------------------------
 */

/* Which page a seed is played on: mostly the one that matters most. */
static const char *page_of(uint64_t seed, char *out, size_t n)
{
    uint64_t dice = rng_mix(seed ^ 0x9A6E) % 100;
    if (dice < 50)
        snprintf(out, n, "hotfix");
    else if (dice < 65)
        snprintf(out, n, "deploy");
    else
        snprintf(out, n, "invented-%llu",
                 (unsigned long long)(seed / SEEDS_A_SHELF * INVENTED + rng_mix(seed) % INVENTED));
    return out;
}

struct shelf {
    const char *root;
    struct sim_page *pages[INVENTED + 8];
    int n;
};

static void shelf_clear(struct shelf *shelf)
{
    for (int i = 0; i < shelf->n; i++)
        page_close(shelf->pages[i]);
    shelf->n = 0;
}

static const struct sim_page *page_get(struct shelf *shelf, const char *name, struct error *err)
{
    for (int i = 0; i < shelf->n; i++)
        if (strcmp(shelf->pages[i]->name, name) == 0)
            return shelf->pages[i];
    if (shelf->n == COUNT_OF(shelf->pages))
        shelf_clear(shelf);
    struct sim_page *p = page_open(shelf->root, name, err);
    if (p)
        shelf->pages[shelf->n++] = p;
    return p;
}

/* --- one history
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void tell_broken(const struct sim_page *page, uint64_t seed, struct expr *x, const char *invariant)
{
    struct fault_place places[FIRED_MAX];
    int n = shrink(page, seed, x, invariant, places);
    _cleanup_buf_ struct buf only = {0};
    for (int i = 0; i < n; i++) {
        buf_adds(&only, i ? "," : "");
        fault_place_text(&places[i], page->sop, &only);
    }
    struct sim *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    history_run(s, page, seed, x, places, n, stdout);
    printf("broken: seed %llu, page %s: %s: %s\n", (unsigned long long)seed, page->name,
           s->broke ? s->broke : invariant, s->says);
    printf("  with %d fault%s; again: ./dev sim --seed %llu --page %s --only '%s' --trace\n\n", n,
           n == 1 ? "" : "s", (unsigned long long)seed, page->name, buf_str(&only));
    fflush(stdout);
    history_free(s);
    free(s);
}

static bool play(const struct options *o, struct shelf *shelf, uint64_t seed, struct expr *x,
                 struct tally *tally, struct sim *s)
{
    char name[64];
    struct error err = ERROR_NONE;
    struct fault_place places[FIRED_MAX];
    int n = 0;
    const struct sim_page *page = page_get(shelf, o->page ? o->page : page_of(seed, name, sizeof name), &err);
    if (!page || (o->only && !fault_places_read(o->only, page->sop, places, FIRED_MAX, &n, &err))) {
        fprintf(stderr, "simulate: %s\n", err.text);
        exit(2);
    }
    history_run(s, page, seed, x, o->only ? places : NULL, n, o->trace ? stdout : NULL);
    tally->histories++;
    tally->events += (int64_t)json_array_size(s->disk.events);
    tally->happenings += (int64_t)s->happened;
    tally->faults += s->n_fired;
    bool good = !s->broke;
    const char *invariant = s->broke;
    history_free(s);
    if (!good) {
        tally->broken++;
        if (!o->only)
            tell_broken(page, seed, x, invariant);
    }
    return good;
}

/* --- many
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

static void work(const struct options *o, int job, struct tally *tally)
{
    struct shelf shelf = {.root = o->root};
    struct expr *x = expr_new();
    struct sim *s = calloc(1, sizeof *s);
    double until = seconds_now() + (double)o->seconds;
    if (!s)
        abort();
    for (int64_t i = job; o->seconds ? seconds_now() < until : i < o->histories; i += o->jobs) {
        play(o, &shelf, (uint64_t)(o->first + i), x, tally, s);
        if (tally->broken >= BROKEN_MOST)
            break;
    }
    free(s);
    expr_free(x);
    shelf_clear(&shelf);
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    tally->user_ms = u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000 + u.ru_stime.tv_sec * 1000;
}

static struct tally all_work(const struct options *o)
{
    struct tally *each =
        mmap(NULL, sizeof *each * JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tally sum = {0};
    if (each == MAP_FAILED)
        abort();
    for (int job = 0; job < o->jobs; job++) {
        if (o->jobs > 1 && fork() != 0)
            continue;
        work(o, job, &each[job]);
        if (o->jobs > 1)
            _exit(0);
    }
    int status;
    while (o->jobs > 1 && wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            sum.broken++;
    for (int job = 0; job < o->jobs; job++) {
        sum.histories += each[job].histories;
        sum.events += each[job].events;
        sum.happenings += each[job].happenings;
        sum.faults += each[job].faults;
        sum.broken += each[job].broken;
        sum.user_ms += each[job].user_ms;
    }
    munmap(each, sizeof *each * JOBS_MAX);
    return sum;
}

#ifdef SB_PLANTED_BUGS
/* The first history that notices this fault, and by which invariant. NULL = none within `most`. */
static const char *noticed(const struct options *o, const char *name, struct shelf *shelf, struct expr *x,
                           struct sim *s, int64_t most, int64_t *at)
{
    const char *by = NULL;
    planted_fault = name;
    for (*at = 1; *at <= most && !by; (*at)++) {
        char page[64];
        struct error err = ERROR_NONE;
        uint64_t seed = (uint64_t)(o->first + *at - 1);
        const struct sim_page *p =
            page_get(shelf, o->page ? o->page : page_of(seed, page, sizeof page), &err);
        if (!p)
            break;
        history_run(s, p, seed, x, NULL, 0, NULL);
        by = s->broke;
        history_free(s);
    }
    planted_fault = NULL;
    --*at;
    return by;
}

/* Each planted fault must be noticed within so many histories, and nothing without one. */
static int find_planted(const struct options *o)
{
    const struct planted none[] = {{NULL, "nothing is planted"}};
    struct shelf shelf = {.root = o->root};
    struct expr *x = expr_new();
    struct sim *s = calloc(1, sizeof *s);
    int missed = 0;
    int64_t at;
    if (!s)
        abort();
    bool clean = !noticed(o, NULL, &shelf, x, s, o->histories, &at);
    printf("%-24s%-14s%6lld  %s\n", "-", clean ? "good" : "BROKEN", (long long)at, none[0].says);
    const struct planted *tables[] = {planted_faults, sim_planted_faults};
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (const struct planted *f = tables[t]; f->name; f++) {
            const char *by = noticed(o, f->name, &shelf, x, s, o->histories, &at);
            printf("%-24s%-14s%6lld  %s\n", f->name, by ? by : "NOT NOTICED", (long long)at, f->says);
            fflush(stdout);
            missed += !by;
        }
    free(s);
    expr_free(x);
    shelf_clear(&shelf);
    printf("%d not noticed within %lld histories\n", missed, (long long)o->histories);
    return clean && missed == 0 ? 0 : 1;
}
#endif

static const char usage[] = "usage: simulate [OPTION...]\n"
                            "  --histories N     how many (default 2000)\n"
                            "  --seconds S       instead: as many as fit\n"
                            "  --first N         seed of the first (default 1)\n"
                            "  --seed N          only this one\n"
                            "  --page P          hotfix, deploy or invented-N (default: as the seed says)\n"
                            "  --only FAULTS     of the faults only these, as a failing history prints them\n"
                            "  --trace           tells everything that happens\n"
                            "  --jobs N          processes (default 2)\n"
                            "  --faults          lists what can go wrong\n"
                            "  --root DIR        where sops/ is (default: here)\n";

static void list_faults(void)
{
    for (int f = 0; f < FAULTS; f++)
        printf("%-24s%s\n", fault_table[f].name, fault_table[f].says);
}

int main(int argc, char **argv)
{
    enum { HISTORIES = 256, SECONDS_, FIRST, SEED, PAGE, ONLY, TRACE, JOBS, LIST, ROOT };
    static const struct option known[] = {{"histories", 1, NULL, HISTORIES},
                                          {"seconds", 1, NULL, SECONDS_},
                                          {"first", 1, NULL, FIRST},
                                          {"seed", 1, NULL, SEED},
                                          {"page", 1, NULL, PAGE},
                                          {"only", 1, NULL, ONLY},
                                          {"trace", 0, NULL, TRACE},
                                          {"jobs", 1, NULL, JOBS},
                                          {"faults", 0, NULL, LIST},
                                          {"root", 1, NULL, ROOT},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.root = ".", .histories = 2000, .first = 1, .jobs = 2};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        int64_t n = optarg ? strtoll(optarg, NULL, 10) : 0;
        switch (c) {
        case HISTORIES:
            o.histories = n;
            break;
        case SECONDS_:
            o.seconds = n;
            break;
        case FIRST:
            o.first = n;
            break;
        case SEED:
            o.first = n;
            o.one = true;
            break;
        case PAGE:
            o.page = optarg;
            break;
        case ONLY:
            o.only = optarg;
            break;
        case TRACE:
            o.trace = true;
            break;
        case JOBS:
            o.jobs = (int)n;
            break;
        case LIST:
            list_faults();
            return 0;
        case ROOT:
            o.root = optarg;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (o.one) {
        o.histories = 1;
        o.jobs = 1;
    }
    if (o.jobs < 1 || o.jobs > JOBS_MAX || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
#ifdef SB_PLANTED_BUGS
    return find_planted(&o);
#endif
    double began = seconds_now();
    struct tally t = all_work(&o);
    double took = seconds_now() - began, user = (double)t.user_ms / 1000;
    printf("%lld histories, %lld events, %lld happenings, %lld faults in %.1f s (%.1f s of processor: %.0f "
           "histories a second and core); "
           "%lld broken\n",
           (long long)t.histories, (long long)t.events, (long long)t.happenings, (long long)t.faults, took,
           user, user > 0 ? (double)t.histories / user : 0, (long long)t.broken);
    return t.broken ? 1 : 0;
}
