/* Google Calendar's driver, on a server that says what Google says. */
#include "systems_play.h"

#include "base/hash.h"
#include "base/instant.h"
#include "systems/drivers.h"
#include "systems/freeze.h"
#include "systems/google_account.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

#define EVENTS "/calendar/v3/calendars/changes%40example.com/events"
#define ID     "9pq2p2cn6058q0c1n5netcgrvf" /* of HF-7/step/1 */

static char key_path[] = "/tmp/signalbox-google-XXXXXX";
static char *key_pem;
static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    int fd = mkstemp(key_path);
    key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    if (fd < 0 || !key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return -1;
    close(fd);
    long n = BIO_get_mem_data(bio, &data);
    key_pem = strndup(data, (size_t)n);
    BIO_free(bio);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    free(key_pem);
    return unlink(key_path);
}

static void write_account(const char *token_uri)
{
    json_t *file = json_pack("{s:s, s:s, s:s, s:s}", "client_email", "box@example.com", "private_key_id",
                             "k1", "private_key", key_pem, "token_uri", token_uri);
    assert_int_equal(json_dump_file(file, key_path, 0), 0);
    json_decref(file);
}

static void open_with(struct stage *s, const char *more)
{
    _cleanup_buf_ struct buf config = {0};
    buf_printf(&config,
               "url: %%s/calendar/v3\nkey: file:%s\ncalendar: changes@example.com\nper_second: 0\n%s",
               key_path, more);
    stage_open(s, &google_driver, buf_str(&config));
    _cleanup_buf_ struct buf uri = {0};
    buf_printf(&uri, "http://127.0.0.1:%d/token", server_port(s->server));
    write_account(buf_str(&uri));
}

#define TOKEN                                                                                           \
    {"POST /token", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=", 200, \
     "{\"access_token\": \"ya29.x\", \"expires_in\": 3600, \"token_type\": \"Bearer\"}", NULL}

#define CREATE                                                                                            \
    "{\"title\": \"Hotfix Tangerine prod\", \"description\": \"cart\", \"from\": 1707418800000, \"to\": " \
    "1707424200000, \"zone\": \"America/New_York\", \"attendees\": [\"tom@example.com\", \"nobody\"], "   \
    "\"meeting\": \"https://meet.example.com/1\"}"

static const struct doing creates = {.verb = "create", .args = CREATE};
static const struct doing finds = {.verb = "create", .find = true, .args = CREATE};

/* --- the sign-in ------------------------------------------------------------------------------- */

static json_t *part(const char *text, size_t n)
{
    size_t size = 0;
    uint8_t *bytes = base64_decode(text, n, true, &size);
    json_t *j = json_loadb((const char *)bytes, size, 0, NULL);
    free(bytes);
    assert_non_null(j);
    return j;
}

static void the_assertion_is_signed_with_the_accounts_key_and_says_what_google_asks_for(void **state)
{
    (void)state;
    struct error err = ERROR_NONE;
    json_t *file = json_pack("{s:s, s:s, s:s, s:s}", "client_email", "box@example.com", "private_key_id",
                             "k1", "private_key", key_pem, "token_uri", "https://tokens.example.com/token");
    char *text = json_dumps(file, 0);
    char *jwt = google_assertion(text, strlen(text), "ann@example.com", "scope", 1707418800000, &err);
    assert_non_null(jwt);
    char *first = strchr(jwt, '.'), *second = strchr(first + 1, '.');
    _cleanup_json_ json_t *header = part(jwt, (size_t)(first - jwt));
    _cleanup_json_ json_t *claims = part(first + 1, (size_t)(second - first - 1));
    assert_string_equal(json_str(header, "alg", ""), "RS256");
    assert_string_equal(json_str(header, "kid", ""), "k1");
    assert_string_equal(json_str(claims, "iss", ""), "box@example.com");
    assert_string_equal(json_str(claims, "sub", ""), "ann@example.com");
    assert_string_equal(json_str(claims, "aud", ""), "https://tokens.example.com/token");
    assert_int_equal(json_int(claims, "exp", 0) - json_int(claims, "iat", 0), 3600);
    assert_int_equal(json_int(claims, "iat", 0), 1707418800 - 60);
    size_t n = 0;
    uint8_t *signature = base64_decode(second + 1, strlen(second + 1), true, &n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, signature, n, (unsigned char *)jwt, (size_t)(second - jwt)), 1);
    EVP_MD_CTX_free(ctx);
    free(signature);
    free(jwt);
    free(text);
    json_decref(file);
}

