/* Conversions for AVX-512, 16 numbers a step, tails by masks. bfloat16 is rounded with integers: the instruction of AVX512-BF16 takes
 * denormals for 0. */
#include "kernel/convert/set_template.h"

#include <immintrin.h>

static inline __mmask16 lanes_of(int64_t n) {
    return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1);
}

static void f32_of_bf16(const uint16_t *from, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, from + i));
        _mm512_mask_storeu_epi32(to + i, lanes, _mm512_slli_epi32(wide, 16));
    }
}

static void bf16_of_f32(const float *from, int64_t n, uint16_t *to) {
    const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1), quiet = _mm512_set1_epi32(0x400000);
    for (int64_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(lanes, from + i);
        const __m512i bits = _mm512_castps_si512(x), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
        const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(half, odd));
        const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        const __m512i chosen = _mm512_mask_or_epi32(rounded, nan, bits, quiet);
        _mm256_mask_storeu_epi16(to + i, lanes, _mm512_cvtepi32_epi16(_mm512_srli_epi32(chosen, 16)));
    }
}

static void f32_of_f16(const uint16_t *from, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        _mm512_mask_storeu_ps(to + i, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, from + i)));
    }
}

static void f16_of_f32(const float *from, int64_t n, uint16_t *to) {
    for (int64_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(lanes, from + i);
        _mm256_mask_storeu_epi16(to + i, lanes, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
}

static void f32_of_q8(const struct attn_q8 *from, int64_t blocks, float *to) {
    for (int64_t b = 0; b < blocks; b++) {
        const __m512 scale = _mm512_set1_ps(attn_f32_of_f16(from[b].scale));
        for (int i = 0; i < ATTN_Q8_BLOCK; i += 16) {
            const __m512i code = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(from[b].code + i)));
            _mm512_storeu_ps(to + b * ATTN_Q8_BLOCK + i, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(code)));
        }
    }
}

/* The greatest magnitude is found in the bits: as integers they are in the order of the magnitudes, NaN above infinity. */
static void q8_of_block(const float *from, struct attn_q8 *to) {
    const __m512 low = _mm512_loadu_ps(from), high = _mm512_loadu_ps(from + 16);
    const __m512i size = _mm512_set1_epi32(0x7fffffff);
    const __m512 most_code = _mm512_set1_ps(127.0f), least_code = _mm512_set1_ps(-127.0f);
    const __m512i a = _mm512_and_si512(_mm512_castps_si512(low), size), b = _mm512_and_si512(_mm512_castps_si512(high), size);
    const uint32_t most = _mm512_reduce_max_epu32(_mm512_max_epu32(a, b));
    *to = attn_q8_empty(most);
    if (attn_q8_is_empty(to)) return;
    const __m512 inverse = _mm512_set1_ps(1.0f / attn_f32_of_f16(to->scale));
    const __m512 x[2] = {_mm512_mul_ps(low, inverse), _mm512_mul_ps(high, inverse)};
    for (int i = 0; i < 2; i++) {
        const __m512 cut = _mm512_max_ps(_mm512_min_ps(x[i], most_code), least_code);
        _mm_storeu_si128((__m128i *)(to->code + 16 * i), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(cut)));
    }
}

ATTN_CONVERT_SET(avx512, ATTN_ISA_AVX512)
