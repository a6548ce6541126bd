/* The hotfix page that ships, carried out by the core: with everything there is, with nothing but what is
 * built in, called off, and in trouble. */
#include "play.h"

#include "base/read.h"

static struct play hotfix(json_t *facts)
{
    _cleanup_buf_ struct buf text = {0};
    struct page_errors errors = {0};
    char path[512];
    const char *root = getenv("SOURCE_ROOT");
    struct play p = {.arena = arena_make(), .now = NOON, .log = json_array()};
    snprintf(path, sizeof path, "%s/sops/hotfix.md", root != NULL ? root : ".");
    assert_true(read_file(path, PAGE_MAX_BYTES, &text, NULL));
    p.sop = page_parse(buf_str(&text), text.len, "sops/hotfix.md", &p.arena, &errors);
    assert_non_null(p.sop);
    p.change = change_new("HF-7", p.sop);
    p.expr = expr_new();
    json_object_set_new(facts, "settings", json_deep_copy(p.sop->settings));
    play_start(&p, facts);
    return p;
}

/* A change with a system for everything, planned five hours ahead. */
static json_t *full_facts(void)
{
    static const char text[] =
        "{\"change\": {\"id\": \"HF-7\", \"severity\": 2, \"risk\": \"high\", \"outcome\": \"done\", "
        "\"requested_by\": \"ada@example.net\", \"reason\": \"orders are stuck\"},"
        " \"client\": {\"id\": \"tangerine\", \"name\": \"Tangerine\", \"zone\": \"America/New_York\", "
        "\"work_week\": \"mon-fri\", \"hours\": \"08:00-22:00\","
        "   \"components\": [\"Tangerine\"], \"channels\": {\"prod_support\": \"prod-support-tangerine\"}, "
        "\"tam\": {\"name\": \"Bo\", \"mail\": \"bo@example.net\"}},"
        " \"env\": {\"name\": \"prod\", \"production\": true}, \"oncall\": \"production\", \"channels\": {}, "
        "\"people\": [],"
        " \"systems\": {\"cluster\": \"kubernetes\", \"health\": \"grafana\", \"releases\": \"github\"},"
        " \"services\": [{\"service\": \"decanting-service\", \"tag\": \"24-02-05.619-hotfix.627\"}], "
        "\"lead_hours\": 5.0,"
        " \"inputs\": {\"bridge\": \"https://meet.example/hf\", \"predeploy\": \"Warm the cache\", "
        "\"incident_link\": \"https://incident.example/1\"}}";
    json_t *facts = json_loads(text, 0, NULL);
    assert_non_null(facts);
    json_object_set_new(facts, "incident", json_integer(NOON - HOURS(1)));
    json_object_set_new(facts, "window",
                        json_pack("{s:I, s:I, s:s, s:s}", "from", (json_int_t)(NOON + HOURS(5)), "to",
                                  (json_int_t)(NOON + HOURS(7)), "zone", "America/New_York", "text",
                                  "Thu 8 Feb 19:00-21:00 EST (2 h)"));
    return facts;
}

/* The least: nothing configured, severity 1, now. */
static json_t *bare_facts(void)
{
    json_t *facts = full_facts();
    json_object_set_new(facts, "systems", json_object());
    json_object_set_new(facts, "oncall", json_string(""));
    json_object_set_new(facts, "lead_hours", json_real(0));
    json_object_set_new(json_object_get(facts, "change"), "severity", json_integer(1));
    json_object_set_new(json_object_get(facts, "client"), "components", json_array());
    json_object_del(json_object_get(facts, "client"), "tam");
    json_object_set_new(facts, "env", json_pack("{s:s, s:b}", "name", "test", "production", 0));
    json_object_set_new(facts, "inputs",
                        json_pack("{s:s, s:s, s:s}", "bridge", "", "predeploy", "", "incident_link", ""));
    json_object_set_new(json_object_get(facts, "window"), "from", json_integer(NOON));
    return facts;
}

