/* postbox.h: a mail server as the configuration names it, and who mails are from; for drivers that send mail. */
#ifndef SB_SYSTEMS_POSTBOX_H
#define SB_SYSTEMS_POSTBOX_H

#include "net/mail.h"
#include "net/message.h"
#include "systems/support.h"

struct postbox {
    struct mailer *mailer;
    const char *from, *from_name; /* in the arena that it was opened with */
    const char *url;
    bool plain;
};

/* "url" (smtp:// or smtps://), "user" and "token" (together, or neither), "from", "name" (optional), "ca_file",
 * "timeout", and "tls: none" for a relay without it. Errors with file and line. */
#define CONFIG_MAIL_KEYS "url", "user", "token", "from", "name", "ca_file", "timeout", "tls"
MUST_USE bool postbox_open(struct postbox *p, struct loop *l, const struct yaml *config, const char *file,
                           struct arena *a, struct error *err);
void postbox_close(struct postbox *p);

/* Sends one message; NULL with the reason when it cannot be made. `m->from` and `from_name` are filled in. */
struct mail_call *postbox_send(struct postbox *p, struct message *m, const char *what, mail_done_fn *done,
                               void *ctx, struct error *err);
/* DONE, FAILED, RETRY or UNKNOWN, as SMTP's answer means. */
struct outcome outcome_of_mail(const struct mail_reply *reply);

/* The bare addresses in a text ("ann@x.example, bob@x.example"), NULL-terminated, in `a`; those that are none are
 * left out and, when `odd` is given, added there (an array). */
const char *const *postbox_addresses(const char *text, struct arena *a, json_t *odd);

#endif
