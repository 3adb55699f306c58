/* What the passes of the scan share: chunks, pieces of them, rows in the caller's arrays. */
#ifndef ATTN_KERNEL_SCAN_CHUNK_H
#define ATTN_KERNEL_SCAN_CHUNK_H

#include "kernel/kernel.h"
#include "kernel/scan/scan_ops.h"

#include <math.h>

/* Rows that are worked on at once: the whole chunk, but fewer where heads of a group, or conversions, are to find them in the first cache. */
enum { ATTN_SCAN_SHORT_PIECE = 32 };
static inline int64_t attn_scan_piece_rows(const struct attn_shape *p) {
    return p->heads > p->kv_heads || attn_dtype_is_half(p->dtype) ? ATTN_SCAN_SHORT_PIECE : ATTN_SCAN_CHUNK;
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
bool attn_scan_chunk_of(const struct attn_exec *x, int64_t unit, int64_t chunk, struct attn_scan_piece *p);

/* The rows of a chunk from `first` on, at most `most`. */
static inline struct attn_scan_piece attn_scan_piece_of(const struct attn_scan_piece *chunk, int64_t first, int64_t most) {
    struct attn_scan_piece p = *chunk;
    p.n = attn_min64(most, chunk->n - first);
    p.row += first;
    p.q_row += first;
    return p;
}

/* Row `row` of query head h (key/value head h for k and v) of sequence b, of a float array. */
static inline const float *attn_scan_row(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const float *)a->data + b * a->b + h * a->h + row * a->t;
}
static inline float *attn_scan_row_out(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (float *)a->data + b * a->b + h * a->h + row * a->t;
}

/* Float rows of any array: where they lie, or, of 16-bit types, converted into `copy` (n padded rows), while the n rows `ahead` of them are
 * fetched. */
struct attn_scan_floats {
    const float *row;
    ptrdiff_t stride;
};
struct attn_scan_floats attn_scan_read(const struct attn_exec *x, const struct attn_array *a, int64_t b, int64_t h, int64_t row, int64_t n,
                                       int64_t width, int64_t ahead, float *copy);

/* n padded rows of `copy` to an array of a 16-bit type. */
void attn_scan_round(const struct attn_exec *x, const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, int64_t n, int64_t width,
                     bool add, const float *copy);

/* So many rows further on are fetched, of arrays that are read where they lie: from memory at about its latency times its bandwidth. */
enum { ATTN_SCAN_FORWARD_AHEAD = 6144, ATTN_SCAN_BACKWARD_AHEAD = 4096 };
int64_t attn_scan_ahead(const struct attn_array *a, int64_t width, int64_t bytes);

/* So many floats of output would not stay in cache anyway: they are written past it. */
static inline bool attn_scan_streams(int64_t floats) {
    return floats > (int64_t)(16 << 20) / (int64_t)sizeof(float);
}

/* The query of (b, h) times scale; pad columns 0. */
void attn_scan_query(const struct attn_exec *x, int64_t b, int32_t h, float *q);

/* The carry before a sequence: the state that was given, or nothing. o has pad columns. */
void attn_scan_begin(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_scan_carry *carry);

/* The carry behind a sequence, where it is wanted. */
void attn_scan_end(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_scan_carry *carry);

void attn_scan_store_lse(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, const float *lse, int64_t n);

#endif
