/* store: moves the record from a file to a database, or back. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/store_named.h"
#include "store/copy.h"
#include <inttypes.h>
#include <stdio.h>

static struct store *open_one(const struct args *a, const char *name, struct loop *loop, bool read_only,
                              struct error *err)
{
    struct store_options o = {.loop = loop, .read_only = read_only};
    struct error why;
    store_named(a, name, &o);
    struct store *s = store_open(&o, &why);
    if (!s)
        error_wrap(&why, err, read_only ? "what is to be copied" : "where it is to be copied to");
    return s;
}

static bool copy(const struct args *a, struct verdict *v, struct error *err)
{
    struct loop *loop = loop_new();
    struct store *from = open_one(a, a->words[1], loop, true, err);
    struct store *to = from ? open_one(a, a->words[2], loop, false, err) : NULL;
    bool ok = to && store_copy(from, to, v, err);
    store_close(to);
    store_close(from);
    loop_free(loop);
    return ok;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    struct verdict v;
    if (!str_eq(a->words[0], "copy"))
        error_set(&err, SB_UNKNOWN, "store knows \"copy\", not \"%.40s\"", a->words[0]);
    if (err.code != SB_OK || !copy(a, &v, &err))
        return complain(&err);
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j =
            json_pack("{s:I, s:I, s:I, s:s}", "changes", (json_int_t)v.changes, "events",
                      (json_int_t)v.events, "entries", (json_int_t)v.entries, "head", v.head);
        print_json(j);
    } else {
        printf("Copied and compared: %" PRId64 " events of %" PRId64
               " changes. Every chain was computed anew on both "
               "sides; both end in %s.\n",
               v.events, v.changes, v.head);
    }
    return EXIT_DONE;
}

const struct command cmd_store = {
    .name = "store",
    .usage = "copy FROM TO",
    .says = "copy the whole record from a file to a PostgreSQL database, or back, and compare",
    .more =
        "FROM and TO are files or URLs (postgresql://USER@HOST/DATABASE; the password as the configuration or libpq "
        "has it). Stop Signalbox first. TO must be empty: it is filled in one transaction, text for text, then every "
        "chain is computed anew on both sides and compared.",
    .examples =
        "signalbox store copy signalbox.db postgresql://signalbox@db.example.com/signalbox\tto a database\n"
        "signalbox store copy postgresql://signalbox@db.example.com/signalbox record.db\tto one file\n",
    .group = 3,
    .words_min = 3,
    .words_max = 3,
    .complete = "files",
    .run = run,
};
