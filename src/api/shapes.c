#include "api/shapes.h"

#define MS "in ms since 1970"

/* --- small ones --------------------------------------------------------------------------------- */

static const struct api_shape shape_field = {
    "Field", "A field of a request or an answer.",
    FIELDS({"name", API_TEXT, true, "its name"},
           {"type", API_TEXT, true, "string, integer, boolean, array, object or any"},
           {"required", API_FLAG, true, "it is always there"}, {"says", API_TEXT, true, "what it is"})};

const struct api_shape shape_route = {"Route", "What can be asked.",
                                      FIELDS({"method", API_TEXT, true, "GET, POST ..."},
                                             {"path", API_TEXT, true, "with {names}"},
                                             {"says", API_TEXT, true, "what it does"},
                                             {"query", API_LIST, true, "of the path's query", &shape_field},
                                             {"fields", API_LIST, true, "of the body", &shape_field},
                                             {"gives", API_LIST, true, "of the answer", &shape_field})};

const struct api_shape shape_service = {
    "Service", "A service and the version of it.",
    FIELDS({"service", API_TEXT, true, "its id"}, {"tag", API_TEXT, false, "the build tag", NULL, true},
           {"before", API_TEXT, false, "the tag that ran before", NULL, true}),
    true};

const struct api_shape shape_window = {
    "Window", "The time in which the change may touch the environment: from it on, to before its end.",
    FIELDS({"from", API_NUMBER, true, MS}, {"to", API_NUMBER, true, MS},
           {"zone", API_TEXT, true, "as people speak of it"}, {"text", API_TEXT, false, "for people"})};

static const struct api_shape shape_wait = {
    "Wait", "What a change waits for.",
    FIELDS({"step", API_TEXT, false, "the step's id"}, {"title", API_TEXT, false, "the step's title"},
           {"what", API_TEXT, true, "for people"}, {"status", API_TEXT, false, "of the step"},
           {"since", API_NUMBER, false, MS})};

/* --- a change ------------------------------------------------------------------------------------- */

/* Only the id, and "unreadable", when the record of a change cannot be read. */
#define SUMMARY(needed)                                                                                     \
    {"id", API_TEXT, needed, "of the change: HF-7"},                                                        \
        {"sop", API_TEXT, needed, "name of the page that it follows"},                                      \
        {"title", API_TEXT, needed, "of the page"},                                                         \
        {"status", API_TEXT, needed, "planned, running, trouble, cancelling, ended ..."},                   \
        {"outcome", API_TEXT, needed, "open, done, rolled-back, stopped or cancelled"},                     \
        {"client", API_TEXT, needed, "the client's id"}, {"env", API_TEXT, needed, "the environment"},      \
        {"services", API_LIST, false, "what is deployed", &shape_service},                                  \
        {"window", API_OBJECT, false, "when", &shape_window, true}, {"severity", API_ANY, false, "1 to 4"}, \
        {"risk", API_TEXT, false, "low, medium or high"}, {"reason", API_TEXT, false, "why it is made"},    \
        {"requested_by", API_TEXT, false, "who planned it"},                                                \
        {"incident", API_ANY, false, "what it repairs"}, {"planned", API_NUMBER, false, MS},                \
        {"started", API_NUMBER, false, MS}, {"ended", API_NUMBER, false, MS},                               \
        {"seq", API_NUMBER, needed, "number of its last event"},                                            \
        {"rounds", API_NUMBER, needed, "how often it has been in trouble"},                                 \
        {"queue_behind", API_TEXT, false, "the change that it waits for"},                                  \
        {"store_error", API_TEXT, false, "its record cannot be written now"},                               \
        {"stuck", API_TEXT, false, "a fault of Signalbox that keeps it"}

const struct api_shape shape_summary = {
    "Summary", "A change in short. One whose record cannot be read has only `id` and `unreadable`.",
    FIELDS(SUMMARY(false),
           {"waits", API_LIST, false, "what it waits for, the most pressing first", &shape_wait},
           {"unreadable", API_TEXT, false, "why its record cannot be read"})};

static const struct api_shape shape_choice = {
    "Choice", "An answer that a question can have.",
    FIELDS({"id", API_TEXT, true, "what is sent"}, {"label", API_TEXT, true, "for people"},
           {"fails", API_FLAG, false, "it means that the step failed"},
           {"ends", API_FLAG, false, "it ends the change"})};

