#include "cli/bench_cp_charts.h"

#if defined(ATTN_HAVE_TRAIN)
#include "report/chart.h"

#include <math.h>

attn_status attn_cp_chart_write(attn_ctx *ctx, const struct attn_cp_chart *chart, const char *folder) {
    const size_t bytes = sizeof(struct attn_chart_lines);
    char title[96] = "";
    attn_append(title, sizeof title, "Context parallelism, %s: predicted rate of a rank", chart->mask);
    const struct attn_chart shown = {.name = chart->mask,
                                     .title = title,
                                     .caption = "Forward and backward, by the slowest rank; a model, not a measurement.",
                                     .x_label = "ranks",
                                     .y_label = "GFLOP/s of a rank",
                                     .log_x = true};
    struct attn_chart_lines *lines = attn_alloc(ctx, bytes);
    if (!lines) return attn_no_memory(ctx, "a chart", bytes);
    lines->count = 0;
    for (int m = 0; m < chart->lines; m++) {
        struct attn_chart_line *line = &lines->at[lines->count];
        line->count = 0;
        line->label[0] = '\0';
        attn_append(line->label, sizeof line->label, "%s", chart->label[m]);
        for (int i = 0; i < chart->counts; i++) {
            if (isnan(chart->gflops[m][i])) continue;
            line->x[line->count] = chart->rank[i];
            line->y[line->count++] = chart->gflops[m][i];
        }
        lines->count += line->count > 0;
    }
    const attn_status status = attn_chart_write(ctx, &shown, lines, folder);
    attn_free(ctx, lines);
    return status;
}
#else
attn_status attn_cp_chart_write(attn_ctx *ctx, const struct attn_cp_chart *chart, const char *folder) {
    (void)chart;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "bench cp: --figures %s: this build is without the library of trainings, which draws", folder);
}
#endif
