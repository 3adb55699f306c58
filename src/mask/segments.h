/* The canonical form of a static mask: rows cut into segments, every segment a sorted list of spans.
 *
 * A segment is a stretch of rows [begin, next begin). A span is an interval of keys [a, b) whose two bounds are each constant or
 * diagonal: at row x the bound is c + slope * x, slope 0 or 1. Invariants, at every row of the segment: a < b, and b < a of the
 * next span (touching spans are one span). So a document, a window or a block costs one span, however long it is, and Boolean
 * algebra costs time in pieces, never in rows. The same structure, with rows and keys exchanged, serves the columns.
 */
#ifndef ATTN_MASK_SEGMENTS_H
#define ATTN_MASK_SEGMENTS_H

#include "base/context.h"

/* Lengths are below ATTN_MASK_LEN, diagonals are cut to +-ATTN_FAR: no sum of three of them overflows. */
#define ATTN_MASK_LEN ((int64_t)1 << 60)
#define ATTN_FAR      ((int64_t)1 << 61)

/* Intervals a row that algebra may produce before the result is held as a tile map instead. */
enum { ATTN_MASK_INTERVALS = 256 };

/* Steps that compiling one mask may take in all, some nanoseconds each: lists of many overlapping pieces would else take time in the
 * square of their number without a word. */
enum { ATTN_MASK_STEPS = 1 << 28 };

struct attn_span {
    int64_t a, b;
    int32_t a_slope, b_slope;
    int64_t tile; /* -1; else keys [a, b) are given by the 64 x 64 bitmap of this number, whose first row is the segment's */
};

struct attn_segment {
    int64_t begin, first; /* first row; first span */
};

/* A finished list: segment[count] is a sentinel with the end of the rows and the number of spans. */
struct attn_side {
    int64_t count;
    const struct attn_segment *segment;
    const struct attn_span *span;
    const uint64_t *bits; /* bitmap t, key a + y: bit x of bits[t * 64 + y] is row begin + x */
};

/* A list that grows from its first row to its last. */
struct attn_segs {
    attn_ctx *ctx;
    struct attn_segment *segment;
    struct attn_span *span;
    int64_t count, capacity, spans, span_capacity;
    int64_t end;    /* rows so far end here */
    int64_t limit;  /* spans a segment may have; 0: any number */
    int64_t *steps; /* left, shared by all lists of one compilation */
    /* ATTN_ENOMEM; ATTN_EMASK: too many steps or spans; ATTN_EUNSUPPORTED: the limit was passed. Nothing is added then */
    attn_status status;
};

/* Truth tables of attn_segs_combine: bit 2 * in_a + in_b. Outside both it is always outside. */
enum { ATTN_TABLE_AND = 8, ATTN_TABLE_OR = 14, ATTN_TABLE_MINUS = 4 };

void attn_segs_init(struct attn_segs *s, attn_ctx *ctx, int64_t *steps);
void attn_segs_free(struct attn_segs *s);

/* Takes steps; false, and a status with its sentence, if that is more than are left. */
bool attn_segs_step(struct attn_segs *s, int64_t steps);

/* One segment by hand: open it at row `end`, push its spans in order, close it at row `next`, which joins it to the segment before
 * where both follow one law. */
void attn_segs_open(struct attn_segs *s);
void attn_segs_push(struct attn_segs *s, struct attn_span span);
void attn_segs_close(struct attn_segs *s, int64_t next);
/* Appends the segment [end, next) of the given spans. */
void attn_segs_append(struct attn_segs *s, int64_t next, const struct attn_span *spans, int64_t count);
/* Appends the rows [end, next) of one slice; [end, slice->q_begin) and what follows q_end stays empty. */
void attn_segs_append_slice(struct attn_segs *s, int64_t next, const attn_slice *slice);
/* Sets the sentinel and gives the list. */
attn_status attn_segs_finish(struct attn_segs *s, struct attn_side *side);

/* Appends rows [out->end, x1) of the combination of two finished lists; outside their rows they are empty. */
void attn_segs_combine(struct attn_segs *out, const struct attn_side *a, const struct attn_side *b, unsigned table, int64_t x1);

/* The union of slices as a list over rows [0, q_len). The array is sorted and changed. */
attn_status attn_segs_union(struct attn_segs *out, attn_slice *slices, int64_t count, int64_t q_len, int64_t k_len);
/* The same list with rows and keys exchanged; no bitmaps. */
attn_status attn_segs_transpose(struct attn_segs *out, const struct attn_side *side, int64_t k_len);

static inline int64_t attn_bound_at(int64_t c, int32_t slope, int64_t x) {
    return c + (slope ? x : 0);
}
static inline int64_t attn_clamp64(int64_t v, int64_t lo, int64_t hi) {
    return v < lo ? lo : v > hi ? hi : v;
}
/* a + b within +-ATTN_FAR. */
static inline int64_t attn_far_add(int64_t a, int64_t b) {
    return attn_clamp64(attn_clamp64(a, -ATTN_FAR, ATTN_FAR) + attn_clamp64(b, -ATTN_FAR, ATTN_FAR), -ATTN_FAR, ATTN_FAR);
}

/* The number of the segment that holds row x of the list's rows. */
int64_t attn_side_find(const struct attn_side *side, int64_t x);

#endif
