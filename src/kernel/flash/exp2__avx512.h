/* 2^x of 16 floats. x is split into its nearest integer and a rest in [-1/2, 1/2], where a polynomial of degree 5 with
 * p(0) = 1 exactly (a row with one key has the weight 1) is within 9.2e-8 of 2^rest. Rounding and subtraction run beside the multiply-add
 * units on Zen 4 and scalef costs half a slot, so one vector costs 5.5 slots.
 */
#ifndef ATTN_KERNEL_FLASH_EXP2_AVX512_H
#define ATTN_KERNEL_FLASH_EXP2_AVX512_H

#include <immintrin.h>

/* For finite x and +-0; very negative x gives 0, but -inf gives NaN. */
static inline __attribute__((always_inline)) __m512 attn_exp2_finite_ps(__m512 x)
{
    __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 rest = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_set1_ps(0x1.5bba14p-10f);
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(0x1.3cea88p-7f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(0x1.c6b752p-5f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(0x1.ebf9bcp-3f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(0x1.62e42ap-1f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, whole);
}

/* The same bits, and 0 for -inf; NaN stays NaN. */
static inline __attribute__((always_inline)) __m512 attn_exp2_ps(__m512 x)
{
    return attn_exp2_finite_ps(_mm512_max_ps(_mm512_set1_ps(-200.0f), x));
}

#endif
