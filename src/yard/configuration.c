/* Signalbox's configuration against a yard, with the files it refers to. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "yard/inside.h"
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files ------------------------------------------------------------------------------------------- */

static bool write_file(const char *dir, const char *name, const char *text, struct error *err)
{
    _cleanup_buf_ struct buf path = {0};
    buf_printf(&path, "%s/%s", dir, name);
    int fd = open(buf_str(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "write %s", buf_str(&path));
    size_t n = strlen(text);
    ssize_t written = write(fd, text, n);
    int wrong = errno;
    if (close(fd) == 0 && written == (ssize_t)n)
        return true;
    return error_errno(err, written < 0 ? wrong : EIO, "write %s", buf_str(&path));
}

static void kubeconfig(const struct yard *y, struct buf *out)
{
    const char *url = yard_url(y, "kubernetes"), *target;
    json_t *targets = json_object_get(yard_world(y, "kubernetes"), "targets"), *t;
    bool first = true;
    buf_adds(out, "apiVersion: v1\nkind: Config\n");
    json_object_foreach(targets, target, t)
        if (first) {
            buf_printf(out, "current-context: %s\n", json_str(t, "context", ""));
            first = false;
        }
    char *ca = base64_encode(y->cert_pem, strlen(y->cert_pem), false);
    buf_adds(out, "clusters:\n");
    json_object_foreach(targets, target, t)
        buf_printf(out,
                   "  - {name: %s, cluster: {server: \"%s/clusters/%s\", certificate-authority-data: %s}}\n",
                   json_str(t, "context", ""), url, json_str(t, "slug", ""), ca);
    free(ca);
    buf_printf(out, "users:\n  - {name: signalbox, user: {token: \"%s\"}}\ncontexts:\n",
               yard_secret(y, "kubernetes"));
    json_object_foreach(targets, target, t)
        buf_printf(out, "  - {name: %s, context: {cluster: %s, user: signalbox, namespace: %s}}\n",
                   json_str(t, "context", ""), json_str(t, "context", ""), json_str(t, "namespace", ""));
}

static void owners(const struct yard *y, struct buf *out)
{
    const char *service;
    json_t *s;
    buf_adds(out, "service,team,channel,schedule,people\n");
    json_object_foreach(json_object_get(yard_scenario(y), "services"), service, s) {
        const char *team = json_str(s, "team", "");
        buf_printf(out, "%s,%s,%s,%s,on-call.%s@example.com\n", service, team, "incident", team, team);
    }
}

static bool write_secret(struct yard *y, const struct place *p, const char *dir, struct error *err)
{
    char *text = p->kind->credential ? p->kind->credential(y, p->world, p->url) : strdup(p->secret);
    bool ok = text && write_file(dir, p->kind->name, text, err);
    free(text);
    return ok;
}

static bool write_files(struct yard *y, const char *dir, struct error *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "make %s", dir);
    for (int i = 0; i < y->n_places; i++)
        if (!write_secret(y, &y->places[i], dir, err))
            return false;
    _cleanup_buf_ struct buf kube = {0}, table = {0};
    kubeconfig(y, &kube);
    owners(y, &table);
    return write_file(dir, "kubeconfig", buf_str(&kube), err) &&
           write_file(dir, "owners.csv", buf_str(&table), err);
}

/* --- YAML -------------------------------------------------------------------------------------------- */

static void add_client(struct buf *out, const char *id, const json_t *c)
{
    size_t i;
    json_t *env;
    buf_printf(out, "  %s:\n    name: %s\n    zone: %s\n    work_week: mon-fri\n    hours: \"08:00-18:00\"\n",
               id, json_str(c, "name", id), json_str(c, "zone", "UTC"));
    buf_printf(
        out, "    tam: {name: %s, mail: %s}\n    components: [%s]\n    channels: {support: %s}\n    envs:\n",
        json_str(c, "tam.name", ""), json_str(c, "tam.mail", ""), json_str(c, "component", ""),
        json_str(c, "support", ""));
    json_array_foreach(json_object_get(c, "envs"), i, env)
        buf_printf(out, "      %s: {%s}\n", json_string_value(env),
                   str_eq(json_string_value(env), "prod") ? "production: true" : "");
}

/* Who is on call is whoever of the scenario's people has "on-call.SCHEDULE" for a mail name. */
static void add_roster(struct buf *out, const json_t *people)
{
    const char *mail;
    json_t *person;
    buf_adds(out, "  pager:\n    driver: roster\n    practice_answer: 2s\n    schedules:\n");
    json_object_foreach((json_t *)(uintptr_t)people, mail, person)
        if (str_starts(mail, "on-call."))
            buf_printf(out, "      %.*s: [%s]\n", (int)strcspn(mail + 8, "@"), mail + 8, mail);
}

static void add_people(struct buf *out, const json_t *people)
{
    const char *mail;
    json_t *person, *role;
    size_t i;
    buf_adds(out, "people:\n");
    json_object_foreach((json_t *)(uintptr_t)people, mail, person) {
        buf_printf(out, "  %s: {name: %s, roles: [", mail, json_str(person, "name", mail));
        json_array_foreach(json_object_get(person, "roles"), i, role)
            buf_printf(out, "%s%s", i ? ", " : "", json_string_value(role));
        buf_adds(out, "]}\n");
    }
    /* Whoever practises here may do everything but approve alone. */
    const struct passwd *me = getpwuid(getuid());
    if (me)
        buf_printf(out, "  %s: {name: You, roles: [see, deploy, approve, administer]}\n", me->pw_name);
}

static void add_catalogue(const struct yard *y, struct buf *out)
{
    const json_t *s = yard_scenario(y);
    const char *id;
    json_t *item;
    buf_adds(out, "clients:\n");
    json_object_foreach(json_object_get(s, "clients"), id, item)
        add_client(out, id, item);
    buf_adds(out, "services:\n");
    json_object_foreach(json_object_get(s, "services"), id, item)
        buf_printf(out, "  %s: {repository: example/%s, team: %s}\n", id, id, json_str(item, "team", ""));
    buf_adds(out, "channels: {change_control: change-control, announcements: announcements-change-control, "
                  "incident: incident}\n");
    add_people(out, json_object_get(s, "people"));
    buf_adds(out, "production_oncall: production\n");
}

char *yard_configuration(struct yard *y, const char *secrets_dir, struct error *err)
{
    _cleanup_buf_ struct buf out = {0};
    char *dir = NULL;
    if (!write_files(y, secrets_dir, err) || !(dir = realpath(secrets_dir, NULL)))
        return NULL;
    buf_adds(&out,
             "# Written by the practice yard: every system here is a stand-in on this machine.\nsystems:\n");
    for (int i = 0; i < y->n_places; i++) {
        const struct place *p = &y->places[i];
        if (p->kind->configure)
            p->kind->configure(y, p->url, dir, &out);
    }
    add_roster(&out, json_object_get(yard_scenario(y), "people"));
    buf_printf(&out, "  owners: {driver: csv, file: %s/owners.csv}\n", dir);
    free(dir);
    add_catalogue(y, &out);
    return buf_steal(&out);
}