static const struct api_shape shape_held = {
    "Held", "The rule that keeps a step from beginning.",
    FIELDS({"rule", API_TEXT, true, "its id"}, {"because", API_TEXT, true, "for people", NULL, true})};

static const struct api_shape shape_step = {
    "Step", "A step of a change as it stands.",
    FIELDS({"id", API_TEXT, true, "its name on the page"},
           {"title", API_TEXT, true, "for people", NULL, true},
           {"prose", API_TEXT, true, "what the page says around it", NULL, true},
           {"section", API_TEXT, true, "the heading it stands under", NULL, true},
           {"rows", API_TEXT, true, "rows of the requirement that it fulfils", NULL, true},
           {"branch", API_TEXT, true, "main, trouble ..."},
           {"status", API_TEXT, true, "waiting, due, asking, done ..."},
           {"active", API_FLAG, true, "its branch is being carried out"},
           {"run", API_NUMBER, true, "how often it was begun anew"},
           {"attempt", API_NUMBER, true, "of this run"}, {"line", API_NUMBER, true, "on the page"},
           {"does", API_TEXT, false, "its verb"}, {"says", API_TEXT, false, "what the verb does"},
           {"of", API_TEXT, false, "the step that it was made for"}, {"since", API_NUMBER, false, MS},
           {"began", API_NUMBER, false, MS}, {"ended", API_NUMBER, false, MS},
           {"at", API_NUMBER, false, "its moment, " MS}, {"due", API_NUMBER, false, "its deadline, " MS},
           {"late", API_FLAG, false, "it is, or was, past its deadline"},
           {"question", API_TEXT, false, "as it was put"},
           {"choices", API_LIST, false, "its answers", &shape_choice},
           {"role", API_TEXT, false, "who may answer"},
           {"other", API_FLAG, false, "not by who requested the change"},
           {"reason_needed", API_FLAG, false, "the answer needs a reason"},
           {"decision", API_FLAG, false, "it is a decision in trouble"},
           {"choice", API_TEXT, false, "what was answered"},
           {"limit_at", API_NUMBER, false, "when it is answered by itself, " MS},
           {"otherwise", API_TEXT, false, "with this"}, {"waits", API_TEXT, false, "what it waits for"},
           {"args", API_ANY, false, "of its verb"}, {"result", API_ANY, false, "of its verb"},
           {"view", API_ANY, false, "what is seen of it while it goes on"},
           {"gate", API_ANY, false, "the pipeline's pause"}, {"by", API_TEXT, false, "who did it"},
           {"because", API_TEXT, false, "why it stands as it does"},
           {"held_by", API_OBJECT, false, "the rule that keeps it", &shape_held})};

static const struct api_shape shape_file = {
    "SchemaChange", "A file that changes the schema of a database.",
    FIELDS({"service", API_TEXT, true, "of this service"}, {"file", API_ANY, true, "its path"})};

static const struct api_shape shape_rollback = {
    "Rollback", "What a rollback would mean now.",
    FIELDS({"to", API_LIST, true, "what would run", &shape_service},
           {"schema", API_LIST, true, "what stands in the way", &shape_file},
           {"takes_ms", API_NUMBER, true, "how long it would take"},
           {"takes_from", API_TEXT, true, "how that is known"},
           {"decide_until", API_NUMBER, false, "the last moment at which it fits the window, " MS},
           {"left_ms", API_NUMBER, false, "until then"})};

static const struct api_shape shape_trouble = {
    "Trouble", "The trouble that a change is or was in.",
    FIELDS({"now", API_FLAG, true, "it still is"}, {"round", API_NUMBER, true, "how many times"},
           {"reason", API_TEXT, true, "what failed, or what somebody said"},
           {"step", API_TEXT, false, "the step that failed"},
           {"title", API_TEXT, false, "of that step", NULL, true},
           {"rollback", API_OBJECT, false, "what it would mean", &shape_rollback})};

