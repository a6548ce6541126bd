/* config.c: reads the file, from the top key down; each block's reader knows its keys and says what it
 * expected. */
#include "engine/config.h"

#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "sop/staffing.h"
#include "systems/support.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
    struct config *c;
    struct arena *a;
    const char *file;
};

/* --- small readers: each gives the value or says what it expected, and where
 * ---------------------------------- */

static const char *kind_text(const struct yaml *y)
{
    if (y->kind == YAML_MAP)
        return "a map";
    return y->kind == YAML_LIST ? "a list" : "a single value";
}

static bool wrong(const struct reader *r, const struct yaml *y, const char *what, const char *expected,
                  struct error *err)
{
    if (y->kind == YAML_SCALAR)
        return error_at(err, SB_PARSE, r->file, y->line, y->column, "%s: expected %s, found \"%s\"", what,
                        expected, y->text);
    return error_at(err, SB_PARSE, r->file, y->line, y->column, "%s: expected %s, found %s", what, expected,
                    kind_text(y));
}

static bool need_map(const struct reader *r, const struct yaml *y, const char *what, const char *expected,
                     struct error *err)
{
    return y->kind == YAML_MAP || wrong(r, y, what, expected, err);
}

/* A value that is text; `out` keeps its fallback when the key is not there. */
static bool read_text(const struct reader *r, const struct yaml *map, const char *key, const char **out,
                      struct error *err)
{
    const struct yaml *y = yaml_get(map, key);
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR || !*y->text)
        return wrong(r, y, key, "text", err);
    *out = y->text;
    return true;
}

