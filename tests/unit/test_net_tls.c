/* Who is trusted: our server with a certificate made on the spot, and peers that know more or less about it.
 */
#include "check.h"
#include "net_play.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

struct identity {
    char *cert_pem, *key_pem;
};

static char *bio_text(BIO *b)
{
    char *data;
    long n = BIO_get_mem_data(b, &data);
    char *text = strndup(data, (size_t)n);
    BIO_free(b);
    return text;
}

/* A self-signed certificate for `name` ("DNS:signal.test,IP:127.0.0.1"). */
static struct identity make_identity(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(cert, names, -1);
    X509_add_ext(cert, ca, -1);
    X509_EXTENSION_free(names);
    X509_EXTENSION_free(ca);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);

    struct identity id;
    BIO *b = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(b, cert);
    id.cert_pem = bio_text(b);
    b = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);
    id.key_pem = bio_text(b);
    X509_free(cert);
    EVP_PKEY_free(key);
    return id;
}

static void drop_identity(struct identity *id)
{
    free(id->cert_pem);
    free(id->key_pem);
}

struct tls_play {
    struct play p;
    struct identity id;
    char dir[32], cert[64], key[64], url[64];
    struct server *server;
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void tls_open(struct tls_play *t, const char *name)
{
    play_open(&t->p, (struct http_peer_options){0});
    t->id = make_identity(name);
    strcpy(t->dir, "/tmp/sb-tls-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->cert, sizeof t->cert, "%s/cert", t->dir);
    snprintf(t->key, sizeof t->key, "%s/key", t->dir);
    write_file(t->cert, t->id.cert_pem);
    write_file(t->key, t->id.key_pem);
    struct server_options o = {.address = "127.0.0.1:0", .tls_cert_file = t->cert, .tls_key_file = t->key};
    struct error err = ERROR_NONE;
    t->server = server_new(t->p.loop, &o, play_handler, &t->p, &err);
    if (t->server == NULL)
        fail_msg("%s", err.text);
    snprintf(t->url, sizeof t->url, "https://127.0.0.1:%d", server_port(t->server));
}

static void tls_close(struct tls_play *t)
{
    server_free(t->server);
    play_close(&t->p);
    unlink(t->cert);
    unlink(t->key);
    rmdir(t->dir);
    drop_identity(&t->id);
}

static struct got tls_ask(struct tls_play *t, struct http_peer_options o, struct http_request r)
{
    o.base_url = t->url;
    o.connect_ms = 2000;
    struct http_peer *peer = play_peer(&t->p, o);
    struct got g = play_ask(&t->p, peer, r);
    http_peer_free(peer);
    return g;
}

static const struct http_request post = {.method = "POST", .path = "/", .body = "b", .body_len = 1};

static void a_server_is_trusted_by_its_authority_in_memory_or_in_a_file(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "IP:127.0.0.1");
    struct got g = tls_ask(&t, (struct http_peer_options){.ca_pem = t.id.cert_pem}, post);
    assert_string_equal(g.error.text, "");
    assert_int_equal(g.status, 200);
    g = tls_ask(&t, (struct http_peer_options){.ca_file = t.cert}, post);
    assert_int_equal(g.status, 200);
    tls_close(&t);
}

static void an_unknown_server_gets_nothing_and_is_not_asked_twice(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "IP:127.0.0.1");
    struct identity other = make_identity("IP:127.0.0.1");
    const struct http_peer_options rows[] = {{0}, {.ca_pem = other.cert_pem}, {.ca_file = "/no/such/file"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct got g = tls_ask(&t, rows[i], (struct http_request){.path = "/", .repeatable = true});
        assert_int_equal(g.status, 0);
        assert_int_equal(g.error.code, SB_NET);
        assert_false(g.maybe_sent);
        assert_int_equal(g.tries, 1);
    }
    struct got g = tls_ask(&t, rows[0], post);
    assert_non_null(strstr(g.error.text, "cannot be verified"));
    assert_non_null(strstr(g.error.text, "ca_file"));
    assert_int_equal(t.p.requests, 0);
    drop_identity(&other);
    tls_close(&t);
}

static void verification_goes_only_when_it_is_switched_off_by_name(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "DNS:elsewhere.test");
    assert_int_equal(tls_ask(&t, (struct http_peer_options){.insecure = true}, post).status, 200);
    tls_close(&t);
}