static const struct {
    const char *verb, *result;
} results[] = {
    {"tickets.create", "{\"id\": \"OPS-1\", \"url\": \"https://tickets.example/OPS-1\"}"},
    {"calendar.create", "{\"id\": \"ev1\", \"url\": \"u\"}"},
    {"calendar.conflicts", "{\"conflicts\": [{\"title\": \"Freeze of the other train\"}]}"},
    {"statuspage.schedule", "{\"id\": \"m1\", \"url\": \"u\"}"},
    {"chat.channel", "{\"channel\": \"C9\", \"name\": \"change-hf-7-tangerine\", \"created\": true}"},
    {"chat.post", "{\"posts\": [{\"channel\": \"C1\", \"ts\": \"1.1\", \"url\": \"u\"}]}"},
    {"chat.joined", "{\"joined\": [], \"absent\": [\"bo@example.net\"]}"},
    {"pager.oncall", "{\"people\": [{\"name\": \"Cy\", \"mail\": \"cy@example.net\"}]}"},
    {"pager.alert", "{\"alert\": \"a1\"}"},
    {"pipeline.start", "{\"build\": \"deploy#87\", \"url\": \"https://ci.example/87\"}"},
    {"cluster.versions", "{\"services\": {\"decanting-service\": \"24-02-05.619\"}}"},
    {"releases.check", "{\"services\": [{\"service\": \"decanting-service\", \"schema\": [\"db/17.sql\"]}]}"},
    {"owners.lookup",
     "{\"owners\": [{\"service\": \"decanting-service\", \"team\": \"Decanting\", \"channel\": "
     "\"decanting\", \"schedule\": \"decanting\", \"people\": [\"di@example.net\"]}]}"},
    {"change.evidence", "{\"text\": \"the end of the log\"}"},
};

static json_t *result_of(const struct step *s)
{
    for (size_t i = 0; i < COUNT_OF(results); i++)
        if (strcmp(s->verb->name, results[i].verb) == 0)
            return json_pack("{s:o}", "result", json_loads(results[i].result, 0, NULL));
    return json_pack("{s:{}}", "result");
}

/* Everybody answers with the first choice, everything succeeds but `fails` (NULL = all does), time passes;
 * until the change ends, comes into trouble, or nothing moves any more. */
static void carry(struct play *p, const char *fails)
{
    for (int i = 0; i < 2000; i++) {
        struct wants w;
        begin_all(p);
        bool moved = false;
        for (int s = 0; s < p->sop->n_steps && !moved; s++) {
            const struct step *step = &p->sop->steps[s];
            enum step_status status = (enum step_status)p->change->control.steps[s].status;
            p->now += 10;
            if (status == STEP_INTENDED || status == STEP_OBSERVING) {
                bool bad = fails != NULL && strcmp(fails, step->id) == 0;
                moved = bad ? happens(p, EV_FAILED, step->id,
                                      json_pack("{s:s}", "error", "stage \"deploy\" failed"))
                            : happens(p, EV_DONE, step->id, result_of(step));
                if (!moved)
                    fail_msg("%s: %s", step->id, p->err.text);
            } else if (status == STEP_ASKING && !step->ask.decision) {
                moved = answers(p, step->id, step->ask.choices[0].id, NULL);
            }
        }
        if (moved)
            continue;
        change_next(p->change, p->now, &w);
        if (w.n == 1 && (w.list[0].kind == WANT_END || w.list[0].kind == WANT_TROUBLE)) {
            assert_true(happens(p, w.list[0].kind == WANT_END ? EV_ENDED : EV_TROUBLE, NULL,
                                json_pack("{s:s}", "reason", "a rule")));
            return;
        }
        if (w.n > 0 || w.wake == 0 || w.wake <= p->now)
            return;
        p->now = w.wake;
    }
    fail_msg("it never comes to rest");
}

/* When a step's event of this type was recorded last; 0 = never. */
static int64_t when(const struct play *p, const char *type, const char *step)
{
    size_t i;
    json_t *e;
    int64_t at = 0;
    json_array_foreach(p->log, i, e)
        if (str_eq(json_str(e, "type", ""), type) && str_eq(json_str(e, "step", ""), step))
            at = json_int(e, "at", 0);
    return at;
}

static const char *text_of(const struct play *p, const char *step)
{
    return json_str(p->change->data[step_of(p, step)].args, "text", "(none)");
}

static void assert_status(const struct play *p, const char *step, const char *expected)
{
    if (strcmp(status(p, step), expected) != 0)
        fail_msg("%s is %s, not %s", step, status(p, step), expected);
}

