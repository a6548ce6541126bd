/* yard_play.h: a yard in this process and somebody who talks to it over real HTTP. Time is leapt over, not
 * waited for. */
#ifndef SB_TESTS_YARD_PLAY_H
#define SB_TESTS_YARD_PLAY_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/yaml.h"
#include "check.h"
#include "net/http.h"
#include "yard/yard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAY_PEERS = 32 };

struct play {
    struct loop *loop;
    struct http *http;
    struct yard *yard;
    json_t *urls;
    struct http_peer *peers[PLAY_PEERS];
    const char *peer_names[PLAY_PEERS];
    const char *header; /* sent with the next requests, or NULL */
    char etag[128], link[256];
    bool unsigned_in; /* the next requests carry no credentials */
    /* What the last request was answered; the play's. */
    bool over;
    int status;
    struct error error;
    char *text;
    json_t *json;
    char location[256], more[16], size[16], retry_after[16];
    size_t length;
};

static UNUSED void play_open(struct play *p, const char *state_file, const char *scenario)
{
    struct error e = ERROR_NONE;
    json_t *s = scenario ? json_loads(scenario, 0, NULL) : NULL;
    if (scenario)
        assert_non_null(s);
    p->loop = loop_new();
    p->http = http_new(p->loop);
    p->yard = yard_open(&(struct yard_options){.loop = p->loop, .state_file = state_file, .scenario = s}, &e);
    assert_string_equal(e.text, "");
    assert_non_null(p->yard);
    p->urls = yard_urls(p->yard);
    json_decref(s);
}

static UNUSED void play_close(struct play *p)
{
    for (int i = 0; i < PLAY_PEERS; i++)
        if (p->peers[i])
            http_peer_free(p->peers[i]);
    http_free(p->http);
    yard_close(p->yard);
    loop_free(p->loop);
    json_decref(p->urls);
    json_decref(p->json);
    free(p->text);
    *p = (struct play){0};
}

static UNUSED void keep(char *to, size_t size, const struct http_reply *r, const char *name)
{
    const char *v = http_reply_header(r, name);
    snprintf(to, size, "%s", v ? v : "");
}

static UNUSED void answered(void *ctx, const struct http_reply *r)
{
    struct play *p = ctx;
    p->status = r->status;
    p->error = r->error;
    p->text = strdup(r->body ? r->body : "");
    p->length = r->body_len;
    p->json = json_loads(p->text, JSON_DECODE_ANY, NULL);
    keep(p->location, sizeof p->location, r, "Location");
    keep(p->more, sizeof p->more, r, "X-More-Data");
    keep(p->etag, sizeof p->etag, r, "ETag");
    keep(p->link, sizeof p->link, r, "Link");
    keep(p->size, sizeof p->size, r, "X-Text-Size");
    keep(p->retry_after, sizeof p->retry_after, r, "Retry-After");
    p->over = true;
}

static UNUSED struct http_peer *play_peer(struct play *p, const char *system)
{
    for (int i = 0; i < PLAY_PEERS; i++) {
        if (p->peers[i] && str_eq(p->peer_names[i], system))
            return p->peers[i];
        if (p->peers[i])
            continue;
        struct error e = ERROR_NONE;
        p->peer_names[i] = system;
        p->peers[i] = http_peer_new(p->http,
                                    &(struct http_peer_options){.name = system,
                                                                .base_url = json_str(p->urls, system, ""),
                                                                .insecure = true,
                                                                .tries = 1,
                                                                .total_ms = 1500},
                                    &e);
        assert_string_equal(e.text, "");
        return p->peers[i];
    }
    fail_msg("too many systems in one play");
    return NULL;
}

static UNUSED void sign(struct play *p, const char *system, char *out, size_t size)
{
    const char *secret = json_str(json_object_get(p->urls, "secrets"), system, "");
    if (str_eq(system, "jenkins") || str_eq(system, "jira") || str_eq(system, "jsm")) {
        char pair[128];
        snprintf(pair, sizeof pair, "signalbox%s:%s", str_eq(system, "jenkins") ? "" : "@example.com",
                 secret);
        char *coded = base64_encode(pair, strlen(pair), false);
        snprintf(out, size, "Authorization: Basic %s", coded);
        free(coded);
    } else {
        const char *scheme = str_eq(system, "statuspage") ? "OAuth"
                             : str_eq(system, "opsgenie") ? "GenieKey"
                                                          : "Bearer";
        snprintf(out, size, "Authorization: %s %s", scheme, secret);
    }
}

/* One request and its answer. A body that begins with '{' is JSON, any other a form. Returns the status; 0 =
 * no answer. */
static UNUSED int ask(struct play *p, const char *system, const char *method, const char *path,
                      const char *body)
{
    char signature[192];
    sign(p, system, signature, sizeof signature);
    bool bare = p->unsigned_in || str_eq(system, "control");
    const char *headers[] = {bare ? p->header : signature, bare ? NULL : p->header, NULL};
    json_decref(p->json);
    free(p->text);
    p->json = NULL;
    p->text = NULL;
    p->over = false;
    http_send(play_peer(p, system),
              &(struct http_request){.method = method,
                                     .path = path,
                                     .headers = headers,
                                     .body = body,
                                     .body_len = body ? strlen(body) : 0,
                                     .content_type = !body          ? NULL
                                                     : *body == '{' ? "application/json"
                                                                    : "application/x-www-form-urlencoded",
                                     .what = "ask",
                                     .no_retry = true},
              answered, p);
    while (!p->over)
        loop_once(p->loop, true);
    return p->status;
}

static UNUSED const char *said(struct play *p, const char *path)
{
    return json_str(p->json, path, "");
}

static UNUSED size_t deeds(struct play *p, const char *query)
{
    char path[128];
    snprintf(path, sizeof path, "/book%s", query);
    assert_int_equal(ask(p, "control", "GET", path, NULL), 200);
    return json_array_size(json_object_get(p->json, "deeds"));
}

static UNUSED void patch(struct play *p, const char *system, const char *body)
{
    char path[64];
    snprintf(path, sizeof path, "/world/%s", system);
    assert_int_equal(ask(p, "control", "PATCH", path, body), 200);
}

static UNUSED void leap(struct play *p, double seconds)
{
    yard_leap(p->yard, (int64_t)(seconds * 1000));
}

#endif
