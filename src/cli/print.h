/* How a command prints its records (io/record.h): one JSON object a line, CSV with a header, or a text table. */
#ifndef ATTN_CLI_PRINT_H
#define ATTN_CLI_PRINT_H

#include "io/record.h"

/* A column of the text table: the record's field `name`, shown as `title`. */
struct attn_column {
    const char *name, *title;
    int width;   /* texts are put to the left, numbers to the right */
    int digits;  /* of a real after the point */
    double unit; /* a real or integer is divided by this; 0: as it is */
};

enum attn_print_form { ATTN_FORM_TABLE, ATTN_FORM_JSON, ATTN_FORM_CSV };

struct attn_report {
    FILE *file;
    enum attn_print_form form;
    const struct attn_column *columns;
    int column_count;
    int rows;
};

/* Prints one record and flushes, so that a stopped run keeps its lines. */
void attn_report_row(struct attn_report *report, const struct attn_record *record);

/* A line about progress that overwrites itself; on a terminal only. text NULL: takes the line away. */
void attn_progress(const char *text);

#endif
