/* Plots: lines over an axis, drawn by gnuplot as SVG, or written as CSV. */
#ifndef ATTN_REPORT_PLOT_H
#define ATTN_REPORT_PLOT_H

#include "base/context.h"
#include "report/label.h"

#include <stdio.h>

enum { ATTN_PLOT_LINES = 12 /* colours that are told apart */, ATTN_PLOT_TICS = 10, ATTN_PLOT_LABELS = ATTN_PLOT_LINES + 2 };

struct attn_plot_line {
    char *label;
    double *x, *y;      /* y NaN: no point */
    double *low, *high; /* of the bar at each point; NULL: none */
    int64_t count;
    void *memory; /* of all of them */
};
/* A line with room for `room` points and a copy of the label, and its end. */
attn_status attn_plot_line_open(attn_ctx *ctx, const char *label, int64_t room, struct attn_plot_line *out);
void attn_plot_line_close(attn_ctx *ctx, struct attn_plot_line *line);

struct attn_plot {
    const char *x_label, *y_label;
    bool log_x, log_y;
    bool points;                /* marks at the points, and tics at them where they are few */
    double y_low, y_high;       /* the axis; NaN: what the lines need */
    double band_low, band_high; /* a stretch of the x axis that is shaded; low not below high: none */
    struct attn_plot_line *line;
    int line_count; /* at most ATTN_PLOT_LINES */
};

/* The picture as gnuplot writes it, to be copied by attn_svg_copy; freed by attn_free. ATTN_EUNSUPPORTED: there is no gnuplot. */
attn_status attn_plot_svg(attn_ctx *ctx, const struct attn_plot *plot, char **svg, size_t *bytes);

/* The labels of lines and axes as the picture shows them, and how many. */
int attn_plot_labels(const struct attn_plot *plot, struct attn_label out[ATTN_PLOT_LABELS]);

/* line, x, y and, where there are bars, low and high. */
void attn_plot_csv(FILE *file, const struct attn_plot *plot);

#endif
