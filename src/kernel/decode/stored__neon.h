/* Vectors of stored numbers: 64-bit Arm. The names are explained in decode_template.h. */
#ifndef ATTN_KERNEL_DECODE_STORED_NEON_H
#define ATTN_KERNEL_DECODE_STORED_NEON_H

#include "kernel/vector__neon.h"

VEC_INLINE uint16x4_t vec_first_halves(const uint16_t *x, int64_t n) {
    uint16_t bits[4] = {0};
    memcpy(bits, x, (size_t)n * sizeof *x);
    return vld1_u16(bits);
}
VEC_INLINE vec vec_of_bf16_bits(uint16x4_t x) {
    return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}
VEC_INLINE vec vec_of_f16_bits(uint16x4_t x) {
    return vcvt_f32_f16(vreinterpret_f16_u16(x));
}
VEC_INLINE vec vec_bf16(const uint16_t *x) {
    return vec_of_bf16_bits(vld1_u16(x));
}
VEC_INLINE vec vec_bf16_first(const uint16_t *x, int64_t n) {
    return vec_of_bf16_bits(vec_first_halves(x, n));
}
VEC_INLINE vec vec_f16(const uint16_t *x) {
    return vec_of_f16_bits(vld1_u16(x));
}
VEC_INLINE vec vec_f16_first(const uint16_t *x, int64_t n) {
    return vec_of_f16_bits(vec_first_halves(x, n));
}
VEC_INLINE vec vec_f16_set1(const uint16_t *x) {
    return vec_of_f16_bits(vdup_n_u16(*x));
}
VEC_INLINE vec vec_i8(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))))));
}
VEC_INLINE vec vec_quarters(vec a, vec b, vec c, vec d) {
    vec r[4] = {a, b, c, d};
    vec_transpose(r);
    return vec_add(vec_add(r[0], r[2]), vec_add(r[1], r[3]));
}
VEC_INLINE vec vec_join(const vec *x) {
    return x[0];
}

VEC_INLINE void vec_hold(vec *x) {
    __asm__("" : "+w"(*x));
}

#endif
