/* Weights of logits held as 32 queries a key, rounded to bfloat16 in pairs of keys: 2^(s - m) and its sum, which is taken before the rounding.
 * Excluded pairs are selected away by lane masks. The sum runs in the order of the keys, so that the fused form in
 * logits_bf16_8x32 gives the same bits.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512_bf16.h"
#include "kernel/flash/pairs__avx512_bf16.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 32 };

INLINE __m512 weight(const float *s, const uint32_t *words, int64_t j, int v, __m512 shift, __m512 *total) {
    __m512 y = attn_exp2_ps(_mm512_sub_ps(_mm512_load_ps(s + j * LANES + 16 * v), shift));
    if (words) y = _mm512_maskz_mov_ps((__mmask16)(words[j] >> 16 * v), y);
    *total = _mm512_add_ps(*total, y);
    return y;
}

void attn_weights_bf16_32__avx512_bf16(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum) {
    for (int v = 0; v < 2; v++) {
        const __m512 shift = _mm512_loadu_ps(m + 16 * v);
        __m512 total = _mm512_loadu_ps(sum + 16 * v);
        uint32_t *to = (uint32_t *)p + 16 * v;
        int64_t j = 0;
        for (; j + 2 <= n; j += 2, to += LANES) {
            const __m512 even = weight(s, words, j, v, shift, &total);
            _mm512_store_si512(to, attn_pair(even, weight(s, words, j + 1, v, shift, &total)));
        }
        if (j < n) _mm512_store_si512(to, attn_pair(weight(s, words, j, v, shift, &total), _mm512_setzero_ps()));
        _mm512_storeu_ps(sum + 16 * v, total);
    }
}
