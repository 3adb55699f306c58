#include "report/drawings.h"

#include "report/curves.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 1000 /* of a curve in a plot */, TITLE = 40 /* characters of a name in a title */ };

/* A text in `most` characters, for titles. */
static struct attn_label shown(const char *text, int most) {
    struct attn_label label = {.text = text};
    attn_labels_show(&label, 1, most);
    return label;
}

static attn_status add_drawing(struct attn_drawings *d, const char *name, const char *x_label, const char *y_label,
                               struct attn_drawing **out) {
    struct attn_drawing *one = *out = &d->at[d->count];
    memset(one, 0, sizeof *one);
    attn_append(one->name, sizeof one->name, "%s", name);
    one->plot = (struct attn_plot){.x_label = x_label, .y_label = y_label, .y_low = (double)NAN, .y_high = (double)NAN};
    one->plot.line = attn_alloc(d->ctx, ATTN_PLOT_LINES * sizeof *one->plot.line);
    if (!one->plot.line) return attn_no_memory(d->ctx, "a plot", ATTN_PLOT_LINES * sizeof *one->plot.line);
    d->count++;
    return ATTN_OK;
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
    const struct attn_plot *p = &d->plot;
    double low = (double)INFINITY, high = -(double)INFINITY;
    struct attn_label labels[ATTN_PLOT_LABELS];
    attn_plot_labels(p, labels);
    const char *x = labels[p->line_count].shown, *y = labels[p->line_count + 1].shown;
    for (int n = 0; n < p->line_count; n++)
        for (int64_t i = 0; i < p->line[n].count; i++) {
            low = fmin(low, p->line[n].y[i]);
            high = fmax(high, p->line[n].y[i]);
        }
    attn_append(d->desc, sizeof d->desc, "A plot of %d line%s, %s against %s; %s lies between %.4g and %.4g. ", p->line_count,
                p->line_count == 1 ? "" : "s", y, x, y, low, high);
    for (int n = 0; n < p->line_count; n++) {
        const struct attn_plot_line *l = &p->line[n];
        if (l->count > 0)
            attn_append(d->desc, sizeof d->desc, "%s%s: %.4g at the end", n > 0 ? "; " : "", labels[n].shown, l->y[l->count - 1]);
    }
}

/* ---------------------------------------------------------------------------------------- the figure against fields */

static void caption_of_points(const struct attn_axes *axes, const struct attn_panels *panels, struct attn_drawing *d) {
    char *text = d->caption;
    const size_t size = sizeof d->caption;
    if (panels->several_rates)
        attn_append(text, size,
                    "lr is tuned, by the rule of claims: of each seed the best rate counts, once all of its runs are at their end. ");
    if (axes->seeds) attn_append(text, size, "Points are means over seeds, bars go from the least to the greatest. ");
    if (panels->lines_left_out > 0)
        attn_append(text, size, "%d lines are left out: a plot has at most %d. ", panels->lines_left_out, ATTN_PLOT_LINES);
    if (panels->panels_left_out > 0)
        attn_append(text, size, "Further values of %s have no plot of their own. ", shown(axes->panel, TITLE).shown);
}

static void bars_where_seeds_differ(struct attn_plot *p, bool seeds) {
    for (int n = 0; n < p->line_count && !seeds; n++) p->line[n].low = p->line[n].high = NULL;
}

/* The panel's lines, in the range of all panels. */
static void take_lines(const struct attn_axes *axes, const struct attn_panels *panels, struct attn_panel *panel, struct attn_drawing *d) {
    double low, high;
    const double margin = 0.04 * (panels->high - panels->low);
    memcpy(d->plot.line, panel->line, sizeof panel->line);
    d->plot.line_count = panel->line_count;
    panel->line_count = 0; /* the drawing has them now */
    bars_where_seeds_differ(&d->plot, axes->seeds);
    d->plot.points = true;
    d->plot.log_x = range_of(&d->plot, true, &low, &high) && high / low >= 4;
    d->plot.y_low = panels->low - margin;
    d->plot.y_high = panels->high + margin;
}

static attn_status draw_panel(const struct attn_axes *axes, const struct attn_panels *panels, struct attn_panel *panel, const char *task,
                              const char *figure, struct attn_drawings *out) {
    char name[sizeof out->at->name] = "";
    struct attn_drawing *d;
    attn_append(name, sizeof name, "%s-%s-by-%s%s%s%s%s", task, figure, axes->x, axes->panel ? "-" : "", axes->panel ? axes->panel : "",
                axes->panel ? "-" : "", panel->value);
    const attn_status status = add_drawing(out, name, axes->x, figure, &d);
    if (status) return status;
    take_lines(axes, panels, panel, d);
    attn_append(d->title, sizeof d->title, "%s against %s", shown(figure, TITLE).shown, shown(axes->x, TITLE).shown);
    if (axes->panel) attn_append(d->title, sizeof d->title, ", %s=%s", shown(axes->panel, TITLE).shown, shown(panel->value, TITLE).shown);
    caption_of_points(axes, panels, d);
    describe(d);
    return ATTN_OK;
}

