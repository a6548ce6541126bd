/* alerts.c: alerts of the built-in pager. */
#include "api/inside.h"

/* Those of changes that the caller may see. */
static void told_alerts(void *ctx, json_t *answer, const struct error *err)
{
    struct call *c = ctx;
    if (err) {
        call_fail(c, err);
        return;
    }
    json_t *list = json_array(), *alert;
    size_t i;
    json_array_foreach(json_object_get(answer, "alerts"), i, alert) {
        struct error unseen;
        if (caller_change(c, json_str(alert, "change", ""), &unseen))
            json_array_append(list, alert);
    }
    respond_json(c, 200, json_pack("{s:o}", "alerts", list));
}

void alerts_list(struct call *c)
{
    engine_alerts(c->api->engine, told_alerts, c);
}

void alerts_ack(struct call *c)
{
    engine_acknowledge(c->api->engine, json_str(c->body, "alert", ""), c->by, call_told, c);
}
