/* Microkernels of the backward pass for AVX-512: 8 rows x 2 vectors of 16 (3 where the columns are odd). */
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/exp2__avx512.h"
#include "kernel/flash/transpose__avx512.h"

#include <immintrin.h>

enum { LANES = 16 };
#define ROWS 8

typedef __m512 vec;

static inline vec vec_load(const float *x) {
    return _mm512_loadu_ps(x);
}
static inline void vec_store(float *to, vec x) {
    _mm512_storeu_ps(to, x);
}
static inline vec vec_set1(float x) {
    return _mm512_set1_ps(x);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
static inline vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
static inline vec vec_keep(vec x, uint32_t bits) {
    return _mm512_maskz_mov_ps((__mmask16)(bits & 0xffff), x);
}
static inline void prefetch(const char *address) {
    _mm_prefetch(address, _MM_HINT_T1);
}

static inline vec vec_exp2(vec x) {
    return attn_exp2_ps(x);
}

#include "kernel/flash/gemm_f32_template.h"
#include "kernel/flash/features_f32_template.h"

static void pack(const float *x, int64_t stride, int keys, int dim, double factor, float *panel) {
    const vec scale = vec_set1((float)factor), rest = vec_set1((float)(factor - (double)(float)factor));
    for (int half = 0; half < ATTN_PANEL; half += 16)
        for (int c = 0; c < dim; c += 16) {
            const __mmask16 columns = attn_first_lanes(dim - c);
            vec r[16];
            for (int i = 0; i < 16; i++)
                r[i] = half + i < keys ? _mm512_maskz_loadu_ps(columns, x + (half + i) * stride + c) : _mm512_setzero_ps();
            attn_transpose16(r);
            for (int i = 0; i < 16 && c + i < dim; i++)
                vec_store(panel + (c + i) * ATTN_PANEL + half, vec_fma(r[i], rest, vec_mul(r[i], scale)));
        }
}

static bool all_finite(const float *x, int64_t stride, int rows, int dim) {
    __mmask16 bad = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < dim; c += 16) {
            const __mmask16 columns = attn_first_lanes(dim - c);
            bad |= _mm512_fpclass_ps_mask(_mm512_maskz_loadu_ps(columns, x + r * stride + c), 0x99); /* quiet, signalling NaN, +-inf */
        }
    return !bad;
}

const struct attn_flash_backward_ops attn_flash_backward_ops__avx512 = {
    .weights = weights,
    .gradients = gradients,
    .logits = logits,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .features = features,
    .pack = pack,
    .finite = all_finite,
};
