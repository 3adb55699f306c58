#include "report/drawings.h"

#include "report/curves.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 1000 /* of a curve in a plot */ };

static struct attn_drawing *add_drawing(struct attn_drawings *d, const char *task, const char *what, const char *value) {
    struct attn_drawing *one = &d->at[d->count++];
    memset(one, 0, sizeof *one);
    attn_append(one->name, sizeof one->name, "%s-%s%s%s", task, what, value[0] ? "-" : "", value);
    for (char *c = one->name; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '-';
    one->plot = (struct attn_plot){.x_label = one->x_label, .y_label = one->y_label, .y_low = (double)NAN, .y_high = (double)NAN};
    one->plot.line = attn_alloc(d->ctx, ATTN_PLOT_LINES * sizeof *one->plot.line);
    return one;
}

/* The least and the greatest of what is above 0; false: something is not, or there is nothing. */
static bool range_of(const struct attn_plot *p, bool x, double *low, double *high) {
    *low = (double)INFINITY;
    *high = 0;
    for (int n = 0; n < p->line_count; n++)
        for (int64_t i = 0; i < p->line[n].count; i++) {
            const double v = x ? p->line[n].x[i] : p->line[n].y[i];
            if (!(v > 0)) return false;
            *low = fmin(*low, v);
            *high = fmax(*high, v);
        }
    return *high > 0;
}

static void describe(struct attn_drawing *d) {
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int n = 0; n < d->plot.line_count; n++)
        for (int64_t i = 0; i < d->plot.line[n].count; i++) {
            low = fmin(low, d->plot.line[n].y[i]);
            high = fmax(high, d->plot.line[n].y[i]);
        }
    attn_append(d->desc, sizeof d->desc, "A plot of %d line%s, %s against %s; %s lies between %.4g and %.4g. ", d->plot.line_count,
                d->plot.line_count == 1 ? "" : "s", d->y_label, d->x_label, d->y_label, low, high);
    for (int n = 0; n < d->plot.line_count; n++) {
        const struct attn_plot_line *l = &d->plot.line[n];
        if (l->count > 0) attn_append(d->desc, sizeof d->desc, "%s%s: %.4g at the end", n > 0 ? "; " : "", l->label, l->y[l->count - 1]);
    }
}

/* ---------------------------------------------------------------------------------------- the figure against fields */

static void caption_of_points(const struct attn_axes *axes, const struct attn_panels *panels, struct attn_drawing *d) {
    char *text = d->caption;
    const size_t size = sizeof d->caption;
    if (axes->tuned) attn_append(text, size, "Each point is that of the learning rate with the best mean, of those with most runs. ");
    if (axes->seeds) attn_append(text, size, "Points are means over seeds, bars go from the least to the greatest. ");
    if (panels->lines_left_out > 0)
        attn_append(text, size, "%d lines are left out: a plot has at most %d. ", panels->lines_left_out, ATTN_PLOT_LINES);
    if (panels->panels_left_out > 0) attn_append(text, size, "Further values of %s have no plot of their own. ", axes->panel);
}

static void bars_where_seeds_differ(struct attn_plot *p, bool seeds) {
    for (int n = 0; n < p->line_count && !seeds; n++) p->line[n].low = p->line[n].high = NULL;
}

static attn_status draw_done(const struct attn_report_runs *runs, const char *task, const char *figure, bool lower,
                             struct attn_drawings *out) {
    struct attn_axes axes;
    struct attn_panels panels;
    attn_status status = attn_axes_choose(runs, &axes);
    if (status || !axes.x) return status;
    status = attn_axes_points(runs, &axes, figure, lower, &panels);
    for (int i = 0; i < panels.count && !status; i++) {
        double low, high;
        char what[160] = "";
        attn_append(what, sizeof what, "%s-by-%s%s%s", figure, axes.x, axes.panel ? "-" : "", axes.panel ? axes.panel : "");
        struct attn_drawing *d = add_drawing(out, task, what, panels.at[i].value);
        if (!d->plot.line) {
            status = attn_no_memory(runs->ctx, "a figure", 0);
            break;
        }
        memcpy(d->plot.line, panels.at[i].line, sizeof panels.at[i].line);
        d->plot.line_count = panels.at[i].line_count;
        panels.at[i].line_count = 0; /* the drawing has them now */
        bars_where_seeds_differ(&d->plot, axes.seeds);
        attn_append(d->x_label, sizeof d->x_label, "%s", axes.x);
        attn_append(d->y_label, sizeof d->y_label, "%s", figure);
        attn_append(d->title, sizeof d->title, "%s against %s", figure, axes.x);
        if (axes.panel) attn_append(d->title, sizeof d->title, ", %s=%s", axes.panel, panels.at[i].value);
        caption_of_points(&axes, &panels, d);
        d->plot.points = true;
        d->plot.log_x = range_of(&d->plot, true, &low, &high) && high / low >= 4;
        const double margin = 0.04 * (panels.high - panels.low);
        d->plot.y_low = panels.low - margin; /* the same in all panels */
        d->plot.y_high = panels.high + margin;
        describe(d);
    }
    attn_panels_free(runs->ctx, &panels);
    return status;
}

