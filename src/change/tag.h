/* tag.h: build tags: "24-02-05.619" and hotfixes of them "24-02-05.619-hotfix.627". Pure. */
#ifndef SB_CHANGE_TAG_H
#define SB_CHANGE_TAG_H

#include "base/error.h"

struct tag {
    int year, month, day; /* 2024, 2, 5 */
    int build;            /* 619 */
    int hotfix;           /* 627; 0 = not a hotfix */
};

MUST_USE bool tag_parse(const char *text, struct tag *out, struct error *err);
/* <0, 0, >0 by age. */
int tag_compare(const struct tag *a, const struct tag *b);
/* Is `t` a hotfix of what `running` is (the same release, a later hotfix)? */
bool tag_is_hotfix_of(const struct tag *t, const struct tag *running);

#endif
