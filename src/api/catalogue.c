/* catalogue.c: what a plan can name. */
#include "api/inside.h"

static json_t *client_json(const struct config_client *client)
{
    json_t *envs = json_array();
    for (int i = 0; i < client->n_envs; i++)
        json_array_append_new(envs, json_string(client->envs[i].name));
    return json_pack("{s:s, s:s, s:s, s:o}", "id", client->id, "name", client->name, "zone", client->zone,
                     "envs", envs);
}

void catalogue_show(struct call *c)
{
    const struct config *config = engine_config(c->api->engine);
    json_t *clients = json_array(), *services = json_array();
    for (int i = 0; i < config->n_clients; i++)
        if (visitor_sees(c->api, &c->visitor, config->clients[i].id, NULL))
            json_array_append_new(clients, client_json(&config->clients[i]));
    for (int i = 0; i < config->n_services; i++)
        json_array_append_new(services, json_string(config->services[i].id));
    respond_json(c, 200, json_pack("{s:o, s:o}", "clients", clients, "services", services));
}
