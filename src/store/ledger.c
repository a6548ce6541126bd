#include "store/ledger.h"

#include <inttypes.h>
#include <string.h>

static void add_item(struct buf *list, const char *change)
{
    buf_adds(list, list->len > 0 ? ",[" : "[");
    buf_add_json(list, change);
}

void entry_append(struct entry *e, const char *change, int64_t first, int64_t n)
{
    add_item(&e->appends, change);
    buf_printf(&e->appends, ",%" PRId64 ",%" PRId64 "]", first, n);
    e->events += n;
}

void entry_hash(struct entry *e, const char *hash)
{
    buf_add(&e->hashes, hash, SHA256_HEX);
}

void entry_end(struct entry *e, const char *change, const struct chain *head)
{
    add_item(&e->ended, change);
    buf_printf(&e->ended, ",%" PRId64 ",\"%s\"]", head->n, head->hash);
}

bool entry_is_empty(const struct entry *e)
{
    return e->appends.len == 0 && e->ended.len == 0;
}

void entry_text(const struct entry *e, int64_t n, int64_t at, struct buf *out)
{
    char digest[SHA256_HEX + 1];
    sha256_hex(buf_str(&e->hashes), e->hashes.len, digest);
    buf_adds(out, "{\"appends\":[");
    buf_add(out, buf_str(&e->appends), e->appends.len);
    buf_printf(out, "],\"at\":%" PRId64 ",\"digest\":\"%s\",\"ended\":[", at, digest);
    buf_add(out, buf_str(&e->ended), e->ended.len);
    buf_printf(out, "],\"n\":%" PRId64 "}", n);
}

void entry_clear(struct entry *e)
{
    buf_clear(&e->appends);
    buf_clear(&e->ended);
    buf_clear(&e->hashes);
    e->events = 0;
}

void entry_free(struct entry *e)
{
    buf_free(&e->appends);
    buf_free(&e->ended);
    buf_free(&e->hashes);
}

json_t *entry_read(const char *text, size_t size, struct error *err)
{
    struct error why;
    _cleanup_json_ json_t *j = json_read(text, size, JSON_MAX_BYTES, "its text", &why);
    if (j == NULL) {
        error_set(err, SB_CORRUPT, "%s", why.text);
        return NULL;
    }
    const char *digest = json_str(j, "digest", "");
    if (strlen(digest) != SHA256_HEX || !json_is_array(json_path(j, "appends")) ||
        !json_is_array(json_path(j, "ended"))) {
        error_set(err, SB_CORRUPT, "its text is no entry of a ledger");
        return NULL;
    }
    return json_incref(j);
}

bool entry_append_read(const json_t *item, struct entry_append *out)
{
    *out = (struct entry_append){json_str(item, "0", NULL), json_int(item, "1", 0), json_int(item, "2", 0)};
    return out->change != NULL && out->first >= 1 && out->n >= 1;
}

bool entry_ended_read(const json_t *item, struct entry_ended *out)
{
    *out = (struct entry_ended){json_str(item, "0", NULL), json_int(item, "1", 0), json_str(item, "2", NULL)};
    return out->change != NULL && out->last >= 1 && out->hash != NULL;
}
