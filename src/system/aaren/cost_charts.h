/* The paper's central figure: bytes of state and seconds against tokens. */
#ifndef ATTN_SYSTEM_AAREN_COST_CHARTS_H
#define ATTN_SYSTEM_AAREN_COST_CHARTS_H

#include "system/aaren/cost.h"
#include "train/chart.h"

enum { ATTN_AAREN_CHARTS = 2 };
extern const struct attn_chart attn_aaren_charts[ATTN_AAREN_CHARTS]; /* state, seconds; of the claims' two models */

/* Adds what was measured of a model to the lines of both: one of bytes; two of seconds, the second of its mixers alone. Nothing where there is no more room. */
void attn_aaren_cost_chart(const char *label, const struct attn_aaren_cost *cost, int count, struct attn_chart_lines *state,
                           struct attn_chart_lines *seconds);

#endif