static bool varied(const struct attn_report_runs *runs) {
    int64_t done = 0;
    for (int64_t i = 0; i < runs->count; i++) done += runs->at[i].summary->state == ATTN_RUN_DONE;
    return done > 1;
}

/* Runs that are at their end: those that are not have no place beside them. */
static attn_status ended_runs(const struct attn_report_runs *runs, struct attn_report_runs *out) {
    *out = (struct attn_report_runs){runs->ctx, attn_alloc(runs->ctx, (size_t)runs->count * sizeof *out->at), 0};
    if (!out->at) return attn_no_memory(runs->ctx, "a figure", (size_t)runs->count * sizeof *out->at);
    for (int64_t i = 0; i < runs->count; i++)
        if (runs->at[i].summary->state == ATTN_RUN_DONE || runs->at[i].summary->state == ATTN_RUN_FAILED)
            out->at[out->count++] = runs->at[i];
    return ATTN_OK;
}

static attn_status draw_points(const struct attn_report_runs *ended, const struct attn_task *task, const char *figure, bool lower,
                               struct attn_drawings *out) {
    struct attn_axes axes = {.x = NULL};
    struct attn_panels panels = {.count = 0};
    attn_status status = varied(ended) ? attn_axes_choose(ended, task, &axes) : ATTN_OK;
    if (!status && axes.x) status = attn_axes_points(ended, &axes, figure, lower, &panels);
    for (int i = 0; i < panels.count && !status; i++)
        if (panels.at[i].line_count > 0) status = draw_panel(&axes, &panels, &panels.at[i], ended->at[0].summary->task, figure, out);
    attn_panels_free(ended->ctx, &panels);
    return status;
}

/* ------------------------------------------------------------------------------------------------- figures by size */

/* "10", or "5-10". */
static bool read_range(const char *text, double *low, double *high) {
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    *low = *high = (double)strtoll(text, &end, 10);
    if (end[0] == '-' && isdigit((unsigned char)end[1])) *high = (double)strtoll(end + 1, &end, 10);
    return !*end;
}

/* Shades the sizes that training covers, where it is the same for all runs. */
static void mark_training(const struct attn_report_runs *runs, const char *field, struct attn_drawing *d) {
    const struct attn_entry *first = attn_entries_get(&runs->at[0].fields, field);
    double low, high;
    for (int64_t i = 1; i < runs->count && first; i++) {
        const struct attn_entry *e = attn_entries_get(&runs->at[i].fields, field);
        if (!e || strcmp(e->text, first->text) != 0) return;
    }
    if (!first || !read_range(first->text, &low, &high)) return;
    attn_append(d->caption, sizeof d->caption, "Training's examples have %g", low);
    if (high > low) attn_append(d->caption, sizeof d->caption, " to %g", high);
    attn_append(d->caption, sizeof d->caption, " %s%s. ", field, high > low ? " (shaded)" : "");
    d->plot.band_low = low;
    d->plot.band_high = high;
}

static bool has_curve(const struct attn_panels *panels) {
    for (int n = 0; panels->count > 0 && n < panels->at[0].line_count; n++)
        if (panels->at[0].line[n].count > 1) return true;
    return false;
}

static attn_status draw_series_lines(const struct attn_report_runs *ended, const struct attn_task *task, const struct attn_axes *axes,
                                     struct attn_panels *panels, struct attn_drawings *out) {
    char name[sizeof out->at->name] = "";
    struct attn_drawing *d;
    attn_append(name, sizeof name, "%s-%s-by-test-%s", task->name, task->series, task->series_axis);
    const attn_status status = add_drawing(out, name, task->series_axis, task->series, &d);
    if (status) return status;
    take_lines(axes, panels, &panels->at[0], d);
    attn_append(d->title, sizeof d->title, "%s against %s of the tests", task->series, task->series_axis);
    caption_of_points(axes, panels, d);
    mark_training(ended, task->series_axis, d);
    describe(d);
    return ATTN_OK;
}

