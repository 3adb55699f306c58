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

/* (0 + 2) + (1 + 3) of each four lanes, then the two fours. */
VEC_INLINE vec vec_quarters(vec a, vec b, vec c, vec d) {
    const __m256d ab = _mm256_castps_pd(_mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)));
    const __m256d cd = _mm256_castps_pd(_mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)));
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)), _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
}
VEC_INLINE vec vec_join(const vec *x) {
    return _mm256_add_ps(_mm256_permute2f128_ps(x[0], x[1], 0x20), _mm256_permute2f128_ps(x[0], x[1], 0x31));
}

VEC_INLINE void vec_hold(vec *x) {
    __asm__("" : "+x"(*x));
}

#endif
