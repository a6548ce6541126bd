/* recover: what can still be read of a damaged file, what is lost, and what to do. */
#include "base/buf.h"
#include "base/json.h"
#include "cli/ask.h"
#include "store/recover.h"
#include <inttypes.h>
#include <stdio.h>

enum { LINES_MAX = 40 };

static void print_damage(const json_t *r)
{
    size_t i;
    const json_t *line, *damage = json_object_get(r, "damage");
    if (json_array_size(damage) == 0)
        puts("SQLite finds nothing wrong with the file.");
    else
        puts("SQLite says of the file:");
    json_array_foreach(damage, i, line)
        printf("  %s\n", json_string_value(line));
}

static void print_tables(const json_t *r)
{
    size_t i, k;
    const json_t *t, *gap;
    puts("\nWhat could be read:");
    json_array_foreach(json_object_get(r, "tables"), i, t) {
        printf("  %-8s %" PRId64 " rows", json_str(t, "name", ""), json_int(t, "rows", 0));
        json_array_foreach(json_object_get(t, "unreadable"), k, gap) {
            int64_t from = json_int(gap, "0", 0), to = json_int(gap, "1", 0);
            const char *before = k == 0 ? "; not" : ",";
            if (k == LINES_MAX) {
                fputs(" ...", stdout);
                break;
            }
            if (to == INT64_MAX)
                printf("%s what came after %" PRId64, before, from - 1);
            else if (from == to)
                printf("%s %" PRId64, before, from);
            else
                printf("%s %" PRId64 " to %" PRId64, before, from, to);
        }
        putchar('\n');
    }
}

static void print_change(const json_t *l)
{
    int64_t whole = json_int(l, "whole_to", 0), known = json_int(l, "known_to", 0);
    printf("  %-12s ", json_str(l, "change", "?"));
    if (whole == 0)
        printf("nothing of it can be trusted");
    else
        printf("whole up to event %" PRId64, whole);
    if (known > whole)
        printf("; there were at least %" PRId64 "\n", known);
    else
        puts("; what leads to it is damaged");
}

static void print_losses(const json_t *r)
{
    size_t i;
    const json_t *l, *lost = json_object_get(r, "lost");
    int64_t n = (int64_t)json_array_size(lost), entries = json_int(r, "entries_lost", 0),
            nobody = json_int(r, "events_of_nobody", 0);
    printf("\n%" PRId64 " of %" PRId64 " changes that are known of are whole.\n",
           json_int(r, "changes", 0) - n, json_int(r, "changes", 0));
    json_array_foreach(lost, i, l) {
        if (i == LINES_MAX) {
            printf("  ... and %" PRId64 " more; --json has all\n", n - LINES_MAX);
            break;
        }
        print_change(l);
    }
    if (entries > 0)
        printf(
            "%" PRId64
            " entries of the ledger are lost: nobody can tell from this file alone whether more changes were "
            "in them.\n",
            entries);
    if (nobody > 0)
        printf("%" PRId64 " events are of changes whose own row is lost.\n", nobody);
    if (json_flag(r, "numbers_guessed", false))
        puts("The number of the next change was lost: it will be well behind those that are known.");
}

static void print_advice(const json_t *r, const char *file, const char *to)
{
    if (json_flag(r, "whole", false) && to)
        printf(
            "\nNothing is missing. With Signalbox stopped, put %s in the place of %s, and keep the damaged file. Then: "
            "signalbox audit verify\n",
            to, file);
    else if (json_flag(r, "whole", false) && json_array_size(json_object_get(r, "damage")) > 0)
        printf("\nNothing would be missing in a new file: signalbox recover %s --to NEW-FILE\n", file);
    else if (json_flag(r, "whole", false))
        puts("\nNothing is to be done.");
    else
        printf(
            "\nThe way back is a backup: restore the newest one, and look with signalbox audit verify. %s holds what is "
            "above, for reading and for auditors. Signalbox does not carry on a change that is not whole: what such a "
            "change did in other systems after its last whole event must be looked up there, by a person.\n",
            to ? to : "With --to NEW-FILE, that file");
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const char *file =
        a->n_words > 0 ? a->words[0] : arena_printf(a->arena, "%s/signalbox.db", state_dir_of(a, NULL));
    _cleanup_json_ json_t *r = store_recover(file, opt(a, "to"), &err);
    if (!r)
        return complain(&err);
    if (opt_given(a, "json")) {
        print_json(r);
    } else {
        printf("%s\n", file);
        print_damage(r);
        print_tables(r);
        print_losses(r);
        print_advice(r, file, opt(a, "to"));
    }
    return json_flag(r, "whole", false) ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_recover = {
    .name = "recover",
    .usage = "[FILE]",
    .says = "what can still be read of a damaged file, what is lost, and what to do",
    .more =
        "The file is only read, never changed. With --to, what can be read goes into a new file. Every change of which "
        "anything is missing is named; the status is 0 only when nothing is.",
    .examples = "signalbox recover\tlooks at the one in --state\n"
                "signalbox recover --to saved.db\tsaves what can be read\n",
    .group = 3,
    .words_min = 0,
    .words_max = 1,
    .complete = "files",
    .options = {{"to", 0, OPTION_VALUE, "FILE",
                 "save what can be read into this new file (default: only look)", "files"}},
    .run = run,
};
