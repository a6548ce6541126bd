/* disk.c: the store: one change's record, appended in batches that are durable whole or not at all, and the
 * lease of who may. */
#include "check.h"
#include "node.h"
#include "planted.h"

void disk_open(struct sim *s)
{
    s->disk = (struct disk){.events = json_array(), .holder = -1};
}

void disk_close(struct sim *s)
{
    json_decref(s->disk.events);
    json_decref(s->disk.snapshot);
}

/* --- the lease
 * -------------------------------------------------------------------------------------------------------------
 */

bool disk_lease(struct sim *s, struct node *n)
{
    struct disk *d = &s->disk;
    /* With one node the store is a file, whose lock goes with the process that had it. */
    if (s->n_nodes > 1 && d->holder >= 0 && d->holder != n->number && s->now < d->free_at)
        return false;
    d->holder = n->number;
    d->term++;
    d->free_at = INT64_MAX;
    n->term = d->term;
    n->lease_until = INT64_MAX;
    return true;
}

void disk_lease_lapses(struct sim *s, struct node *n)
{
    struct disk *d = &s->disk;
    if (d->holder != n->number || d->term != n->term || d->free_at != INT64_MAX)
        return;
    d->free_at = s->now + LEASE_MS;
    n->lease_until = d->free_at;
    for (int i = 0; i < s->n_nodes; i++)
        if (i != n->number)
            happen(s, d->free_at + draw(s, DRAW_RESTART, -1, 3000), AT_START, i, 0, NULL);
}

/* --- commits
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool fails(struct batch *b, const char *why)
{
    b->failed = true;
    b->error = why;
    return false;
}

static bool accepts(struct sim *s, struct batch *b, int step)
{
    const struct disk *d = &s->disk;
    if (b->term != d->term)
        return fails(b, "the lease is another's");
    if (b->first != (int64_t)json_array_size(d->events) + 1)
        return fails(b, "somebody else was first");
    if (fault(s, FAULT_DISK_FULL, step))
        return fails(b, "no space left on device");
    if (fault(s, FAULT_DISK_ERROR, step))
        return fails(b, "input/output error");
    if (fault(s, FAULT_CONFLICT, step))
        return fails(b, "the record was locked");
    return true;
}

static void append(struct sim *s, const json_t *events)
{
    size_t i;
    json_t *e;
    json_array_foreach((json_t *)events, i, e) {
        char *text = s->texts ? json_canonical(e) : NULL;
        json_array_append_new(s->disk.events, text ? json_string(text) : json_incref(e));
        free(text);
        check_durable(s, json_array_size(s->disk.events) - 1);
    }
}

void disk_commit(struct sim *s, struct batch *b)
{
    struct node *n = &s->nodes[b->node];
    const json_t *last = json_array_get(b->events, json_array_size(b->events) - 1);
    const char *id = json_str(last, "step", NULL);
    int step = id ? procedure_step(s->sop, id) : -1;
    bool lives = n->life == b->life;
    /* What the process had not handed over when it died is lost with it. */
    bool handed = lives || draw(s, DRAW_COMMIT, -1, 2);
    if (handed && lives && fault(s, FAULT_DIES_BEFORE_COMMIT, step)) {
        node_dies(s, n);
        handed = false;
    }
    if (handed && accepts(s, b, step)) {
        if (PLANTED("batch-torn") && json_array_size(b->events) > 1 && draw(s, DRAW_COMMIT, -1, 20) == 0) {
            json_array_remove(b->events, json_array_size(b->events) - 1);
            append(s, b->events);
            node_dies(s, n);
        } else {
            append(s, b->events);
        }
        if (fault(s, FAULT_COMMIT_UNCLEAR, step))
            fails(b, "the connection was lost while it was committed");
        else if (n->life == b->life && fault(s, FAULT_DIES_AFTER_COMMIT, step))
            node_dies(s, n);
    }
    happen(s, s->now + draw(s, DRAW_COMMIT, -1, 5), AT_COMMITTED, b->node, 0, b);
}

/* --- reading
 * ----------------------------------------------------------------------------------------------------------------
 */

json_t *disk_event(const struct sim *s, size_t i)
{
    json_t *e = json_array_get(s->disk.events, i);
    if (!json_is_string(e))
        return json_incref(e);
    return json_read(json_string_value(e), json_string_length(e), JSON_MAX_BYTES, "event", NULL);
}

struct change *disk_read(struct sim *s)
{
    size_t n = json_array_size(s->disk.events), i = 0;
    struct error err = ERROR_NONE;
    if (n == 0)
        return NULL;
    struct change *c = change_new("HF-1", s->sop);
    if (s->disk.snapshot && change_load(c, s->disk.snapshot, &err))
        i = (size_t)s->disk.snapshot_at;
    if (err.code != SB_OK)
        broke(s, "snapshot", "%s", err.text);
    for (; i < n && !s->broke; i++) {
        json_t *j = disk_event(s, i);
        struct event e = {0};
        if (!event_from_json(j, s->sop, &e, &err) || !change_apply(c, &e, &err))
            broke(s, "replay", "event %zu of the record is refused: %s", i + 1, err.text);
        event_clear(&e);
        json_decref(j);
    }
    return c;
}

void disk_keep_snapshot(struct sim *s, const struct change *c)
{
    json_decref(s->disk.snapshot);
    json_t *state = change_save(c);
    s->disk.snapshot = json_deep_copy(state);
    json_decref(state);
    s->disk.snapshot_at = c->control.seq;
}
