#include "report/chart.h"

#include "base/folder.h"
#include "report/svg.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void attn_chart_plot_close(attn_ctx *ctx, struct attn_plot *plot) {
    for (int n = 0; n < plot->line_count; n++) attn_plot_line_close(ctx, &plot->line[n]);
    attn_free(ctx, plot->line);
    *plot = (struct attn_plot){.line = NULL};
}

static attn_status copy_line(attn_ctx *ctx, const struct attn_chart_line *line, struct attn_plot *plot) {
    struct attn_plot_line *to = &plot->line[plot->line_count];
    const attn_status status = attn_plot_line_open(ctx, line->label, line->count, to);
    if (status) return status;
    plot->line_count++;
    to->low = to->high = NULL;
    to->count = line->count;
    memcpy(to->x, line->x, (size_t)line->count * sizeof *line->x);
    memcpy(to->y, line->y, (size_t)line->count * sizeof *line->y);
    return ATTN_OK;
}

attn_status attn_chart_plot(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_chart_lines *lines, struct attn_plot *out) {
    *out = (struct attn_plot){.x_label = chart->x_label,
                              .y_label = chart->y_label,
                              .log_x = chart->log_x,
                              .log_y = chart->log_y,
                              .points = true,
                              .y_low = (double)NAN,
                              .y_high = (double)NAN};
    const size_t bytes = (size_t)lines->count * sizeof *out->line;
    out->line = attn_alloc(ctx, bytes);
    attn_status status = out->line ? ATTN_OK : attn_no_memory(ctx, "a plot", bytes);
    for (int n = 0; n < lines->count && !status; n++) status = copy_line(ctx, &lines->at[n], out);
    if (status) attn_chart_plot_close(ctx, out);
    return status;
}

void attn_chart_describe(const struct attn_chart *chart, const struct attn_chart_lines *lines, char *text, size_t size) {
    attn_append(text, size, "Lines of %s over %s.", chart->y_label, chart->x_label);
    for (int n = 0; n < lines->count; n++) {
        const struct attn_chart_line *line = &lines->at[n];
        if (line->count == 0) continue;
        attn_append(text, size, " %s: from %.4g at %.6g to %.4g at %.6g.", line->label, line->y[0], line->x[0], line->y[line->count - 1],
                    line->x[line->count - 1]);
    }
}

/* --------------------------------------------------------------------------------------------------------------- files */

static attn_status write_text(attn_ctx *ctx, const char *folder, const char *name, const char *ending, const char *text) {
    char path[ATTN_FILE_PATH] = "";
    attn_append(path, sizeof path, "%s/%s.%s", folder, name, ending);
    return attn_run_write_text(ctx, NULL, path, text);
}

static attn_status write_csv(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_plot *plot, const char *folder) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) return attn_no_memory(ctx, "a plot", 0);
    attn_plot_csv(file, plot);
    const bool whole = fclose(file) == 0;
    const attn_status status = whole ? write_text(ctx, folder, chart->name, "csv", text) : attn_no_memory(ctx, "a plot", bytes);
    free(text);
    return status;
}

static attn_status write_svg(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_chart_lines *lines,
                             const struct attn_plot *plot, const char *folder) {
    struct attn_label labels[ATTN_PLOT_LABELS];
    char desc[1024] = "", *svg = NULL, *text = NULL;
    size_t svg_bytes = 0, bytes = 0;
    attn_status status = attn_plot_svg(ctx, plot, &svg, &svg_bytes);
    if (status) return status;
    attn_chart_describe(chart, lines, desc, sizeof desc);
    const struct attn_svg_use use = {"chart-", chart->title, desc, true, labels, attn_plot_labels(plot, labels)};
    FILE *file = open_memstream(&text, &bytes);
    const char *wrong = file ? attn_svg_copy(file, svg, svg_bytes, &use) : NULL;
    if (!file || fclose(file) != 0) status = attn_no_memory(ctx, "a plot", bytes);
    if (!status && wrong) status = attn_fail(ctx, ATTN_EINVAL, "%s: found %s in the plot", chart->name, wrong);
    if (!status) status = write_text(ctx, folder, chart->name, "svg", text);
    attn_free(ctx, svg);
    free(text);
    return status;
}

attn_status attn_chart_write(attn_ctx *ctx, const struct attn_chart *chart, const struct attn_chart_lines *lines, const char *folder) {
    struct attn_plot plot;
    bool fresh;
    attn_status status = attn_folder_make(ctx, NULL, folder, &fresh);
    if (!status) status = attn_chart_plot(ctx, chart, lines, &plot);
    if (status) return status;
    status = write_csv(ctx, chart, &plot, folder);
    if (!status) status = write_svg(ctx, chart, lines, &plot, folder);
    attn_chart_plot_close(ctx, &plot);
    return status;
}
