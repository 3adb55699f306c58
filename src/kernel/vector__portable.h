/* Vectors of 4 floats in the compiler's own vector types (gcc and clang), which it lowers to what the target has: SSE2 on every x86-64, NEON
 * on 64-bit Arm, scalars elsewhere. The names are explained in vector_template.h. */
#ifndef ATTN_KERNEL_VECTOR_PORTABLE_H
#define ATTN_KERNEL_VECTOR_PORTABLE_H

enum { VEC_LANES = 4 };
#define VEC_LANE_BITS 1, 2, 4, 8
#include "kernel/vector_template.h"

VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
VEC_INLINE vec vec_select(vec_mask mask, vec yes, vec no) {
    return (vec)(((vec_mask)yes & mask) | ((vec_mask)no & ~mask));
}
VEC_INLINE void vec_accumulate(vec *sum, vec a, vec b) {
    *sum = vec_fma(a, b, *sum);
}
VEC_INLINE vec vec_min(vec a, vec b) {
    return vec_select(a < b, a, b);
}
VEC_INLINE vec vec_max(vec a, vec b) {
    return vec_select(a > b, a, b);
}
VEC_INLINE uint32_t vec_word(vec_mask mask) {
    const vec_mask bit = {VEC_LANE_BITS}, set = mask & bit;
    return (uint32_t)(set[0] | set[1] | set[2] | set[3]);
}
VEC_INLINE bool vec_any(vec_mask mask) {
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
}
VEC_INLINE vec vec_load_first(const float *p, int64_t n) {
    vec x = {0.0f};
    if (n >= VEC_LANES) return vec_load(p);
    memcpy(&x, p, (size_t)n * sizeof *p);
    return x;
}
VEC_INLINE void vec_store_first(float *p, int64_t n, vec x) {
    memcpy(p, &x, n < VEC_LANES ? (size_t)n * sizeof *p : sizeof x);
}
VEC_INLINE vec vec_up(vec x, int n, vec fill) {
    if (n == 1) return (vec){fill[0], x[0], x[1], x[2]};
    return n == 2 ? (vec){fill[0], fill[1], x[0], x[1]} : (vec){fill[0], fill[1], fill[2], x[0]};
}
VEC_INLINE vec vec_down(vec x, int n, vec fill) {
    if (n == 1) return (vec){x[1], x[2], x[3], fill[3]};
    return n == 2 ? (vec){x[2], x[3], fill[2], fill[3]} : (vec){x[3], fill[1], fill[2], fill[3]};
}
VEC_INLINE float vec_sum(vec x) {
    return (x[0] + x[2]) + (x[1] + x[3]);
}
VEC_INLINE void vec_transpose(vec r[4]) {
    const vec a = r[0], b = r[1], c = r[2], d = r[3];
    for (int i = 0; i < 4; i++) r[i] = (vec){a[i], b[i], c[i], d[i]};
}
VEC_INLINE void vec_prefetch(const void *address) {
    (void)address; /* not every target has an instruction for it */
}

#include "kernel/vector_exp2_template.h"

#endif
