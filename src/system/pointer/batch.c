#include "system/pointer/batch.h"

#include <string.h>

attn_status attn_pointer_batch_open(attn_ctx *ctx, int64_t count, int64_t points, int64_t tokens, struct attn_pointer_batch *out) {
    const size_t numbers = (size_t)(2 * count * points), words = (size_t)(count * tokens);
    *out = (struct attn_pointer_batch){.room_count = count, .room_points = points, .room_tokens = tokens};
    out->length = attn_alloc(ctx, (size_t)count * sizeof *out->length);
    out->slots = attn_alloc(ctx, (size_t)count * sizeof *out->slots);
    out->xy = attn_alloc(ctx, numbers * sizeof *out->xy);
    out->x = attn_alloc(ctx, numbers * sizeof *out->x);
    out->target = attn_alloc(ctx, words * sizeof *out->target);
    out->pointed = attn_alloc(ctx, words * sizeof *out->pointed);
    out->given = attn_alloc(ctx, 2 * words * sizeof *out->given);
    if (out->length && out->slots && out->xy && out->x && out->target && out->pointed && out->given) return ATTN_OK;
    return attn_no_memory(ctx, "a batch of points",
                          numbers * (sizeof *out->xy + sizeof *out->x) + 2 * words * (sizeof *out->target + sizeof *out->given));
}

void attn_pointer_batch_close(attn_ctx *ctx, struct attn_pointer_batch *batch) {
    void *const arrays[] = {batch->length, batch->slots, batch->xy, batch->x, batch->target, batch->pointed, batch->given};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
    *batch = (struct attn_pointer_batch){.count = 0};
}

void attn_pointer_batch_begin(struct attn_pointer_batch *batch, int64_t count, int64_t points, int64_t tokens) {
    batch->count = count;
    batch->points = points;
    batch->tokens = tokens;
}

void attn_pointer_batch_put(struct attn_pointer_batch *batch, int64_t index, const double *xy, int64_t n, const int32_t *tokens,
                            int64_t count) {
    const int64_t numbers = 2 * batch->points, most = batch->tokens;
    double *to = batch->xy + index * numbers;
    attn_real *x = batch->x + index * numbers;
    int32_t *target = batch->target + index * most, *pointed = batch->pointed + index * most;
    attn_real *given = batch->given + index * most * 2;
    batch->length[index] = (int32_t)n;
    batch->slots[index] = (int32_t)n + 1;
    memmove(to, xy, (size_t)n * 2 * sizeof *to); /* which may be there already */
    memset(to + 2 * n, 0, (size_t)(numbers - 2 * n) * sizeof *to);
    for (int64_t i = 0; i < numbers; i++) x[i] = (attn_real)to[i];
    for (int64_t t = 0; t < most; t++) {
        target[t] = t < count ? tokens[t] : -1;
        pointed[t] = t > 0 && t < count ? tokens[t - 1] : 0;
        for (int k = 0; k < 2; k++) given[2 * t + k] = pointed[t] > 0 ? (attn_real)xy[2 * (pointed[t] - 1) + k] : 0;
    }
}

const int32_t *attn_pointer_own_lengths(const struct attn_pointer_batch *b) {
    for (int64_t i = 0; i < b->count; i++)
        if (b->length[i] != b->points) return b->length;
    return NULL;
}
