/* The built-in scenario: the clients, services and people of the practice environment, on a night when all
 * goes well. docs/drills.md describes the document. */
#include "base/json.h"
#include "yard/inside.h"
#include <stdio.h>

#define ANSWERED_AFTER_S 2.0 /* whoever is on call notices an alert */

static const struct {
    const char *id, *name, *zone;
} clients[] = {
    {"tangerine", "Tangerine", "America/New_York"},
    {"clementine", "Clementine", "Europe/Berlin"},
    {"pomelo", "Pomelo", "Asia/Tokyo"},
};

static const struct {
    const char *name, *team, *running;
    const char *tags[4]; /* what may be deployed besides */
    int replicas;
} services[] = {
    {"decanting-service",
     "decanting",
     "24-02-05.619",
     {"24-02-05.619-hotfix.627", "24-02-05.619-hotfix.631", "24-01-22.602"},
     4},
    {"fulfillment-service", "fulfillment", "24-02-05.611", {"24-02-05.611-hotfix.612", "24-01-22.598"}, 4},
    {"inventory-service", "inventory", "24-02-05.604", {"24-02-05.604-hotfix.606", "24-01-22.589"}, 4},
    {"notification-service", "platform", "24-02-05.310", {"24-01-22.301"}, 3},
    {"order-service", "orders", "24-02-05.622", {"24-02-05.622-hotfix.624", "24-01-22.607"}, 4},
    {"picking-service", "picking", "24-02-05.615", {"24-02-05.615-hotfix.618", "24-01-22.600"}, 4},
    {"putaway-service", "decanting", "24-02-05.412", {"24-01-22.405"}, 3},
    {"routing-service", "fulfillment", "24-02-05.508", {"24-01-22.497"}, 4},
};

static const struct {
    const char *mail, *name, *roles[4];
} people[] = {
    {"tam.tangerine@example.com", "TAM of Tangerine", {"approve"}},
    {"tam.clementine@example.com", "TAM of Clementine", {"approve"}},
    {"tam.pomelo@example.com", "TAM of Pomelo", {"approve"}},
    {"release.engineer@example.com", "Release Engineer", {"deploy"}},
    {"release.lead@example.com", "Release Lead", {"deploy", "approve"}},
    {"change.manager@example.com", "Change Manager", {"approve", "administer"}},
    {"on-call.production@example.com", "Production on call", {"deploy", "approve"}},
    {"on-call.decanting@example.com", "Decanting on call", {"deploy"}},
    {"on-call.fulfillment@example.com", "Fulfillment on call", {"deploy"}},
    {"on-call.inventory@example.com", "Inventory on call", {"deploy"}},
    {"on-call.orders@example.com", "Orders on call", {"deploy"}},
    {"on-call.picking@example.com", "Picking on call", {"deploy"}},
    {"on-call.platform@example.com", "Platform on call", {"deploy"}},
};

static const struct {
    const char *stage;
    double seconds;
} stages[] = {
    {"Checkout", 1.2}, {"Verify images", 1.8}, {"Deploy", 4}, {"Promote", 0}, {"Smoke test", 3},
};

static json_t *text_list(const char *const *texts)
{
    json_t *list = json_array();
    for (; *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

static json_t *clients_of(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        char mail[64], tam[64], support[64];
        snprintf(mail, sizeof mail, "tam.%s@example.com", clients[i].id);
        snprintf(tam, sizeof tam, "TAM of %s", clients[i].name);
        snprintf(support, sizeof support, "prod-support-%s", clients[i].id);
        json_object_set_new(all, clients[i].id,
                            json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:[s,s]}", "name", clients[i].name,
                                      "zone", clients[i].zone, "tam", "name", tam, "mail", mail, "component",
                                      clients[i].name, "support", support, "envs", "prod", "qa"));
    }
    return all;
}

static json_t *services_of(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT_OF(services); i++)
        json_object_set_new(all, services[i].name,
                            json_pack("{s:s, s:s, s:o, s:i}", "team", services[i].team, "running",
                                      services[i].running, "tags", text_list(services[i].tags), "replicas",
                                      services[i].replicas));
    return all;
}

static json_t *people_of(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        json_t *person = json_pack("{s:s, s:o}", "name", people[i].name, "roles", text_list(people[i].roles));
        if (str_starts(people[i].mail, "on-call."))
            json_object_set_new(person, "answers",
                                json_pack("{s:{s:f}}", "alert", "after", ANSWERED_AFTER_S));
        json_object_set_new(all, people[i].mail, person);
    }
    return all;
}

static json_t *stages_of(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT_OF(stages); i++)
        json_object_set_new(all, stages[i].stage, json_pack("{s:f}", "duration", stages[i].seconds));
    return all;
}

json_t *scenario_make(const json_t *over)
{
    json_t *s = json_pack("{s:s, s:{s:s}, s:o, s:o, s:o, s:{s:f, s:o}, s:[s,s,s]}", "name", "all goes well",
                          "systems", "owners", "csv", "clients", clients_of(), "services", services_of(),
                          "people", people_of(), "jenkins", "quiet", 1.0, "stages", stages_of(), "channels",
                          "change-control", "announcements-change-control", "incident");
    if (json_is_object(over))
        json_merge_patch(s, over);
    return s;
}

json_t *scenario_faults(const json_t *scenario)
{
    json_t *all = json_array();
    for (const struct stand_in *const *kind = stand_ins; *kind; kind++) {
        size_t i;
        json_t *fault;
        const json_t *own = json_path(json_path(scenario, (*kind)->name), "faults");
        json_array_foreach(own, i, fault) {
            json_t *armed = json_deep_copy(fault);
            json_object_set_new(armed, "system", json_string((*kind)->name));
            json_array_append_new(all, armed);
        }
    }
    return all;
}