static const struct {
    const char *file, *says;
} bad_files[] = {
    {"", "service account"},
    {"{}", "needs client_email"},
    {"{\"client_email\": \"a@b\", \"private_key\": \"none\", \"token_uri\": \"https://x.example/token\"}",
     "no RSA key"},
    {"[1", "service account"},
};

static void an_account_file_that_is_none_is_refused_without_a_word_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_files); i++) {
        struct error err = ERROR_NONE;
        assert_null(google_assertion(bad_files[i].file, strlen(bad_files[i].file), NULL, "s", 0, &err));
        if (!strstr(err.text, bad_files[i].says))
            fail_msg("%s: %s", bad_files[i].file, err.text);
    }
    struct stage s;
    open_with(&s, "");
    write_account("http://tokens.example.com/token"); /* the assertion would go in the clear */
    stage_play(&s, (struct line[]){THE_END}, creates);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "token_uri: expected");
    stage_close(&s);
}

static void a_sign_in_that_is_refused_fails_and_one_that_is_not_answered_is_tried_again(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(
        &s,
        (struct line[]){{"POST /token", NULL, 400,
                         "{\"error\": \"invalid_grant\", \"error_description\": \"Invalid JWT Signature.\"}",
                         NULL},
                        THE_END},
        creates);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "Invalid JWT Signature.");
    stage_play(&s,
               (struct line[]){{"POST /token", NULL, 400, "{\"error\": \"invalid_grant\"}", NULL}, THE_END},
               finds);
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_play(
        &s,
        (struct line[]){
            {"POST /token", NULL, 200, "{\"access_token\": \"a\\nb: c\", \"expires_in\": 9}", NULL}, THE_END},
        creates);
    assert_outcome(&s, OUTCOME_RETRY);
    stage_close(&s);
}

static void a_token_is_kept_and_fetched_anew_when_it_is_refused(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s, (struct line[]){TOKEN, {"GET " EVENTS "/" ID, NULL, 404, "{}", NULL}, THE_END}, finds);
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_play(&s,
               (struct line[]){{"GET " EVENTS "/" ID, NULL, 401, "{}", NULL},
                               TOKEN,
                               {"GET " EVENTS "/" ID, NULL, 404, "{}", NULL},
                               THE_END},
               finds);
    assert_outcome(&s, OUTCOME_NOT_FOUND);
    stage_play(&s,
               (struct line[]){
                   {"POST " EVENTS, NULL, 401, "{}", NULL},
                   TOKEN,
                   {"POST " EVENTS, NULL, 401, "{\"error\": {\"message\": \"Invalid Credentials\"}}", NULL},
                   THE_END},
               creates);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "Invalid Credentials");
    stage_close(&s);
}

/* --- events ------------------------------------------------------------------------------------- */

