/* Conversions in plain C: the reference, one number after the other. */
#include "kernel/convert/set_template.h"

#include <math.h>

static void f32_of_bf16(const uint16_t *from, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i++) to[i] = attn_f32_of_bf16(from[i]);
}
static void bf16_of_f32(const float *from, int64_t n, uint16_t *to) {
    for (int64_t i = 0; i < n; i++) to[i] = attn_bf16_of_f32(from[i]);
}
static void f32_of_f16(const uint16_t *from, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i++) to[i] = attn_f32_of_f16(from[i]);
}
static void f16_of_f32(const float *from, int64_t n, uint16_t *to) {
    for (int64_t i = 0; i < n; i++) to[i] = attn_f16_of_f32(from[i]);
}

static void f32_of_q8(const struct attn_q8 *from, int64_t blocks, float *to) {
    for (int64_t b = 0; b < blocks; b++) {
        const float scale = attn_f32_of_f16(from[b].scale);
        for (int i = 0; i < ATTN_Q8_BLOCK; i++) to[b * ATTN_Q8_BLOCK + i] = scale * (float)from[b].code[i];
    }
}

static void q8_of_block(const float *x, struct attn_q8 *to) {
    uint32_t most = 0;
    for (int i = 0; i < ATTN_Q8_BLOCK; i++) {
        const uint32_t size = attn_bits_of_float(x[i]) & 0x7fffffff;
        most = size > most ? size : most;
    }
    *to = attn_q8_empty(most);
    if (attn_q8_is_empty(to)) return;
    const float inverse = 1.0f / attn_f32_of_f16(to->scale);
    for (int i = 0; i < ATTN_Q8_BLOCK; i++) {
        const float code = rintf(x[i] * inverse);
        to->code[i] = (int8_t)(code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code);
    }
}

ATTN_CONVERT_SET(portable, 0)