static const struct api_shape shape_decision = {
    "Decision", "What a person decided: in trouble, about the window, about a question to the plan.",
    FIELDS({"at", API_NUMBER, true, MS}, {"by", API_TEXT, true, "by whom"},
           {"choice", API_TEXT, true, "what"}, {"step", API_TEXT, false, "of which step, in trouble"},
           {"about", API_TEXT, false, "overruled: which question"},
           {"window", API_TEXT, false, "moved: to when, for people"}, {"reason", API_TEXT, false, "why"},
           {"services", API_LIST, false, "patched to", &shape_service},
           {"minutes", API_NUMBER, false, "extended by"},
           {"permitted_by", API_TEXT, false, "who permitted that"},
           {"break_glass", API_FLAG, false, "one alone answered what needs two"},
           {"via", API_TEXT, false, "with which token"})};

static const struct api_shape shape_page_of = {
    "PageOfChange", "The page that a change follows, as it was when it began.",
    FIELDS({"file", API_TEXT, true, "its path"}, {"hash", API_TEXT, true, "SHA-256 of its text"},
           {"title", API_TEXT, true, "its title"})};

const struct api_shape shape_change = {
    "Change", "A change as it stands.",
    FIELDS(SUMMARY(true), {"now", API_NUMBER, true, "by its clock, " MS},
           {"zone", API_TEXT, true, "the client's time zone"},
           {"page", API_OBJECT, true, "what it follows", &shape_page_of},
           {"waits", API_LIST, true, "what it waits for, the most pressing first", &shape_wait},
           {"steps", API_LIST, true, "in page order", &shape_step},
           {"trouble", API_OBJECT, false, "if it ever was in any", &shape_trouble},
           {"decisions", API_LIST, true, "in their order", &shape_decision},
           {"deploying", API_FLAG, true, "a deployment is under way"},
           {"facts", API_OBJECT, true, "what the page's expressions see"})};

const struct api_shape shape_event = {
    "Event", "What happened: appended, never edited.",
    FIELDS({"n", API_NUMBER, true, "1, 2, ... within the change"}, {"at", API_NUMBER, true, MS},
           {"type", API_TEXT, true, "change.planned, step.intended ..."},
           {"step", API_TEXT, false, "the step's id"}, {"run", API_NUMBER, false, "of the step"},
           {"choice", API_NUMBER, false, "which answer"},
           {"by", API_TEXT, false, "person or program; none = Signalbox itself"},
           {"data", API_OBJECT, false, "by type", NULL, true},
           {"hash", API_TEXT, true, "of it and all before it"}, {"text", API_TEXT, true, "for people"},
           {"change", API_TEXT, false, "its change, in streams"})};

/* --- a plan ----------------------------------------------------------------------------------------- */

static const struct api_shape shape_took = {"Took", "How long it has taken before.",
                                            FIELDS({"n", API_NUMBER, true, "how often"},
                                                   {"median_ms", API_NUMBER, true, "half of them took less"},
                                                   {"p90_ms", API_NUMBER, true, "nine of ten took less"})};

const struct api_shape shape_question = {
    "Question", "What a person should think about before the change is made.",
    FIELDS({"about", API_TEXT, true, "window, queue ..."}, {"says", API_TEXT, true, "for people"},
           {"blocks", API_FLAG, true, "the change is not made unless it is overruled"},
           {"overrule", API_TEXT, true, "the role that may, or nobody"},
           {"overruled", API_ANY, false, "it was: by whom and why"},
           {"proposal", API_TEXT, false, "what would be better"},
           {"better", API_ANY, false, "a better window"},
           {"took", API_OBJECT, false, "how long it has taken before", &shape_took})};

const struct api_shape shape_told = {"Told", "Somebody who would be told, or asked.",
                                     FIELDS({"who", API_TEXT, true, "a person, a channel ..."},
                                            {"as", API_TEXT, false, "what that one is to the change"},
                                            {"why", API_TEXTS, true, "how: message, question ..."},
                                            {"steps", API_TEXTS, true, "by these steps"},
                                            {"first", API_NUMBER, true, "when first, " MS})};

const struct api_shape shape_unknown = {
    "Unknown", "What no system told in time.",
    FIELDS({"what", API_TEXT, true, "what was asked"}, {"says", API_TEXT, true, "why there is no answer"})};

