/* Which figure a set of runs makes: what of their recipes goes along the axis, what makes a line and what a panel of its own, chosen by what varies.
 *
 * A number that varies goes along the axis: the one with most values, the first in the recipe of those. The next one makes panels, further ones and all
 * words and texts make lines. Runs that differ in nothing but `seed` are one point: their mean, with a bar from the least to the greatest. Where other
 * numbers than `lr` vary, `lr` is tuned: the point is that of the rate with the best mean, of those with most runs. A field whose value follows from another's makes nothing of its own. */
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

/* Of runs of one task. Names are the runs'. */
attn_status attn_axes_choose(const struct attn_report_runs *runs, struct attn_axes *out);

/* One plot a panel. */
struct attn_panel {
    char value[64]; /* of the panel's field; "" where there is one panel */
    struct attn_plot_line line[ATTN_PLOT_LINES];
    int line_count;
};
struct attn_panels {
    struct attn_panel at[ATTN_AXES_PANELS];
    int count, lines_left_out, panels_left_out;
    double low, high; /* of all points and bars */
};
/* The points of `figure`; lower: the best is the least. */
attn_status attn_axes_points(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure, bool lower,
                             struct attn_panels *out);
void attn_panels_free(attn_ctx *ctx, struct attn_panels *panels);

/* What a run's line is called: "mixer=attention heads=2", in `size` bytes. */
void attn_axes_label(const struct attn_report_run *run, const char *const *names, int count, char *text, size_t size);

#endif
