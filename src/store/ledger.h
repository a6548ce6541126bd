/* ledger.h: what one commit made durable, as a text that is chained like an event. Pure.
 *
 *   {"appends":[["HF-7",11,2],["HF-8",1,3]],"at":1707418800000,"digest":"...","ended":[["HF-3",41,"..."]],"n":57}
 *
 * `appends`: change, first event, how many, in the order in which they were committed. `digest`: SHA-256 of
 * the hashes of those events in a row. `ended`: change, its last event, that event's hash. The chain of
 * entries is named LEDGER_NAME; a signature of its last number and hash seals the whole record. */
#ifndef SB_STORE_LEDGER_H
#define SB_STORE_LEDGER_H

#include "base/buf.h"
#include "base/json.h"
#include "store/chain.h"

#define LEDGER_NAME "signalbox ledger"

/* --- writing ----------------------------------------------------------------------------------- */

/* An entry that is coming together: zeroed, then added to. */
struct entry {
    struct buf appends, ended, hashes;
    int64_t events;
};

void entry_append(struct entry *e, const char *change, int64_t first, int64_t n);
void entry_hash(struct entry *e, const char *hash); /* of each event appended, in order */
void entry_end(struct entry *e, const char *change, const struct chain *head);
bool entry_is_empty(const struct entry *e);
void entry_text(const struct entry *e, int64_t n, int64_t at, struct buf *out);
void entry_clear(struct entry *e); /* keeps the memory */
void entry_free(struct entry *e);
#define _cleanup_entry_ CLEANUP(entry_free)

/* --- reading ----------------------------------------------------------------------------------- */

/* The entry's object. SB_CORRUPT when it is not one of ours. New reference. */
json_t *entry_read(const char *text, size_t size, struct error *err);

struct entry_append {
    const char *change;
    int64_t first, n;
};
struct entry_ended {
    const char *change;
    int64_t last;
    const char *hash;
};
/* False when it is malformed. Borrowed from `item`. */
bool entry_append_read(const json_t *item, struct entry_append *out);
bool entry_ended_read(const json_t *item, struct entry_ended *out);

#endif
