#include "cli/plan_ask.h"

#include "base/buf.h"
#include "base/json.h"
#include "cli/prompt.h"
#include <stdio.h>
#include <string.h>

struct asking {
    struct args *a;
    json_t *catalogue, *page, *plan;
    struct buf command; /* how the same is written */
    struct error *err;
};

/* Names of a list of texts or of objects with an id, for completion. In the arena. */
static const char *const *names_of(const struct asking *q, const json_t *list)
{
    size_t n = json_array_size(list);
    const char **names = ARENA_ARRAY(q->a->arena, n + 1, const char *);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        names[i] = json_is_string(one) ? json_string_value(one) : json_str(one, "id", "?");
    }
    return n > 0 ? names : NULL;
}

/* In single quotes, for a shell. */
static void quoted(struct buf *b, const char *text)
{
    buf_addc(b, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_adds(b, "'\\''");
        else
            buf_addc(b, *text);
    buf_addc(b, '\'');
}

static void note(struct asking *q, const char *option, const char *value)
{
    buf_printf(&q->command, " --%s ", option);
    quoted(&q->command, value);
}

static bool ask(struct asking *q, const struct prompt *p, const char **out)
{
    *out = prompt_line(p, q->a->arena, q->err);
    return *out != NULL;
}

static const json_t *client_of(const struct asking *q, const char *id)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(q->catalogue, "clients"), i, c)
        if (str_eq(json_str(c, "id", ""), id))
            return c;
    return NULL;
}

static bool ask_where(struct asking *q)
{
    const char *client, *env;
    const json_t *clients = json_object_get(q->catalogue, "clients");
    const struct prompt which = {.label = "client",
                                 .fallback =
                                     json_array_size(clients) == 1 ? json_str(clients, "0.id", NULL) : NULL,
                                 .choices = names_of(q, clients),
                                 .only_choices = json_array_size(clients) > 0};
    if (!ask(q, &which, &client))
        return false;
    const json_t *envs = json_object_get(client_of(q, client), "envs");
    const struct prompt where = {.label = "environment",
                                 .fallback = json_is_string(json_array_get(envs, 0))
                                                 ? json_string_value(json_array_get(envs, 0))
                                                 : "prod",
                                 .choices = names_of(q, envs),
                                 .only_choices = json_array_size(envs) > 0};
    if (!ask(q, &where, &env))
        return false;
    json_object_set_new(q->plan, "client", json_string(client));
    json_object_set_new(q->plan, "env", json_string(env));
    note(q, "client", client);
    note(q, "env", env);
    return true;
}

static bool ask_services(struct asking *q)
{
    json_t *list = json_array();
    const json_t *services = json_object_get(q->catalogue, "services");
    json_object_set_new(q->plan, "services", list);
    for (;;) {
        const char *name, *tag;
        const struct prompt which = {.label = json_array_size(list) ? "another service (Enter: no more)"
                                                                    : "service",
                                     .fallback = json_array_size(list) ? "" : NULL,
                                     .choices = names_of(q, services),
                                     .only_choices = json_array_size(services) > 0};
        const struct prompt what = {.label = "  its build tag (24-02-05.619-hotfix.627)"};
        if (!ask(q, &which, &name))
            return false;
        if (!*name)
            return true;
        if (!ask(q, &what, &tag))
            return false;
        json_array_append_new(list, json_pack("{s:s, s:s}", "service", name, "tag", tag));
        note(q, "service", arena_printf(q->a->arena, "%s=%s", name, tag));
    }
}

/* What most plans say, where the page itself says nothing. Severity and risk have none: they are to be thought about. */
static const char *usual(const char *name, const json_t *input)
{
    const json_t *given = json_object_get(input, "default");
    if (json_is_string(given))
        return json_string_value(given);
    if (str_eq(name, "window"))
        return "in 5h for 90m";
    return json_flag(input, "required", false) ? NULL : "";
}

static bool is_option(const char *name)
{
    static const char *const options[] = {"window", "severity", "risk", "reason", "incident"};
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (str_eq(options[i], name))
            return true;
    return false;
}

static bool ask_input(struct asking *q, const json_t *input)
{
    const char *name = json_str(input, "name", "?"), *says = json_str(input, "says", NULL), *value;
    if (str_eq(json_str(input, "type", ""), "services"))
        return ask_services(q);
    const json_t *choices = json_object_get(input, "choices");
    const struct prompt p = {.label = says ? arena_printf(q->a->arena, "%s (%s)", name, says) : name,
                             .fallback = usual(name, input),
                             .choices = names_of(q, choices),
                             .only_choices = json_array_size(choices) > 0};
    if (!ask(q, &p, &value))
        return false;
    if (!*value)
        return true;
    if (is_option(name)) {
        json_object_set_new(q->plan, name, json_string(value));
        note(q, name, value);
        return true;
    }
    if (!json_object_get(q->plan, "inputs"))
        json_object_set_new(q->plan, "inputs", json_object());
    json_object_set_new(json_object_get(q->plan, "inputs"), name, json_string(value));
    note(q, "input", arena_printf(q->a->arena, "%s=%s", name, value));
    return true;
}

static bool ask_all(struct asking *q)
{
    size_t i;
    json_t *input;
    if (!ask_where(q))
        return false;
    json_array_foreach(json_object_get(q->page, "inputs"), i, input)
        if (!ask_input(q, input))
            return false;
    return true;
}

json_t *plan_ask(struct args *a, struct session *s, struct error *err)
{
    const char *sop = opt(a, "sop") ? opt(a, "sop") : "hotfix";
    struct asking q = {.a = a, .err = err};
    q.catalogue = session_call(s, "GET", "/api/v1/catalogue", NULL, err);
    q.page = q.catalogue ? session_call(s, "GET", arena_printf(a->arena, "/api/v1/pages/%s", sop), NULL, err)
                         : NULL;
    q.plan = json_pack("{s:s}", "sop", sop);
    bool ok = q.page && ask_all(&q);
    if (ok)
        printf("\nThe same again: signalbox plan%s\n\n", buf_str(&q.command));
    json_decref(q.catalogue);
    json_decref(q.page);
    buf_free(&q.command);
    if (ok)
        return q.plan;
    json_decref(q.plan);
    return NULL;
}
