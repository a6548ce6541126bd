/* message.c: see message.h. */
#include "net/message.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/utf8.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 76, LOCAL_MAX = 64, ADDRESS_MAX = 254, ID_MAX = 240, WORD_BYTES = 42 };

/* --- addresses and ids -------------------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *also)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(also, *s))
            return false;
    return true;
}

bool mail_address_ok(const char *address)
{
    const char *at = address ? strchr(address, '@') : NULL;
    if (!at || at == address || at - address > LOCAL_MAX || strlen(address) > ADDRESS_MAX)
        return false;
    char local[LOCAL_MAX + 1] = {0};
    memcpy(local, address, (size_t)(at - address));
    return is_one_of(local, ".!#$%&'*+/=?^_`{|}~-") && at[1] && is_one_of(at + 1, ".-") && at[1] != '-' &&
           at[1] != '.';
}

static bool id_ok(const char *id)
{
    const char *at = strchr(id, '@');
    return at && at != id && at[1] && strlen(id) <= ID_MAX && is_one_of(id, "@.-_+=");
}

char *message_id_of(const char *key, const char *from, struct arena *a)
{
    char hash[SHA256_HEX + 1];
    const char *at = strchr(from, '@');
    sha256_hex(key, strlen(key), hash);
    return arena_printf(a, "%.40s.signalbox@%s", hash, at && at[1] ? at + 1 : "localhost");
}

/* --- header fields ------------------------------------------------------------------------------ */

static bool is_plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
            return false;
    return true;
}

/* The text as encoded words (RFC 2047), each of whole characters and short enough for a line. */
static void add_words(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    for (bool first = true; left > 0; first = false) {
        char piece[WORD_BYTES];
        size_t n = 0;
        while (left > 0 && n < WORD_BYTES) {
            uint32_t point;
            size_t step = utf8_next(text, left, &point);
            bool odd = step == 0 || point < 0x20 || point == 0x7f;
            size_t take = step == 0 ? 1 : step;
            if (n + take > WORD_BYTES)
                break;
            memcpy(piece + n, odd ? " " : text, odd ? 1 : take);
            n += odd ? 1 : take;
            text += take;
            left -= take;
        }
        char *coded = base64_encode(piece, n, false);
        buf_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ", coded);
        free(coded);
    }
}

/* Folded before a blank where a line would be too long. `used`: columns of the line so far. */
static void add_folded(struct buf *out, const char *text, size_t used)
{
    while (*text) {
        size_t word = strcspn(text + 1, " ") + 1; /* with the blank before it */
        if (used + word > LINE && *text == ' ') {
            buf_adds(out, "\r\n");
            used = 0;
        }
        buf_add(out, text, word);
        used += word;
        text += word;
    }
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "%s: ", name);
    if (is_plain(text) && !strstr(text, "=?") && strlen(text) < 900)
        add_folded(out, text, strlen(name) + 2);
    else
        add_words(out, text);
    buf_adds(out, "\r\n");
}

static void add_from(struct buf *out, const struct message *m)
{
    buf_adds(out, "From: ");
    if (m->from_name && *m->from_name) {
        add_words(out, m->from_name); /* always: so no name needs quotes */
        buf_adds(out, "\r\n ");
        buf_printf(out, "<%s>\r\n", m->from);
    } else {
        buf_printf(out, "%s\r\n", m->from);
    }
}

static bool add_people(struct buf *out, const char *name, const char *const *people, struct error *err)
{
    int n = 0;
    for (; people && people[n]; n++) {
        if (n == MESSAGE_PEOPLE_MAX)
            return error_set(err, SB_LIMIT, "a mail to more than %d people", MESSAGE_PEOPLE_MAX);
        if (!mail_address_ok(people[n]))
            return error_set(err, SB_RANGE, "\"%.80s\" is no mail address", people[n]);
        buf_printf(out, "%s%s%s", n ? ",\r\n " : name, n ? "" : ": ", people[n]);
    }
    if (n)
        buf_adds(out, "\r\n");
    return true;
}

