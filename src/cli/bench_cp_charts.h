/* Charts of what attn bench cp --protocol predicts. They are apart from it as charts include claims, whose structs have names that benchmarks have too. */
#ifndef ATTN_CLI_BENCH_CP_CHARTS_H
#define ATTN_CLI_BENCH_CP_CHARTS_H

#include "base/context.h"

enum { ATTN_CP_CHART_LINES = 8, ATTN_CP_CHART_POINTS = 64 };

/* Of a mask: a line for each mechanism, rates of a rank over numbers of ranks. NaN: no point. */
struct attn_cp_chart {
    const char *mask;
    int lines, counts;
    const char *label[ATTN_CP_CHART_LINES];
    int rank[ATTN_CP_CHART_POINTS];
    double gflops[ATTN_CP_CHART_LINES][ATTN_CP_CHART_POINTS];
};

/* FOLDER/MASK.svg and FOLDER/MASK.csv. ATTN_EUNSUPPORTED: this build draws none, or there is no gnuplot; the CSV is then written. */
attn_status attn_cp_chart_write(attn_ctx *ctx, const struct attn_cp_chart *chart, const char *folder);

#endif
