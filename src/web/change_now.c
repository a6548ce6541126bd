/* change_now.c: what a change needs of a person now, and what it does by itself. */
#include "web/inside.h"
#include <inttypes.h>
#include <string.h>

static const char *change_id(const json_t *c)
{
    return json_str(c, "id", "");
}

/* The beginning of a form that acts on the change. */
static void form(struct visit *v, const json_t *c, const char *act, const char *class)
{
    html_put(&v->html, "<form method='post' action='/changes/%s/%s' class='%s' data-act>",
             html_part(&v->html, change_id(c)), act, class);
    form_token(v);
}

static void reason_field(struct visit *v, const char *id, const char *label, bool needed)
{
    html_put(&v->html,
             "<p><label for='%s'>%s</label><textarea id='%s' name='reason' rows='2'%s></textarea></p>", id,
             label, id, needed ? " required" : "");
}

/* --- questions -------------------------------------------------------------------------------- */

static void who_may(struct visit *v, const json_t *c, const json_t *step)
{
    struct html *h = &v->html;
    html_put(h, "<p class='muted'>Asked of whoever may <b>%s</b>", json_str(step, "role", "deploy"));
    if (json_flag(step, "other", false))
        html_put(h, ", other than %s, who requested the change", json_str(c, "requested_by", "the one"));
    html_put(h, ". Waiting for ");
    part_since(v, json_int(step, "since", 0));
    html_put(h, ".</p>");
    if (json_object_get(step, "limit_at")) {
        html_put(h, "<p class='clock'>Without an answer it goes on with “%s” in ",
                 json_str(step, "otherwise", ""));
        part_until(v, json_int(step, "limit_at", 0));
        html_put(h, "</p>");
    }
}

static void hidden_step(struct visit *v, const json_t *step)
{
    html_put(&v->html,
             "<input type='hidden' name='step' value='%s'><input type='hidden' name='run' value='%lld'>",
             json_str(step, "id", ""), (long long)json_int(step, "run", 1));
}

static void plain_question(struct visit *v, const json_t *c, const json_t *step)
{
    struct html *h = &v->html;
    const char *id = json_str(step, "id", "");
    size_t i;
    json_t *choice;
    form(v, c, "answer", "answer");
    hidden_step(v, step);
    if (json_flag(step, "reason_needed", false))
        reason_field(v, arena_printf(&v->arena, "why-%s", id), "Why (goes into the record)", true);
    html_put(h, "<p class='choices'>");
    json_array_foreach(json_object_get(step, "choices"), i, choice) {
        bool grave = json_flag(choice, "ends", false) || json_flag(choice, "fails", false) ||
                     str_eq(json_str(choice, "id", ""), "abort");
        html_put(h, "<button name='choice' value='%s' class='%s'>%s</button>", json_str(choice, "id", ""),
                 grave    ? "grave"
                 : i == 0 ? "go"
                          : "",
                 json_str(choice, "label", json_str(choice, "id", "")));
    }
    html_put(h, "</p>");
    if (json_flag(step, "other", false))
        html_put(
            h,
            "<details><summary>Nobody else can be reached</summary><p><label><input type='checkbox' "
            "name='break_glass' value='1'> Break the glass: answer alone what needs two. It is recorded and "
            "needs a reason.</label></p><p><label for='glass-%s'>Reason</label><input id='glass-%s' "
            "name='glass_reason'></p></details>",
            id, id);
    html_put(h, "</form>");
}

/* --- decisions, with what each costs ----------------------------------------------------------- */

static void patch_fields(struct visit *v, const json_t *c)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(c, "services"), i, s)
        html_put(
            &v->html,
            "<p><label for='patch-%zu'>New tag of %s</label><input type='hidden' name='service%zu' value='%s'>"
            "<input id='patch-%zu' name='tag%zu' placeholder='%s' autocomplete='off' spellcheck='false'></p>",
            i, json_str(s, "service", ""), i, json_str(s, "service", ""), i, i, json_str(s, "tag", ""));
}

