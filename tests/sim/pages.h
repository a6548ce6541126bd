/* pages.h: what is carried out in a history: a page that ships, or an invented one. */
#ifndef SB_SIM_PAGES_H
#define SB_SIM_PAGES_H

#include "sop/procedure.h"
#include <stdio.h>

struct sim_page {
    char name[64]; /* "hotfix", "invented-17" */
    struct arena arena;
    const struct procedure *sop;
};

/* "hotfix" and "deploy" are read from `root`/sops; "invented-N" is made up from N. NULL on error. Freed with
 * page_close. */
struct sim_page *page_open(const char *root, const char *name, struct error *err);
void page_close(struct sim_page *p);

/* The text of an invented page. In `a`. */
char *page_invent(uint64_t seed, struct arena *a);

/* The facts of a plan of this page, as varied as `dice` (numbers for the taking) makes them. New reference.
 */
json_t *page_facts(const struct sim_page *p, uint64_t seed, int64_t now, struct error *err);

#endif
