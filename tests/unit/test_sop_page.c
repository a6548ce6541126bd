#include "base/json.h"
#include "sop/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct page_errors errors;

static struct procedure *parse(const char *text, struct arena *a)
{
    return page_parse(text, strlen(text), "sops/test.md", a, &errors);
}

/* Parses what must be a good page. */
static struct procedure *good(const char *text, struct arena *a)
{
    struct procedure *p = parse(text, a);
    char line[2048];
    if (p == NULL)
        fail_msg("%s", error_format(&errors.list[0], line, sizeof line));
    return p;
}

static const struct step *step(const struct procedure *p, const char *id)
{
    int i = procedure_step(p, id);
    if (i < 0)
        fail_msg("there is no step %s", id);
    assert_int_equal(p->steps[i].index, i);
    return &p->steps[i];
}

static void assert_after(const struct procedure *p, const char *id, const char *expected)
{
    char got[512] = "";
    const struct step *s = step(p, id);
    for (int i = 0; i < s->n_after; i++) {
        strcat(got, i == 0 ? "" : " ");
        strcat(got, p->steps[s->after[i]].id);
    }
    if (strcmp(got, expected) != 0)
        fail_msg("%s comes after \"%s\", not \"%s\"", id, got, expected);
}

static void assert_with(const struct step *s, const char *expected)
{
    char *text = json_canonical(s->with);
    assert_string_equal(text, expected);
    free(text);
}

static const char whole_page[] =
    "---\n"
    "title: \"Night work\"\n"
    "weight: 6\n"
    "params: {anything: [1, 2]}\n"
    "signalbox:\n"
    "  inputs:\n"
    "    - {name: risk, says: How risky, type: choice, required: true, choices: [low, high]}\n"
    "    - {name: bridge, type: text, default: \"\"}\n"
    "    - {name: tries, type: number, default: 2}\n"
    "  branches: {trouble: when-it-breaks, rollback: rolling-back, stop: called-off}\n"
    "  redo_from: deploy\n"
    "  settings: {lead: 4, who: ops@example.net}\n"
    "  interlocks:\n"
    "    - {id: done-after-watch, because: Look first., step: tell, needs: [watch, maintenance], skipped: "
    "ok}\n"
    "    - {id: quiet, because: Not now., step: tell, never_in: trouble}\n"
    "    - {id: agreed, because: Four eyes., step: deploy, answered: {approve: yes}}\n"
    "    - {id: closed, because: Tell them., end_needs: [tell]}\n"
    "    - {id: last-resort, because: People decide., rollback: decided}\n"
    "---\n"
    "\n"
    "# Night work\n"
    "\n"
    "## Planning\n"
    "\n"
    "1. **Open the maintenance** when there is time, e.g. hours. Customers see it.\n"
    "   It has a window.\n"
    "\n"
    "   ```step\n"
    "   id: maintenance\n"
    "   do: statuspage.schedule\n"
    "   when: lead_hours >= settings.lead\n"
    "   at: from - 24h\n"
    "   late: skip\n"
    "   with:\n"
    "     name: \"Work for {{ client.name }}\"\n"
    "     body: We work.\n"
    "     from: \"{{ window.from }}\"\n"
    "     to: \"{{ window.to }}\"\n"
    "     components: \"{{ client.components }}\"\n"
    "   undo:\n"
    "     do: statuspage.cancel\n"
    "     with: {maintenance: \"{{ steps.maintenance.id }}\", body: Called off.}\n"
    "   rows: [L7, P3]\n"
    "   ```\n"
    "\n"
    "   Afterwards look at the page.\n"
    "\n"
    "2. Say it.\n"
    "\n"
    "   ```step\n"
    "   id: notice\n"
    "   do: chat.post\n"
    "   with: {channels: [\"#ops\"], text: \"Soon: {{ window.text }}\"}\n"
    "   due:\n"
    "     by: incident + 24h\n"
    "     nag: {before: 4h, do: chat.post, with: {channels: [ops], text: Say it.}}\n"
    "     escalate: {after: 30m, do: pager.alert, with: {to: ops, summary: Not said.}}\n"
    "   undo: {do: chat.post, with: {channels: [ops], text: Called off.}}\n"
    "   retry: {tries: 5, pause: 10s}\n"
    "   timeout: 2m\n"
    "   on_failure: continue\n"
    "   ```\n"
    "\n"
    "## Deploying\n"
    "\n"
    "Somebody else agrees.\n"
    "\n"
    "```step\n"
    "id: approve\n"
    "ask: {question: \"Deploy {{ client.name }}?\", role: approve, other: true, limit: 30m, otherwise: no}\n"
    "```\n"
    "\n"
    "Then it starts.\n"
    "\n"
    "```step\n"
    "id: deploy\n"
    "do: pipeline.start\n"
    "with: {client: \"{{ client.id }}\", env: \"{{ env }}\", services: \"{{ services }}\"}\n"
    "```\n"
    "\n"
    "```step\n"
    "id: watch\n"
    "do: pipeline.watch\n"
    "with: {build: \"{{ steps.deploy.build }}\"}\n"
    "gate: {question: The pipeline pauses., role: deploy}\n"
    "```\n"
    "\n"
    "```step\n"
    "id: look\n"
    "after: [deploy, notice]\n"
    "ask:\n"
    "  question: Is it healthy?\n"
    "  reason: true\n"
    "  choices: [yes, {id: not-yet, label: Not at all, fails: true}]\n"
    "```\n"
    "\n"
    "```step\n"
    "id: tell\n"
    "after: []\n"
    "again: maintenance\n"
    "do: change.note\n"
    "with: {text: done}\n"
    "```\n"
    "\n"
    "## When it breaks\n"
    "\n"
    "```step\n"
    "id: shout\n"
    "do: change.note\n"
    "with: {text: help}\n"
    "```\n"
    "\n"
    "### What next?\n"
    "\n"
    "```step\n"
    "id: decide\n"
    "ask: {question: What now?, decision: true, reason: true}\n"
    "```\n"
    "\n"
    "### Rolling back\n"
    "\n"
    "```step\n"
    "id: back\n"
    "do: change.note\n"
    "with: {text: back}\n"
    "```\n"
    "\n"
    "## Called off\n"
    "\n"
    "```step\n"
    "id: regret\n"
    "do: change.note\n"
    "with: {text: sorry}\n"
    "```\n";

