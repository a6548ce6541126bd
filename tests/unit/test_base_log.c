#include "check.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include <pthread.h>
#include <stdio.h>

static void keep(void *ctx, const char *line)
{
    struct buf *b = ctx;
    buf_adds(b, line);
    buf_addc(b, '\n');
}

static int capture(void **state)
{
    struct buf *b = calloc(1, sizeof *b);
    log_setup(LOG_INFO, false);
    log_capture(keep, b);
    *state = b;
    return 0;
}

static int let_go(void **state)
{
    struct buf *b = *state;
    log_capture(NULL, NULL);
    buf_free(b);
    free(b);
    return 0;
}

/* After the time, which is none of a test's business. */
static const char *after_time(const struct buf *b)
{
    const char *space = strchr(buf_str(b), ' ');
    return space != NULL ? space + 1 : "";
}

static void an_entry_is_one_line_of_text(void **state)
{
    log_write(LOG_NOTE, "engine", "HF-7", "step %s is due", "build");
    assert_string_equal(after_time(*state), "note  engine HF-7: step build is due\n");
}

static void an_entry_can_be_json(void **state)
{
    log_setup(LOG_INFO, true);
    log_write(LOG_WARN, "net", "HF-7", "said \"no\"\n");
    struct buf *b = *state;
    _cleanup_json_ json_t *j = json_read(b->data, b->len, 1000, "entry", NULL);
    assert_string_equal(json_str(j, "level", ""), "warn");
    assert_string_equal(json_str(j, "room", ""), "net");
    assert_string_equal(json_str(j, "change", ""), "HF-7");
    assert_string_equal(json_str(j, "text", ""), "said \"no\"\n");
    assert_true(str_ends(json_str(j, "time", ""), "Z"));
}

static void entries_below_the_level_are_dropped(void **state)
{
    log_debug("net", "quiet");
    assert_string_equal(buf_str(*state), "");
    log_setup(LOG_ERROR, false);
    log_warn("net", "quiet");
    assert_string_equal(buf_str(*state), "");
    log_error("net", "loud");
    assert_string_equal(after_time(*state), "error net: loud\n");
}

static void an_outside_text_cannot_forge_an_entry(void **state)
{
    log_info("net", "answer: %s", "x\n2024 error engine: forged\x1B[2J");
    assert_string_equal(after_time(*state), "info  net: answer: x\\n2024 error engine: forged\\x1b[2J\n");
}

static void a_registered_value_never_appears(void **state)
{
    static const char *const secrets[] = {"hunter22", "hunter22-longer", "quo\"te\nline", "short"};
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"token hunter22", "token ***"},
        {"hunter22hunter22", "******"},
        {"hunter22-longer!", "***!"},
        {"a quo\"te\nline b", "a *** b"},
        {"too short to hide", "too short to hide"},
        {"hunter2", "hunter2"},
    };
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        log_redact(secrets[i]);
    log_redact(NULL);
    struct buf *b = *state;
    for (int json = 0; json < 2; json++) {
        log_setup(LOG_INFO, json);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            buf_clear(b);
            log_info("net", "%s", rows[i].text);
            if (strstr(b->data, rows[i].says) == NULL)
                fail_msg("%s: %s", rows[i].text, b->data);
            char text[64];
            strcpy(text, rows[i].text);
            log_redact_text(text);
            assert_string_equal(text, rows[i].says);
        }
    }
}

static void many_rotations_keep_the_newest_values_hidden(void **state)
{
    (void)state;
    char value[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(value, sizeof value, "rotated-%04d", i);
        log_redact(value);
    }
    char text[] = "rotated-1999 rotated-1600";
    log_redact_text(text);
    assert_string_equal(text, "*** ***");
}

static void *talk(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++)
        log_info("net", "a sentence of one thread");
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    struct buf *b = *state;
    int lines = 0;
    for (char *rest = b->data, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++)
        assert_true(str_ends(line, "info  net: a sentence of one thread"));
    assert_int_equal(lines, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_is_one_line_of_text, capture, let_go),
        cmocka_unit_test_setup_teardown(an_entry_can_be_json, capture, let_go),
        cmocka_unit_test_setup_teardown(entries_below_the_level_are_dropped, capture, let_go),
        cmocka_unit_test_setup_teardown(an_outside_text_cannot_forge_an_entry, capture, let_go),
        cmocka_unit_test_setup_teardown(a_registered_value_never_appears, capture, let_go),
        cmocka_unit_test_setup_teardown(many_rotations_keep_the_newest_values_hidden, capture, let_go),
        cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, capture, let_go),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
