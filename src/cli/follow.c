#include "cli/follow.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/gate.h"
#include "cli/stage.h"
#include "cli/terminal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct following {
    struct session *session;
    const char *change;
    const struct follow_options *o;
    struct terminal *terminal;
    struct gate gate; /* the question at the keyboard */
    char typed[1024];
    bool entered;
    char notice[ERROR_TEXT_MAX]; /* what came of the last answer */
    int64_t seen;                /* number of the last event printed */
    const char *gate_told;       /* plain lines: the gate that was explained last */
    struct arena arena;
};

static void on_key(void *ctx, const char *line, bool done)
{
    struct following *f = ctx;
    snprintf(f->typed, sizeof f->typed, "%s", line);
    f->entered = f->entered || done;
    session_wake(f->session);
}

static json_t *fetch(struct following *f, struct error *err)
{
    _cleanup_arena_ struct arena a = arena_make();
    return session_call(f->session, "GET", arena_printf(&a, "/api/v1/changes/%s", f->change), NULL, err);
}

/* --- plain lines
 * ------------------------------------------------------------------------------------------------------------
 */

static void print_event(const struct following *f, const json_t *event, const char *zone)
{
    if (f->o->json) {
        char *line = json_dumps(event, JSON_COMPACT);
        puts(line);
        free(line);
        return;
    }
    struct civil c = {0};
    if (!instant_to_civil(json_int(event, "at", 0), zone, &c, NULL))
        return;
    printf("%02d:%02d:%02d  %s\n", c.hour, c.minute, c.second,
           json_str(event, "text", json_str(event, "type", "")));
}

/* Everything in the record since the last time. */
static bool print_news(struct following *f, const char *zone, struct error *err)
{
    for (;;) {
        _cleanup_arena_ struct arena a = arena_make();
        char *path =
            arena_printf(&a, "/api/v1/changes/%s/events?from=%" PRId64 "&limit=200", f->change, f->seen + 1);
        _cleanup_json_ json_t *answer = session_call(f->session, "GET", path, NULL, err);
        if (!answer)
            return false;
        const json_t *events = json_object_get(answer, "events");
        size_t i;
        json_t *e;
        json_array_foreach((json_t *)events, i, e) {
            print_event(f, e, zone);
            f->seen = json_int(e, "n", f->seen);
        }
        fflush(stdout);
        if (json_array_size(events) < 200)
            return true;
    }
}

/* Without a keyboard a gate is told once, with the commands that answer it. */
static void tell_gate(struct following *f, const json_t *change)
{
    const json_t *step = gate_step(change);
    const char *id = step ? json_str(step, "id", NULL) : NULL;
    char *key = id ? arena_printf(&f->arena, "%s/%d", id, (int)json_int(step, "run", 0)) : NULL;
    if (!key || (f->gate_told && str_eq(f->gate_told, key)))
        return;
    f->gate_told = key;
    if (f->o->json)
        return;
    printf("          ? %s\n", json_str(step, "question", json_str(step, "title", "")));
    size_t i;
    json_t *choice;
    json_array_foreach(json_object_get(step, "choices"), i, choice)
        printf("            signalbox answer %s %s %s\n", f->change, id, json_str(choice, "id", "?"));
    fflush(stdout);
}

/* --- the terminal
 * ------------------------------------------------------------------------------------------------------------
 */

static void draw(struct following *f, const json_t *change)
{
    _cleanup_buf_ struct buf picture = {0};
    int width, height;
    terminal_size(f->terminal, &width, &height);
    _cleanup_buf_ struct buf below = {0};
    const char *prompt = gate_prompt(&f->gate, width, &below);
    if (*f->notice) {
        buf_addc(&below, '\n');
        stage_wrap(&below, f->notice, 2, width, 5);
    }
    int used = 1;
    for (size_t i = 0; i < below.len; i++)
        used += below.data[i] == '\n';
    struct stage_look look = {.width = width,
                              .height = height - used - 3,
                              .color = terminal_has_color(),
                              .unicode = terminal_has_unicode()};
    if (look.height < 8)
        look.height = 8;
    stage_draw(change, &look, &picture);
    buf_adds(&picture, buf_str(&below));
    terminal_show(f->terminal, buf_str(&picture), prompt);
}

static void answer(struct following *f)
{
    struct error e = ERROR_NONE;
    f->entered = false;
    *f->notice = '\0';
    if (gate_enter(&f->gate, f->session, f->change, f->typed, &e))
        return;
    snprintf(f->notice, sizeof f->notice, "%s", e.text);
}

/* --- the end
 * -----------------------------------------------------------------------------------------------------------------
 */

static int exit_of_change(const json_t *change)
{
    if (!str_eq(json_str(change, "status", ""), "ended"))
        return EXIT_WAITS;
    return str_eq(json_str(change, "outcome", ""), "done") ? EXIT_DONE : EXIT_OTHERWISE;
}

static int stay(struct following *f, struct error *err)
{
    for (;;) {
        _cleanup_json_ json_t *change = fetch(f, err);
        if (!change)
            return EXIT_FAILED;
        bool ended = str_eq(json_str(change, "status", ""), "ended");
        if (f->terminal) {
            gate_look(&f->gate, f->o->ask ? change : NULL);
            draw(f, change);
        } else {
            if (!print_news(f, json_str(change, "zone", "UTC"), err))
                return EXIT_FAILED;
            tell_gate(f, change);
        }
        /* What is shown may be ahead of what is durable: the end counts when it is both. */
        if (ended && !f->terminal && f->seen < json_int(change, "seq", 0)) {
            session_wait(f->session, f->change, 50);
            continue;
        }
        if (ended)
            return exit_of_change(change);
        /* A second is how often clocks on the screen move; events wake us at once. */
        session_wait(f->session, f->change, f->terminal ? 1000 : 60000);
        if (session_signal(f->session))
            return EXIT_WAITS;
        if (f->entered)
            answer(f);
    }
}

int follow(struct session *s, const char *change, const struct follow_options *o)
{
    struct following f = {.session = s, .change = change, .o = o, .arena = arena_make()};
    struct error err = ERROR_NONE;
    if (!o->json && terminal_usable())
        f.terminal = terminal_new(session_loop(s), on_key, &f);
    int status = stay(&f, &err);
    terminal_free(f.terminal);
    gate_clear(&f.gate);
    arena_free(&f.arena);
    if (err.code != SB_OK)
        return complain(&err);
    if (session_signal(s) && !o->json)
        printf("\n%s is kept as it is; nothing is lost or done twice. To go on: %s\n", change, o->again);
    return status;
}