const struct api_shape shape_alert = {
    "Alert", "An alert of the built-in pager.",
    FIELDS({"id", API_TEXT, true, "of the alert"}, {"change", API_TEXT, true, "of which change"},
           {"created", API_NUMBER, true, MS}, {"url", API_TEXT, false, "where to look"},
           {"to", API_TEXT, true, "the schedule"}, {"summary", API_TEXT, true, "for people"},
           {"details", API_ANY, false, "for people"}, {"priority", API_TEXT, true, "P1 ..."},
           {"status", API_TEXT, true, "open or acknowledged"}, {"people", API_LIST, true, "who were called"},
           {"by", API_TEXT, false, "who took it"}, {"at", API_NUMBER, false, "when, " MS}),
    true};

static const struct api_shape shape_message = {
    "Message", "A text that would be sent, word for word.",
    FIELDS({"reader", API_TEXT, true, "who would read it"},
           {"how", API_TEXT, true, "message, comment, alert ..."}, {"text", API_TEXT, true, "itself"},
           {"title", API_TEXT, false, "what stands above it"},
           {"mention", API_ANY, false, "who would be called by name"},
           {"to", API_ANY, false, "where it would be sent"})};

const struct api_shape shape_planned_step = {
    "PlannedStep", "A step as it would go when all goes well.",
    FIELDS(
        {"id", API_TEXT, true, "its name on the page"}, {"title", API_TEXT, true, "for people", NULL, true},
        {"section", API_TEXT, true, "the heading it stands under", NULL, true},
        {"rows", API_TEXT, true, "rows of the requirement that it fulfils", NULL, true},
        {"at", API_NUMBER, true, "when, " MS}, {"does", API_TEXT, false, "its verb"},
        {"skipped", API_FLAG, false, "it would not take place"}, {"because", API_TEXT, false, "and why not"},
        {"due", API_NUMBER, false, "its deadline, " MS}, {"question", API_TEXT, false, "what it asks"},
        {"args", API_OBJECT, false, "of its verb", NULL, true},
        {"messages", API_LIST, false, "what it sends", &shape_message})};

const struct api_shape shape_planned_ask = {
    "PlannedAsk", "A question that a person would be asked.",
    FIELDS({"step", API_TEXT, true, "the step's id"}, {"question", API_TEXT, true, "as it would be put"},
           {"role", API_TEXT, true, "who may answer"},
           {"other", API_FLAG, true, "not by who requested the change"},
           {"at", API_NUMBER, true, "when, " MS}, {"choices", API_TEXTS, true, "its answers, for people"})};

const struct api_shape shape_planned_problem = {
    "PlannedProblem", "What would keep the change from being carried out.",
    FIELDS({"step", API_TEXT, true, "the step's id; null = the change's own", NULL, true},
           {"says", API_TEXT, true, "for people"},
           {"conditional", API_FLAG, false, "only when the step's condition holds"})};

/* --- a page ----------------------------------------------------------------------------------------- */

static const struct api_shape shape_page_step = {
    "PageStep", "A step as the page has it.",
    FIELDS({"id", API_TEXT, true, "its name"}, {"title", API_TEXT, true, "for people"},
           {"section", API_TEXT, true, "the heading it stands under"},
           {"prose", API_TEXT, true, "what the page says around it"},
           {"rows", API_TEXT, true, "rows of the requirement"},
           {"branch", API_TEXT, true, "main, trouble ..."}, {"line", API_NUMBER, true, "on the page"},
           {"after", API_TEXTS, true, "the steps that it waits for"},
           {"made", API_FLAG, true, "by a key of another step"}, {"verb", API_TEXT, false, "what it does"},
           {"when", API_TEXT, false, "its condition"}, {"at", API_TEXT, false, "its moment"},
           {"due", API_TEXT, false, "its deadline"},
           {"with", API_ANY, false, "arguments, with their expressions"},
           {"question", API_TEXT, false, "what it asks"}, {"answered_by", API_TEXT, false, "the role"},
           {"choices", API_LIST, false, "its answers", &shape_choice},
           {"other_person", API_FLAG, false, "not by who requested the change"},
           {"decision", API_FLAG, false, "it is a decision in trouble"})};

static const struct api_shape shape_interlock = {
    "Interlock", "A rule that no order of events may break.",
    FIELDS({"id", API_TEXT, true, "its name"}, {"because", API_TEXT, true, "for people"},
           {"needs", API_TEXTS, true, "steps that must be done"}, {"line", API_NUMBER, true, "on the page"},
           {"step", API_TEXT, false, "before this one"}, {"choice", API_TEXT, false, "before this answer"})};