static void extend_fields(struct visit *v)
{
    html_put(
        &v->html,
        "<p><label for='minutes'>By how many minutes</label><input id='minutes' name='minutes' type='number' "
        "min='1' max='1440' value='30' required></p><p><label for='permitted'>Permitted by (the client or the "
        "TAM)</label><input id='permitted' name='permitted_by' required></p>");
}

static void rollback_cost(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const json_t *r = json_path(c, "trouble.rollback");
    size_t i, n = json_array_size(json_object_get(r, "schema"));
    json_t *t;
    html_put(h, "<ul class='tags'>");
    json_array_foreach(json_object_get(r, "to"), i, t)
        html_put(h, "<li>%s back to <code>%s</code></li>", json_str(t, "service", ""),
                 json_str(t, "tag", "a version that is not known"));
    html_put(h, "</ul><p>It takes about <b>%s</b> (from %s).</p>",
             visit_duration(v, json_int(r, "takes_ms", 0)), json_str(r, "takes_from", "a guess"));
    if (n == 0) {
        html_put(h, "<p>No schema change stands in the way, as far as is known.</p>");
        return;
    }
    html_put(h, "<p class='notice bad'>%s since: a way back is slow, or there is none.</p><ul>",
             plural(v, n, "schema change", "schema changes"));
    json_array_foreach(json_object_get(r, "schema"), i, t)
        html_put(h, "<li>%s <code>%s</code></li>", json_str(t, "service", ""), json_str(t, "file", ""));
    html_put(h, "</ul>");
}

static const struct {
    const char *id, *says;
} costs[] = {
    {"retry", "The failed step runs again. Right when you know that it was an accident."},
    {"patch", "Newer builds replace the broken ones; the deployment runs again with them."},
    {"extend", "The window's end moves, here and on the status page. It buys time and repairs nothing."},
    {"rollback", "The former versions are deployed again. The last resort."},
    {"stop", "The change ends here, unfinished: the maintenance stays open, and it goes on as an incident."},
};

static const char *cost_of(const char *choice)
{
    for (size_t i = 0; i < COUNT_OF(costs); i++)
        if (str_eq(costs[i].id, choice))
            return costs[i].says;
    return "";
}

static void one_decision(struct visit *v, const json_t *c, const json_t *step, const json_t *choice)
{
    struct html *h = &v->html;
    const char *id = json_str(choice, "id", "");
    html_put(
        h,
        "<li><details class='decision d-%s' name='decision' id='decision-%s'><summary><b>%s</b> <span>%s</span></summary>",
        id, id, json_str(choice, "label", id), cost_of(id));
    form(v, c, "answer", "answer");
    hidden_step(v, step);
    html_put(h, "<input type='hidden' name='choice' value='%s'>", id);
    if (str_eq(id, "patch"))
        patch_fields(v, c);
    else if (str_eq(id, "extend"))
        extend_fields(v);
    else if (str_eq(id, "rollback"))
        rollback_cost(v, c);
    if (json_flag(step, "reason_needed", false))
        reason_field(v, arena_printf(&v->arena, "why-%s", id), "Why (goes into the record)", true);
    html_put(h, "<p class='choices'><button class='%s'>%s</button></p></form></details></li>",
             str_eq(id, "rollback") || str_eq(id, "stop") ? "grave" : "go", json_str(choice, "label", id));
}

/* The last moment at which a rollback still fits the window. */
static void decision_clock(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    const json_t *r = json_path(c, "trouble.rollback");
    int64_t until = json_int(r, "decide_until", 0);
    if (!until)
        return;
    html_put(h, v->now < until
                    ? "<p class='decide'><span>A rollback still fits the window for</span> <b>"
                    : "<p class='decide late'><span>A rollback no longer fits the window, since</span> <b>");
    if (v->now < until)
        part_until(v, until);
    else
        part_since(v, until);
    html_put(h, "</b></p>");
}