/* Nothing where no run was tested at more than one size. */
static attn_status draw_series(const struct attn_report_runs *ended, const struct attn_task *task, struct attn_drawings *out) {
    struct attn_axes axes;
    struct attn_panels panels = {.count = 0};
    if (!task || !task->series || ended->count == 0) return ATTN_OK;
    attn_status status = attn_axes_choose_series(ended, &axes);
    if (!status) status = attn_axes_series(ended, &axes, task->series, task->figure, task->lower, &panels);
    if (!status && has_curve(&panels)) status = draw_series_lines(ended, task, &axes, &panels, out);
    attn_panels_free(ended->ctx, &panels);
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
        const attn_status read = attn_curves_read(ctx, out->run[out->count - 1]->summary->folder, curves);
        if (read) curves->count = 0; /* it has been taken away: */
        if (read == ATTN_ENOMEM) status = read;
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

static attn_status add_curve(const struct attn_report_run *run, const struct attn_curve *curve, const char *const *names, int name_count,
                             struct attn_drawings *d, struct attn_plot *plot) {
    struct attn_plot_line *line = &plot->line[plot->line_count];
    char *label;
    attn_status status = attn_axes_label(d->ctx, run, names, name_count, &label);
    if (status) return status;
    status = attn_plot_line_open(d->ctx, label[0] ? label : run->summary->id, attn_min64(curve->count, POINTS), line);
    attn_free(d->ctx, label);
    if (status) return status;
    line->low = line->high = NULL;
    line->count = attn_curve_thin(curve, POINTS, line->x, line->y);
    plot->line_count++;
    return ATTN_OK;
}

/* Draws one curve of each chosen run; nothing where no run has more than one point of it. */
static attn_status draw_curves(const struct attn_report_runs *runs, const struct chosen *chosen, const char *curve, bool evaluation,
                               struct attn_drawings *out) {
    const char **names = NULL;
    int name_count = 0;
    bool any = false;
    double low, high;
    char name[sizeof out->at->name] = "";
    struct attn_drawing *d;
    for (int i = 0; i < chosen->count; i++) {
        const struct attn_curve *c = attn_curves_named(chosen->curves[i], curve, evaluation);
        any = any || (c && c->count > 1);
    }
    if (!any) return ATTN_OK;
    attn_append(name, sizeof name, "%s-%s", runs->at[0].summary->task, evaluation ? curve : "training-loss");
    if (evaluation) attn_append(name, sizeof name, "-over-steps");
    attn_status status = add_drawing(out, name, "step", curve, &d);
    if (!status) status = attn_report_differences(runs, &names, &name_count);
    for (int i = 0; i < chosen->count && !status; i++) {
        const struct attn_curve *c = attn_curves_named(chosen->curves[i], curve, evaluation);
        if (c) status = add_curve(chosen->run[i], c, names, name_count, out, &d->plot);
    }
    attn_free(runs->ctx, names);
    if (status) return status;
    attn_append(d->title, sizeof d->title, "%s over the steps", evaluation ? shown(curve, TITLE).shown : "Training loss");
    d->plot.log_y = !evaluation && range_of(&d->plot, false, &low, &high) && high / low >= 30;
    describe(d);
    return ATTN_OK;
}

attn_status attn_drawings_make(const struct attn_report_runs *runs, const struct attn_task *task, struct attn_drawings *out) {
    const char *figure = task ? task->figure : NULL;
    const bool lower = task && task->lower;
    struct attn_report_runs ended;
    struct chosen chosen = {.count = 0};
    *out = (struct attn_drawings){.ctx = runs->ctx};
    if (runs->count == 0) return ATTN_OK;
    for (int64_t i = 0; i < runs->count && !figure; i++)
        if (runs->at[i].summary->figures.count > 0) figure = runs->at[i].summary->figures.at[0].name;
    out->at = attn_alloc(runs->ctx, ATTN_DRAWINGS * sizeof *out->at);
    if (!out->at) return attn_no_memory(runs->ctx, "the figures of a report", ATTN_DRAWINGS * sizeof *out->at);
    attn_status status = ended_runs(runs, &ended);
    if (!status && figure) status = draw_points(&ended, task, figure, lower, out);
    if (!status) status = draw_series(&ended, task, out);
    attn_free(runs->ctx, ended.at);
    if (!status) status = choose_runs(runs, figure ? figure : "", lower, &chosen);
    const int first = out->count;
    if (!status) status = draw_curves(runs, &chosen, "loss", false, out);
    if (!status && figure) status = draw_curves(runs, &chosen, figure, true, out);
    for (int i = first; i < out->count && chosen.some; i++)
        attn_append(out->at[i].caption, sizeof out->at[i].caption, "The %d best of %lld runs%s%s. ", chosen.count, (long long)runs->count,
                    figure ? " by " : "", figure ? shown(figure, TITLE).shown : "");
    free_chosen(runs->ctx, &chosen);
    if (status) attn_drawings_free(out);
    return status;
}

void attn_drawings_free(struct attn_drawings *d) {
    for (int i = 0; i < d->count; i++) {
        for (int n = 0; n < d->at[i].plot.line_count; n++) attn_plot_line_close(d->ctx, &d->at[i].plot.line[n]);
        attn_free(d->ctx, d->at[i].plot.line);
    }
    attn_free(d->ctx, d->at);
    d->at = NULL;
    d->count = 0;
}
