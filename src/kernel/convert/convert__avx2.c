/* Conversions for AVX2 and F16C, 8 numbers a step; tails go through a small buffer. */
#include "kernel/convert/set_template.h"

#include <immintrin.h>

enum { STEP = 8 };

static __m128i load_halves(const uint16_t *from) {
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}
static void store_halves(uint16_t *to, __m128i x) {
    _mm_storeu_si128((__m128i *)(void *)to, x);
}

static void widen_bf16(const uint16_t *from, float *to) {
    _mm256_storeu_ps(to, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(from)), 16)));
}

static void narrow_bf16(const float *from, uint16_t *to) {
    const __m256 x = _mm256_loadu_ps(from), nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    const __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(nan)), 16);
    store_halves(to, _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)));
}

static void widen_f16(const uint16_t *from, float *to) {
    _mm256_storeu_ps(to, _mm256_cvtph_ps(load_halves(from)));
}
static void narrow_f16(const float *from, uint16_t *to) {
    store_halves(to, _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

CONVERT(f32_of_bf16, uint16_t, float, STEP, widen_bf16)
CONVERT(bf16_of_f32, float, uint16_t, STEP, narrow_bf16)
CONVERT(f32_of_f16, uint16_t, float, STEP, widen_f16)
CONVERT(f16_of_f32, float, uint16_t, STEP, narrow_f16)

static void f32_of_q8(const struct attn_q8 *from, int64_t blocks, float *to) {
    for (int64_t b = 0; b < blocks; b++) {
        const __m256 scale = _mm256_set1_ps(attn_f32_of_f16(from[b].scale));
        for (int i = 0; i < ATTN_Q8_BLOCK; i += STEP) {
            const __m256i code = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(from[b].code + i)));
            _mm256_storeu_ps(to + b * ATTN_Q8_BLOCK + i, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(code)));
        }
    }
}

/* The greatest magnitude is found in the bits: as integers they are in the order of the magnitudes, NaN above infinity. */
static uint32_t greatest(const float *x) {
    const __m256i size = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    uint32_t lane[STEP], result = 0;
    for (int i = 0; i < ATTN_Q8_BLOCK; i += STEP)
        most = _mm256_max_epu32(most, _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + i)), size));
    _mm256_storeu_si256((__m256i *)(void *)lane, most);
    for (int i = 0; i < STEP; i++) result = lane[i] > result ? lane[i] : result;
    return result;
}

static void q8_of_block(const float *x, struct attn_q8 *to) {
    *to = attn_q8_empty(greatest(x));
    if (attn_q8_is_empty(to)) return;
    const __m256 inverse = _mm256_set1_ps(1.0f / attn_f32_of_f16(to->scale)), most = _mm256_set1_ps(127.0f),
                 least = _mm256_set1_ps(-127.0f);
    for (int i = 0; i < ATTN_Q8_BLOCK; i += STEP) {
        int32_t code[STEP];
        const __m256 cut = _mm256_max_ps(_mm256_min_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), inverse), most), least);
        _mm256_storeu_si256((__m256i *)(void *)code, _mm256_cvtps_epi32(cut));
        for (int n = 0; n < STEP; n++) to->code[i + n] = (int8_t)code[n];
    }
}

ATTN_CONVERT_SET(avx2, ATTN_ISA_AVX2)