static void decisions(struct visit *v, const json_t *c, const json_t *step)
{
    struct html *h = &v->html;
    size_t i;
    json_t *choice;
    decision_clock(v, c);
    html_put(h, "<ul class='decisions'>");
    json_array_foreach(json_object_get(step, "choices"), i, choice)
        one_decision(v, c, step, choice);
    html_put(h, "</ul>");
}

static void unsure_question(struct visit *v, const json_t *c, const json_t *step)
{
    struct html *h = &v->html;
    const char *id = json_str(step, "id", "");
    form(v, c, "resolve", "answer");
    hidden_step(v, step);
    html_put(
        h,
        "<p>Signalbox recorded that it would do this, then lost the answer, and the system cannot tell whether it "
        "took place. Look there, then say.</p>");
    reason_field(v, arena_printf(&v->arena, "how-%s", id), "How you know", true);
    html_put(h, "<p class='choices'><button name='took_place' value='yes' class='go'>It took place</button>"
                "<button name='took_place' value='no'>It did not: do it</button></p></form>");
}

void change_ask(struct visit *v, const json_t *c, const json_t *step, enum change_how how)
{
    struct html *h = &v->html;
    const char *id = json_str(step, "id", ""), *question = json_str(step, "question", "");
    bool unsure = str_eq(json_str(step, "status", ""), "unsure");
    html_put(h, "<article class='card gate%s' id='ask-%s'><h3>",
             json_flag(step, "decision", false) ? " trouble" : "", id);
    part_icon(h, unsure ? "doubt" : "asks");
    html_put(h, "%s</h3><div class='question'>",
             json_object_get(step, "of") ? short_title(v, step) : json_str(step, "title", id));
    part_prose(h, unsure ? json_str(step, "because", "") : question);
    html_put(h, "</div>");
    if (!unsure)
        who_may(v, c, step);
    if (how == CHANGE_PAST)
        html_put(h, "<p class='muted'>Asked at that time.</p>");
    else if (!who_acts(v))
        html_put(h, "<p class='notice'><a class='button' href='/sign-in?next=%s'>Sign in to answer</a></p>",
                 html_part(h, v->path));
    else if (unsure)
        unsure_question(v, c, step);
    else if (json_flag(step, "decision", false))
        decisions(v, c, step);
    else
        plain_question(v, c, step);
    if (*json_str(step, "prose", "")) {
        html_put(h, "<details class='why'><summary>What the page says</summary><div class='prose'>");
        part_prose(h, json_str(step, "prose", ""));
        html_put(h, "</div></details>");
    }
    html_put(h, "</article>");
}

/* --- what goes on by itself ------------------------------------------------------------------- */

static void soak(struct visit *v, const json_t *step)
{
    int64_t whole = json_int(step, "view.soak_ms", 0), good = json_int(step, "view.good_for_ms", 0);
    if (whole > 0)
        html_put(&v->html,
                 "<progress max='%lld' value='%lld' aria-label='Good for %s of %s'></progress>"
                 "<p class='muted'>Good for %s of %s</p>",
                 (long long)whole, (long long)good, visit_duration(v, good), visit_duration(v, whole),
                 visit_duration(v, good), visit_duration(v, whole));
}

static void pods(struct visit *v, const json_t *step)
{
    struct html *h = &v->html;
    size_t i;
    json_t *s;
    if (json_array_size(json_path(step, "view.services")) == 0)
        return;
    html_put(h, "<ul class='tags'>");
    json_array_foreach((json_t *)(uintptr_t)json_path(step, "view.services"), i, s)
        html_put(h, "<li>%s: %s</li>", json_str(s, "service", ""), json_str(s, "says", ""));
    html_put(h, "</ul>");
}

