/* One number between float32 and the 16-bit types: bfloat16 (1 sign, 8 exponent, 7 fraction bits) and float16 (IEEE 754 binary16: 1, 5, 10).
 *
 * To 16 bits: to nearest, ties to even; what is too large becomes infinite, what is too small a denormal or 0 of its sign. A NaN stays one,
 * quiet, with its sign and the high bits of its payload. From 16 bits every number is exact (a signalling float16 NaN comes out quiet).
 * Arrays: kernel/convert/convert.h, with the same bits. */
#ifndef ATTN_BASE_HALF_H
#define ATTN_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float attn_float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint32_t attn_bits_of_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float attn_f32_of_bf16(uint16_t x) {
    return attn_float_of_bits((uint32_t)x << 16);
}

static inline uint16_t attn_bf16_of_f32(float x) {
    const uint32_t bits = attn_bits_of_float(x);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/* The fraction is moved to its place and the exponent re-biased by a multiplication with 2^112, which makes denormals normal. */
static inline float attn_f32_of_f16(uint16_t x) {
    const uint32_t sign = (uint32_t)(x & 0x8000) << 16, rest = (uint32_t)(x & 0x7fff) << 13;
    if (rest > 0x0f800000) return attn_float_of_bits(sign | 0x7fc00000 | rest); /* NaN */
    if (rest == 0x0f800000) return attn_float_of_bits(sign | 0x7f800000);
    return attn_float_of_bits(sign | attn_bits_of_float(attn_float_of_bits(rest) * 0x1p112f));
}

/* Normal results are rounded as integers; for denormal ones adding 0.5 leaves the multiple of 2^-24 in the low bits, rounded by the adder. */
static inline uint16_t attn_f16_of_f32(float x) {
    const uint32_t bits = attn_bits_of_float(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x3ff));
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and above */
    if (size < 0x38800000) return (uint16_t)(sign | (attn_bits_of_float(attn_float_of_bits(size) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
}

#endif
