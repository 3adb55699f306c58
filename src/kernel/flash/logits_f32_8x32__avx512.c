/* Logits of 32 queries (two vectors of lanes) with keys, 8 at a time: 16 accumulators, two query vectors and 8 broadcasts a column. Each
 * broadcast serves two multiply-adds, so that cores which start two of them a cycle are not held up by their two loads a cycle, as with
 * 16 queries (logits_f32_24x16__avx512.c, where the two forms are explained). Eight columns a turn of the loop: few enough turns that the
 * branch predictor learns where they end.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512.h"

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 8, VECTORS = 2, LANES = 32, UNROLL = 8, AHEAD = ATTN_WIDE_AHEAD_ROWS / (ATTN_KEY_STEP / ROWS) };

INLINE void dot_column(const int rows, __m512 acc[ROWS][VECTORS], const float *q, const float *k, ptrdiff_t stride) {
    __m512 x = _mm512_load_ps(q), y = _mm512_load_ps(q + 16);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        __m512 b = _mm512_set1_ps(k[r * stride]);
        acc[r][0] = _mm512_fmadd_ps(b, x, acc[r][0]);
        acc[r][1] = _mm512_fmadd_ps(b, y, acc[r][1]);
    }
}

/* tally: the maximum of the logits, or the sum of the weights. */
INLINE void block(const int rows, const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t d, const __m512 start[VECTORS],
                  float *s, __m512 tally[VECTORS], struct attn_next_rows ahead) {
    __m512 acc[ROWS][VECTORS];
    const char *fetch = ahead.row;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++) acc[r][v] = start[v];
    int64_t c = 0;
    for (; c + UNROLL <= d; c += UNROLL) {
        /* two rows: a line of each with every 16 columns */
        if (rows == ROWS) _mm_prefetch(fetch + (c / UNROLL % AHEAD) * ahead.stride + c / 16 * 64, _MM_HINT_T1);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) dot_column(rows, acc, q + (c + u) * LANES, k + c + u, stride);
    }
    for (; c < d; c++) dot_column(rows, acc, q + c * LANES, k + c, stride);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) {
            __m512 y = exps ? attn_exp2_ps(acc[r][v]) : acc[r][v];
            tally[v] = exps ? _mm512_add_ps(tally[v], y) : _mm512_max_ps(y, tally[v]);
            _mm512_store_ps(s + r * LANES + v * 16, y);
        }
}

INLINE void run(const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t n, int64_t d, const float *start, float *s,
                float *tally, struct attn_next_rows ahead) {
    __m512 t[VECTORS] = {_mm512_loadu_ps(tally), _mm512_loadu_ps(tally + 16)};
    const __m512 from[VECTORS] = {_mm512_loadu_ps(start), _mm512_loadu_ps(start + 16)};
    int64_t j = 0;
    for (; j + ROWS <= n; j += ROWS) {
        block(ROWS, exps, q, k + j * stride, stride, d, from, s + j * LANES, t, ahead);
        ahead.row = (const char *)ahead.row + AHEAD * ahead.stride;
    }
    struct attn_next_rows none = {q, 0};
    if (j + 4 <= n) {
        block(4, exps, q, k + j * stride, stride, d, from, s + j * LANES, t, none);
        j += 4;
    }
    for (; j < n; j++) block(1, exps, q, k + j * stride, stride, d, from, s + j * LANES, t, none);
    _mm512_storeu_ps(tally, t[0]);
    _mm512_storeu_ps(tally + 16, t[1]);
}

void attn_logits_f32_8x32__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                  float *max, struct attn_next_rows ahead) {
    run(false, q, k, k_stride, n, d, start, s, max, ahead);
}

void attn_logits_exp_f32_8x32__avx512(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                      float *sum, struct attn_next_rows ahead) {
    run(true, q, k, k_stride, n, d, start, p, sum, ahead);
}
