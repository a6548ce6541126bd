/* pg_server.h: a PostgreSQL server from the distribution's packages, for one test program: in a folder of its
 * own, on a Unix socket alone. */
#ifndef SB_TESTS_PG_SERVER_H
#define SB_TESTS_PG_SERVER_H

#include "check.h"

#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct pg_server {
    char folder[64], bin[200];
    pid_t pid;
    int stores; /* made so far */
};

static struct pg_server pg_server; /* of this program; pid 0 while none runs */

/* The server refuses to run as root: then somebody else does, whom the test has nothing else to do with. */
static inline void pg_as_somebody(void)
{
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* a change of user would undo it */
}

static inline void pg_into_log(const char *name)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s.log", pg_server.folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
}

/* `argv` without the program's own name. */
static inline pid_t pg_spawn(const char *program, char *const argv[])
{
    char path[300], *whole[16] = {path}; /* initdb looks for the others beside its own path */
    snprintf(path, sizeof path, "%s/%s", pg_server.bin, program);
    for (int i = 0; argv[i] && i < 14; i++)
        whole[i + 1] = argv[i];
    pid_t pid = fork();
    if (pid == 0) {
        pg_as_somebody();
        pg_into_log(program);
        unsetenv("LD_PRELOAD");
        if (chdir(pg_server.folder) == 0)
            execv(path, whole);
        _exit(127);
    }
    return pid;
}

/* Each store is a schema of its own: a database would take a second to make. */
static inline void pg_url(const char *folder, int store, char *out, size_t size)
{
    snprintf(out, size, "postgresql:///postgres?host=%s&user=signalbox&options=-csearch_path%%3Dt%d", folder,
             store);
}

static inline PGconn *pg_connect(void)
{
    char url[200];
    pg_url(pg_server.folder, pg_server.stores, url, sizeof url);
    return PQconnectdb(url);
}

/* On the newest store. */
static inline void pg_run(const char *sql)
{
    PGconn *c = pg_connect();
    PGresult *r = PQexec(c, sql);
    ExecStatusType s = PQresultStatus(r);
    if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK)
        fail_msg("%s: %s%s", sql, PQresultErrorMessage(r), PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
}

static inline void pg_start(void)
{
    char data[100], *const argv[] = {(char[]){"-D"}, data, NULL};
    snprintf(data, sizeof data, "%s/data", pg_server.folder);
    pg_server.pid = pg_spawn("postgres", argv);
    for (int i = 0; i < 600; i++) {
        PGconn *c = pg_connect();
        bool up = PQstatus(c) == CONNECTION_OK;
        PQfinish(c);
        if (up)
            return;
        usleep(50000);
    }
    fail_msg("the PostgreSQL server does not come up: see %s/postgres.log", pg_server.folder);
}

/* SIGINT: sessions are ended; SIGQUIT: as a crash. */
static inline void pg_stop(int signum)
{
    kill(pg_server.pid, signum);
    waitpid(pg_server.pid, NULL, 0);
    pg_server.pid = 0;
}

static inline void pg_configure(void)
{
    static const char text[] =
        "listen_addresses = ''\nfsync = off\nmax_connections = 60\nshared_buffers = 16MB\n"
        "autovacuum = off\n";
    char path[100];
    snprintf(path, sizeof path, "%s/data/postgresql.conf", pg_server.folder);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fprintf(f, "%sunix_socket_directories = '%s'\n", text, pg_server.folder);
    fclose(f);
}

/* A group's setup. */
static inline int pg_server_setup(void **state)
{
    (void)state;
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        fail_msg("no PostgreSQL server is installed (package postgresql)");
    snprintf(pg_server.bin, sizeof pg_server.bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    strcpy(pg_server.folder, "/tmp/test-pg-XXXXXX");
    assert_non_null(mkdtemp(pg_server.folder));
    if (getuid() == 0)
        assert_int_equal(chown(pg_server.folder, 65534, 65534), 0);
    char *const argv[] = {(char[]){"-D"},
                          (char[]){"data"},
                          (char[]){"-U"},
                          (char[]){"signalbox"},
                          (char[]){"-A"},
                          (char[]){"trust"},
                          (char[]){"--no-sync"},
                          (char[]){"--locale=C"},
                          (char[]){"-E"},
                          (char[]){"UTF8"},
                          NULL};
    int status;
    waitpid(pg_spawn("initdb", argv), &status, 0);
    if (status != 0)
        fail_msg("initdb failed: see %s/initdb.log", pg_server.folder);
    pg_configure();
    pg_start();
    return 0;
}

static inline int pg_remove(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
    (void)st, (void)what, (void)ftw;
    return remove(path);
}

static inline int pg_server_teardown(void **state)
{
    (void)state;
    if (pg_server.pid != 0)
        pg_stop(SIGINT);
    nftw(pg_server.folder, pg_remove, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* A new store's URL. */
static inline void pg_store(char *out, size_t size)
{
    char sql[80];
    snprintf(sql, sizeof sql, "CREATE SCHEMA t%d", ++pg_server.stores);
    pg_run(sql);
    pg_url(pg_server.folder, pg_server.stores, out, size);
}

#endif
