/* pages.c: the pages that changes follow: found by name or path, those that ship last; each parsed once, by
 * its hash. */
#include "base/embedded.h"
#include "base/hash.h"
#include "base/read.h"
#include "change/prove.h"
#include "engine/inside.h"
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

extern const struct embedded shipped_pages[];

struct page_kept {
    struct page_kept *next;
    struct arena arena;
    const struct procedure *p;
    bool stored; /* in the store, by its hash */
    bool proof_known;
    struct error unproven; /* SB_OK: its interlocks hold */
};

static const struct procedure *not_found(struct page_errors *errors, const struct error *why)
{
    errors->n = errors->total = 1;
    errors->list[0] = *why;
    return NULL;
}

static struct page_kept *parse(struct engine *e, const char *text, size_t n, const char *file,
                               struct page_errors *errors)
{
    char hash[SHA256_HEX + 1];
    sha256_hex(text, n, hash);
    struct page_kept *kept = names_get(&e->pages, hash);
    if (kept)
        return kept;
    kept = NET_NEW(struct page_kept);
    kept->arena = arena_make();
    kept->p = page_parse(arena_strndup(&kept->arena, text, n), n, arena_strdup(&kept->arena, file),
                         &kept->arena, errors);
    if (!kept->p) {
        arena_free(&kept->arena);
        free(kept);
        return NULL;
    }
    kept->next = e->pages_first;
    e->pages_first = kept;
    names_put(&e->pages, hash, kept);
    return kept;
}

/* A page whose interlocks do not hold is not for a new change. The verdict is kept with the page. */
static const struct procedure *proven(struct page_kept *kept, struct page_errors *errors)
{
    if (kept == NULL)
        return NULL;
    if (!kept->proof_known) {
        _cleanup_arena_ struct arena a = arena_make();
        struct proof proof;
        kept->unproven = ERROR_NONE;
        if (!prove(kept->p, &a, &proof))
            prove_error(kept->p, &proof, &kept->unproven);
        kept->proof_known = true;
    }
    return kept->unproven.code == SB_OK ? kept->p : not_found(errors, &kept->unproven);
}

static const struct procedure *parse_file(struct engine *e, const char *path, struct page_errors *errors)
{
    _cleanup_buf_ struct buf text = {0};
    struct error err = ERROR_NONE;
    if (!read_file(path, PAGE_MAX_BYTES, &text, &err))
        return not_found(errors, &err);
    return proven(parse(e, buf_str(&text), text.len, path, errors), errors);
}

static bool is_path(const char *name)
{
    return str_ends(name, ".md");
}

static const struct embedded *shipped(const char *name)
{
    for (const struct embedded *s = shipped_pages; s->name; s++)
        if (strlen(s->name) == strlen(name) + 3 && strncmp(s->name, name, strlen(name)) == 0)
            return s;
    return NULL;
}

static const struct procedure *unknown_page(struct engine *e, const char *name, struct page_errors *errors)
{
    struct error err;
    const char *names[16] = {0};
    _cleanup_arena_ struct arena a = arena_make();
    for (size_t i = 0; shipped_pages[i].name && i < COUNT_OF(names) - 1; i++)
        names[i] = arena_strndup(&a, shipped_pages[i].name, strlen(shipped_pages[i].name) - 3);
    const char *near = str_near(name, names);
    if (near)
        error_set(&err, SB_UNKNOWN, "there is no page \"%.80s\"; did you mean \"%s\"?", name, near);
    else
        error_set(
            &err, SB_UNKNOWN,
            "there is no page \"%.80s\": give the path of a .md file, or a name from the folders that %s "
            "names under pages:",
            name, *e->config->file ? e->config->file : "the configuration");
    return not_found(errors, &err);
}

const struct procedure *engine_page(struct engine *e, const char *name, struct page_errors *errors)
{
    struct page_errors own;
    if (!errors)
        errors = &own;
    *errors = (struct page_errors){.n = 0};
    if (is_path(name))
        return parse_file(e, name, errors);
    if (strchr(name, '/') || *name == '.' || strlen(name) > 80)
        return unknown_page(e, name, errors);
    _cleanup_arena_ struct arena a = arena_make();
    for (const char **dir = e->config->page_dirs; dir && *dir; dir++) {
        const char *path = arena_printf(&a, "%s/%s.md", *dir, name);
        if (access(path, F_OK) == 0)
            return parse_file(e, path, errors);
    }
    const struct embedded *s = shipped(name);
    if (!s)
        return unknown_page(e, name, errors);
    return proven(parse(e, (const char *)s->data, s->size, arena_printf(&a, "sops/%s", s->name), errors),
                  errors);
}

/* --- all of them
 * ----------------------------------------------------------------------------------------------------- */

static void add_name(json_t *names, const char *file)
{
    size_t n = strlen(file), i;
    json_t *name;
    if (n <= 3 || *file == '.' || !str_ends(file, ".md"))
        return;
    json_t *one = json_stringn(file, n - 3);
    json_array_foreach(names, i, name)
        if (json_equal(name, one)) {
            json_decref(one);
            return;
        }
    json_array_append_new(names, one);
}

static void add_folder(json_t *names, const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        add_name(names, list[i]->d_name);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

json_t *engine_pages(const struct engine *e)
{
    json_t *names = json_array();
    for (const char **dir = e->config->page_dirs; dir && *dir; dir++)
        add_folder(names, *dir);
    for (const struct embedded *s = shipped_pages; s->name; s++)
        add_name(names, s->name);
    return names;
}

const struct procedure *page_by_hash(struct engine *e, const char *hash, const char *name, struct error *err)
{
    struct page_kept *kept = names_get(&e->pages, hash);
    if (kept)
        return kept->p;
    struct page_errors errors = {.n = 0};
    char *text = store_get_page(e->store, hash, err);
    if (!text)
        return NULL;
    _cleanup_arena_ struct arena a = arena_make();
    /* What has begun is carried on, also when a later Signalbox would no longer take its page. */
    kept = parse(e, text, strlen(text), arena_printf(&a, "%s.md", name), &errors);
    free(text);
    if (!kept) {
        error_wrap(&errors.list[0], err, "the page that the change began with");
        return NULL;
    }
    return kept->p;
}

bool page_keep_stored(struct engine *e, const struct procedure *p, struct error *err)
{
    struct page_kept *kept = names_get(&e->pages, p->hash);
    if (kept->stored)
        return true;
    kept->stored = store_put_page(e->store, p->hash, p->name, p->source, err);
    return kept->stored;
}

void pages_free(struct engine *e)
{
    for (struct page_kept *k = e->pages_first, *next; k; k = next) {
        next = k->next;
        arena_free(&k->arena);
        free(k);
    }
    e->pages_first = NULL;
    names_free(&e->pages);
}
