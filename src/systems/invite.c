/* invite.c: see invite.h. */
#include "systems/invite.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

struct invite {
    struct arena arena;
    struct postbox *box;
    struct loop *loop;
    const char *text, *calendar, *method, *subject, *key;
    json_t *people, *missed;
    size_t next, taken;
    struct mail_call *call;
    struct timer *timer;
    struct outcome why;
    invite_done_fn *done;
    void *ctx;
    int64_t stamp;
};

static void next_mail(struct invite *i);

static void invite_free(struct invite *i)
{
    timer_cancel(i->timer);
    mail_cancel(i->call);
    json_decref(i->people);
    json_decref(i->missed);
    arena_free(&i->arena);
    free(i);
}

void invite_cancel(struct invite *i)
{
    if (i)
        invite_free(i);
}

static void told(struct invite *i)
{
    if (i->taken || json_array_size(i->people) == 0)
        i->why.kind = i->why.kind == OUTCOME_RETRY ? OUTCOME_RETRY : OUTCOME_DONE;
    i->done(i->ctx, i->missed, &i->why);
    invite_free(i);
}

static void on_mail(void *ctx, const struct mail_reply *reply)
{
    struct invite *i = ctx;
    i->call = NULL;
    if (reply->kind == MAIL_TAKEN) {
        i->taken++;
    } else {
        i->why = outcome_of_mail(reply);
        /* Nobody knows whether it arrived; a second one would be the same to every calendar. */
        if (i->why.kind == OUTCOME_UNKNOWN)
            i->why.kind = OUTCOME_RETRY;
        if (i->why.kind == OUTCOME_RETRY) {
            told(i);
            return;
        }
        json_array_append(i->missed, json_array_get(i->people, i->next - 1));
    }
    next_mail(i);
}

static void next_mail(struct invite *i)
{
    while (i->next < json_array_size(i->people)) {
        const char *mail = json_string_value(json_array_get(i->people, i->next++));
        const char *to[] = {mail, NULL};
        struct error err = ERROR_NONE;
        struct message m = {.to = to,
                            .subject = i->subject,
                            .id = message_id_of(arena_printf(&i->arena, "%s#%s#%s", i->key, i->method, mail),
                                                i->box->from, &i->arena),
                            .date = i->stamp,
                            .text = i->text,
                            .calendar = i->calendar,
                            .method = i->method};
        i->call = postbox_send(i->box, &m, arena_printf(&i->arena, "invite %s", mail), on_mail, i, &err);
        if (i->call)
            return;
        i->why = (struct outcome){.kind = OUTCOME_FAILED, .error = err};
        json_array_append_new(i->missed, json_string(mail));
    }
    told(i);
}

static void begin(void *ctx)
{
    struct invite *i = ctx;
    i->timer = NULL;
    next_mail(i);
}

/* What a person reads whose mail program knows no calendars. */
static const char *words_of(const struct invite_what *w, struct arena *a)
{
    const struct ical_event *e = w->event;
    const char *zone = w->zone && *w->zone ? w->zone : "UTC";
    _cleanup_buf_ struct buf b = {0};
    buf_printf(&b, "%s\n\n%s to %s\n", e->title, instant_text(e->from, zone, 0, a),
               instant_text(e->to, zone, 0, a));
    if (w->cancels)
        buf_adds(&b, "This is cancelled.\n");
    if (e->place && *e->place)
        buf_printf(&b, "%s\n", e->place);
    if (e->description && *e->description)
        buf_printf(&b, "\n%s\n", e->description);
    return arena_strdup(a, buf_str(&b));
}

struct invite *invite_send(struct postbox *box, struct loop *l, const struct invite_what *w,
                           invite_done_fn *done, void *ctx)
{
    struct invite *i = calloc(1, sizeof *i);
    if (!i)
        abort();
    i->arena = arena_make();
    i->box = box;
    i->loop = l;
    i->done = done;
    i->ctx = ctx;
    i->people = json_array();
    i->missed = json_array();
    size_t k;
    json_t *mail;
    json_array_foreach((json_t *)w->attendees, k, mail)
        json_array_append(
            mail_address_ok(json_string_value(mail)) && k < ICAL_ATTENDEES_MAX ? i->people : i->missed, mail);
    struct ical_event e = *w->event;
    e.organizer = box->from;
    e.attendees = i->people;
    e.cancelled = w->cancels;
    i->method = w->cancels ? "CANCEL" : "REQUEST";
    i->calendar = ical_text(&e, 1, i->method, NULL, &i->arena);
    i->text = words_of(w, &i->arena);
    i->subject = arena_printf(&i->arena, "%s%s: %s", w->cancels ? "Cancelled: " : "", w->change, e.title);
    i->key = arena_strdup(&i->arena, w->key);
    i->stamp = e.stamp;
    i->timer = timer_start(l, 0, begin, i);
    return i;
}

bool invite_config(struct postbox *box, struct loop *l, const struct yaml *config, const char *file,
                   struct arena *a, struct error *err)
{
    static const char *const keys[] = {CONFIG_MAIL_KEYS, NULL};
    const struct yaml *y = yaml_get(config, "invitations");
    *box = (struct postbox){0};
    if (!y)
        return true;
    if (y->kind != YAML_MAP)
        return error_at(err, SB_PARSE, file, y->line, y->column,
                        "invitations: expected a mail server: url, from, user, token");
    return yaml_only(y, file, "invitations", keys, err) && postbox_open(box, l, y, file, a, err);
}
