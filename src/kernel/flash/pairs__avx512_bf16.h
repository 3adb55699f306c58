/* Two vectors of 16 floats, of an even and an odd element of each lane, as one of 16 pairs of bfloat16: the even one in the low half. */
#ifndef ATTN_KERNEL_FLASH_PAIRS_AVX512_BF16_H
#define ATTN_KERNEL_FLASH_PAIRS_AVX512_BF16_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static const uint16_t attn_pair_order[32] __attribute__((aligned(64))) = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                                          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

static inline __attribute__((always_inline)) __m512i attn_pair(__m512 even, __m512 odd) {
    return _mm512_permutexvar_epi16(_mm512_load_si512(attn_pair_order), (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

/* Two neighbouring bfloat16 at any address, for all lanes. */
static inline __attribute__((always_inline)) __m512bh attn_pair_set(const uint16_t *at) {
    int32_t pair;
    memcpy(&pair, at, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

#endif
