/* Scores of the search for AVX-512: 6 queries x 64 keys. */
#include "base/cpu.h"
#include "kernel/flash/transpose__avx512.h"
#include "kernel/search/search.h"

enum { LANES = 16, VECTORS = 4 };
#define ROWS 6

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
static inline uint32_t vec_bits_ge(vec x, vec bound) {
    return _mm512_cmp_ps_mask(x, bound, _CMP_GE_OQ);
}
static inline __attribute__((always_inline)) void prefetch(const float *address) { /* else gcc takes it for a call without effect */
    _mm_prefetch((const char *)address, _MM_HINT_NTA);
}

#include "kernel/search/score_f32_template.h"

/* One block of 16 keys x 16 dimensions, transposed in registers. */
INLINE void pack_block(const float *k, int64_t stride, int keys, int32_t dims, float *panel) {
    const __mmask16 columns = attn_first_lanes(dims);
    vec r[16];
    for (int i = 0; i < 16; i++) r[i] = i < keys ? _mm512_maskz_loadu_ps(columns, k + i * stride) : _mm512_setzero_ps();
    attn_transpose16(r);
    for (int i = 0; i < 16 && i < dims; i++) vec_store(panel + i * PANEL, r[i]);
}

static void pack(const float *k, int64_t stride, int keys, int32_t dim, float *panel, const float *ahead) {
    for (int first = 0; first < PANEL; first += 16) {
        int32_t c = 0;
        for (; c + 16 <= dim && first + 16 <= keys; c += 16) {
            if (ahead)
                for (int i = 0; i < 16; i++) _mm_prefetch((const char *)(ahead + (first + i) * stride + c), _MM_HINT_NTA);
            pack_block(k + first * stride + c, stride, 16, 16, panel + (int64_t)c * PANEL + first);
        }
        for (; c < dim; c += 16) pack_block(k + first * stride + c, stride, keys - first, dim - c, panel + (int64_t)c * PANEL + first);
    }
}

const struct attn_search_ops attn_search_ops__avx512 = {
    .isa = "avx512",
    .isa_bits = ATTN_ISA_AVX512,
    .panel = PANEL,
    .pack = pack,
    .score = score,
};
