/* The microkernels of the scan schedule: what each instruction set provides. Rows are tokens; a chunk has at most ATTN_SCAN_CHUNK of them.
 *
 * A call takes rows of one chunk for one head, in order, and may be one of several that take the chunk's rows one after the other: all but
 * the last of these have a multiple of ATTN_SCAN_LANES rows. Arrays of scalars (one a row) are aligned to 64 bytes and have room for whole
 * vectors of 16: what lies behind the last row may be read and written, and hold anything. Vectors of one head (q, w, o of a carry, ...)
 * have room for columns rounded up to 16, and hold 0 there. Rows of the caller's arrays are never touched past their end; what lies
 * `ahead` is fetched, which does no harm anywhere. A row's bits depend on the rows before it (backward: behind it) alone.
 */
#ifndef ATTN_KERNEL_SCAN_SCAN_OPS_H
#define ATTN_KERNEL_SCAN_SCAN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATTN_SCAN_CHUNK = 256, ATTN_SCAN_LANES = 16 };

/* The recurrence over the rows of a chunk so far, from nothing (Feng et al. 2024, sec. 3.2):
 *   m_i = max(m_{i-1}, s_i), from -inf      keep_i = exp(m_{i-1} - m_i)      add_i = exp(s_i - m_i)
 *   c_i = keep_i c_{i-1} + add_i            w_i = keep_i w_{i-1} + add_i v_i,      both from 0 */
struct attn_scan_sums {
    float *m, *c, *w; /* one number, one number, a row */
};

/* What lies before a chunk, normalised: O = o, LSE = m + log c. Nothing: m = -inf, c = 0, o = 0. With a chunk's own sums
 *   M = max(carry.m, m_i), x = exp(carry.m - M) carry.c, y = exp(m_i - M), total = x + y c_i,   before_i = x / total, own_i = y / total
 *   O_i = before_i o + own_i w_i, LSE_i = M + log total; where total = 0: before_i = own_i = 0, LSE_i = -inf.
 * All of keep, add, before and own c lie in [0, 1]. */
struct attn_scan_carry {
    float *m, *c, *o;
};

/* Rows of one chunk for one head. */
struct attn_scan_rows {
    const float *q; /* the query times scale */
    const float *k, *v;
    ptrdiff_t k_stride, v_stride, o_stride;
    int64_t d, e;
    int64_t k_ahead, v_ahead; /* so many rows further on, rows are fetched */
    float *s;                 /* scores: written by sum, read by emit where it is `scored` */
    float *o, *lse;
    bool scored, stream; /* stream: o will not be read soon */
};

/* Backward goes from the last row to the first (scan/backward.c). The recurrence over the rows of a chunk so far, from nothing:
 *   keep_i = exp(l_i - l_{i+1})      w_i = keep_i w_{i+1} + g_i      d_i = keep_i d_{i+1} + delta_i,      keep of the last row 0
 * lse: l of the first of them; +inf where there is none yet. */
struct attn_scan_back_sums {
    float *lse, *d, *w;
};

/* What lies to the right of a chunk: G and D at the first row there, relative to that row's l. Nothing: lse = +inf, d = 0, g = 0. */
struct attn_scan_right {
    float *lse, *d, *g;
};

struct attn_scan_back_rows {
    const float *q; /* the query times scale */
    const float *k, *v, *g, *o;
    ptrdiff_t k_stride, v_stride, g_stride, o_stride, dk_stride, dv_stride;
    int64_t d, e;
    int64_t k_ahead, v_ahead, g_ahead, o_ahead; /* so many rows further to the left, rows are fetched */
    const float *lse, *d_lse;                   /* one a row, lse above -inf; d_lse NULL: 0 */
    float *dk, *dv, *dq;
    bool add_k, add_v, stream; /* dk, dv: += instead of =; stream: they will not be read soon */
};

struct attn_scan_ops {
    /* own goes on over n rows; s. */
    void (*sum)(const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_sums *own);

    /* The same with o and lse, to the bit. */
    void (*emit)(const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_sums *own, const struct attn_scan_carry *before);

    /* Both for n rows each: `in` and in_own of a chunk that comes from memory, `out`, own and before of one that is in cache and `scored`;
     * to the bit as by one after the other. */
    void (*sum_and_emit)(const struct attn_scan_rows *in, const struct attn_scan_sums *in_own, const struct attn_scan_rows *out,
                         const struct attn_scan_sums *own, const struct attn_scan_carry *before, int64_t n);

    /* What lies before the next chunk. */
    void (*join)(const struct attn_scan_sums *own, int64_t e, const struct attn_scan_carry *carry);

    /* own goes on over n rows. */
    void (*back_sum)(const struct attn_scan_back_rows *rows, int64_t n, const struct attn_scan_back_sums *own);

    /* The same, to the bit, and with G = w + far_i right.g, D = d + far_i right.d, far_i = exp(l_i - right.lse), p_i = exp(s_i - l_i):
     * dv_i = p_i G, ds_i = p_i (G . v_i - D), dk_i = ds_i q, dq += sum of ds_i k_i. */
    void (*back)(const struct attn_scan_back_rows *rows, int64_t n, const struct attn_scan_back_sums *own,
                 const struct attn_scan_right *right);

    /* What lies to the right of the chunk before. */
    void (*back_join)(const struct attn_scan_back_sums *own, int64_t e, const struct attn_scan_right *right);

    /* After the last emit or back of a task: what went past the cache is in memory. */
    void (*fence)(void);
};

#endif
