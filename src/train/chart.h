/* Charts of a system: lines that are measured anew wherever claims are judged, as what a computation costs against its size. Reports draw them, and
 * attn reproduce prints them. */
#ifndef ATTN_TRAIN_CHART_H
#define ATTN_TRAIN_CHART_H

#include "io/record.h"
#include "train/claim.h"

enum { ATTN_CHART_LINES = 12, ATTN_CHART_POINTS = 64 };

struct attn_chart_line {
    char label[48];
    int count;
    double x[ATTN_CHART_POINTS], y[ATTN_CHART_POINTS]; /* x rises */
};
struct attn_chart_lines {
    struct attn_chart_line at[ATTN_CHART_LINES];
    int count;
};

struct attn_chart {
    const char *name, *title, *caption; /* "state"; a sentence on what is measured, and how */
    const char *x_label, *y_label;      /* with their units */
    bool log_x, log_y;
    bool at[ATTN_SCALES]; /* where it is shown */
    attn_status (*measure)(attn_ctx *ctx, struct attn_chart_lines *out);
};

/* A point as a record; its texts are the arguments'. */
void attn_chart_record(const struct attn_system *system, enum attn_scale scale, const struct attn_chart *chart,
                       const struct attn_chart_line *line, int point, struct attn_record *out);

/* The lines' different x, rising, in at[ATTN_CHART_LINES * ATTN_CHART_POINTS]; returns how many. */
int attn_chart_places(const struct attn_chart_lines *lines, double *at);
/* The line's y at x; NaN: it has none there. */
double attn_chart_value(const struct attn_chart_line *line, double x);

#endif
