/* Vectors of stored numbers: AVX2 and F16C. The names are explained in decode_template.h. */
#ifndef ATTN_KERNEL_DECODE_STORED_AVX2_H
#define ATTN_KERNEL_DECODE_STORED_AVX2_H

#include "kernel/vector__avx2.h"

VEC_INLINE __m128i vec_first_halves(const uint16_t *x, int64_t n) {
    uint16_t bits[8] = {0};
    memcpy(bits, x, (size_t)n * sizeof *x);
    return _mm_loadu_si128((const __m128i *)(const void *)bits);
}
VEC_INLINE vec vec_of_bf16_bits(__m128i x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
VEC_INLINE vec vec_bf16(const uint16_t *x) {
    return vec_of_bf16_bits(_mm_loadu_si128((const __m128i *)(const void *)x));
}
VEC_INLINE vec vec_bf16_first(const uint16_t *x, int64_t n) {
    return vec_of_bf16_bits(vec_first_halves(x, n));
}
VEC_INLINE vec vec_f16(const uint16_t *x) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)x));
}
VEC_INLINE vec vec_f16_first(const uint16_t *x, int64_t n) {
    return _mm256_cvtph_ps(vec_first_halves(x, n));
}
VEC_INLINE vec vec_f16_set1(const uint16_t *x) {
    return _mm256_cvtph_ps(_mm_set1_epi16((int16_t)*x));
}
VEC_INLINE vec vec_i8(const int8_t *x) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)x)));
}

/* Halves are added, then four lanes of each of the four: (0 + 2) + (1 + 3). */
VEC_INLINE void vec_sum4(float *to, vec a, vec b, vec c, vec d) {
    const __m128 w = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 x = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    const __m128 y = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
    const __m128 z = _mm_add_ps(_mm256_castps256_ps128(d), _mm256_extractf128_ps(d, 1));
    const __m128 wx = _mm_add_ps(_mm_unpacklo_ps(w, x), _mm_unpackhi_ps(w, x));
    const __m128 yz = _mm_add_ps(_mm_unpacklo_ps(y, z), _mm_unpackhi_ps(y, z));
    _mm_storeu_ps(to, _mm_add_ps(_mm_movelh_ps(wx, yz), _mm_movehl_ps(yz, wx)));
}

#endif
