/* Series of numbers from files of any form, level with one another: what a metric is computed from.
 *   x.npy, x.npz:NAME, x.safetensors:NAME    all elements of the array, row by row
 *   x.csv:COLUMN, x.tsv.gz:COLUMN            a column by its name, or its number from 1; the only one may go without. Where the first line has numbers alone,
 *                                            and no column is asked for by one that is a name there alone, it is no header, which the log is told
 * Of one table, rows that are bad in one column are left out of all (io/table.h). */
#ifndef ATTN_IO_SERIES_H
#define ATTN_IO_SERIES_H

#include "io/table.h"
#include "io/vocabulary.h"

enum attn_series_kind {
    ATTN_SERIES_REAL,
    ATTN_SERIES_INTEGER,
    ATTN_SERIES_NAME /* any text: numbered by first appearance */
};

enum { ATTN_SERIES_MOST = 8 };

struct attn_series_request {
    const char *option; /* "labels": whose file it is, for messages */
    const char *where;  /* NULL: this series is not there */
    enum attn_series_kind kind;
};

struct attn_series {
    double *real;     /* [count], of ATTN_SERIES_REAL; NULL: not there, as below */
    int64_t *integer; /* [count], of ATTN_SERIES_INTEGER; of ATTN_SERIES_NAME the numbers of the names */
    struct attn_vocabulary names;
    char *file;     /* whose numbers these are */
    uint32_t *line; /* [count], of a table: where each stands; NULL: elements of an array */
};

enum { ATTN_SERIES_PLACE = 512 };
/* "t.csv: line 4" or "x.npy: element 3": where number i stands. */
const char *attn_series_place(const struct attn_series *series, size_t i, char text[ATTN_SERIES_PLACE]);

struct attn_series_set {
    struct attn_series series[ATTN_SERIES_MOST]; /* one for each request */
    size_t count;                                /* numbers of each */
    size_t bad;                                  /* rows that were left out */
    char first_bad[256];
};

/* All requests, at most ATTN_SERIES_MOST. ATTN_EINVAL: a file, a column, a cell, series of different lengths, or bad rows left out of one
 * file while a series comes from another. Freed by attn_series_free. */
attn_status attn_series_read(attn_ctx *ctx, const struct attn_file_system *system, const struct attn_series_request *requests, int count,
                             const struct attn_table_options *options, struct attn_series_set *out);
void attn_series_free(attn_ctx *ctx, struct attn_series_set *set);

#endif