static void a_hotfix_is_carried_out_to_its_end_when_all_goes_well(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "ended");
    assert_int_equal(p.change->control.outcome, OUTCOME_CARRIED_OUT);
    static const char *const done[] = {
        "ticket",        "channel",   "maintenance",          "announce",
        "approve",       "predeploy", "remind-hour",          "bridge-nudge",
        "deploy",        "verified",  "maintenance-complete", "component-confirmed",
        "announce-done", "others",    "ticket-done",          "report"};
    for (size_t i = 0; i < COUNT_OF(done); i++)
        assert_status(&p, done[i], "done");
    static const char *const skipped[] = {
        "notice",      "notice.nag", "notice.escalate", "remind-day", "component-maintenance",
        "health-look", "pods-look",  "others.nag",      "window-left"};
    for (size_t i = 0; i < COUNT_OF(skipped); i++)
        assert_status(&p, skipped[i], "skipped");
    int64_t from = NOON + HOURS(5);
    assert_true(when(&p, "step.intended", "announce") < NOON + HOURS(1));
    assert_true(when(&p, "step.intended", "remind-hour") >= from - HOURS(1) &&
                when(&p, "step.intended", "remind-hour") < from);
    assert_true(when(&p, "step.intended", "maintenance-begin") >= from);
    assert_true(when(&p, "step.intended", "deploy") >= from);
    assert_true(when(&p, "step.intended", "maintenance-complete") > when(&p, "step.done", "pods"));
    assert_true(when(&p, "step.intended", "maintenance-complete") > when(&p, "step.done", "health-watch"));
    assert_string_equal(
        text_of(&p, "announce"),
        "**Hotfix planned: Tangerine prod, Thu 8 Feb 19:00-21:00 EST (2 h)**\norders are stuck\n"
        "- decanting-service 24-02-05.619-hotfix.627 (now 24-02-05.619)\nSeverity 2, **risk high**. Ticket "
        "https://tickets.example/OPS-1. Requested by ada@example.net.\nOn call for production: Cy. A "
        "maintenance is on the "
        "status page.\n");
    char *channels =
        json_canonical(json_object_get(p.change->data[step_of(&p, "announce")].args, "channels"));
    assert_string_equal(channels, "[\"change-control\",\"incident\",\"prod-support-tangerine\",\"C9\","
                                  "\"announcements-change-control\"]");
    free(channels);
    play_close(&p);
}

static void a_severity_1_hotfix_needs_no_system_but_its_notice(void **state)
{
    (void)state;
    struct play p = hotfix(bare_facts());
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "ended");
    static const char *const done[] = {"notice",    "agreed",   "deploy", "health-look",
                                       "pods-look", "verified", "report"};
    for (size_t i = 0; i < COUNT_OF(done); i++)
        assert_status(&p, done[i], "done");
    static const char *const skipped[] = {
        "channel", "maintenance", "approve", "maintenance-complete", "component-confirmed", "oncall-alert"};
    for (size_t i = 0; i < COUNT_OF(skipped); i++)
        assert_status(&p, skipped[i], "skipped");
    play_close(&p);
}

static void a_notice_that_nobody_sends_is_asked_for_and_then_escalated(void **state)
{
    (void)state;
    struct play p = hotfix(bare_facts());
    begin_all(&p);
    assert_status(&p, "notice", "asking");
    assert_status(&p, "notice.nag", "ready");
    p.now = NOON - HOURS(1) + HOURS(20);
    begin_all(&p);
    assert_status(&p, "notice.nag", "intended");
    assert_status(&p, "notice.escalate", "ready");
    p.now += HOURS(4);
    begin_all(&p);
    assert_status(&p, "notice.escalate", "intended");
    play_close(&p);
}

static void a_notice_is_sent_in_trouble_without_waiting_for_the_decision(void **state)
{
    (void)state;
    struct play p = hotfix(bare_facts());
    begin_all(&p);
    assert_status(&p, "notice", "asking");
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "pat", json_pack("{s:s}", "reason", "orders fail")));
    assert_true(answers(&p, "notice", "send", NULL));
    begin_all(&p);
    assert_string_equal(change_status(&p), "trouble");
    assert_status(&p, "notice", "intended");
    play_close(&p);
}

