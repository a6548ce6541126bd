/* looks.c: outside systems, looked at without anybody waiting: a page shows what was seen last and comes back. */
#include "net/alloc.h"
#include "web/inside.h"
#include <stdlib.h>

enum { LOOKS_MOST = 256, AT_ONCE = 4 };

struct look_kept {
    struct look_kept *next;
    struct looks *all;
    char *name; /* verb and arguments */
    char *verb;
    json_t *args, *answer;
    char *failed;
    int64_t at;
    bool under_way, wanted;
};

struct looks {
    struct web *web; /* NULL: it has gone */
    struct look_kept *first;
    int n, under_way;
};

static void look_free(struct look_kept *l)
{
    json_decref(l->args);
    json_decref(l->answer);
    free(l->failed);
    free(l->verb);
    free(l->name);
    free(l);
}

static void begin_some(struct looks *all);

static void looked(void *ctx, json_t *answer, const struct error *err)
{
    struct look_kept *l = ctx;
    l->under_way = false;
    l->all->under_way--;
    l->at = loop_mono_ms();
    free(l->failed);
    l->failed = err ? net_strdup(err->text) : NULL;
    if (answer && !err) {
        json_decref(l->answer);
        l->answer = json_incref(answer);
    }
    begin_some(l->all);
}

static void begin_some(struct looks *all)
{
    for (struct look_kept *l = all->first; l && all->under_way < AT_ONCE; l = l->next) {
        if (!l->wanted)
            continue;
        l->wanted = false;
        l->under_way = true;
        all->under_way++;
        engine_look(all->web->engine, l->verb, l->args, looked, l);
    }
}

static struct look_kept *find(struct looks *all, const char *name)
{
    for (struct look_kept *l = all->first; l; l = l->next)
        if (str_eq(l->name, name))
            return l;
    return NULL;
}

/* Makes room: the oldest that nothing is under way for goes. */
static void forget_one(struct looks *all)
{
    struct look_kept **oldest = NULL;
    for (struct look_kept **at = &all->first; *at; at = &(*at)->next)
        if (!(*at)->under_way && (!oldest || (*at)->at < (*oldest)->at))
            oldest = at;
    if (!oldest)
        return;
    struct look_kept *l = *oldest;
    *oldest = l->next;
    all->n--;
    look_free(l);
}

struct look_seen look_at(struct web *w, const char *verb, const json_t *args, int64_t fresh_ms)
{
    _cleanup_buf_ struct buf name = {0};
    char *text = json_canonical(args);
    buf_printf(&name, "%s %s", verb, text);
    free(text);
    if (!w->looks) {
        w->looks = NET_NEW(struct looks);
        w->looks->web = w;
    }
    struct look_kept *l = find(w->looks, buf_str(&name));
    if (!l) {
        if (w->looks->n >= LOOKS_MOST)
            forget_one(w->looks);
        l = NET_NEW(struct look_kept);
        l->all = w->looks;
        l->name = net_strdup(buf_str(&name));
        l->verb = net_strdup(verb);
        l->args = json_deep_copy(args);
        l->next = w->looks->first;
        w->looks->first = l;
        w->looks->n++;
    }
    if (!l->under_way && (l->at == 0 || loop_mono_ms() - l->at > fresh_ms))
        l->wanted = true;
    begin_some(w->looks);
    return (struct look_seen){
        .answer = l->answer, .failed = l->failed, .at = l->at, .under_way = l->under_way || l->wanted};
}

/* The engine is closed right after, so looks that are under way tell nobody any more. */
void looks_free(struct web *w)
{
    while (w->looks && w->looks->first) {
        struct look_kept *l = w->looks->first;
        w->looks->first = l->next;
        look_free(l);
    }
    free(w->looks);
    w->looks = NULL;
}
