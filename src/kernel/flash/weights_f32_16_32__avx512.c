/* The softmax pass over logits held as one or two vectors of 16 queries a key: maximum, 2^(s - m) and its sum, soft-cap. Excluded pairs are
 * selected away by lane masks: neither a logit of theirs nor a NaN in it is ever used. The sum runs in the order of the keys (its latency
 * hides behind the exponential), so that the fused forms in logits_f32_24x16 and logits_f32_8x32 give the same bits.
 */
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/micro__avx512.h"

#define INLINE static inline __attribute__((always_inline))

/* Lanes of vector v in key j's word. */
INLINE __mmask16 lanes_of(const uint32_t *words, int64_t j, int v) {
    return (__mmask16)(words ? words[j] >> 16 * v : 0xffffu);
}

INLINE void max_of(const int vectors, const float *s, const uint32_t *words, int64_t n, float *max) {
    for (int v = 0; v < vectors; v++) {
        __m512 m = _mm512_loadu_ps(max + 16 * v);
        for (int64_t j = 0; j < n; j++) m = _mm512_mask_max_ps(m, lanes_of(words, j, v), _mm512_load_ps(s + (j * vectors + v) * 16), m);
        _mm512_storeu_ps(max + 16 * v, m);
    }
}

INLINE void weights(const int vectors, const bool masked, const float *s, const uint32_t *words, int64_t n, const float *m, float *p,
                    float *sum) {
    __m512 shift[2], total[2];
    for (int v = 0; v < vectors; v++) {
        shift[v] = _mm512_loadu_ps(m + 16 * v);
        total[v] = _mm512_loadu_ps(sum + 16 * v);
    }
    for (int64_t j = 0; j < n; j++)
        for (int v = 0; v < vectors; v++) {
            const int64_t at = (j * vectors + v) * 16;
            __m512 y = attn_exp2_ps(_mm512_sub_ps(_mm512_load_ps(s + at), shift[v]));
            if (masked) y = _mm512_maskz_mov_ps(lanes_of(words, j, v), y);
            _mm512_store_ps(p + at, y);
            total[v] = _mm512_add_ps(total[v], y);
        }
    for (int v = 0; v < vectors; v++) _mm512_storeu_ps(sum + 16 * v, total[v]);
}

/* tanh(x) = sign(x) * (1 - t) / (1 + t) with t = 2^(-2 |x| log2 e): no cancellation worse than float's own for large |x|; below 2^-4 the
 * odd polynomial keeps the relative accuracy of tiny logits. */
INLINE void softcap(float *s, int64_t vectors, float cap) {
    const __m512 one = _mm512_set1_ps(1.0f), sign = _mm512_set1_ps(-0.0f);
    const __m512 inverse = _mm512_set1_ps(1.0f / cap), limit = _mm512_set1_ps(0.0625f);
    for (int64_t j = 0; j < vectors; j++) {
        __m512 x = _mm512_mul_ps(_mm512_load_ps(s + j * 16), inverse);
        __m512 size = _mm512_andnot_ps(sign, x);
        __m512 t = attn_exp2_ps(_mm512_mul_ps(size, _mm512_set1_ps(-2.8853900817779268f)));
        __m512 y = _mm512_div_ps(_mm512_sub_ps(one, t), _mm512_add_ps(one, t));
        y = _mm512_or_ps(y, _mm512_and_ps(sign, x));
        __m512 square = _mm512_mul_ps(x, x);
        __m512 p = _mm512_fmadd_ps(square, _mm512_set1_ps(0x1.111112p-3f), _mm512_set1_ps(-0x1.555556p-2f));
        p = _mm512_fmadd_ps(_mm512_mul_ps(p, square), x, x);
        y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(size, limit, _CMP_LT_OQ), p);
        _mm512_store_ps(s + j * 16, _mm512_mul_ps(y, _mm512_set1_ps(cap)));
    }
}

void attn_max_f32_16__avx512(const float *s, const uint32_t *words, int64_t n, float *max) {
    max_of(1, s, words, n, max);
}

void attn_max_f32_32__avx512(const float *s, const uint32_t *words, int64_t n, float *max) {
    max_of(2, s, words, n, max);
}

void attn_weights_f32_16__avx512(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum) {
    if (words)
        weights(1, true, s, words, n, m, p, sum);
    else
        weights(1, false, s, words, n, m, p, sum);
}

void attn_weights_f32_32__avx512(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum) {
    if (words)
        weights(2, true, s, words, n, m, p, sum);
    else
        weights(2, false, s, words, n, m, p, sum);
}

void attn_softcap_f32_16__avx512(float *s, int64_t n, float cap) {
    softcap(s, n, cap);
}

void attn_softcap_f32_32__avx512(float *s, int64_t n, float cap) {
    softcap(s, 2 * n, cap);
}