static void a_page_becomes_its_steps_in_its_order(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    static const char *const ids[] = {"maintenance",     "notice", "notice.nag", "notice.escalate",
                                      "approve",         "deploy", "watch",      "watch.proceed",
                                      "watch.answer",    "look",   "tell",       "shout",
                                      "decide",          "back",   "regret",     "notice.undo",
                                      "maintenance.undo"};
    assert_int_equal(p->n_steps, COUNT_OF(ids));
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_string_equal(p->steps[i].id, ids[i]);
    assert_string_equal(p->name, "test");
    assert_string_equal(p->title, "Night work");
    assert_int_equal(strlen(p->hash), 64);
    assert_string_equal(p->source, whole_page);
    assert_int_equal(p->redo_from, procedure_step(p, "deploy"));
    assert_int_equal(json_int(p->settings, "lead", 0), 4);
    static const bool branches[BRANCH_COUNT] = {true, true, false, true, false, true, false, true};
    assert_memory_equal(p->has_branch, branches, sizeof branches);
    assert_string_equal(procedure_ids(p, &a)[1], "notice");
}

static void a_step_has_the_fields_that_its_block_gives_it(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    const struct step *s = step(p, "maintenance");
    assert_string_equal(s->verb->name, "statuspage.schedule");
    assert_string_equal(s->when, "lead_hours >= settings.lead");
    assert_string_equal(s->at, "from - 24h");
    assert_int_equal(s->late, LATE_SKIP);
    assert_string_equal(s->row, "L7, P3");
    assert_int_equal(s->line, 28);
    assert_int_equal(s->tries, 3);
    assert_int_equal(s->of, -1);
    assert_string_equal(json_str(s->with, "name", ""), "Work for {{ client.name }}");
    s = step(p, "notice");
    assert_string_equal(s->due, "incident + 24h");
    assert_int_equal(s->tries, 5);
    assert_int_equal(s->retry_ms, 10000);
    assert_int_equal(s->timeout_ms, 120000);
    assert_true(s->optional);
    assert_int_equal(step(p, "deploy")->tries, 1);
    assert_int_equal(step(p, "watch")->again, procedure_step(p, "deploy"));
    assert_int_equal(step(p, "tell")->again, procedure_step(p, "maintenance"));
    assert_int_equal(step(p, "shout")->again, procedure_step(p, "shout"));
}

