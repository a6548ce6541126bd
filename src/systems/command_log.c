/* command_log.c: see command_log.h. */
#include "systems/command_log.h"
#include "base/json.h"
#include "systems/pipeline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void command_log_free(struct command_log *l)
{
    buf_free(&l->line);
}

void command_log_known(struct command_log *l, const char *moments)
{
    while (*moments && l->noted < COMMAND_STAGES_MAX) {
        char *end;
        long long ms = strtoll(moments, &end, 10);
        if (end == moments || *end != '\n')
            return;
        l->stages[l->noted++].started_ms = ms;
        moments = end + 1;
    }
}

/* Output is bytes; names that people read are clean text. */
static void copy_clean(char *out, size_t n, const char *text)
{
    _cleanup_arena_ struct arena a = arena_make();
    const char *clean = pipeline_log_tail(text, strlen(text), &a);
    size_t len = strcspn(clean, "\n");
    if (len >= n)
        len = n - 1;
    while (len > 0 && ((unsigned char)clean[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    memcpy(out, clean, len);
    out[len] = '\0';
}

static void begin_stage(struct command_log *l, const char *name, int64_t now_ms)
{
    l->gate[0] = '\0';
    if (l->n == COMMAND_STAGES_MAX)
        return;
    struct command_stage *s = &l->stages[l->n++];
    copy_clean(s->name, sizeof s->name, name);
    if (l->n > l->noted)
        s->started_ms = now_ms;
    if (l->n > 1)
        l->stages[l->n - 2].ended_ms = s->started_ms;
}

static void open_gate(struct command_log *l, char *text)
{
    char *id = str_trim(text);
    size_t n = strcspn(id, " \t");
    if (n == 0 || n >= sizeof l->gate)
        return;
    copy_clean(l->message, sizeof l->message, str_trim(id + n));
    memcpy(l->gate, id, n);
    l->gate[n] = '\0';
    if (!l->message[0])
        (void)snprintf(l->message, sizeof l->message, "Go on with %s?", l->gate);
}

static void take_line(struct command_log *l, int64_t now_ms)
{
    char *text = l->line.data;
    if (text && str_starts(text, "::stage "))
        begin_stage(l, str_trim(text + 8), now_ms);
    else if (text && str_starts(text, "::gate "))
        open_gate(l, text + 7);
    buf_clear(&l->line);
}

void command_log_feed(struct command_log *l, const char *bytes, size_t n, int64_t now_ms)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        size_t room = l->line.len < COMMAND_LINE_MAX ? COMMAND_LINE_MAX - l->line.len : 0;
        buf_add(&l->line, bytes, part < room ? part : room);
        if (end)
            take_line(l, now_ms);
        bytes += part + (end ? 1 : 0);
        n -= part + (end ? 1 : 0);
    }
}

json_t *command_log_stages(const struct command_log *l, const char *last_status)
{
    json_t *list = json_array();
    for (int i = 0; i < l->n; i++) {
        const struct command_stage *s = &l->stages[i];
        bool last = i == l->n - 1;
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i + 1);
        json_t *stage = json_pack("{s:s, s:s, s:s}", "id", id, "name", s->name, "status",
                                  last ? last_status : STAGE_SUCCESS);
        if (s->started_ms)
            json_object_set_new(stage, "started_ms", json_integer(s->started_ms));
        if (s->ended_ms && s->started_ms)
            json_object_set_new(stage, "took_ms", json_integer(s->ended_ms - s->started_ms));
        json_object_set_new(stage, "paused", json_boolean(last && l->gate[0]));
        json_array_append_new(list, stage);
    }
    return list;
}
