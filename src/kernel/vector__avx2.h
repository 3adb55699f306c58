/* Vectors of 8 floats: AVX2 and FMA. The names are explained in vector_template.h. */
#ifndef ATTN_KERNEL_VECTOR_AVX2_H
#define ATTN_KERNEL_VECTOR_AVX2_H

#include <immintrin.h>

enum { VEC_LANES = 8 };
#define VEC_LANE_BITS 1, 2, 4, 8, 16, 32, 64, 128
#include "kernel/vector_template.h"

VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
/* gcc prefers forms of the instruction that overwrite a factor, and then has to move and spill sums: 1 point of the peak in the logits. */
VEC_INLINE void vec_accumulate(vec *sum, vec a, vec b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
}
VEC_INLINE vec vec_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}
VEC_INLINE vec vec_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}
VEC_INLINE vec vec_select(vec_mask mask, vec yes, vec no) {
    return _mm256_blendv_ps(no, yes, (vec)mask);
}

/* x is split into the nearest multiple k / 8 of 1/8 and a rest r in [-1/16, 1/16]: 2^x = 2^(k / 8) (1 + r p(r)), within 2.7e-8. The table holds
 * 2^(k / 8) for k from 0 to 7 with k taken out of the bits at 20, so that adding k << 20 leaves the look-up's own index out and puts the
 * integer part into the exponent. Four multiply-add slots instead of a polynomial's six. */
VEC_INLINE vec vec_exp2(vec x) {
    const vec split = vec_set1(1572864.0f); /* 1.5 * 2^20: floats near it are multiples of 1/8 */
    const __m256i table = _mm256_setr_epi32(0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7);
    const vec_mask tiny = vec_less(x, vec_set1(-126.0f));
    x = vec_min(vec_set1(127.0f), x);
    const vec shifted = x + split, rest = x - (shifted - split);
    const __m256i k = (__m256i)shifted;
    const vec power = (vec)_mm256_add_epi32(_mm256_permutevar8x32_epi32(table, k), _mm256_slli_epi32(k, 20));
    vec p = vec_fma(vec_set1(0x1.c69fe6p-5f), rest, vec_set1(0x1.ec0c32p-3f));
    p = vec_fma(p, rest, vec_set1(0x1.62e432p-1f));
    return vec_drop(tiny, vec_fma(p, vec_mul(rest, power), power));
}
VEC_INLINE uint32_t vec_word(vec_mask mask) {
    return (uint32_t)_mm256_movemask_ps((vec)mask);
}
VEC_INLINE bool vec_any(vec_mask mask) {
    return vec_word(mask) != 0;
}
VEC_INLINE __m256i vec_below(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VEC_INLINE vec vec_load_first(const float *p, int64_t n) {
    return n >= VEC_LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vec_below(n));
}
VEC_INLINE void vec_store_first(float *p, int64_t n, vec x) {
    if (n >= VEC_LANES)
        _mm256_storeu_ps(p, x);
    else
        _mm256_maskstore_ps(p, vec_below(n), x);
}
/* permutevar8x32 takes indices modulo 8: the lanes that have no source get one that `fill` replaces. */
VEC_INLINE vec vec_up(vec x, int n, vec fill) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), by = _mm256_set1_epi32(n);
    return vec_select((vec_mask)_mm256_cmpgt_epi32(by, lane), fill, _mm256_permutevar8x32_ps(x, _mm256_sub_epi32(lane, by)));
}
VEC_INLINE vec vec_down(vec x, int n, vec fill) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), from = _mm256_add_epi32(lane, _mm256_set1_epi32(n));
    return vec_select((vec_mask)_mm256_cmpgt_epi32(from, _mm256_set1_epi32(7)), fill, _mm256_permutevar8x32_ps(x, from));
}
VEC_INLINE float vec_sum(vec x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

/* Pairs, quads, then 128-bit halves. */
VEC_INLINE void vec_transpose(vec r[8]) {
    vec t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) r[i] = t[i];
}
VEC_INLINE void vec_prefetch(const void *address) {
    _mm_prefetch(address, _MM_HINT_T1);
}

#endif
