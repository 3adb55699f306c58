/* Which figure a set of runs makes: what of their recipes goes along the axis, what makes a line and what a panel of its own, chosen by what varies.
 *
 * A number that varies goes along the axis: the one with most values, the first in the recipe of those. The next one makes panels, further ones and all
 * words and texts make lines. Runs that differ in nothing but `seed` are one point: their mean, with a bar from the least to the greatest. Where other
 * numbers than `lr` vary, `lr` is tuned, by the rule of claims (attn_tuning_best): of each seed the best rate counts, once all of its runs are at their end;
 * seeds that were run at fewer rates than others of the point do not count. A field whose value follows from another's makes nothing of its own. A task says
 * which numbers go along the axis and make panels, where they vary. */
#ifndef ATTN_REPORT_AXES_H
#define ATTN_REPORT_AXES_H

#include "report/plot.h"
#include "report/runs.h"

enum { ATTN_AXES_LINES = 16, ATTN_AXES_PANELS = 8 };

struct attn_axes {
    const char *x;     /* NULL: no number varies, there is no figure */
    const char *panel; /* NULL: one panel */
    const char *line[ATTN_AXES_LINES];
    int line_count;
    bool tuned, seeds; /* lr is; more than one seed */
};

/* Of runs of one task (NULL: one that is not known here). Names are the runs'. */
attn_status attn_axes_choose(const struct attn_report_runs *runs, const struct attn_task *task, struct attn_axes *out);

/* One plot a panel. */
struct attn_panel {
    const char *value; /* of the panel's field, the runs' text; "" where there is one panel */
    struct attn_plot_line line[ATTN_PLOT_LINES];
    int line_count;
};
struct attn_panels {
    struct attn_panel at[ATTN_AXES_PANELS];
    int count, lines_left_out, panels_left_out;
    bool several_rates; /* some point is the best of more than one rate */
    double low, high;   /* of all points and bars */
};
/* The points of `figure`; lower: the best is the least. Runs that failed count where rates are tuned, as having no figure. */
attn_status attn_axes_points(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure, bool lower,
                             struct attn_panels *out);
void attn_panels_free(attn_ctx *ctx, struct attn_panels *panels);

/* Figures by size, as accuracy_5 and accuracy_10 of tests of 5 and 10 points: SERIES_N against N, the sizes along the axis. All that varies but seeds makes lines, `steps` also where it follows,
 * and lr is tuned where it varies: the runs that count are the best by `figure`, in one panel. */
attn_status attn_axes_choose_series(const struct attn_report_runs *runs, struct attn_axes *out);
attn_status attn_axes_series(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *series, const char *figure,
                             bool lower, struct attn_panels *out);

/* What a run's line is called: "mixer=attention heads=2"; freed by attn_free. */
attn_status attn_axes_label(attn_ctx *ctx, const struct attn_report_run *run, const char *const *names, int count, char **label);

#endif
