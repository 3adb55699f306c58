/* Bars: figures of some arms one below the other, with their intervals and what they are held against, drawn by gnuplot as SVG. */
#ifndef ATTN_REPORT_BARS_H
#define ATTN_REPORT_BARS_H

#include "base/context.h"
#include "report/label.h"

enum { ATTN_BAR_ASKED = 6 /* thresholds of a bar; further ones are not drawn */ };

struct attn_bar {
    const char *label;
    double value, low, high; /* value NaN: no bar; low or high no finite number: no interval */
    double asked[ATTN_BAR_ASKED];
    int asked_count;
};

struct attn_bars {
    const char *x_label;
    const struct attn_bar *bar;
    int count;
};

/* As attn_plot_svg. */
attn_status attn_bars_svg(attn_ctx *ctx, const struct attn_bars *bars, char **svg, size_t *bytes);

/* The labels of bars and axis as the picture shows them: count + 1. */
void attn_bars_labels(const struct attn_bars *bars, struct attn_label *out);

#endif