static void a_step_carries_the_prose_around_its_block(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    const struct step *s = step(p, "maintenance");
    assert_string_equal(s->title, "Open the maintenance when there is time, e.g. hours");
    assert_string_equal(s->section, "Planning");
    assert_string_equal(s->prose,
                        "**Open the maintenance** when there is time, e.g. hours. Customers see it.\n"
                        "It has a window.\n\nAfterwards look at the page.\n");
    assert_string_equal(step(p, "notice")->prose, "Say it.\n");
    assert_string_equal(step(p, "approve")->title, "Somebody else agrees");
    assert_string_equal(step(p, "deploy")->prose, "Then it starts.\n");
    assert_string_equal(step(p, "decide")->title, "What next?");
}

static void steps_follow_each_other_within_their_branch(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    assert_after(p, "maintenance", "");
    assert_after(p, "notice", "maintenance");
    assert_after(p, "approve", "notice");
    assert_after(p, "look", "deploy notice");
    assert_after(p, "tell", "");
    assert_after(p, "shout", "");
    assert_after(p, "decide", "shout");
    assert_after(p, "back", "");
    assert_int_equal(step(p, "decide")->branch, BRANCH_TROUBLE);
    assert_int_equal(step(p, "back")->branch, BRANCH_ROLLBACK);
    assert_int_equal(step(p, "tell")->branch, BRANCH_MAIN);
}

static void a_deadline_makes_a_reminder_and_an_escalation_that_hold_nothing_up(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    const struct step *nag = step(p, "notice.nag"), *escalate = step(p, "notice.escalate");
    assert_string_equal(nag->at, "incident + 24h - 4h");
    assert_string_equal(escalate->at, "incident + 24h + 30m");
    assert_string_equal(escalate->verb->name, "pager.alert");
    assert_true(nag->unless_done && escalate->unless_done && nag->optional);
    assert_int_equal(nag->of, procedure_step(p, "notice"));
    assert_after(p, "notice.nag", "");
    assert_after(p, "notice.escalate", "");
    assert_after(p, "approve", "notice");
    assert_string_equal(nag->title, "Remind: Say it");
}

static void a_gate_makes_a_dormant_question_and_its_answer(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    const struct step *proceed = step(p, "watch.proceed"), *answer = step(p, "watch.answer");
    assert_true(proceed->spawned && answer->spawned);
    assert_null(proceed->verb);
    assert_string_equal(proceed->ask.question, "The pipeline pauses.");
    assert_string_equal(proceed->ask.choices[0].id, "proceed");
    assert_string_equal(proceed->ask.choices[1].id, "abort");
    assert_int_equal(proceed->ask.n_choices, 2);
    assert_string_equal(proceed->ask.role, "deploy");
    assert_after(p, "watch.answer", "watch.proceed");
    assert_with(answer,
                "{\"build\":\"{{ steps.deploy.build }}\",\"gate\":\"{{ steps[\\\"watch\\\"].gate.id }}\","
                "\"proceed\":\"{{ steps[\\\"watch.proceed\\\"].answer == \\\"proceed\\\" }}\"}");
    assert_after(p, "look", "deploy notice");
}

