/* What the files of the scan's backward pass share. */
#ifndef ATTN_KERNEL_SCAN_BACKWARD_PARTS_H
#define ATTN_KERNEL_SCAN_BACKWARD_PARTS_H

#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

struct attn_scan_back {
    const struct attn_exec *x;
    const struct attn_scan_ops *ops;
    int32_t group;             /* query heads of a key/value head */
    int64_t q, v;              /* padded widths */
    int64_t piece;             /* rows */
    int64_t span, shares;      /* chunks of a unit in flight (0: one pass), and in how many tasks they are computed */
    int64_t chunks;            /* of the longest sequence */
    int64_t step;              /* the span that the first pass is at */
    int64_t part;              /* sequences of a part */
    size_t worker, head, slot; /* bytes: of a worker, of a head, of a head's chunk in flight */
    char *workers, *heads, *slots;
    double *sums; /* dq of [part, H, D] */
    bool stream;
};

/* One head of a chunk: the query times scale, what lies to the right of the chunk, its own sums, its share of dq. */
struct attn_scan_back_state {
    float *q;
    struct attn_scan_right right;
    struct attn_scan_back_sums own;
    float *dq;
};

/* Floats of a state without its query. */
static inline int64_t attn_scan_back_state_floats(const struct attn_scan_back *f) {
    return ATTN_SCAN_LANES + 2 * f->v + f->q;
}
static inline struct attn_scan_back_state attn_scan_back_state_at(const struct attn_scan_back *f, float *q, float *at) {
    float *g = at + ATTN_SCAN_LANES;
    return (struct attn_scan_back_state){q, {at, at + 1, g}, {at + 2, at + 3, g + f->v}, g + 2 * f->v};
}

/* The heads of a group, whose queries and states lie at regular distances. */
struct attn_scan_back_group {
    float *q, *state;
    int64_t q_step, step;
};
static inline struct attn_scan_back_state attn_scan_back_head(const struct attn_scan_back *f, const struct attn_scan_back_group *group,
                                                              int32_t r) {
    return attn_scan_back_state_at(f, group->q + r * group->q_step, group->state + r * group->step);
}

/* Floats of a worker's memory for a piece. */
int64_t attn_scan_back_worker_floats(const struct attn_scan_back *f, const struct attn_shape *p);

/* A chunk's own sums and dq begin at nothing. */
void attn_scan_back_clear(const struct attn_scan_back *f, const struct attn_scan_back_state *state);

/* The rows of a piece, the last piece of a chunk first: own goes on, for each head of the group. */
void attn_scan_back_first_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, const struct attn_scan_back_group *group,
                               float *memory);

/* The same, and with `right` known, dv, dk and dq. In one pass this is all there is. */
void attn_scan_back_second_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, const struct attn_scan_back_group *group,
                                float *memory);

#endif