static bool name_is_sane(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > 64 || !isalnum((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_' && *s != '.')
            return false;
    return true;
}

static bool read_name(const struct reader *r, const struct yaml *key, const char *what, struct error *err)
{
    if (name_is_sane(key->text))
        return true;
    return error_at(err, SB_PARSE, r->file, key->line, key->column,
                    "%s: \"%s\": a name is letters, digits, '-', '_' and '.', at most 64 of them", what,
                    key->text);
}

/* Text, or a list of texts. */
static bool check_texts(const struct reader *r, const struct yaml *y, const char *what, struct error *err)
{
    if (y->kind == YAML_SCALAR)
        return true;
    if (y->kind != YAML_LIST)
        return wrong(r, y, what, "a name or a list of names", err);
    for (int i = 0; i < y->n; i++)
        if (y->items[i]->kind != YAML_SCALAR)
            return wrong(r, y->items[i], what, "a name", err);
    return true;
}

static bool check_list(const struct reader *r, const struct yaml *y, const char *what, struct error *err)
{
    if (!y)
        return true;
    return y->kind == YAML_LIST ? check_texts(r, y, what, err) : wrong(r, y, what, "a list", err);
}

static bool read_zone(const struct reader *r, const struct yaml *map, const char **out, struct error *err)
{
    const struct yaml *y = yaml_get(map, "zone");
    if (!y)
        return true;
    if (y->kind != YAML_SCALAR)
        return wrong(r, y, "zone", "a time zone such as Europe/Berlin", err);
    struct error why;
    if (!zone_check(y->text, &why))
        return error_at(err, why.code, r->file, y->line, y->column, "zone: %s", why.text);
    *out = y->text;
    return true;
}

/* --- clients
 * -------------------------------------------------------------------------------------------------- */

static bool check_work_week(const struct reader *r, const struct yaml *y, struct error *err)
{
    struct staffing s;
    if (!y || (y->kind == YAML_SCALAR && staffing_parse(y->text, "08:00-18:00", &s, NULL)))
        return true;
    return wrong(r, y, "work_week", "two days such as mon-fri", err);
}

static bool check_hours(const struct reader *r, const struct yaml *y, struct error *err)
{
    struct staffing s;
    if (!y || (y->kind == YAML_SCALAR && staffing_parse("mon-fri", y->text, &s, NULL)))
        return true;
    return wrong(r, y, "hours", "staffed hours such as 08:00-18:00", err);
}

static bool read_envs(const struct reader *r, const struct yaml *y, struct config_client *out,
                      struct error *err)
{
    static const char *const keys[] = {"production", NULL};
    if (!y) {
        out->envs = ARENA_ARRAY(r->a, 1, struct config_env);
        out->envs[0] = (struct config_env){"prod", true};
        out->n_envs = 1;
        return true;
    }
    if (!need_map(r, y, "envs", "a map of environments, such as prod: {production: true}", err))
        return false;
    if (y->n == 0)
        return wrong(r, y, "envs", "at least one environment", err);
    out->envs = ARENA_ARRAY(r->a, (size_t)y->n, struct config_env);
    out->n_envs = y->n;
    for (int i = 0; i < y->n; i++) {
        const struct yaml *env = y->items[i], *production = yaml_get(env, "production");
        if (!read_name(r, y->keys[i], "environment", err) ||
            !need_map(r, env, y->keys[i]->text, "a map such as {production: true}", err) ||
            !yaml_only(env, r->file, "environment", keys, err))
            return false;
        out->envs[i] = (struct config_env){.name = y->keys[i]->text};
        if (!production)
            continue;
        if (production->kind != YAML_SCALAR ||
            (!str_eq(production->text, "true") && !str_eq(production->text, "false")))
            return wrong(r, production, "production", "true or false", err);
        out->envs[i].production = str_eq(production->text, "true");
    }
    return true;
}

/* What expressions see: the block as written, with what was left out filled in. */
static json_t *client_facts(const struct config_client *c, const struct yaml *y)
{
    json_t *facts = y ? yaml_to_json(y) : json_object();
    const json_t *more = json_object_get(facts, "facts");
    if (more)
        json_object_update_missing(facts, (json_t *)more);
    json_object_del(facts, "facts");
    json_object_del(facts, "envs");
    json_object_set_new(facts, "id", json_string(c->id));
    json_object_set_new(facts, "name", json_string(c->name));
    json_object_set_new(facts, "zone", json_string(c->zone));
    json_object_set_new(facts, "work_week", json_string(c->work_week));
    json_object_set_new(facts, "hours", json_string(c->hours));
    if (!json_object_get(facts, "components"))
        json_object_set_new(facts, "components", json_array());
    if (!json_object_get(facts, "channels"))
        json_object_set_new(facts, "channels", json_object());
    return facts;
}

static bool check_channels(const struct reader *r, const struct yaml *y, struct error *err)
{
    if (!y)
        return true;
    if (!need_map(r, y, "channels", "a map of channels, such as support: prod-support-acme", err))
        return false;
    for (int i = 0; i < y->n; i++)
        if (!check_texts(r, y->items[i], y->keys[i]->text, err))
            return false;
    return true;
}

static bool check_tam(const struct reader *r, const struct yaml *y, struct error *err)
{
    static const char *const keys[] = {"name", "mail", "phone", "chat", NULL};
    if (!y)
        return true;
    const char *mail = NULL;
    if (!need_map(r, y, "tam", "a map {name, mail}", err) || !yaml_only(y, r->file, "tam", keys, err) ||
        !read_text(r, y, "mail", &mail, err))
        return false;
    if (mail && !strchr(mail, '@'))
        return wrong(r, yaml_get(y, "mail"), "mail", "a mail address", err);
    return true;
}

static bool read_client(const struct reader *r, const struct yaml *key, const struct yaml *y,
                        struct config_client *out, struct error *err)
{
    static const char *const keys[] = {"name",       "zone",     "work_week", "hours", "tam",
                                       "components", "channels", "envs",      "facts", NULL};
    *out = (struct config_client){.id = key->text,
                                  .name = key->text,
                                  .zone = r->c->zone,
                                  .work_week = "mon-fri",
                                  .hours = "08:00-18:00"};
    if (!read_name(r, key, "client", err) ||
        !need_map(r, y, key->text, "a map that describes the client", err) ||
        !yaml_only(y, r->file, "client", keys, err) || !read_text(r, y, "name", &out->name, err) ||
        !read_zone(r, y, &out->zone, err) || !check_work_week(r, yaml_get(y, "work_week"), err) ||
        !check_hours(r, yaml_get(y, "hours"), err) || !check_tam(r, yaml_get(y, "tam"), err) ||
        !check_list(r, yaml_get(y, "components"), "components", err) ||
        !check_channels(r, yaml_get(y, "channels"), err) || !read_envs(r, yaml_get(y, "envs"), out, err))
        return false;
    if (yaml_get(y, "facts") && !need_map(r, yaml_get(y, "facts"), "facts", "a map of names to values", err))
        return false;
    if (yaml_get(y, "work_week"))
        out->work_week = yaml_str(y, "work_week");
    if (yaml_get(y, "hours"))
        out->hours = yaml_str(y, "hours");
    out->facts = client_facts(out, y);
    return true;
}

static bool read_clients(const struct reader *r, const struct yaml *y, struct error *err)
{
    if (!y)
        return true;
    if (!need_map(r, y, "clients", "a map of clients by id", err))
        return false;
    r->c->clients = ARENA_ARRAY(r->a, (size_t)y->n, struct config_client);
    for (int i = 0; i < y->n; i++, r->c->n_clients++)
        if (!read_client(r, y->keys[i], y->items[i], &r->c->clients[i], err))
            return false;
    return true;
}

/* --- services, people
 * ------------------------------------------------------------------------------------------- */

static bool read_services(const struct reader *r, const struct yaml *y, struct error *err)
{
    static const char *const keys[] = {"name", "repository", "team", "image", "facts", NULL};
    static const char *const texts[] = {"name", "repository", "team", "image"};
    if (!y)
        return true;
    if (!need_map(r, y, "services", "a map of services by id", err))
        return false;
    r->c->services = ARENA_ARRAY(r->a, (size_t)y->n, struct config_service);
    for (int i = 0; i < y->n; i++, r->c->n_services++) {
        const struct yaml *one = y->items[i];
        if (!read_name(r, y->keys[i], "service", err) ||
            !need_map(r, one, y->keys[i]->text, "a map such as {repository: acme/shop, team: shop}", err) ||
            !yaml_only(one, r->file, "service", keys, err))
            return false;
        for (size_t k = 0; k < COUNT_OF(texts); k++) {
            const char *text = NULL;
            if (!read_text(r, one, texts[k], &text, err))
                return false;
        }
        json_t *facts = yaml_to_json(one);
        json_object_update_missing(facts, json_object_get(facts, "facts"));
        json_object_del(facts, "facts");
        r->c->services[i] = (struct config_service){.id = y->keys[i]->text, .facts = facts};
    }
    return true;
}

static const char *const role_words[] = {"see", "deploy", "approve", "administer", NULL};

static bool known_client(const struct config *c, const char *id)
{
    for (int i = 0; i < c->n_clients; i++)
        if (str_eq(c->clients[i].id, id))
            return true;
    return c->n_clients == 0;
}

static bool unknown_client(const struct reader *r, const struct yaml *y, struct error *err)
{
    const char **ids = ARENA_ARRAY(r->a, (size_t)r->c->n_clients + 1, const char *);
    for (int k = 0; k < r->c->n_clients; k++)
        ids[k] = r->c->clients[k].id;
    const char *near = str_near(y->text, ids);
    return error_at(err, SB_UNKNOWN, r->file, y->line, y->column, "there is no client \"%s\"%s%s%s", y->text,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool check_role_clients(const struct reader *r, const struct yaml *y, struct error *err)
{
    if (!check_list(r, y, "clients", err))
        return false;
    for (int i = 0; y && i < y->n; i++)
        if (!known_client(r->c, y->items[i]->text))
            return unknown_client(r, y->items[i], err);
    return true;
}

/* "deploy", or {role: deploy, clients: [...], envs: [...]}. Words of the pages' own ("tam") are roles too. */
static bool check_role(const struct reader *r, const struct yaml *y, struct error *err)
{
    static const char *const keys[] = {"role", "clients", "envs", NULL};
    const struct yaml *word = y->kind == YAML_MAP ? yaml_get(y, "role") : y;
    if (y->kind == YAML_MAP && !yaml_only(y, r->file, "role", keys, err))
        return false;
    if (!word || word->kind != YAML_SCALAR || !name_is_sane(word->text))
        return wrong(r, word ? word : y, "role",
                     "see, deploy, approve, administer or a word that the pages use", err);
    const char *near = str_near(word->text, role_words);
    if (near && !str_eq(near, word->text))
        return error_at(err, SB_UNKNOWN, r->file, word->line, word->column,
                        "there is no role \"%s\"; did you mean \"%s\"?", word->text, near);
    if (y->kind != YAML_MAP)
        return true;
    return check_role_clients(r, yaml_get(y, "clients"), err) &&
           check_list(r, yaml_get(y, "envs"), "envs", err);
}

static bool read_people(const struct reader *r, const struct yaml *y, struct error *err)
{
    static const char *const keys[] = {"name", "roles", NULL};
    if (!y)
        return true;
    if (!need_map(r, y, "people", "a map of people by mail address or login name", err))
        return false;
    r->c->people = ARENA_ARRAY(r->a, (size_t)y->n, struct config_person);
    for (int i = 0; i < y->n; i++, r->c->n_people++) {
        const struct yaml *one = y->items[i], *roles = yaml_get(one, "roles");
        struct config_person *p = &r->c->people[i];
        *p = (struct config_person){.id = y->keys[i]->text, .name = y->keys[i]->text};
        if (!need_map(r, one, p->id, "a map such as {name: ..., roles: [deploy]}", err) ||
            !yaml_only(one, r->file, "person", keys, err) || !read_text(r, one, "name", &p->name, err))
            return false;
        if (roles && roles->kind != YAML_LIST)
            return wrong(r, roles, "roles", "a list such as [deploy, approve]", err);
        for (int k = 0; roles && k < roles->n; k++)
            if (!check_role(r, roles->items[k], err))
                return false;
        p->roles = roles ? yaml_to_json(roles) : json_array();
    }
    return true;
}

/* --- systems
 * ---------------------------------------------------------------------------------------------------- */

static const char **driver_names(const struct reader *r, enum role role)
{
    int n = 0;
    while (drivers[n])
        n++;
    const char **names = ARENA_ARRAY(r->a, (size_t)n + 1, const char *);
    int k = 0;
    for (int i = 0; i < n; i++)
        if (drivers[i]->role == role)
            names[k++] = drivers[i]->name;
    return names;
}

static bool unknown_driver(const struct reader *r, const struct yaml *y, enum role role, struct error *err)
{
    _cleanup_buf_ struct buf all = {0};
    const char **names = driver_names(r, role);
    const char *near = str_near(y->text, names);
    for (int i = 0; names[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    if (near)
        return error_at(err, SB_UNKNOWN, r->file, y->line, y->column,
                        "%s: there is no driver \"%s\"; did you mean \"%s\"?", role_names[role], y->text,
                        near);
    return error_at(err, SB_UNKNOWN, r->file, y->line, y->column,
                    "%s: there is no driver \"%s\"; there are: %s", role_names[role], y->text,
                    all.len ? buf_str(&all) : "none");
}

static bool check_driver_keys(const struct reader *r, const struct driver *d, const struct yaml *y,
                              struct error *err)
{
    size_t n = 0;
    while (d->keys && d->keys[n])
        n++;
    const char **allowed = ARENA_ARRAY(r->a, n + 2, const char *);
    for (size_t i = 0; i < n; i++)
        allowed[i] = d->keys[i];
    allowed[n] = "driver";
    return yaml_only(y, r->file, d->name, allowed, err);
}

static bool read_systems(const struct reader *r, const struct yaml *y, struct error *err)
{
    const char *roles[ROLE_COUNT + 1] = {0};
    for (int i = 0; i < ROLE_COUNT; i++) {
        roles[i] = role_names[i];
        r->c->systems[i].role = (enum role)i;
        const struct driver *d = driver_builtin((enum role)i);
        r->c->systems[i].driver = d ? d->name : NULL;
    }
    if (!y)
        return true;
    if (!need_map(r, y, "systems", "a map of roles, such as pipeline: {driver: jenkins, ...}", err) ||
        !yaml_only(y, r->file, "systems", roles, err))
        return false;
    for (int i = 0; i < ROLE_COUNT; i++) {
        const struct yaml *one = yaml_get(y, roles[i]);
        if (!one)
            continue;
        if (!need_map(r, one, roles[i], "a map that begins with its driver", err))
            return false;
        const struct yaml *name = yaml_get(one, "driver");
        if (!name)
            return error_at(err, SB_MISSING, r->file, one->line, one->column,
                            "%s: which driver? Write driver: NAME", roles[i]);
        if (name->kind != YAML_SCALAR)
            return wrong(r, name, "driver", "the name of a driver", err);
        const struct driver *d = driver_find((enum role)i, name->text);
        if (!d)
            return unknown_driver(r, name, (enum role)i, err);
        if (!check_driver_keys(r, d, one, err))
            return false;
        r->c->systems[i] = (struct config_system){.role = (enum role)i, .driver = d->name, .yaml = one};
    }
    return true;
}

/* --- the rest, and the whole
 * ------------------------------------------------------------------------------------ */

static const char *default_state_dir(struct arena *a)
{
    const char *dir = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (dir && *dir == '/')
        return arena_strdup(a, dir);
    if (xdg && *xdg == '/')
        return arena_printf(a, "%s/signalbox", xdg);
    if (home && *home == '/')
        return arena_printf(a, "%s/.local/state/signalbox", home);
    return "/var/lib/signalbox";
}

/* A path in the file is relative to the file's folder, not to where somebody stands. */
static const char *beside(const struct reader *r, const char *path)
{
    const char *slash = strrchr(r->file, '/');
    if (*path == '/' || !slash)
        return path;
    return arena_printf(r->a, "%.*s/%s", (int)(slash - r->file), r->file, path);
}

static bool read_pages(const struct reader *r, const struct yaml *y, struct error *err)
{
    r->c->page_dirs = ARENA_ARRAY(r->a, y && y->kind == YAML_LIST ? (size_t)y->n + 1 : 1, const char *);
    if (!check_list(r, y, "pages", err))
        return false;
    for (int i = 0; y && i < y->n; i++)
        r->c->page_dirs[i] = beside(r, y->items[i]->text);
    return true;
}

static bool read_poll(const struct reader *r, const struct yaml *y, struct error *err)
{
    r->c->poll_ms = 2000;
    if (!y)
        return true;
    int64_t ms;
    struct error why;
    if (y->kind != YAML_SCALAR || !duration_parse(y->text, &ms, &why))
        return wrong(r, y, "poll", "a duration such as 2s", err);
    if (ms < 50 || ms > MINUTES(10))
        return error_at(err, SB_RANGE, r->file, y->line, y->column, "poll: %s: between 50ms and 10m",
                        y->text);
    r->c->poll_ms = (int)ms;
    return true;
}

static bool read_free_map(const struct reader *r, const struct yaml *y, const char *key, json_t **out,
                          struct error *err)
{
    if (y && !need_map(r, y, key, "a map of names to values", err))
        return false;
    *out = y ? yaml_to_json(y) : json_object();
    return true;
}

static bool read_state(const struct reader *r, const struct yaml *y, struct error *err)
{
    const char *state = NULL;
    if (!read_text(r, y, "state", &state, err))
        return false;
    r->c->state_dir = state ? beside(r, state) : default_state_dir(r->a);
    return true;
}

static bool known_env(const struct config *c, const char *env)
{
    for (int i = 0; i < c->n_clients; i++)
        for (int k = 0; k < c->clients[i].n_envs; k++)
            if (str_eq(c->clients[i].envs[k].name, env))
                return true;
    return c->n_clients == 0;
}

/* A freeze of a client or an environment that does not exist would never be met. */
static bool check_freeze_names(const struct reader *r, const struct yaml *y, struct error *err)
{
    for (int i = 0; y && i < y->n; i++) {
        const struct yaml *clients = yaml_get(y->items[i], "clients"), *envs = yaml_get(y->items[i], "envs");
        for (int k = 0; clients && k < clients->n; k++)
            if (!known_client(r->c, clients->items[k]->text))
                return unknown_client(r, clients->items[k], err);
        for (int k = 0; envs && k < envs->n; k++)
            if (!known_env(r->c, envs->items[k]->text))
                return error_at(err, SB_UNKNOWN, r->file, envs->items[k]->line, envs->items[k]->column,
                                "no client has an environment \"%s\"", envs->items[k]->text);
    }
    return true;
}

static bool read_all(const struct reader *r, const struct yaml *y, struct error *err)
{
    static const char *const keys[] = {"state",    "zone",     "poll",     "pages",   "systems",
                                       "clients",  "services", "channels", "people",  "production_oncall",
                                       "settings", "serve",    "sign_in",  "freezes", "questions",
                                       "seal_key", "store",    NULL};
    struct config *c = r->c;
    c->zone = "UTC";
    return (!y || (need_map(r, y, "configuration", "a map", err) &&
                   yaml_only(y, r->file, "configuration", keys, err))) &&
           read_state(r, y, err) && config_store_read(yaml_get(y, "store"), r->file, r->a, &c->store, err) &&
           read_zone(r, y, &c->zone, err) && read_poll(r, yaml_get(y, "poll"), err) &&
           read_pages(r, yaml_get(y, "pages"), err) && read_systems(r, yaml_get(y, "systems"), err) &&
           read_clients(r, yaml_get(y, "clients"), err) && read_services(r, yaml_get(y, "services"), err) &&
           check_channels(r, yaml_get(y, "channels"), err) &&
           read_free_map(r, yaml_get(y, "channels"), "channels", &c->channels, err) &&
           freezes_read(yaml_get(y, "freezes"), r->file, r->a, &c->freezes, err) &&
           check_freeze_names(r, yaml_get(y, "freezes"), err) && read_people(r, yaml_get(y, "people"), err) &&
           read_text(r, y, "production_oncall", &c->production_oncall, err) &&
           config_secret(y, r->file, "seal_key", r->a, &c->seal_key, err) &&
           config_read_access(&c->access, y, r->file, r->a, err) &&
           read_free_map(r, yaml_get(y, "settings"), "settings", &c->settings, err) &&
           config_questions_read(yaml_get(y, "questions"), r->file, c->questions, err);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n_clients; i++)
        json_decref(c->clients[i].facts);
    for (struct config_made *m = *c->made; m; m = m->next) {
        json_decref(m->client.facts);
        json_decref(m->service.facts);
    }
    for (int i = 0; i < c->n_services; i++)
        json_decref(c->services[i].facts);
    for (int i = 0; i < c->n_people; i++)
        json_decref(c->people[i].roles);
    json_decref(c->channels);
    json_decref(c->settings);
    c->n_clients = c->n_services = c->n_people = 0;
    *c->made = NULL;
    c->channels = c->settings = NULL;
}

struct config *config_read(const char *path, struct arena *a, struct error *err)
{
    struct config *c = ARENA_NEW(a, struct config);
    c->arena = a;
    c->made = ARENA_NEW(a, struct config_made *);
    c->file = path ? arena_strdup(a, path) : "";
    const struct yaml *y = NULL;
    if (path && !(y = yaml_parse_file(c->file, a, err)))
        return NULL;
    struct reader r = {.c = c, .a = a, .file = c->file};
    if (read_all(&r, y, err))
        return c;
    config_free(c);
    return NULL;
}
