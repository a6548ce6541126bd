/* fuzz_calendar.c: what calendars of others say: iCalendar, read and edited, and WebDAV's XML. The first byte chooses the
 * reader. Run: build/fuzz/tests/fuzz/fuzz_calendar -max_total_time=60 */
#include "base/instant.h"
#include "systems/dav.h"
#include "systems/ical.h"
#include "systems/recur.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool promise)
{
    if (!promise)
        abort();
}

static const int64_t from = 1707418800000, to = 1707424200000;

static void see(void *ctx, const struct ical_found *f)
{
    (void)ctx;
    insist(f->from < to && f->to > from && f->uid && f->title && f->description && f->url && f->key);
}

static void fuzz_ical(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct error err = ERROR_NONE;
    bool changed = false;
    const struct ical_edit edit = {.title = "new", .from = from, .to = to, .cancel = true};
    insist(ical_read(text, n, "Europe/Berlin", from, to, see, NULL, &err) == (err.code == SB_OK));
    const char *copy = arena_strndup(&a, text, n);
    const char *edited = ical_edited(copy, &edit, from, &a, &changed, NULL);
    /* An edit that was made once is there, and has nothing left to do. */
    if (edited && changed)
        insist(ical_edited(edited, &edit, from, &a, &changed, NULL) != NULL);
}

static void fuzz_dav(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct dav_answer answer;
    struct error err = ERROR_NONE;
    if (!dav_parse(text, n, &a, &answer, &err)) {
        insist(err.code != SB_OK);
        return;
    }
    for (size_t i = 0; i < answer.n; i++)
        insist(answer.list[i].href && answer.list[i].etag && answer.list[i].name && answer.list[i].calendar);
}

static void fuzz_rule(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct recur r = {.from = from - DAYS(40), .to = from - DAYS(39), .rule = arena_strndup(&a, text, n)};
    struct span spans[8];
    int met = recur_meets(&r, "America/New_York", from, to, spans, 8);
    insist(met >= 0 && met <= 8);
    for (int i = 0; i < met; i++)
        insist(spans[i].from < to && spans[i].to > from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const char *, size_t) = {fuzz_ical, fuzz_dav, fuzz_rule};
    if (n == 0)
        return 0;
    readers[*data % COUNT_OF(readers)]((const char *)data + 1, n - 1);
    return 0;
}
