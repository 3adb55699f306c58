/* Between the caller's rows and the panels of 16 or 32 lanes: 16 x 16 transposes in registers for queries and outputs, copies for values.
 * Each panel prefetches the rows of the next one; past the end of an array that is harmless. */
#include "kernel/flash/micro__avx512.h"
#include "kernel/flash/transpose__avx512.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void pack_queries(const int lanes, const float *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, float *q) {
    const __m512 f = _mm512_set1_ps(factor);
    for (int first = 0; first < lanes; first += 16)
        for (int64_t c = 0; c < d; c += 16) {
            __m512 r[16];
            __mmask16 columns = attn_first_lanes(d - c);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                const float *at = row + (first + i) * stride + c;
                __builtin_prefetch(at + lanes * stride, 0);
                r[i] = first + i < n ? _mm512_mul_ps(f, _mm512_maskz_loadu_ps(columns, at)) : _mm512_setzero_ps();
            }
            attn_transpose16(r);
            int64_t m = d - c < 16 ? d - c : 16;
            for (int64_t i = 0; i < m; i++) _mm512_store_ps(q + (c + i) * lanes + first, r[i]);
        }
}

INLINE void store_rows(const int lanes, const float *o, const float *scale, const float *keep, int64_t n, int64_t e, float *row,
                       ptrdiff_t stride) {
    for (int first = 0; first < n; first += 16)
        for (int64_t c = 0; c < e; c += 16) {
            __m512 r[16];
            __mmask16 columns = attn_first_lanes(e - c);
            int64_t m = e - c < 16 ? e - c : 16;
            __m512 f = _mm512_loadu_ps(scale + first);
            for (int64_t i = 0; i < 16; i++) /* adding 0: -0 becomes 0 whatever else was added, excluded pairs with weight 0 among it */
                r[i] = i < m ? _mm512_fmadd_ps(f, _mm512_load_ps(o + (c + i) * lanes + first), _mm512_setzero_ps()) : _mm512_setzero_ps();
            attn_transpose16(r);
            for (int64_t i = 0; i < 16 && first + i < n; i++) {
                float *at = row + (first + i) * stride + c, kept = keep ? keep[first + i] : 0.0f;
                if (kept != 0.0f) r[i] = _mm512_fmadd_ps(_mm512_set1_ps(kept), _mm512_maskz_loadu_ps(columns, at), r[i]);
                _mm512_mask_storeu_ps(at, columns, r[i]);
                __builtin_prefetch(at + lanes * stride, 1);
            }
        }
}

void attn_pack_queries_f32_16__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q) {
    pack_queries(16, row, stride, n, d, factor, q);
}

void attn_pack_queries_f32_32__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q) {
    pack_queries(32, row, stride, n, d, factor, q);
}

bool attn_pack_values_f32__avx512(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v) {
    const __m512i exponent = _mm512_set1_epi32(0x7f800000);
    const float *from = row;
    float *to = v;
    __mmask16 bad = 0;
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < e; c += 16) {
            __m512 x = _mm512_maskz_loadu_ps(attn_first_lanes(e - c), from + j * stride + c);
            bad |= _mm512_cmpeq_epi32_mask(_mm512_and_si512(_mm512_castps_si512(x), exponent), exponent);
            _mm512_store_ps(to + c * v_rows + j * 16, x);
        }
    return bad == 0;
}

void attn_store_rows_f32_16__avx512(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                    ptrdiff_t stride) {
    store_rows(16, o, scale, keep, n, e, row, stride);
}

void attn_store_rows_f32_32__avx512(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                    ptrdiff_t stride) {
    store_rows(32, o, scale, keep, n, e, row, stride);
}
