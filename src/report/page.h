/* The report: one HTML page about runs, which loads nothing from outside, and on demand every figure as SVG and its data as CSV. */
#ifndef ATTN_REPORT_PAGE_H
#define ATTN_REPORT_PAGE_H

#include "report/runs.h"

struct attn_page_options {
    const char *title;   /* "runs" */
    const char *path;    /* of the page */
    const char *figures; /* folder for SVG and CSV files; NULL: none */
    /* Called for each file: kind is "page", "figure" or "data"; NULL: not wanted. */
    void (*written)(void *user, const char *path, const char *kind, const char *title);
    void *user;
};

/* Writes the page. Without gnuplot there are no plots, and *plots is false: the page says what to install. The rest is as it is with it. */
attn_status attn_page_write(const struct attn_report_runs *runs, const struct attn_page_options *options, bool *plots);

#endif
