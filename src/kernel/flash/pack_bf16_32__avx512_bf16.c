/* Between bfloat16 rows and the paired panels of 32 lanes: transposes of 16 rows x 16 pairs of columns for queries, of 16 x 16 floats for
 * outputs, pairs of neighbouring keys for values. Each panel prefetches the rows of the next one; past the end of an array that is harmless.
 */
#include "kernel/flash/micro__avx512_bf16.h"
#include "kernel/flash/transpose__avx512.h"

enum { LANES = 32 };

static inline __mmask32 first_columns(int64_t n) {
    return n >= 32 ? UINT32_MAX : (__mmask32)((1ull << n) - 1);
}

void attn_pack_queries_bf16_32__avx512_bf16(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q) {
    uint32_t *panel = q;
    const int64_t pairs = (d + 1) / 2;
    for (int first = 0; first < LANES; first += 16) {
        for (int64_t c = 0; c < d; c += 32) {
            __m512 r[16];
            const __mmask32 columns = first_columns(d - c);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                const uint16_t *at = (const uint16_t *)row + (first + i) * stride + c;
                __builtin_prefetch(at + LANES * stride, 0);
                r[i] = first + i < n ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(columns, at)) : _mm512_setzero_ps();
            }
            attn_transpose16(r);
            const int64_t m = pairs - c / 2 < 16 ? pairs - c / 2 : 16;
            for (int64_t i = 0; i < m; i++) _mm512_store_ps((float *)panel + (c / 2 + i) * LANES + first, r[i]);
        }
        _mm512_store_ps((float *)panel + pairs * LANES + first, _mm512_set1_ps(factor));
    }
}

/* 16 columns of a row, or zeros past the last one, in the low halves. */
static inline __m512i columns_of(const uint16_t *row, int64_t left) {
    const __mmask16 columns = attn_first_lanes(left);
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, row));
}

bool attn_pack_values_bf16__avx512_bf16(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v) {
    const uint16_t *from = row;
    const __m512i low = _mm512_set1_epi32(0x7f80), high = _mm512_set1_epi32(0x7f800000);
    __mmask16 bad = 0;
    for (int64_t j = 0; j < n; j += 2)
        for (int64_t c = 0; c < e; c += 16) {
            const __m512i even = columns_of(from + j * stride + c, e - c);
            const __m512i odd = j + 1 < n ? columns_of(from + (j + 1) * stride + c, e - c) : _mm512_setzero_si512();
            const __m512i x = _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
            bad |= _mm512_cmpeq_epi32_mask(_mm512_and_si512(x, low), low) | _mm512_cmpeq_epi32_mask(_mm512_and_si512(x, high), high);
            _mm512_store_si512((uint32_t *)v + c / 2 * v_rows + j / 2 * 16, x);
        }
    return bad == 0;
}

void attn_store_rows_bf16_32__avx512_bf16(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                          ptrdiff_t stride) {
    for (int first = 0; first < n; first += 16)
        for (int64_t c = 0; c < e; c += 16) {
            __m512 r[16];
            const __mmask16 columns = attn_first_lanes(e - c);
            const int64_t m = e - c < 16 ? e - c : 16;
            const __m512 f = _mm512_loadu_ps(scale + first), zero = _mm512_setzero_ps();
            for (int64_t i = 0; i < 16; i++) /* adding 0: -0 becomes 0 whatever else was added, excluded pairs with weight 0 among it */
                r[i] = i < m ? _mm512_fmadd_ps(f, _mm512_load_ps(o + (c + i) * LANES + first), zero) : zero;
            attn_transpose16(r);
            for (int64_t i = 0; i < 16 && first + i < n; i++) {
                uint16_t *at = (uint16_t *)row + (first + i) * stride + c;
                const float kept = keep ? keep[first + i] : 0.0f;
                if (kept != 0.0f) {
                    const __m512 there = _mm512_castsi512_ps(_mm512_slli_epi32(columns_of(at, e - c), 16));
                    r[i] = _mm512_fmadd_ps(_mm512_set1_ps(kept), there, r[i]);
                }
                _mm256_mask_storeu_epi16(at, columns, (__m256i)_mm512_cvtneps_pbh(r[i]));
                __builtin_prefetch(at + LANES * stride, 1);
            }
        }
}
