#include "cli/training/charts.h"

#include "train/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER = 10 /* characters */ };

/* As wide as its head, at least as a number. */
static int width_of(const char *head) {
    const int width = (int)strlen(head);
    return width > NUMBER ? width : NUMBER;
}

static void print_table(const struct attn_chart *chart, const struct attn_chart_lines *lines) {
    double x[ATTN_CHART_LINES * ATTN_CHART_POINTS];
    const int places = attn_chart_places(lines, x);
    printf("\n%s: %s\n%*s", chart->title, chart->y_label, width_of(chart->x_label), chart->x_label);
    for (int n = 0; n < lines->count; n++) printf("  %*s", width_of(lines->at[n].label), lines->at[n].label);
    putchar('\n');
    for (int i = 0; i < places; i++) {
        printf("%*.10g", width_of(chart->x_label), x[i]);
        for (int n = 0; n < lines->count; n++) {
            char text[32] = "-";
            const double y = attn_chart_value(&lines->at[n], x[i]);
            if (!isnan(y)) snprintf(text, sizeof text, fabs(y) >= 1000 ? "%.0f" : "%.4g", y);
            printf("  %*s", width_of(lines->at[n].label), text);
        }
        putchar('\n');
    }
    printf("%s\n", chart->caption);
}

static void print_records(const struct attn_reproduction *r, const struct attn_chart *chart, const struct attn_chart_lines *lines) {
    for (int n = 0; n < lines->count; n++)
        for (int i = 0; i < lines->at[n].count; i++) {
            struct attn_record record;
            attn_chart_record(r->system, r->scale, chart, &lines->at[n], i, &record);
            attn_json_line(stdout, &record);
        }
}

attn_status attn_cli_print_charts(attn_ctx *ctx, const struct attn_reproduction *r, enum attn_print_form form) {
    for (int i = 0; i < r->system->chart_count && form != ATTN_FORM_CSV; i++) {
        const struct attn_chart *chart = &r->system->charts[i];
        struct attn_chart_lines lines = {.count = 0};
        if (!chart->at[r->scale]) continue;
        const attn_status status = chart->measure(ctx, &lines);
        if (status) return status;
        if (form == ATTN_FORM_TABLE) print_table(chart, &lines);
        if (form == ATTN_FORM_JSON) print_records(r, chart, &lines);
    }
    return ATTN_OK;
}
