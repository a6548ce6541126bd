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
    _cleanup_json_ json_t *more = json_object();
    json_t *value;
    const char *name;
    if (p->kind->secrets)
        p->kind->secrets(y, p->world, more);
    json_object_foreach(more, name, value)
        ok = ok && write_file(dir, name, json_string_value(value), err);
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

/* What pages may set otherwise tonight: JSON is YAML. */
static void add_settings(struct buf *out, const json_t *settings)
{
    char *text = json_object_size(settings) ? json_dumps(settings, JSON_COMPACT) : NULL;
    if (text)
        buf_printf(out, "settings: %s\n", text);
    free(text);
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
    add_settings(out, json_object_get(s, "settings"));
}

/* --- which stand-in fills which role ----------------------------------------------------------------- */

/* Who is on call is whoever of the scenario's people has "on-call.SCHEDULE" for a mail name. */
static void add_roster(const struct yard *y, const char *dir, struct buf *out)
{
    char answers[64] = "";
    const char *mail;
    json_t *person;
    (void)dir;
    double answer = json_num(yard_scenario(y), "pager.answer", 2);
    if (answer > 0)
        (void)snprintf(answers, sizeof answers, "    practice_answer: %dms\n", (int)(answer * 1000));
    buf_printf(out, "    driver: roster\n%s    schedules:\n", answers);
    json_object_foreach(json_object_get(yard_scenario(y), "people"), mail, person)
        if (str_starts(mail, "on-call."))
            buf_printf(out, "      %.*s: [%s]\n", (int)strcspn(mail + 8, "@"), mail + 8, mail);
}

static void add_csv(const struct yard *y, const char *dir, struct buf *out)
{
    (void)y;
    buf_printf(out, "    driver: csv\n    file: %s/owners.csv\n", dir);
}

/* What needs no stand-in, because Signalbox brings it along. */
static const struct {
    const char *role, *name;
    void (*configure)(const struct yard *y, const char *dir, struct buf *out);
} built_in[] = {{"pager", "roster", add_roster}, {"owners", "csv", add_csv}};

static const char *const roles[] = {"tickets",  "calendar", "statuspage", "chat",     "pager",
                                    "pipeline", "health",   "cluster",    "releases", "owners"};

static bool add_built_in(const struct yard *y, const char *role, const char *name, const char *dir,
                         struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(built_in); i++)
        if (str_eq(built_in[i].role, role) && str_eq(built_in[i].name, name)) {
            buf_printf(out, "  %s:\n", role);
            built_in[i].configure(y, dir, out);
            return true;
        }
    return str_eq(name, "builtin"); /* what holds when nothing is configured */
}

static bool unknown(const struct yard *y, const char *role, const char *name, struct error *err)
{
    _cleanup_buf_ struct buf known = {0};
    for (int i = 0; i < y->n_places; i++)
        if (str_eq(y->places[i].kind->role, role))
            buf_printf(&known, "%s, ", y->places[i].kind->name);
    for (size_t i = 0; i < COUNT_OF(built_in); i++)
        if (str_eq(built_in[i].role, role))
            buf_printf(&known, "%s, ", built_in[i].name);
    return error_set(err, SB_UNKNOWN, "systems.%s: the yard has no %s there; it has %sbuiltin", role, name,
                     buf_str(&known));
}

static bool add_role(const struct yard *y, const char *role, const char *dir, struct buf *out,
                     struct error *err)
{
    const char *wanted = json_str(json_path(yard_scenario(y), "systems"), role, NULL);
    for (int i = 0; i < y->n_places; i++) {
        const struct place *p = &y->places[i];
        if (!str_eq(p->kind->role, role) || (wanted && !str_eq(wanted, p->kind->name)))
            continue;
        buf_printf(out, "  %s:\n", role);
        p->kind->configure(y, p->url, dir, out);
        return true;
    }
    return !wanted || add_built_in(y, role, wanted, dir, out) || unknown(y, role, wanted, err);
}

static bool add_systems(const struct yard *y, const char *dir, struct buf *out, struct error *err)
{
    const char *role;
    json_t *name;
    json_object_foreach((json_t *)json_path(yard_scenario(y), "systems"), role, name) {
        size_t i = 0;
        while (i < COUNT_OF(roles) && !str_eq(roles[i], role))
            i++;
        if (i == COUNT_OF(roles) || !json_is_string(name))
            return error_set(err, SB_UNKNOWN,
                             "systems.%s: expected a role and the name of its system, as in "
                             "\"pager\": \"pagerduty\"",
                             role);
    }
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (!add_role(y, roles[i], dir, out, err))
            return false;
    return true;
}

char *yard_configuration(struct yard *y, const char *secrets_dir, struct error *err)
{
    _cleanup_buf_ struct buf out = {0};
    char *dir = NULL;
    if (!write_files(y, secrets_dir, err) || !(dir = realpath(secrets_dir, NULL)))
        return NULL;
    buf_adds(&out,
             "# Written by the practice yard: every system here is a stand-in on this machine.\nsystems:\n");
    bool ok = add_systems(y, dir, &out, err);
    free(dir);
    if (!ok)
        return NULL;
    add_catalogue(y, &out);
    return buf_steal(&out);
}
