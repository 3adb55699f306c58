/* Microkernels of the backward pass in plain C: 4 rows x 2 vectors of 4 floats, which every 64-bit processor has in registers
 * (GNU vector types: gcc and clang turn them into SSE2 or NEON). */
#include "kernel/flash/backward_ops.h"
#include "kernel/flash/vector__portable.h"

enum { LANES = ATTN_V4 };
#define ROWS 4

typedef attn_v4 vec;

static inline vec vec_load(const float *x) {
    return attn_v4_load(x);
}
static inline void vec_store(float *to, vec x) {
    attn_v4_store(to, x);
}
static inline vec vec_set1(float x) {
    return attn_v4_set(x);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
static inline vec vec_add(vec a, vec b) {
    return a + b;
}
static inline vec vec_mul(vec a, vec b) {
    return a * b;
}
static inline vec vec_exp2(vec x) {
    return attn_v4_exp2(x);
}
static inline vec vec_keep(vec x, uint32_t bits) {
    return attn_v4_select(attn_v4_lanes(bits, 0), x, attn_v4_set(0.0f));
}
static inline void prefetch(const char *address) {
    (void)address;
}

#include "kernel/flash/gemm_f32_template.h"
#include "kernel/flash/features_f32_template.h"

static void pack(const float *x, int64_t stride, int keys, int dim, double factor, float *panel) {
    for (int c = 0; c < dim; c++)
        for (int l = 0; l < ATTN_PANEL; l++) panel[c * ATTN_PANEL + l] = l < keys ? (float)(factor * (double)x[l * stride + c]) : 0.0f;
}

static bool all_finite(const float *x, int64_t stride, int rows, int dim) {
    uint32_t bad = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < dim; c++) {
            uint32_t bits;
            __builtin_memcpy(&bits, x + r * stride + c, sizeof bits);
            bad |= (bits & 0x7fffffffu) + 0x00800000u; /* the sign bit: the exponent was all ones */
        }
    return !(bad >> 31);
}

const struct attn_flash_backward_ops attn_flash_backward_ops__portable = {
    .weights = weights,
    .gradients = gradients,
    .logits = logits,
    .by_keys = by_keys,
    .by_queries = by_queries,
    .features = features,
    .pack = pack,
    .finite = all_finite,
};
