/* 2^x of 16 floats. x is split into the nearest multiple t of 1/32 and a rest r in [-1/64, 1/64]: 2^x = 2^floor(t) * 2^(t - floor(t)) *
 * 2^r, the second from a table of 32 floats in two registers, the third a polynomial of degree 2 with p(0) = 1 exactly (a row with one key
 * has the weight 1), within 5.4e-8 of 2^r. Adding 1.5 * 2^18 does the split: the sum's low bits are the table's index. Three multiply-add
 * slots and scalef's half instead of five and a half; additions run beside the multiply-add units on Zen 4.
 */
#ifndef ATTN_KERNEL_FLASH_EXP2_AVX512_H
#define ATTN_KERNEL_FLASH_EXP2_AVX512_H

#include "kernel/flash/exp2_table.h"

#include <immintrin.h>

/* Very negative x and -inf give 0 (there r is NaN, but scalef of a quiet NaN by -inf is 0), +inf inf, NaN NaN. */
static inline __attribute__((always_inline)) __m512 attn_exp2_ps(__m512 x) {
    const __m512 split = _mm512_set1_ps(ATTN_EXP2_SPLIT);
    __m512 shifted = _mm512_add_ps(x, split);
    __m512 t = _mm512_sub_ps(shifted, split);
    __m512 r = _mm512_sub_ps(x, t);
    __m512 fraction =
        _mm512_permutex2var_ps(_mm512_load_ps(attn_exp2_table), _mm512_castps_si512(shifted), _mm512_load_ps(attn_exp2_table + 16));
    __m512 slope = _mm512_fmadd_ps(_mm512_set1_ps(ATTN_EXP2_C2), r, _mm512_set1_ps(ATTN_EXP2_C1));
    __m512 p = _mm512_fmadd_ps(slope, _mm512_mul_ps(r, fraction), fraction);
    return _mm512_scalef_ps(p, t);
}

#endif
