#include "base/tz.h"

#include "base/buf.h"
#include "base/read.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TZ_FILE_MAX = 256 << 10, TZ_ZONE_MAX = 64, TZ_LIST_MAX = 1 << 20 };

static const char *const folders[] = {"/usr/share/zoneinfo", "/etc/zoneinfo", "/usr/lib/zoneinfo"};

struct tz {
    struct tz *next;
    char zone[TZ_ZONE_MAX];
    int64_t *moments; /* when the period of the same index begins */
    uint8_t *periods_of;
    size_t moments_n;
    struct tz_period periods[256];
    bool has_rule; /* for what comes after the last moment */
    struct tz_rule rule;
};

/* The bytes of a compiled zone that are still to be read. */
struct bytes {
    const unsigned char *at, *end;
};

static const unsigned char *take(struct bytes *b, size_t n)
{
    if ((size_t)(b->end - b->at) < n)
        return NULL;
    const unsigned char *p = b->at;
    b->at += n;
    return p;
}

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct header {
    char version;
    size_t is_utc, is_standard, leaps, moments, periods, characters;
};

static bool take_header(struct bytes *b, struct header *h)
{
    const unsigned char *p = take(b, 44);
    if (p == NULL || memcmp(p, "TZif", 4) != 0)
        return false;
    *h = (struct header){.version = (char)p[4],
                         .is_utc = be32(p + 20),
                         .is_standard = be32(p + 24),
                         .leaps = be32(p + 28),
                         .moments = be32(p + 32),
                         .periods = be32(p + 36),
                         .characters = be32(p + 40)};
    /* A zone with leap seconds ("right/...") counts seconds that UTC milliseconds do not have. */
    return h->moments < TZ_FILE_MAX && h->periods >= 1 && h->periods <= 256 && h->characters < TZ_FILE_MAX &&
           h->is_utc <= 256 && h->is_standard <= 256 && h->leaps == 0;
}

/* Files begin with the same data in 32 bits, for readers older than 2005. */
static bool skip_old_block(struct bytes *b)
{
    struct header h;
    return take_header(b, &h) && h.version >= '2' &&
           take(b, h.moments * 5 + h.periods * 6 + h.characters + h.is_standard + h.is_utc) != NULL;
}

static bool take_periods(struct tz *tz, const struct header *h, const unsigned char *infos, const char *names)
{
    for (size_t i = 0; i < h->periods; i++) {
        const unsigned char *info = infos + i * 6;
        size_t left = info[5] < h->characters ? h->characters - info[5] : 0;
        size_t n = left > 0 ? strnlen(names + info[5], left) : 0;
        if (n == left || n >= TZ_NAME_MAX)
            return false;
        tz->periods[i] = (struct tz_period){.offset_s = (int32_t)be32(info), .is_summer = info[4] != 0};
        memcpy(tz->periods[i].name, names + info[5], n);
        if (abs(tz->periods[i].offset_s) > 26 * 3600)
            return false;
    }
    return true;
}

static bool take_moments(struct tz *tz, const struct header *h, const unsigned char *moments,
                         const unsigned char *indexes)
{
    tz->moments = calloc(h->moments + 1, sizeof *tz->moments);
    tz->periods_of = calloc(h->moments + 1, 1);
    if (tz->moments == NULL || tz->periods_of == NULL)
        abort();
    tz->moments_n = h->moments;
    for (size_t i = 0; i < h->moments; i++) {
        tz->moments[i] = be64(moments + i * 8);
        tz->periods_of[i] = indexes[i];
        if (indexes[i] >= h->periods || (i > 0 && tz->moments[i] <= tz->moments[i - 1]))
            return false;
    }
    return true;
}

/* The last line: the rule from the last moment on; empty when the zone's future is not known. */
static bool take_rule(struct tz *tz, struct bytes *b)
{
    const unsigned char *p = take(b, 1);
    if (p == NULL || *p != '\n')
        return false;
    const unsigned char *end = memchr(b->at, '\n', (size_t)(b->end - b->at));
    if (end == NULL)
        return false;
    if (end == b->at)
        return true;
    char *text = strndup((const char *)b->at, (size_t)(end - b->at));
    if (text == NULL)
        abort();
    tz->has_rule = tz_rule_parse(text, &tz->rule);
    free(text);
    return tz->has_rule;
}

static bool parse_file(struct tz *tz, const struct buf *file)
{
    struct bytes b = {(const unsigned char *)file->data, (const unsigned char *)file->data + file->len};
    struct header h;
    if (!skip_old_block(&b) || !take_header(&b, &h))
        return false;
    const unsigned char *moments = take(&b, h.moments * 8);
    const unsigned char *indexes = take(&b, h.moments);
    const unsigned char *infos = take(&b, h.periods * 6);
    const unsigned char *names = take(&b, h.characters);
    const unsigned char *flags = take(&b, h.is_standard + h.is_utc);
    return moments != NULL && indexes != NULL && infos != NULL && names != NULL && flags != NULL &&
           take_periods(tz, &h, infos, (const char *)names) && take_moments(tz, &h, moments, indexes) &&
           take_rule(tz, &b);
}

