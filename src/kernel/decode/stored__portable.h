/* Vectors of stored numbers in plain C. The names are explained in decode_template.h. */
#ifndef ATTN_KERNEL_DECODE_STORED_PORTABLE_H
#define ATTN_KERNEL_DECODE_STORED_PORTABLE_H

#include "base/half.h"
#include "kernel/vector__portable.h"

VEC_INLINE vec vec_bf16(const uint16_t *x) {
    return (vec){attn_f32_of_bf16(x[0]), attn_f32_of_bf16(x[1]), attn_f32_of_bf16(x[2]), attn_f32_of_bf16(x[3])};
}
VEC_INLINE vec vec_f16(const uint16_t *x) {
    return (vec){attn_f32_of_f16(x[0]), attn_f32_of_f16(x[1]), attn_f32_of_f16(x[2]), attn_f32_of_f16(x[3])};
}
VEC_INLINE vec vec_bf16_first(const uint16_t *x, int64_t n) {
    uint16_t bits[4] = {0};
    memcpy(bits, x, (size_t)n * sizeof *x);
    return vec_bf16(bits);
}
VEC_INLINE vec vec_f16_first(const uint16_t *x, int64_t n) {
    uint16_t bits[4] = {0};
    memcpy(bits, x, (size_t)n * sizeof *x);
    return vec_f16(bits);
}
VEC_INLINE vec vec_f16_set1(const uint16_t *x) {
    return vec_set1(attn_f32_of_f16(*x));
}
VEC_INLINE vec vec_i8(const int8_t *x) {
    return (vec){(float)x[0], (float)x[1], (float)x[2], (float)x[3]};
}
VEC_INLINE vec vec_quarters(vec a, vec b, vec c, vec d) {
    vec r[4] = {a, b, c, d};
    vec_transpose(r);
    return vec_add(vec_add(r[0], r[2]), vec_add(r[1], r[3]));
}
VEC_INLINE vec vec_join(const vec *x) {
    return x[0];
}

VEC_INLINE void vec_hold(const vec *x) {
    (void)x;
}

#endif
