/* Arrays between float32 and the types that keys and values are stored in: bfloat16, float16, and int8 in blocks of 32 with one scale.
 *
 * The 16-bit types round as base/half.h does. A block holds its scale first (float16), then 32 codes: value = scale * code, exact in
 * float32. It is made so: scale = greatest |x| / 127, rounded to float16; code = x * (1 / scale), to nearest, ties to even, cut to [-127, 127].
 * A greatest |x| above 127 * 65504 has the scale 65504 and is cut; a block with an infinity or a NaN is NaN as a whole (scale NaN, codes 0).
 * Every set of functions gives the same bits. None needs alignment beyond that of its elements.
 */
#ifndef ATTN_KERNEL_CONVERT_CONVERT_H
#define ATTN_KERNEL_CONVERT_CONVERT_H

#include "attn.h"
#include "base/half.h"

#include <stdbool.h>

enum { ATTN_Q8_BLOCK = 32 };

struct attn_q8 {
    uint16_t scale; /* float16 */
    int8_t code[ATTN_Q8_BLOCK];
};

/* A block without codes yet, from the bits of the greatest magnitude among its numbers. */
static inline struct attn_q8 attn_q8_empty(uint32_t greatest) {
    struct attn_q8 block = {.scale = 0x7e00}; /* NaN */
    if (greatest >= 0x7f800000) return block;
    block.scale = attn_f16_of_f32(attn_float_of_bits(greatest) / 127.0f);
    if (block.scale == 0x7c00) block.scale = 0x7bff; /* not infinite */
    return block;
}
/* Does it stay without? */
static inline bool attn_q8_is_empty(const struct attn_q8 *block) {
    return block->scale == 0 || block->scale > 0x7c00;
}

struct attn_convert {
    uint32_t isa_bits; /* what it needs of attn_ctx.isa */
    void (*f32_of_bf16)(const uint16_t *from, int64_t n, float *to);
    void (*bf16_of_f32)(const float *from, int64_t n, uint16_t *to);
    void (*f32_of_f16)(const uint16_t *from, int64_t n, float *to);
    void (*f16_of_f32)(const float *from, int64_t n, uint16_t *to);
    void (*f32_of_q8)(const struct attn_q8 *from, int64_t blocks, float *to);
    void (*q8_of_f32)(const float *from, int64_t blocks, struct attn_q8 *to);
};

/* The fastest set that these instruction sets (ATTN_ISA_*) can run. */
const struct attn_convert *attn_convert_for(uint32_t isa);

/* By type: ATTN_BF16 or ATTN_F16. */
static inline float attn_f32_of_half(attn_dtype type, uint16_t x) {
    return type == ATTN_BF16 ? attn_f32_of_bf16(x) : attn_f32_of_f16(x);
}
static inline uint16_t attn_half_of_f32(attn_dtype type, float x) {
    return type == ATTN_BF16 ? attn_bf16_of_f32(x) : attn_f16_of_f32(x);
}
/* Element `at` of an array of ATTN_F32, ATTN_BF16 or ATTN_F16. */
static inline float attn_element_f32(attn_dtype type, const void *data, int64_t at) {
    return type == ATTN_F32 ? ((const float *)data)[at] : attn_f32_of_half(type, ((const uint16_t *)data)[at]);
}
static inline void attn_f32_of_halfs(const struct attn_convert *set, attn_dtype type, const uint16_t *from, int64_t n, float *to) {
    (type == ATTN_BF16 ? set->f32_of_bf16 : set->f32_of_f16)(from, n, to);
}
static inline void attn_halfs_of_f32(const struct attn_convert *set, attn_dtype type, const float *from, int64_t n, uint16_t *to) {
    (type == ATTN_BF16 ? set->bf16_of_f32 : set->f16_of_f32)(from, n, to);
}

extern const struct attn_convert attn_convert__portable;
#if defined(ATTN_HAVE_AVX2)
extern const struct attn_convert attn_convert__avx2;
#endif
#if defined(ATTN_HAVE_AVX512)
extern const struct attn_convert attn_convert__avx512;
#endif
#if defined(ATTN_HAVE_NEON)
extern const struct attn_convert attn_convert__neon;
#endif

#endif
