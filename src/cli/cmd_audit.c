/* audit: is the record what was recorded? Looks at the file alone, so it works on a copy and beside a running
 * server. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/ask.h"
#include "store/store.h"
#include <inttypes.h>
#include <stdio.h>

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    if (!str_eq(a->words[0], "verify")) {
        error_set(&err, SB_UNKNOWN, "audit knows \"verify\", not \"%s\"", a->words[0]);
        return complain(&err);
    }
    const char *path = opt(a, "store");
    if (!path)
        path = arena_printf(a->arena, "%s/signalbox.db", state_dir_of(a, NULL));
    struct loop *loop = loop_new();
    const struct store_options o = {.path = path, .loop = loop, .read_only = true};
    struct store *s = store_open(&o, &err);
    struct verdict v = {0};
    bool ok = s && store_verify(s, a->n_words > 1 ? a->words[1] : NULL, &v, &err);
    if (s)
        store_close(s);
    loop_free(loop);
    if (!ok)
        return complain(&err);
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j =
            json_pack("{s:b, s:I, s:I, s:s}", "good", v.good, "changes", (json_int_t)v.changes, "events",
                      (json_int_t)v.events, "text", v.text);
        print_json(j);
    } else if (v.good) {
        printf("The record is whole: %" PRId64 " event%s of %" PRId64
               " change%s, every hash follows from the one before it.\n",
               v.events, v.events == 1 ? "" : "s", v.changes, v.changes == 1 ? "" : "s");
    } else {
        printf("The record has been changed: %s\n", v.text);
    }
    return v.good ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_audit = {
    .name = "audit",
    .usage = "verify [CHANGE]",
    .says = "re-compute the record's chain of hashes: nobody has edited, removed or added anything",
    .examples =
        "signalbox audit verify\tall changes\nsignalbox audit verify --store copy.db\tof a copy, offline\n",
    .group = 3,
    .words_min = 1,
    .words_max = 2,
    .options = {{"store", 0, OPTION_VALUE, "FILE", "the store's file (default: the one in --state)",
                 "files"}},
    .run = run,
};
