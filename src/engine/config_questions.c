/* config_questions.c: which questions about a plan stop it, and who may overrule them. */
#include "engine/config_questions.h"

#include "base/buf.h"
#include <string.h>

/* What would be refused by the page later anyway, or what nobody should do alone, stops a plan. */
static const struct config_question usual[ABOUT_COUNT] = {
    [ABOUT_PAST] = {true, "approve"},   [ABOUT_HOURS] = {false, "deploy"},
    [ABOUT_FREEZE] = {true, "approve"}, [ABOUT_CONFLICT] = {false, "deploy"},
    [ABOUT_CHECKS] = {true, "approve"}, [ABOUT_LENGTH] = {false, "deploy"},
    [ABOUT_TAG] = {true, "approve"},    [ABOUT_ONCALL] = {false, "deploy"},
    [ABOUT_TAM] = {false, "deploy"},    [ABOUT_ROLLBACK] = {true, "approve"},
    [ABOUT_QUEUE] = {false, "deploy"},
};

static bool wrong(const struct yaml *y, const char *file, const char *what, const char *expected,
                  struct error *err)
{
    return error_at(err, SB_PARSE, file, y->line, y->column, "%s: expected %s%s%s%s", what, expected,
                    y->kind == YAML_SCALAR ? ", found \"" : "", y->kind == YAML_SCALAR ? y->text : "",
                    y->kind == YAML_SCALAR ? "\"" : "");
}

static bool read_one(const struct yaml *y, const char *file, const char *name, struct config_question *out,
                     struct error *err)
{
    static const char *const keys[] = {"blocks", "overrule", NULL};
    if (y->kind != YAML_MAP)
        return wrong(y, file, name, "a map such as {blocks: true, overrule: approve}", err);
    if (!yaml_only(y, file, name, keys, err))
        return false;
    const struct yaml *blocks = yaml_get(y, "blocks"), *overrule = yaml_get(y, "overrule");
    if (blocks &&
        (blocks->kind != YAML_SCALAR || (!str_eq(blocks->text, "true") && !str_eq(blocks->text, "false"))))
        return wrong(blocks, file, "blocks", "true or false", err);
    if (overrule && (overrule->kind != YAML_SCALAR || !*overrule->text))
        return wrong(overrule, file, "overrule", "a role, or nobody", err);
    if (blocks)
        out->blocks = str_eq(blocks->text, "true");
    if (overrule)
        out->overrule = overrule->text;
    return true;
}

bool config_questions_read(const struct yaml *y, const char *file, struct config_question out[ABOUT_COUNT],
                           struct error *err)
{
    memcpy(out, usual, sizeof usual);
    if (!y)
        return true;
    if (y->kind != YAML_MAP)
        return wrong(y, file, "questions", "a map such as hours: {blocks: true, overrule: approve}", err);
    if (!yaml_only(y, file, "questions", about_names, err))
        return false;
    for (int i = 0; i < ABOUT_COUNT; i++) {
        const struct yaml *one = yaml_get(y, about_names[i]);
        if (one && !read_one(one, file, about_names[i], &out[i], err))
            return false;
    }
    return true;
}