static void tz_free(struct tz *tz)
{
    free(tz->moments);
    free(tz->periods_of);
    free(tz);
}

/* A name becomes a path, so it may not climb out of the folder; and "right/", "posix/" are not names of
 * places. */
static bool is_zone_name(const char *zone)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t n = strnlen(zone, TZ_ZONE_MAX);
    return n > 0 && n < TZ_ZONE_MAX && strspn(zone, letters) == n && zone[0] != '/' && zone[n - 1] != '/' &&
           strstr(zone, "//") == NULL && !str_starts(zone, "right/") && !str_starts(zone, "posix/") &&
           !str_eq(zone, "localtime") && !str_eq(zone, "posixrules");
}

static bool read_from_folders(const char *name, size_t max_bytes, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        _cleanup_buf_ struct buf path = {0};
        buf_printf(&path, "%s/%s", folders[i], name);
        buf_clear(out);
        if (read_file(buf_str(&path), max_bytes, out, NULL) && out->len > 0)
            return true;
    }
    return false;
}

static struct tz *tz_load(const char *zone)
{
    if (!is_zone_name(zone))
        return NULL;
    struct tz *tz = calloc(1, sizeof *tz);
    if (tz == NULL)
        abort();
    memcpy(tz->zone, zone, strlen(zone));
    _cleanup_buf_ struct buf file = {0};
    if (read_from_folders(zone, TZ_FILE_MAX, &file) && parse_file(tz, &file))
        return tz;
    if (str_eq(zone, "UTC")) {
        tz_free(tz);
        tz = calloc(1, sizeof *tz);
        if (tz == NULL)
            abort();
        memcpy(tz->zone, "UTC", 4);
        memcpy(tz->periods[0].name, "UTC", 4);
        return tz;
    }
    tz_free(tz);
    return NULL;
}

/* Every name of zone.tab ("US +404251-0740023 America/New_York Eastern"), cut in place. NULL-terminated,
 * heap. */
static const char **zone_names(struct buf *list)
{
    size_t n = 0, lines = 1;
    for (size_t i = 0; i < list->len; i++)
        lines += list->data[i] == '\n';
    const char **names = calloc(lines + 1, sizeof *names);
    if (names == NULL)
        abort();
    char *rest = list->data, *line;
    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        char *column = line;
        strsep(&column, "\t");
        strsep(&column, "\t");
        if (line[0] != '#' && column != NULL)
            names[n++] = strsep(&column, "\t");
    }
    return names;
}

/* "Berlin" and "new york" are meant as the last part of a name. */
static const char *near_by_city(const char *wrong, const char **names, size_t n)
{
    const char **cities = calloc(n + 1, sizeof *cities);
    char *spelt = strdup(wrong);
    if (cities == NULL || spelt == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        const char *slash = strrchr(names[i], '/');
        cities[i] = slash != NULL ? slash + 1 : names[i];
    }
    for (char *p = spelt; (p = strchr(p, ' ')) != NULL;)
        *p = '_';
    const char *city = str_near(spelt, cities), *found = NULL;
    for (size_t i = 0; i < n && city != NULL && found == NULL; i++)
        if (cities[i] == city)
            found = names[i];
    free(spelt);
    free(cities);
    return found;
}

static void refuse_zone(const char *zone, struct error *err)
{
    _cleanup_buf_ struct buf list = {0};
    if (!read_from_folders("zone.tab", TZ_LIST_MAX, &list)) {
        error_set(err, SB_UNKNOWN, "time zone \"%.64s\" cannot be read: is the package tzdata installed?",
                  zone);
        return;
    }
    const char **names = zone_names(&list);
    size_t n = 0;
    while (names[n] != NULL)
        n++;
    const char *near = str_near(zone, names);
    if (near == NULL)
        near = near_by_city(zone, names, n);
    if (near != NULL)
        error_set(err, SB_UNKNOWN, "there is no time zone \"%.64s\"; did you mean %s?", zone, near);
    else
        error_set(err, SB_UNKNOWN, "there is no time zone \"%.64s\"; a zone has a name like America/New_York",
                  zone);
    free(names);
}

/* Zones are never dropped: a caller keeps its pointer, and there are only so many names. */
static struct tz *known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const struct tz *tz_find(const char *zone, struct error *err)
{
    pthread_mutex_lock(&lock);
    struct tz *tz = known;
    while (tz != NULL && strcmp(tz->zone, zone) != 0)
        tz = tz->next;
    if (tz == NULL && (tz = tz_load(zone)) != NULL) {
        tz->next = known;
        known = tz;
    }
    pthread_mutex_unlock(&lock);
    if (tz == NULL)
        refuse_zone(zone, err);
    return tz;
}

struct tz_period tz_at(const struct tz *tz, int64_t seconds)
{
    size_t low = 0, high = tz->moments_n; /* the number of moments that are not after `seconds` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tz->moments[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tz->moments_n && tz->has_rule)
        return tz_rule_at(&tz->rule, seconds);
    return tz->periods[low == 0 ? 0 : tz->periods_of[low - 1]];
}