static void put_working(struct visit *v, const json_t *step)
{
    struct html *h = &v->html;
    const char *state = state_of_step(json_str(step, "status", ""));
    html_put(h, "<li class='working s-%s'>", state);
    part_icon(h, str_eq(state, "ready") ? "clock" : str_eq(state, "paused") ? "again" : "running");
    html_put(h, "<div><p class='title'>%s</p><p class='muted'>%s",
             json_str(step, "title", json_str(step, "id", "")), json_str(step, "says", ""));
    if (*json_str(step, "says", ""))
        html_put(h, " · ");
    if (str_eq(state, "ready") || str_eq(state, "paused")) {
        html_put(h, "in ");
        part_until(v, json_int(step, "at", 0));
    } else {
        html_put(h, "for ");
        part_since(v, json_int(step, "since", 0));
    }
    html_put(h, "</p>");
    if (json_int(step, "attempt", 1) > 1)
        html_put(h, "<p class='muted'>Try %lld. %s</p>", (long long)json_int(step, "attempt", 1),
                 json_str(step, "because", ""));
    if (str_eq(json_str(step, "does", ""), "health.watch"))
        soak(v, step);
    if (str_eq(json_str(step, "does", ""), "cluster.verify"))
        pods(v, step);
    if (*json_str(step, "view.note", ""))
        html_put(h, "<p class='notice'>%s</p>", json_str(step, "view.note", ""));
    html_put(h, "</div></li>");
}

static bool works(const json_t *step)
{
    const char *state = state_of_step(json_str(step, "status", ""));
    return str_eq(state, "running") || str_eq(state, "paused") || str_eq(state, "doubt");
}

/* A step at its hour is told when nothing else goes on. */
static void working(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    size_t i, n = 0;
    json_t *s;
    html_put(h, "<ul class='workings'>");
    json_array_foreach(json_object_get(c, "steps"), i, s)
        if (works(s)) {
            put_working(v, s);
            n++;
        }
    json_array_foreach(json_object_get(c, "steps"), i, s)
        if (n < 3 && json_flag(s, "active", false) && str_eq(json_str(s, "status", ""), "ready") &&
            !json_object_get(s, "of")) {
            put_working(v, s);
            n++;
        }
    html_put(h, "</ul>");
}

/* --- acts that nothing asks for --------------------------------------------------------------- */

static void act(struct visit *v, const json_t *c, const char *name, const char *title, const char *says,
                const char *field, const char *label)
{
    struct html *h = &v->html;
    html_put(h, "<details name='act'><summary>%s</summary>", title);
    form(v, c, name, "act");
    html_put(h, "<p class='muted'>%s</p>", says);
    if (str_eq(name, "amend"))
        html_put(h,
                 "<p><label for='new-window'>New window</label><input id='new-window' name='window' required "
                 "placeholder='today 16:00 for 90m'></p>");
    if (str_eq(name, "skip")) {
        size_t i;
        json_t *s;
        html_put(h, "<p><label for='skip-step'>Step</label><select id='skip-step' name='step'>");
        json_array_foreach(json_object_get(c, "steps"), i, s)
            if (json_flag(s, "active", false) && !str_eq(json_str(s, "status", ""), "done") &&
                !str_eq(json_str(s, "status", ""), "skipped"))
                html_put(h, "<option value='%s'>%s</option>", json_str(s, "id", ""),
                         json_str(s, "title", json_str(s, "id", "")));
        html_put(h, "</select></p>");
    }
    html_put(
        h,
        "<p><label for='act-%s'>%s</label><textarea id='act-%s' name='%s' rows='2' required></textarea></p>"
        "<p class='choices'><button class='%s'>%s</button></p></form></details>",
        name, label, name, field, str_eq(name, "trouble") || str_eq(name, "cancel") ? "grave" : "", title);
}

