/* Weighted sum of values: o[c][16 queries] += s[j][16 queries] * v_j[c], 16 columns at a time: 16 accumulators, one vector of weights and
 * 16 broadcast multiply-adds a key. The values are packed, 16 columns of a key on one cache line.
 */
#include "kernel/flash/micro__avx512.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

INLINE void block(const int columns, const bool masked, const float *s, const uint32_t *words, int64_t n, const float *v,
                  const float *alpha, float *o) {
    __m512 acc[16];
    __m512 a = alpha ? _mm512_loadu_ps(alpha) : _mm512_set1_ps(1.0f);
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) acc[c] = _mm512_mul_ps(_mm512_load_ps(o + c * LANES), a);
    for (int64_t j = 0; j < n; j++) {
        __m512 w = _mm512_load_ps(s + j * LANES);
        __mmask16 lanes = masked ? (__mmask16)words[j] : (__mmask16)0xffff;
#pragma GCC unroll 16
        for (int c = 0; c < columns; c++) {
            __m512 x = _mm512_set1_ps(v[j * 16 + c]);
            acc[c] = masked ? _mm512_mask3_fmadd_ps(x, w, acc[c], lanes) : _mm512_fmadd_ps(x, w, acc[c]);
        }
    }
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) _mm512_store_ps(o + c * LANES, acc[c]);
}

INLINE void all(const bool masked, const float *s, const uint32_t *words, int64_t n, const float *v, int64_t v_rows, int64_t e,
                const float *alpha, float *o) {
    int64_t c = 0;
    for (; c + 16 <= e; c += 16) block(16, masked, s, words, n, v + c * v_rows, alpha, o + c * LANES);
    if (c < e) {
        const float *panel = v + c * v_rows;
        float *out = o + c * LANES;
        if (e - c == 12)
            block(12, masked, s, words, n, panel, alpha, out);
        else if (e - c == 8)
            block(8, masked, s, words, n, panel, alpha, out);
        else
            block(4, masked, s, words, n, panel, alpha, out);
    }
}

void attn_values_f32_16x16__avx512(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                   const float *alpha, float *o) {
    if (words)
        all(true, p, words, n, v, v_rows, e, alpha, o);
    else
        all(false, p, words, n, v, v_rows, e, alpha, o);
}
