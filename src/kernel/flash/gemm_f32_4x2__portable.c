/* Microkernels of the backward pass in plain C: 4 rows x 2 vectors of 4 floats, which every 64-bit processor has in registers
 * (GNU vector types: gcc and clang turn them into SSE2 or NEON). */
#include "kernel/flash/backward_ops.h"

enum { LANES = 4 };
#define ROWS 4

typedef float vec __attribute__((vector_size(16)));
typedef int32_t vec_int __attribute__((vector_size(16)));

static inline vec vec_load(const float *x) {
    vec v;
    __builtin_memcpy(&v, x, sizeof v);
    return v;
}
static inline void vec_store(float *to, vec x) {
    __builtin_memcpy(to, &x, sizeof x);
}
static inline vec vec_set1(float x) {
    return (vec){x, x, x, x};
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
static inline vec vec_keep(vec x, uint32_t bits) {
    const vec_int lane = {1, 2, 4, 8};
    const int32_t b = (int32_t)(bits & 15u);
    const vec_int keep = ((vec_int){b, b, b, b} & lane) != 0;
    return (vec)((vec_int)x & keep);
}
static inline void prefetch(const char *address) {
    (void)address;
}

static inline vec vec_select(vec_int yes, vec a, vec b) {
    return (vec)((yes & (vec_int)a) | (~yes & (vec_int)b));
}

/* 2^x = 2^n 2^f with n the nearest integer, found by adding 1.5 * 2^23; 2^f by a minimax polynomial of degree 5 that is 1 at 0 (own
 * Remez exchange and search over the neighbouring floats). Below 2^-126 the result is 0, from 2^127 on inf; NaN stays. */
static inline vec vec_exp2(vec x) {
    const vec big = vec_set1(0x1.8p23f);
    const vec inside = vec_select(x > vec_set1(-126.0f), vec_select(x < vec_set1(127.0f), x, vec_set1(127.0f)), vec_set1(-126.0f));
    const vec n = (inside + big) - big;
    const vec f = inside - n;
    vec p = vec_set1(0x1.5bb86ep-10f);
    p = vec_fma(p, f, vec_set1(0x1.3ceb7ep-7f));
    p = vec_fma(p, f, vec_set1(0x1.c6b714p-5f));
    p = vec_fma(p, f, vec_set1(0x1.ebf9bcp-3f));
    p = vec_fma(p, f, vec_set1(0x1.62e42ap-1f));
    p = vec_fma(p, f, vec_set1(1.0f));
    const vec_int exponent = (((vec_int)(inside + big) - (vec_int)big) + 127) << 23;
    p *= (vec)exponent;
    p = (vec)((vec_int)p & (x > vec_set1(-126.0f)));
    p = vec_select(x >= vec_set1(127.0f), p * vec_set1(__builtin_inff()), p);
    return vec_select(x != x, x, p);
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
