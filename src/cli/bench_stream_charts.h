/* Charts of what attn bench stream measured. They are apart from it as charts include claims, whose structs have names that benchmarks have too. */
#ifndef ATTN_CLI_BENCH_STREAM_CHARTS_H
#define ATTN_CLI_BENCH_STREAM_CHARTS_H

#include "system/aaren/cost.h"

struct attn_stream_charts;

/* Adds a mixer; *charts: NULL before the first, freed by attn_free. ATTN_ENOMEM. */
attn_status attn_stream_charts_add(attn_ctx *ctx, struct attn_stream_charts **charts, const char *mixer, const struct attn_aaren_cost *cost,
                                   int count);
/* FOLDER/state.svg and seconds.svg, and their numbers as CSV (attn_chart_write). charts NULL: nothing. */
attn_status attn_stream_charts_write(attn_ctx *ctx, const struct attn_stream_charts *charts, const char *folder);

#endif
