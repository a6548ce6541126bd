/* alerts.c: alerts of the built-in pager. */
#include "api/inside.h"

void alerts_list(struct call *c)
{
    engine_alerts(c->api->engine, call_told, c);
}

void alerts_ack(struct call *c)
{
    engine_acknowledge(c->api->engine, json_str(c->body, "alert", ""), c->by, call_told, c);
}
