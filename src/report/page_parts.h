/* The parts of the page, each written by one file. */
#ifndef ATTN_REPORT_PAGE_PARTS_H
#define ATTN_REPORT_PAGE_PARTS_H

#include "report/page.h"
#include "train/system.h"

#include <stdio.h>

struct attn_page {
    attn_ctx *ctx;
    FILE *file;
    const struct attn_page_options *options;
    int task;      /* number of the task's section */
    int figures;   /* so far, for their ids */
    bool no_plots; /* there is no gnuplot */
};

/* Runs of one task, with what the program knows of it. */
struct attn_page_task {
    struct attn_report_runs runs;
    const char *name;
    const struct attn_system *system; /* NULL: no system of this program has the task */
    const struct attn_task *task;
    const char **differences;
    int difference_count;
};

/* The table of runs, and the fold of their recipes; run i of the section has the id run-SECTION-i. */
void attn_page_table(struct attn_page *page, const struct attn_page_task *task);
void attn_page_recipes(struct attn_page *page, const struct attn_page_task *task);

/* Plots, then what the system shows. */
attn_status attn_page_figures(struct attn_page *page, const struct attn_page_task *task);

/* Where all the runs ran. */
attn_status attn_page_environments(struct attn_page *page, const struct attn_report_runs *runs);

/* Begin and end of a table that scrolls by itself where the screen is narrow. */
void attn_page_table_begin(FILE *file, const char *caption);
void attn_page_table_end(FILE *file);
/* A cell; numbers to the right. */
void attn_page_cell(FILE *file, const char *text, bool number);

#endif
