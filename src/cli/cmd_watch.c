/* watch: the live stage view of a change. */
#include "base/json.h"
#include "cli/follow.h"

/* The change to watch when none is named: the only open one. */
static const char *only_open(struct session *s, struct args *a, struct error *err)
{
    _cleanup_json_ json_t *answer = session_call(s, "GET", "/api/v1/changes?open=1", NULL, err);
    if (!answer)
        return NULL;
    const json_t *list = json_object_get(answer, "changes");
    if (json_array_size(list) == 1)
        return arena_strdup(a->arena, json_str(list, "0.id", "?"));
    error_set(err, SB_MISSING,
              json_array_size(list) == 0 ? "no change is open"
                                         : "several changes are open: name one (signalbox list)");
    return NULL;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = true};
    struct session *s = session_open(a, &o, &err);
    if (!s)
        return complain(&err);
    const char *id = a->n_words == 1 ? a->words[0] : only_open(s, a, &err);
    const struct follow_options f = {.json = opt_given(a, "json"),
                                     .ask = true,
                                     .again = id ? arena_printf(a->arena, "signalbox watch %s", id) : ""};
    int status = id ? follow(s, id, &f) : complain(&err);
    session_close(s);
    return status;
}

const struct command cmd_watch = {
    .name = "watch",
    .usage = "[CHANGE]",
    .says = "live stage view of a change; gates are answered at the keyboard",
    .more =
        "When no server runs, the changes that are open are carried out by this command while it watches.",
    .examples = "signalbox watch\twatch the only open change\nsignalbox watch HF-7\twatch this "
                "one\nsignalbox watch HF-7 | tee hf-7.log\tplain lines\n",
    .group = 1,
    .words_max = 1,
    .complete = "changes",
    .options = {{NULL, 0, OPTION_FLAG, NULL, NULL, NULL}},
    .run = run,
};
