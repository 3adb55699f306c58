/* Conversions for 64-bit Arm, 8 numbers a step. float16 by the instructions that every such processor has; bfloat16 with integers. */
#include "kernel/convert/set_template.h"

#include <arm_neon.h>

enum { STEP = 8, LANES = 4 };

static void widen_bf16(const uint16_t *from, float *to) {
    const uint16x8_t x = vld1q_u16(from);
    vst1q_f32(to, vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16)));
    vst1q_f32(to + LANES, vreinterpretq_f32_u32(vshll_high_n_u16(x, 16)));
}

/* The bits of a bfloat16 in the high half of each lane. */
static uint32x4_t rounded_bf16(float32x4_t x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vbslq_u32(vceqq_f32(x, x), rounded, quiet);
}
static void narrow_bf16(const float *from, uint16_t *to) {
    const uint16x4_t low = vshrn_n_u32(rounded_bf16(vld1q_f32(from)), 16);
    vst1q_u16(to, vshrn_high_n_u32(low, rounded_bf16(vld1q_f32(from + LANES)), 16));
}

static void widen_f16(const uint16_t *from, float *to) {
    const float16x8_t x = vreinterpretq_f16_u16(vld1q_u16(from));
    vst1q_f32(to, vcvt_f32_f16(vget_low_f16(x)));
    vst1q_f32(to + LANES, vcvt_high_f32_f16(x));
}
static void narrow_f16(const float *from, uint16_t *to) {
    const float16x4_t low = vcvt_f16_f32(vld1q_f32(from));
    vst1q_u16(to, vreinterpretq_u16_f16(vcvt_high_f16_f32(low, vld1q_f32(from + LANES))));
}

CONVERT(f32_of_bf16, uint16_t, float, STEP, widen_bf16)
CONVERT(bf16_of_f32, float, uint16_t, STEP, narrow_bf16)
CONVERT(f32_of_f16, uint16_t, float, STEP, widen_f16)
CONVERT(f16_of_f32, float, uint16_t, STEP, narrow_f16)

static void f32_of_q8(const struct attn_q8 *from, int64_t blocks, float *to) {
    for (int64_t b = 0; b < blocks; b++) {
        const float32x4_t scale = vdupq_n_f32(attn_f32_of_f16(from[b].scale));
        for (int i = 0; i < ATTN_Q8_BLOCK; i += STEP) {
            const int16x8_t code = vmovl_s8(vld1_s8(from[b].code + i));
            float *at = to + b * ATTN_Q8_BLOCK + i;
            vst1q_f32(at, vmulq_f32(scale, vcvtq_f32_s32(vmovl_s16(vget_low_s16(code)))));
            vst1q_f32(at + LANES, vmulq_f32(scale, vcvtq_f32_s32(vmovl_high_s16(code))));
        }
    }
}

/* The greatest magnitude is found in the bits: as integers they are in the order of the magnitudes, NaN above infinity. */
static uint32_t greatest(const float *x) {
    uint32x4_t most = vdupq_n_u32(0);
    for (int i = 0; i < ATTN_Q8_BLOCK; i += LANES)
        most = vmaxq_u32(most, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), vdupq_n_u32(0x7fffffff)));
    return vmaxvq_u32(most);
}

/* Rounded to the nearest, ties to even, and cut. */
static int16x4_t codes_of(float32x4_t x, float32x4_t inverse) {
    const float32x4_t cut = vmaxq_f32(vminq_f32(vmulq_f32(x, inverse), vdupq_n_f32(127.0f)), vdupq_n_f32(-127.0f));
    return vmovn_s32(vcvtnq_s32_f32(cut));
}
static void q8_of_block(const float *x, struct attn_q8 *to) {
    *to = attn_q8_empty(greatest(x));
    if (attn_q8_is_empty(to)) return;
    const float32x4_t inverse = vdupq_n_f32(1.0f / attn_f32_of_f16(to->scale));
    for (int i = 0; i < ATTN_Q8_BLOCK; i += STEP) {
        const int16x4_t low = codes_of(vld1q_f32(x + i), inverse), high = codes_of(vld1q_f32(x + i + LANES), inverse);
        vst1_s8(to->code + i, vmovn_s16(vcombine_s16(low, high)));
    }
}

ATTN_CONVERT_SET(neon, ATTN_ISA_NEON)
