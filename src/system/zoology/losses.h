/* Losses of a text's tokens, taken apart: by slice, and by how often training has seen a token's pair (Arora et al. 2023, sec. 3). */
#ifndef ATTN_SYSTEM_ZOOLOGY_LOSSES_H
#define ATTN_SYSTEM_ZOOLOGY_LOSSES_H

#include "system/zoology/slices.h"
#include "train/job.h"

/* Of `count` tokens: the loss, and what attn_slices_mark says of each. */
struct attn_losses {
    double *loss;
    int32_t *seen;
    size_t count;
};

/* The least threshold, at least 1, at which the share `wanted` of the tokens are hits, or all that repeat a pair where these are fewer. */
attn_status attn_losses_threshold(attn_ctx *ctx, const struct attn_losses *losses, double wanted, int64_t *threshold);

enum { ATTN_OTHER, ATTN_HITS, ATTN_SLICES };
struct attn_slice_sums {
    double loss[ATTN_SLICES]; /* summed */
    int64_t tokens[ATTN_SLICES];
};
struct attn_slice_sums attn_losses_slices(const struct attn_losses *losses, int64_t threshold);

/* How much worse than another model on the same tokens in the same slices: differences of mean losses, which are those of log perplexities. NaN: of no
 * tokens, or, of the share, where the model is not worse. */
struct attn_gap {
    double overall, slice[ATTN_SLICES];
    double share; /* of the overall difference, summed over tokens, that hits make; above 1 where the model is better on the others */
};
struct attn_gap attn_gap_of(const struct attn_slice_sums *model, const struct attn_slice_sums *against);

/* Losses by how often training has seen a token's pair, times[i] of token i: 0, 1-3, 4-15, ... */
void attn_losses_bins(const struct attn_losses *losses, const int32_t *times, struct attn_loss_bins *out);

#endif
