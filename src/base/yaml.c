#include "base/yaml.h"

#include "base/buf.h"
#include "base/read.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct arena *a;
    const char *text, *file;
    size_t n;
    int first_line, first_column;
    int nodes;
    struct error *err;
};

static void parser_delete(struct reader *r)
{
    yaml_parser_delete(&r->parser);
}

static void event_delete(yaml_event_t *e)
{
    yaml_event_delete(e);
}

static int line_of(const struct reader *r, yaml_mark_t mark)
{
    return (int)mark.line + r->first_line;
}

static int column_of(const struct reader *r, yaml_mark_t mark)
{
    return (int)mark.column + r->first_column + 1;
}

static bool refuse(struct reader *r, enum error_code code, yaml_mark_t mark, const char *says)
{
    return error_at(r->err, code, r->file, line_of(r, mark), column_of(r, mark), "%s", says);
}

/* libyaml says where a reader's fault is in bytes only. */
static yaml_mark_t mark_of_byte(const struct reader *r, size_t byte)
{
    yaml_mark_t mark = {.index = byte};
    for (size_t i = 0; i < byte && i < r->n; i++) {
        if (r->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)r->text[i] & 0xC0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

static bool refuse_by_parser(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "not valid YAML";
    if (p->error == YAML_READER_ERROR)
        return refuse(r, SB_PARSE, mark_of_byte(r, p->problem_offset), problem);
    size_t at = p->problem_mark.index;
    bool tab = at < r->n && r->text[at] == '\t';
    struct error e;
    error_at(&e, SB_PARSE, r->file, line_of(r, p->problem_mark), column_of(r, p->problem_mark), "%s%s%s%s",
             problem, p->context != NULL ? ", " : "", p->context != NULL ? p->context : "",
             tab ? ": there is a tab here, YAML is indented with spaces" : "");
    if (r->err != NULL)
        *r->err = e;
    return false;
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event) != 1) {
        memset(event, 0, sizeof *event);
        return refuse_by_parser(r);
    }
    return true;
}

static bool check_properties(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse(r, SB_PARSE, e->start_mark,
                      "anchors (&name) are not read here: write the value out each time");
    if (tag == NULL)
        return true;
    const char *name = (const char *)tag;
    if (e->type == YAML_SCALAR_EVENT && (str_eq(name, YAML_STR_TAG) || str_eq(name, "!")))
        return true;
    return refuse(r, SB_PARSE, e->start_mark, "tags (!name) are not read here, except !!str");
}

static struct yaml *node_make(struct reader *r, enum yaml_kind kind, const yaml_event_t *e)
{
    if (r->nodes >= YAML_MAX_NODES) {
        refuse(r, SB_LIMIT, e->start_mark, "too many values for one YAML text");
        return NULL;
    }
    r->nodes++;
    struct yaml *y = ARENA_NEW(r->a, struct yaml);
    y->kind = kind;
    y->line = line_of(r, e->start_mark);
    y->column = column_of(r, e->start_mark);
    return y;
}

static struct yaml *read_scalar(struct reader *r, const yaml_event_t *e)
{
    if (!check_properties(r, e, e->data.scalar.anchor, e->data.scalar.tag))
        return NULL;
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length) {
        refuse(r, SB_PARSE, e->start_mark, "a NUL character cannot be part of a text");
        return NULL;
    }
    struct yaml *y = node_make(r, YAML_SCALAR, e);
    if (y == NULL)
        return NULL;
    y->text = arena_strndup(r->a, text, e->data.scalar.length);
    y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || e->data.scalar.tag != NULL;
    return y;
}

static void append(struct arena *a, struct yaml ***array, int n, struct yaml *item)
{
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) { /* full at 0, 4, 8, 16 ... */
        struct yaml **larger = ARENA_ARRAY(a, n == 0 ? 4 : (size_t)n * 2, struct yaml *);
        if (n > 0)
            memcpy(larger, *array, (size_t)n * sizeof(struct yaml *));
        *array = larger;
    }
    (*array)[n] = item;
}

static struct yaml *read_node(struct reader *r, const yaml_event_t *e, int depth);

