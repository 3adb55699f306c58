/* Vectors of 16 floats: AVX-512. The names are explained in vector_template.h; masks are mask registers. */
#ifndef ATTN_KERNEL_VECTOR_AVX512_H
#define ATTN_KERNEL_VECTOR_AVX512_H

#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/transpose__avx512.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

enum { VEC_LANES = 16 };
typedef __m512 vec;
typedef __mmask16 vec_mask;

VEC_INLINE vec vec_load(const float *p) {
    return _mm512_loadu_ps(p);
}
VEC_INLINE void vec_store(float *p, vec x) {
    _mm512_storeu_ps(p, x);
}
VEC_INLINE vec vec_load_first(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps(attn_first_lanes(n), p);
}
VEC_INLINE void vec_store_first(float *p, int64_t n, vec x) {
    _mm512_mask_storeu_ps(p, attn_first_lanes(n), x);
}
VEC_INLINE vec vec_set1(float x) {
    return _mm512_set1_ps(x);
}
VEC_INLINE vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
VEC_INLINE vec vec_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}
VEC_INLINE vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
VEC_INLINE vec vec_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}
VEC_INLINE vec vec_abs(vec x) {
    return _mm512_abs_ps(x);
}
VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
VEC_INLINE void vec_accumulate(vec *sum, vec a, vec b) {
    *sum = vec_fma(a, b, *sum);
}
VEC_INLINE vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}
VEC_INLINE vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}
VEC_INLINE vec_mask vec_less(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
VEC_INLINE vec_mask vec_at_least(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
VEC_INLINE vec_mask vec_special(vec x) {
    return _mm512_fpclass_ps_mask(x, 0x99); /* quiet and signalling NaN, +inf, -inf */
}
VEC_INLINE vec_mask vec_bits(uint32_t word) {
    return (vec_mask)(word & 0xffff);
}
VEC_INLINE uint32_t vec_word(vec_mask mask) {
    return mask;
}
VEC_INLINE bool vec_any(vec_mask mask) {
    return mask != 0;
}
VEC_INLINE vec vec_select(vec_mask mask, vec yes, vec no) {
    return _mm512_mask_mov_ps(no, mask, yes);
}
VEC_INLINE vec vec_keep(vec_mask mask, vec x) {
    return _mm512_maskz_mov_ps(mask, x);
}
VEC_INLINE vec vec_drop(vec_mask mask, vec x) {
    return _mm512_maskz_mov_ps((vec_mask)~mask, x);
}
/* By table, with results below the normal numbers: see exp2__avx512.h. +inf for what float does not hold. */
VEC_INLINE vec vec_exp2(vec x) {
    return attn_exp2_ps(x);
}
VEC_INLINE __m512i vec_lane_numbers(void) {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
VEC_INLINE vec vec_up(vec x, int n, vec fill) {
    const __m512i from = _mm512_sub_epi32(vec_lane_numbers(), _mm512_set1_epi32(n));
    return _mm512_mask_permutexvar_ps(fill, (__mmask16)(0xffffu << n), from, x);
}
VEC_INLINE vec vec_down(vec x, int n, vec fill) {
    const __m512i from = _mm512_add_epi32(vec_lane_numbers(), _mm512_set1_epi32(n));
    return _mm512_mask_permutexvar_ps(fill, (__mmask16)(0xffffu >> n), from, x);
}
VEC_INLINE float vec_sum(vec x) {
    return _mm512_reduce_add_ps(x);
}
VEC_INLINE void vec_transpose(vec r[16]) {
    attn_transpose16(r);
}
VEC_INLINE void vec_prefetch(const void *address) {
    _mm_prefetch(address, _MM_HINT_T1);
}

#endif