static void an_event_is_made_under_its_key_with_those_invited(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(
        &s,
        (struct line[]){
            TOKEN,
            {"POST " EVENTS "?sendUpdates=all",
             "{\"id\":\"" ID "\",\"summary\":\"Hotfix Tangerine prod\",\"description\":\"cart\","
             "\"start\":{\"dateTime\":\"2024-02-08T19:00:00Z\",\"timeZone\":\"America/New_York\"},"
             "\"end\":{\"dateTime\":\"2024-02-08T20:30:00Z\",\"timeZone\":\"America/New_York\"},"
             "\"attendees\":[{\"email\":\"tom@example.com\"}],\"status\":\"confirmed\","
             "\"extendedProperties\":{\"private\":{\"signalbox\":\"HF-7/step/1\",\"change\":\"HF-7\"}},\"location\":\"https://meet.example.com/1\"}",
             200, "{\"id\": \"" ID "\", \"htmlLink\": \"https://calendar.example.com/1\"}", NULL},
            THE_END},
        creates);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), ID);
    assert_string_equal(json_str(s.result, "url", ""), "https://calendar.example.com/1");
    stage_close(&s);
}

static void an_id_that_is_taken_is_the_event_of_an_earlier_request(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(
        &s,
        (struct line[]){TOKEN,
                        {"POST " EVENTS, NULL, 409, "{\"error\": {\"code\": 409}}", NULL},
                        {"GET " EVENTS "/" ID, NULL, 200, "{\"id\": \"" ID "\", \"htmlLink\": \"u\"}", NULL},
                        THE_END},
        creates);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "url", ""), "u");
    stage_close(&s);
}

static void after_a_crash_the_event_is_found_by_its_id(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(
        &s,
        (struct line[]){TOKEN,
                        {"GET " EVENTS "/" ID, NULL, 200, "{\"id\": \"" ID "\", \"htmlLink\": \"u\"}", NULL},
                        THE_END},
        finds);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), ID);
    stage_play(&s,
               (struct line[]){{"GET " EVENTS "/" ID, NULL, 403, "{\"error\": {\"message\": \"no\"}}", NULL},
                               THE_END},
               finds);
    assert_outcome(&s, OUTCOME_CANNOT_TELL);
    stage_close(&s);
}

/* What comes back to "create", and what is known then. */
static const struct {
    const char *about;
    int status;
    const char *answer, *header;
    enum outcome_kind kind;
    const char *says;
} failures[] = {
    {"cut off after it was sent", CUT, NULL, NULL, OUTCOME_UNKNOWN, "create the event"},
    {"a fault of theirs", 500, "{\"error\": {\"message\": \"Backend Error\"}}", NULL, OUTCOME_UNKNOWN,
     "Backend Error"},
    {"no JSON", 200, "<html>", NULL, OUTCOME_UNKNOWN, "create the event"},
    {"not the event", 200, "{}", NULL, OUTCOME_UNKNOWN, "not understood"},
    {"a redirect, which is not followed", 302, "", "Location: https://elsewhere.example.com/",
     OUTCOME_UNKNOWN, "302"},
    {"refused", 400, "{\"error\": {\"message\": \"Invalid attendee email.\"}}", NULL, OUTCOME_FAILED,
     "Invalid attendee email."},
    {"too fast, as 403", 403,
     "{\"error\": {\"message\": \"Rate Limit Exceeded\", \"errors\": [{\"reason\": \"userRateLimitExceeded\"}]}}",
     NULL, OUTCOME_RETRY, "Rate Limit Exceeded"},
    {"not in anybody's name", 403,
     "{\"error\": {\"message\": \"no\", \"errors\": [{\"reason\": \"forbiddenForServiceAccounts\"}]}}", NULL,
     OUTCOME_FAILED, "set \"subject\""},
    {"no right", 403, "{\"error\": {\"message\": \"no\", \"errors\": [{\"reason\": \"forbidden\"}]}}", NULL,
     OUTCOME_FAILED, "share the calendar"},
};

static void what_is_not_an_answer_is_not_taken_for_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        struct stage s;
        open_with(&s, "");
        stage_play(&s,
                   (struct line[]){
                       TOKEN,
                       {"POST " EVENTS, NULL, failures[i].status, failures[i].answer, failures[i].header},
                       THE_END},
                   creates);
        if (s.kind != failures[i].kind)
            fail_msg("%s: outcome %d: %s", failures[i].about, (int)s.kind, s.error.text);
        assert_says(&s, failures[i].says);
        stage_close(&s);
    }
}

