/* alerts.c: alerts of the built-in pager: which there are, and that somebody has taken one. */
#include "engine/inside.h"
#include "systems/documents.h"

enum { ALERTS_MOST = 500 };

/* One question: which alerts are there, or an acknowledgement on its way. */
struct alerts {
    struct engine *e;
    struct asker asker; /* whoever asked, for when the list has come */
    char *by, *about;   /* a change's id or an alert's; NULL = only look */
    json_t *taken;      /* ids that are durable */
    struct error error;
    int left;
    engine_done_fn *done;
    void *ctx;
};

static void alerts_end(struct alerts *q, json_t *answer)
{
    if (!q->e->closing)
        reply_later(q->e, q->done, q->ctx, answer, answer ? NULL : &q->error);
    else
        json_decref(answer);
    json_decref(q->taken);
    json_decref((json_t *)(uintptr_t)q->asker.only);
    free(q->by);
    free(q->about);
    free(q);
}

static bool is_open(const json_t *alert)
{
    return str_eq(json_str(alert, "status", ""), "open");
}

static bool is_about(const struct alerts *q, const json_t *alert)
{
    return str_eq(json_str(alert, "id", ""), q->about) || str_eq(json_str(alert, "change", ""), q->about);
}

/* Whoever was called may take it, and whoever may deploy there. */
static bool may_take(const struct alerts *q, const json_t *alert, struct error *err)
{
    size_t i;
    json_t *person;
    json_array_foreach(json_object_get(alert, "people"), i, person)
        if (*q->by && asker_within(&q->asker, "deploy", NULL, NULL) &&
            (str_eq(json_str(person, "mail", ""), q->by) || str_eq(json_str(person, "name", ""), q->by)))
            return true;
    const struct ride *r = ride_of(q->e, json_str(alert, "change", ""), err);
    return r && may(q->e, r->c, q->by, "deploy", err);
}

static void taken(void *ctx, json_t *doc, const struct error *err)
{
    struct alerts *q = ctx;
    if (doc)
        json_array_append_new(q->taken, json_string(json_str(doc, "id", "")));
    else
        q->error = *err;
    if (--q->left > 0)
        return;
    if (json_array_size(q->taken) == 0)
        alerts_end(q, NULL);
    else
        alerts_end(q, json_pack("{s:O, s:s, s:I}", "acknowledged", q->taken, "by", q->by, "at",
                                (json_int_t)engine_now(q->e)));
}

static void take(struct alerts *q, const json_t *alert)
{
    _cleanup_json_ json_t *patch = json_pack("{s:s, s:s, s:I}", "status", "acknowledged", "by", q->by, "at",
                                             (json_int_t)engine_now(q->e));
    q->left++;
    store_doc_patch(q->e->store, KEPT_ALERT, json_str(alert, "id", ""), patch, taken, q);
}

static void take_all(struct alerts *q, const json_t *docs)
{
    size_t i;
    json_t *alert;
    bool known = false;
    q->left = 1; /* held until all have been asked for */
    error_set(&q->error, SB_STATE, "no alert of %s is open", q->about);
    json_array_foreach((json_t *)docs, i, alert) {
        known = known || is_about(q, alert);
        if (is_about(q, alert) && is_open(alert) && may_take(q, alert, &q->error))
            take(q, alert);
    }
    if (!known)
        error_set(&q->error, SB_UNKNOWN, "there is no alert of \"%.64s\"", q->about);
    if (--q->left == 0)
        alerts_end(q, NULL);
}

static void listed(void *ctx, json_t *docs, const struct error *err)
{
    struct alerts *q = ctx;
    struct engine *e = q->e;
    if (!docs) {
        q->error = *err;
        alerts_end(q, NULL);
    } else if (q->about) {
        engine_asker(q->e, &q->asker);
        take_all(q, docs); /* may free q */
        engine_asker(e, NULL);
    } else {
        alerts_end(q, json_pack("{s:O}", "alerts", docs));
    }
}

static void ask(struct engine *e, const char *about, const char *by, engine_done_fn *done, void *ctx)
{
    struct alerts *q = NET_NEW(struct alerts);
    *q = (struct alerts){.e = e,
                         .by = net_strdup(by),
                         .about = net_strdup(about),
                         .taken = json_array(),
                         .done = done,
                         .ctx = ctx};
    q->asker = asker_named(e, q->by);
    q->asker.name = q->by;
    q->asker.via = NULL;
    json_incref((json_t *)(uintptr_t)q->asker.only);
    const struct system *pager = e->systems[ROLE_PAGER];
    if (pager && str_eq(pager->driver->name, "roster")) {
        store_doc_list(e->store, KEPT_ALERT, ALERTS_MOST, listed, q);
        return;
    }
    error_set(&q->error, SB_STATE, "alerts go through %s: they are listed and acknowledged there",
              pager ? pager->driver->name : "no pager");
    alerts_end(q, NULL);
}

void engine_alerts(struct engine *e, engine_done_fn *done, void *ctx)
{
    ask(e, NULL, "", done, ctx);
}

void engine_acknowledge(struct engine *e, const char *about, const char *by, engine_done_fn *done, void *ctx)
{
    ask(e, about, by, done, ctx);
}
