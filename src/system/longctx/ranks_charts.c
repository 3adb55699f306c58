#include "system/longctx/ranks_charts.h"

#include "base/context.h"
#include "system/longctx/ranks_figures.h"

#include <math.h>

static const int counts[] = {2, 4, 8, 16, 24, 32, 48, 64, 96};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static struct attn_chart_line *begin(struct attn_chart_lines *lines, const char *label, const char *more) {
    struct attn_chart_line *line = &lines->at[lines->count++];
    line->label[0] = '\0';
    line->count = 0;
    attn_append(line->label, sizeof line->label, "%s%s", label, more);
    return line;
}

static void put(struct attn_chart_line *line, double x, double y) {
    if (!isfinite(y)) return;
    line->x[line->count] = x;
    line->y[line->count++] = y;
}

/* ----------------------------------------------------------------------------------------------------------- balance */

static const struct {
    enum attn_ranks_documents documents;
    const char *name;
} masks[] = {{ATTN_RANKS_CAUSAL, ", causal"}, {ATTN_RANKS_LONG, ", long documents"}, {ATTN_RANKS_SHORT, ", short documents"}};
enum { MASKS = sizeof masks / sizeof masks[0] };

static attn_status add_balances(attn_ctx *ctx, const char *sharding, int mask, struct attn_chart_lines *lines, bool padding) {
    struct attn_chart_line *line = begin(lines, sharding, masks[mask].name);
    attn_status status = ATTN_OK;
    for (int n = 0; n < COUNTS && !status; n++) {
        double figure[2];
        status = attn_ranks_balance_at(ctx, sharding, masks[mask].documents, counts[n], &figure[0], &figure[1]);
        if (!status) put(line, counts[n], figure[padding]);
    }
    return status;
}

static attn_status measure_balance(attn_ctx *ctx, struct attn_chart_lines *out) {
    static const char *const shardings[] = {"contiguous", "zigzag", "minheap"};
    attn_status status = ATTN_OK;
    for (size_t n = 0; n < sizeof shardings / sizeof shardings[0]; n++)
        for (int mask = 0; mask < 2 && !status; mask++) status = add_balances(ctx, shardings[n], mask, out, false);
    return status;
}

static attn_status measure_padding(attn_ctx *ctx, struct attn_chart_lines *out) {
    attn_status status = ATTN_OK;
    for (int mask = 0; mask < MASKS && !status; mask++) status = add_balances(ctx, "zigzag", mask, out, true);
    return status;
}

/* ------------------------------------------------------------------------------------------------- bytes and seconds */

static attn_status measure_bytes(attn_ctx *ctx, struct attn_chart_lines *out) {
    attn_status status = ATTN_OK;
    for (int m = 0; m < ATTN_CP_MECHANISMS && !status; m++) {
        struct attn_chart_line *line = begin(out, attn_mechanism_name((enum attn_mechanism)m), "");
        for (int n = 0; n < COUNTS && !status; n++) {
            double bytes;
            status = attn_ranks_bytes_at(ctx, (enum attn_mechanism)m, ATTN_RANKS_LONG, counts[n], &bytes);
            if (!status) put(line, counts[n], bytes / 1e9);
        }
    }
    return status;
}

static attn_status model_seconds(attn_ctx *ctx, struct attn_chart_lines *out) {
    static const int ranks[] = {8, 16, 32, 64, 128, 256};
    attn_status status = ATTN_OK;
    for (int m = 0; m < ATTN_CP_HYBRID && !status; m++) {
        struct attn_chart_line *line = begin(out, attn_mechanism_name((enum attn_mechanism)m), "");
        for (size_t n = 0; n < sizeof ranks / sizeof ranks[0] && !status; n++) {
            double seconds;
            status = attn_ranks_model_at(ctx, (enum attn_mechanism)m, ranks[n], &seconds);
            if (!status) put(line, ranks[n], seconds);
        }
    }
    return status;
}

#define SETTING "8192 tokens a rank, 64 query heads over 8 key/value heads of 128, float32. "
#define SHOWN                                                                                                                              \
    { [ATTN_QUICK] = true, [ATTN_FULL] = true }

const struct attn_chart attn_longctx_charts[ATTN_LONGCTX_CHARTS] = {
    {.name = "balance",
     .title = "Balance: the greatest area of a rank over the mean",
     .caption = "8192 tokens a rank. Areas are allowed pairs, counted exactly. Long documents: one draw, each document causal.",
     .x_label = "ranks",
     .y_label = "greatest over mean",
     .log_x = true,
     .at = SHOWN,
     .measure = measure_balance},
    {.name = "padding",
     .title = "Padding of zigzag: places over tokens",
     .caption = "8192 tokens a rank; every document is filled up to a multiple of twice the ranks. One draw of the documents.",
     .x_label = "ranks",
     .y_label = "places over tokens",
     .log_x = true,
     .at = SHOWN,
     .measure = measure_padding},
    {.name = "bytes",
     .title = "Bytes that a rank sends, forward and backward, by mechanism",
     .caption =
         SETTING "Long documents, each causal, one draw. The schedules are executed over a transport that counts; the mean of the ranks, "
                 "rows of one number included.",
     .x_label = "ranks",
     .y_label = "GB a rank",
     .log_x = true,
     .log_y = true,
     .at = SHOWN,
     .measure = measure_bytes},
    {.name = "model",
     .title = "A model, not a measurement: seconds of 131072 tokens, causal, forward and backward",
     .caption =
         "64 query heads over 8 of 128, float32, 8 ranks a node, 450 GB/s inside and 50 GB/s between, 400 TFLOP/s a rank: attn bench cp "
         "--simulate says what is modelled.",
     .x_label = "ranks",
     .y_label = "predicted seconds",
     .log_x = true,
     .log_y = true,
     .at = SHOWN,
     .measure = model_seconds},
};
