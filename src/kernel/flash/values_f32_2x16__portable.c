/* Weighted sum of values, two columns at a time for 16 queries (lanes). See values_f32_16x16__avx512.c. */
#include "kernel/flash/micro__portable.h"
#include "kernel/flash/vector__portable.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void block(const bool masked, const float *s, const uint32_t *words, int64_t n, const float *values, const float *alpha, float *o) {
    attn_v4 acc[2][ATTN_V4_LANES];
    for (int c = 0; c < 2; c++)
        for (int v = 0; v < ATTN_V4_LANES; v++) {
            attn_v4 x = attn_v4_load(o + c * LANES + v * ATTN_V4);
            acc[c][v] = alpha ? x * attn_v4_load(alpha + v * ATTN_V4) : x;
        }
    for (int64_t j = 0; j < n; j++)
        for (int c = 0; c < 2; c++) {
            attn_v4 x = attn_v4_set(values[j * 16 + c]);
            for (int v = 0; v < ATTN_V4_LANES; v++) {
                attn_v4 next = acc[c][v] + x * attn_v4_load(s + j * LANES + v * ATTN_V4);
                acc[c][v] = masked ? attn_v4_select(attn_v4_lanes(words[j], v), next, acc[c][v]) : next;
            }
        }
    for (int c = 0; c < 2; c++)
        for (int v = 0; v < ATTN_V4_LANES; v++) attn_v4_store(o + c * LANES + v * ATTN_V4, acc[c][v]);
}

void attn_values_f32_2x16__portable(const void *p, const uint32_t *words, int64_t n, const void *v, int64_t v_rows, int64_t e,
                                    const float *alpha, float *o) {
    for (int64_t c = 0; c < e; c += 2) {
        const float *panel = (const float *)v + c / 16 * 16 * v_rows + c % 16;
        if (words)
            block(true, p, words, n, panel, alpha, o + c * LANES);
        else
            block(false, p, words, n, panel, alpha, o + c * LANES);
    }
}
