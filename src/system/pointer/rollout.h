/* Tours of the attention model for a batch of examples, city by city: the likeliest city each time, or drawn as the model says. */
#ifndef ATTN_SYSTEM_POINTER_ROLLOUT_H
#define ATTN_SYSTEM_POINTER_ROLLOUT_H

#include "system/pointer/batch.h"
#include "system/pointer/transformer.h"

struct attn_rollout {
    int64_t tours;    /* of each example, K */
    bool every_start; /* tour k begins at city begin + k; else the first city is the model's choice too */
    int64_t begin;
    bool drawn;          /* as the model says; else the likeliest city, of equal ones the first */
    uint64_t seed;       /* what is drawn depends on this, */
    int64_t step, first; /* on the step and on the example's number in it: first is that of the batch's first */
};

/* Tours [B, K, N] of the batch's examples, all of N points, and their lengths [B, K]. scratch: attn_rollout_scratch bytes for each of the context's threads. */
size_t attn_rollout_scratch(const struct attn_transformer_config *config, int64_t points);
void attn_rollout_tours(attn_ctx *ctx, const struct attn_transformer_encoding *encoding, const struct attn_pointer_batch *batch,
                        const struct attn_rollout *how, void *scratch, int32_t *tours, double *length);

#endif