static void a_hotfix_called_off_takes_back_what_it_did(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    begin_all(&p);
    for (int i = 0; i < 40 && strcmp(status(&p, "announce"), "done") != 0; i++) {
        for (int s = 0; s < p.sop->n_steps; s++) {
            enum step_status status = (enum step_status)p.change->control.steps[s].status;
            if (status == STEP_INTENDED || status == STEP_OBSERVING)
                assert_true(happens(&p, EV_DONE, p.sop->steps[s].id, result_of(&p.sop->steps[s])));
            else if (status == STEP_ASKING && s != step_of(&p, "approve"))
                assert_true(answers(&p, p.sop->steps[s].id, p.sop->steps[s].ask.choices[0].id, NULL));
        }
        begin_all(&p);
    }
    assert_status(&p, "approve", "asking");
    assert_true(answers(&p, "approve", "no", NULL));
    assert_string_equal(change_status(&p), "cancelling");
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "ended");
    static const char *const undone[] = {"announce.undo", "maintenance.undo", "calendar.undo", "ticket.undo"};
    for (size_t i = 0; i < COUNT_OF(undone); i++)
        assert_status(&p, undone[i], "done");
    assert_status(&p, "component-maintenance.undo", "skipped");
    assert_int_equal(when(&p, "step.intended", "deploy"), 0);
    play_close(&p);
}

static void in_trouble_people_are_told_the_window_is_extended_and_the_fix_rolled_back(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "health-watch");
    assert_string_equal(change_status(&p), "trouble");
    assert_status(&p, "trouble-tell", "done");
    assert_status(&p, "page-owner", "done");
    assert_status(&p, "decide", "asking");
    assert_status(&p, "maintenance-complete", "waiting");
    assert_true(when(&p, "step.intended", "trouble-tell") <= when(&p, "step.intended", "page-owner"));
    assert_non_null(strstr(text_of(&p, "trouble-tell"), "stage \"deploy\" failed"));

    assert_true(
        answers(&p, "decide", "extend",
                json_pack("{s:i, s:s, s:s}", "minutes", 30, "permitted_by", "Bo", "reason", "it heals")));
    carry(&p, NULL);
    assert_status(&p, "extend-maintenance", "done");
    assert_int_equal(json_int(p.change->data[step_of(&p, "extend-maintenance")].args, "to", 0),
                     NOON + HOURS(7) + MINUTES(30));
    assert_non_null(strstr(text_of(&p, "extend-tell"), "permitted by Bo"));
    assert_status(&p, "decide", "asking");

    assert_true(answers(&p, "decide", "rollback", json_pack("{s:s}", "reason", "it does not")));
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "ended");
    assert_int_equal(p.change->control.outcome, OUTCOME_ROLLED_BACK);
    const json_t *deployed = json_object_get(p.change->data[step_of(&p, "deploy")].args, "services");
    assert_string_equal(json_str(json_array_get(deployed, 0), "tag", ""), "24-02-05.619");
    assert_non_null(strstr(text_of(&p, "announce-done"), "**Rolled back: Tangerine prod**"));
    assert_status(&p, "maintenance-complete", "done");
    assert_status(&p, "others", "skipped");
    play_close(&p);
}

static void a_stopped_hotfix_leaves_its_maintenance_open_and_hands_over(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "watch");
    assert_status(&p, "decide", "asking");
    assert_true(answers(&p, "decide", "stop", json_pack("{s:s}", "reason", "nothing helps")));
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "ended");
    assert_int_equal(p.change->control.outcome, OUTCOME_STOPPED);
    assert_status(&p, "stop-handover", "done");
    assert_status(&p, "stop-report", "done");
    assert_int_equal(when(&p, "step.intended", "maintenance-complete"), 0);
    assert_int_equal(when(&p, "step.intended", "component"), 0);
    play_close(&p);
}

static void a_verification_that_somebody_leaves_out_is_none(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "health-watch");
    assert_true(answers(&p, "decide", "retry", json_pack("{s:s}", "reason", "a hiccup")));
    begin_all(&p);
    assert_status(&p, "health-watch", "observing");
    assert_true(happens_by(&p, EV_SKIPPED, "health-watch", 0, "ada", json_pack("{s:s}", "reason", "tired")));
    begin_all(&p);
    assert_status(&p, "health-look", "asking");
    assert_true(happens_by(&p, EV_SKIPPED, "health-look", 0, "ada", json_pack("{s:s}", "reason", "tired")));
    carry(&p, NULL);
    assert_string_equal(change_status(&p), "trouble");
    assert_status(&p, "verified", "skipped");
    assert_int_equal(when(&p, "step.intended", "maintenance-complete"), 0);
    play_close(&p);
}

