/* What the files of the scan's backward pass share. */
#ifndef ATTN_KERNEL_SCAN_BACKWARD_PARTS_H
#define ATTN_KERNEL_SCAN_BACKWARD_PARTS_H

#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

/* What lies to the right of a chunk: the sums G and D at its first row, relative to that row's l. Nothing: lse = +inf, d = 0, G = 0. */
struct attn_scan_right {
    float lse, d;
};

struct attn_scan_back {
    const struct attn_exec *x;
    const struct attn_scan_ops *ops;
    int32_t group;             /* query heads of a key/value head */
    int64_t q, v;              /* padded widths */
    int64_t span;              /* chunks of a unit in flight; 0: one pass */
    int64_t chunks;            /* of the longest sequence */
    int64_t step;              /* the span that the first pass is at */
    int64_t part;              /* sequences of a part */
    size_t worker, head, slot; /* bytes: of a worker, of a head, of a head's chunk in flight */
    char *workers, *heads, *slots;
    double *sums; /* dq of [part, H, D] */
};

/* A head of a unit: its query times scale, what lies to the right of the chunk (g, right), the chunk's own sum and share of dq, dq of the
 * sequence. */
struct attn_scan_back_head {
    float *q, *g, *w, *dq;
    struct attn_scan_right *right;
    double *sum;
};

/* A chunk in flight. */
struct attn_scan_back_slot {
    float *w, *g, *dq;
    struct attn_scan_right *own, *right;
};

/* dv, dk and head->dq of a chunk; then head->g and right are those of the chunk before. */
void attn_scan_back_chunk(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                          const struct attn_scan_back_head *head, float *memory);

/* The same in two passes: the chunk's own sums, then, with slot->g and right known, its gradients. */
void attn_scan_back_first_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                               const struct attn_scan_back_slot *slot, float *memory);
void attn_scan_back_second_pass(const struct attn_scan_back *f, const struct attn_scan_piece *p, int32_t r_head,
                                const struct attn_scan_back_head *head, const struct attn_scan_back_slot *slot, float *memory);

/* What lies to the right of the chunk before, from a chunk's own sums and what lay to its right. */
void attn_scan_back_carry(const struct attn_scan_back *f, const struct attn_scan_right *own, const float *w, struct attn_scan_right *right,
                          float *g);

#endif
