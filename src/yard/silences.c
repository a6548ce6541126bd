#include "yard/silences.h"

#include "base/instant.h"
#include "base/json.h"
#include <regex.h>
#include <string.h>

/* An error is a bare text. */
static void refuse(struct call *c, int status, const char *message)
{
    call_answer(c, status, json_string(message));
}

static json_t *moment(int64_t ms)
{
    char text[32];
    instant_rfc3339(ms, text);
    return json_string(text);
}

static const char *state_of(const json_t *silence, int64_t now)
{
    return json_int(silence, "to", 0) <= now    ? "expired"
           : json_int(silence, "from", 0) > now ? "pending"
                                                : "active";
}

static json_t *view_of(const json_t *s, int64_t now)
{
    return json_pack("{s:O, s:{s:s}, s:o, s:o, s:o, s:O, s:O, s:O, s:{}}", "id", json_object_get(s, "id"),
                     "status", "state", state_of(s, now), "updatedAt", moment(json_int(s, "updated", 0)),
                     "startsAt", moment(json_int(s, "from", 0)), "endsAt", moment(json_int(s, "to", 0)),
                     "createdBy", json_object_get(s, "createdBy"), "comment", json_object_get(s, "comment"),
                     "matchers", json_object_get(s, "matchers"), "annotations");
}

static json_t *by_id(const json_t *world, const char *id)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(world, "silences"), i, s)
        if (str_eq(json_str(s, "id", ""), id))
            return s;
    return NULL;
}

/* --- matching ---------------------------------------------------------------------------------------- */

