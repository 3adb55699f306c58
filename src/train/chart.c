#include "train/chart.h"

#include <math.h>
#include <stdlib.h>

void attn_chart_record(const struct attn_system *system, enum attn_scale scale, const struct attn_chart *chart,
                       const struct attn_chart_line *line, int point, struct attn_record *out) {
    *out = (struct attn_record){.count = 0};
    attn_record_text(out, "record", "point");
    attn_record_text(out, "system", system->name);
    attn_record_text(out, "scale", attn_scale_names[scale]);
    attn_record_text(out, "chart", chart->name);
    attn_record_text(out, "line", line->label);
    attn_record_text(out, "x_label", chart->x_label);
    attn_record_text(out, "y_label", chart->y_label);
    attn_record_real(out, "x", line->x[point]);
    attn_record_real(out, "y", line->y[point]);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int attn_chart_places(const struct attn_chart_lines *lines, double *at) {
    int all = 0, count = 0;
    for (int n = 0; n < lines->count; n++)
        for (int i = 0; i < lines->at[n].count; i++) at[all++] = lines->at[n].x[i];
    qsort(at, (size_t)all, sizeof *at, by_size);
    for (int i = 0; i < all; i++)
        if (count == 0 || at[i] > at[count - 1]) at[count++] = at[i];
    return count;
}

double attn_chart_value(const struct attn_chart_line *line, double x) {
    for (int i = 0; i < line->count; i++)
        if (line->x[i] == x) return line->y[i];
    return (double)NAN;
}
