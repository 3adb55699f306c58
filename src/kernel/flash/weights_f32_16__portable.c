/* The softmax pass over logits held as 16 queries a key: maximum, 2^(s - m) and its sum, soft-cap. See weights_f32_16__avx512.c. */
#include "kernel/flash/micro__portable.h"
#include "kernel/flash/vector__portable.h"

void attn_max_f32_16__portable(const float *s, const uint32_t *words, int64_t n, float *max) {
    for (int v = 0; v < ATTN_V4_LANES; v++) {
        attn_v4 m = attn_v4_load(max + v * ATTN_V4);
        for (int64_t j = 0; j < n; j++) {
            attn_v4 x = attn_v4_load(s + j * LANES + v * ATTN_V4);
            m = attn_v4_max(attn_v4_select(attn_v4_lanes(words ? words[j] : 0xffff, v), x, m), m);
        }
        attn_v4_store(max + v * ATTN_V4, m);
    }
}

void attn_weights_f32_16__portable(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum) {
    for (int v = 0; v < ATTN_V4_LANES; v++) {
        attn_v4 shift = attn_v4_load(m + v * ATTN_V4), total = attn_v4_load(sum + v * ATTN_V4);
        for (int64_t j = 0; j < n; j++) {
            const int64_t at = j * LANES + v * ATTN_V4;
            attn_v4 y = attn_v4_exp2(attn_v4_load(s + at) - shift);
            if (words) y = attn_v4_select(attn_v4_lanes(words[j], v), y, attn_v4_set(0.0f));
            attn_v4_store((float *)p + at, y);
            total += y;
        }
        attn_v4_store(sum + v * ATTN_V4, total);
    }
}

void attn_softcap_f32_16__portable(float *s, int64_t n, float cap) {
    const attn_v4 one = attn_v4_set(1.0f), inverse = attn_v4_set(1.0f / cap);
    for (int64_t i = 0; i < n * LANES; i += ATTN_V4) {
        attn_v4 x = attn_v4_load(s + i) * inverse;
        attn_v4 size = attn_v4_select(x < attn_v4_set(0.0f), -x, x);
        attn_v4 t = attn_v4_exp2(size * attn_v4_set(-2.8853900817779268f));
        attn_v4 y = (one - t) / (one + t);
        y = attn_v4_select(x < attn_v4_set(0.0f), -y, y);
        attn_v4 square = x * x;
        attn_v4 p = square * attn_v4_set(0x1.111112p-3f) + attn_v4_set(-0x1.555556p-2f);
        y = attn_v4_select(size < attn_v4_set(0.0625f), x + x * square * p, y);
        attn_v4_store(s + i, y * attn_v4_set(cap));
    }
}
