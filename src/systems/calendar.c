/* calendar.c: see calendar.h. */
#include "systems/calendar.h"
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
