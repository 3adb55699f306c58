/* Vectors of stored numbers: AVX-512. The names are explained in decode_template.h. */
#ifndef ATTN_KERNEL_DECODE_STORED_AVX512_H
#define ATTN_KERNEL_DECODE_STORED_AVX512_H

#include "kernel/vector__avx512.h"

VEC_INLINE vec vec_of_bf16_bits(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
VEC_INLINE vec vec_bf16(const uint16_t *x) {
    return vec_of_bf16_bits(_mm256_loadu_si256((const __m256i *)(const void *)x));
}
VEC_INLINE vec vec_bf16_first(const uint16_t *x, int64_t n) {
    return vec_of_bf16_bits(_mm256_maskz_loadu_epi16(attn_first_lanes(n), x));
}
VEC_INLINE vec vec_f16(const uint16_t *x) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)x));
}
VEC_INLINE vec vec_f16_first(const uint16_t *x, int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(attn_first_lanes(n), x));
}
VEC_INLINE vec vec_f16_set1(const uint16_t *x) {
    return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)*x));
}
VEC_INLINE vec vec_i8(const int8_t *x) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)x)));
}

/* Halves and quarters are added, then four lanes of each of the four: (0 + 2) + (1 + 3). */
VEC_INLINE __m128 vec_quarter(vec x) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
VEC_INLINE void vec_sum4(float *to, vec a, vec b, vec c, vec d) {
    const __m128 w = vec_quarter(a), x = vec_quarter(b), y = vec_quarter(c), z = vec_quarter(d);
    const __m128 wx = _mm_add_ps(_mm_unpacklo_ps(w, x), _mm_unpackhi_ps(w, x));
    const __m128 yz = _mm_add_ps(_mm_unpacklo_ps(y, z), _mm_unpackhi_ps(y, z));
    _mm_storeu_ps(to, _mm_add_ps(_mm_movelh_ps(wx, yz), _mm_movehl_ps(yz, wx)));
}

#endif
