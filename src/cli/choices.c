/* choices.c: what one can decide, and what each of it costs, for people. */
#include "cli/choices.h"
#include "base/instant.h"
#include "base/json.h"
#include <inttypes.h>
#include <stdio.h>

static const char *usual(const struct args *a, const json_t *c)
{
    const json_t *u = json_object_get(c, "usual");
    int64_t takes = json_int(c, "takes_ms", 0);
    if (u)
        return arena_printf(a->arena, "usually %s (most between %s and %s, %" PRId64 " times%s)",
                            duration_text(json_int(u, "median_ms", 0), a->arena),
                            duration_text(json_int(u, "low_ms", 0), a->arena),
                            duration_text(json_int(u, "high_ms", 0), a->arena), json_int(u, "n", 0),
                            json_flag(u, "here", false) ? " here" : "");
    if (takes)
        return arena_printf(a->arena, "about %s (%s)", duration_text(takes, a->arena),
                            json_str(c, "takes_from", "a guess"));
    return "it is not known how long it takes";
}

/* What it will do, one line a step; looks and notes are left out. */
static void print_steps(const json_t *steps)
{
    enum { SHOWN = 14 };
    size_t i, shown = 0, more = 0;
    json_t *s;
    json_array_foreach((json_t *)steps, i, s) {
        const char *does = json_str(s, "does", ""), *question = json_str(s, "question", NULL);
        bool acts = question || json_object_get(s, "messages");
        if (json_flag(s, "skipped", false) || !acts)
            continue;
        if (shown++ >= SHOWN) {
            more++;
            continue;
        }
        printf("      %s%s%s%s%s\n", json_str(s, "id", "?"), *does ? " (" : "", does, *does ? ")" : "",
               question ? ": asks" : "");
    }
    if (more > 0)
        printf("      and %zu more: signalbox decide CHANGE --json\n", more);
}

static void print_choice(const struct args *a, const json_t *c)
{
    const char *impossible = json_str(c, "impossible", NULL);
    const json_t *fits = json_object_get(c, "fits");
    printf("\n  %s: %s\n", json_str(c, "id", "?"), json_str(c, "label", ""));
    if (impossible) {
        printf("    not possible: %s\n", impossible);
        return;
    }
    printf("    %s%s\n", usual(a, c), json_is_false(fits) ? "; that does not fit the window any more" : "");
    print_steps(json_object_get(c, "steps"));
}

static void print_rollback(const struct args *a, const json_t *r, int64_t now, const char *zone)
{
    size_t i;
    json_t *one;
    int64_t until = json_int(r, "decide_until", 0), left = json_int(r, "left_ms", 0);
    if (until)
        printf("A rollback still fits it until %s%s\n", instant_text(until, zone, now, a->arena),
               left > 0 ? arena_printf(a->arena, ", for another %s.", duration_text(left, a->arena))
                        : ": that has passed.");
    printf("A rollback returns to:");
    json_array_foreach(json_object_get(r, "to"), i, one)
        printf(" %s %s", json_str(one, "service", "?"), json_str(one, "tag", "(not known)"));
    puts("");
    json_array_foreach(json_object_get(r, "schema"), i, one)
        printf("The schema has changed since: %s: %s\n", json_str(one, "service", "?"),
               json_str(one, "file", "?"));
}

int choices_print(const struct args *a, const json_t *answer)
{
    const char *zone = json_str(answer, "zone", "UTC"), *reason = json_str(answer, "reason", "");
    int64_t now = json_int(answer, "now", 0), to = json_int(answer, "window_to", 0);
    size_t i;
    json_t *c;
    printf("%s is in trouble%s%s\n", json_str(answer, "id", "?"), *reason ? ": " : ".", reason);
    if (to)
        printf("The window ends %s%s\n", instant_text(to, zone, now, a->arena),
               to > now ? arena_printf(a->arena, ", in %s.", duration_text(to - now, a->arena))
                        : ": it is over.");
    print_rollback(a, json_object_get(answer, "rollback"), now, zone);
    json_array_foreach(json_object_get(answer, "choices"), i, c)
        print_choice(a, c);
    printf("\nDecide: signalbox decide %s CHOICE --reason \"...\"\n", json_str(answer, "id", "?"));
    return EXIT_DONE;
}
