/* Lines as they come, from a pipe, a terminal or a file that somebody writes: each is given as soon as its end is there, in the memory of one line. */
#ifndef ATTN_IO_LINE_PIPE_H
#define ATTN_IO_LINE_PIPE_H

#include "base/context.h"

struct attn_line_pipe {
    attn_ctx *ctx;
    int file;              /* a descriptor to read from, the caller's */
    size_t limit;          /* bytes of a line */
    bool (*stopped)(void); /* asked while nothing comes, a few times a second; NULL: never */
    char *buffer;
    size_t begin, seen, end; /* of the line that is read; what of it is known to have no end; of what has been read */
    int64_t number;          /* of the line that was given last, from 1 */
    bool skipping, ended;    /* the line is too long; the file is over */
};

/* Freed by attn_line_pipe_close. */
attn_status attn_line_pipe_open(attn_ctx *ctx, int file, size_t limit, bool (*stopped)(void), struct attn_line_pipe *out);
void attn_line_pipe_close(struct attn_line_pipe *pipe);

enum attn_line_pipe_end {
    ATTN_PIPE_LINE, /* a line, without its end ("\n" or "\r\n", which the last may lack) and with a 0 behind it, valid until the next call */
    ATTN_PIPE_LONG,    /* one of more bytes than the limit, which is passed over */
    ATTN_PIPE_OVER,    /* there are no more */
    ATTN_PIPE_STOPPED, /* `stopped` said so */
    ATTN_PIPE_FAILED   /* the sentence is the context's */
};
/* The next line, which the caller may change; it may hold bytes 0. */
enum attn_line_pipe_end attn_line_pipe_next(struct attn_line_pipe *pipe, char **line, size_t *length);

#endif
