/* What Block Kit takes: enough of its rules that a message which passes here is not refused there. */
#include "base/buf.h"
#include "base/json.h"
#include "yard/slack.h"

enum {
    BLOCKS_MAX = 50,
    SECTION_MAX = 3000,
    HEADER_MAX = 150,
    FIELDS_MAX = 10,
    FIELD_MAX = 2000,
    ELEMENTS_MAX = 25,
    CONTEXT_MAX = 10,
    LABEL_MAX = 75,
    ID_MAX = 255,
    VALUE_MAX = 2000
};

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static bool text_fits(const json_t *text, bool plain_only, size_t most)
{
    const char *type = json_str(text, "type", ""), *value = json_str(text, "text", "");
    bool known = str_eq(type, "plain_text") || (!plain_only && str_eq(type, "mrkdwn"));
    return known && *value && characters(value) <= most;
}

static bool element_fits(const json_t *e)
{
    const char *type = json_str(e, "type", "");
    if (str_eq(type, "button"))
        return text_fits(json_object_get(e, "text"), true, LABEL_MAX) &&
               characters(json_str(e, "action_id", "")) <= ID_MAX &&
               characters(json_str(e, "value", "")) <= VALUE_MAX &&
               (!json_object_get(e, "style") || str_eq(json_str(e, "style", ""), "primary") ||
                str_eq(json_str(e, "style", ""), "danger"));
    return str_ends(type, "_select") || str_eq(type, "overflow") || str_eq(type, "datepicker") ||
           str_eq(type, "checkboxes");
}

static bool section_fits(const json_t *b)
{
    const json_t *text = json_object_get(b, "text"), *fields = json_object_get(b, "fields");
    size_t i;
    json_t *field;
    if ((text && !text_fits(text, false, SECTION_MAX)) || json_array_size(fields) > FIELDS_MAX)
        return false;
    json_array_foreach(fields, i, field)
        if (!text_fits(field, false, FIELD_MAX))
            return false;
    return text || json_array_size(fields) > 0;
}

static bool actions_fit(const json_t *b)
{
    const json_t *elements = json_object_get(b, "elements");
    size_t i, k, n = json_array_size(elements);
    json_t *e, *other;
    if (n == 0 || n > ELEMENTS_MAX)
        return false;
    json_array_foreach(elements, i, e) {
        if (!element_fits(e))
            return false;
        const char *id = json_str(e, "action_id", NULL);
        json_array_foreach(elements, k, other)
            if (k > i && id && str_eq(id, json_str(other, "action_id", NULL)))
                return false;
    }
    return true;
}

static bool context_fits(const json_t *b)
{
    const json_t *elements = json_object_get(b, "elements");
    size_t i, n = json_array_size(elements);
    json_t *e;
    json_array_foreach(elements, i, e)
        if (!str_eq(json_str(e, "type", ""), "image") && !text_fits(e, false, SECTION_MAX))
            return false;
    return n > 0 && n <= CONTEXT_MAX;
}

static bool block_fits(const json_t *b)
{
    const char *type = json_str(b, "type", "");
    if (characters(json_str(b, "block_id", "")) > ID_MAX)
        return false;
    if (str_eq(type, "section"))
        return section_fits(b);
    if (str_eq(type, "header"))
        return text_fits(json_object_get(b, "text"), true, HEADER_MAX);
    if (str_eq(type, "actions"))
        return actions_fit(b);
    if (str_eq(type, "context"))
        return context_fits(b);
    if (str_eq(type, "markdown"))
        return characters(json_str(b, "text", "")) > 0;
    return str_eq(type, "divider") || str_eq(type, "image") || str_eq(type, "rich_text") ||
           str_eq(type, "file");
}

const char *slack_blocks_fault(const json_t *blocks)
{
    size_t i, k;
    json_t *b, *other;
    if (!blocks)
        return NULL;
    if (!json_is_array(blocks))
        return "invalid_blocks_format";
    if (json_array_size(blocks) > BLOCKS_MAX)
        return "invalid_blocks";
    json_array_foreach(blocks, i, b) {
        if (!block_fits(b))
            return "invalid_blocks";
        const char *id = json_str(b, "block_id", NULL);
        json_array_foreach(blocks, k, other)
            if (k > i && id && str_eq(id, json_str(other, "block_id", NULL)))
                return "invalid_blocks";
    }
    return NULL;
}
