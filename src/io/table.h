/* Tables of text: CSV as RFC 4180 has it (quoted cells may hold separators, line ends and doubled quotes) and TSV, which knows no quotes.
 * Line ends are "\n" or "\r\n". A table is whole in memory; every row has as many cells as the first.
 *
 * Messages name the file, the line where a row begins, and the column with its name: "x.csv: line 3, column 2 (OT): found "x", expected
 * a number". With `skip_bad`, rows with another number of cells, misplaced quotes or no number where one is asked for are left out and
 * counted. What is wrong with the file as a whole (no text, no header, a quote without an end) is never passed over. */
#ifndef ATTN_IO_TABLE_H
#define ATTN_IO_TABLE_H

#include "io/text.h"

enum attn_table_form { ATTN_TABLE_BY_NAME, ATTN_TABLE_CSV, ATTN_TABLE_TSV }; /* by name: TSV where it ends in .tsv or .tsv.gz */

enum { ATTN_TABLE_BYTES = INT32_MAX, ATTN_TABLE_COLUMNS = 65536 };

struct attn_table_options {
    enum attn_table_form form;
    bool header;   /* the first row names the columns */
    bool skip_bad; /* leave bad rows out and count them */
};

struct attn_table {
    char *name; /* of the file, for messages */
    struct attn_text text;
    uint32_t *cell;       /* [rows][columns]: where in the text it begins; it ends with a 0 */
    uint32_t *line;       /* [rows]: where the row begins in the file, from 1 */
    uint32_t *title;      /* [columns], NULL: no header */
    size_t rows, columns; /* rows: without header and bad ones */
    bool skip_bad;
    size_t bad;          /* rows that were left out */
    char first_bad[256]; /* what was wrong with the first of them */
};

/* Freed by attn_table_free. A table without rows is one; a file without bytes is one without columns, unless it should have a header. */
attn_status attn_table_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path,
                            const struct attn_table_options *options, struct attn_table *out);
attn_status attn_table_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, const struct attn_table_options *options,
                             struct attn_table *out);
void attn_table_free(attn_ctx *ctx, struct attn_table *table);

/* A column by its name, else by its number from 1. */
attn_status attn_table_column(attn_ctx *ctx, const struct attn_table *table, const char *name, size_t *column);

/* Whether there are names of columns, and all are numbers: they may be the first row of a table without a header. */
bool attn_table_titles_are_numbers(const struct attn_table *table);

/* The text of a cell, with a 0 behind it. */
const char *attn_table_text(const struct attn_table *table, size_t row, size_t column);

enum attn_table_type {
    ATTN_TABLE_REAL,   /* 1, -0.5, 3e-4, inf, nan; blanks around it are allowed */
    ATTN_TABLE_INTEGER /* of 64 bits: digits with a sign, or a real without a fraction, below 2^53 */
};

/* Do all cells of these columns have the type? With skip_bad, rows in which one has not are left out, so that the columns stay level. */
attn_status attn_table_require(attn_ctx *ctx, struct attn_table *table, const size_t *columns, int count, enum attn_table_type type);

/* A column as an array of `rows` numbers, freed by attn_free; a cell of another type is ATTN_EINVAL. */
attn_status attn_table_reals(attn_ctx *ctx, const struct attn_table *table, size_t column, double **out);
attn_status attn_table_integers(attn_ctx *ctx, const struct attn_table *table, size_t column, int64_t **out);

#endif