static void undo_steps_come_at_the_end_in_reverse(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    assert_int_equal(step(p, "maintenance.undo")->branch, BRANCH_UNDO);
    assert_int_equal(step(p, "maintenance.undo")->of, procedure_step(p, "maintenance"));
    assert_after(p, "regret", "");
    assert_after(p, "notice.undo", "");
    assert_after(p, "maintenance.undo", "notice.undo");
    assert_string_equal(step(p, "maintenance.undo")->verb->name, "statuspage.cancel");
}

static void a_question_has_its_choices_or_the_usual_ones(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    const struct ask *ask = &step(p, "approve")->ask;
    assert_int_equal(ask->n_choices, 2);
    assert_string_equal(ask->choices[1].id, "no");
    assert_true(ask->choices[1].ends && !ask->choices[0].ends);
    assert_true(ask->other);
    assert_int_equal(ask->limit_ms, 1800000);
    assert_string_equal(ask->otherwise, "no");
    ask = &step(p, "look")->ask;
    assert_string_equal(ask->choices[0].label, "Yes");
    assert_string_equal(ask->choices[1].label, "Not at all");
    assert_true(ask->choices[1].fails && ask->reason);
    ask = &step(p, "decide")->ask;
    assert_true(ask->decision);
    assert_int_equal(ask->n_choices, 5);
    assert_string_equal(ask->choices[4].label, "Stop here");
}

static void interlocks_name_steps_by_their_place(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    assert_int_equal(p->n_interlocks, 5);
    const struct interlock *l = p->interlocks;
    assert_int_equal(l[0].kind, RULE_NEEDS);
    assert_int_equal(l[0].step, procedure_step(p, "tell"));
    assert_int_equal(l[0].n_needs, 2);
    assert_int_equal(l[0].needs[1], procedure_step(p, "maintenance"));
    assert_true(l[0].skipped_ok);
    assert_string_equal(l[0].because, "Look first.");
    assert_int_equal(l[1].kind, RULE_NOT_TROUBLE);
    assert_int_equal(l[2].kind, RULE_ANSWERED);
    assert_int_equal(l[2].needs[0], procedure_step(p, "approve"));
    assert_string_equal(l[2].choice, "yes");
    assert_int_equal(l[3].kind, RULE_END_NEEDS);
    assert_int_equal(l[3].step, -1);
    assert_false(l[3].skipped_ok);
    assert_int_equal(l[4].kind, RULE_ROLLBACK_DECIDED);
}

static void inputs_have_types_and_defaults(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    const struct procedure *p = good(whole_page, &a);
    assert_int_equal(p->n_inputs, 3);
    assert_int_equal(p->inputs[0].type, INPUT_CHOICE);
    assert_true(p->inputs[0].required);
    assert_string_equal(p->inputs[0].choices[1], "high");
    assert_null(p->inputs[0].choices[2]);
    assert_string_equal(json_string_value(p->inputs[1].fallback), "");
    assert_int_equal(json_integer_value(p->inputs[2].fallback), 2);
    p = good("---\nsignalbox:\n  inputs:\n    when: {type: window}\n---\n", &a);
    assert_string_equal(p->inputs[0].name, "when");
    assert_int_equal(p->inputs[0].type, INPUT_WINDOW);
}

static void a_page_without_steps_is_a_handbook_page(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    assert_int_equal(good("# Hello\n\n```sh\nls\n```\n", &a)->n_steps, 0);
    assert_string_equal(good("# Hello\n", &a)->title, "Hello");
    assert_string_equal(good("", &a)->title, "test");
    assert_int_equal(good("---\r\ntitle: x\r\n---\r\ntext\r\n", &a)->n_steps, 0);
}

#define HEAD       "---\nsignalbox:\n"
#define STEP(body) "```step\n" body "```\n"
#define NOTE       "do: change.note\nwith: {text: x}\n"

