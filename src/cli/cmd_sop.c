/* sop: the pages: checked, shown, listed; and the words they may use. */
#include "base/buf.h"
#include "base/embedded.h"
#include "base/json.h"
#include "base/read.h"
#include "change/control.h"
#include "change/prove.h"
#include "cli/ask.h"
#include "sop/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct embedded shipped_pages[];

/* The text of a page: a file, or one that ships. NULL on error. */
static const char *page_text(const char *name, struct args *a, size_t *n, const char **file,
                             struct error *err)
{
    const char *names[16] = {0};
    for (size_t i = 0; shipped_pages[i].name; i++) {
        size_t stem = strlen(shipped_pages[i].name) - 3; /* without .md */
        if (strlen(name) == stem && strncmp(shipped_pages[i].name, name, stem) == 0) {
            *n = shipped_pages[i].size;
            *file = arena_printf(a->arena, "sops/%s", shipped_pages[i].name);
            return arena_strndup(a->arena, (const char *)shipped_pages[i].data, *n);
        }
        if (i + 1 < COUNT_OF(names))
            names[i] = arena_strndup(a->arena, shipped_pages[i].name, stem);
    }
    if (!str_ends(name, ".md")) {
        const char *near = str_near(name, names);
        error_set(err, SB_UNKNOWN,
                  "no page \"%s\" ships with Signalbox%s%s%s; a page of your own is given as a .md file",
                  name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return NULL;
    }
    struct buf text = {0};
    if (!read_file(name, PAGE_MAX_BYTES, &text, err)) {
        buf_free(&text);
        return NULL;
    }
    *n = text.len;
    *file = name;
    const char *copy = arena_strndup(a->arena, buf_str(&text), text.len);
    buf_free(&text);
    return copy;
}

/* The page named, parsed; its mistakes are printed. */
static struct procedure *page(struct args *a, const char *name)
{
    struct error err = ERROR_NONE;
    struct page_errors errors = {0};
    size_t n;
    const char *file;
    const char *text = page_text(name, a, &n, &file, &err);
    if (!text) {
        complain(&err);
        return NULL;
    }
    struct procedure *p = page_parse(text, n, file, a->arena, &errors);
    for (int i = 0; i < errors.n; i++) {
        char line[ERROR_TEXT_MAX];
        fprintf(stderr, "%s\n", error_format(&errors.list[i], line, sizeof line));
    }
    if (errors.total > errors.n)
        fprintf(stderr, "... and %d more\n", errors.total - errors.n);
    return p;
}

static int64_t ticks(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void print_broken(const struct procedure *p, const struct proof *f)
{
    fprintf(stderr, "%s:%d: rule %s does not hold: %s\n  %s.\n", p->file, f->line, f->rule, f->because,
            f->says);
    if (f->n_story > 0)
        fprintf(stderr,
                "\nThe shortest history that shows it (steps that play no part in it are not told):\n");
    for (int i = 0; i < f->n_story; i++)
        fprintf(stderr, "  %d. %s\n", i + 1, f->story[i]);
}

static json_t *proof_json(const struct procedure *p, const struct proof *f, int64_t took)
{
    json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:b, s:I, s:I, s:i, s:I}", "file", p->file, "steps",
                          p->n_steps, "rules", p->n_interlocks, "inputs", p->n_inputs, "proven", f->holds,
                          "states", (json_int_t)f->states, "events", (json_int_t)f->events, "views", f->views,
                          "took_ms", (json_int_t)took);
    if (f->holds)
        return j;
    json_t *story = json_array();
    for (int i = 0; i < f->n_story; i++)
        json_array_append_new(story, json_string(f->story[i]));
    json_object_set_new(j, "broken",
                        json_pack("{s:s, s:s, s:s, s:i, s:o}", "rule", f->rule, "because", f->because, "says",
                                  f->says, "line", f->line, "story", story));
    return j;
}

/* Parsed and proven. False when either is not so. */
static bool check_page(struct args *a, const char *name)
{
    struct proof proof;
    struct procedure *p = page(a, name);
    if (p == NULL)
        return false;
    int64_t began = ticks();
    prove(p, a->arena, &proof);
    int64_t took = ticks() - began;
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j = proof_json(p, &proof, took);
        char *text = json_dumps(j, 0);
        puts(text);
        free(text);
    } else if (!proof.holds) {
        print_broken(p, &proof);
    } else {
        printf("%s: good: %d steps, %d rules, %d inputs\n", p->file, p->n_steps, p->n_interlocks,
               p->n_inputs);
        printf("proven for %s:\n  %d rules and %d steps in %d views: %ld states, %ld events, %.2f s\n",
               prove_bound, p->n_interlocks, p->n_steps, proof.views, proof.states, proof.events,
               (double)took / 1000.0);
    }
    return proof.holds;
}

