/* token: tokens for programs, and for signing in with a browser. */
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/ask.h"
#include "net/loop.h"
#include <stdio.h>
#include <string.h>

static json_t *texts(struct args *a, const char *option)
{
    const char *const *list;
    json_t *out = json_array();
    int n = opt_list(a, option, &list);
    for (int i = 0; i < n; i++)
        json_array_append_new(out, json_string(list[i]));
    return out;
}

/* --- create ----------------------------------------------------------------------------------- */

static int print_made(const struct args *a, const json_t *token)
{
    int64_t expires = json_int(token, "expires", 0);
    fprintf(stderr, "The token \"%s\" (%s) speaks as %s%s%s. It is shown this once:\n",
            json_str(token, "name", ""), json_str(token, "id", ""), json_str(token, "owner", ""),
            expires ? ", until " : ", for ever",
            expires ? instant_text(expires, "UTC", loop_wall_ms(), a->arena) : "");
    puts(json_str(token, "token", ""));
    return EXIT_DONE;
}

static int create(struct args *a)
{
    json_t *body = json_pack("{s:s?, s:o, s:o}", "name", opt(a, "name"), "scopes", texts(a, "scope"), "for",
                             texts(a, "for"));
    if (!opt(a, "name"))
        json_object_del(body, "name");
    if (opt(a, "expires"))
        json_object_set_new(body, "expires", json_string(opt(a, "expires")));
    if (opt(a, "owner"))
        json_object_set_new(body, "owner", json_string(opt(a, "owner")));
    return ask_and_print(a, "POST", "/api/v1/tokens", body, print_made);
}

/* --- list ------------------------------------------------------------------------------------- */

static const char *joined(const json_t *list, struct arena *a)
{
    _cleanup_buf_ struct buf b = {0};
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        buf_adds(&b, i ? " " : "");
        if (json_is_string(one))
            buf_adds(&b, json_string_value(one));
        else
            buf_printf(&b, "%s/%s", json_str(one, "client", "?"), json_str(one, "env", "*"));
    }
    return arena_strdup(a, buf_str(&b));
}

static const char *moment(const json_t *token, const char *key, const char *fallback, struct arena *a)
{
    int64_t at = json_int(token, key, 0);
    return at ? instant_text(at, "UTC", loop_wall_ms(), a) : fallback;
}

static int print_list(const struct args *a, const json_t *answer)
{
    static const char *const head[] = {"ID", "NAME", "OWNER", "SCOPES", "FOR", "USED", "EXPIRES"};
    const json_t *list = json_object_get(answer, "tokens");
    size_t i;
    json_t *one;
    if (json_array_size(list) == 0) {
        puts("There is no token. Make one with: signalbox token create --name NAME --scope act");
        return EXIT_DONE;
    }
    struct table t = {head, 7, ARENA_ARRAY(a->arena, json_array_size(list) * 7, const char *), 0};
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        const char **row = t.cells + t.rows++ * 7;
        row[0] = json_str(one, "id", "?");
        row[1] = json_str(one, "name", "?");
        row[2] = json_str(one, "owner", "?");
        row[3] = joined(json_object_get(one, "scopes"), a->arena);
        row[4] = json_array_size(json_object_get(one, "for")) ? joined(json_object_get(one, "for"), a->arena)
                                                              : "all";
        row[5] = moment(one, "used", "never", a->arena);
        row[6] = json_int(one, "revoked", 0)     ? "revoked"
                 : json_flag(one, "over", false) ? "expired"
                                                 : moment(one, "expires", "never", a->arena);
    }
    table_print(&t);
    return EXIT_DONE;
}

/* --- revoke ----------------------------------------------------------------------------------- */

static int print_revoked(const struct args *a UNUSED, const json_t *token)
{
    printf("The token \"%s\" (%s) is worth nothing from now on.\n", json_str(token, "name", ""),
           json_str(token, "id", ""));
    return EXIT_DONE;
}

static int take_back(struct args *a)
{
    _cleanup_buf_ struct buf path = {0};
    buf_adds(&path, "/api/v1/tokens/");
    buf_add_url(&path, a->words[1]);
    return ask_and_print(a, "DELETE", buf_str(&path), NULL, print_revoked);
}

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    if (str_eq(a->words[0], "create") && a->n_words == 1)
        return create(a);
    if (str_eq(a->words[0], "list") && a->n_words == 1)
        return ask_and_print(a, "GET", "/api/v1/tokens", NULL, print_list);
    if (str_eq(a->words[0], "revoke") && a->n_words == 2)
        return take_back(a);
    error_set(&err, SB_UNKNOWN, "token knows \"create\", \"list\" and \"revoke TOKEN\"");
    complain(&err);
    return EXIT_USAGE;
}

const struct command cmd_token = {
    .name = "token",
    .usage = "create|list|revoke [TOKEN]",
    .says = "tokens for programs, and for signing in with a browser",
    .more =
        "A token speaks with your name, and may what you may within its scopes: \"see\", \"deploy\", \"approve\", "
        "\"administer\", or \"act\" for all but administering. Only its hash is kept. Programs send it as "
        "\"Authorization: Bearer TOKEN\"; signalbox itself takes it with --token env:NAME or file:PATH.",
    .examples =
        "signalbox token create --name laptop --scope act\tfor signing in\n"
        "signalbox token create --name ci --scope deploy --for acme/staging --expires 30d\tfor a program\n"
        "signalbox token revoke ci\tat once\n",
    .group = 3,
    .words_min = 1,
    .words_max = 2,
    .options = {{"name", 'n', OPTION_VALUE, "NAME", "create: what it is for", NULL},
                {"scope", 's', OPTION_LIST, "SCOPE",
                 "create: see, act, deploy, approve or administer; may be repeated", NULL},
                {"for", 0, OPTION_LIST, "CLIENT[/ENV]",
                 "create: only there; may be repeated (default: everywhere)", "clients"},
                {"expires", 0, OPTION_VALUE, "WHEN", "create: 30d, a moment or never (default: 90d)", NULL},
                {"owner", 0, OPTION_VALUE, "NAME", "create: whose name it speaks with (default: yours)",
                 NULL}},
    .run = run,
};
