/* page_parts.h: what the parts of the page parser share. Not for others: they use sop/page.h.
 *
 * A page is read in passes: markdown (markdown.c), front matter (page_front.c), each step's fields
 * (page_step.c), the steps that a step brings with it (page_made.c), and then what needs all of them:
 * references and rules (page_refs.c), texts and expressions (page_texts.c). Every pass reports what it finds
 * and goes on, so that a page's mistakes come all at once. */
#ifndef SB_SOP_PAGE_PARTS_H
#define SB_SOP_PAGE_PARTS_H

#include "base/yaml.h"
#include "sop/expr.h"
#include "sop/markdown.h"
#include "sop/page.h"

/* A step while the page is being read: with the YAML it came from, for the places of mistakes. */
struct draft {
    struct step s;
    const struct yaml *place; /* its `id`, or the field that made it */
    const struct yaml *after; /* as written, or NULL */
    const struct yaml *again; /* as written, or NULL */
    const struct yaml *undo, *due, *gate;
    struct draft *of; /* the written step it was made for */
};

enum text_kind { TEXT_EXPR, TEXT_TEMPLATE, TEXT_MOMENT };

/* A text of the page to be checked once all names are known. */
struct page_text {
    const struct yaml *y;
    enum text_kind kind;
    const char *what; /* "step maintenance: when" */
    struct page_text *next;
};

struct reading {
    struct arena *a;
    struct page_errors *errors;
    struct procedure *p;
    struct expr *x;
    struct md_page md;
    const struct yaml *front;        /* the map under `signalbox:`, or NULL */
    const char *slugs[BRANCH_COUNT]; /* section of each branch, or NULL */
    const struct yaml *slug_places[BRANCH_COUNT];
    struct draft *drafts; /* page order */
    int n_drafts;
    const char *const *ids; /* of all drafts, once they are complete */
    struct page_text *texts, **texts_end;
};

/* A field of a step: the manual's row and the function that reads it; `do` and `with` are read together, once
 * both are known. */
struct step_field {
    const char *name;
    void (*read)(struct reading *r, struct draft *d, const struct yaml *y);
    const char *says;
};
extern const struct step_field step_fields[]; /* ends with a NULL name */

/* Reports a mistake at a place of the page. */
void page_fault(struct reading *r, enum error_code code, int line, int column, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
#define FAULT(r, code, y, ...) page_fault((r), (code), (y)->line, (y)->column, __VA_ARGS__)
void page_fault_error(struct reading *r, const struct error *e);
/* Reports an unknown name, with a near one or all known ones. */
void page_unknown(struct reading *r, const struct yaml *y, const char *what, const char *name,
                  const char *const *known);

/* [a-z][a-z0-9-]*, at most 64 characters. */
bool page_id_valid(const char *id);
/* The scalar's text, or NULL with a mistake reported. */
const char *page_scalar(struct reading *r, const struct yaml *y, const char *what);
bool page_flag(struct reading *r, const struct yaml *y, const char *what);
int64_t page_duration(struct reading *r, const struct yaml *y, const char *what);
/* Takes over the reference, for as long as the arena lives. */
const json_t *page_keep(struct reading *r, json_t *j);
/* Index of `name` in `known`, or -1 with a mistake reported. */
int page_one_of(struct reading *r, const struct yaml *y, const char *what, const char *const *known);
/* Reports every key of a map that is not in `known`; false when `y` is no map. */
bool page_only(struct reading *r, const struct yaml *y, const char *what, const char *const *known);
void page_text_add(struct reading *r, const struct yaml *y, enum text_kind kind, const char *what);

void page_front_read(struct reading *r, const struct yaml *front);
void page_steps_read(struct reading *r);
/* Reads `do` and `with` of a map (a step, an undo, a nag) into a draft. */
void page_action_read(struct reading *r, struct draft *d, const struct yaml *map, const char *what);
void page_ask_read(struct reading *r, struct draft *d, const struct yaml *y);
/* The steps that come with step `d`, behind it in `out`; returns how many. */
int page_made(struct reading *r, struct draft *d, struct draft *out, int room);
/* Its undo step, if it has one. */
bool page_made_undo(struct reading *r, struct draft *d, struct draft *out);
void page_refs_check(struct reading *r);
void page_interlocks_read(struct reading *r);
/* Index of the step that a scalar names, or -1 with a mistake reported. */
int page_step_ref(struct reading *r, const struct yaml *y, const char *what);
void page_texts_check(struct reading *r);

#endif
