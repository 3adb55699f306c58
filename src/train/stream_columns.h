/* The columns of a stream's rows: which of them the model asks for, by a header that names them or by their order, and the numbers of a line. */
#ifndef ATTN_TRAIN_STREAM_COLUMNS_H
#define ATTN_TRAIN_STREAM_COLUMNS_H

#include "train/job.h"

enum { ATTN_STREAM_CELLS = 4096, ATTN_STREAM_SAID = 512 };

struct attn_stream_columns {
    int inputs;
    const char *const *name;         /* [inputs], the model's */
    bool missing_allowed;            /* a header need not name all of them: the others are not known */
    char separator;                  /* ',', '\t' or ';': what the first line has; 0: no line was seen */
    int cells;                       /* of a row */
    int column[ATTN_STREAM_COLUMNS]; /* of each input, from 0; -1: there is none */
    int date;                        /* column of dates that stands for an input "unix_time"; -1: none */
    int ignored;                     /* columns that the model does not ask for, */
    char first_ignored[64];          /* and the first of them */
    char *cell[ATTN_STREAM_CELLS];   /* of the line that is read */
};

void attn_stream_columns_init(struct attn_stream_columns *columns, const struct attn_stream_face *face);

enum attn_stream_line {
    ATTN_STREAM_ROW,
    ATTN_STREAM_HEADER, /* the first line, which names columns */
    ATTN_STREAM_EMPTY,  /* blanks alone */
    ATTN_STREAM_BAD,    /* said: column, what was found and what was expected */
    ATTN_STREAM_REFUSED /* said: a header that does not name what the model asks for */
};

/* Reads a line, which is changed: in [inputs], NaN where a cell is empty or says so ("nan", "NA"). Cells may stand in quotes. A column "date" is read for an
 * input "unix_time" that is not there. */
enum attn_stream_line attn_stream_columns_read(struct attn_stream_columns *columns, char *line, size_t length, double *in,
                                               char said[ATTN_STREAM_SAID]);

#endif
