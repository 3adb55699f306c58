/* What becomes of the lines of a .ts file, one after another. */
#ifndef ATTN_IO_TS_LINES_H
#define ATTN_IO_TS_LINES_H

#include "io/ts.h"

struct attn_ts_lines {
    attn_ctx *ctx;
    const char *name; /* of the file, for messages */
    struct attn_ts *ts;
    int64_t number;  /* of the line, from 1 */
    bool in_data;    /* @data has been read */
    bool univariate; /* the header says so */
    size_t class_room, label_room, line_room, value_room, first_room;
};

/* ATTN_EINVAL with the line's place before the sentence. */
attn_status attn_ts_fail(const struct attn_ts_lines *p, attn_status status, const char *format, ...) ATTN_PRINTF(3, 4);

/* "@key words", from `at` to `end`. */
attn_status attn_ts_take_header(struct attn_ts_lines *p, const char *at, const char *end);

/* A case, from `at` to `end`, behind which a byte stands that belongs to no number. */
attn_status attn_ts_take_case(struct attn_ts_lines *p, const char *at, const char *end);

#endif