/* Chat, pager and cluster hang: what was sent to them has no answer. */
static void whatever_hangs_people_are_told_first_and_the_decision_can_be_taken(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "watch"); /* to the trouble, and no further: */
    assert_true(answers(&p, "decide", "retry", json_pack("{s:s}", "reason", "a hiccup")));
    begin_all(&p);
    assert_true(
        happens_by(&p, EV_TROUBLE, NULL, 0, "ada", json_pack("{s:s}", "reason", "errors on every order")));
    begin_all(&p);
    static const char *const at_once[] = {"trouble-tell", "trouble-oncall"};
    for (size_t i = 0; i < COUNT_OF(at_once); i++)
        assert_status(&p, at_once[i], "intended");
    static const char *const looks[] = {"evidence-pods", "evidence-health", "trouble-owners"};
    for (size_t i = 0; i < COUNT_OF(looks); i++)
        assert_status(&p, looks[i], "observing");
    size_t told = 0, other = 0, i;
    json_t *e;
    json_array_foreach(p.log, i, e)
        if (str_eq(json_str(e, "type", ""), "change.trouble"))
            told = other = 0;
        else if (str_eq(json_str(e, "step", ""), "trouble-tell") && !told)
            told = i;
        else if (json_object_get(e, "step") && !other)
            other = i;
    assert_true(told > 0 && (other == 0 || told < other));

    p.now += SECONDS(21);
    for (size_t k = 0; k < COUNT_OF(looks); k++)
        assert_true(happens(&p, EV_FAILED, looks[k], json_pack("{s:s}", "error", "its time is up")));
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "evidence", result_of(&p.sop->steps[step_of(&p, "evidence")])));
    begin_all(&p);
    assert_status(&p, "trouble-tell", "intended");
    assert_status(&p, "decide", "asking");
    play_close(&p);
}

static void
the_decision_clock_warns_before_a_rollback_no_longer_fits_and_again_after_an_extension(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "health-watch");
    int64_t to = NOON + HOURS(7), decide = to - MINUTES(20); /* nothing is known of how long one takes */
    assert_int_equal(change_decide_until(p.change), decide);
    int64_t nagged = when(&p, "step.intended", "decide.nag");
    assert_true(nagged >= decide - MINUTES(10) && nagged < decide);
    assert_non_null(strstr(text_of(&p, "decide.nag"), "Decide now"));
    assert_true(when(&p, "step.intended", "decide.escalate") >= decide);

    assert_true(
        answers(&p, "decide", "extend",
                json_pack("{s:i, s:s, s:s}", "minutes", 60, "permitted_by", "Bo", "reason", "it heals")));
    carry(&p, NULL);
    assert_status(&p, "decide", "asking");
    nagged = when(&p, "step.intended", "decide.nag");
    assert_true(nagged > decide + MINUTES(50)); /* anew, since the moment is another */
    assert_int_equal(json_int(p.change->facts, "trouble.decide_until", 0), decide + HOURS(1));
    play_close(&p);
}

