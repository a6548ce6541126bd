/* bench_startup: from exec to serving, idle memory, size of the binary. See README.md. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 1000, SETTLE_S = 2, IDLE_S = 5 };

static int runs = 20;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_startup: %s: %s\n", what, why);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- a process, until its first line with a wanted text ---------------------------------------- */

struct child {
    pid_t pid;
    double took_ms;
};

static bool says(FILE *out, const char *wanted)
{
    char line[4096];
    while (fgets(line, sizeof line, out) != NULL)
        if (strstr(line, wanted) != NULL)
            return true;
    return false;
}

static struct child start(char *const argv[], const char *wanted)
{
    int ends[2];
    if (pipe(ends) != 0)
        die("pipe", strerror(errno));
    double began = now_ms();
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    if (pid < 0 || out == NULL)
        die(argv[0], strerror(errno));
    if (!says(out, wanted))
        die(argv[0], "ended before it said what was waited for");
    struct child c = {pid, now_ms() - began};
    fclose(out);
    return c;
}

static void stop(struct child c)
{
    kill(c.pid, SIGTERM);
    waitpid(c.pid, NULL, 0);
}

static struct child serve(const char *binary, const char *state)
{
    char *argv[] = {strdup(binary),
                    strdup("serve"),
                    strdup("--listen"),
                    strdup("127.0.0.1:0"),
                    strdup("--state"),
                    strdup(state),
                    NULL};
    struct child c = start(argv, "127.0.0.1:");
    for (int i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    return c;
}

/* --- what the kernel says of it ---------------------------------------------------------------- */

/* The number after `key` in a file of /proc; 0 when there is none. */
static double proc_number(pid_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "r");
    double n = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            n = strtod(line + strlen(key), NULL);
    if (f != NULL)
        fclose(f);
    return n;
}

static double cpu_ms(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- the table --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *x, double q)
{
    qsort(x, (size_t)runs, sizeof *x, by_value);
    return x[(size_t)(q * (runs - 1))];
}

static void row(const char *what, double measured, const char *budget)
{
    printf("%-44s %9.1f %9s\n", what, measured, budget);
}

static void rows_of_starts(const char *binary, const char *folder)
{
    double floor[RUNS_MAX], fresh[RUNS_MAX], again[RUNS_MAX];
    char state[300], echo[] = "/bin/echo", word[] = "serving";
    for (int i = 0; i < runs; i++) {
        struct child c = start((char *[]){echo, word, NULL}, word);
        floor[i] = c.took_ms;
        stop(c);
        snprintf(state, sizeof state, "%s/%d", folder, i);
        c = serve(binary, state);
        fresh[i] = c.took_ms;
        stop(c);
        c = serve(binary, state);
        again[i] = c.took_ms;
        stop(c);
    }
    row("a process that says one line, p50 ms", quantile(floor, 0.5), "");
    row("start to serving, state made, p50 ms", quantile(fresh, 0.5), "");
    row("start to serving, p50 ms", quantile(again, 0.5), "20");
    row("start to serving, p90 ms", quantile(again, 0.9), "");
}

static void rows_of_idleness(const char *binary, const char *folder)
{
    char state[300];
    snprintf(state, sizeof state, "%s/0", folder);
    struct child c = serve(binary, state);
    sleep(SETTLE_S);
    double before = cpu_ms(c.pid);
    sleep(IDLE_S);
    row("idle processor, ms in 5 s", cpu_ms(c.pid) - before, "0");
    row("idle memory, its share (PSS), MiB", proc_number(c.pid, "smaps_rollup", "Pss:") / 1024, "12");
    row("idle memory, its own (private), MiB",
        (proc_number(c.pid, "smaps_rollup", "Private_Dirty:") +
         proc_number(c.pid, "smaps_rollup", "Private_Clean:")) /
            1024,
        "");
    row("idle memory, with shared libraries (RSS), MiB", proc_number(c.pid, "smaps_rollup", "Rss:") / 1024,
        "");
    stop(c);
}

static void remove_all(char *folder)
{
    char rm[] = "/bin/rm", flags[] = "-rf";
    char *argv[] = {rm, flags, folder, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execv(rm, argv);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    struct stat st;
    if (argc < 2 || argc > 3 || argv[1][0] == '-') {
        puts("usage: bench_startup SIGNALBOX [RUNS]   (default: 20 runs)");
        return argc == 2 ? 0 : 2;
    }
    if (argc > 2)
        runs = atoi(argv[2]);
    if (runs < 1 || runs > RUNS_MAX || stat(argv[1], &st) != 0)
        die(argv[1], runs < 1 || runs > RUNS_MAX ? "RUNS is 1 to 1000" : strerror(errno));
    char folder[] = "/tmp/bench-startup-XXXXXX";
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    printf("\n%-44s %9s %9s\n", "", "measured", "budget");
    rows_of_starts(argv[1], folder);
    rows_of_idleness(argv[1], folder);
    row("binary, MiB", (double)st.st_size / (1 << 20), "4");
    remove_all(folder);
    return 0;
}
