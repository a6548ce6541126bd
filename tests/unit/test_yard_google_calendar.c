#include "yard_play.h"

#include "base/instant.h"
#include <openssl/evp.h>
#include <openssl/pem.h>

#define EVENTS "/calendar/v3/calendars/change-calendar%40example.com/events"
#define CLIENT "signalbox@retail.iam.example.com"

static const char *subject = "release.manager@example.com";

/* What a client does with a service account's key. */
static char *assertion(struct play *p, const json_t *account, const char *issuer, int64_t now_s)
{
    char claims[512];
    snprintf(claims, sizeof claims,
             "{\"iss\":\"%s\",\"scope\":\"https://www.googleapis.com/auth/calendar.events\",\"aud\":\"%s/"
             "token\",\"iat\":%lld,\"exp\":%lld,\"sub\":\"%s\"}",
             issuer, json_str(p->urls, "google_calendar", ""), (long long)now_s, (long long)now_s + 3600,
             subject);
    const char *header = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    char *h = base64_encode(header, strlen(header), true), *b = base64_encode(claims, strlen(claims), true);
    struct buf out = {0};
    buf_printf(&out, "%s.%s", h, b);
    BIO *bio = BIO_new_mem_buf(json_str(account, "private_key", ""), -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(key);
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t n = sizeof signature;
    assert_int_equal(EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(m, signature, &n, (const unsigned char *)out.data, out.len), 1);
    char *s = base64_encode(signature, n, true);
    buf_printf(&out, ".%s", s);
    EVP_MD_CTX_free(m);
    EVP_PKEY_free(key);
    BIO_free(bio);
    free(h);
    free(b);
    free(s);
    return buf_steal(&out);
}

static json_t *account_of(struct play *p)
{
    char dir[] = "/tmp/signalbox-yard-google-XXXXXX", path[128];
    struct error e = ERROR_NONE;
    assert_non_null(mkdtemp(dir));
    char *text = yard_configuration(p->yard, dir, &e);
    assert_non_null(text);
    free(text);
    snprintf(path, sizeof path, "%s/google_calendar", dir);
    json_t *account = json_read_file(path, 1 << 16, &e);
    assert_non_null(account);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
    return account;
}

static int fetch_token(struct play *p, const json_t *account, const char *issuer, int64_t now_s)
{
    struct buf form = {0};
    char *jwt = assertion(p, account, issuer, now_s);
    buf_printf(&form, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&assertion=%s",
               jwt);
    p->unsigned_in = true;
    p->header = NULL;
    int status = ask(p, "google_calendar", "POST", "/token", buf_str(&form));
    buf_free(&form);
    free(jwt);
    return status;
}

static void sign_in(struct play *p)
{
    static char header[256];
    json_t *account = account_of(p);
    assert_int_equal(fetch_token(p, account, CLIENT, yard_now(p->yard) / 1000), 200);
    snprintf(header, sizeof header, "Authorization: Bearer %s", said(p, "access_token"));
    p->header = header;
    json_decref(account);
}

static const char *event(const char *id, const char *more)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"summary\":\"Hotfix "
             "tangerine\",\"start\":{\"dateTime\":\"2030-02-08T14:00:00\",\"timeZone\":\"America/New_York\"},"
             "\"end\":{\"dateTime\":\"2030-02-08T15:30:00\",\"timeZone\":\"America/"
             "New_York\"},\"extendedProperties\":{\"private\":{\"signalbox\":\"K1\"}}%s}",
             id, more);
    return text;
}

static void only_the_accounts_own_signature_opens(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    json_t *account = account_of(&p);
    int64_t now = yard_now(p.yard) / 1000;
    assert_int_equal(fetch_token(&p, account, "somebody@example.com", now), 400);
    assert_string_equal(said(&p, "error"), "invalid_grant");
    assert_int_equal(fetch_token(&p, account, CLIENT, now - 8000), 400);
    assert_int_equal(ask(&p, "google_calendar", "GET", EVENTS, NULL), 401);
    json_decref(account);
    sign_in(&p);
    assert_int_equal(ask(&p, "google_calendar", "GET", EVENTS, NULL), 200);
    leap(&p, 3700);
    assert_int_equal(ask(&p, "google_calendar", "GET", EVENTS, NULL), 401);
    play_close(&p);
}

