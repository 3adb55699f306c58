/* Weighted sum of values: o[c][32 queries] += s[j][32 queries] * v_j[c], 8 columns at a time: 16 accumulators, two vectors of weights and
 * 8 broadcasts a key, each for two multiply-adds (see logits_f32_8x32__avx512.c). The values are packed, 16 columns of a key on one cache
 * line.
 */
#include "kernel/flash/micro__avx512.h"

#define INLINE static inline __attribute__((always_inline))

enum { COLUMNS = 8, LANES = 32 };

INLINE void block(const int columns, const bool masked, const float *s, const uint32_t *words, int64_t n, const float *v,
                  const float *alpha, float *o) {
    __m512 acc[COLUMNS][2];
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 a[2] = {alpha ? _mm512_loadu_ps(alpha) : one, alpha ? _mm512_loadu_ps(alpha + 16) : one};
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
        for (int h = 0; h < 2; h++) acc[c][h] = _mm512_mul_ps(_mm512_load_ps(o + c * LANES + 16 * h), a[h]);
    for (int64_t j = 0; j < n; j++) {
        const __m512 w[2] = {_mm512_load_ps(s + j * LANES), _mm512_load_ps(s + j * LANES + 16)};
        const uint32_t lanes = masked ? words[j] : UINT32_MAX;
#pragma GCC unroll 8
        for (int c = 0; c < columns; c++) {
            const __m512 x = _mm512_set1_ps(v[j * 16 + c]);
            for (int h = 0; h < 2; h++)
                acc[c][h] =
                    masked ? _mm512_mask3_fmadd_ps(x, w[h], acc[c][h], (__mmask16)(lanes >> 16 * h)) : _mm512_fmadd_ps(x, w[h], acc[c][h]);
        }
    }
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
        for (int h = 0; h < 2; h++) _mm512_store_ps(o + c * LANES + 16 * h, acc[c][h]);
}

INLINE void all(const bool masked, const float *s, const uint32_t *words, int64_t n, const float *v, int64_t v_rows, int64_t e,
                const float *alpha, float *o) {
    for (int64_t c = 0; c < e; c += COLUMNS) {
        const float *panel = v + c / 16 * 16 * v_rows + c % 16;
        if (e - c >= COLUMNS)
            block(COLUMNS, masked, s, words, n, panel, alpha, o + c * LANES);
        else
            block(4, masked, s, words, n, panel, alpha, o + c * LANES);
    }
}

void attn_values_f32_8x32__avx512(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                  const float *alpha, float *o) {
    if (words)
        all(true, p, words, n, v, v_rows, e, alpha, o);
    else
        all(false, p, words, n, v, v_rows, e, alpha, o);
}
