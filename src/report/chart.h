/* Charts of systems (train/chart.h) as plots. */
#ifndef ATTN_REPORT_CHART_H
#define ATTN_REPORT_CHART_H

#include "report/plot.h"
#include "train/chart.h"

/* A chart's lines as a plot, whose labels are the chart's; closed by attn_chart_plot_close. */
attn_status attn_chart_plot(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_chart_lines *lines, struct attn_plot *out);
void attn_chart_plot_close(attn_ctx *ctx, struct attn_plot *plot);

/* What is read aloud in its place, in `size` bytes. */
void attn_chart_describe(const struct attn_chart *chart, const struct attn_chart_lines *lines, char *text, size_t size);

/* FOLDER/NAME.svg, for light and dark ground, and FOLDER/NAME.csv; the folder is made where it is not there. ATTN_EUNSUPPORTED: there is no gnuplot; the CSV is
 * written then, too. */
attn_status attn_chart_write(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_chart_lines *lines, const char *folder);

#endif
