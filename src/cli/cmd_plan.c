/* plan: a dry run of a hotfix: what is to be asked about it, every step with its moment, every message word for word.
 * Nothing is sent. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/read.h"
#include "cli/ask.h"
#include "cli/files.h"
#include "cli/plan_ask.h"
#include "cli/plan_options.h"
#include "cli/plan_text.h"
#include "cli/terminal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MAX = 4 << 20 };

/* --- the last look
 * ---------------------------------------------------------------------------------------------------------------- */

/* Where the last look at this plan is kept. A plan is the same one while it is about the same services of the same
 * client and env, whatever its tags and its window. */
static const char *look_path(const struct args *a, const json_t *facts, struct error *err)
{
    _cleanup_buf_ struct buf what = {0};
    char name[SHA256_HEX + 1];
    size_t i;
    json_t *s;
    buf_printf(&what, "%s/%s", json_str(facts, "client.id", ""), json_str(facts, "env.name", ""));
    json_array_foreach(json_object_get(facts, "services"), i, s)
        buf_printf(&what, " %s", json_str(s, "service", ""));
    sha256_hex(buf_str(&what), what.len, name);
    const char *dir = arena_printf(a->arena, "%s/looks", state_dir_of(a, NULL));
    return make_dirs(dir, err) ? arena_printf(a->arena, "%s/%.32s.txt", dir, name) : NULL;
}

/* Whole or not at all. */
static bool keep_look(const char *path, const char *text, struct arena *a, struct error *err)
{
    const char *part = arena_printf(a, "%s.part", path);
    FILE *f = fopen(part, "we");
    if (!f)
        return error_errno(err, errno, "%s", part);
    bool ok = fputs(text, f) >= 0;
    ok = fclose(f) == 0 && ok && rename(part, path) == 0;
    return ok || error_errno(err, errno, "%s", path);
}

static void print_signed(const char *text)
{
    bool color = terminal_has_color();
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        const char *paint = !color ? "" : *p == '-' ? "\033[31m" : *p == '+' ? "\033[32m" : "";
        printf("%s%.*s%s\n", paint, (int)n, p, *paint ? "\033[0m" : "");
        p += n + (p[n] == '\n');
    }
}

static json_t *lines_json(const char *text)
{
    json_t *list = json_array();
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        if (n > 2 && (*p == '-' || *p == '+'))
            json_array_append_new(list,
                                  json_pack("{s:s#, s:s#}", "sign", p, (size_t)1, "text", p + 2, n - 2));
        p += n + (p[n] == '\n');
    }
    return list;
}

static int print_diff(const struct args *a, const char *before, const char *after)
{
    _cleanup_buf_ struct buf out = {0};
    plan_diff(before, after, &out);
    if (opt_given(a, "json")) {
        _cleanup_json_ json_t *j = json_pack("{s:o}", "changed", lines_json(buf_str(&out)));
        print_json(j);
    } else if (out.len == 0) {
        puts("Nothing has changed since this plan was looked at last.");
    } else {
        print_signed(buf_str(&out));
    }
    return EXIT_DONE;
}

/* --- showing
 * ----------------------------------------------------------------------------------------------------------------------- */

/* Lines that do not begin with a blank are headings. */
static void print_plan(const char *text)
{
    bool color = terminal_has_color();
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        bool heading = color && n > 0 && *p != ' ';
        printf("%s%.*s%s\n", heading ? "\033[1m" : "", (int)n, p, heading ? "\033[0m" : "");
        p += n + (p[n] == '\n');
    }
}

static int show(const struct args *a, const json_t *answer)
{
    _cleanup_buf_ struct buf now = {0}, before = {0};
    struct error err = ERROR_NONE;
    const char *zone = opt(a, "zone") ? opt(a, "zone") : reader_zone(a->arena);
    if (!zone_check(zone, &err))
        return complain(&err);
    plan_text(answer, zone, &now);
    const char *path = look_path(a, json_object_get(answer, "facts"), &err);
    if (!path)
        return complain(&err);
    bool seen = access(path, F_OK) == 0 && read_file(path, LOOK_MAX, &before, &err);
    int status = EXIT_DONE;
    if (opt_given(a, "diff") && seen)
        status = print_diff(a, buf_str(&before), buf_str(&now));
    else if (opt_given(a, "json"))
        print_json(answer);
    else
        print_plan(buf_str(&now));
    if (opt_given(a, "diff") && !seen && !opt_given(a, "json"))
        puts("\nThis plan has not been looked at before: the next --diff shows what has changed since now.");
    return keep_look(path, buf_str(&now), a->arena, &err) ? status : complain(&err);
}

static int keep(const struct args *a, struct session *s, const json_t *plan)
{
    struct error err = ERROR_NONE;
    json_t *made = session_call(s, "POST", "/api/v1/changes", plan, &err);
    if (!made)
        return complain(&err);
    if (opt_given(a, "json"))
        print_json(made);
    else
        printf("%s is %s. Carry it out with: signalbox start %s\n", json_str(made, "id", "?"),
               json_flag(made, "already", false) ? "this very plan already" : "planned",
               json_str(made, "id", "?"));
    json_decref(made);
    return EXIT_DONE;
}

static int plan_and_show(struct args *a, struct session *s)
{
    struct error err = ERROR_NONE;
    bool ask = !plan_given(a) && terminal_usable() && !opt_given(a, "json");
    _cleanup_json_ json_t *plan = ask ? plan_ask(a, s, &err) : plan_of(a, &err);
    if (!plan)
        return complain(&err);
    if (opt_given(a, "keep"))
        return keep(a, s, plan);
    _cleanup_json_ json_t *answer = session_call(s, "POST", "/api/v1/preview", plan, &err);
    return answer ? show(a, answer) : complain(&err);
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    int status = s ? plan_and_show(a, s) : complain(&err);
    session_close(s);
    return status;
}

const struct command cmd_plan = {
    .name = "plan",
    .usage = "",
    .says = "dry run of a hotfix: every step, every message word for word; nothing is sent",
    .more =
        "What speaks against the plan is asked first, with a better proposal where there is one: ! stops the plan until it is changed or "
        "overruled, ? is for you to think about. Times are the client's, and yours beside them. Without options, at a terminal, it "
        "asks for what it needs; Tab completes clients and services.",
    .examples = "signalbox plan --client tangerine --service decanting-service=24-02-05.619-hotfix.627 "
                "--window \"today 14:00 for 90m\" "
                "--severity 2 --risk low --reason \"totes stuck\"\tsee what would happen\n"
                "signalbox plan --file hotfix.yaml --diff\twhat has changed since you looked last\n"
                "signalbox plan --file hotfix.yaml --keep\tkeep it, to be started later\n",
    .group = 0,
    .options = {PLAN_OPTIONS,
                {"keep", 0, OPTION_FLAG, NULL, "keep the plan as a change, to be started later", NULL},
                {"diff", 0, OPTION_FLAG, NULL,
                 "show only what has changed since this plan was looked at last", NULL},
                {"zone", 'z', OPTION_VALUE, "ZONE", "your time zone (default: $TZ, else this machine's)",
                 NULL}},
    .run = run,
};
