#include "base/json.h"
#include "base/log.h"
#include "net/http_internal.h"
#include <string.h>
#include <strings.h>

enum { WORDS_MAX = 300, WORDS_LOOKED_AT = 4096, ADDRESS_MAX = 200 };

/* Names under which services put their explanation, best first. A list of errors says more than the sentence
 * above it ("Event object is invalid"). */
static const char *const explanations[] = {"errors.0",
                                           "error.errors.0",
                                           "message",
                                           "error.message",
                                           "errorMessages.0",
                                           "error_description",
                                           "errors.0.message",
                                           "errors.0.detail",
                                           "error.0",
                                           "detail",
                                           "title",
                                           "error",
                                           "reason"};

/* Jira answers {"errors": {"field": "what is wrong with it"}}. */
static const char *first_field_error(const json_t *j)
{
    const char *field;
    json_t *value;
    json_object_foreach(json_object_get(j, "errors"), field, value) {
        if (json_is_string(value))
            return json_string_value(value);
    }
    return NULL;
}

static const char *explanation(const json_t *j)
{
    for (size_t i = 0; i < COUNT_OF(explanations); i++) {
        const char *text = json_str(j, explanations[i], NULL);
        if (text != NULL && text[0] != '\0')
            return text;
    }
    return first_field_error(j);
}

/* The first line of a text with something on it; of a page, its title. */
static const char *first_words(const char *text, size_t *n)
{
    const char *title = strcasestr(text, "<title>");
    if (title != NULL)
        text = title + 7;
    text += strspn(text, " \t\r\n");
    *n = strcspn(text, title != NULL ? "<\r\n" : "\r\n");
    return text;
}

/* Bounded, without control characters, whole UTF-8 or none, without secrets. These are taken out before the
 * text is cut: half a secret would not be known as one. */
static void add_words(struct buf *out, const char *text, size_t n)
{
    _cleanup_buf_ struct buf all = {0};
    buf_add(&all, text, n < WORDS_LOOKED_AT ? n : WORDS_LOOKED_AT);
    log_redact_text(all.data);
    n = strlen(all.data);
    size_t most = n < WORDS_MAX ? n : WORDS_MAX;
    while (most > 0 && most < n && ((unsigned char)all.data[most] & 0xC0) == 0x80)
        most--;
    if (!str_is_utf8(all.data, most))
        return;
    for (const char *c = all.data; c < all.data + most; c++)
        buf_addc(out, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c);
    if (most < n)
        buf_adds(out, " ...");
}

static void words_of(const struct http_reply *r, struct buf *out)
{
    if (r->body_len == 0)
        return;
    _cleanup_json_ json_t *j = json_read(r->body, r->body_len, r->body_len, "answer", NULL);
    const char *text = j != NULL ? explanation(j) : NULL;
    size_t n = text != NULL ? strlen(text) : 0;
    if (j == NULL)
        text = first_words(r->body, &n);
    if (text != NULL && n > 0)
        add_words(out, text, n);
}

/* "start build of deploy: POST /job/deploy/build": no query, which may hold a secret. */
static void add_subject(const struct http_peer *p, const struct http_request *r, struct buf *out)
{
    buf_printf(out, "%s: ", p->o.name);
    if (r->what != NULL)
        buf_printf(out, "%s: ", r->what);
    const char *path = r->path != NULL ? r->path : "";
    size_t n = strcspn(path, "?#");
    buf_printf(out, "%s %.*s%s", r->method != NULL ? r->method : "GET",
               (int)(n < ADDRESS_MAX ? n : ADDRESS_MAX), path, n > ADDRESS_MAX ? "..." : "");
}

bool http_ok(const struct http_peer *p, const struct http_request *r, const struct http_reply *reply,
             struct error *err)
{
    bool whole = reply->error.code == SB_OK;
    if (whole && reply->status >= 200 && reply->status < 300)
        return true;
    _cleanup_buf_ struct buf subject = {0};
    add_subject(p, r, &subject);
    if (!whole) {
        struct error e = reply->error;
        log_redact_text(e.text);
        return error_wrap(&e, err, "%s", buf_str(&subject));
    }
    _cleanup_buf_ struct buf words = {0};
    words_of(reply, &words);
    bool sign_in = reply->status == 401 || reply->status == 403;
    return error_set(err, SB_REMOTE, "%s: %d%s%s%s%s%s", buf_str(&subject), reply->status,
                     words.len > 0 ? ": \"" : "", buf_str(&words), words.len > 0 ? "\"" : "",
                     sign_in ? ". Check what it may do with: signalbox doctor " : "",
                     sign_in ? p->o.name : "");
}

json_t *http_json(const struct http_peer *p, const struct http_request *r, const struct http_reply *reply,
                  struct error *err)
{
    if (!http_ok(p, r, reply, err))
        return NULL;
    struct error e = ERROR_NONE;
    size_t most = reply->body_len > JSON_MAX_BYTES ? JSON_MAX_BYTES : reply->body_len;
    json_t *j = json_read(reply->body, reply->body_len, most, "the answer", &e);
    if (j == NULL) {
        _cleanup_buf_ struct buf subject = {0};
        add_subject(p, r, &subject);
        error_wrap(&e, err, "%s", buf_str(&subject));
    }
    return j;
}
