/* plan.c: from what a person asks for to a change: page, client and services are looked up, facts settled,
 * the first event made. */
#include "base/hash.h"
#include "engine/share.h"

/* What a plan says at its top, besides `inputs`. */
static const char *const plan_keys[] = {"sop",  "client", "env",      "services", "window",   "severity",
                                        "risk", "reason", "incident", "inputs",   "overrule", NULL};
/* Those of them that are inputs when the page has one of that name. */
static const char *const spoken[] = {"services", "window", "severity", "risk", "reason", "incident", NULL};

/* --- facts
 * ----------------------------------------------------------------------------------------------------------------
 */

static json_t *systems_facts(const struct engine *e)
{
    json_t *o = json_object();
    for (int i = 0; i < ROLE_COUNT; i++)
        json_object_set_new(o, role_names[i],
                            e->systems[i] ? json_string(e->systems[i]->driver->name) : json_null());
    /* Not every health system can keep alarms quiet, or draw. */
    const struct system *health = e->systems[ROLE_HEALTH];
    json_object_set_new(o, "silences", json_boolean(health && system_can(health, "silence")));
    json_object_set_new(o, "pictures", json_boolean(health && system_can(health, "picture")));
    return o;
}

static json_t *people_facts(const struct config *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->n_people; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "id", c->people[i].id, "name", c->people[i].name));
    return list;
}

/* What the configuration knows of the services that the plan names. */
static json_t *catalogue(const struct config *c, const json_t *services, struct error *err)
{
    json_t *o = json_object();
    size_t i;
    json_t *s;
    json_array_foreach((json_t *)services, i, s) {
        const char *name = json_str(s, "service", "");
        const struct config_service *known = config_service(c, name, err);
        if (!known) {
            json_decref(o);
            return NULL;
        }
        json_object_set(o, name, known->facts);
    }
    return o;
}

static json_t *base_facts(struct engine *e, const struct config_client *client, const struct config_env *env,
                          const json_t *plan, const char *by, struct error *err)
{
    const struct config *c = e->config;
    json_t *services = catalogue(c, json_object_get(plan, "services"), err);
    if (!services)
        return NULL;
    json_t *base = json_pack(
        "{s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s}, s:O, s:{s:s, s:b}, s:O, s:o, s:o, s:s, s:o, s:O}", "change",
        "id", "HF-?", "client", client->id, "env", env->name, "outcome", "done", "requested_by", by, "reason",
        json_str(plan, "reason", ""), "risk", json_str(plan, "risk", ""), "client", client->facts, "env",
        "name", env->name, "production", env->production, "channels", c->channels, "people", people_facts(c),
        "systems", systems_facts(e), "oncall", c->production_oncall ? c->production_oncall : "", "catalogue",
        services, "settings", c->settings);
    json_object_set_new(base, "overruled", json_object());
    static const char *const loose[] = {"severity", "incident"};
    for (size_t i = 0; i < COUNT_OF(loose); i++) {
        json_t *v = json_object_get(plan, loose[i]);
        if (v)
            json_object_set(i == 0 ? json_object_get(base, "change") : base, loose[i], v);
    }
    return base;
}

static bool page_has_input(const struct procedure *p, const char *name)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (str_eq(p->inputs[i].name, name))
            return true;
    return false;
}

/* The page's inputs, from the top of the plan and from its `inputs`. What the page has no input for, and
 * change.NAME cannot hold, is refused by change_facts. */
static json_t *plan_inputs(const struct procedure *p, const json_t *plan)
{
    const json_t *given = json_object_get(plan, "inputs");
    json_t *inputs = json_is_object(given) ? json_copy((json_t *)given) : json_object();
    for (int i = 0; spoken[i]; i++) {
        json_t *v = json_object_get(plan, spoken[i]);
        bool other = i > 1; /* severity and the like are kept in the change without an input too */
        if (v && !json_object_get(inputs, spoken[i]) && (page_has_input(p, spoken[i]) || !other))
            json_object_set(inputs, spoken[i], v);
    }
    return inputs;
}

