#include "cli/bench_stream_charts.h"

#include "report/chart.h"
#include "system/aaren/cost_charts.h"

struct attn_stream_charts {
    struct attn_chart_lines lines[ATTN_AAREN_CHARTS]; /* of bytes, of seconds */
};

attn_status attn_stream_charts_add(attn_ctx *ctx, struct attn_stream_charts **charts, const char *mixer, const struct attn_aaren_cost *cost,
                                   int count) {
    if (!*charts) {
        *charts = attn_alloc(ctx, sizeof **charts);
        if (!*charts) return attn_no_memory(ctx, "a chart", sizeof **charts);
        for (int i = 0; i < ATTN_AAREN_CHARTS; i++) (*charts)->lines[i].count = 0;
    }
    attn_aaren_cost_chart(mixer, cost, count, &(*charts)->lines[0], &(*charts)->lines[1]);
    return ATTN_OK;
}

attn_status attn_stream_charts_write(attn_ctx *ctx, const struct attn_stream_charts *charts, const char *folder) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < ATTN_AAREN_CHARTS && charts && !status; i++)
        status = attn_chart_write(ctx, &attn_aaren_charts[i], &charts->lines[i], folder);
    return status;
}
