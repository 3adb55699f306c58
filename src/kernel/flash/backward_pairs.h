/* The backward pass on pairs of bfloat16: the table of its microkernels.
 *
 * One 32-bit word holds two neighbours along the axis that a product sums over, the first in the low half; a missing second one is 0.
 * Logits and dO.v sum over columns: rows of queries are read as they lie, K^T and V^T are packed [column / 2][ATTN_PANEL]. dV and dK sum over
 * queries: P, dS, dO and Q are kept [query / 2][...]. dQ sums over keys: dS is kept a second time, as rows of bfloat16, and K as
 * [key / 2][column]. The sums are float32.
 */
#ifndef ATTN_KERNEL_FLASH_BACKWARD_PAIRS_H
#define ATTN_KERNEL_FLASH_BACKWARD_PAIRS_H

#include "kernel/flash/backward_ops.h"

/* P and dS of query rows with one panel of keys, for an even first row:
 *   P = 2^(p_factor q.k + start_p + start_rest),  dS = P (ds_factor dO.v + start_ds), both 0 where the word's bit is clear. */
struct attn_pair_scores {
    int rows, dim, v_dim;
    const uint16_t *q, *d_o; /* rows, elements apart; of an odd size: followed by a 0 */
    int64_t q_stride, do_stride;
    const uint32_t *kt, *vt; /* [(dim + 1) / 2][ATTN_PANEL] */
    float p_factor, ds_factor;
    const float *start_p, *start_rest, *start_ds; /* [rows] */
    const uint32_t *words;                        /* [rows]; NULL: all lanes are wanted */
    uint32_t *p, *ds;                             /* [(rows + 1) / 2][ATTN_PANEL], pair_stride words apart */
    int64_t pair_stride;
    uint16_t *ds_rows; /* [rows][ATTN_PANEL], row_stride elements apart */
    int64_t row_stride;
    struct attn_panel_product next[2]; /* next, next_stride, next_rows and next_lines of these alone */
};

struct attn_flash_pair_ops {
    void (*scores)(const struct attn_pair_scores *t);
    /* As in attn_flash_backward_ops, on words: depth counts pairs. */
    void (*by_keys)(const struct attn_tile_product *t);
    void (*by_queries)(const struct attn_tile_product *t);
    /* panel[c / 2][l] = (x[l][c], x[l][c + 1]) for l < keys, 0 for the other lanes. */
    void (*pack_columns)(const uint16_t *x, int64_t stride, int keys, int dim, uint32_t *panel);
    /* pairs[r / 2][c] = (x[r][c], x[r + 1][c]), columns dim to pad are 0. */
    void (*pack_rows)(const uint16_t *x, int64_t stride, int rows, int dim, int pad, uint32_t *pairs);
    /* No element is NaN or infinite. */
    bool (*finite)(const uint16_t *x, int64_t stride, int rows, int dim);
};

#if defined(ATTN_HAVE_AVX512_BF16)
extern const struct attn_flash_pair_ops attn_flash_pair_ops__avx512_bf16;
#endif

#endif