static const struct {
    const char *page;
    int line, column;
    const char *says;
} mistakes[] = {
    {"---\ntitle: x\n", 1, 1, "does not end"},
    {"---\ntitle: [\n---\n", 3, 1, "flow"},
    {"---\n- a\n---\n", 2, 1, "a map is expected"},
    {HEAD "  inptus: {}\n---\n", 3, 3, "unknown \"inptus\"; did you mean \"inputs\"?"},
    {HEAD "  inputs: [{name: A}]\n---\n", 3, 19, "small letters"},
    {HEAD "  inputs: [{name: a, type: txt}]\n---\n", 3, 28, "did you mean \"text\"?"},
    {HEAD "  inputs: [{name: a, type: choice}]\n---\n", 3, 19, "go together"},
    {HEAD "  inputs: [{name: a, type: number, default: x}]\n---\n", 3, 45, "no value of type number"},
    {HEAD "  inputs: [{name: a}, {name: a}]\n---\n", 3, 30, "stands twice: first on line 3"},
    {HEAD "  branches: {troubel: x}\n---\n", 3, 14, "did you mean \"trouble\"?"},
    {HEAD "  branches: {trouble: go-wrog}\n---\n# Go wrong\n", 3, 23, "did you mean \"go-wrong\"?"},
    {HEAD "  branches: {trouble: x}\n---\n# X\n", 3, 23, "no step of its section asks for the decision"},
    {HEAD "  branches: {stop: x, patch: x}\n---\n# X\n", 3, 20, "is branch patch already"},
    {HEAD "  redo_from: b\n---\n" STEP("id: a\n" NOTE), 3, 14, "unknown \"b\""},
    {HEAD "  interlocks: [{id: x, step: a, needs: [b]}]\n---\n" STEP("id: a\n" NOTE), 3, 16,
     "\"because\" is missing"},
    {HEAD "  interlocks: [{id: x, because: y, step: aa, needs: [a]}]\n---\n" STEP("id: a\n" NOTE), 3, 42,
     "unknown \"aa\""},
    {HEAD "  interlocks: [{id: x, because: y, needs: [a]}]\n---\n" STEP("id: a\n" NOTE), 3, 16,
     "\"step\" is missing beside"},
    {HEAD "  interlocks: [{id: x, because: y, step: a, end_needs: [a]}]\n---\n" STEP("id: a\n" NOTE), 3, 42,
     "does not go with"},
    {HEAD "  interlocks: [{id: x, because: y, step: a}]\n---\n" STEP("id: a\n" NOTE), 3, 16,
     "exactly one of"},
    {HEAD "  interlocks: [{id: x, because: y, step: a, answered: {a: yes}}]\n---\n" STEP("id: a\n" NOTE), 3,
     56, "asks nothing"},
    {HEAD
     "  interlocks: [{id: x, because: y, step: a, answered: {a: yess}}]\n---\n" STEP("id: a\nask: Go?\n"),
     3, 59, "did you mean \"yes\"?"},
    {HEAD "  interlocks: [{id: x, because: y, step: a, never_in: night}]\n---\n" STEP("id: a\n" NOTE), 3, 55,
     "known are: trouble"},
    {"text\n\n```stpe\nid: a\n```\n", 3, 1, "did you mean \"step\"?"},
    {STEP(NOTE), 1, 1, "\"id\" is missing"},
    {STEP("id: A b\n" NOTE), 2, 5, "small letters"},
    {STEP("id: a\n"), 2, 5, "it does nothing and asks nothing"},
    {STEP("id: a\ndoo: x\n" NOTE), 3, 1, "unknown \"doo\"; did you mean \"do\"?"},
    {STEP("id: a\ndo: chat.psot\n"), 3, 5, "did you mean \"chat.post\"?"},
    {STEP("id: a\ndo: chat.post\nwith: {chanels: [x], channels: [y], text: z}\n"), 4, 8,
     "did you mean \"channels\"?"},
    {STEP("id: a\ndo: chat.post\nwith: {text: z}\n"), 4, 7, "chat.post needs \"channels\""},
    {STEP("id: a\ndo: chat.post\n"), 3, 5, "chat.post needs \"channels\""},
    {STEP("id: a\ndo: chat.post\nwith: {channels: ops, text: z}\n"), 4, 18, "a list is expected"},
    {STEP("id: a\ndo: chat.post\nwith: {channels: [ops], text: 5}\n"), 4, 31, "a text is expected"},
    {STEP("id: a\ndo: chat.post\nwith: [x]\n"), 4, 7, "a map of arguments"},
    {STEP("id: a\ndo: health.watch\nwith: {services: [x], soak: soon}\n"), 4, 29, "a duration"},
    {STEP("id: a\n" NOTE "when: client.name ==\n"), 5, 7, "unexpected symbol"},
    {STEP("id: a\n" NOTE "when: \"client.name = 2\"\n"), 5, 20, "near '='"},
    {STEP("id: a\n" NOTE "when: clinet.name == 1\n"), 5, 7, "there is no clinet; did you mean client?"},
    {STEP("id: a\n" NOTE "when: 1 == change.sevrity\n"), 5, 12,
     "there is no change.sevrity; did you mean change.severity?"},
    {STEP("id: a\n" NOTE "when: steps.b.done\n"), 5, 7, "there is no steps.b"},
    {STEP("id: a\n" NOTE "when: settings.x == 1\n"), 5, 7, "there is no settings.x"},
    {STEP("id: a\n" NOTE "when: inputs.x == 1\n"), 5, 7, "there is no inputs.x"},
    {"1. Text\n\n   ```step\n   id: a\n   do: change.note\n   with:\n     text: |\n       First line\n       "
     "then {{ a b }}\n   ```\n",
     9, 18, "near 'b'"},
    {"1. Text\n\n   ```step\n   id: a\n   do: change.note\n   with:\n     text: \"{{ x\"\n   ```\n", 7, 13,
     "not closed"},
    {"1. Text\n\n   ```step\n   id: a\n   do: change.nota\n   with: {text: x}\n   ```\n", 5, 8,
     "did you mean \"change.note\"?"},
    {"1. Text\n\n   ```step\n   id: a\n   with: [\n   ```\n", 6, 4, "flow"},
    {STEP("id: a\n" NOTE "at: form - 1h\n"), 5, 5, "did you mean \"from\"?"},
    {STEP("id: a\n" NOTE "at: from - 1x\n"), 5, 13, "expected a unit"},
    {STEP("id: a\n" NOTE "late: skip\n"), 5, 7, "without \"at\""},
    {STEP("id: a\n" NOTE "at: from\nlate: later\n"), 6, 7, "known are: send, skip"},
    {STEP("id: a\n" NOTE "due: {nag: {do: change.note, with: {text: x}}}\n"), 5, 6, "\"by\" is missing"},
    {STEP("id: a\n" NOTE "due: {by: to, nag: {before: 4h}}\n"), 5, 20, "\"do\" is missing"},
    {STEP("id: a\n" NOTE "due: {by: to, nag: {after: 4h, do: change.note, with: {text: x}}}\n"), 5, 21,
     "unknown \"after\""},
    {STEP("id: a\n" NOTE "gate: {question: x}\n"), 5, 7, "belongs to pipeline.watch"},
    {STEP("id: a\n" NOTE "retry: 0\n"), 5, 8, "1 to 20"},
    {STEP("id: a\n" NOTE "timeout: 5 parsecs\n"), 5, 10, "step a: timeout: "},
    {STEP("id: a\n" NOTE "on_failure: panic\n"), 5, 13, "known are: trouble, continue"},
    {STEP("id: a\nask: {choices: [yes]}\n"), 3, 6, "\"question\" is missing"},
    {STEP("id: a\nask: {question: q, role: aprove}\n"), 3, 26, "did you mean \"approve\"?"},
    {STEP("id: a\nask: {question: q, limit: 5m}\n"), 3, 27, "go together"},
    {STEP("id: a\nask: {question: q, limit: 5m, otherwise: on}\n"), 3, 42, "did you mean \"no\"?"},
    {STEP("id: a\nask: {question: q, choices: []}\n"), 3, 29, "list of choices"},
    {STEP("id: a\nask: {question: q, choices: [x, x]}\n"), 3, 33, "stands twice"},
    {STEP("id: a\nask: {question: q, choices: [{id: x, fails: true, ends: true}]}\n"), 3, 30, "not both"},
    {STEP("id: a\nask: {question: q, other: maybe}\n"), 3, 27, "true or false"},
    {STEP("id: a\nask: {question: q, decision: true}\n"), 3, 6, "belongs to the section for trouble"},
    {HEAD "  branches: {trouble: x}\n---\n# X\n" STEP(
         "id: a\nask: {question: q, decision: true, choices: [retry, rolback]}\n"),
     8, 45, "did you mean \"rollback\"?"},
    {HEAD "  branches: {undo: x}\n---\n# X\n", 3, 14, "unknown \"undo\""},
    {STEP("id: a\n" NOTE "again: b\n"), 5, 8, "unknown \"b\""},
    {HEAD "  branches: {stop: x}\n---\n" STEP("id: a\n" NOTE "again: b\n") "# X\n" STEP("id: b\n" NOTE), 9, 8,
     "same branch"},
    {STEP("id: a\n" NOTE "after: b\n"), 5, 8, "unknown \"b\""},
    {STEP("id: a\n" NOTE) STEP("id: a\n" NOTE), 7, 5, "stands twice: first on line 2"},
    {STEP("id: a\n" NOTE "after: a\n"), 5, 8, "wait for each other: a after a"},
    {STEP("id: one\n" NOTE "after: [three]\n") STEP("id: two\n" NOTE) STEP("id: three\n" NOTE), 5, 8,
     "one after three after two after one"},
    {HEAD "  branches: {stop: x}\n---\n" STEP("id: a\n" NOTE) "# X\n" STEP("id: b\n" NOTE "after: a\n"), 15,
     8, "within one branch"},
    {HEAD
     "  branches: {stop: x}\n---\n# X\n" STEP("id: b\n" NOTE "undo: {do: change.note, with: {text: x}}\n"),
     10, 7, "main branch"},
    {"text\n\xff\n", 2, 0, "UTF-8"},
};

