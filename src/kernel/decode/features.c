/* The features that change a logit after the dot product. Logits are in units of log2, so a natural logit's term is multiplied by log2(e). */
#include "kernel/decode/parts.h"

#include <math.h>

static void add_alibi(const struct attn_decode_work *w, int64_t r, int64_t key, int64_t n, float *s) {
    const struct attn_exec *x = w->x;
    const float slope = ((const float *)x->alibi.data)[w->sequence * x->alibi.b + (w->head + r / w->queries) * x->alibi.h] * (float)M_LOG2E;
    const int64_t apart = w->q0 + r % w->queries + x->q_offset + attn_exec_alibi_shift(x, &w->seq) - key - x->kv_offset;
    for (int64_t j = 0; j < n; j++) s[j] -= slope * fabsf((float)(apart - j));
}

static void add_bias(const struct attn_decode_work *w, int64_t r, int64_t key, int64_t n, float *s) {
    const struct attn_array *a = &w->x->bias;
    const float *bias = (const float *)a->data + w->sequence * a->b + (w->head + r / w->queries) * a->h +
                        (w->q0 + r % w->queries + w->x->q_offset) * a->t + (key + w->x->kv_offset) * a->d;
    for (int64_t j = 0; j < n; j++) s[j] += bias[j * a->d] * (float)M_LOG2E;
}

void attn_decode_adjust(const struct attn_decode_work *w, int64_t key, int64_t n) {
    const struct attn_shape *shape = w->x->shape;
    const float cap = (float)(shape->softcap * M_LOG2E);
    if (isfinite(shape->softcap)) w->ops->softcap(w->s, w->rows * ATTN_DECODE_TILE, cap);
    for (int64_t r = 0; r < w->rows; r++) {
        float *s = w->s + r * ATTN_DECODE_TILE + key % ATTN_DECODE_TILE;
        if (w->x->alibi.data) add_alibi(w, r, key, n, s);
        if (w->x->bias.data) add_bias(w, r, key, n, s);
    }
}
