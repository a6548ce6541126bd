/* scenarios.c: see scenarios.h. */
#include "cli/scenarios.h"
#include "base/buf.h"
#include "base/embedded.h"
#include "base/json.h"
#include <string.h>

enum { SCENARIO_MAX = 1 << 20, SHIPPED_MAX = 100 };

extern const struct embedded shipped_drills[];

/* "crash-loop" of "crash-loop.json". */
static char *name_of(const struct embedded *file, struct arena *a)
{
    return arena_strndup(a, file->name, strcspn(file->name, "."));
}

static json_t *parsed(const struct embedded *file, struct error *err)
{
    return json_read((const char *)file->data, file->size, SCENARIO_MAX, file->name, err);
}

json_t *scenario_read(const char *name, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *names[SHIPPED_MAX + 1] = {NULL};
    if (strchr(name, '/') || str_ends(name, ".json"))
        return json_read_file(name, SCENARIO_MAX, err);
    for (int i = 0; shipped_drills[i].name && i < SHIPPED_MAX; i++) {
        names[i] = name_of(&shipped_drills[i], &a);
        if (str_eq(names[i], name))
            return parsed(&shipped_drills[i], err);
    }
    const char *near = str_near(name, names);
    error_set(
        err, SB_UNKNOWN,
        "there is no scenario \"%.64s\"%s%s%s: signalbox drill list names those that ship; a file of your own "
        "is given by its path",
        name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

json_t *scenarios_shipped(void)
{
    _cleanup_arena_ struct arena a = arena_make();
    json_t *list = json_array();
    for (int i = 0; shipped_drills[i].name && i < SHIPPED_MAX; i++) {
        _cleanup_json_ json_t *s = parsed(&shipped_drills[i], NULL);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "name", name_of(&shipped_drills[i], &a), "title",
                                        json_str(s, "name", ""), "says", json_str(s, "drill.says", "")));
    }
    return list;
}
