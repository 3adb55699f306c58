/* Vectors of 4 floats: 64-bit Arm. The names are explained in vector_template.h. vec_fma of a vec_set1 of an element in memory becomes a
 * load of the element and a multiply-add by element. */
#ifndef ATTN_KERNEL_VECTOR_NEON_H
#define ATTN_KERNEL_VECTOR_NEON_H

#include <arm_neon.h>

enum { VEC_LANES = 4 };
#define VEC_LANE_BITS 1, 2, 4, 8
#include "kernel/vector_template.h"

VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}
VEC_INLINE vec vec_select(vec_mask mask, vec yes, vec no) {
    return vbslq_f32((uint32x4_t)mask, yes, no);
}
VEC_INLINE void vec_accumulate(vec *sum, vec a, vec b) {
    *sum = vec_fma(a, b, *sum);
}
/* (vminq and vmaxq answer NaN where either is one.) */
VEC_INLINE vec vec_min(vec a, vec b) {
    return vec_select(a < b, a, b);
}
VEC_INLINE vec vec_max(vec a, vec b) {
    return vec_select(a > b, a, b);
}
VEC_INLINE uint32_t vec_word(vec_mask mask) {
    const vec_mask bit = {VEC_LANE_BITS};
    return vaddvq_u32((uint32x4_t)(mask & bit));
}
VEC_INLINE bool vec_any(vec_mask mask) {
    return vmaxvq_u32((uint32x4_t)mask) != 0;
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
    return vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x)));
}
VEC_INLINE void vec_transpose(vec r[4]) {
    const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])), b = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])), d = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}
VEC_INLINE void vec_prefetch(const void *address) {
    __builtin_prefetch(address, 0, 2);
}

#include "kernel/vector_exp2_template.h"

#endif