static const struct api_shape shape_input = {
    "Input", "What a plan must say.",
    FIELDS({"name", API_TEXT, true, "its name"},
           {"type", API_TEXT, true, "text, choice, number, flag, instant, window or services"},
           {"required", API_FLAG, true, "it must be said"}, {"says", API_TEXT, false, "for people"},
           {"choices", API_TEXTS, false, "what it can be"},
           {"default", API_ANY, false, "when it is not said"})};

const struct api_shape shape_page = {
    "Page", "A page that changes can follow.",
    FIELDS({"name", API_TEXT, true, "of the page"}, {"title", API_TEXT, true, "its title"},
           {"file", API_TEXT, true, "its path"}, {"hash", API_TEXT, true, "SHA-256 of its text"},
           {"source", API_TEXT, true, "its text"},
           {"html", API_TEXT, true, "it, with an empty div for each step"},
           {"steps", API_LIST, true, "in page order", &shape_page_step},
           {"interlocks", API_LIST, true, "rules that cannot be broken", &shape_interlock},
           {"inputs", API_LIST, true, "what a plan must say", &shape_input})};

const struct api_shape shape_page_short = {
    "PageShort", "A page in short.",
    FIELDS({"name", API_TEXT, true, "of the page"}, {"title", API_TEXT, true, "its title"},
           {"file", API_TEXT, true, "its path"}, {"steps", API_NUMBER, true, "how many"},
           {"good", API_FLAG, true, "it loads, and its rules are proven"},
           {"says", API_TEXT, false, "why it does not"})};

/* --- the rest --------------------------------------------------------------------------------------- */

static const struct api_shape shape_check = {"Check", "One thing that the doctor tried.",
                                             FIELDS({"state", API_TEXT, true, "ok, warning, broken ..."},
                                                    {"what", API_TEXT, true, "what was tried", NULL, true},
                                                    {"says", API_TEXT, true, "what came of it", NULL, true})};

const struct api_shape shape_system = {"System", "An outside system and what the doctor found.",
                                       FIELDS({"role", API_TEXT, true, "tickets, chat ..."},
                                              {"driver", API_TEXT, true, "jira, slack ...", NULL, true},
                                              {"checks", API_LIST, true, "what was tried", &shape_check})};

const struct api_shape shape_client = {
    "Client", "A client and its environments.",
    FIELDS({"id", API_TEXT, true, "its id"}, {"name", API_TEXT, true, "for people"},
           {"zone", API_TEXT, true, "its time zone"}, {"envs", API_LIST, true, "its environments"})};

const struct api_shape shape_place = {
    "Place", "A client, or one of its environments.",
    FIELDS({"client", API_TEXT, true, "its id"}, {"env", API_TEXT, false, "null = all", NULL, true})};

const struct api_shape shape_token = {
    "Token", "A token, without its secret.",
    FIELDS({"id", API_TEXT, true, "of the token"}, {"name", API_TEXT, true, "what it is for"},
           {"owner", API_TEXT, true, "whose name it speaks with"}, {"scopes", API_TEXTS, true, "what it may"},
           {"for", API_LIST, true, "where; empty = everywhere", &shape_place},
           {"created", API_NUMBER, true, MS}, {"created_by", API_TEXT, true, "by whom"},
           {"expires", API_NUMBER, true, MS "; 0 = never"},
           {"used", API_NUMBER, false, "when last, to the hour, " MS},
           {"over", API_FLAG, true, "it is revoked or has expired"}, {"revoked", API_NUMBER, false, MS},
           {"revoked_by", API_TEXT, false, "by whom"},
           {"token", API_TEXT, false, "itself: only in the answer that made it"})};

const struct api_shape shape_problem = {
    "Problem", "An error, as RFC 9457 has it.",
    FIELDS({"type", API_TEXT, true, "urn:signalbox:problem:CODE"},
           {"title", API_TEXT, true, "the kind of error, for people"},
           {"status", API_NUMBER, true, "of the answer"},
           {"detail", API_TEXT, true, "what happened, and what to do"},
           {"code", API_TEXT, true, "a stable name"},
           {"file", API_TEXT, false, "of a page or the configuration"}, {"line", API_NUMBER, false, "in it"},
           {"column", API_NUMBER, false, "in it"},
           {"errors", API_LIST, false, "all of them, when there are several", &shape_problem})};
