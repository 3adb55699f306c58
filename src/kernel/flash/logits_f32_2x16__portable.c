/* Logits of 16 queries (lanes) with two keys at a time: eight accumulators of four lanes, which fit the registers of every target. See
 * logits_f32_24x16__avx512.c for the two forms.
 */
#include "kernel/flash/micro__portable.h"
#include "kernel/flash/vector__portable.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void block(const int rows, const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t d, const float *start,
                  float *s, float *tally) {
    attn_v4 acc[2][ATTN_V4_LANES];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < ATTN_V4_LANES; v++) acc[r][v] = attn_v4_load(start + v * ATTN_V4);
    for (int64_t c = 0; c < d; c++)
        for (int r = 0; r < rows; r++) {
            attn_v4 x = attn_v4_set(k[r * stride + c]);
            for (int v = 0; v < ATTN_V4_LANES; v++) acc[r][v] += x * attn_v4_load(q + c * LANES + v * ATTN_V4);
        }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < ATTN_V4_LANES; v++) {
            attn_v4 y = exps ? attn_v4_exp2(acc[r][v]) : acc[r][v], t = attn_v4_load(tally + v * ATTN_V4);
            attn_v4_store(tally + v * ATTN_V4, exps ? t + y : attn_v4_max(y, t));
            attn_v4_store(s + r * LANES + v * ATTN_V4, y);
        }
}

INLINE void run(const bool exps, const float *q, const float *k, ptrdiff_t stride, int64_t n, int64_t d, const float *start, float *s,
                float *tally) {
    int64_t j = 0;
    for (; j + 2 <= n; j += 2) block(2, exps, q, k + j * stride, stride, d, start, s + j * LANES, tally);
    if (j < n) block(1, exps, q, k + j * stride, stride, d, start, s + j * LANES, tally);
}

void attn_logits_f32_2x16__portable(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, float *s,
                                    float *max, struct attn_ahead ahead) {
    (void)ahead;
    run(false, q, k, k_stride, n, d, start, s, max);
}

void attn_logits_exp_f32_2x16__portable(const void *q, const void *k, ptrdiff_t k_stride, int64_t n, int64_t d, const float *start, void *p,
                                        float *sum, struct attn_ahead ahead) {
    (void)ahead;
    run(true, q, k, k_stride, n, d, start, p, sum);
}