static bool check_form(const json_t *plan, struct error *err)
{
    const char *key;
    json_t *v;
    if (!json_is_object(plan))
        return error_set(err, SB_PARSE, "a plan is an object: {client, env, services, window, ...}");
    json_object_foreach((json_t *)plan, key, v) {
        bool known = false;
        for (int i = 0; plan_keys[i]; i++)
            known = known || str_eq(plan_keys[i], key);
        const char *near = known ? NULL : str_near(key, plan_keys);
        if (!known)
            return error_set(err, SB_UNKNOWN,
                             "a plan has no \"%.64s\"%s%s%s; what the page asks for stands under inputs", key,
                             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (!json_is_string(json_object_get(plan, "client")))
        return error_set(err, SB_MISSING, "which client? The plan names none");
    return true;
}

json_t *plan_facts(struct engine *e, const json_t *plan, const char *by, const struct procedure **page,
                   struct error *err)
{
    if (!check_form(plan, err))
        return NULL;
    const struct config_client *client = config_client(e->config, json_str(plan, "client", NULL), err);
    const struct config_env *env =
        client ? config_env(client, json_str(plan, "env", client->envs[0].name), err) : NULL;
    if (!env)
        return NULL;
    if (!may_at(e, by, "deploy", client->id, env->name)) {
        error_set(err, SB_DENIED, "%s may not deploy to %s %s", *by ? by : "somebody unknown", client->id,
                  env->name);
        return NULL;
    }
    struct page_errors errors;
    *page = engine_page(e, json_str(plan, "sop", "hotfix"), &errors);
    if (!*page) {
        *err = errors.list[0];
        return NULL;
    }
    if ((*page)->n_steps == 0) {
        error_set(err, SB_STATE, "%s has no steps: it is a page to read, and no change can follow it",
                  (*page)->file);
        return NULL;
    }
    json_t *base = base_facts(e, client, env, plan, by, err);
    if (!base)
        return NULL;
    json_t *inputs = plan_inputs(*page, plan);
    json_t *facts = change_facts(*page, base, inputs, engine_now(e), client->zone, err);
    json_decref(inputs);
    json_decref(base);
    return facts;
}

/* --- the change
 * ------------------------------------------------------------------------------------------------------------
 */

static void plan_hash(const json_t *plan, const char *by, char out[SHA256_HEX + 1])
{
    char *text = json_canonical(plan);
    sha256_hex2(text, strlen(text), by, strlen(by), out);
    free(text);
}

/* A plan that is looked at before it is shown or kept: rights are those of the moment in which it was asked for. */
struct planning {
    struct engine *e;
    json_t *plan, *facts;
    char *by, *via; /* whoever asked, for when the systems have answered */
    char hash[SHA256_HEX + 1];
    const struct procedure *page;
    bool may[ABOUT_COUNT];
    engine_done_fn *done;
    void *ctx;
};

static void planning_free(void *ctx)
{
    struct planning *p = ctx;
    json_decref(p->plan);
    json_decref(p->facts);
    free(p->by);
    free(p->via);
    free(p);
}

/* NULL with the error when the plan cannot be. */
static struct planning *planning_new(struct engine *e, const json_t *plan, const char *by,
                                     engine_done_fn *done, void *ctx, struct error *err)
{
    const struct procedure *page = NULL;
    json_t *facts =
        overrules_check(json_object_get(plan, "overrule"), err) ? plan_facts(e, plan, by, &page, err) : NULL;
    if (!facts)
        return NULL;
    struct planning *p = NET_NEW(struct planning);
    *p = (struct planning){.e = e,
                           .plan = json_deep_copy(plan),
                           .facts = facts,
                           .by = net_strdup(by),
                           .via = net_strdup(e->asker ? e->asker->via : NULL),
                           .page = page,
                           .done = done,
                           .ctx = ctx};
    overrule_rights(e, by, facts, p->may);
    return p;
}

/* What somebody has overruled is recorded with the plan, each with its reason. */
bool overruled_record(struct ride *r, const json_t *questions, const char *by, struct error *err)
{
    static const char *const keys[] = {"about", "says", "better", NULL};
    size_t i;
    json_t *q;
    json_array_foreach((json_t *)questions, i, q) {
        if (!json_object_get(q, "overruled"))
            continue;
        struct event ev = {.type = EV_OVERRULED, .step = -1, .by = by, .data = json_object()};
        for (int k = 0; keys[k]; k++)
            if (json_object_get(q, keys[k]))
                json_object_set(ev.data, keys[k], json_object_get(q, keys[k]));
        json_object_set(ev.data, "reason", json_object_get(q, "overruled"));
        if (!ride_record(r, &ev, err))
            return false;
    }
    return true;
}

static struct ride *make_change(struct planning *p, const json_t *questions, struct error *err)
{
    struct engine *e = p->e;
    int64_t number;
    if (!page_keep_stored(e, p->page, err) || !store_next_number(e->store, &number, err))
        return NULL;
    _cleanup_arena_ struct arena a = arena_make();
    const char *id = arena_printf(&a, "HF-%lld", (long long)number);
    json_object_set_new(json_object_get(p->facts, "change"), "id", json_string(id));
    struct ride *r = ride_new(e, id, p->page);
    r->plan_hash = net_strdup(p->hash);
    struct event ev = {.type = EV_PLANNED,
                       .step = -1,
                       .by = p->by,
                       .data = json_pack("{s:{s:s, s:s, s:s}, s:O, s:s}", "sop", "name", p->page->name,
                                         "hash", p->page->hash, "source", p->page->file, "facts", p->facts,
                                         "plan_hash", p->hash)};
    if (ride_record(r, &ev, err) && overruled_record(r, questions, p->by, err)) {
        names_put(&e->plans, p->hash, r);
        lane_join(r);
        return r;
    }
    ride_free(r);
    return NULL;
}

/* The same plan by the same person, still open: the answer to it was lost, and is given again. */
static bool is_there_already(struct engine *e, const char *hash, engine_done_fn *done, void *ctx)
{
    const struct ride *same = names_get(&e->plans, hash);
    bool ended = same && same->c && same->c->control.status == CHANGE_ENDED; /* though not durable yet */
    if (!same || same->broken || ended)
        return false;
    reply_later(e, done, ctx, json_pack("{s:s, s:b}", "id", same->id, "already", true), NULL);
    return true;
}

static void plan_known(void *ctx, const struct known_plan *known)
{
    struct planning *p = ctx;
    struct engine *e = p->e;
    struct error err = ERROR_NONE;
    if (is_there_already(e, p->hash, p->done, p->ctx)) { /* while this one was looked at */
        planning_free(p);
        return;
    }
    json_t *questions = plan_questions(e, p->facts, known);
    const struct asker asker = {.name = p->by, .via = p->via};
    engine_asker(e, &asker);
    struct ride *r = questions_settle(questions, json_object_get(p->plan, "overrule"), p->may, &err)
                         ? make_change(p, questions, &err)
                         : NULL;
    engine_asker(e, NULL);
    if (r)
        ride_tell(
            r, p->done, p->ctx,
            json_pack("{s:s, s:O, s:O}", "id", r->id, "questions", questions, "unknown", known->unknown));
    else
        reply_later(e, p->done, p->ctx, NULL, &err);
    json_decref(questions);
    planning_free(p);
}

void engine_plan(struct engine *e, const json_t *plan, const char *by, engine_done_fn *done, void *ctx)
{
    char hash[SHA256_HEX + 1];
    struct error err = ERROR_NONE;
    if (share_act(e, "plan", NULL, plan, by, done, ctx))
        return;
    plan_hash(plan, by, hash);
    if (is_there_already(e, hash, done, ctx))
        return;
    struct planning *p = planning_new(e, plan, by, done, ctx, &err);
    if (!p) {
        reply_later(e, done, ctx, NULL, &err);
        return;
    }
    memcpy(p->hash, hash, sizeof p->hash);
    plan_gather(e, p->facts, p->page, NULL, plan_known, planning_free, p);
}

/* --- the dry run
 * ------------------------------------------------------------------------------------------------------------------- */

static void preview_known(void *ctx, const struct known_plan *known)
{
    struct planning *p = ctx;
    struct error err = ERROR_NONE;
    json_t *questions = plan_questions(p->e, p->facts, known);
    /* Whether it could be kept is part of what is shown. */
    bool settled = questions_settle(questions, json_object_get(p->plan, "overrule"), p->may, &err);
    json_t *out = plan_preview(p->e, p->page, p->facts, p->by, known);
    json_object_set_new(out, "questions", questions);
    json_object_set_new(out, "unknown", json_incref(known->unknown));
    json_object_set_new(out, "blocked", json_boolean(!settled));
    reply_later(p->e, p->done, p->ctx, out, NULL);
    planning_free(p);
}

void engine_preview(struct engine *e, const json_t *plan, const char *by, engine_done_fn *done, void *ctx)
{
    struct error err = ERROR_NONE;
    struct planning *p = planning_new(e, plan, by, done, ctx, &err);
    if (p)
        plan_gather(e, p->facts, p->page, NULL, preview_known, planning_free, p);
    else
        reply_later(e, done, ctx, NULL, &err);
}
