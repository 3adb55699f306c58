/* What one head does with one chunk of rows, forward: scalars, then sums. */
#ifndef ATTN_KERNEL_SCAN_CHUNK_H
#define ATTN_KERNEL_SCAN_CHUNK_H

#include "kernel/kernel.h"
#include "kernel/scan/scan_ops.h"

#include <math.h>

/* Floats of struct attn_scan_rows. */
enum { ATTN_SCAN_ROWS = 8, ATTN_SCAN_ROW_FLOATS = ATTN_SCAN_ROWS * ATTN_SCAN_CHUNK };

static inline struct attn_scan_rows attn_scan_rows_in(float *memory) {
    float *at[ATTN_SCAN_ROWS];
    for (int i = 0; i < ATTN_SCAN_ROWS; i++) at[i] = memory + (ptrdiff_t)i * ATTN_SCAN_CHUNK;
    return (struct attn_scan_rows){at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]};
}

/* total += count * bytes, and where that passes memory's addresses, a size that nobody has. */
static inline void attn_scan_add_bytes(size_t *total, int64_t count, size_t bytes) {
    size_t n;
    if (!attn_mul_size((size_t)count, bytes, &n) || !attn_add_size(*total, n, total)) *total = SIZE_MAX / 64 * 64;
}

static inline int64_t attn_scan_pad(int64_t width) {
    return attn_div_up(width, ATTN_SCAN_LANES) * ATTN_SCAN_LANES;
}

/* The rows of one chunk of a unit (a sequence and key/value head). */
struct attn_scan_piece {
    int64_t b, n;  /* n: how many */
    int64_t row;   /* the first, of the token axis of k and v */
    int64_t q_row; /* of o and lse */
    int32_t g;
};

/* False: the unit has no such chunk. */
bool attn_scan_piece_of(const struct attn_exec *x, int64_t unit, int64_t chunk, struct attn_scan_piece *p);

/* m, keep, add and c from s, while the rows ahead are fetched. */
void attn_scan_prefix(const struct attn_scan_ops *ops, const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_ahead *ahead);

/* Row `row` of query head h (key/value head h for k and v) of sequence b. */
static inline const float *attn_scan_row(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const float *)a->data + b * a->b + h * a->h + row * a->t;
}
static inline float *attn_scan_row_out(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (float *)a->data + b * a->b + h * a->h + row * a->t;
}

/* The query of (b, h) times scale; pad columns 0. */
void attn_scan_query(const struct attn_exec *x, int64_t b, int32_t h, float *q);

/* The carry before a sequence: the state that was given, or nothing. o has pad columns. */
struct attn_scan_carry attn_scan_begin(const struct attn_exec *x, int64_t b, int32_t h, float *o);

void attn_scan_store_lse(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, const float *lse, int64_t n);

#endif