static void the_name_that_is_verified_may_differ_from_the_host(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "DNS:signal.test");
    struct got g = tls_ask(&t, (struct http_peer_options){.ca_pem = t.id.cert_pem}, post);
    assert_int_equal(g.status, 0); /* 127.0.0.1 is not in the certificate */
    g = tls_ask(&t, (struct http_peer_options){.ca_pem = t.id.cert_pem, .tls_server_name = "other.test"},
                post);
    assert_int_equal(g.status, 0);
    g = tls_ask(&t, (struct http_peer_options){.ca_pem = t.id.cert_pem, .tls_server_name = "signal.test"},
                post);
    assert_int_equal(g.status, 200);
    char host[64];
    snprintf(host, sizeof host, "Host: 127.0.0.1:%d\n", server_port(t.server));
    assert_non_null(strstr(t.p.last_headers, host));
    tls_close(&t);
}

static void a_client_certificate_is_taken_from_memory_and_can_be_replaced(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "IP:127.0.0.1");
    struct identity me = make_identity("DNS:me");
    const struct http_peer_options o = {.base_url = t.url,
                                        .ca_pem = t.id.cert_pem,
                                        .client_cert_pem = me.cert_pem,
                                        .client_key_pem = me.key_pem};
    struct http_peer *peer = play_peer(&t.p, o);
    assert_int_equal(play_ask(&t.p, peer, post).status, 200);
    http_peer_client_cert(peer, "no certificate", "no key");
    struct got g = play_ask(&t.p, peer, post);
    assert_int_equal(g.status, 0);
    assert_false(g.maybe_sent);
    http_peer_client_cert(peer, NULL, NULL);
    assert_int_equal(play_ask(&t.p, peer, post).status, 200);
    http_peer_free(peer);
    drop_identity(&me);
    tls_close(&t);
}

static void a_stream_and_a_late_answer_work_over_tls(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "IP:127.0.0.1");
    struct http_peer *peer =
        play_peer(&t.p, (struct http_peer_options){.base_url = t.url, .ca_pem = t.id.cert_pem});
    struct got g = {0};
    http_send(peer, &(struct http_request){.path = "/stream", .on_body = got_bytes}, got_it, &g);
    TURN_UNTIL(t.p.loop, t.p.held != NULL);
    for (int i = 1; i <= 3; i++) {
        stream_write(t.p.held, "data: x\n\n", 9);
        TURN_UNTIL(t.p.loop, g.streamed == (size_t)(9 * i));
    }
    stream_end(t.p.held);
    assert_true(play_wait(&t.p, &g, 2000));
    struct got late = {0};
    http_send(peer, &(struct http_request){.path = "/hold"}, got_it, &late);
    TURN_UNTIL(t.p.loop, t.p.held != NULL);
    answer_text(t.p.held, 200, "at last");
    assert_true(play_wait(&t.p, &late, 2000));
    assert_string_equal(late.body, "at last");
    http_peer_free(peer);
    tls_close(&t);
}

static void a_certificate_that_cannot_be_used_is_an_error_at_the_start(void **state)
{
    (void)state;
    struct tls_play t;
    tls_open(&t, "IP:127.0.0.1");
    write_file(t.key, "no key");
    struct server_options o = {.address = "127.0.0.1:0", .tls_cert_file = t.cert, .tls_key_file = t.key};
    struct error err = ERROR_NONE;
    assert_null(server_new(t.p.loop, &o, play_handler, &t.p, &err));
    assert_non_null(strstr(err.text, "certificate"));
    o.tls_key_file = "/no/such/key";
    assert_null(server_new(t.p.loop, &o, play_handler, &t.p, &err));
    assert_non_null(strstr(err.text, "/no/such/key"));
    tls_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_trusted_by_its_authority_in_memory_or_in_a_file),
        cmocka_unit_test(an_unknown_server_gets_nothing_and_is_not_asked_twice),
        cmocka_unit_test(verification_goes_only_when_it_is_switched_off_by_name),
        cmocka_unit_test(the_name_that_is_verified_may_differ_from_the_host),
        cmocka_unit_test(a_client_certificate_is_taken_from_memory_and_can_be_replaced),
        cmocka_unit_test(a_stream_and_a_late_answer_work_over_tls),
        cmocka_unit_test(a_certificate_that_cannot_be_used_is_an_error_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
