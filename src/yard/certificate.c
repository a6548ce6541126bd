#include "yard/certificate.h"

#include "base/hash.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS_VALID = 3650 };

static void must(int ok)
{
    if (!ok)
        abort();
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);
    must(e && X509_add_ext(cert, e, -1));
    X509_EXTENSION_free(e);
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    uint32_t serial;
    random_bytes(&serial, sizeof serial);
    must(cert && X509_set_version(cert, X509_VERSION_3) &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial + 1ull));
    must(X509_gmtime_adj(X509_getm_notBefore(cert), -86400L) &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * DAYS_VALID));
    X509_NAME *name = X509_get_subject_name(cert);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"Signalbox practice yard", -1, -1, 0));
    must(X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key));
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    must(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static char *text_of(BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    char *text = n > 0 ? strndup(data, (size_t)n) : NULL;
    must(text != NULL);
    BIO_free(bio);
    return text;
}

void certificate_new(char **cert_pem, char **key_pem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL);
    X509 *cert = self_signed(key);
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    must(c && k && PEM_write_bio_X509(c, cert) &&
         PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL));
    *cert_pem = text_of(c);
    *key_pem = text_of(k);
    X509_free(cert);
    EVP_PKEY_free(key);
}
