/* who.c: whom a page is for. The API's sessions say so; in a drill one chooses. */
#include "web/inside.h"
#include <openssl/crypto.h>
#include <string.h>

/* --- a drill's players ------------------------------------------------------------------------ */

static const char cookie_name[] = "signalbox-plays=";

static const char *player_of(const struct visit *v)
{
    const char *cookies = request_header(v->x, "Cookie");
    const char *at = cookies ? strstr(cookies, cookie_name) : NULL;
    for (size_t i = 0; at && v->web->players[i]; i++) {
        const char *id = v->web->players[i], *value = at + sizeof cookie_name - 1;
        size_t n = strcspn(value, "; ");
        if (strlen(id) == n && strncmp(id, value, n) == 0)
            return id;
    }
    return v->web->players[0];
}

static void play(struct visit *v)
{
    const struct config_person *p;
    if (!v->web->players || !v->who.may_read)
        return;
    v->who.asker.name = player_of(v);
    v->who.known = true;
    v->who.how = "drill";
    v->who.csrf = v->web->csrf;
    p = config_person(engine_config(v->web->engine), v->who.asker.name);
    v->who.name = p && p->name ? p->name : v->who.asker.name;
}

/* A path of ours and nothing else: a form must not lead to another site. */
static const char *here(const char *path)
{
    return path[0] == '/' && path[1] != '/' && path[1] != '\\' && !strpbrk(path, "\r\n") ? path : "/";
}

void who_plays(struct visit *v)
{
    const char *as = visit_field(v, "as");
    for (size_t i = 0; v->web->players && v->web->players[i]; i++)
        if (str_eq(v->web->players[i], as))
            answer_header(
                v->x, "Set-Cookie",
                arena_printf(&v->arena, "%s%s; Path=/; HttpOnly; SameSite=Strict", cookie_name, as));
    visit_lead(v, here(visit_field(v, "back")));
}

/* --- everybody -------------------------------------------------------------------------------- */

bool who_asks(struct visit *v)
{
    struct error err = ERROR_NONE;
    int status = 403;
    bool open = v->route && v->route->open;
    if (!visitor_of(v->web->api, v->x, &v->who, &status, &err)) {
        v->who = (struct visitor){
            .asker = {.name = ""}, .how = "nobody", .name = "", .csrf = "", .credential = ""};
        if (open) /* the status page is for the whole world, under whatever name it is reached */
            return true;
        visit_fail(v, status, "This cannot be shown", err.text);
        return false;
    }
    play(v);
    if (v->who.known || v->who.may_read || open)
        return true;
    visit_lead(v, arena_printf(&v->arena, "/sign-in?next=%s", html_part(&v->html, v->path)));
    return false;
}

bool who_sent_it(struct visit *v)
{
    const char *given = visit_field(v, "csrf");
    if (!v->web->players)
        return visitor_csrf(&v->who, given);
    return strlen(given) == strlen(v->web->csrf) &&
           CRYPTO_memcmp(given, v->web->csrf, strlen(v->web->csrf)) == 0;
}

bool who_sees(const struct visit *v, const char *client, const char *env)
{
    return visitor_sees(v->web->api, &v->who, client, env);
}

bool who_acts(const struct visit *v)
{
    return v->who.known;
}

/* --- the page to sign in at ------------------------------------------------------------------- */

void sign_in_page(struct visit *v)
{
    static const struct page p = {.title = "Sign in"};
    struct html *h = &v->html;
    const char *next = visit_query(v, "next"), *why = visit_query(v, "why");
    page_begin(v, &p);
    html_put(h, "<section class='card narrow'><h1>Sign in</h1>");
    if (*why)
        html_put(h, "<p class='notice bad' role='alert'>%s</p>",
                 str_eq(why, "token")    ? "That token is not known here, or it has expired."
                 : str_eq(why, "locked") ? "Too many attempts. Wait a few minutes, then try again."
                                         : "The sign-in was refused.");
    html_put(
        h,
        "<form method='post' action='/sign-in'><input type='hidden' name='next' value='%s'>"
        "<p><label for='token'>Token</label><input id='token' name='token' type='password' required "
        "autocomplete='current-password'></p><p><button class='go'>Sign in</button></p></form></section>",
        next[0] == '/' && next[1] != '/' ? next : "/");
    page_end(v);
    visit_page(v);
}