static bool add_references(struct buf *out, const char *const *ids, struct error *err)
{
    int n = 0;
    for (; ids && ids[n]; n++)
        if (!id_ok(ids[n]))
            return error_set(err, SB_RANGE, "\"%.80s\" is no message's id", ids[n]);
    if (n == 0)
        return true;
    buf_printf(out, "In-Reply-To: <%s>\r\nReferences:", ids[n - 1]);
    /* The first opens the thread; of the rest the last ones tell the most. */
    int skip = n > MESSAGE_REFERENCES_MAX ? n - MESSAGE_REFERENCES_MAX : 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || i > skip)
            buf_printf(out, "%s <%s>", i ? "\r\n" : "", ids[i]);
    buf_adds(out, "\r\n");
    return true;
}

static bool add_date(struct buf *out, int64_t date, struct error *err)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c;
    if (!instant_to_civil(date, "UTC", &c, err))
        return false;
    buf_printf(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n", days[c.weekday], c.day,
               months[c.month - 1], c.year, c.hour, c.minute, c.second);
    return true;
}

/* --- bodies ------------------------------------------------------------------------------------- */

/* Quoted-printable (RFC 2045): still readable in a mail's source. */
static void add_quoted(struct buf *out, const char *text)
{
    size_t used = 0;
    for (; *text; text++) {
        if (*text == '\r' && text[1] == '\n')
            continue;
        if (*text == '\n') {
            buf_adds(out, "\r\n");
            used = 0;
            continue;
        }
        unsigned char c = (unsigned char)*text;
        bool last = text[1] == '\n' || text[1] == '\0' || text[1] == '\r';
        bool plain = (c > 0x20 && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t wide = plain ? 1 : 3;
        if (used + wide > LINE - 1) {
            buf_adds(out, "=\r\n");
            used = 0;
        }
        if (plain)
            buf_addc(out, *text);
        else
            buf_printf(out, "=%02X", c);
        used += wide;
    }
    if (used)
        buf_adds(out, "\r\n");
}

static void add_base64(struct buf *out, const char *text)
{
    char *coded = base64_encode(text, strlen(text), false);
    size_t n = strlen(coded);
    for (size_t at = 0; at < n; at += LINE) {
        buf_add(out, coded + at, n - at < LINE ? n - at : LINE);
        buf_adds(out, "\r\n");
    }
    free(coded);
}

static void add_plain_part(struct buf *out, const char *text)
{
    buf_adds(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                  "quoted-printable\r\n\r\n");
    add_quoted(out, text);
}

/* No line of either part can be the boundary: neither encoding leaves a "=_" as it was. */
static void add_body(struct buf *out, const struct message *m)
{
    if (!m->calendar) {
        add_plain_part(out, m->text);
        return;
    }
    char hash[SHA256_HEX + 1];
    sha256_hex(m->id, strlen(m->id), hash);
    buf_printf(out, "Content-Type: multipart/alternative; boundary=\"=_%.24s\"\r\n\r\n--=_%.24s\r\n", hash,
               hash);
    add_plain_part(out, m->text);
    buf_printf(out,
               "\r\n--=_%.24s\r\nContent-Type: text/calendar; charset=utf-8; method=%s\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               hash, m->method);
    add_base64(out, m->calendar);
    buf_printf(out, "\r\n--=_%.24s--\r\n", hash);
}

char *message_text(const struct message *m, struct arena *a, struct error *err)
{
    _cleanup_buf_ struct buf out = {0};
    size_t size = strlen(m->text) + (m->calendar ? strlen(m->calendar) : 0);
    if (size > MESSAGE_MAX) {
        error_set(err, SB_LIMIT, "a mail of more than %d bytes", MESSAGE_MAX);
        return NULL;
    }
    if (!mail_address_ok(m->from) || !id_ok(m->id) || (m->calendar && !is_one_of(m->method, ""))) {
        error_set(err, SB_RANGE, "a mail from \"%.80s\" with the id \"%.80s\" cannot be",
                  m->from ? m->from : "", m->id);
        return NULL;
    }
    if (!add_date(&out, m->date, err))
        return NULL;
    add_from(&out, m);
    if (!add_people(&out, "To", m->to, err) || !add_people(&out, "Cc", m->cc, err))
        return NULL;
    add_text(&out, "Subject", m->subject);
    buf_printf(&out, "Message-ID: <%s>\r\n", m->id);
    if (!add_references(&out, m->references, err))
        return NULL;
    buf_adds(&out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    add_body(&out, m);
    return arena_strdup(a, buf_str(&out));
}
