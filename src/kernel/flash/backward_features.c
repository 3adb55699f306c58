/* What the general epilogue needs of an execution: slopes, bias rows and dropped pairs of one panel of a tile. */
#include "kernel/flash/backward_tile.h"

#include <math.h>

/* The rows and lanes of 32 words exchanged: bit l of word r becomes bit r of word l, by swapping blocks of 16, 8, 4, 2, 1. */
static void transpose_bits(uint32_t w[32]) {
    uint32_t mask = 0x0000ffffu;
    for (int j = 16; j; j /= 2, mask ^= mask << j)
        for (int k = 0; k < 32; k = (k + j + 1) & ~j) {
            const uint32_t swap = (w[k] >> j ^ w[k + j]) & mask;
            w[k] ^= swap << j;
            w[k + j] ^= swap;
        }
}

/* kept[r]: bit l is set where pair (i0 + r, k0 + l) is kept. */
static void kept_words(const struct attn_exec *x, const struct attn_backward_tile *tile, int64_t i0, int rows, int64_t k0, uint32_t *kept) {
    for (int r = 0; r < rows; r += ATTN_PANEL) {
        uint32_t words[ATTN_PANEL];
        const int64_t i = i0 + r + x->q_offset, j = k0 + x->kv_offset;
        attn_dropout_words(x->seed, x->shape->dropout, tile->b + x->batch_offset, tile->h + x->head_offset, i, ATTN_PANEL, j,
                           j + ATTN_PANEL, words);
        transpose_bits(words);
        for (int l = 0; l < ATTN_PANEL && r + l < rows; l++) kept[r + l] = words[l];
    }
}

void attn_backward_features(const struct attn_backward *s, const struct attn_backward_worker *w, const struct attn_backward_tile *tile,
                            int panel, const struct attn_row_span *span) {
    const struct attn_exec *x = s->x;
    const struct attn_shape *shape = x->shape;
    const int left = tile->keys - panel * ATTN_PANEL;
    const int64_t i0 = tile->i0 + span->begin, k0 = tile->k0 + panel * ATTN_PANEL, b = tile->b, h = tile->h;
    const int64_t at = (int64_t)span->begin * ATTN_TILE_STRIDE + panel * ATTN_PANEL;
    uint32_t kept[ATTN_BACKWARD_QUERIES];
    struct attn_panel_features t = {.rows = span->end - span->begin,
                                    .lanes = left < ATTN_PANEL ? left : ATTN_PANEL,
                                    .p = w->p + at,
                                    .ds = w->ds + at,
                                    .stride = ATTN_TILE_STRIDE,
                                    .words = span->full ? NULL : w->words + panel * ATTN_BACKWARD_QUERIES + span->begin,
                                    .start_p = w->start_p + span->begin,
                                    .start_rest = w->start_rest + span->begin,
                                    .start_ds = w->start_ds + span->begin,
                                    .scale = (float)shape->scale,
                                    .grow = 1.0f};
    if (isfinite(shape->softcap)) t.cap = (float)(shape->softcap * ATTN_LOG2E);
    if (x->alibi.data) {
        t.slope = (float)((double)((const float *)x->alibi.data)[b * x->alibi.b + h * x->alibi.h] * ATTN_LOG2E);
        t.d_slope = x->dalibi.data ? tile->d_slope : NULL;
        t.distance = i0 + x->q_offset + tile->alibi_shift - k0 - x->kv_offset;
    }
    if (x->bias.data) {
        t.bias =
            (const float *)x->bias.data + b * x->bias.b + h * x->bias.h + (i0 + x->q_offset) * x->bias.t + (k0 + x->kv_offset) * x->bias.d;
        t.bias_row = x->bias.t;
        t.bias_lane = x->bias.d;
    }
    if (x->dbias.data) {
        t.d_bias =
            (float *)x->dbias.data + b * x->dbias.b + h * x->dbias.h + (i0 + x->q_offset) * x->dbias.t + (k0 + x->kv_offset) * x->dbias.d;
        t.d_bias_row = x->dbias.t;
        t.d_bias_lane = x->dbias.d;
    }
    if (shape->features & ATTN_DROPOUT) {
        kept_words(x, tile, i0, t.rows, k0, kept);
        t.kept = kept;
        t.grow = (float)(1.0 / (1.0 - shape->dropout));
    }
    s->ops->features(&t);
}