static bool regex_fits(const char *pattern, const char *text)
{
    _cleanup_arena_ struct arena a = arena_make();
    regex_t re;
    if (regcomp(&re, arena_printf(&a, "^(%s)$", pattern), REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool fits = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return fits;
}

static bool matcher_fits(const json_t *m, const json_t *labels)
{
    const char *have = json_string_value(json_object_get(labels, json_str(m, "name", ""))),
               *want = json_str(m, "value", "");
    have = have ? have : "";
    bool same = json_flag(m, "isRegex", false) ? regex_fits(want, have) : str_eq(want, have);
    return same == json_flag(m, "isEqual", true);
}

json_t *yard_silences_of(const json_t *world, const json_t *labels, int64_t now)
{
    json_t *ids = json_array(), *s, *m;
    size_t i, k;
    json_array_foreach(json_object_get(world, "silences"), i, s) {
        bool fits = str_eq(state_of(s, now), "active");
        json_array_foreach(json_object_get(s, "matchers"), k, m)
            fits = fits && matcher_fits(m, labels);
        if (fits)
            json_array_append(ids, json_object_get(s, "id"));
    }
    return ids;
}

/* The filter `name="value"` compares with the silence's own matchers of the same kind. */
static bool filter_fits(const char *filter, const json_t *silence)
{
    const char *op = filter ? strpbrk(filter, "=!") : NULL;
    size_t i;
    json_t *m;
    if (!op)
        return true;
    const char *value = op + strcspn(op, "\"");
    value += *value == '"';
    size_t n = strcspn(value, "\"");
    json_array_foreach(json_object_get(silence, "matchers"), i, m) {
        const char *name = json_str(m, "name", ""), *own = json_str(m, "value", "");
        if (json_flag(m, "isRegex", false) != (op[0] == '=' && op[1] == '~'))
            continue;
        if (strlen(name) == (size_t)(op - filter) && memcmp(name, filter, strlen(name)) == 0 &&
            strlen(own) == n && memcmp(own, value, n) == 0)
            return true;
    }
    return false;
}

/* --- requests ---------------------------------------------------------------------------------------- */

void yard_silences_list(struct call *c)
{
    json_t *all = json_array(), *s;
    size_t i;
    json_array_foreach(json_object_get(c->world, "silences"), i, s)
        if (filter_fits(request_query(c->x, "filter"), s))
            json_array_append_new(all, view_of(s, c->now));
    call_answer(c, 200, all);
}

void yard_silences_show(struct call *c)
{
    const json_t *s = by_id(c->world, c->part[0]);
    if (s)
        call_answer(c, 200, view_of(s, c->now));
    else
        refuse(c, 404, "silence not found");
}

static bool read_time(const json_t *body, const char *name, int64_t *out)
{
    const char *text = json_str(body, name, NULL);
    return text && instant_parse_rfc3339(text, out, NULL);
}

static const char *fault_of(const json_t *body, int64_t from, int64_t to, int64_t now)
{
    size_t i;
    json_t *m;
    bool any = false;
    json_array_foreach(json_object_get(body, "matchers"), i, m) {
        if (!*json_str(m, "name", "") || !json_is_string(json_object_get(m, "value")) ||
            !json_is_boolean(json_object_get(m, "isRegex")))
            return "invalid matcher";
        any = any || !matcher_fits(m, NULL);
    }
    if (i == 0)
        return "matchers in body should have at least 1 items";
    if (!any)
        return "at least one matcher must not match the empty string";
    if (!*json_str(body, "createdBy", "") || !json_is_string(json_object_get(body, "comment")))
        return "createdBy and comment in body are required";
    if (to <= from)
        return "Failed to create silence: start time must be before end time";
    return to <= now ? "Failed to create silence: end time can't be in the past" : NULL;
}

/* Only an end that moves is the same silence still. */
static bool stays_itself(const json_t *old, const json_t *body, int64_t from, int64_t now)
{
    return !str_eq(state_of(old, now), "expired") &&
           json_equal(json_object_get(old, "matchers"), json_object_get(body, "matchers")) &&
           json_int(old, "from", 0) / 1000 == from / 1000;
}

static const char *new_id(struct call *c)
{
    const char *h =
        stable_id(c->a, 32, "silence %zu of %s", json_array_size(json_object_get(c->world, "silences")),
                  yard_secret(c->y, "alertmanager"));
    return arena_printf(c->a, "%.8s-%.4s-4%.3s-8%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20);
}

void yard_silences_post(struct call *c, const char *system, int made)
{
    _cleanup_json_ json_t *body = call_json(c);
    int64_t from = 0, to = 0;
    if (!read_time(body, "startsAt", &from) || !read_time(body, "endsAt", &to)) {
        refuse(c, 400, "startsAt and endsAt in body must be date-times");
        return;
    }
    const char *fault = fault_of(body, from, to, c->now), *id = json_str(body, "id", "");
    json_t *old = *id ? by_id(c->world, id) : NULL;
    if (fault || (*id && !old)) {
        refuse(c, fault ? 400 : 404, fault ? fault : "silence not found");
        return;
    }
    if (old && stays_itself(old, body, from, c->now)) {
        json_object_set_new(old, "to", json_integer(to));
        json_object_set_new(old, "updated", json_integer(c->now));
        json_object_set(old, "comment", json_object_get(body, "comment"));
    } else {
        if (old && json_int(old, "to", 0) > c->now)
            json_object_set_new(old, "to", json_integer(c->now));
        id = new_id(c);
        json_array_append_new(
            json_object_get(c->world, "silences"),
            json_pack("{s:s, s:I, s:I, s:I, s:O, s:O, s:O}", "id", id, "from",
                      (json_int_t)(from < c->now ? c->now : from), "to", (json_int_t)to, "updated",
                      (json_int_t)c->now, "createdBy", json_object_get(body, "createdBy"), "comment",
                      json_object_get(body, "comment"), "matchers", json_object_get(body, "matchers")));
    }
    yard_deed(c->y, system, old ? "silence again" : "silence", old ? "" : json_str(body, "comment", ""));
    call_answer(c, made, json_pack("{s:s}", "silenceID", id));
}

void yard_silences_delete(struct call *c, const char *system)
{
    json_t *s = by_id(c->world, c->part[0]);
    if (!s) {
        refuse(c, 404, "silence not found");
        return;
    }
    if (!str_eq(state_of(s, c->now), "expired")) {
        json_object_set_new(s, "to", json_integer(c->now));
        json_object_set_new(s, "updated", json_integer(c->now));
        yard_deed(c->y, system, "lift silence", json_str(s, "comment", ""));
    }
    call_answer_text(c, 200, NULL, "");
}
