/* Files of time series for classification, ".ts" (the UEA and UCR archives; Bagnall et al. 2018): lines "#..." are comments, "@key value" the header, and behind
 * "@data" each line is a case: dimensions with ':' between, values with ',' between, the class at the end.
 *
 *   @problemName Walks
 *   @dimensions 2
 *   @classLabel true slow fast
 *   @data
 *   0.1,0.2,?:1,2,3:slow
 *   0.3,0.1:4,5:fast
 *
 * Plain or packed by gzip, told by the first bytes. Keys are read in any case. @dimensions, @univariate and @classLabel are held to; @missing, @equalLength and
 * @seriesLength must be well formed and say nothing beyond that, as archives have files in which they are wrong. Without @classLabel cases have no class; a class "?" is
 * not known. Values are finite; "?" and "NaN" are missing. Cases may be of different lengths, and so may the dimensions of one. Series with timestamps and files with
 * a number to be predicted (@targetLabel) are ATTN_EUNSUPPORTED by name. */
#ifndef ATTN_IO_TS_H
#define ATTN_IO_TS_H

#include "base/file.h"

#include <stdint.h>
#include <stdio.h>

enum {
    ATTN_TS_NAME = 64,          /* bytes of a class's name, with a 0 behind it */
    ATTN_TS_CLASSES = 1024,     /* at most */
    ATTN_TS_DIMENSIONS = 65536, /* at most */
    ATTN_TS_LINE = 1 << 28      /* bytes of a line at most */
};

struct attn_ts {
    char problem[ATTN_TS_NAME]; /* cut off where it is longer; "" where the file has none */
    int64_t cases, dimensions;  /* at least 1 of each */
    int64_t classes;            /* 0: cases have none */
    char (*class_name)[ATTN_TS_NAME];
    int32_t *label;            /* [cases], -1: not known; NULL: cases have none */
    int64_t *line;             /* [cases]: where each stands, from 1 */
    double *value;             /* NaN: missing. Dimension d of case c is at [first[c * dimensions + d], first[c * dimensions + d + 1]) */
    int64_t *first;            /* [cases * dimensions + 1] */
    int64_t shortest, longest; /* dimension */
    bool ragged;               /* a case has dimensions of different lengths */
};

/* Freed by attn_ts_free. ATTN_EINVAL with file, line, what was found and what was expected; memory follows what was read. system NULL: the operating system's. */
attn_status attn_ts_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_ts *out);
/* The same from the bytes of such a file, or from a stream up to its end; `name` stands for it in messages. */
attn_status attn_ts_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_ts *out);
attn_status attn_ts_read_stream(attn_ctx *ctx, const char *name, FILE *in, struct attn_ts *out);
void attn_ts_free(attn_ctx *ctx, struct attn_ts *ts);

/* Values of one dimension of a case, and how many. */
static inline const double *attn_ts_series(const struct attn_ts *ts, int64_t index, int64_t dimension, int64_t *length) {
    const int64_t *first = ts->first + index * ts->dimensions + dimension;
    *length = first[1] - first[0];
    return ts->value + first[0];
}

#endif
