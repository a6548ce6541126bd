/* freeze.c: see freeze.h. */
#include "systems/freeze.h"
#include "base/buf.h"
#include "base/spoken.h"
#include <string.h>
#include <strings.h>

/* --- asking ------------------------------------------------------------------------------------ */

static bool is_given(const char *s)
{
    return s && *s;
}

static bool names(const char *const *list, const char *a, const char *b)
{
    for (; *list; list++)
        if ((a && strcasecmp(*list, a) == 0) || (b && strcasecmp(*list, b) == 0))
            return true;
    return false;
}

static bool concerns(const struct freeze *f, const struct freeze_ask *q)
{
    bool any_client = !is_given(q->client) && !is_given(q->client_name);
    return (!f->clients || any_client || names(f->clients, q->client, q->client_name)) &&
           (!f->envs || !is_given(q->env) || names(f->envs, q->env, NULL));
}

/* Keeps `out` sorted by begin. */
static int put(struct freeze_met *out, int n, int most, struct freeze_met m)
{
    if (n == most)
        return n;
    int i = n;
    for (; i > 0 && out[i - 1].from > m.from; i--)
        out[i] = out[i - 1];
    out[i] = m;
    return n + 1;
}

int freezes_meet(const struct freezes *all, const struct freeze_ask *q, struct freeze_met *out, int most)
{
    enum { OF_ONE = 16 };
    int n = 0;
    for (int i = 0; i < all->n && n < most; i++) {
        const struct freeze *f = &all->list[i];
        struct span spans[OF_ONE];
        const char *zone = f->zone ? f->zone : q->zone;
        int met = concerns(f, q) ? recur_meets(&f->when, zone, q->from, q->to, spans, OF_ONE) : 0;
        for (int k = 0; k < met; k++)
            n = put(out, n, most, (struct freeze_met){f, spans[k].from, spans[k].to});
    }
    return n;
}

int64_t freezes_clear(const struct freezes *all, const struct freeze_ask *q)
{
    enum { MET_MOST = 32 };
    struct freeze_met met[MET_MOST];
    struct freeze_ask ask = *q;
    while (ask.from < q->from + DAYS(366)) {
        int n = freezes_meet(all, &ask, met, MET_MOST);
        int64_t end = ask.from;
        for (int i = 0; i < n; i++)
            end = met[i].to > end ? met[i].to : end;
        if (n == 0)
            return ask.from;
        ask.to += end - ask.from;
        ask.from = end;
    }
    return -1;
}

/* --- configuration ----------------------------------------------------------------------------- */

struct reader {
    const char *file;
    struct arena *a;
};

static bool wrong(const struct reader *r, const struct yaml *at, const char *key, const char *expected,
                  struct error *err)
{
    return error_at(err, SB_PARSE, r->file, at->line, at->column, "%s: expected %s", key, expected);
}

/* A date, a date and time, or a moment with its offset: all the same wherever and whenever they are read. A bare
 * date is the day's begin, or with `is_end` its end. `zone` is set by a moment's zone, when it has one. */
static bool scan_local(struct scan *s, const char *text, bool is_end, int64_t *out, char zone[ZONE_NAME_MAX],
                       struct error *err)
{
    struct spoken said;
    int64_t checked;
    *zone = '\0';
    if (strlen(text) == strlen("2024-12-20") && text[4] == '-') {
        char whole[32];
        (void)snprintf(whole, sizeof whole, "%s 00:00", text);
        if (!scan_local(s, whole, false, out, zone, err))
            return false;
        *out += is_end ? DAYS(1) : 0;
        return true;
    }
    if (!scan_begin(s, text, err) || !spoken_scan(s, &said, err))
        return false;
    if (said.kind == SPOKEN_EXACT) {
        memcpy(zone, "UTC", sizeof "UTC");
        *out = said.ms;
        return scan_is_end(s) || scan_fail(s, SB_PARSE, err, "expected nothing more");
    }
    if (said.kind != SPOKEN_CIVIL || said.day != DAY_DATE)
        return scan_fail(&said.begin, SB_PARSE, err, "expected a date such as 2024-12-20 18:00");
    if (!spoken_zone(s, zone, err) || !instant_from_civil(&said.civil, "UTC", false, &checked, err))
        return false;
    *out = checked;
    return scan_is_end(s) || scan_fail(s, SB_PARSE, err, "expected nothing more");
}

static bool read_local(const struct reader *r, const struct yaml *y, const char *key, struct freeze *f,
                       int64_t *out, struct error *err)
{
    struct error why = ERROR_NONE;
    struct scan s;
    char zone[ZONE_NAME_MAX];
    if (y->kind != YAML_SCALAR)
        return wrong(r, y, key, "a moment such as 2024-12-20 18:00", err);
    if (!scan_local(&s, y->text, strcmp(key, "to") == 0, out, zone, &why))
        return error_at(err, why.code, r->file, y->line, y->column, "%s: %s", key, why.text);
    if (!*zone)
        return true;
    if (f->zone && strcmp(f->zone, zone) != 0)
        return error_at(err, SB_PARSE, r->file, y->line, y->column, "%s: in %s, but the freeze is in %s", key,
                        zone, f->zone);
    f->zone = arena_strdup(r->a, zone);
    return true;
}

