/* dav.c: see dav.h. */
#include "systems/dav.h"
#include "base/buf.h"
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define DAV(name)    "DAV:|" name
#define CALDAV(name) "urn:ietf:params:xml:ns:caldav|" name

struct parsing {
    XML_Parser parser;
    struct arena *a;
    struct dav_answer *out;
    size_t room;
    int depth;
    const char *path[DAV_DEPTH_MAX]; /* names of the elements that are open; in the arena */
    struct buf text;                 /* of the innermost one */
    bool is_answer;
    struct error *err;
};

static void stop(struct parsing *p, const char *why)
{
    error_set(p->err, SB_LIMIT, "the server's XML %s", why);
    XML_StopParser(p->parser, XML_FALSE);
}

static struct dav_response *add_response(struct parsing *p)
{
    struct dav_answer *out = p->out;
    if (out->n == p->room) {
        size_t room = p->room ? p->room * 2 : 16;
        struct dav_response *more = ARENA_ARRAY(p->a, room, struct dav_response);
        if (out->n)
            memcpy(more, out->list, out->n * sizeof *more);
        out->list = more;
        p->room = room;
    }
    out->list[out->n] = (struct dav_response){.href = "", .etag = "", .name = "", .calendar = ""};
    return &out->list[out->n++];
}

static bool is_in(const struct parsing *p, const char *name)
{
    for (int i = 0; i < p->depth; i++)
        if (strcmp(p->path[i], name) == 0)
            return true;
    return false;
}

static void on_start(void *ctx, const XML_Char *name, UNUSED const XML_Char **attributes)
{
    struct parsing *p = ctx;
    struct dav_response *r = p->out->n ? &p->out->list[p->out->n - 1] : NULL;
    if (p->depth == DAV_DEPTH_MAX || p->out->n > DAV_RESPONSES_MAX) {
        stop(p, "is nested too deep, or tells of too much");
        return;
    }
    p->is_answer = p->is_answer || (p->depth == 0 && strcmp(name, DAV("multistatus")) == 0);
    if (p->depth == 1 && strcmp(name, DAV("response")) == 0)
        (void)add_response(p);
    else if (r && strcmp(name, CALDAV("calendar")) == 0 && is_in(p, DAV("resourcetype")))
        r->is_calendar = true;
    else if (r && strcmp(name, DAV("current-user-privilege-set")) == 0)
        r->tells_rights = true;
    else if (r && is_in(p, DAV("privilege")) &&
             (strcmp(name, DAV("write")) == 0 || strcmp(name, DAV("write-content")) == 0 ||
              strcmp(name, DAV("bind")) == 0 || strcmp(name, DAV("all")) == 0))
        r->may_write = true;
    p->path[p->depth++] = arena_strdup(p->a, name);
    buf_clear(&p->text);
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct parsing *p = ctx;
    struct dav_response *r = p->out->n ? &p->out->list[p->out->n - 1] : NULL;
    p->depth--;
    if (!r)
        return;
    const char **to = NULL;
    if (strcmp(name, DAV("href")) == 0 && p->depth == 2)
        to = &r->href;
    else if (strcmp(name, DAV("getetag")) == 0)
        to = &r->etag;
    else if (strcmp(name, DAV("displayname")) == 0)
        to = &r->name;
    else if (strcmp(name, CALDAV("calendar-data")) == 0)
        to = &r->calendar;
    if (to)
        *to = arena_strdup(p->a, buf_str(&p->text));
    buf_clear(&p->text);
}

static void on_text(void *ctx, const XML_Char *text, int n)
{
    buf_add(&((struct parsing *)ctx)->text, text, (size_t)n);
}

/* A DTD could define entities that grow without limit, or point elsewhere. No WebDAV answer has one. */
static void on_doctype(void *ctx, UNUSED const XML_Char *name, UNUSED const XML_Char *system,
                       UNUSED const XML_Char *public, UNUSED int internal)
{
    stop(ctx, "has a DTD, which is not read");
}

bool dav_parse(const char *text, size_t n, struct arena *a, struct dav_answer *out, struct error *err)
{
    enum { BYTES_MAX = 64 << 20 };
    struct error why = ERROR_NONE;
    *out = (struct dav_answer){0};
    if (n > BYTES_MAX)
        return error_set(err, SB_LIMIT, "the server's XML has more than %d bytes", BYTES_MAX);
    struct parsing p = {.parser = XML_ParserCreateNS("UTF-8", '|'), .a = a, .out = out, .err = &why};
    if (!p.parser)
        abort();
    XML_SetUserData(p.parser, &p);
    XML_SetElementHandler(p.parser, on_start, on_end);
    XML_SetCharacterDataHandler(p.parser, on_text);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    enum XML_Status status = XML_Parse(p.parser, text, (int)n, 1);
    if (status != XML_STATUS_OK && why.code == SB_OK)
        error_set(&why, SB_PARSE, "the server's answer is no XML: line %lu: %s",
                  (unsigned long)XML_GetCurrentLineNumber(p.parser),
                  XML_ErrorString(XML_GetErrorCode(p.parser)));
    else if (status == XML_STATUS_OK && !p.is_answer)
        error_set(&why, SB_PARSE, "the server's answer is XML, but no WebDAV multistatus");
    XML_ParserFree(p.parser);
    buf_free(&p.text);
    if (why.code == SB_OK)
        return true;
    return error_wrap(&why, err, "WebDAV");
}