static void an_event_has_the_id_its_maker_chose(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    sign_in(&p);
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS "?sendUpdates=all", event("hf7calendar1", "")),
                     200);
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS, event("hf7calendar1", "")), 409);
    assert_string_equal(said(&p, "error.errors.0.reason"), "duplicate");
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS, event("HF-7", "")), 400);
    assert_int_equal(deeds(&p, "?key=K1"), 1);
    assert_int_equal(
        ask(&p, "google_calendar", "GET", EVENTS "?privateExtendedProperty=signalbox%3DK1", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(p.json, "items")), 1);
    assert_int_equal(ask(&p, "google_calendar", "PATCH", EVENTS "/hf7calendar1",
                         "{\"end\":{\"dateTime\":\"2030-02-08T13:00:00-05:00\"}}"),
                     400);
    assert_int_equal(ask(&p, "google_calendar", "PATCH", EVENTS "/hf7calendar1", "{\"summary\":\"Moved\"}"),
                     200);
    assert_int_equal(json_int(p.json, "sequence", 0), 1);
    assert_int_equal(ask(&p, "google_calendar", "DELETE", EVENTS "/hf7calendar1", NULL), 204);
    assert_int_equal(ask(&p, "google_calendar", "DELETE", EVENTS "/hf7calendar1", NULL), 410);
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS, event("hf7calendar1", "")), 409);
    assert_int_equal(
        ask(&p, "google_calendar", "PATCH", EVENTS "/hf7calendar1", "{\"status\":\"confirmed\"}"), 200);
    play_close(&p);
}

static void a_service_account_invites_in_somebodys_name_only(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL, NULL);
    subject = "";
    sign_in(&p);
    subject = "release.manager@example.com";
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS,
                         event("hf7calendar1", ",\"attendees\":[{\"email\":\"tam@example.com\"}]")),
                     403);
    assert_string_equal(said(&p, "error.errors.0.reason"), "forbiddenForServiceAccounts");
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS, event("hf7calendar1", "")), 200);
    assert_int_equal(ask(&p, "google_calendar", "PATCH", EVENTS "/hf7calendar1",
                         "{\"attendees\":[{\"email\":\"tam@example.com\"}]}"),
                     403);
    assert_int_equal(ask(&p, "google_calendar", "GET", EVENTS "?maxResults=1", NULL), 200);
    assert_string_equal(said(&p, "accessRole"), "writer");
    play_close(&p);
}

static void who_is_busy_shows_and_who_was_invited_answers(void **ctx)
{
    (void)ctx;
    struct play p = {0};
    play_open(&p, NULL,
              "{\"google_calendar\":{\"events\":[{\"summary\":\"Freeze\",\"from\":2,\"to\":4}]},"
              "\"people\":{\"tam.tangerine@example.com\":{\"answers\":{\"invitation\":{\"after\":60,"
              "\"answer\":\"declined\"}}}}}");
    sign_in(&p);
    assert_int_equal(ask(&p, "google_calendar", "POST", EVENTS "?sendUpdates=all",
                         event("hf7calendar1", ",\"attendees\":[{\"email\":\"tam.tangerine@example.com\"}]")),
                     200);
    assert_string_equal(said(&p, "attendees.0.responseStatus"), "needsAction");
    leap(&p, 61);
    assert_int_equal(ask(&p, "google_calendar", "GET", EVENTS "/hf7calendar1", NULL), 200);
    assert_string_equal(said(&p, "attendees.0.responseStatus"), "declined");
    char from[32], to[32], body[256];
    instant_rfc3339(yard_now(p.yard) + HOURS(3), from);
    instant_rfc3339(yard_now(p.yard) + HOURS(6), to);
    snprintf(body, sizeof body,
             "{\"timeMin\":\"%s\",\"timeMax\":\"%s\",\"items\":[{\"id\":\"change-calendar@example.com\"},{"
             "\"id\":\"other\"}]}",
             from, to);
    assert_int_equal(ask(&p, "google_calendar", "POST", "/calendar/v3/freeBusy", body), 200);
    const json_t *calendars = json_object_get(p.json, "calendars");
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(calendars, "change-calendar@example.com"), "busy")),
        1);
    assert_string_equal(json_str(json_object_get(calendars, "other"), "errors.0.reason", ""), "notFound");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_accounts_own_signature_opens),
        cmocka_unit_test(an_event_has_the_id_its_maker_chose),
        cmocka_unit_test(a_service_account_invites_in_somebodys_name_only),
        cmocka_unit_test(who_is_busy_shows_and_who_was_invited_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