static void a_refusal_with_a_time_is_tried_again_then(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){TOKEN,
                               {"POST " EVENTS, NULL, 429, "{}", "Retry-After: 0"},
                               {"POST " EVENTS, NULL, 200, "{\"id\": \"" ID "\"}", NULL},
                               THE_END},
               creates);
    assert_outcome(&s, OUTCOME_DONE);
    stage_close(&s);
}

#define EVENT                                                                                                \
    "{\"id\": \"e1\", \"etag\": \"\\\"7\\\"\", \"status\": \"confirmed\", \"summary\": \"old\", \"start\": " \
    "{\"dateTime\": \"2024-02-08T14:00:00-05:00\", \"timeZone\": \"America/New_York\"}, \"end\": "           \
    "{\"dateTime\": \"2024-02-08T15:30:00-05:00\", \"timeZone\": \"America/New_York\"}}"

static const struct doing extends = {.verb = "update", .args = "{\"event\": \"e1\", \"to\": 1707426000000}"};

static void an_event_is_moved_only_where_it_differs_and_as_it_was_read(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){
                   TOKEN,
                   {"GET " EVENTS "/e1", NULL, 200, EVENT, NULL},
                   {"PATCH " EVENTS "/e1?sendUpdates=all",
                    "{\"end\":{\"dateTime\":\"2024-02-08T21:00:00Z\",\"timeZone\":\"America/New_York\"}}",
                    412, "{}", NULL},
                   {"GET " EVENTS "/e1", NULL, 200, EVENT, NULL},
                   {"PATCH " EVENTS "/e1?sendUpdates=all", "{\"end\":", 200, EVENT, NULL},
                   THE_END},
               extends);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "id", ""), "e1");
    stage_play(&s, (struct line[]){{"GET " EVENTS "/e1", NULL, 200, EVENT, NULL}, THE_END},
               (struct doing){.verb = "update",
                              .args = "{\"event\": \"e1\", \"title\": \"old\", \"to\": 1707424200000}"});
    assert_outcome(&s, OUTCOME_DONE);
    stage_play(
        &s,
        (struct line[]){{"GET " EVENTS "/e1", NULL, 200, "{\"id\": \"e1\", \"status\": \"cancelled\"}", NULL},
                        THE_END},
        extends);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "took the event off");
    stage_close(&s);
}

static void an_event_that_is_gone_is_cancelled(void **state)
{
    (void)state;
    static const int statuses[] = {204, 404, 410};
    struct stage s;
    open_with(&s, "");
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct line lines[] = {
            TOKEN, {"DELETE " EVENTS "/e1?sendUpdates=all", NULL, statuses[i], "", NULL}, THE_END};
        stage_play(&s, i == 0 ? lines : lines + 1,
                   (struct doing){.verb = "cancel", .args = "{\"event\": \"e1\"}"});
        assert_outcome(&s, OUTCOME_DONE);
    }
    stage_play(&s, (struct line[]){{"DELETE " EVENTS "/e1", NULL, 500, "", NULL}, THE_END},
               (struct doing){.verb = "cancel", .args = "{\"event\": \"e1\"}"});
    assert_outcome(&s, OUTCOME_UNKNOWN);
    stage_close(&s);
}

/* --- conflicts ---------------------------------------------------------------------------------- */

static const struct doing looks = {
    .verb = "conflicts",
    .args =
        "{\"from\": 1707418800000, \"to\": 1707424200000, \"client\": \"Tangerine\", \"except\": \"mine\"}"};

