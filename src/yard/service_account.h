/* service_account.h: a program's account at Google, as the stand-in gives one out: an RSA key, and what is
 * signed with it. */
#ifndef SB_YARD_SERVICE_ACCOUNT_H
#define SB_YARD_SERVICE_ACCOUNT_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A new 2048 bit key: the private part as PKCS #8 PEM, the public one as PEM. Heap. Ends the process when
 * OpenSSL cannot. */
void service_account_key(char **private_pem, char **public_pem);

/* NULL when the assertion is a JWT that this key signed (RS256) with claims that Google would take at
 * `now_ms`; else what is wrong. `audience` is the token URI it must name. */
const char *service_account_fault(const char *assertion, const char *public_pem, const char *client_mail,
                                  const char *audience, int64_t now_ms);
/* Does an assertion without fault speak in a person's name (domain-wide delegation)? */
bool service_account_is_delegated(const char *assertion);

#endif
