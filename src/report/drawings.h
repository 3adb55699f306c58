/* The plots of a task's runs: the task's figure against what varies, its figures by size, the training losses, the figure over the steps. */
#ifndef ATTN_REPORT_DRAWINGS_H
#define ATTN_REPORT_DRAWINGS_H

#include "report/axes.h"

struct attn_drawing {
    char name[128]; /* of its files: letters, digits and '-' */
    char title[1024], caption[1024], desc[8192];
    struct attn_plot plot; /* its axes' labels are the runs' or the task's */
};

struct attn_drawings {
    attn_ctx *ctx;
    struct attn_drawing *at; /* room for ATTN_DRAWINGS */
    int count;
};
enum { ATTN_DRAWINGS = ATTN_AXES_PANELS + 3 };

/* Runs are of one task. task NULL: one that is not known here; its figure is the first that the runs have, the greater the better. */
attn_status attn_drawings_make(const struct attn_report_runs *runs, const struct attn_task *task, struct attn_drawings *out);
void attn_drawings_free(struct attn_drawings *drawings);

#endif
