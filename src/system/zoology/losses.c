#include "system/zoology/losses.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int rising(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

attn_status attn_losses_threshold(attn_ctx *ctx, const struct attn_losses *l, double wanted, int64_t *threshold) {
    int32_t *repeats = attn_alloc(ctx, l->count * sizeof *repeats);
    size_t count = 0, most = (size_t)ceil(wanted * (double)l->count);
    if (!repeats) return attn_no_memory(ctx, "the repeated pairs of a text", l->count * sizeof *repeats);
    for (size_t i = 0; i < l->count; i++)
        if (l->seen[i] != ATTN_SLICE_NEW) repeats[count++] = l->seen[i];
    qsort(repeats, count, sizeof *repeats, rising);
    *threshold = count == 0 ? 1 : attn_max64(1, repeats[(most < count ? most : count) - 1]);
    attn_free(ctx, repeats);
    return ATTN_OK;
}

struct attn_slice_sums attn_losses_slices(const struct attn_losses *l, int64_t threshold) {
    struct attn_slice_sums sums = {{0, 0}, {0, 0}};
    for (size_t i = 0; i < l->count; i++) {
        const int slice = l->seen[i] != ATTN_SLICE_NEW && l->seen[i] <= threshold ? ATTN_HITS : ATTN_OTHER;
        sums.loss[slice] += l->loss[i];
        sums.tokens[slice]++;
    }
    return sums;
}

struct attn_gap attn_gap_of(const struct attn_slice_sums *model, const struct attn_slice_sums *against) {
    struct attn_gap gap = {.share = (double)NAN};
    double sum = 0, tokens = 0;
    for (int i = 0; i < ATTN_SLICES; i++) {
        const double worse = model->loss[i] - against->loss[i];
        gap.slice[i] = model->tokens[i] > 0 ? worse / (double)model->tokens[i] : (double)NAN;
        sum += worse;
        tokens += (double)model->tokens[i];
    }
    gap.overall = sum / tokens;
    if (sum > 0) gap.share = (model->loss[ATTN_HITS] - against->loss[ATTN_HITS]) / sum;
    return gap;
}

/* Bins of powers of 4, the last one open. */
static int bin_of(int32_t times) {
    int bin = 0;
    for (; times > 0 && bin < ATTN_LOSS_BINS - 1; times /= 4) bin++;
    return bin;
}

void attn_losses_bins(const struct attn_losses *l, const int32_t *times, struct attn_loss_bins *out) {
    *out = (struct attn_loss_bins){.count = ATTN_LOSS_BINS};
    for (int bin = 0, low = 0; bin < ATTN_LOSS_BINS; bin++) {
        const int end = bin == 0 ? 1 : 4 * low;
        char *name = out->at[bin].name;
        if (bin == ATTN_LOSS_BINS - 1)
            snprintf(name, sizeof out->at[bin].name, "%d-", low);
        else if (end - low == 1)
            snprintf(name, sizeof out->at[bin].name, "%d", low);
        else
            snprintf(name, sizeof out->at[bin].name, "%d-%d", low, end - 1);
        low = end;
    }
    for (size_t i = 0; i < l->count; i++) {
        struct attn_loss_bin *bin = &out->at[bin_of(times[i])];
        struct attn_loss_sum *sum = l->seen[i] == ATTN_SLICE_NEW ? &bin->fresh : &bin->repeated;
        sum->loss += l->loss[i];
        sum->tokens++;
    }
}
