#include "report/plot.h"

#include "io/record.h"
#include "report/script.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEIGHT = 270,
    LEGEND = 20 /* pixels of a line */,
    AXIS_WIDTH = 360 /* of the x axis, where it is shortest */,
    DIGIT = 8,
    LABEL = 50,
    AXIS = 27 /* characters that fit */
};
static const double greatest = 1e30;

/* Told apart on white and on black (contrast 3 at least with both), by hue and by lightness. */
static const char *const colours[ATTN_PLOT_LINES] = {"#1f77c4", "#d95f02", "#2a9d3a", "#c9308f", "#8a63d2", "#a6761d",
                                                     "#0e8fa0", "#d62f2f", "#7a7f87", "#7d8c12", "#b0579f", "#4f74a8"};
static const int marks[ATTN_PLOT_LINES] = {7, 5, 9, 11, 13, 6, 4, 8, 10, 12, 7, 5};

attn_status attn_plot_line_open(attn_ctx *ctx, const char *label, int64_t room, struct attn_plot_line *out) {
    const size_t numbers = 4 * (size_t)room * sizeof(double), bytes = numbers + strlen(label) + 1;
    double *at = attn_alloc(ctx, bytes);
    if (!at) return attn_no_memory(ctx, "a plot", bytes);
    *out = (struct attn_plot_line){(char *)at + numbers, at, at + room, at + 2 * room, at + 3 * room, 0, at};
    memcpy(out->label, label, strlen(label) + 1);
    return ATTN_OK;
}

void attn_plot_line_close(attn_ctx *ctx, struct attn_plot_line *line) {
    attn_free(ctx, line->memory);
}

int attn_plot_labels(const struct attn_plot *p, struct attn_label out[ATTN_PLOT_LABELS]) {
    struct attn_label *x = &out[p->line_count], *y = x + 1;
    for (int n = 0; n < p->line_count; n++) out[n].text = p->line[n].label;
    attn_labels_show(out, p->line_count, LABEL);
    x->text = p->x_label;
    y->text = p->y_label;
    attn_labels_show(x, 1, LABEL);
    attn_labels_show(y, 1, AXIS);
    return p->line_count + 2;
}

static bool drawable(double x, double y, const struct attn_plot *p) {
    return fabs(x) < greatest && fabs(y) < greatest && (!p->log_x || x > 0) && (!p->log_y || y > 0);
}

