/* The cost that the paper claims, measured: sec. 10.2 of the specification. */
#include "system/aaren/cost.h"

#include <math.h>

enum { WIDTH = 128, FFN = 512, LAYERS = 4, FIRST = 256, FIGURES = ATTN_AAREN_COST_FIGURES }; /* 256, 512, ..., 8192 tokens */
enum { AAREN, TRANSFORMER, MIXERS };

static struct attn_aaren_cost_spec stream_of(int mixer, struct attn_aaren_cost cost[FIGURES]) {
    static const char *const mixers[MIXERS] = {"aaren:heads=4", "attention:heads=4"};
    for (int i = 0; i < FIGURES; i++) cost[i] = (struct attn_aaren_cost){.tokens = (int64_t)FIRST << i};
    return (struct attn_aaren_cost_spec){.mixer = mixers[mixer], .width = WIDTH, .ffn = FFN, .layers = LAYERS, .seed = 1};
}

/* ---------------------------------------------------------------------------------------------------------------- bytes */

static attn_status bytes_of(attn_ctx *ctx, int mixer, struct attn_aaren_cost cost[FIGURES]) {
    const struct attn_aaren_cost_spec spec = stream_of(mixer, cost);
    return attn_aaren_cost_bytes(ctx, &spec, cost, FIGURES);
}

attn_status attn_aaren_check_state(attn_ctx *ctx, double *value) {
    struct attn_aaren_cost cost[FIGURES];
    const attn_status status = bytes_of(ctx, AAREN, cost);
    double least = (double)INFINITY, greatest = 0;
    for (int i = 0; i < FIGURES && !status; i++) {
        const double bytes = (double)(cost[i].state_bytes + cost[i].working_bytes);
        least = fmin(least, bytes);
        greatest = fmax(greatest, bytes);
    }
    *value = least / greatest;
    return status;
}

attn_status attn_aaren_check_cache(attn_ctx *ctx, double *value) {
    struct attn_aaren_cost cost[FIGURES];
    const attn_status status = bytes_of(ctx, TRANSFORMER, cost);
    double worst = 0;
    for (int i = 0; i < FIGURES && !status; i++)
        worst = fmax(worst, fabs((double)cost[i].state_bytes / (2.0 * LAYERS * WIDTH * 4 * (double)cost[i].tokens) - 1));
    *value = 1 - worst;
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- seconds */

/* On one thread, however many the context has. */
static attn_status measure_alone(attn_ctx *ctx, int mixer, struct attn_aaren_cost cost[FIGURES]) {
    const struct attn_aaren_cost_spec spec = stream_of(mixer, cost);
    attn_ctx_config config;
    attn_ctx *alone;
    char error[512] = "";
    int done;
    attn_ctx_config_init(&config);
    config.threads = 1;
    attn_status status = attn_ctx_create(&config, &alone, error, sizeof error);
    if (status) return attn_fail(ctx, status, "%s", error);
    status = attn_aaren_cost_measure(alone, &spec, cost, FIGURES, &done);
    if (status) attn_fail(ctx, status, "%s", attn_ctx_error(alone, error, sizeof error));
    attn_ctx_destroy(alone);
    return status;
}

/* One measurement of each stream serves all checks: it takes up to a minute, and ratios are then those of the same seconds. */
static attn_status seconds_of(attn_ctx *ctx, int mixer, const struct attn_aaren_cost **cost) {
    static struct attn_aaren_cost kept[MIXERS][FIGURES];
    static bool measured[MIXERS];
    attn_status status = ATTN_OK;
    if (!measured[mixer]) {
        status = measure_alone(ctx, mixer, kept[mixer]);
        measured[mixer] = !status;
    }
    *cost = kept[mixer];
    return status;
}

static attn_status slope_of(attn_ctx *ctx, int mixer, double *slope) {
    const struct attn_aaren_cost *cost;
    double tokens[FIGURES], seconds[FIGURES];
    const attn_status status = seconds_of(ctx, mixer, &cost);
    for (int i = 0; i < FIGURES && !status; i++) {
        tokens[i] = (double)cost[i].tokens;
        seconds[i] = cost[i].attention_seconds;
    }
    *slope = status ? (double)NAN : attn_aaren_cost_slope(FIGURES, tokens, seconds);
    return status;
}

attn_status attn_aaren_check_slope(attn_ctx *ctx, double *value) {
    const attn_status status = slope_of(ctx, AAREN, value);
    *value = -fabs(*value - 1);
    return status;
}

attn_status attn_aaren_check_cache_slope(attn_ctx *ctx, double *value) {
    return slope_of(ctx, TRANSFORMER, value);
}

attn_status attn_aaren_cost_both(attn_ctx *ctx, const struct attn_aaren_cost **aaren, const struct attn_aaren_cost **transformer) {
    const attn_status status = seconds_of(ctx, AAREN, aaren);
    return status ? status : seconds_of(ctx, TRANSFORMER, transformer);
}

attn_status attn_aaren_check_faster(attn_ctx *ctx, double *value) {
    const struct attn_aaren_cost *ours, *theirs;
    const attn_status status = attn_aaren_cost_both(ctx, &ours, &theirs);
    *value = status ? (double)NAN : theirs[FIGURES - 1].seconds / ours[FIGURES - 1].seconds;
    return status;
}
