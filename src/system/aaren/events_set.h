/* Which events of a file, or of a process, are learned from, and which measure the model: training, validation and test. Sequences longer than a model takes
 * are cut in pieces; a piece begins with the event that the one before ended with, so that every event but the first is predicted once. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_SET_H
#define ATTN_SYSTEM_AAREN_EVENTS_SET_H

#include "io/events.h"

/* What is said of the row behind an event that a model has seen. */
enum attn_event_target {
    ATTN_EVENT_DENSITY,  /* it comes then: its time's density, and its mark */
    ATTN_EVENT_SURVIVAL, /* nothing has come until then */
    ATTN_EVENT_CENSORED  /* the same of an event that ends a sequence, whose mark counts none the less */
};

/* How the last event of a sequence counts that no row ends. */
enum attn_event_last {
    ATTN_LAST_SURVIVAL, /* as the end of the time that was watched */
    ATTN_LAST_CENSORED, /* the same, and its mark counts */
    ATTN_LAST_EVENT     /* as any other */
};

/* Rows first .. first + count - 1 of the events: count - 1 targets. */
struct attn_event_piece {
    int64_t first, count, sequence;
    bool last; /* the sequence ends here */
};

struct attn_event_part {
    const struct attn_events *events;
    struct attn_event_piece *piece;
    int64_t pieces, longest; /* longest: greatest count */
};

/* Adds the pieces of sequences [begin, end) with at least one target. */
attn_status attn_event_part_add(attn_ctx *ctx, const struct attn_events *events, int64_t begin, int64_t end, int64_t length,
                                struct attn_event_part *out);
void attn_event_part_free(attn_ctx *ctx, struct attn_event_part *part);

/* What the row at `index` of a piece's, from 1 on, is to the model. */
enum attn_event_target attn_event_target_of(const struct attn_event_part *part, const struct attn_event_piece *piece, int64_t index,
                                            enum attn_event_last last);

/* Three parts of one file. By order: pieces of the first 60%, the next 20%, the rest, of all sequences, or, where there is one alone, of its pieces; by
 * number: sequences whose name is a whole number n with n mod 10 of 0 to 7, 8, 9. */
enum { ATTN_EVENT_PARTS = 3 };
enum attn_event_split { ATTN_SPLIT_ORDER, ATTN_SPLIT_MOD10, ATTN_SPLIT_FILES };
attn_status attn_event_split(attn_ctx *ctx, const char *path, const struct attn_events *events, enum attn_event_split split, int64_t length,
                             struct attn_event_part out[ATTN_EVENT_PARTS]);

/* What is known of training's events: numbers for the model, and for what it is compared with. */
struct attn_event_facts {
    double unit;   /* by which times between events are divided: the geometric mean of those above 0 */
    double least;  /* the least time between events that is above 0, in the file's units: events at once count as so far apart */
    double mean;   /* of the time between events */
    double rate;   /* events a time */
    double *share; /* [marks]: of events, each counted once more, so that none is 0 */
    int32_t marks;
};
/* ATTN_EINVAL: no two events at different times. Freed by attn_event_facts_free. */
attn_status attn_event_facts_of(attn_ctx *ctx, const char *path, const struct attn_event_part *part, enum attn_event_last last,
                                struct attn_event_facts *out);
void attn_event_facts_free(attn_ctx *ctx, struct attn_event_facts *facts);

#endif
