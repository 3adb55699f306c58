/* Charts of context parallelism: balance, padding, bytes, and a model's seconds, against the ranks. */
#ifndef ATTN_SYSTEM_LONGCTX_RANKS_CHARTS_H
#define ATTN_SYSTEM_LONGCTX_RANKS_CHARTS_H

#include "train/chart.h"

enum { ATTN_LONGCTX_CHARTS = 4 };
extern const struct attn_chart attn_longctx_charts[ATTN_LONGCTX_CHARTS];

#endif
