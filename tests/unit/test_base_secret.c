#include "check.h"

#include "base/log.h"
#include "base/secret.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void only_references_are_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *ref, *says; /* NULL: accepted */
    } rows[] = {
        {"env:JENKINS_TOKEN", NULL},
        {"env:_X1", NULL},
        {"file:/run/secrets/jenkins", NULL},
        {"credential:jenkins.token", NULL},
        {"env:", "name of an environment variable"},
        {"env:1X", "name of an environment variable"},
        {"env:A B", "name of an environment variable"},
        {"file:secrets/jenkins", "absolute path"},
        {"file:", "absolute path"},
        {"credential:", "name of a systemd credential"},
        {"credential:../x", "name of a systemd credential"},
        {"credential:..", "name of a systemd credential"},
        {"hunter2hunter2", "only where it is kept"},
        {"", "only where it is kept"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_arena_ struct arena a = {0};
        struct secret s = {0};
        struct error e = ERROR_NONE;
        bool ok = secret_ref(rows[i].ref, &a, &s, &e);
        if (ok != (rows[i].says == NULL))
            fail_msg("%s: %s", rows[i].ref, e.text);
        if (ok)
            assert_string_equal(s.ref, rows[i].ref);
        else
            assert_error(&e, SB_PARSE, rows[i].says, rows[i].ref);
        if (!ok && strlen(rows[i].ref) > 12)
            assert_null(strstr(e.text, rows[i].ref));
    }
}

static void a_value_comes_from_the_environment(void **state)
{
    (void)state;
    const struct secret s = {"env:SB_TEST_SECRET"};
    struct error e;
    unsetenv("SB_TEST_SECRET");
    assert_null(secret_read(&s, &e));
    assert_error(&e, SB_MISSING, "secret env:SB_TEST_SECRET: the environment variable is not set", "unset");
    setenv("SB_TEST_SECRET", "", 1);
    assert_null(secret_read(&s, &e));
    assert_error(&e, SB_MISSING, "it is empty", "empty");
    setenv("SB_TEST_SECRET", "open sesame", 1);
    _cleanup_secret_ char *value = secret_read(&s, &e);
    assert_string_equal(value, "open sesame");
}

static void a_value_that_was_read_is_redacted(void **state)
{
    (void)state;
    setenv("SB_TEST_SECRET", "correct horse", 1);
    const struct secret s = {"env:SB_TEST_SECRET"};
    _cleanup_secret_ char *value = secret_read(&s, NULL);
    char text[] = "said: correct horse battery";
    log_redact_text(text);
    assert_string_equal(text, "said: *** battery");
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void a_file_is_read_again_each_time(void **state)
{
    (void)state;
    char folder[] = "/tmp/sb-secret-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64], ref[80];
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(ref, sizeof ref, "file:%s", path);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    const struct secret by_path = {ref}, by_name = {"credential:token"};

    static const struct {
        const char *bytes;
        size_t n;
        const char *value, *says;
    } rows[] = {
        {"first one\n", 10, "first one", NULL}, {"second\r\n", 8, "second", NULL},
        {"third\n\n", 7, "third\n", NULL},      {"\n", 1, NULL, "it is empty"},
        {"", 0, NULL, "it is empty"},           {"nul\0nul", 7, NULL, "NUL"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        write_file(path, rows[i].bytes, rows[i].n);
        struct error e = ERROR_NONE;
        _cleanup_secret_ char *value = secret_read(&by_path, &e);
        _cleanup_secret_ char *same = secret_read(&by_name, NULL);
        if (rows[i].value == NULL) {
            assert_null(value);
            assert_non_null(strstr(e.text, rows[i].says));
        } else {
            assert_string_equal(value, rows[i].value);
            assert_string_equal(same, rows[i].value);
        }
    }

    static char large[70000];
    memset(large, 'x', sizeof large);
    write_file(path, large, sizeof large);
    struct error e;
    assert_null(secret_read(&by_path, &e));
    assert_int_equal(e.code, SB_LIMIT);
    unlink(path);
    assert_null(secret_read(&by_path, &e));
    assert_int_equal(e.code, SB_IO);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_null(secret_read(&by_name, &e));
    assert_error(&e, SB_MISSING, "CREDENTIALS_DIRECTORY", "no folder");
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_references_are_accepted),
        cmocka_unit_test(a_value_comes_from_the_environment),
        cmocka_unit_test(a_value_that_was_read_is_redacted),
        cmocka_unit_test(a_file_is_read_again_each_time),
    };
    return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
