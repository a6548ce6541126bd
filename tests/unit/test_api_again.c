/* What is asked again: with a key it is done once, with a tag it is sent once. */
#include "api_http.h"

static int note(struct play *p, struct reply *r, const char *key, const char *text)
{
    char headers[400], body[128];
    snprintf(headers, sizeof headers, "%sIdempotency-Key: %s\r\n", JSON_TYPE, key);
    snprintf(body, sizeof body, "{\"text\": \"%s\"}", text);
    return post(p, r, true, "/api/v1/changes/HF-1/note", headers, body);
}

static size_t notes(struct play *p)
{
    size_t n = 0, i;
    json_t *event;
    must(p, "GET", "/api/v1/changes/HF-1/events", NULL, 200);
    json_array_foreach(json_object_get(p->body, "events"), i, event)
        n += str_eq(json_str(event, "type", ""), "change.noted");
    return n;
}

static void a_request_sent_again_with_its_key_is_done_once_and_answered_alike(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r), *again = calloc(1, sizeof *again);
    play_start(p);
    assert_int_equal(note(p, r, "k-1", "once"), 200);
    assert_int_equal(note(p, again, "k-1", "once"), 200);
    assert_non_null(strstr(again->raw.in, "Idempotency-Replayed: true\r\n"));
    assert_non_null(strstr(r->raw.in, "\"did\":\"note\""));
    assert_non_null(strstr(again->raw.in, "\"did\":\"note\""));
    assert_int_equal(notes(p), 1);
    assert_int_equal(note(p, r, "k-2", "once"), 200);
    assert_int_equal(notes(p), 2);
    free(again);
    free(r);
    play_end(p);
}

static void a_key_belongs_to_one_request_and_to_who_sent_it(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    play_start(p);
    assert_int_equal(note(p, r, "k-1", "one"), 200);
    assert_int_equal(note(p, r, "k-1", "another"), 422);
    assert_int_equal(notes(p), 1);
    assert_int_equal(note(p, r, "", "empty"), 400);
    char longest[300];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_int_equal(note(p, r, longest, "long"), 400);
    free(r);
    play_end(p);
}

static void what_was_refused_may_be_sent_again_with_its_key(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    assert_int_equal(note(p, r, "k-1", "too early"), 404);
    play_start(p);
    assert_int_equal(note(p, r, "k-1", "too early"), 200);
    assert_int_equal(notes(p), 1);
    free(r);
    play_end(p);
}

static void ignored(void *ctx, json_t *doc, const struct error *err)
{
    (void)ctx, (void)doc;
    assert_null(err);
}

static void a_key_whose_process_died_is_in_doubt_and_not_done_again(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    play_start(p);
    assert_int_equal(note(p, r, "k-1", "once"), 200);
    /* As if the process had ended between the claim and its answer. */
    json_t *docs = store_docs(engine_store(p->engine), "api.idempotency", NULL), *claims, *claim;
    const char *id, *nonce;
    assert_int_equal(json_array_size(docs), 1);
    json_object_foreach(json_array_get(docs, 0), id, claims)
        json_object_foreach(claims, nonce, claim) {
            char bucket[3] = {id[0], id[1], '\0'};
            json_t *patch = json_pack("{s:{s:{s:n, s:n}}}", id, nonce, "status", "body");
            store_doc_patch(engine_store(p->engine), "api.idempotency", bucket, patch, ignored, NULL);
            json_decref(patch);
        }
    json_decref(docs);
    assert_int_equal(note(p, r, "k-1", "once"), 409);
    assert_non_null(strstr(r->raw.in, "\"code\":\"in-doubt\""));
    assert_int_equal(notes(p), 1);
    free(r);
    play_end(p);
}

static void an_answer_at_hand_is_not_sent_again_until_it_differs(void **state)
{
    (void)state;
    struct play *p = play_begin(NULL);
    struct reply *r = calloc(1, sizeof *r);
    char tag[80] = "", request[300];
    play_start(p);
    assert_int_equal(send_raw(p, r, true, GET("/api/v1/changes/HF-1")), 200);
    assert_int_equal(sscanf(strstr(r->raw.in, "ETag: "), "ETag: %79[^\r]", tag), 1);
    snprintf(request, sizeof request,
             HEAD_OF("GET /api/v1/changes/HF-1") "If-None-Match: \"other\", %s\r\n\r\n", tag);
    if (send_raw(p, r, true, request) != 304)
        fail_msg("%s\n%s", request, r->raw.in);
    assert_null(strstr(r->raw.in, "HF-1"));
    must(p, "POST", "/api/v1/changes/HF-1/note", "{\"text\": \"news\"}", 200);
    assert_int_equal(send_raw(p, r, true, request), 200);
    snprintf(request, sizeof request, HEAD_OF("GET /api/v1/changes/HF-99") "If-None-Match: *\r\n\r\n");
    assert_int_equal(send_raw(p, r, true, request), 404);
    free(r);
    play_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_sent_again_with_its_key_is_done_once_and_answered_alike),
        cmocka_unit_test(a_key_belongs_to_one_request_and_to_who_sent_it),
        cmocka_unit_test(what_was_refused_may_be_sent_again_with_its_key),
        cmocka_unit_test(a_key_whose_process_died_is_in_doubt_and_not_done_again),
        cmocka_unit_test(an_answer_at_hand_is_not_sent_again_until_it_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
