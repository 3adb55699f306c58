/* Between the caller's rows and the panels of 16 lanes, in plain C. */
#include "kernel/flash/micro__portable.h"

#include <math.h>

void attn_pack_queries_f32_16__portable(const void *row, ptrdiff_t stride, int64_t n, int64_t d, float factor, void *q) {
    const float *from = row;
    float *to = q;
    for (int64_t c = 0; c < d; c++)
        for (int64_t r = 0; r < LANES; r++) to[c * LANES + r] = r < n ? factor * from[r * stride + c] : 0.0f;
}

bool attn_pack_values_f32_16__portable(const void *row, ptrdiff_t stride, int64_t n, int64_t e, int64_t v_rows, void *v) {
    const float *from = row;
    float *to = v;
    bool finite = true;
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < attn_div_up(e, 16) * 16; c++) {
            float x = c < e ? from[j * stride + c] : 0.0f;
            finite &= isfinite(x) != 0;
            to[c / 16 * 16 * v_rows + j * 16 + c % 16] = x;
        }
    return finite;
}

void attn_store_rows_f32_16__portable(const float *o, const float *scale, const float *keep, int64_t n, int64_t e, void *row,
                                      ptrdiff_t stride) {
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < e; c++) {
            float *at = (float *)row + r * stride + c;
            *at = scale[r] * o[c * LANES + r] + (keep && keep[r] != 0.0f ? keep[r] * *at : 0.0f);
        }
}
