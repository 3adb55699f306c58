/* Weighted sum of bfloat16 values: o[c][32 queries] += p[j][32 queries] * v_j[c] by the dot product of pairs of keys, 8 columns at a time:
 * 16 accumulators, two vectors of weight pairs and 8 broadcasts a pair of keys.
 */
#include "kernel/flash/micro__avx512_bf16.h"
#include "kernel/flash/pairs__avx512_bf16.h"

#define INLINE static inline __attribute__((always_inline))

enum { COLUMNS = 8, LANES = 32 };

INLINE void load(const int columns, __m512 acc[COLUMNS][2], const float *o, const float *alpha) {
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 a[2] = {alpha ? _mm512_loadu_ps(alpha) : one, alpha ? _mm512_loadu_ps(alpha + 16) : one};
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
        for (int h = 0; h < 2; h++) acc[c][h] = _mm512_mul_ps(_mm512_load_ps(o + c * LANES + 16 * h), a[h]);
}

INLINE void store(const int columns, __m512 acc[COLUMNS][2], float *o) {
#pragma GCC unroll 8
    for (int c = 0; c < columns; c++)
        for (int h = 0; h < 2; h++) _mm512_store_ps(o + c * LANES + 16 * h, acc[c][h]);
}

INLINE void block(const int columns, const uint32_t *p, int64_t pairs, const uint32_t *v, const float *alpha, float *o) {
    __m512 acc[COLUMNS][2];
    load(columns, acc, o, alpha);
    for (int64_t j = 0; j < pairs; j++) {
        const __m512bh w[2] = {(__m512bh)_mm512_load_si512(p + j * LANES), (__m512bh)_mm512_load_si512(p + j * LANES + 16)};
#pragma GCC unroll 8
        for (int c = 0; c < columns; c++) {
            const __m512bh x = (__m512bh)_mm512_set1_epi32((int32_t)v[j * 16 + c]);
            for (int h = 0; h < 2; h++) acc[c][h] = _mm512_dpbf16_ps(acc[c][h], x, w[h]);
        }
    }
    store(columns, acc, o);
}

/* The same with each lane's excluded halves of a pair set to 0 in the values too. */
INLINE void masked_block(const int columns, const uint32_t *p, const uint32_t *words, int64_t n, const uint32_t *v, const float *alpha,
                         float *o) {
    __m512 acc[COLUMNS][2];
    load(columns, acc, o, alpha);
    for (int64_t j = 0; j < n; j += 2)
        for (int h = 0; h < 2; h++) {
            const __m512bh w = (__m512bh)_mm512_load_si512(p + j / 2 * LANES + 16 * h);
            const uint32_t word = words[j] >> 16 * h, next = j + 1 < n ? words[j + 1] >> 16 * h : 0;
            const __mmask16 even = (__mmask16)(word & 0xffff), odd = (__mmask16)(next & 0xffff);
#pragma GCC unroll 8
            for (int c = 0; c < columns; c++) {
                const uint32_t pair = v[j / 2 * 16 + c];
                const __m512i low = _mm512_maskz_set1_epi32(even, (int32_t)(pair & 0xffff));
                const __m512i x = _mm512_or_si512(low, _mm512_maskz_set1_epi32(odd, (int32_t)(pair & 0xffff0000)));
                acc[c][h] = _mm512_dpbf16_ps(acc[c][h], (__m512bh)x, w);
            }
        }
    store(columns, acc, o);
}

void attn_values_bf16_8x32__avx512_bf16(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                        const float *alpha, float *o) {
    for (int64_t c = 0; c < e; c += COLUMNS) {
        const uint32_t *panel = (const uint32_t *)v + c / 16 * 8 * v_rows + c % 16;
        float *out = o + c * LANES;
        const bool whole = e - c >= COLUMNS;
        if (words && whole)
            masked_block(COLUMNS, p, words, n, panel, alpha, out);
        else if (words)
            masked_block(4, p, words, n, panel, alpha, out);
        else if (whole)
            block(COLUMNS, p, (n + 1) / 2, panel, alpha, out);
        else
            block(4, p, (n + 1) / 2, panel, alpha, out);
    }
}