static const char first_page[] =
    "{\"timeZone\": \"America/New_York\", \"nextPageToken\": \"a b\", \"items\": ["
    "{\"id\": \"mine\", \"summary\": \"Hotfix Tangerine\", \"start\": {\"dateTime\": \"2024-02-08T14:00:00-05:00\"}, "
    "\"end\": {\"dateTime\": \"2024-02-08T15:30:00-05:00\"}},"
    "{\"id\": \"late\", \"summary\": \"Tangerine: train\", \"htmlLink\": \"u\", \"start\": {\"dateTime\": "
    "\"2024-02-08T15:00:00-05:00\"}, \"end\": {\"dateTime\": \"2024-02-08T16:00:00-05:00\"}},"
    "{\"id\": \"after\", \"summary\": \"Tangerine again\", \"start\": {\"dateTime\": \"2024-02-08T15:30:00-05:00\"}, "
    "\"end\": {\"dateTime\": \"2024-02-08T16:00:00-05:00\"}},"
    "{\"id\": \"off\", \"status\": \"cancelled\", \"summary\": \"Tangerine\", \"start\": {\"dateTime\": "
    "\"2024-02-08T15:00:00-05:00\"}, \"end\": {\"dateTime\": \"2024-02-08T16:00:00-05:00\"}},"
    "{\"id\": \"free\", \"summary\": \"Tangerine lunch\", \"transparency\": \"transparent\", \"start\": {\"dateTime\": "
    "\"2024-02-08T14:00:00-05:00\"}, \"end\": {\"dateTime\": \"2024-02-08T16:00:00-05:00\"}}]}";

static const char second_page[] =
    "{\"timeZone\": \"America/New_York\", \"items\": ["
    "{\"id\": \"frozen\", \"summary\": \"Spring freeze\", \"transparency\": \"transparent\", \"start\": {\"date\": "
    "\"2024-02-08\"}, \"end\": {\"date\": \"2024-02-09\"}},"
    "{\"id\": \"other\", \"summary\": \"Plum\", \"start\": {\"dateTime\": \"2024-02-08T14:00:00-05:00\"}, \"end\": "
    "{\"dateTime\": \"2024-02-08T16:00:00-05:00\"}},"
    "{\"id\": \"odd\", \"summary\": \"Tangerine\"}, 7]}";

static void conflicts_are_looked_for_on_every_page(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "");
    stage_play(&s,
               (struct line[]){
                   TOKEN,
                   {"GET " EVENTS
                    "?singleEvents=true&orderBy=startTime&maxResults=250&timeMin=2024-02-08T19%3A00%3A00Z&"
                    "timeMax=2024-02-08T20%3A30%3A00Z",
                    NULL, 200, first_page, NULL},
                   {"GET " EVENTS, "pageToken=a%20b", 200, second_page, NULL},
                   THE_END},
               looks);
    assert_outcome(&s, OUTCOME_DONE);
    const json_t *list = json_object_get(s.result, "conflicts");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_str(list, "0.event", ""), "frozen");
    assert_true(json_flag(list, "0.freeze", false));
    assert_int_equal(json_int(list, "0.from", 0), 1707368400000); /* the day begins in the calendar's zone */
    assert_string_equal(json_str(list, "1.event", ""), "late");
    assert_string_equal(json_str(list, "1.url", ""), "u");
    stage_close(&s);
}

static void a_calendar_of_freezes_holds_nothing_else(void **state)
{
    (void)state;
    struct stage s;
    open_with(&s, "freezes: freezes@example.com\n");
    stage_play(
        &s,
        (struct line[]){TOKEN,
                        {"GET " EVENTS, NULL, 200, "{\"items\": []}", NULL},
                        {"GET /calendar/v3/calendars/freezes%40example.com/events", NULL, 200,
                         "{\"items\": [{\"id\": \"f\", \"summary\": \"Stocktaking\", \"start\": {\"date\": "
                         "\"2024-02-08\"}, \"end\": {\"date\": \"2024-02-09\"}}]}",
                         NULL},
                        THE_END},
        looks);
    assert_outcome(&s, OUTCOME_DONE);
    assert_string_equal(json_str(s.result, "conflicts.0.title", ""), "Stocktaking");
    assert_true(json_flag(s.result, "conflicts.0.freeze", false));
    stage_close(&s);
}