static int check(struct args *a)
{
    int bad = 0;
    for (int i = 1; i < a->n_words; i++)
        bad += !check_page(a, a->words[i]);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

static void show_step(const struct procedure *p, const struct step *s, bool whole)
{
    printf("  %-24s %-22s %s\n", s->id, s->verb ? s->verb->name : "question", s->title);
    if (s->when)
        printf("  %24s when %s\n", "", s->when);
    if (s->at)
        printf("  %24s at %s\n", "", s->at);
    for (int i = 0; i < p->n_interlocks; i++)
        if (p->interlocks[i].step == s->index)
            printf("  %24s rule %s: %s\n", "", p->interlocks[i].id, p->interlocks[i].because);
    if (whole && *s->prose)
        printf("\n%s\n\n", s->prose);
}

static int show(struct args *a)
{
    struct procedure *p = page(a, a->words[1]);
    if (!p)
        return EXIT_FAILED;
    if (opt_given(a, "source")) {
        fputs(p->source, stdout);
        return EXIT_DONE;
    }
    printf("%s (%s)\n", p->title, p->file);
    for (int i = 0; i < p->n_inputs; i++)
        printf("  input %-18s %s%s\n", p->inputs[i].name, p->inputs[i].says,
               p->inputs[i].required ? "" : " (may be left out)");
    const char *section = "";
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        if (s->of >= 0)
            continue;
        if (!str_eq(section, s->section))
            printf("\n%s\n", s->section);
        section = s->section;
        show_step(p, s, opt_given(a, "prose"));
    }
    return EXIT_DONE;
}

static int list_verbs(void)
{
    for (const struct verb *v = verbs; v->name; v++) {
        printf("%-22s %s\n", v->name, v->says);
        for (const struct verb_arg *g = v->args; g->name; g++)
            printf("  %20s %s%s: %s\n", "", g->name, g->required ? "" : " (may be left out)", g->says);
        if (*v->result)
            printf("  %20s gives %s\n", "", v->result);
    }
    return EXIT_DONE;
}

static int list_states(void)
{
    static const char *const head[] = {"FROM", "WHAT HAPPENS", "TO", "BECAUSE"};
    const char **cells = calloc((size_t)n_transitions * 4, sizeof *cells);
    if (!cells)
        abort();
    for (int i = 0; i < n_transitions; i++) {
        cells[i * 4] = step_status_names[transitions[i].from];
        cells[i * 4 + 1] = event_names[transitions[i].event];
        cells[i * 4 + 2] = step_status_names[transitions[i].to];
        cells[i * 4 + 3] = transitions[i].because;
    }
    const struct table t = {head, 4, cells, n_transitions};
    table_print(&t);
    free(cells);
    return EXIT_DONE;
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const char *what = a->words[0];
    if (str_eq(what, "check") && a->n_words > 1)
        return check(a);
    if (str_eq(what, "show") && a->n_words == 2)
        return show(a);
    if (str_eq(what, "verbs"))
        return list_verbs();
    if (str_eq(what, "states"))
        return list_states();
    error_set(&err, SB_MISSING, "sop check PAGE..., sop show PAGE, sop verbs, or sop states");
    complain(&err);
    return EXIT_USAGE;
}

const struct command cmd_sop = {
    .name = "sop",
    .usage = "check PAGE... | show PAGE | verbs | states",
    .says = "check and read the pages that changes follow",
    .more = "A page is named (hotfix, deploy: those that ship, or one in a folder of `pages:`) or given as a "
            "file.",
    .examples = "signalbox sop check sops/hotfix.md\tmistakes with their place; then the proof of the rules\n"
                "signalbox sop show hotfix --prose\tread it before the night you need it\n"
                "signalbox sop verbs\twhat a step can do\n",
    .group = 2,
    .words_min = 1,
    .words_max = ARGS_MAX,
    .complete = "pages",
    .options = {{"prose", 0, OPTION_FLAG, NULL, "show: with the text of the page", NULL},
                {"source", 0, OPTION_FLAG, NULL, "show: the page as it is", NULL}},
    .run = run,
};
