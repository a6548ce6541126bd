/* mail.h: sending mail: SMTP through libcurl.
 *
 * A `mailer` is one server and how to sign in there. TLS is required and verified: STARTTLS for smtp://, from the
 * first byte for smtps://; only `plain` leaves it out, and then nobody signs in. Mails go one after the other, so
 * that an answer never overtakes what it answers. Each ends in one callback on the loop's thread, never from inside
 * mail_send. libcurl blocks, so it works on the pool.
 *
 * SMTP can say who took a mail and who did not, but nobody can be asked later: a connection that breaks after the
 * last byte leaves MAIL_UNKNOWN. */
#ifndef SB_NET_MAIL_H
#define SB_NET_MAIL_H

#include "base/error.h"
#include "base/secret.h"
#include "net/loop.h"

struct mailer;
struct mail_call;

struct mailer_options {
    const char *name;         /* "mail": in errors and logs */
    const char *url;          /* smtp://host[:port] or smtps://host[:port]; no user info, path or query */
    bool plain;               /* smtp:// without TLS, for a relay on this machine or behind the same wall */
    const char *user;         /* NULL = does not sign in */
    struct secret secret;     /* its password, read for each mail */
    const char *ca_file;      /* PEM; NULL = system roots */
    int connect_ms, total_ms; /* default 10,000 and 60,000 */
};

struct mail {
    const char *from;
    const char *const *to; /* those who get it, NULL-terminated; all or none of them */
    const char *text;      /* with CRLF ends (net/message.h) */
    const char *what;      /* for errors: "post to change-control" */
};

enum mail_kind {
    MAIL_TAKEN,   /* the server has it, and answers for it from here on */
    MAIL_REFUSED, /* it certainly has not, and would refuse it again */
    MAIL_LATER,   /* it certainly has not, and may take it later */
    MAIL_UNKNOWN, /* silence after the last byte */
};

struct mail_reply {
    enum mail_kind kind;
    int code;           /* of the server's refusal; 0 = none */
    struct error error; /* all but MAIL_TAKEN; with the server's words */
};

typedef void mail_done_fn(void *ctx, const struct mail_reply *reply);

/* Copies the options. NULL on error: the URL. */
struct mailer *mailer_new(struct loop *l, const struct mailer_options *o, struct error *err);
void mailer_free(struct mailer *m); /* drops its mails without calling back; what was sent stays sent */

/* Copies the mail. */
struct mail_call *mail_send(struct mailer *m, const struct mail *mail, mail_done_fn *done, void *ctx);
/* Connects, signs in and leaves: MAIL_TAKEN when all that worked. */
struct mail_call *mail_probe(struct mailer *m, mail_done_fn *done, void *ctx);
void mail_cancel(struct mail_call *c); /* NULL is fine; not after its callback */

#endif