static void a_calendar_without_an_end_is_not_read_for_ever(void **state)
{
    (void)state;
    struct stage s;
    struct line lines[22] = {TOKEN};
    for (int i = 1; i <= 20; i++)
        lines[i] = (struct line){"GET " EVENTS, NULL, 200, "{\"items\": [], \"nextPageToken\": \"x\"}", NULL};
    open_with(&s, "");
    stage_play(&s, lines, looks);
    assert_outcome(&s, OUTCOME_FAILED);
    assert_says(&s, "more than 5000 events");
    stage_close(&s);
}

/* --- doctor ------------------------------------------------------------------------------------- */

static void doctor_tells_what_the_account_may_do(void **state)
{
    (void)state;
    struct stage s;
    const char *says = "";
    open_with(&s, "");
    stage_doctor(
        &s, (struct line[]){TOKEN,
                            {"GET " EVENTS "?maxResults=1", NULL, 200,
                             "{\"summary\": \"Changes\", \"accessRole\": \"reader\", \"items\": []}", NULL},
                            THE_END});
    assert_int_equal(stage_check(&s, "sign in", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "calendar", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "must be writer"));
    assert_int_equal(stage_check(&s, "clock", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "invitations", &says), CHECK_WARN);
    stage_doctor(
        &s, (struct line[]){{"POST /token", NULL, 400, "{\"error\": \"invalid_grant\"}", NULL}, THE_END});
    assert_int_equal(stage_check(&s, "sign in", &says), CHECK_FAIL);
    assert_non_null(strstr(says, "invalid_grant"));
    stage_close(&s);
    open_with(&s, "subject: ann@example.com\nfreezes: f@example.com\n");
    stage_doctor(
        &s, (struct line[]){TOKEN,
                            {"GET " EVENTS "?maxResults=1", NULL, 200,
                             "{\"summary\": \"Changes\", \"accessRole\": \"writer\", \"items\": []}", NULL},
                            {"GET /calendar/v3/calendars/f%40example.com/events", NULL, 404, "{}", NULL},
                            THE_END});
    assert_int_equal(stage_check(&s, "calendar", NULL), CHECK_OK);
    assert_int_equal(stage_check(&s, "freezes", &says), CHECK_FAIL);
    assert_int_equal(stage_check(&s, "invitations", NULL), CHECK_OK);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_assertion_is_signed_with_the_accounts_key_and_says_what_google_asks_for),
        cmocka_unit_test(an_account_file_that_is_none_is_refused_without_a_word_of_it),
        cmocka_unit_test(a_sign_in_that_is_refused_fails_and_one_that_is_not_answered_is_tried_again),
        cmocka_unit_test(a_token_is_kept_and_fetched_anew_when_it_is_refused),
        cmocka_unit_test(an_event_is_made_under_its_key_with_those_invited),
        cmocka_unit_test(an_id_that_is_taken_is_the_event_of_an_earlier_request),
        cmocka_unit_test(after_a_crash_the_event_is_found_by_its_id),
        cmocka_unit_test(what_is_not_an_answer_is_not_taken_for_one),
        cmocka_unit_test(a_refusal_with_a_time_is_tried_again_then),
        cmocka_unit_test(an_event_is_moved_only_where_it_differs_and_as_it_was_read),
        cmocka_unit_test(an_event_that_is_gone_is_cancelled),
        cmocka_unit_test(conflicts_are_looked_for_on_every_page),
        cmocka_unit_test(a_calendar_of_freezes_holds_nothing_else),
        cmocka_unit_test(a_calendar_without_an_end_is_not_read_for_ever),
        cmocka_unit_test(doctor_tells_what_the_account_may_do),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
