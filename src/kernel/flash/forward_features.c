/* The features that change a logit after the dot product, and dropout, on panels s[j][lanes]. Logits are in units of log2, so a
 * natural logit's term is multiplied by log2(e).
 */
#include "kernel/flash/forward_parts.h"

#include <math.h>

static void add_alibi(const struct attn_flash_work *w, float *s, int64_t row, int64_t key, int64_t n) {
    const struct attn_array *a = &w->x->alibi;
    float slope = ((const float *)a->data)[w->sequence * a->b + w->head * a->h] * (float)M_LOG2E;
    /* distance of the first query to the first key */
    int64_t apart = row + w->x->q_offset + attn_exec_alibi_shift(w->x, &w->seq) - key - w->x->kv_offset;
    const int lanes = w->ops->lanes;
    for (int64_t j = 0; j < n; j++)
        for (int r = 0; r < lanes; r++) s[j * lanes + r] -= slope * fabsf((float)(apart + r - j));
}

static void add_bias(const struct attn_flash_work *w, float *s, int64_t row, int lanes, int64_t key, int64_t n) {
    const struct attn_array *a = &w->x->bias;
    const float *bias =
        (const float *)a->data + w->sequence * a->b + w->head * a->h + (row + w->x->q_offset) * a->t + (key + w->x->kv_offset) * a->d;
    for (int r = 0; r < lanes; r++)
        for (int64_t j = 0; j < n; j++) s[j * w->ops->lanes + r] += bias[r * a->t + j * a->d] * (float)M_LOG2E;
}

void attn_flash_adjust_logits(const struct attn_flash_work *w, float *s, int64_t row, int lanes, int64_t key, int64_t n) {
    const struct attn_shape *shape = w->x->shape;
    if (isfinite(shape->softcap)) w->ops->softcap(s, n, (float)(shape->softcap * M_LOG2E));
    if (w->x->alibi.data) add_alibi(w, s, row, key, n);
    if (w->x->bias.data) add_bias(w, s, row, lanes, key, n);
}

/* Weights become 0; what is kept is scaled up with the output. */
static void drop(const struct attn_flash_work *w, int64_t j, int lane) {
    const int64_t lanes = w->ops->lanes;
    if (w->ops->paired)
        ((uint16_t *)w->p)[(j / 2 * lanes + lane) * 2 + j % 2] = 0;
    else
        ((float *)w->p)[j * lanes + lane] = 0.0f;
}

void attn_flash_drop_weights(const struct attn_flash_work *w, int64_t row, int lanes, int64_t key, const struct attn_mask_run *runs,
                             int count) {
    const struct attn_exec *x = w->x;
    uint32_t kept[ATTN_KEY_TILE];
    for (int i = 0; i < count; i++) {
        int64_t j0 = key + runs[i].begin + x->kv_offset, n = runs[i].end - runs[i].begin;
        attn_dropout_words(x->seed, x->shape->dropout, w->sequence + x->batch_offset, w->head + x->head_offset, row + x->q_offset, lanes,
                           j0, j0 + n, kept);
        for (int64_t j = 0; j < n; j++)
            for (int r = 0; r < lanes; r++)
                if (!(kept[j] >> r & 1)) drop(w, runs[i].begin + j, r);
    }
}