static void owners_who_do_not_answer_are_followed_by_those_the_settings_name(void **state)
{
    (void)state;
    json_t *facts = full_facts();
    struct play p = hotfix(facts);
    json_object_set_new(json_object_get(p.change->facts, "settings"), "escalate_after", json_string("5m"));
    json_object_set_new(json_object_get(p.change->facts, "settings"), "escalate_further_to",
                        json_string("managers"));
    carry(&p, "watch");
    int64_t began = p.change->troubled;
    assert_status(&p, "page-escalate", "skipped"); /* the owners answered at once */
    assert_true(answers(&p, "decide", "retry", json_pack("{s:s}", "reason", "a hiccup")));
    begin_all(&p);
    assert_true(happens_by(&p, EV_TROUBLE, NULL, 0, "ada", json_pack("{s:s}", "reason", "errors")));
    began = p.change->troubled;
    begin_all(&p);
    assert_true(
        happens(&p, EV_DONE, "trouble-owners", result_of(&p.sop->steps[step_of(&p, "trouble-owners")])));
    begin_all(&p);
    assert_true(happens(&p, EV_DONE, "page-owner", json_pack("{s:{s:s}}", "result", "alert", "a2")));
    begin_all(&p);
    assert_status(&p, "page-answer", "observing");
    assert_status(&p, "page-escalate", "ready");
    p.now = began + MINUTES(5);
    begin_all(&p);
    assert_status(&p, "page-escalate", "intended");
    assert_string_equal(json_str(p.change->data[step_of(&p, "page-escalate")].args, "to", ""), "production");
    assert_true(happens(&p, EV_DONE, "page-escalate", json_pack("{s:{s:s}}", "result", "alert", "a3")));
    p.now = began + MINUTES(20);
    begin_all(&p);
    assert_status(&p, "page-escalate-further", "intended");
    assert_string_equal(json_str(p.change->data[step_of(&p, "page-escalate-further")].args, "to", ""),
                        "managers");
    play_close(&p);
}

/* Skipping what it needs, answering, noting, amending, trying again: none of it completes the maintenance. */
static void in_trouble_the_maintenance_cannot_be_completed_by_any_event(void **state)
{
    (void)state;
    struct play p = hotfix(full_facts());
    carry(&p, "pods");
    assert_string_equal(change_status(&p), "trouble");
    static const char *const needed[] = {"pods", "pods-look", "health-watch", "verified",
                                         "maintenance-verify"};
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        (void)happens_by(&p, EV_SKIPPED, needed[i], 0, "ada", json_pack("{s:s}", "reason", "in a hurry"));
    static const char *const closes[] = {"maintenance-complete", "component"};
    static const enum event_type tries[] = {EV_READY,    EV_ASKED, EV_INTENDED, EV_OBSERVING, EV_DONE,
                                            EV_RESOLVED, EV_FOUND, EV_AGAIN,    EV_ANSWERED};
    for (size_t k = 0; k < COUNT_OF(closes); k++)
        for (size_t i = 0; i < COUNT_OF(tries); i++)
            if (happens_by(&p, tries[i], closes[k], 1, "ada", json_pack("{s:s}", "reason", "in a hurry")))
                assert_true(strcmp(status(&p, closes[k]), "waiting") == 0 ||
                            strcmp(status(&p, closes[k]), "ready") == 0);
    begin_all(&p);
    for (size_t k = 0; k < COUNT_OF(closes); k++)
        assert_int_equal(when(&p, "step.intended", closes[k]), 0);
    assert_false(happens_by(&p, EV_ENDED, NULL, 0, "", json_pack("{s:s}", "outcome", "done")));
    assert_false(happens_by(&p, EV_CANCELLED, NULL, 0, "ada", json_pack("{s:s}", "reason", "enough")));
    assert_string_equal(change_status(&p), "trouble");
    play_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hotfix_is_carried_out_to_its_end_when_all_goes_well),
        cmocka_unit_test(a_severity_1_hotfix_needs_no_system_but_its_notice),
        cmocka_unit_test(a_notice_that_nobody_sends_is_asked_for_and_then_escalated),
        cmocka_unit_test(a_notice_is_sent_in_trouble_without_waiting_for_the_decision),
        cmocka_unit_test(a_hotfix_called_off_takes_back_what_it_did),
        cmocka_unit_test(in_trouble_people_are_told_the_window_is_extended_and_the_fix_rolled_back),
        cmocka_unit_test(a_stopped_hotfix_leaves_its_maintenance_open_and_hands_over),
        cmocka_unit_test(a_verification_that_somebody_leaves_out_is_none),
        cmocka_unit_test(whatever_hangs_people_are_told_first_and_the_decision_can_be_taken),
        cmocka_unit_test(
            the_decision_clock_warns_before_a_rollback_no_longer_fits_and_again_after_an_extension),
        cmocka_unit_test(owners_who_do_not_answer_are_followed_by_those_the_settings_name),
        cmocka_unit_test(in_trouble_the_maintenance_cannot_be_completed_by_any_event),
    };
    return cmocka_run_group_tests_name("change/hotfix", tests, NULL, NULL);
}
