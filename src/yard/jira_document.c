#include "base/buf.h"
#include "base/json.h"
#include "yard/jira.h"

enum { DOCUMENT_DEPTH_MAX = 32 };

static const char *const nodes[] = {"paragraph", "text",       "heading",   "bulletList", "orderedList",
                                    "listItem",  "codeBlock",  "table",     "tableRow",   "tableHeader",
                                    "tableCell", "rule",       "hardBreak", "blockquote", "panel",
                                    "mention",   "inlineCard", "emoji",     "date",       "status"};
static const char *const marks[] = {"strong", "em",        "code",      "link",
                                    "strike", "underline", "textColor", "subsup"};

static bool one_of(const char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(words[i], word))
            return true;
    return false;
}

static const char *text_fault(const json_t *node)
{
    size_t i;
    json_t *mark;
    if (!*json_str(node, "text", ""))
        return "text nodes may not be empty";
    json_array_foreach(json_object_get(node, "marks"), i, mark) {
        const char *type = json_str(mark, "type", "");
        if (!one_of(marks, COUNT_OF(marks), type))
            return "unknown mark";
        if (str_eq(type, "link") && !*json_str(mark, "attrs.href", ""))
            return "a link needs attrs.href";
    }
    return NULL;
}

static const char *node_fault(const json_t *node, int depth)
{
    const char *type = json_str(node, "type", ""), *fault = NULL;
    const json_t *content = json_object_get(node, "content");
    size_t i;
    json_t *child;
    if (depth > DOCUMENT_DEPTH_MAX)
        return "nested too deeply";
    if (!one_of(nodes, COUNT_OF(nodes), type))
        return "unknown node type";
    if (str_eq(type, "text"))
        return text_fault(node);
    if (str_eq(type, "heading") &&
        (json_int(node, "attrs.level", 0) < 1 || json_int(node, "attrs.level", 0) > 6))
        return "a heading needs attrs.level from 1 to 6";
    if ((str_eq(type, "bulletList") || str_eq(type, "orderedList") || str_eq(type, "listItem")) &&
        json_array_size(content) == 0)
        return "lists and their items may not be empty";
    json_array_foreach(content, i, child) {
        if (str_eq(type, "listItem") && str_eq(json_str(child, "type", ""), "text"))
            return "a list item holds paragraphs, not text";
        if ((fault = node_fault(child, depth + 1)) != NULL)
            break;
    }
    return fault;
}

const char *jira_document_fault(const json_t *document)
{
    size_t i;
    json_t *child;
    if (!str_eq(json_str(document, "type", ""), "doc") || json_int(document, "version", 0) != 1 ||
        !json_is_array(json_object_get(document, "content")))
        return "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
    json_array_foreach(json_object_get(document, "content"), i, child) {
        const char *fault = str_eq(json_str(child, "type", ""), "text") ? "text must stand in a paragraph"
                                                                        : node_fault(child, 0);
        if (fault)
            return fault;
    }
    return NULL;
}
