/* Charts of a system on the page, behind the claims of a scale that has them. */
#include "report/chart.h"
#include "report/drawings.h"
#include "report/html.h"
#include "report/page_claims.h"

#include <stdlib.h>

static attn_status put_chart(struct attn_page *page, const struct attn_reproduction *r, const struct attn_chart *chart) {
    struct attn_chart_lines lines = {.count = 0};
    attn_status status = chart->measure(page->ctx, &lines);
    if (status) return status;
    struct attn_drawing *drawing = attn_alloc(page->ctx, sizeof *drawing);
    if (!drawing) return attn_no_memory(page->ctx, "a plot", sizeof *drawing);
    *drawing = (struct attn_drawing){.name = ""};
    attn_append(drawing->name, sizeof drawing->name, "%s-%s-%s", r->system->name, attn_scale_names[r->scale], chart->name);
    attn_append(drawing->title, sizeof drawing->title, "%s", chart->title);
    attn_append(drawing->caption, sizeof drawing->caption, "%s", chart->caption);
    attn_chart_describe(chart, &lines, drawing->desc, sizeof drawing->desc);
    status = attn_chart_plot(page->ctx, chart, &lines, &drawing->plot);
    if (!status) status = attn_page_drawing(page, drawing);
    attn_chart_plot_close(page->ctx, &drawing->plot);
    attn_free(page->ctx, drawing);
    return status;
}

attn_status attn_page_charts(struct attn_page *page, const struct attn_reproduction *r) {
    attn_status status = ATTN_OK;
    bool any = false;
    for (int i = 0; i < r->system->chart_count && !status; i++) {
        if (!r->system->charts[i].at[r->scale]) continue;
        if (!any) fputs("<div class=\"figures\">\n", page->file);
        any = true;
        status = put_chart(page, r, &r->system->charts[i]);
    }
    if (any) fputs("</div>\n", page->file);
    return status;
}
