/* config_questions.h: the configuration's `questions:`: which questions about a plan stop it, and who may overrule
 * them. Pure. */
#ifndef SB_ENGINE_CONFIG_QUESTIONS_H
#define SB_ENGINE_CONFIG_QUESTIONS_H

#include "base/yaml.h"
#include "change/questions.h"

struct config_question {
    bool blocks;          /* no plan is kept, and no window moved, while it stands */
    const char *overrule; /* the role that may overrule it; "nobody" */
};

/* `y` NULL: as usual. Texts live as long as `y`. Errors with file, line, column. */
MUST_USE bool config_questions_read(const struct yaml *y, const char *file,
                                    struct config_question out[ABOUT_COUNT], struct error *err);

#endif