static struct yaml *read_list(struct reader *r, const yaml_event_t *start, int depth)
{
    if (!check_properties(r, start, start->data.sequence_start.anchor, start->data.sequence_start.tag))
        return NULL;
    struct yaml *list = node_make(r, YAML_LIST, start);
    while (list != NULL) {
        CLEANUP(event_delete) yaml_event_t e = {0};
        if (!next_event(r, &e))
            return NULL;
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return list;
        struct yaml *item = read_node(r, &e, depth + 1);
        if (item == NULL)
            return NULL;
        append(r->a, &list->items, list->n, item);
        list->n++;
    }
    return NULL;
}

static int by_key_then_place(const void *a, const void *b)
{
    const struct yaml *x = *(struct yaml *const *)a, *y = *(struct yaml *const *)b;
    int order = strcmp(x->text, y->text);
    if (order == 0)
        order = x->line != y->line ? x->line - y->line : x->column - y->column;
    return order;
}

/* By sorting: comparing each with each would let a large map take minutes. */
static bool keys_differ(struct reader *r, const struct yaml *map)
{
    if (map->n < 2)
        return true;
    struct yaml **sorted = calloc((size_t)map->n, sizeof(struct yaml *));
    if (sorted == NULL)
        abort();
    memcpy(sorted, map->keys, (size_t)map->n * sizeof(struct yaml *));
    qsort(sorted, (size_t)map->n, sizeof(struct yaml *), by_key_then_place);
    bool ok = true;
    for (int i = 1; i < map->n && ok; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
            ok = error_at(r->err, SB_PARSE, r->file, sorted[i]->line, sorted[i]->column,
                          "key \"%s\" stands twice: first on line %d", sorted[i]->text, sorted[i - 1]->line);
    free(sorted);
    return ok;
}

static struct yaml *read_key(struct reader *r, const yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT)
        return read_scalar(r, e);
    if (e->type == YAML_ALIAS_EVENT)
        return read_node(r, e, 0);
    refuse(r, SB_PARSE, e->start_mark,
           "a key must be a text. Text that begins with {{ or [ needs quotes: \"{{ client.name }}\"");
    return NULL;
}

static struct yaml *read_map(struct reader *r, const yaml_event_t *start, int depth)
{
    if (!check_properties(r, start, start->data.mapping_start.anchor, start->data.mapping_start.tag))
        return NULL;
    struct yaml *map = node_make(r, YAML_MAP, start);
    while (map != NULL) {
        CLEANUP(event_delete) yaml_event_t key_event = {0};
        CLEANUP(event_delete) yaml_event_t value_event = {0};
        if (!next_event(r, &key_event))
            return NULL;
        if (key_event.type == YAML_MAPPING_END_EVENT)
            return keys_differ(r, map) ? map : NULL;
        struct yaml *key = read_key(r, &key_event);
        if (key == NULL || !next_event(r, &value_event))
            return NULL;
        struct yaml *value = read_node(r, &value_event, depth + 1);
        if (value == NULL)
            return NULL;
        append(r->a, &map->keys, map->n, key);
        append(r->a, &map->items, map->n, value);
        map->n++;
    }
    return NULL;
}

static struct yaml *read_node(struct reader *r, const yaml_event_t *e, int depth)
{
    if (depth >= YAML_MAX_DEPTH) {
        refuse(r, SB_LIMIT, e->start_mark, "nested too deeply");
        return NULL;
    }
    if (e->type == YAML_SCALAR_EVENT)
        return read_scalar(r, e);
    if (e->type == YAML_SEQUENCE_START_EVENT)
        return read_list(r, e, depth);
    if (e->type == YAML_MAPPING_START_EVENT)
        return read_map(r, e, depth);
    if (e->type == YAML_ALIAS_EVENT)
        refuse(
            r, SB_PARSE, e->start_mark,
            "aliases (*name) are not read here: write the value out. Text that begins with * needs quotes");
    else
        refuse(r, SB_PARSE, e->start_mark, "expected a value");
    return NULL;
}

static struct yaml *empty_map(struct reader *r)
{
    struct yaml *y = ARENA_NEW(r->a, struct yaml);
    y->kind = YAML_MAP;
    y->line = r->first_line;
    y->column = r->first_column + 1;
    return y;
}

/* An empty document's only node is an empty plain scalar. */
static bool is_nothing(const struct yaml *y)
{
    return y->kind == YAML_SCALAR && !y->quoted && y->text[0] == '\0';
}

