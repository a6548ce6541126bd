#include "base/buf.h"
#include "base/json.h"
#include "yard/jira.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* The next word: a name, an operator, a quoted or bare value, a bracket or comma. NULL at the end. */
static const char *word(const char **at, struct arena *a)
{
    const char *p = *at;
    while (isspace((unsigned char)*p))
        p++;
    if (!*p)
        return NULL;
    size_t n;
    if (*p == '"' || *p == '\'') {
        n = strcspn(p + 1, *p == '"' ? "\"" : "'");
        *at = p + 1 + n + (p[1 + n] != '\0');
        return arena_strndup(a, p + 1, n);
    }
    n = strchr("=!~<>", *p) ? strspn(p, "=!~<>") : strchr("(),", *p) ? 1 : strcspn(p, " \t\n=!~<>(),");
    *at = p + n;
    return arena_strndup(a, p, n);
}

static bool is(const char *w, const char *expected)
{
    return w && strcasecmp(w, expected) == 0;
}

static bool holds(const json_t *issue, const char *field, const char *value, bool part)
{
    static const struct {
        const char *field, *path;
    } fields[] = {{"project", "fields.project.key"},
                  {"key", "key"},
                  {"issuekey", "key"},
                  {"id", "id"},
                  {"status", "fields.status.name"},
                  {"statusCategory", "fields.status.statusCategory.key"},
                  {"issuetype", "fields.issuetype.name"},
                  {"type", "fields.issuetype.name"},
                  {"summary", "fields.summary"}};
    size_t i;
    json_t *label;
    if (is(field, "labels")) {
        json_array_foreach(json_path(issue, "fields.labels"), i, label)
            if (str_eq(json_string_value(label), value))
                return true;
        return false;
    }
    for (i = 0; i < COUNT_OF(fields); i++)
        if (is(field, fields[i].field)) {
            const char *has = json_str(issue, fields[i].path, "");
            return part ? strcasestr(has, value) != NULL : strcasecmp(has, value) == 0;
        }
    return false;
}

static bool known_field(const char *field)
{
    static const char *const known[] = {"project",        "key",       "issuekey", "id",      "status",
                                        "statusCategory", "issuetype", "type",     "summary", "labels"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (is(field, known[i]))
            return true;
    return false;
}

/* One condition; `*at` is moved past it. */
static bool condition(const char **at, const char *field, const json_t *issue, struct arena *a,
                      const char **fault)
{
    const char *op = word(at, a), *value;
    bool negated = is(op, "!=") || is(op, "not"), found = false;
    if (is(op, "not"))
        op = word(at, a);
    if (!known_field(field)) {
        *fault =
            arena_printf(a, "Field '%s' does not exist or you do not have permission to view it.", field);
        return false;
    }
    if (is(op, "in")) {
        if (!is(word(at, a), "("))
            *fault = "Error in the JQL Query: Expecting '(' after IN.";
        while ((value = word(at, a)) != NULL && !is(value, ")"))
            found = found || holds(issue, field, value, false);
    } else if (is(op, "=") || is(op, "!=") || is(op, "~")) {
        value = word(at, a);
        if (!value)
            *fault = "Error in the JQL Query: Expecting a value at the end of the query.";
        else
            found = holds(issue, field, value, is(op, "~"));
    } else {
        *fault = arena_printf(a, "Error in the JQL Query: Expecting operator but got '%s'.",
                              op ? op : "the end of the query");
    }
    return found != negated;
}

bool jira_query_fits(const char *jql, const json_t *issue, struct arena *a, const char **fault)
{
    bool fits = true;
    const char *w;
    *fault = NULL;
    while ((w = word(&jql, a)) != NULL && !*fault) {
        if (is(w, "ORDER"))
            break;
        if (is(w, "AND"))
            continue;
        fits = condition(&jql, w, issue, a, fault) && fits;
    }
    return fits && !*fault;
}
