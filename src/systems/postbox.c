/* postbox.c: see postbox.h. */
#include "systems/postbox.h"
#include "base/buf.h"
#include "base/instant.h"
#include <string.h>

/* --- configuration ------------------------------------------------------------------------------ */

static bool read_tls(const struct yaml *config, const char *file, bool *plain, struct error *err)
{
    const char *tls = config_str(config, "tls", "required");
    *plain = str_eq(tls, "none");
    if (*plain || str_eq(tls, "required"))
        return true;
    const struct yaml *at = yaml_get(config, "tls");
    return error_at(err, SB_PARSE, file, at->line, at->column, "tls: expected required or none");
}

static bool read_from(struct postbox *p, const struct yaml *config, const char *file, struct arena *a,
                      struct error *err)
{
    const char *from = config_need(config, file, "from", "the address that mails are from", err);
    if (!from)
        return false;
    const struct yaml *at = yaml_get(config, "from");
    if (!mail_address_ok(from))
        return error_at(err, SB_PARSE, file, at->line, at->column, "from: expected one bare mail address");
    p->from = arena_strdup(a, from);
    p->from_name = arena_strdup(a, config_str(config, "name", "Signalbox"));
    return true;
}

bool postbox_open(struct postbox *p, struct loop *l, const struct yaml *config, const char *file,
                  struct arena *a, struct error *err)
{
    *p = (struct postbox){0};
    int64_t total;
    struct error why = ERROR_NONE;
    struct mailer_options o = {.name = "mail", .user = config_str(config, "user", NULL)};
    o.url = config_need(config, file, "url", "the server, such as smtp://mail.example.com:587", err);
    if (!o.url || !config_secret(config, file, "token", a, &o.secret, err) ||
        !config_duration(config, file, "timeout", SECONDS(60), &total, err) ||
        !read_tls(config, file, &o.plain, err) || !read_from(p, config, file, a, err))
        return false;
    if (!o.user != !o.secret.ref)
        return error_at(err, SB_MISSING, file, config->line, config->column,
                        "\"user\" and \"token\" (a reference to the password) belong together");
    if (total > HOURS(1))
        return error_at(err, SB_RANGE, file, config->line, config->column, "timeout: at most 1h");
    o.total_ms = (int)total;
    o.ca_file = config_str(config, "ca_file", NULL);
    const struct yaml *at = yaml_get(config, "url");
    p->url = arena_strdup(a, o.url);
    p->plain = o.plain;
    p->mailer = mailer_new(l, &o, &why);
    return p->mailer || error_at(err, why.code, file, at->line, at->column, "url: %s", why.text);
}

void postbox_close(struct postbox *p)
{
    mailer_free(p->mailer);
    p->mailer = NULL;
}

/* --- sending ------------------------------------------------------------------------------------ */

static const char *const *everybody(const struct message *m, struct arena *a)
{
    size_t n = 0, k = 0;
    while (m->to[n])
        n++;
    while (m->cc && m->cc[k])
        k++;
    const char **all = ARENA_ARRAY(a, n + k + 1, const char *);
    memcpy(all, m->to, n * sizeof *all);
    if (k)
        memcpy(all + n, m->cc, k * sizeof *all);
    return all;
}

struct mail_call *postbox_send(struct postbox *p, struct message *m, const char *what, mail_done_fn *done,
                               void *ctx, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    m->from = p->from;
    m->from_name = p->from_name;
    const char *text = message_text(m, &a, err);
    if (!text)
        return NULL;
    return mail_send(p->mailer,
                     &(struct mail){.from = p->from, .to = everybody(m, &a), .text = text, .what = what},
                     done, ctx);
}

struct outcome outcome_of_mail(const struct mail_reply *reply)
{
    static const enum outcome_kind kinds[] = {
        [MAIL_TAKEN] = OUTCOME_DONE,
        [MAIL_REFUSED] = OUTCOME_FAILED,
        [MAIL_LATER] = OUTCOME_RETRY,
        [MAIL_UNKNOWN] = OUTCOME_UNKNOWN,
    };
    return (struct outcome){.kind = kinds[reply->kind], .error = reply->error};
}

const char *const *postbox_addresses(const char *text, struct arena *a, json_t *odd)
{
    size_t most = 1;
    for (const char *s = text; *s; s++)
        most += strchr(",; \t\n", *s) != NULL;
    const char **list = ARENA_ARRAY(a, most + 1, const char *);
    size_t n = 0;
    for (text += strspn(text, ",; \t\n"); *text; text += strspn(text, ",; \t\n")) {
        size_t len = strcspn(text, ",; \t\n");
        const char *one = arena_strndup(a, text, len);
        if (mail_address_ok(one))
            list[n++] = one;
        else if (odd)
            json_array_append_new(odd, json_string(one));
        text += len;
    }
    return list;
}
