/* The plots of a task's runs: the task's figure against what varies, the training losses, the figure over the steps. */
#ifndef ATTN_REPORT_DRAWINGS_H
#define ATTN_REPORT_DRAWINGS_H

#include "report/axes.h"

struct attn_drawing {
    char name[128]; /* of its files: letters, digits and '-' */
    char title[256], caption[512], desc[512];
    char x_label[64], y_label[64];
    struct attn_plot plot;
};

struct attn_drawings {
    attn_ctx *ctx;
    struct attn_drawing *at; /* room for ATTN_DRAWINGS */
    int count;
};
enum { ATTN_DRAWINGS = ATTN_AXES_PANELS + 2 };

/* figure NULL: the first that the runs have, the greater the better. Runs are of one task. */
attn_status attn_drawings_make(const struct attn_report_runs *runs, const char *figure, bool lower, struct attn_drawings *out);
void attn_drawings_free(struct attn_drawings *drawings);

#endif