static bool read_names(const struct reader *r, const struct yaml *y, const char *key, const char *const **out,
                       struct error *err)
{
    if (!y)
        return true;
    if (y->kind != YAML_LIST || y->n == 0)
        return wrong(r, y, key, "a list of names", err);
    const char **list = ARENA_ARRAY(r->a, (size_t)y->n + 1, const char *);
    for (int i = 0; i < y->n; i++) {
        if (y->items[i]->kind != YAML_SCALAR)
            return wrong(r, y->items[i], key, "a name", err);
        list[i] = arena_strdup(r->a, y->items[i]->text);
    }
    *out = list;
    return true;
}

/* Days on which a repeated freeze does not take place: they are named by their date. */
static bool read_skips(const struct reader *r, const struct yaml *y, struct recur *when, struct error *err)
{
    if (!y)
        return true;
    if (y->kind != YAML_LIST || y->n > RECUR_LENGTH_DAYS)
        return wrong(r, y, "except", "a list of dates such as 2024-12-24", err);
    int64_t *skips = ARENA_ARRAY(r->a, (size_t)y->n, int64_t), day = when->from % DAYS(1);
    for (int i = 0; i < y->n; i++) {
        struct scan s;
        char zone[ZONE_NAME_MAX];
        const struct yaml *one = y->items[i];
        if (one->kind != YAML_SCALAR || strlen(one->text) != strlen("2024-12-24") ||
            !scan_local(&s, one->text, false, &skips[i], zone, NULL))
            return wrong(r, one, "except", "a date such as 2024-12-24", err);
        skips[i] += day < 0 ? day + DAYS(1) : day;
    }
    when->skips = skips;
    when->n_skips = y->n;
    return true;
}

static const struct yaml *need(const struct reader *r, const struct yaml *y, const char *key,
                               const char *says, struct error *err)
{
    const struct yaml *v = yaml_get(y, key);
    if (!v)
        (void)error_at(err, SB_MISSING, r->file, y->line, y->column, "a freeze needs %s: %s", key, says);
    return v;
}

static bool read_text(const struct reader *r, const struct yaml *y, const char *key, const char **out,
                      struct error *err)
{
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR || !*y->text)
        return wrong(r, y, key, "text", err);
    *out = arena_strdup(r->a, y->text);
    return true;
}

static bool read_one(const struct reader *r, const struct yaml *y, struct freeze *f, struct error *err)
{
    static const char *const allowed[] = {"title",  "from",    "to",   "zone", "repeat",
                                          "except", "clients", "envs", NULL};
    struct error why = ERROR_NONE;
    if (y->kind != YAML_MAP)
        return wrong(r, y, "freezes", "title, from and to of each", err);
    if (!yaml_only(y, r->file, "a freeze", allowed, err))
        return false;
    const struct yaml *title = need(r, y, "title", "what people read", err);
    const struct yaml *from =
        title ? need(r, y, "from", "when it begins, as in 2024-12-20 18:00", err) : NULL;
    const struct yaml *to = from ? need(r, y, "to", "when it ends, as in 2024-12-20 18:00", err) : NULL;
    if (!to || !read_text(r, title, "title", &f->title, err) ||
        !read_text(r, yaml_get(y, "zone"), "zone", &f->zone, err) ||
        !read_text(r, yaml_get(y, "repeat"), "repeat", &f->when.rule, err))
        return false;
    if (f->zone && !zone_check(f->zone, &why))
        return error_at(err, why.code, r->file, y->line, y->column, "zone: %s", why.text);
    if (!read_local(r, from, "from", f, &f->when.from, err) ||
        !read_local(r, to, "to", f, &f->when.to, err) ||
        !read_names(r, yaml_get(y, "clients"), "clients", &f->clients, err) ||
        !read_names(r, yaml_get(y, "envs"), "envs", &f->envs, err) ||
        !read_skips(r, yaml_get(y, "except"), &f->when, err))
        return false;
    if (!recur_check(&f->when, &why))
        return error_at(err, why.code, r->file, y->line, y->column, "the freeze \"%s\": %s", f->title,
                        why.text);
    return true;
}

bool freezes_read(const struct yaml *list, const char *file, struct arena *a, struct freezes *out,
                  struct error *err)
{
    struct reader r = {file, a};
    *out = (struct freezes){0};
    if (!list)
        return true;
    if (list->kind != YAML_LIST || list->n > FREEZES_MAX)
        return error_at(err, SB_PARSE, file, list->line, list->column,
                        "freezes: expected a list of at most %d", FREEZES_MAX);
    out->list = ARENA_ARRAY(a, (size_t)list->n, struct freeze);
    for (; out->n < list->n; out->n++)
        if (!read_one(&r, list->items[out->n], &out->list[out->n], err))
            return false;
    return true;
}
