#include "system/aaren/cost_charts.h"

#include "base/context.h"

/* The next line; NULL: there is no room. */
static struct attn_chart_line *begin(struct attn_chart_lines *lines, const char *label, const char *which) {
    if (lines->count == ATTN_CHART_LINES) return NULL;
    struct attn_chart_line *line = &lines->at[lines->count++];
    line->label[0] = '\0';
    line->count = 0;
    attn_append(line->label, sizeof line->label, "%s%s", label, which);
    return line;
}

static void put(struct attn_chart_line *line, double x, double y) {
    if (!line || line->count == ATTN_CHART_POINTS) return;
    line->x[line->count] = x;
    line->y[line->count++] = y;
}

void attn_aaren_cost_chart(const char *label, const struct attn_aaren_cost *cost, int count, struct attn_chart_lines *state,
                           struct attn_chart_lines *seconds) {
    struct attn_chart_line *bytes = begin(state, label, ""), *all = begin(seconds, label, ""), *mixers = begin(seconds, label, ", mixers");
    for (int i = 0; i < count; i++) {
        const double tokens = (double)cost[i].tokens;
        put(bytes, tokens, (double)cost[i].state_bytes);
        put(all, tokens, cost[i].seconds);
        put(mixers, tokens, cost[i].attention_seconds);
    }
}

static attn_status measure(attn_ctx *ctx, struct attn_chart_lines *state, struct attn_chart_lines *seconds) {
    const struct attn_aaren_cost *aaren, *transformer;
    const attn_status status = attn_aaren_cost_both(ctx, &aaren, &transformer);
    if (status) return status;
    attn_aaren_cost_chart("Aaren", aaren, ATTN_AAREN_COST_FIGURES, state, seconds);
    attn_aaren_cost_chart("Transformer", transformer, ATTN_AAREN_COST_FIGURES, state, seconds);
    return ATTN_OK;
}

static attn_status measure_state(attn_ctx *ctx, struct attn_chart_lines *out) {
    struct attn_chart_lines seconds = {.count = 0};
    return measure(ctx, out, &seconds);
}

static attn_status measure_seconds(attn_ctx *ctx, struct attn_chart_lines *out) {
    struct attn_chart_lines state = {.count = 0};
    return measure(ctx, &state, out);
}

#define SIZE "Width 128, 4 layers, 4 heads, tokens one by one on one thread."

const struct attn_chart attn_aaren_charts[ATTN_AAREN_CHARTS] = {
    {.name = "state",
     .title = "Memory of a stream against its tokens",
     .caption = SIZE
     " Bytes of everything that is kept from a token to the next: Aaren's are the same everywhere, a cache's grow with the tokens.",
     .x_label = "tokens",
     .y_label = "bytes of state",
     .log_x = true,
     .log_y = true,
     .at = {[ATTN_QUICK] = true, [ATTN_FULL] = true},
     .measure = measure_state},
    {.name = "seconds",
     .title = "Time of a stream against its tokens",
     .caption = SIZE " Seconds of the processor for all tokens so far, and of the mixers alone, with their projections, in a pass of their "
                     "own: a cache's grow "
                     "with the square of the tokens.",
     .x_label = "tokens",
     .y_label = "seconds for all tokens",
     .log_x = true,
     .log_y = true,
     .at = {[ATTN_QUICK] = true, [ATTN_FULL] = true},
     .measure = measure_seconds},
};
