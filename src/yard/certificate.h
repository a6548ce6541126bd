/* certificate.h: the yard's own certificate for 127.0.0.1, for systems whose clients give their credentials
 * to nobody without TLS. */
#ifndef SB_YARD_CERTIFICATE_H
#define SB_YARD_CERTIFICATE_H

/* A new key and a self-signed certificate over it, as PEM; the heap's, caller frees. Ends the process when
 * OpenSSL cannot. */
void certificate_new(char **cert_pem, char **key_pem);

#endif
