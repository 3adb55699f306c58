/* Logits of 16 queries (lanes) with keys, 24 at a time: 24 accumulators, one query vector and 24 broadcast multiply-adds a column. Keys
 * are read in place, at any row stride. Two forms: the logits themselves with their maximum, and, when a maximum m is known to be good
 * enough, the weights 2^(s - m) at once, so that the exponential overlaps the next keys' multiply-adds. The accumulators start at -m: that
 * costs nothing. The fewer instructions after the products the better the overlap: no maximum is taken beside the exponential.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

/* acc[r] += sum over d columns; rows are k + r * stride. */
INLINE void dot_rows(const int rows, __m512 *acc, const float *q, const float *k, ptrdiff_t stride, int64_t d, struct attn_next_rows ahead) {
    const float *k8 = k + 8 * stride, *k16 = k + 16 * stride;
    const char *fetch = ahead.row;
    for (int64_t c = 0; c < d; c++) {
        __m512 x = _mm512_load_ps(q + c * LANES);
        if (rows == 24 && c % 4 == 0) _mm_prefetch(fetch + (c / 4 % ATTN_AHEAD_ROWS) * ahead.stride + c / 16 * 64, _MM_HINT_T1);
#pragma GCC unroll 24
        for (int r = 0; r < rows; r++) {
            const float *base = r < 8 ? k : r < 16 ? k8 : k16;
            acc[r] = _mm512_fmadd_ps(_mm512_set1_ps(base[(r & 7) * stride + c]), x, acc[r]);
        }
    }
}

/* tally: the maximum of the logits, or the sum of the weights. */
INLINE void block(const int rows, const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t d, __m512 start, float *s,
                  __m512 *tally, struct attn_next_rows ahead) {
    __m512 acc[ATTN_KEY_STEP];
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) acc[r] = start;
    dot_rows(rows, acc, q, k, stride, d, ahead);
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) {
        __m512 y = exps ? attn_exp2_ps(acc[r]) : acc[r];
        *tally = exps ? _mm512_add_ps(*tally, y) : _mm512_max_ps(y, *tally);
        _mm512_store_ps(s + r * LANES, y);
    }
}

INLINE void run(const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t n, int64_t d, const float *start, float *s,
                float *tally, struct attn_next_rows ahead) {
    __m512 t = _mm512_loadu_ps(tally), from = _mm512_loadu_ps(start);
    int64_t j = 0;
    for (; j + ATTN_KEY_STEP <= n; j += ATTN_KEY_STEP) {
        block(ATTN_KEY_STEP, exps, q, k + j * stride, stride, d, from, s + j * LANES, &t, ahead);
        ahead.row = (const char *)ahead.row + ATTN_AHEAD_ROWS * ahead.stride;
    }
    struct attn_next_rows none = {q, 0};
    for (; j + 8 <= n; j += 8) block(8, exps, q, k + j * stride, stride, d, from, s + j * LANES, &t, none);
    for (; j + 4 <= n; j += 4) block(4, exps, q, k + j * stride, stride, d, from, s + j * LANES, &t, none);
    for (; j < n; j++) block(1, exps, q, k + j * stride, stride, d, from, s + j * LANES, &t, none);
    _mm512_storeu_ps(tally, t);
}

void attn_logits_f32_24x16__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                   float *max, struct attn_next_rows ahead) {
    run(false, q, k, k_stride, n, d, start, s, max, ahead);
}

void attn_logits_exp_f32_24x16__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                       float *sum, struct attn_next_rows ahead) {
    run(true, q, k, k_stride, n, d, start, p, sum, ahead);
}