static void acts(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    bool open = !str_eq(json_str(c, "status", ""), "ended");
    html_put(h, "<div class='acts'>");
    if (open && !str_eq(json_str(c, "status", ""), "planned") &&
        !str_eq(json_str(c, "status", ""), "trouble"))
        act(v, c, "trouble", "Something is wrong",
            "The page's part for trouble begins: people are told, and somebody decides.", "reason",
            "What is wrong");
    act(v, c, "note", "Add a note", "It goes into the record, and stays there.", "text", "Note");
    if (open) {
        act(v, c, "amend", "Move the window", "Everything that reckons from the window moves with it.",
            "reason", "Why");
        act(v, c, "skip", "Leave a step out",
            "Some steps cannot be left out: a rule of the page stands against it.", "reason", "Why");
        if (!json_flag(c, "deploying", false))
            act(v, c, "cancel", "Call it off", "What can be undone is undone. Nothing has been deployed.",
                "reason", "Why");
    }
    html_put(h, "</div>");
}

/* --- all of it -------------------------------------------------------------------------------- */

static void planned(struct visit *v, const json_t *c, enum change_how how)
{
    struct html *h = &v->html;
    html_put(h, "<article class='card gate'><h3>");
    part_icon(h, "clock");
    html_put(
        h,
        "Planned, not started</h3><p>Nothing has been sent. Once it is started, Signalbox tells people and "
        "schedules what the page says.</p>");
    if (how == CHANGE_LIVE && who_acts(v)) {
        form(v, c, "start", "answer");
        html_put(h, "<p class='choices'><button class='go'>Start</button></p></form>");
    }
    html_put(h, "</article>");
}

static void ended(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    html_put(h, "<article class='card over'><h3>");
    part_change_state(h, c);
    html_put(h,
             " in %s</h3><p><a class='button' href='/changes/%s/report'>Report</a> "
             "<a class='button' href='/changes/%s/replay'>Replay</a></p></article>",
             visit_duration(v, json_int(c, "ended", 0) - json_int(c, "started", json_int(c, "planned", 0))),
             html_part(h, change_id(c)), html_part(h, change_id(c)));
}

static void trouble(struct visit *v, const json_t *c)
{
    struct html *h = &v->html;
    if (!json_flag(c, "trouble.now", false))
        return;
    html_put(h, "<div class='notice bad' role='alert'><h3>");
    part_icon(h, "failed");
    html_put(h, "%s</h3><p class='pre'>%s</p></div>", json_str(c, "trouble.title", "Raised by a person"),
             json_str(c, "trouble.reason", ""));
}

void change_now(struct visit *v, const json_t *c, enum change_how how)
{
    struct html *h = &v->html;
    const char *status = json_str(c, "status", "");
    size_t i;
    json_t *s;
    html_put(h, "<section id='now' data-live aria-labelledby='now-title'><h2 id='now-title'>%s</h2>",
             how == CHANGE_PAST ? "At that time" : "Now");
    trouble(v, c);
    if (*json_str(c, "stuck", ""))
        html_put(h, "<p class='notice bad' role='alert'>%s</p>", json_str(c, "stuck", ""));
    if (*json_str(c, "store_error", ""))
        html_put(h, "<p class='notice bad' role='alert'>The record cannot be written: %s</p>",
                 json_str(c, "store_error", ""));
    if (*json_str(c, "queue_behind", ""))
        html_put(
            h,
            "<p class='notice'>It waits for <a href='/changes/%s'>%s</a>, which is under way for the same client and environment.</p>",
            html_part(h, json_str(c, "queue_behind", "")), json_str(c, "queue_behind", ""));
    html_put(h, "<div id='asks' aria-live='polite'>");
    json_array_foreach(json_object_get(c, "steps"), i, s)
        if (str_eq(json_str(s, "status", ""), "asking") || str_eq(json_str(s, "status", ""), "unsure"))
            change_ask(v, c, s, how);
    html_put(h, "</div>");
    if (str_eq(status, "planned"))
        planned(v, c, how);
    else if (str_eq(status, "ended"))
        ended(v, c);
    else
        working(v, c);
    if (how == CHANGE_LIVE && who_acts(v))
        acts(v, c);
    html_put(h, "</section>");
}