/* Runs that are not done have no place beside those that are. */
static attn_status draw_points(const struct attn_report_runs *runs, const char *task, const char *figure, bool lower,
                               struct attn_drawings *out) {
    struct attn_report_runs done = {runs->ctx, attn_alloc(runs->ctx, (size_t)runs->count * sizeof *done.at), 0};
    if (!done.at) return attn_no_memory(runs->ctx, "a figure", (size_t)runs->count * sizeof *done.at);
    for (int64_t i = 0; i < runs->count; i++)
        if (runs->at[i].summary->state == ATTN_RUN_DONE) done.at[done.count++] = runs->at[i];
    const attn_status status = done.count > 1 ? draw_done(&done, task, figure, lower, out) : ATTN_OK;
    attn_free(runs->ctx, done.at);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- curves */

/* The runs whose curves are drawn: the best ones, in the order of the runs. */
struct chosen {
    const struct attn_report_run *run[ATTN_PLOT_LINES];
    struct attn_curves *curves[ATTN_PLOT_LINES];
    int count;
    bool some; /* there are more */
};

struct rank {
    int64_t index;
    double value;
};

static int best_first(const void *a, const void *b) {
    const struct rank *p = a, *q = b;
    if (isnan(p->value) != isnan(q->value)) return isnan(p->value) ? 1 : -1;
    if (p->value != q->value && !isnan(p->value)) return p->value > q->value ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

static int by_index(const void *a, const void *b) {
    const struct rank *p = a, *q = b;
    return p->index < q->index ? -1 : 1;
}

static attn_status choose_runs(const struct attn_report_runs *runs, const char *figure, bool lower, struct chosen *out) {
    attn_ctx *ctx = runs->ctx;
    struct rank *ranks = attn_alloc(ctx, (size_t)runs->count * sizeof *ranks);
    attn_status status = ranks ? ATTN_OK : attn_no_memory(ctx, "the order of runs", (size_t)runs->count * sizeof *ranks);
    const int64_t count = attn_min64(runs->count, ATTN_PLOT_LINES);
    out->some = count < runs->count;
    for (int64_t i = 0; i < runs->count && !status; i++)
        ranks[i] = (struct rank){i, (lower ? -1 : 1) * attn_figures_get(&runs->at[i].summary->figures, figure)};
    if (!status) qsort(ranks, (size_t)runs->count, sizeof *ranks, best_first);
    if (!status) qsort(ranks, (size_t)count, sizeof *ranks, by_index);
    for (int64_t i = 0; i < count && !status; i++) {
        struct attn_curves *curves = attn_alloc(ctx, sizeof *curves);
        if (!curves) status = attn_no_memory(ctx, "the curves of a run", sizeof *curves);
        if (status) break;
        out->run[out->count] = &runs->at[ranks[i].index];
        out->curves[out->count++] = curves;
        if (attn_curves_read(ctx, out->run[out->count - 1]->summary->folder, curves)) curves->count = 0; /* it has been taken away */
    }
    attn_free(ctx, ranks);
    return status;
}

static void free_chosen(attn_ctx *ctx, struct chosen *c) {
    for (int i = 0; i < c->count; i++) {
        attn_curves_free(ctx, c->curves[i]);
        attn_free(ctx, c->curves[i]);
    }
}

static attn_status add_curve(attn_ctx *ctx, const struct attn_curve *curve, const char *label, struct attn_plot *plot) {
    struct attn_plot_line *line = &plot->line[plot->line_count];
    double *memory = attn_alloc(ctx, 2 * POINTS * sizeof *memory);
    if (!memory) return attn_no_memory(ctx, "a plot", 2 * POINTS * sizeof *memory);
    *line = (struct attn_plot_line){.x = memory, .y = memory + POINTS};
    attn_append(line->label, sizeof line->label, "%s", label);
    line->count = attn_curve_thin(curve, POINTS, line->x, line->y);
    plot->line_count++;
    return ATTN_OK;
}

/* Draws one curve of each chosen run; nothing where no run has more than one point of it. */
static attn_status draw_curves(const struct attn_report_runs *runs, const struct chosen *chosen, const char *task, const char *curve,
                               bool evaluation, struct attn_drawings *out) {
    const char **names;
    int name_count;
    bool any = false;
    double low, high;
    for (int i = 0; i < chosen->count; i++) {
        const struct attn_curve *c = attn_curves_named(chosen->curves[i], curve, evaluation);
        any = any || (c && c->count > 1);
    }
    if (!any) return ATTN_OK;
    attn_status status = attn_report_differences(runs, &names, &name_count);
    if (status) return status;
    struct attn_drawing *d = add_drawing(out, task, evaluation ? curve : "training-loss", evaluation ? "over-steps" : "");
    if (!d->plot.line) status = attn_no_memory(runs->ctx, "a plot", 0);
    for (int i = 0; i < chosen->count && !status; i++) {
        const struct attn_curve *c = attn_curves_named(chosen->curves[i], curve, evaluation);
        char label[160];
        attn_axes_label(chosen->run[i], names, name_count, label, sizeof label);
        if (c) status = add_curve(runs->ctx, c, label[0] ? label : chosen->run[i]->summary->id, &d->plot);
    }
    attn_free(runs->ctx, names);
    attn_append(d->x_label, sizeof d->x_label, "step");
    attn_append(d->y_label, sizeof d->y_label, "%s", curve);
    attn_append(d->title, sizeof d->title, "%s over the steps", evaluation ? curve : "Training loss");
    d->plot.log_y = !evaluation && range_of(&d->plot, false, &low, &high) && high / low >= 30;
    describe(d);
    return status;
}

attn_status attn_drawings_make(const struct attn_report_runs *runs, const char *figure, bool lower, struct attn_drawings *out) {
    struct chosen chosen = {.count = 0};
    *out = (struct attn_drawings){.ctx = runs->ctx};
    if (runs->count == 0) return ATTN_OK;
    const char *task = runs->at[0].summary->task;
    for (int64_t i = 0; i < runs->count && !figure; i++)
        if (runs->at[i].summary->figures.count > 0) figure = runs->at[i].summary->figures.at[0].name;
    out->at = attn_alloc(runs->ctx, ATTN_DRAWINGS * sizeof *out->at);
    if (!out->at) return attn_no_memory(runs->ctx, "the figures of a report", ATTN_DRAWINGS * sizeof *out->at);
    attn_status status = figure ? draw_points(runs, task, figure, lower, out) : ATTN_OK;
    if (!status) status = choose_runs(runs, figure ? figure : "", lower, &chosen);
    const int first = out->count;
    if (!status) status = draw_curves(runs, &chosen, task, "loss", false, out);
    if (!status && figure) status = draw_curves(runs, &chosen, task, figure, true, out);
    for (int i = first; i < out->count && chosen.some; i++)
        attn_append(out->at[i].caption, sizeof out->at[i].caption, "The %d best of %lld runs%s%s. ", chosen.count, (long long)runs->count,
                    figure ? " by " : "", figure ? figure : "");
    free_chosen(runs->ctx, &chosen);
    if (status) attn_drawings_free(out);
    return status;
}

void attn_drawings_free(struct attn_drawings *d) {
    for (int i = 0; i < d->count; i++) {
        for (int n = 0; n < d->at[i].plot.line_count; n++) attn_free(d->ctx, d->at[i].plot.line[n].x);
        attn_free(d->ctx, d->at[i].plot.line);
    }
    attn_free(d->ctx, d->at);
    d->at = NULL;
    d->count = 0;
}
