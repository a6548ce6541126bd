#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/tag.h"
#include <string.h>

static const struct {
    const char *tag;
    bool ok;
    const char *says;
} tags[] = {
    {"24-02-05.619", true, NULL},
    {"24-02-05.619-hotfix.627", true, NULL},
    {"24-02-29.1", true, NULL},
    {"24-13-05.619", false, "month 13"},
    {"23-02-29.1", false, "month 2 has no day 29"},
    {"24-00-05.1", false, "month 0"},
    {"24-02-00.1", false, "no day 0"},
    {"latest", false, "looks like 24-02-05.619"},
    {"", false, "looks like 24-02-05.619"},
    {"24-02-05", false, "looks like"},
    {"24-02-05.", false, "looks like"},
    {"24-2-05.619", false, "looks like"},
    {"24-02-05.619-hotfix.", false, "looks like"},
    {"24-02-05.619-hotfix.0", false, "looks like"},
    {"24-02-05.619-hotfix.1x", false, "looks like"},
    {"24-02-05.619-rc.1", false, "-hotfix.N"},
    {"24-02-05.619 ", false, "-hotfix.N"},
    {"24-02-05.6199999999999", false, "looks like"},
};

static void a_tag_is_read_or_refused_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        struct tag t;
        struct error e = ERROR_NONE;
        bool ok = tag_parse(tags[i].tag, &t, &e);
        if (ok != tags[i].ok || (!ok && !strstr(e.text, tags[i].says)))
            fail_msg("%s: %s", tags[i].tag, ok ? "accepted" : e.text);
    }
}

static void a_hotfix_belongs_to_one_release_and_is_newer(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *running;
        bool hotfix;
        int order;
    } rows[] = {
        {"24-02-05.619-hotfix.627", "24-02-05.619", true, 1},
        {"24-02-05.619-hotfix.628", "24-02-05.619-hotfix.627", true, 1},
        {"24-02-05.619-hotfix.627", "24-02-05.619-hotfix.627", false, 0},
        {"24-02-05.619-hotfix.626", "24-02-05.619-hotfix.627", false, -1},
        {"24-02-05.620-hotfix.627", "24-02-05.619", false, 1},
        {"24-02-05.619", "24-02-05.619-hotfix.627", false, -1},
        {"24-02-06.1", "24-02-05.619", false, 1},
        {"23-12-31.900", "24-01-01.1", false, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tag t, r;
        assert_true(tag_parse(rows[i].tag, &t, NULL));
        assert_true(tag_parse(rows[i].running, &r, NULL));
        if (tag_is_hotfix_of(&t, &r) != rows[i].hotfix || tag_compare(&t, &r) != rows[i].order)
            fail_msg("%s against %s", rows[i].tag, rows[i].running);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_is_read_or_refused_with_the_reason),
        cmocka_unit_test(a_hotfix_belongs_to_one_release_and_is_newer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
