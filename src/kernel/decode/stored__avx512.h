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

/* (0 + 2) + (1 + 3) of each four lanes, then the fours in the same order. */
VEC_INLINE vec vec_quarters(vec a, vec b, vec c, vec d) {
    const __m512d ab = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
    const __m512d cd = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)));
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
}
VEC_INLINE vec vec_add_fours(vec a, vec b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
VEC_INLINE vec vec_join(const vec *x) {
    return vec_add_fours(vec_add_fours(x[0], x[1]), vec_add_fours(x[2], x[3]));
}

VEC_INLINE void vec_hold(vec *x) {
    __asm__("" : "+v"(*x));
}

#endif
