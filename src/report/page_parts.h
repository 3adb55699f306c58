/* The parts of the page, each written by one file. */
#ifndef ATTN_REPORT_PAGE_PARTS_H
#define ATTN_REPORT_PAGE_PARTS_H

#include "report/label.h"
#include "report/page.h"
#include "train/system.h"

#include <stdio.h>

struct attn_page {
    attn_ctx *ctx;
    FILE *file;
    const struct attn_page_options *options;
    int task;         /* number of the task's section */
    int figures;      /* so far, for their ids */
    bool no_plots;    /* there is no gnuplot */
    bool warned;      /* and the page says so */
    char stem[224];   /* of the files of the last figure */
    FILE *stems;      /* all of them, each between newlines, */
    char *stems_text; /* here */
    size_t stems_bytes;
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

/* What the runs say of the claims of papers: a section, or nothing where no run belongs to a claim's experiment. *any: there is a section. */
attn_status attn_page_claims(struct attn_page *page, const struct attn_report_runs *runs, bool *any);

/* Plots of the runs. */
attn_status attn_page_figures(struct attn_page *page, const struct attn_page_task *task);

/* Pictures of what the best of the task's finished runs answers; nothing where the task has none. */
attn_status attn_page_pictures(struct attn_page *page, const struct attn_page_task *task);

/* Where all the runs ran. */
attn_status attn_page_environments(struct attn_page *page, const struct attn_report_runs *runs);

/* Begins files of this name, of which letters, digits and '-' stay; a number is added where there are such already. */
void attn_page_name(struct attn_page *page, const char *name);

/* <figure> with its title, its picture (svg NULL: none) and its caption; the caller closes it. The picture is written to a file of this name too where files
 * are wanted. */
struct attn_page_figure {
    const char *name, *title, *caption, *desc, *svg;
    size_t svg_bytes;
    const struct attn_label *labels; /* that the picture shows */
    int label_count;
};
attn_status attn_page_figure_begin(struct attn_page *page, const struct attn_page_figure *figure);
/* A plot as a whole figure, with its values in a fold where they are few, and its files. */
struct attn_drawing; /* report/drawings.h */
attn_status attn_page_drawing(struct attn_page *page, const struct attn_drawing *drawing);
/* What came of drawing a plot: without gnuplot, or where it fails on one plot, the page goes on without a picture. */
attn_status attn_page_plotted(struct attn_page *page, attn_status status, struct attn_page_figure *figure);
/* Says once that there are no plots, if so. */
void attn_page_warn(struct attn_page *page);
/* Where files are wanted, writes what `put` prints of `what` to the CSV file of the last name. */
attn_status attn_page_csv(struct attn_page *page, const char *title, void (*put)(FILE *file, const void *what), const void *what);

/* What a task shows of its answers (train/picture.h) as a whole figure, with its files. */
struct attn_picture;
attn_status attn_page_picture(struct attn_page *page, const char *name, const char *caption, const struct attn_picture *picture);

/* Begin and end of a table that scrolls by itself where the screen is narrow. */
void attn_page_table_begin(FILE *file, const char *caption);
void attn_page_table_end(FILE *file);
/* A cell; numbers to the right. */
void attn_page_cell(FILE *file, const char *text, bool number);

#endif