static int64_t put_data(FILE *file, const struct attn_plot *p, int number) {
    const struct attn_plot_line *l = &p->line[number];
    int64_t written = 0;
    fprintf(file, "$line%d << END\n", number);
    for (int64_t i = 0; i < l->count; i++) {
        if (!drawable(l->x[i], l->y[i], p)) continue;
        const bool bar = l->low && drawable(l->x[i], l->low[i], p) && drawable(l->x[i], l->high[i], p);
        fprintf(file, "%.10g %.10g %.10g %.10g\n", l->x[i], l->y[i], bar ? l->low[i] : l->y[i], bar ? l->high[i] : l->y[i]);
        written++;
    }
    fputs("END\n", file);
    return written;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The different x of the points, in order; -1: there are more than `most`. */
static int distinct_x(const struct attn_plot *p, double *at, int most) {
    int count = 0;
    for (int n = 0; n < p->line_count; n++)
        for (int64_t i = 0; i < p->line[n].count; i++) {
            bool had = !drawable(p->line[n].x[i], 1, p);
            for (int k = 0; k < count; k++) had = had || at[k] == p->line[n].x[i];
            if (had) continue;
            if (count == most) return -1;
            at[count++] = p->line[n].x[i];
        }
    qsort(at, (size_t)count, sizeof *at, by_size);
    return count;
}

/* Tics where the points are, if they are few; those whose numbers would touch the one before go without. */
static void put_tics(FILE *file, const struct attn_plot *p) {
    double at[ATTN_PLOT_TICS] = {0}, end = -greatest;
    const int count = distinct_x(p, at, ATTN_PLOT_TICS);
    if (count < 0) return;
    fputs("set xtics (", file);
    for (int k = 0; k < count; k++) {
        char number[32];
        const double first = p->log_x ? log(at[0]) : at[0], last = p->log_x ? log(at[count - 1]) : at[count - 1];
        const double share = last > first ? ((p->log_x ? log(at[k]) : at[k]) - first) / (last - first) : 0;
        const double half = DIGIT / 2.0 * snprintf(number, sizeof number, "%g", at[k]);
        const bool room = share * AXIS_WIDTH - half >= end;
        fprintf(file, "%s'%s' %.10g", k > 0 ? ", " : "", room ? number : "", at[k]);
        if (room) end = share * AXIS_WIDTH + half + DIGIT / 2.0;
    }
    fputs(")\n", file);
}

/* The least and the greatest x that is drawn; false: they are not apart. */
static bool range_of_x(const struct attn_plot *p, double *low, double *high) {
    *low = greatest;
    *high = -greatest;
    for (int n = 0; n < p->line_count; n++)
        for (int64_t i = 0; i < p->line[n].count; i++) {
            if (!drawable(p->line[n].x[i], p->line[n].y[i], p)) continue;
            *low = fmin(*low, p->line[n].x[i]);
            *high = fmax(*high, p->line[n].x[i]);
        }
    return *low < *high;
}

/* A margin around the points; by itself gnuplot would draw a logarithmic axis from one power of ten to another. */
static void put_margins(FILE *file, const struct attn_plot *p) {
    double low, high;
    if (!p->log_x)
        fputs("set offsets graph 0.04, graph 0.04, 0, 0\n", file);
    else if (range_of_x(p, &low, &high))
        fprintf(file, "set xrange [%.10g:%.10g]\n", low * pow(low / high, 0.04), high * pow(high / low, 0.04));
}

/* Tics 1, 2 or 5 times a power of ten apart, six at most, so that their numbers do not touch. */
static void put_spaced_tics(FILE *file, const struct attn_plot *p) {
    double low, high, step;
    if (!range_of_x(p, &low, &high) || p->log_x) return;
    const double power = pow(10, floor(log10((high - low) / 6)));
    for (int k = 0; step = power * (double[]){1, 2, 5, 10}[k], k < 3 && (high - low) / step > 6;) k++;
    fprintf(file, "set xtics %.10g\n", step);
    if (high >= 10000) fputs("set format x '%.0s%c'\n", file); /* 20k */
}

static void put_band(FILE *file, const struct attn_plot *p) {
    if (!(p->band_low < p->band_high) || !drawable(p->band_low, 1, p) || !drawable(p->band_high, 1, p)) return;
    fprintf(file,
            "set object 1 rectangle from first %.10g, graph 0 to first %.10g, graph 1 behind fc rgb '#808080' "
            "fs transparent solid 0.15 noborder\n",
            p->band_low, p->band_high);
}

/* Numbers of a logarithmic axis that would be written with powers of ten. */
static bool has_large_y(const struct attn_plot *p) {
    double low = greatest, high = 0;
    for (int n = 0; n < p->line_count; n++)
        for (int64_t i = 0; i < p->line[n].count; i++) {
            if (!drawable(p->line[n].x[i], p->line[n].y[i], p)) continue;
            low = fmin(low, p->line[n].y[i]);
            high = fmax(high, p->line[n].y[i]);
        }
    return low >= 1 && high >= 100000;
}

static void put_script(FILE *file, const struct attn_plot *p) {
    int drawn = 0;
    int64_t rows[ATTN_PLOT_LINES];
    struct attn_label labels[ATTN_PLOT_LABELS];
    attn_plot_labels(p, labels);
    attn_script_begin(file, HEIGHT + LEGEND * p->line_count);
    fputs("set key below left Left reverse vertical maxcols 1 samplen 2 font ',12' textcolor rgb '" ATTN_SVG_INK "'\n"
          "set key title ' ' font ',5'\nset xlabel ", /* a gap, as the legend would touch the label */
          file);
    attn_script_text(file, labels[p->line_count].shown);
    fputs(" offset 0,0.5 textcolor rgb '" ATTN_SVG_INK "'\nset ylabel ", file);
    attn_script_text(file, labels[p->line_count + 1].shown);
    fputs(" textcolor rgb '" ATTN_SVG_INK "'\n", file);
    if (p->log_x) fputs("set logscale x\n", file);
    if (p->log_y) fputs("set logscale y\n", file);
    if (p->log_y && has_large_y(p)) fputs("set format y '%.0s%c'\n", file); /* 10M */
    if (p->points)
        put_tics(file, p);
    else
        put_spaced_tics(file, p);
    if (p->points) put_margins(file, p);
    if (p->y_low < p->y_high) fprintf(file, "set yrange [%.10g:%.10g]\n", p->y_low, p->y_high);
    put_band(file, p);
    for (int n = 0; n < p->line_count; n++) rows[n] = put_data(file, p, n);
    for (int n = 0; n < p->line_count; n++) {
        const struct attn_plot_line *l = &p->line[n];
        if (rows[n] == 0) continue;
        fprintf(file, "%s $line%d using 1:2%s with %s lc rgb '%s'", drawn++ == 0 ? "plot" : ",", n, l->low ? ":3:4" : "",
                l->low                      ? "yerrorlines"
                : p->points || rows[n] == 1 ? "linespoints"
                                            : "lines",
                colours[n]);
        if (l->low || p->points || rows[n] == 1) fprintf(file, " pt %d ps 0.7", marks[n]);
        if (n >= ATTN_PLOT_LINES / 2) fputs(" dt 2", file);
        fputs(" title ", file);
        attn_script_text(file, labels[n].shown);
    }
    fputs(drawn > 0 ? "\n" : "set xrange [0:1]\nset yrange [0:1]\nplot NaN notitle\n", file);
}

attn_status attn_plot_svg(attn_ctx *ctx, const struct attn_plot *plot, char **svg, size_t *bytes) {
    char *script = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&script, &size);
    if (!file) return attn_no_memory(ctx, "a plot", 0);
    put_script(file, plot);
    if (fclose(file) != 0) {
        free(script);
        return attn_no_memory(ctx, "a plot", size);
    }
    const attn_status status = attn_script_run(ctx, script, size, svg, bytes);
    free(script);
    return status;
}

void attn_plot_csv(FILE *file, const struct attn_plot *plot) {
    bool bars = false, header = true;
    for (int n = 0; n < plot->line_count; n++) bars = bars || plot->line[n].low;
    for (int n = 0; n < plot->line_count; n++)
        for (int64_t i = 0; i < plot->line[n].count; i++, header = false) {
            const struct attn_plot_line *l = &plot->line[n];
            struct attn_record r = {.count = 0};
            attn_record_text(&r, "line", l->label);
            attn_record_real(&r, plot->x_label, l->x[i]);
            attn_record_real(&r, plot->y_label, l->y[i]);
            if (bars) attn_record_real(&r, "low", l->low ? l->low[i] : l->y[i]);
            if (bars) attn_record_real(&r, "high", l->high ? l->high[i] : l->y[i]);
            if (header) attn_csv_line(file, &r, true);
            attn_csv_line(file, &r, false);
        }
}