static void a_mistake_is_reported_with_its_place_and_what_was_expected(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        _cleanup_arena_ struct arena a = arena_make();
        char line[2048];
        const struct error *e = &errors.list[0];
        bool found = parse(mistakes[i].page, &a) == NULL;
        if (found && e->line == mistakes[i].line && e->column == mistakes[i].column &&
            strstr(e->text, mistakes[i].says) != NULL && strcmp(e->file, "sops/test.md") == 0)
            continue;
        print_error("expected %d:%d %s\ngot %s\nin:\n%s\n", mistakes[i].line, mistakes[i].column,
                    mistakes[i].says, found ? error_format(e, line, sizeof line) : "no mistake",
                    mistakes[i].page);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void many_mistakes_are_found_in_one_go(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    assert_null(parse(HEAD "  nothing: 1\n  redo_from: q\n---\n" STEP(
                          "id: a\ndo: x.y\nwhen: (\nafter: zzz\nbogus: 1\n") STEP("id: b\nask: {role: r}\n"),
                      &a));
    assert_int_equal(errors.n, errors.total);
    assert_int_equal(errors.total, 8);
    for (int i = 1; i < errors.n; i++)
        assert_true(errors.list[i].line >= errors.list[i - 1].line);
}

static void more_mistakes_than_are_kept_are_counted(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    char page[8192] = "";
    for (int i = 0; i < 30; i++)
        sprintf(page + strlen(page), "```step\nid: s%d\ndo: no.verb\n```\n", i);
    assert_null(parse(page, &a));
    assert_int_equal(errors.n, PAGE_ERRORS_MAX);
    assert_int_equal(errors.total, 30);
}

static void a_page_has_a_limit_of_steps(void **state)
{
    (void)state;
    _cleanup_arena_ struct arena a = arena_make();
    char *page = calloc(1, 64 * 300);
    for (int i = 0; i < 250; i++)
        sprintf(page + strlen(page), "```step\nid: s%d\nask: Go?\n```\n", i);
    assert_null(parse(page, &a));
    assert_non_null(strstr(errors.list[0].text, "at most 192 steps"));
    free(page);
}

static void people_read_a_page_without_its_raw_html(void **state)
{
    (void)state;
    static const char page[] = "---\ntitle: x\n---\n# A & B\n\n## A & B\n\n<script>alert(1)</script>\n\ntext "
                               "<b>bold</b> <!-- c -->\n\n"
                               "[x](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. Do\n\n   "
                               "```step\n   id: do-it\n   ask: Go?\n   ```\n\n"
                               "```step\nid: \"><script>\n```\n";
    char *html = page_html(page, strlen(page));
    assert_non_null(strstr(html, "<h1 id=\"a--b\">A &amp; B</h1>"));
    assert_non_null(strstr(html, "<h2 id=\"a--b-1\">"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
    assert_non_null(strstr(html, "text &lt;b&gt;bold&lt;/b&gt;"));
    assert_non_null(strstr(html, "<table>"));
    assert_non_null(strstr(html, "<div class=\"step\" id=\"step-do-it\"></div>"));
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "javascript:"));
    assert_null(strstr(html, "title: x"));
    free(html);
    html = page_html("", 0);
    assert_string_equal(html, "");
    free(html);
}

/* Same bytes on every run, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Any byte, or one that means something to YAML or Markdown. */
static char random_byte(uint32_t *seed, bool any)
{
    static const char telling[] = "{}[]:-#\n |>'\"`&*,.a1";
    uint32_t r = next_random(seed);
    return any ? (char)(r & 0xFF) : telling[r % (sizeof telling - 1)];
}

static void parse_any(const char *text, size_t n)
{
    _cleanup_arena_ struct arena a = arena_make();
    struct procedure *p = page_parse(text, n, "sops/fuzz.md", &a, &errors);
    assert_int_equal(p == NULL, errors.total > 0);
    for (int i = 0; i < errors.n; i++)
        assert_true(errors.list[i].code != SB_OK && errors.list[i].text[0] != '\0');
}

static void a_page_cut_off_anywhere_or_with_any_byte_changed_is_read_or_refused(void **state)
{
    (void)state;
    size_t n = strlen(whole_page);
    char *page = malloc(n);
    uint32_t seed = 7;
    for (size_t cut = 0; cut < n; cut += 7) {
        memcpy(page, whole_page, cut);
        parse_any(page, cut);
    }
    for (int i = 0; i < 1500; i++) {
        memcpy(page, whole_page, n);
        for (uint32_t flips = 1 + next_random(&seed) % 4; flips > 0; flips--)
            page[next_random(&seed) % n] = random_byte(&seed, i % 3 == 0);
        parse_any(page, n);
        char *html = page_html(page, n);
        assert_non_null(html);
        free(html);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_cut_off_anywhere_or_with_any_byte_changed_is_read_or_refused),
        cmocka_unit_test(a_page_becomes_its_steps_in_its_order),
        cmocka_unit_test(a_step_has_the_fields_that_its_block_gives_it),
        cmocka_unit_test(a_step_carries_the_prose_around_its_block),
        cmocka_unit_test(steps_follow_each_other_within_their_branch),
        cmocka_unit_test(a_deadline_makes_a_reminder_and_an_escalation_that_hold_nothing_up),
        cmocka_unit_test(a_gate_makes_a_dormant_question_and_its_answer),
        cmocka_unit_test(undo_steps_come_at_the_end_in_reverse),
        cmocka_unit_test(a_question_has_its_choices_or_the_usual_ones),
        cmocka_unit_test(interlocks_name_steps_by_their_place),
        cmocka_unit_test(inputs_have_types_and_defaults),
        cmocka_unit_test(a_page_without_steps_is_a_handbook_page),
        cmocka_unit_test(a_mistake_is_reported_with_its_place_and_what_was_expected),
        cmocka_unit_test(many_mistakes_are_found_in_one_go),
        cmocka_unit_test(more_mistakes_than_are_kept_are_counted),
        cmocka_unit_test(a_page_has_a_limit_of_steps),
        cmocka_unit_test(people_read_a_page_without_its_raw_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
