/* fuzz_base.c: everything in base/ that reads outside text. The first byte chooses the reader; what it
 * accepts must keep its promises. Run: build/tests/fuzz/fuzz_base -max_total_time=60 */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/tz_rule.h"
#include "base/window.h"
#include "base/yaml.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int64_t now = INT64_C(1707400000000);

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static void read_back(const json_t *j)
{
    char *text = json_canonical(j);
    _cleanup_json_ json_t *again = json_read(text, strlen(text), JSON_MAX_BYTES, "canonical", NULL);
    insist(again != NULL);
    char *same = json_canonical(again);
    insist(strcmp(text, same) == 0);
    free(same);
    free(text);
}

static void fuzz_json(const char *text, size_t n)
{
    struct error e;
    _cleanup_json_ json_t *j = json_read(text, n, JSON_MAX_BYTES, "fuzz", &e);
    if (j != NULL)
        read_back(j);
}

static void fuzz_yaml(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = {0};
    struct error e = ERROR_NONE;
    struct yaml *y = yaml_parse(text, n, "fuzz", 1, 0, &a, &e);
    insist(y != NULL || (e.code != SB_OK && e.text[0] != '\0'));
    if (y == NULL)
        return;
    _cleanup_json_ json_t *j = yaml_to_json(y);
    read_back(j);
}

static void fuzz_instant(const char *text, size_t n)
{
    (void)n;
    struct error e;
    int64_t ms, same;
    char shown[32];
    if (!instant_parse(text, now, "America/New_York", &ms, &e))
        return;
    instant_rfc3339(ms, shown);
    insist(!instant_parse_rfc3339(shown, &same, &e) || same == ms);
}

static void fuzz_window(const char *text, size_t n)
{
    (void)n;
    _cleanup_arena_ struct arena a = {0};
    struct window w;
    struct error e;
    if (!window_parse(text, now, "America/New_York", &a, &w, &e))
        return;
    insist(w.from < w.to && w.to - w.from <= DAYS(7));
    insist(window_text(&w, now, &a)[0] != '\0');
}

static void fuzz_moment(const char *text, size_t n)
{
    (void)n;
    int64_t ms;
    struct error e;
    _cleanup_json_ json_t *names = json_pack("{s:I, s:n}", "from", (json_int_t)now, "to");
    (void)!moment_parse(text, names, &ms, &e);
}

static void fuzz_duration(const char *text, size_t n)
{
    (void)n;
    int64_t ms;
    struct error e;
    insist(!duration_parse(text, &ms, &e) || (ms >= 0 && ms <= DAYS(3660)));
}

static void fuzz_tz_rule(const char *text, size_t n)
{
    (void)n;
    struct tz_rule rule;
    if (tz_rule_parse(text, &rule))
        insist(tz_rule_at(&rule, now / 1000).name[0] != '\0');
}

static void fuzz_base64(const char *text, size_t n)
{
    for (int url = 0; url < 2; url++) {
        size_t out_n;
        uint8_t *out = base64_decode(text, n, url, &out_n);
        if (out == NULL)
            continue;
        char *again = base64_encode(out, out_n, url);
        insist(strlen(again) == n && memcmp(again, text, n) == 0);
        free(again);
        free(out);
    }
}

static void fuzz_escapes(const char *text, size_t n)
{
    (void)n;
    _cleanup_buf_ struct buf b = {0};
    buf_add_json(&b, text);
    _cleanup_json_ json_t *j = json_read(b.data, b.len, JSON_MAX_BYTES, "escaped", NULL);
    insist(j != NULL);
    insist(str_columns(text) >= 0);
    buf_add_html(&b, text);
    buf_add_url(&b, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const char *text, size_t n) = {
        fuzz_json,     fuzz_yaml,    fuzz_instant, fuzz_window,  fuzz_moment,
        fuzz_duration, fuzz_tz_rule, fuzz_base64,  fuzz_escapes,
    };
    if (n == 0)
        return 0;
    char *text = malloc(n); /* of exactly this size, so that the sanitizer sees a read past the end */
    if (text == NULL)
        abort();
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    readers[data[0] % COUNT_OF(readers)](text, n - 1);
    free(text);
    return 0;
}
