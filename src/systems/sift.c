/* sift.c: see sift.h. */
#include "systems/sift.h"
#include "base/arena.h"
#include "base/json.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { KEPT_VALUES_MAX = 50000, TOKEN_MAX = 8 << 20, STRING_MAX = 32 << 10, NUMBER_MAX = 64 };

/* The wanted paths as a tree. */
struct wanted {
    const char *name; /* "*" = any */
    struct wanted *child, *next;
    bool all; /* everything below is wanted */
};

/* An open object or array of which something is wanted. */
enum frame_kind { FRAME_VALUE, FRAME_ITEMS, FRAME_ITEM };
struct frame {
    enum frame_kind kind;
    bool array;
    const struct wanted *wanted;
    json_t *value;             /* NULL for FRAME_ITEMS */
    char *key;                 /* of the member that comes next */
    const struct wanted *next; /* what is wanted of it; NULL = nothing */
    bool items_next;           /* it is the list of items */
};

struct sift {
    struct sift_options o;
    struct arena arena;
    yajl_handle yajl;
    struct wanted root, item;
    struct frame frames[JSON_MAX_DEPTH + 1];
    int depth;   /* open frames */
    int skipped; /* open objects and arrays inside something that is not wanted */
    json_t *kept_root;
    int64_t items;
    int values;         /* kept of the present item */
    size_t since_token; /* bytes since the parser last gave something */
    bool over;          /* an error was told */
    struct error error;
};

/* --- wanted paths ----------------------------------------------------------------------------- */

static struct wanted *child_of(struct arena *a, struct wanted *parent, const char *name, size_t n)
{
    for (struct wanted *w = parent->child; w; w = w->next)
        if (strlen(w->name) == n && strncmp(w->name, name, n) == 0)
            return w;
    struct wanted *w = ARENA_NEW(a, struct wanted);
    w->name = arena_strndup(a, name, n);
    w->next = parent->child;
    parent->child = w;
    return w;
}

static void want(struct arena *a, struct wanted *root, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, ".");
        root = child_of(a, root, path, n);
        path += n + (path[n] == '.');
    }
    root->all = true;
}

static const struct wanted *lookup(const struct wanted *parent, const char *name, size_t n)
{
    static const struct wanted everything = {.name = "*", .all = true};
    if (parent->all)
        return &everything;
    for (const struct wanted *w = parent->child; w; w = w->next)
        if (strcmp(w->name, "*") == 0 || (strlen(w->name) == n && strncmp(w->name, name, n) == 0))
            return w;
    return NULL;
}

/* --- putting values together ------------------------------------------------------------------ */

static int stop(struct sift *s, enum error_code code, const char *says)
{
    (void)error_set(&s->error, code, "%s: %s", s->o.what, says);
    s->over = true;
    return 0;
}

static struct frame *top(struct sift *s)
{
    return s->depth ? &s->frames[s->depth - 1] : NULL;
}

static const struct wanted *wanted_of(const struct frame *f)
{
    return f->array ? lookup(f->wanted, "", 0) : f->next;
}

/* Puts a finished value where it belongs; takes it. */
static int attach(struct sift *s, json_t *value)
{
    struct frame *f = top(s);
    if (++s->values > KEPT_VALUES_MAX) {
        json_decref(value);
        return stop(s, SB_LIMIT, "one item is too large");
    }
    if (f->array)
        json_array_append_new(f->value, value);
    else
        json_object_set_new_nocheck(f->value, f->key, value);
    return 1;
}

static struct frame new_frame(struct sift *s, bool array)
{
    const struct frame *f = top(s);
    struct frame n = {.array = array};
    if (!f) {
        n.kind = s->o.items ? FRAME_VALUE : FRAME_ITEM;
        n.wanted = s->o.items ? &s->root : &s->item;
    } else if (f->kind == FRAME_ITEMS) {
        n.kind = FRAME_ITEM;
        n.wanted = &s->item;
    } else if (f->items_next && array) {
        n.kind = FRAME_ITEMS;
        n.wanted = &s->item;
    } else {
        n.wanted = f->items_next ? NULL : wanted_of(f);
    }
    return n;
}

static int open_value(struct sift *s, bool array)
{
    s->since_token = 0;
    if (s->depth + s->skipped >= JSON_MAX_DEPTH)
        return stop(s, SB_LIMIT, "nested too deep");
    struct frame n = {0};
    if (!s->skipped)
        n = new_frame(s, array);
    if (!n.wanted) {
        s->skipped++;
        return 1;
    }
    if (n.kind != FRAME_ITEMS)
        n.value = array ? json_array() : json_object();
    s->frames[s->depth++] = n;
    return 1;
}

static int give_item(struct sift *s, json_t *item)
{
    int64_t most = s->o.items_max ? s->o.items_max : 1000000;
    bool wanted = json_is_object(item);
    s->values = 0;
    if (wanted && ++s->items <= most)
        s->o.on_item(s->o.ctx, item);
    json_decref(item);
    return wanted && s->items > most ? stop(s, SB_LIMIT, "too many items") : 1;
}

static int close_value(struct sift *s)
{
    s->since_token = 0;
    if (s->skipped) {
        s->skipped--;
        return 1;
    }
    struct frame f = s->frames[--s->depth];
    free(f.key);
    if (f.kind == FRAME_ITEM)
        return give_item(s, f.value);
    if (f.kind == FRAME_ITEMS)
        return 1;
    if (s->depth > 0)
        return attach(s, f.value);
    json_decref(s->kept_root);
    s->kept_root = f.value;
    return 1;
}

