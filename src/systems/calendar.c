/* calendar.c: see calendar.h. */
#include "systems/calendar.h"
#include "base/json.h"
#include "systems/freeze.h"
#include "systems/system.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Is `word` (which may hold blanks) in the text, with no letter or digit touching it? */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    if (!text || n == 0)
        return false;
    for (const char *at = strcasestr(text, word); at; at = strcasestr(at + 1, word))
        if ((at == text || !in_word(at[-1])) && !in_word(at[n]))
            return true;
    return false;
}

bool calendar_is_freeze(const char *title)
{
    static const char *const words[] = {"freeze",    "frozen",     "blackout",
                                        "no deploy", "no deploys", "no deployments"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (has_word(title, words[i]))
            return true;
    return false;
}

bool calendar_concerns(const char *client, const char *title, const char *description)
{
    return !client || !*client || has_word(title, client) || has_word(description, client);
}

bool calendar_overlap(int64_t from, int64_t to, int64_t other_from, int64_t other_to)
{
    return from < other_to && other_from < to;
}

static void add(json_t *list, const struct calendar_event *e, bool freeze)
{
    size_t i = 0;
    while (i < json_array_size(list) && json_int(json_array_get(list, i), "from", 0) <= e->from)
        i++;
    json_array_insert_new(list, i,
                          json_pack("{s:s, s:s, s:I, s:I, s:b, s:s}", "event", e->id, "title",
                                    e->title ? e->title : "", "from", (json_int_t)e->from, "to",
                                    (json_int_t)e->to, "freeze", freeze, "url", e->url ? e->url : ""));
}

static bool in_time(const struct calendar_event *e, const json_t *args)
{
    return strcmp(e->id, json_str(args, "except", "")) != 0 &&
           calendar_overlap(json_int(args, "from", 0), json_int(args, "to", 0), e->from, e->to);
}

void calendar_add_event(json_t *list, const struct calendar_event *e, const json_t *args)
{
    bool freeze = calendar_is_freeze(e->title);
    if (in_time(e, args) &&
        (freeze || calendar_concerns(json_str(args, "client", ""), e->title, e->description)))
        add(list, e, freeze);
}

void calendar_add_freeze(json_t *list, const struct calendar_event *e, const json_t *args)
{
    if (in_time(e, args))
        add(list, e, true);
}

void calendar_add_freezes(json_t *list, const struct surroundings *around, const json_t *args)
{
    enum { MET_MOST = 64 };
    struct freeze_met met[MET_MOST];
    if (!around->freezes)
        return;
    int n = around->freezes(around->freezes_ctx, json_str(args, "client", ""), json_str(args, "env", ""),
                            json_int(args, "from", 0), json_int(args, "to", 0), met, MET_MOST);
    for (int i = 0; i < n; i++)
        add(list,
            &(struct calendar_event){
                .id = "", .title = met[i].freeze->title, .from = met[i].from, .to = met[i].to},
            true);
}
