/* The state of one head of a stream, and what a token does to it; see attn_stream.h. Plain C: the same on every instruction set. */
#ifndef ATTN_KERNEL_SCAN_CELL_H
#define ATTN_KERNEL_SCAN_CELL_H

#include <stdint.h>

/* No tokens: m = -inf, c = 0, o = 0. */
struct attn_cell {
    double *m, *c, *o; /* one number, one number, `width` of them */
    int64_t width;
};

void attn_cell_clear(const struct attn_cell *cell);

/* The score in float: q is scaled, and has room for whole groups of 16, 0 behind its end. */
float attn_cell_score(const float *q, const float *k, int64_t dim);

void attn_cell_push(const struct attn_cell *cell, float score, const float *v);

/* Takes all that `from` has seen. */
void attn_cell_merge(const struct attn_cell *cell, const struct attn_cell *from);

/* LSE. */
double attn_cell_lse(const struct attn_cell *cell);

#endif
