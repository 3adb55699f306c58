/* A stream between two descriptors: lines of numbers come in, a line of answers goes out for each at once, in the same memory for ever. */
#ifndef ATTN_TRAIN_STREAM_SERVE_H
#define ATTN_TRAIN_STREAM_SERVE_H

#include "train/model_stream.h"

enum { ATTN_STREAM_LINE = 1 << 20 }; /* bytes of a line */

struct attn_serve_options {
    int in, out;                               /* descriptors */
    bool json;                                 /* an object a line: "line", which is the row's, and the outputs; else CSV */
    bool header;                               /* CSV begins with the outputs' names */
    bool strict;                               /* the first bad row is the end */
    bool allow_missing;                        /* a header need not name all inputs */
    int64_t every;                             /* the rows that are answered: each that many-th */
    const char *save;                          /* the file that keeps the state, written at the end; NULL: none */
    int64_t save_every;                        /* also after so many rows; 0: at the end alone */
    const struct attn_file_system *files;      /* NULL: the operating system's */
    bool (*stopped)(void);                     /* asked at each row, and while nothing comes; NULL: never */
    void (*say)(void *user, const char *text); /* "line 3, column 2 (OT): found 'x', expected ..." */
    void *user;
};

struct attn_serve_counts {
    int64_t rows, bad, answers;
    double seconds; /* without those spent waiting for rows */
    bool stopped;   /* by `stopped` */
    bool closed;    /* nobody reads the answers any more, which is an end like any other */
};

/* Goes on to the end of what comes in. ATTN_EINVAL: a header that does not name what the model asks for, or with `strict` a bad row; the state is saved all
 * the same. A `save` that cannot be written is told before the first row is taken. */
attn_status attn_serve(attn_ctx *ctx, attn_model_stream *stream, const struct attn_serve_options *options, struct attn_serve_counts *out);

/* A stream's state in a file: written so that the name shows the old state or the new one, and read. files: as above. */
attn_status attn_serve_save(attn_ctx *ctx, const attn_model_stream *stream, const struct attn_file_system *files, const char *path);
attn_status attn_serve_restore(attn_ctx *ctx, attn_model_stream *stream, const struct attn_file_system *files, const char *path);

#endif
