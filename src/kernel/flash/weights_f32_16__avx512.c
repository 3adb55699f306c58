/* The softmax pass over logits held as vectors of 16 queries, one a key: maximum, 2^(s - m) and its sum, soft-cap. Excluded pairs are
 * selected away by lane masks: neither a logit of theirs nor a NaN in it is ever used. The sum runs in the order of the keys (its latency
 * hides behind the exponential), so that the fused form in logits_f32_24x16 gives the same bits.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512.h"

void attn_max_f32_16__avx512(const float *s, const uint32_t *words, int64_t n, float *max) {
    __m512 m = _mm512_loadu_ps(max);
    for (int64_t j = 0; j < n; j++) {
        __mmask16 lanes = words ? (__mmask16)words[j] : (__mmask16)0xffff;
        m = _mm512_mask_max_ps(m, lanes, _mm512_load_ps(s + j * ATTN_LANES), m);
    }
    _mm512_storeu_ps(max, m);
}

static inline __attribute__((always_inline)) void weights(const bool masked, float *s, const uint32_t *words, int64_t n, const float *m,
                                                          float *sum) {
    __m512 shift = _mm512_loadu_ps(m), total = _mm512_loadu_ps(sum);
    for (int64_t j = 0; j < n; j++) {
        float *at = s + j * ATTN_LANES;
        __m512 y = attn_exp2_ps(_mm512_sub_ps(_mm512_load_ps(at), shift));
        if (masked) y = _mm512_maskz_mov_ps((__mmask16)words[j], y);
        _mm512_store_ps(at, y);
        total = _mm512_add_ps(total, y);
    }
    _mm512_storeu_ps(sum, total);
}

void attn_weights_f32_16__avx512(float *s, const uint32_t *words, int64_t n, const float *m, float *sum) {
    if (words)
        weights(true, s, words, n, m, sum);
    else
        weights(false, s, words, n, m, sum);
}

/* tanh(x) = sign(x) * (1 - t) / (1 + t) with t = 2^(-2 |x| log2 e): no cancellation worse than float's own for large |x|; below 2^-4 the
 * odd polynomial keeps the relative accuracy of tiny logits. */
void attn_softcap_f32_16__avx512(float *s, int64_t n, float cap) {
    const __m512 one = _mm512_set1_ps(1.0f), sign = _mm512_set1_ps(-0.0f);
    const __m512 inverse = _mm512_set1_ps(1.0f / cap), limit = _mm512_set1_ps(0.0625f);
    for (int64_t j = 0; j < n; j++) {
        __m512 x = _mm512_mul_ps(_mm512_load_ps(s + j * ATTN_LANES), inverse);
        __m512 size = _mm512_andnot_ps(sign, x);
        __m512 t = attn_exp2_ps(_mm512_mul_ps(size, _mm512_set1_ps(-2.8853900817779268f)));
        __m512 y = _mm512_div_ps(_mm512_sub_ps(one, t), _mm512_add_ps(one, t));
        y = _mm512_or_ps(y, _mm512_and_ps(sign, x));
        __m512 square = _mm512_mul_ps(x, x);
        __m512 p = _mm512_fmadd_ps(square, _mm512_set1_ps(0x1.111112p-3f), _mm512_set1_ps(-0x1.555556p-2f));
        p = _mm512_fmadd_ps(_mm512_mul_ps(p, square), x, x);
        y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(size, limit, _CMP_LT_OQ), p);
        _mm512_store_ps(s + j * ATTN_LANES, _mm512_mul_ps(y, _mm512_set1_ps(cap)));
    }
}