static bool skip_event(struct reader *r, yaml_event_type_t expected, yaml_event_type_t *found)
{
    CLEANUP(event_delete) yaml_event_t e = {0};
    if (!next_event(r, &e))
        return false;
    *found = e.type;
    if (e.type == expected || e.type == YAML_STREAM_END_EVENT)
        return true;
    return refuse(r, SB_PARSE, e.start_mark, "only one YAML document is read here: remove the second ---");
}

static struct yaml *read_stream(struct reader *r)
{
    yaml_event_type_t found;
    if (!skip_event(r, YAML_STREAM_START_EVENT, &found) || !skip_event(r, YAML_DOCUMENT_START_EVENT, &found))
        return NULL;
    if (found == YAML_STREAM_END_EVENT)
        return empty_map(r);
    CLEANUP(event_delete) yaml_event_t first = {0};
    if (!next_event(r, &first))
        return NULL;
    struct yaml *root = read_node(r, &first, 0);
    if (root == NULL || !skip_event(r, YAML_DOCUMENT_END_EVENT, &found) ||
        !skip_event(r, YAML_STREAM_END_EVENT, &found))
        return NULL;
    return is_nothing(root) ? empty_map(r) : root;
}

static bool check_bytes(struct reader *r)
{
    if (r->n > YAML_MAX_BYTES)
        return error_at(r->err, SB_LIMIT, r->file, 0, 0, "more than %d bytes of YAML", YAML_MAX_BYTES);
    for (size_t i = 0, line = 0; i < r->n; line++) {
        const char *end = memchr(r->text + i, '\n', r->n - i);
        size_t n = end != NULL ? (size_t)(end - r->text) - i + 1 : r->n - i;
        if (!str_is_utf8(r->text + i, n))
            return error_at(r->err, SB_PARSE, r->file, (int)line + r->first_line, 0,
                            "this line is not UTF-8");
        i += n;
    }
    return true;
}

struct yaml *yaml_parse(const char *text, size_t n, const char *file, int first_line, int first_column,
                        struct arena *a, struct error *err)
{
    struct reader r = {.a = a,
                       .text = n > 0 ? text : "",
                       .n = n,
                       .file = file,
                       .first_line = first_line > 0 ? first_line : 1,
                       .first_column = first_column,
                       .err = err};
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        r.text += 3;
        r.n -= 3;
    }
    if (!check_bytes(&r))
        return NULL;
    if (yaml_parser_initialize(&r.parser) != 1)
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.n);
    struct yaml *y = read_stream(&r);
    parser_delete(&r);
    return y;
}

struct yaml *yaml_parse_file(const char *path, struct arena *a, struct error *err)
{
    _cleanup_buf_ struct buf text = {0};
    if (!read_file(path, YAML_MAX_BYTES, &text, err))
        return NULL;
    return yaml_parse(buf_str(&text), text.len, path, 1, 0, a, err);
}

struct yaml *yaml_get(const struct yaml *y, const char *key)
{
    if (y == NULL || y->kind != YAML_MAP)
        return NULL;
    for (int i = 0; i < y->n; i++)
        if (strcmp(y->keys[i]->text, key) == 0)
            return y->items[i];
    return NULL;
}

const char *yaml_str(const struct yaml *y, const char *key)
{
    const struct yaml *v = yaml_get(y, key);
    return v != NULL && v->kind == YAML_SCALAR ? v->text : NULL;
}

bool yaml_only(const struct yaml *y, const char *file, const char *what, const char *const *allowed,
               struct error *err)
{
    if (y == NULL)
        return true;
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column, "%s: expected keys and values (key: value)",
                        what);
    for (int i = 0; i < y->n; i++) {
        const struct yaml *key = y->keys[i];
        const char *const *name = allowed;
        while (*name != NULL && strcmp(*name, key->text) != 0)
            name++;
        if (*name != NULL)
            continue;
        const char *near = str_near(key->text, allowed);
        if (near != NULL)
            return error_at(err, SB_UNKNOWN, file, key->line, key->column,
                            "%s: unknown key \"%s\"; did you mean \"%s\"?", what, key->text, near);
        _cleanup_buf_ struct buf known = {0};
        for (name = allowed; *name != NULL; name++)
            buf_printf(&known, "%s%s", name == allowed ? "" : ", ", *name);
        return error_at(err, SB_UNKNOWN, file, key->line, key->column,
                        "%s: unknown key \"%s\"; known are: %s", what, key->text, buf_str(&known));
    }
    return true;
}
