/* The microkernels of the scan schedule: what each instruction set provides. Rows are tokens; a chunk has at most ATTN_SCAN_CHUNK of them.
 *
 * Arrays of scalars (one a row) are aligned to 64 bytes and have room for whole vectors of 16: lanes behind the last row may be read and
 * written, and hold anything. Vectors w, before, right of one head have room for columns rounded up to 16, and hold 0 there. Rows of the
 * caller's arrays are never touched past their end. A lane's bits depend on its own row (and the rows it sums) alone, not on where in the
 * call it lies: a chunk computed in one piece and row by row comes out the same.
 */
#ifndef ATTN_KERNEL_SCAN_SCAN_OPS_H
#define ATTN_KERNEL_SCAN_SCAN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATTN_SCAN_CHUNK = 256, ATTN_SCAN_LANES = 16 };

/* Scalars of the rows of a chunk, forward (Feng et al. 2024, sec. 3.2, with the state of the chunks before joined at the end):
 *   m_i = max(m_{i-1}, s_i), from -inf      keep_i = exp(m_{i-1} - m_i)      add_i = exp(s_i - m_i)      c_i = keep_i c_{i-1} + add_i
 *   O_i = before_i O_before + own_i w_i, where w_i = keep_i w_{i-1} + add_i v_i.  All of keep, add, before and own c lie in [0, 1]. */
struct attn_scan_rows {
    float *s, *m, *keep, *add, *c, *before, *own, *lse;
};

/* What lies before a row, normalised: O = o, LSE = m + log c. Nothing: m = -inf, c = 0. */
struct attn_scan_carry {
    float m, c;
};

/* Rows that will be read soon: row i is fetched into the second-level cache while row i of a call is computed. width 0: none. */
struct attn_scan_ahead {
    const float *row;
    ptrdiff_t stride;
    int64_t width;
};

static inline void attn_scan_fetch(const struct attn_scan_ahead *ahead, int64_t i) {
#if defined(__GNUC__)
    for (int64_t c = 0; c < ahead->width; c += 16) __builtin_prefetch(ahead->row + i * ahead->stride + c, 0, 2);
#else
    (void)ahead, (void)i;
#endif
}

struct attn_scan_ops {
    /* x_i = exp(x_i) for n rows; -inf gives 0, NaN NaN. x <= 0 or a little above. */
    void (*exps)(float *x, int64_t n);

    /* out_i = a_i . b_i, rows a_stride and b_stride apart (0: one row for all). */
    void (*dots)(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, int64_t n, int64_t d, float *out);

    /* before, own, lse from m, c and the carry: with M = max(carry.m, m), x = exp(carry.m - M) carry.c, y = exp(m - M), d = x + y c:
     * before = x / d, own = y / d, lse = M + log d; where d = 0: 0, 0, -inf. *carry becomes that of the last row. */
    void (*join)(const struct attn_scan_rows *rows, int64_t n, struct attn_scan_carry *carry);

    /* w = keep_i w + add_i v_i over the rows in order, from w = 0. */
    void (*sum)(const struct attn_scan_rows *rows, int64_t n, const float *v, ptrdiff_t v_stride, int64_t e, float *w);

    /* The same, and o_i = before_i before + own_i w_i. stream: o will not be read soon. `ahead`: as many rows, fetched meanwhile. */
    void (*emit)(const struct attn_scan_rows *rows, int64_t n, const float *v, ptrdiff_t v_stride, int64_t e, const float *before, float *w,
                 float *o, ptrdiff_t o_stride, bool stream, const struct attn_scan_ahead *ahead);

    /* o = x o + y w, as emit computes it. */
    void (*carry)(float x, float y, const float *w, int64_t e, float *o);

    /* Backward, from the last row to the first. w = keep_i w + g_i, from w = 0. */
    void (*back_sum)(const float *keep, int64_t n, const float *g, ptrdiff_t g_stride, int64_t e, float *w);

    /* The same, and with G = w + far_i right: dv_i = p_i G (or += where add), dot_i = G . v_i. */
    void (*back_values)(const float *keep, const float *far, const float *p, int64_t n, const float *g, ptrdiff_t g_stride, const float *v,
                        ptrdiff_t v_stride, int64_t e, const float *right, float *w, float *dv, ptrdiff_t dv_stride, bool add, float *dot);

    /* dk_i = ds_i q (or += where add), dq += sum of ds_i k_i. */
    void (*back_keys)(const float *ds, int64_t n, const float *q, const float *k, ptrdiff_t k_stride, int64_t d, float *dk,
                      ptrdiff_t dk_stride, bool add, float *dq);
};

#endif
