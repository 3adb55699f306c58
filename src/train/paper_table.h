/* Tables of papers: in the paper's layout and with its values, and beside them what was measured here.
 *
 * A row is about arms of one experiment, at each scale of one of its own, as claims are; or, in a table of a task, its cells are about any arms of the system's
 * experiments with that task whose recipes meet conditions. What is measured is a figure of an arm's best runs, as claims read them: its mean over the seeds. */
#ifndef ATTN_TRAIN_PAPER_TABLE_H
#define ATTN_TRAIN_PAPER_TABLE_H

#include "train/reproduce.h"

enum { ATTN_PAPER_COLUMNS = 12, ATTN_PAPER_CONDITIONS = 4 };

enum attn_paper_form {
    ATTN_PAPER_TEXT,    /* what a row is about, or a value of the paper */
    ATTN_PAPER_PERCENT, /* measured, a share: "85.7 ± 0.3 %", with the standard error of the mean where there are several seeds */
    ATTN_PAPER_NUMBER,  /* measured: "2.128" */
    /* Measured, with the standard deviation over the seeds where there are several: "0.460 ± 0.004"; "42.2 ± 0.6"; of a share in percent "97.0 ± 0.3". */
    ATTN_PAPER_SPREAD,
    ATTN_PAPER_SPREAD_SCORE,
    ATTN_PAPER_SPREAD_PERCENT
};
struct attn_paper_column {
    const char *title;
    enum attn_paper_form form;
};

struct attn_paper_cell {
    const char *text; /* of a column of texts; NULL: none */
    const char *arm,
        *figure; /* of a measured column; NULL: nothing is measured. arm: NULL in a table of a task, where `where` names arms: */
    /* Conditions beside those of the row, "mixer=aaren"; NULL behind the last. Of a file they name what its name is without folders and from the first
     * point on, of other texts the whole or what stands before the first colon: "data=ETTh1" of /data/ETTh1.csv.gz, "mixer=aaren" of aaren:heads=4. */
    const char *where[ATTN_PAPER_CONDITIONS];
    /* A figure that a run has although it has not `figure`, where it FAILs by the paper's rule; NULL: there is no such rule */
    const char *failing;
};

struct attn_paper_row {
    struct attn_paper_cell cell[ATTN_PAPER_COLUMNS];
    bool paper;                                    /* a row of the paper, shown at every scale; others where they are measured */
    const struct attn_experiment *at[ATTN_SCALES]; /* NULL: not measured at this scale */
    const char *where[ATTN_PAPER_CONDITIONS];      /* of a table of a task */
};

struct attn_paper_table {
    const char *name, *title; /* "table-1" */
    const char *note;         /* NULL: none */
    const struct attn_task
        *task; /* whose arms are found by conditions, where several meet them the first that has run; NULL: rows name experiments */
    const struct attn_paper_column *columns;
    const struct attn_paper_row *rows;
    int column_count, row_count;
};

/* What a cell shows. */
struct attn_paper_value {
    char shown[64];      /* "-": nothing; "not run"; "incomplete": runs are missing or failed; "FAIL", "FAIL 1 of 3" */
    double value, error; /* of a measured cell, NaN where there is none; error: the standard error of the mean, NaN with one seed */
    double deviation;    /* the standard deviation over the seeds, NaN with one */
    int64_t seeds;       /* 0: it is not measured here */
    const char *experiment, *arm, *figure; /* what it is of */
};

/* In all of these, runs have been read (attn_reproduction_read). Whether r's scale measures some of the table, and whether it shows a row. */
bool attn_paper_measured(const struct attn_reproduction *r, const struct attn_paper_table *table);
bool attn_paper_shows(const struct attn_reproduction *r, const struct attn_paper_table *table, int row);

/* The value of a cell. */
void attn_paper_value(const struct attn_reproduction *r, const struct attn_paper_table *table, int row, int column,
                      struct attn_paper_value *out);

/* A measured cell as a record, whose texts are the table's and the value's; false: its row's experiment is none of r's, or it is no measured one. */
bool attn_paper_record(const struct attn_reproduction *r, const struct attn_paper_table *table, int row, int column,
                       struct attn_paper_value *value, struct attn_record *out);

#endif
