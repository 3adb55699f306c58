/* The microkernels of the scan schedule in float32, in the names of kernel/vector_template.h; what each computes stands in scan_ops.h. A file
 * NAME__ISA.c includes vector__ISA.h, defines SCAN_STREAM(address, x) and SCAN_FENCE() where the processor can write past its cache, and
 * includes this: it gets dots, exps, join, sum, emit, carry, back_sum, back_values and back_keys, and with them the table `ops`.
 */
#include "kernel/scan/scan.h"

#include <math.h>

#if !defined(SCAN_STREAM)
#define SCAN_STREAM(address, x) vec_store(address, x)
#define SCAN_FENCE()            ((void)0)
#endif

/* Columns are taken in blocks of at most four vectors, whose sums stay in registers over the rows. `rest`: columns of the last one. */
enum { SCAN_VECTORS = 4 };

VEC_INLINE void load_columns(int vectors, int64_t rest, const float *p, vec x[SCAN_VECTORS]) {
    for (int j = 0; j < vectors; j++) x[j] = j + 1 < vectors ? vec_load(p + VEC_LANES * j) : vec_load_first(p + VEC_LANES * j, rest);
}
VEC_INLINE void store_columns(int vectors, int64_t rest, float *p, const vec x[SCAN_VECTORS]) {
    for (int j = 0; j < vectors; j++)
        if (j + 1 < vectors)
            vec_store(p + VEC_LANES * j, x[j]);
        else
            vec_store_first(p + VEC_LANES * j, rest, x[j]);
}

/* Calls body(vectors, rest, first column, ...) for each block of the columns: the number of vectors is a constant in each call. */
#define SCAN_BLOCKS(columns, body, ...)                                                                                                    \
    for (int64_t at = 0; at < (columns); at += VEC_LANES * SCAN_VECTORS) {                                                                 \
        const int64_t left = attn_min64((columns)-at, VEC_LANES * SCAN_VECTORS);                                                           \
        if (left > 3 * VEC_LANES)                                                                                                          \
            body(4, left - 3 * VEC_LANES, at, __VA_ARGS__);                                                                                \
        else if (left > 2 * VEC_LANES)                                                                                                     \
            body(3, left - 2 * VEC_LANES, at, __VA_ARGS__);                                                                                \
        else if (left > VEC_LANES)                                                                                                         \
            body(2, left - VEC_LANES, at, __VA_ARGS__);                                                                                    \
        else                                                                                                                               \
            body(1, left, at, __VA_ARGS__);                                                                                                \
    }

/* x = 2^k t with t in [sqrt 1/2, sqrt 2), for x > 0; t is NaN where x is. */
#if defined(__AVX512F__)
VEC_INLINE vec split(vec x, vec *k) {
    const vec t = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero), exponent = _mm512_getexp_ps(x);
    const vec_mask high = vec_at_least(t, vec_set1((float)M_SQRT2));
    *k = _mm512_mask_add_ps(exponent, high, exponent, vec_set1(1.0f));
    return _mm512_mask_mul_ps(t, high, t, vec_set1(0.5f));
}
#else
VEC_INLINE vec split(vec x, vec *k) {
    const vec_words bits = (vec_words)x;                            /* unsigned: lanes that are no numbers overflow */
    const vec_mask exponent = (vec_mask)(bits - 0x3f3504f3u) >> 23; /* the bits of sqrt 1/2 */
    *k = __builtin_convertvector(exponent, vec);
    return vec_add((vec)(bits - ((vec_words)exponent << 23)), vec_sub(x, x)); /* x - x is 0, or NaN */
}
#endif

#include "kernel/scan/dots_f32_template.h"
#include "kernel/scan/gradients_f32_template.h"
#include "kernel/scan/scalars_f32_template.h"
#include "kernel/scan/values_f32_template.h"

static const struct attn_scan_ops ops = {
    .exps = exps,
    .dots = dots,
    .join = join,
    .sum = sum,
    .emit = emit,
    .carry = carry,
    .back_sum = back_sum,
    .back_values = back_values,
    .back_keys = back_keys,
};

static void forward(const struct attn_exec *x) {
    attn_scan_forward(x, &ops);
}
static void backward(const struct attn_exec *x) {
    attn_scan_backward(x, &ops);
}
