/* Queries as bytes, for keys that are bytes themselves: each block of 32 numbers x becomes code = x * (127 / greatest |x|), to nearest, ties to
 * even, and the scale greatest |x| / 127. Blocks below 2^-120 are 0. One with an infinity or a NaN has the scale NaN, which makes all logits of
 * its query NaN. */
#include "kernel/convert/convert.h"
#include "kernel/decode/parts.h"

#include <math.h>
#include <string.h>

static float greatest(const float *x) {
    uint32_t most = 0; /* magnitudes order as their bits do, NaN above all */
    for (int c = 0; c < ATTN_Q8_BLOCK; c++) {
        const uint32_t size = attn_bits_of_float(x[c]) & INT32_MAX;
        most = size > most ? size : most;
    }
    return attn_float_of_bits(most);
}

/* Block number b of a step, which is all 0. */
static void round_block(const float *x, int b, struct attn_decode_q8 *to) {
    int8_t *code = to->code + b * ATTN_Q8_BLOCK;
    const float most = greatest(x), scale = isfinite(most) ? most / 127.0f : NAN;
    if (most < 0x1p-120f) return;
    for (int i = 0; i < 4; i++) to->scale[4 * b + i] = scale;
    if (!isfinite(most)) return;
    for (int c = 0; c < ATTN_Q8_BLOCK; c++) /* at 1.5 * 2^23 a float's last bit is 1: a sum there is rounded as it should be */
        code[c] = (int8_t)attn_bits_of_float(x[c] * (127.0f / most) + 0x1.8p23f);
    for (int c = 0; c < ATTN_Q8_BLOCK; c += 4)
        to->offset[(b * ATTN_Q8_BLOCK + c) / 4] = -128 * (code[c] + code[c + 1] + code[c + 2] + code[c + 3]);
}

void attn_decode_round(const struct attn_decode_work *w) {
    const int blocks = w->x->shape->dim / ATTN_Q8_BLOCK, step = ATTN_DECODE_Q8 / ATTN_Q8_BLOCK;
    memset(w->q8, 0, (size_t)(w->rows * w->cut->q8_row) * sizeof *w->q8);
    for (int64_t r = 0; r < w->rows; r++)
        for (int b = 0; b < blocks; b++)
            round_block(w->q + r * w->cut->q_row + b * ATTN_Q8_BLOCK, b % step, w->q8 + r * w->cut->q8_row + b / step);
}
