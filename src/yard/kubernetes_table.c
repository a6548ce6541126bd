/* The tables that kubectl asks the API server to lay out for it. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "yard/kubernetes.h"
#include <stdio.h>

static json_t *column(const char *name, const char *type)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "type", type, "format", "", "description",
                     name, "priority", 0);
}

static json_t *age_of(const json_t *object, int64_t now)
{
    int64_t born = now;
    if (!instant_parse_rfc3339(json_str(object, "metadata.creationTimestamp", ""), &born, NULL))
        return json_string("<unknown>");
    long long s = (now - born) / 1000;
    char text[32];
    if (s < 120)
        snprintf(text, sizeof text, "%llds", s);
    else if (s < 7200)
        snprintf(text, sizeof text, "%lldm", s / 60);
    else if (s < 2 * 86400)
        snprintf(text, sizeof text, "%lldh", s / 3600);
    else
        snprintf(text, sizeof text, "%lldd", s / 86400);
    return json_string(text);
}

static json_t *pod_row(const json_t *pod)
{
    const json_t *status = json_path(pod, "status.containerStatuses.0");
    const char *word = json_str(status, "state.waiting.reason", json_str(pod, "status.phase", ""));
    if (json_path(pod, "metadata.deletionTimestamp"))
        word = "Terminating";
    return json_pack("[s, s, s, I]", json_str(pod, "metadata.name", ""),
                     json_flag(status, "ready", false) ? "1/1" : "0/1", word,
                     (json_int_t)json_int(status, "restartCount", 0));
}

static json_t *deployment_row(const json_t *d)
{
    char ready[48];
    snprintf(ready, sizeof ready, "%lld/%lld", (long long)json_int(d, "status.readyReplicas", 0),
             (long long)json_int(d, "spec.replicas", 0));
    return json_pack("[s, s, I, I]", json_str(d, "metadata.name", ""), ready,
                     (json_int_t)json_int(d, "status.updatedReplicas", 0),
                     (json_int_t)json_int(d, "status.availableReplicas", 0));
}

static json_t *event_row(const json_t *e)
{
    char object[192];
    snprintf(object, sizeof object, "pod/%s", json_str(e, "involvedObject.name", ""));
    return json_pack("[s, s, s, s]", json_str(e, "type", ""), json_str(e, "reason", ""), object,
                     json_str(e, "message", ""));
}

static json_t *plain_row(const json_t *object)
{
    return json_pack("[s]", json_str(object, "metadata.name", ""));
}

static const struct {
    const char *kind;
    const char *columns[5];
    json_t *(*row)(const json_t *object);
} tables[] = {
    {"Pod", {"Name", "Ready", "Status", "Restarts"}, pod_row},
    {"Deployment", {"Name", "Ready", "Up-to-date", "Available"}, deployment_row},
    {"Event", {"Type", "Reason", "Object", "Message"}, event_row},
    {NULL, {"Name"}, plain_row},
};

json_t *kube_table(const struct kind *kind, json_t *list, int64_t now)
{
    size_t t = 0, i;
    while (tables[t].kind && !str_eq(tables[t].kind, kind->name))
        t++;
    json_t *columns = json_array(), *rows = json_array(), *item;
    for (const char *const *name = tables[t].columns; *name; name++)
        json_array_append_new(columns, column(*name, name == tables[t].columns ? "name" : "string"));
    json_array_append_new(columns, column("Age", "string"));
    json_array_foreach(json_object_get(list, "items"), i, item) {
        json_t *cells = tables[t].row(item);
        json_array_append_new(cells, age_of(item, now));
        json_array_append_new(rows, json_pack("{s:o, s:{s:s, s:s, s:O}}", "cells", cells, "object", "kind",
                                              "PartialObjectMetadata", "apiVersion", "meta.k8s.io/v1",
                                              "metadata", json_object_get(item, "metadata")));
    }
    json_t *table =
        json_pack("{s:s, s:s, s:O, s:o, s:o}", "kind", "Table", "apiVersion", "meta.k8s.io/v1", "metadata",
                  json_object_get(list, "metadata"), "columnDefinitions", columns, "rows", rows);
    json_decref(list);
    return table;
}
