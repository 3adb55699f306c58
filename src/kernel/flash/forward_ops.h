/* The microkernels of the flash forward pass, one table an instruction set.
 *
 * The lanes are QUERIES: a panel of `lanes` queries (16 or 32) is held as q[c][lanes], its logits as s[j][lanes], its output as
 * o[c][lanes]. Maximum, sum and rescaling are then lane-wise: there is no horizontal reduction, and keys and values are read as
 * scalars to broadcast, straight from their rows. Logits are in units of log2: scale * log2(e) is folded into q.
 *
 * Two kinds of kernels share the loops. Plain ones keep panels in float. Paired ones multiply and add pairs of 16-bit floats at once: q holds
 * pairs of columns, q[c / 2][lanes], weights and packed values pairs of keys, p[j / 2][lanes] and v[c / 16][j / 2][16]; what is missing of a
 * last pair is 0. Their q panel ends with one more row, the factor of each lane's logits, which 16 bits could not hold.
 */
#ifndef ATTN_KERNEL_FLASH_FORWARD_OPS_H
#define ATTN_KERNEL_FLASH_FORWARD_OPS_H

#include "kernel/kernel.h"

enum {
    ATTN_MIN_LANES = 16, /* queries of a panel */
    ATTN_MAX_LANES = 32, /* bits of a mask's word */
    ATTN_KEY_TILE = 240, /* keys whose logits are held at once, at most: 16 KiB with 16 lanes */
    ATTN_KEY_STEP = 24   /* the logits kernels are fastest at multiples of so many keys */
};

/* Rows to fetch into the cache while computing; stride 0: nothing to do. */
struct attn_next_rows {
    const void *row;
    ptrdiff_t stride; /* bytes */
};

struct attn_flash_forward_ops {
    attn_dtype rows; /* the type of the rows that these kernels read and write: k, v, q, o */
    bool paired;
    int lanes;      /* queries of a panel, R below */
    int ahead_rows; /* rows of `ahead` that the logits kernels fetch with every ATTN_KEY_STEP keys; 0: none */
    /* s[j][r] = start[r] + sum_c q[c][r] * k_j[c] for n keys, k_j = k + j * k_stride; max[r] = max(max[r], s[j][r]). */
    void (*logits)(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s, float *max,
                   struct attn_next_rows ahead);
    /* p[j][r] = 2^(start[r] + sum_c q[c][r] * k_j[c]), sum[r] += p[j][r]. The bits are those of `logits` followed by `weights` with
     * m = 0. */
    void (*logits_exp)(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p, float *sum,
                       struct attn_next_rows ahead);
    /* max[r] = max over j with bit r of words[j] of s[j][r] and max[r]. words NULL: all. */
    void (*max)(const float *s, const uint32_t *words, int64_t n, float *max);
    /* p[j][r] = 2^(s[j][r] - m[r]), 0 where bit r of words[j] is not set (words NULL: all are); sum[r] += p[j][r], in the
     * order of the keys. Plain kernels: p may be s. */
    void (*weights)(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum);
    /* o[c][r] = alpha[r] * o[c][r] + sum_j p[j][r] * v[c / 16][j][c % 16]; alpha NULL: 1. v is packed with v_rows keys a panel; e is
     * a multiple of 4. words not NULL: pairs whose bit is not set are not multiplied. */
    void (*values)(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e, const float *alpha, float *o);
    /* q[c][r] = factor * row_r[c] for r < n, 0 for the other lanes. */
    void (*pack_queries)(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q);
    /* v[c / 16][j][c % 16] = row_j[c], columns e to the next multiple of 16 are 0. Returns whether all are finite. */
    bool (*pack_values)(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v);
    /* row_r[c] = scale[r] * o[c][r] for r < n; keep not NULL: + keep[r] * row_r[c] as it is there (where keep[r] is 0, it is not read). */
    void (*store_rows)(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row, ptrdiff_t stride);
    /* The same into rows of floats. */
    void (*store_floats)(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row, ptrdiff_t stride);
    /* s[j][r] = cap * tanh(s[j][r] / cap). */
    void (*softcap)(float *s, int64_t n, float cap);
};

/* Bytes of an element of rows. */
static inline size_t attn_flash_row_element(const struct attn_flash_forward_ops *ops) {
    return ops->rows == ATTN_F32 ? sizeof(float) : sizeof(uint16_t);
}

/* 32-bit words of a panel of queries, of n keys' weights, of n keys' packed values in `columns` columns. */
static inline int64_t attn_flash_query_words(const struct attn_flash_forward_ops *ops, int64_t d) {
    return ops->lanes * (ops->paired ? (d + 1) / 2 + 1 : d);
}
static inline int64_t attn_flash_key_words(const struct attn_flash_forward_ops *ops, int64_t n, int64_t columns) {
    return columns * (ops->paired ? n / 2 : n);
}

extern const struct attn_flash_forward_ops attn_flash_forward_ops__portable;
#if defined(ATTN_HAVE_NEON)
extern const struct attn_flash_forward_ops attn_flash_forward_ops__neon;
#endif
#if defined(ATTN_HAVE_AVX2)
extern const struct attn_flash_forward_ops attn_flash_forward_ops__avx2;
#endif

void attn_flash_forward(const struct attn_exec *x, const struct attn_flash_forward_ops *ops);
size_t attn_flash_forward_workspace(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops);
int64_t attn_flash_forward_chunk_rows(const struct attn_shape *shape); /* queries of a unit of work */

#endif