/* A scalar is kept where a path ends. */
static bool scalar_wanted(struct sift *s)
{
    s->since_token = 0;
    struct frame *f = top(s);
    if (s->skipped || !f || f->kind == FRAME_ITEMS || f->items_next)
        return false;
    const struct wanted *w = wanted_of(f);
    return w && w->all;
}

/* --- what yajl gives -------------------------------------------------------------------------- */

static int on_null(void *ctx)
{
    return scalar_wanted(ctx) ? attach(ctx, json_null()) : 1;
}

static int on_boolean(void *ctx, int value)
{
    return scalar_wanted(ctx) ? attach(ctx, json_boolean(value)) : 1;
}

static int on_number(void *ctx, const char *text, size_t n)
{
    char copy[NUMBER_MAX];
    if (!scalar_wanted(ctx))
        return 1;
    if (n >= sizeof copy)
        return stop(ctx, SB_RANGE, "a number of absurd length");
    memcpy(copy, text, n);
    copy[n] = '\0';
    errno = 0;
    if (!strpbrk(copy, ".eE")) {
        long long whole = strtoll(copy, NULL, 10);
        if (!errno)
            return attach(ctx, json_integer(whole));
    }
    double real = strtod(copy, NULL);
    return isfinite(real) ? attach(ctx, json_real(real)) : stop(ctx, SB_RANGE, "a number out of range");
}

static int on_string(void *ctx, const unsigned char *text, size_t n)
{
    struct sift *s = ctx;
    if (!scalar_wanted(s))
        return 1;
    size_t most = s->o.string_max ? s->o.string_max : STRING_MAX;
    if (n > most)
        for (n = most; n > 0 && (text[n] & 0xc0) == 0x80; n--)
            ; /* not in the middle of a character */
    return attach(s, json_stringn_nocheck((const char *)text, n));
}

static int on_key(void *ctx, const unsigned char *text, size_t n)
{
    struct sift *s = ctx;
    s->since_token = 0;
    if (s->skipped)
        return 1;
    struct frame *f = top(s);
    if (!f) /* yajl has keys only within an object, which is what gcc cannot know */
        return 0;
    const char *name = (const char *)text;
    f->items_next =
        s->depth == 1 && s->o.items && strlen(s->o.items) == n && memcmp(name, s->o.items, n) == 0;
    f->next = lookup(f->wanted, name, n);
    free(f->key);
    f->key = f->next ? strndup(name, n) : NULL;
    return 1;
}

static int on_start_map(void *ctx)
{
    return open_value(ctx, false);
}

static int on_start_array(void *ctx)
{
    return open_value(ctx, true);
}

static int on_end(void *ctx)
{
    return close_value(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* --- outside ---------------------------------------------------------------------------------- */

struct sift *sift_new(const struct sift_options *o)
{
    struct sift *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->o = *o;
    s->arena = arena_make();
    s->o.items = arena_strdup(&s->arena, o->items);
    for (const char *const *path = o->keep; *path; path++)
        want(&s->arena, &s->item, *path);
    for (const char *const *path = o->keep_root; path && *path; path++)
        want(&s->arena, &s->root, *path);
    s->yajl = yajl_alloc(&callbacks, NULL, s);
    if (!s->yajl)
        abort();
    yajl_config(s->yajl, yajl_allow_multiple_values, o->items ? 0 : 1);
    return s;
}

void sift_free(struct sift *s)
{
    if (!s)
        return;
    while (s->depth > 0) {
        struct frame *f = &s->frames[--s->depth];
        json_decref(f->value);
        free(f->key);
    }
    yajl_free(s->yajl);
    json_decref(s->kept_root);
    arena_free(&s->arena);
    free(s);
}

static bool ended(struct sift *s, struct error *err)
{
    s->over = true;
    if (err)
        *err = s->error;
    return false;
}

/* yajl tells the place in the piece it got, which helps nobody; its reason in one line does. */
static bool refused(struct sift *s, struct error *err)
{
    if (s->error.code == SB_OK) {
        unsigned char *why = yajl_get_error(s->yajl, 0, NULL, 0);
        char *text = (char *)why;
        text[strcspn(text, "\n")] = '\0';
        (void)error_set(&s->error, SB_PARSE, "%s: not JSON: %s", s->o.what, text);
        yajl_free_error(s->yajl, why);
    }
    return ended(s, err);
}

bool sift_feed(struct sift *s, const char *bytes, size_t n, struct error *err)
{
    if (s->over)
        return ended(s, err);
    s->since_token += n;
    if (yajl_parse(s->yajl, (const unsigned char *)bytes, n) != yajl_status_ok)
        return refused(s, err);
    if (s->since_token > TOKEN_MAX) {
        (void)stop(s, SB_LIMIT, "a text longer than 8 MiB");
        return ended(s, err);
    }
    return true;
}

bool sift_end(struct sift *s, struct error *err)
{
    if (s->over)
        return ended(s, err);
    if (yajl_complete_parse(s->yajl) != yajl_status_ok || s->depth > 0 || s->skipped > 0) {
        if (s->depth > 0 || s->skipped > 0)
            (void)stop(s, SB_PARSE, "ends in the middle");
        return refused(s, err);
    }
    return true;
}

const json_t *sift_root(const struct sift *s)
{
    return json_is_object(s->kept_root) ? s->kept_root : NULL;
}

int64_t sift_items(const struct sift *s)
{
    return s->items;
}
