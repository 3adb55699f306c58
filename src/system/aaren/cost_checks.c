/* The cost that the paper claims, measured: sec. 10.2 of the specification. */
#include "system/aaren/cost.h"

#include <math.h>

enum { WIDTH = 128, FFN = 512, LAYERS = 4, FIRST = 256, LAST = 8192, FIGURES = 6 };

/* 256, 512, ..., 8192 tokens. */
static attn_status measure(attn_ctx *ctx, const char *mixer, struct attn_aaren_cost cost[FIGURES]) {
    const struct attn_aaren_cost_spec spec = {.mixer = mixer, .width = WIDTH, .ffn = FFN, .layers = LAYERS, .seed = 1};
    int done;
    for (int i = 0; i < FIGURES; i++) cost[i] = (struct attn_aaren_cost){.tokens = (int64_t)FIRST << i};
    return attn_aaren_cost_measure(ctx, &spec, cost, FIGURES, &done);
}

static const char aaren[] = "aaren:heads=4", transformer[] = "attention:heads=4";

attn_status attn_aaren_check_state(attn_ctx *ctx, double *value) {
    struct attn_aaren_cost cost[FIGURES];
    const attn_status status = measure(ctx, aaren, cost);
    double least = (double)INFINITY, greatest = 0;
    for (int i = 0; i < FIGURES && !status; i++) {
        least = fmin(least, (double)cost[i].state_bytes);
        greatest = fmax(greatest, (double)cost[i].state_bytes);
    }
    *value = least / greatest;
    return status;
}

attn_status attn_aaren_check_cache(attn_ctx *ctx, double *value) {
    struct attn_aaren_cost cost[FIGURES];
    const attn_status status = measure(ctx, transformer, cost);
    double worst = 0;
    for (int i = 0; i < FIGURES && !status; i++)
        worst = fmax(worst, fabs((double)cost[i].state_bytes / (2.0 * LAYERS * WIDTH * 4 * (double)cost[i].tokens) - 1));
    *value = 1 - worst;
    return status;
}

static attn_status slope_of(attn_ctx *ctx, const char *mixer, double *slope) {
    struct attn_aaren_cost cost[FIGURES];
    double tokens[FIGURES], seconds[FIGURES];
    const attn_status status = measure(ctx, mixer, cost);
    for (int i = 0; i < FIGURES && !status; i++) {
        tokens[i] = (double)cost[i].tokens;
        seconds[i] = cost[i].attention_seconds;
    }
    *slope = status ? (double)NAN : attn_aaren_cost_slope(FIGURES, tokens, seconds);
    return status;
}

attn_status attn_aaren_check_slope(attn_ctx *ctx, double *value) {
    const attn_status status = slope_of(ctx, aaren, value);
    *value = -fabs(*value - 1);
    return status;
}

attn_status attn_aaren_check_cache_slope(attn_ctx *ctx, double *value) {
    return slope_of(ctx, transformer, value);
}

attn_status attn_aaren_check_faster(attn_ctx *ctx, double *value) {
    struct attn_aaren_cost ours[FIGURES], theirs[FIGURES];
    attn_status status = measure(ctx, aaren, ours);
    if (!status) status = measure(ctx, transformer, theirs);
    *value = status ? (double)NAN : theirs[FIGURES - 1].seconds / ours[FIGURES - 1].seconds;
    return status;
}
