/* Examples as files of text, in the format in which the data of Pointer Networks (Vinyals, Fortunato, Jaitly 2015) were published: one a line,
 *
 *   x1 y1 x2 y2 ... xn yn output c1 c2 ... ck
 *
 * coordinates, the word "output", and the numbers from 1 to n of the points that are the answer: of a hull its vertices, of a triangulation three a
 * triangle, of a tour the cities; hull and tour may end with the number that they begin with. Blanks and tabs separate words and may stand at both
 * ends; empty lines are passed over. In memory numbers of points count from 0. */
#ifndef ATTN_SYSTEM_POINTER_EXAMPLES_H
#define ATTN_SYSTEM_POINTER_EXAMPLES_H

#include "attn.h"

#include <stdbool.h>
#include <stdio.h>

enum { ATTN_EXAMPLE_LINE = 1 << 26 }; /* bytes of a line at most: some 10^6 points */

struct attn_point_example {
    double *xy; /* [n][2], finite */
    int64_t n;
    int32_t *target; /* [count], in [0, n), as the file has it: a closing number is there or is not */
    int64_t count;   /* at least 1 */
};

/* A file that is read example by example, in the memory of the longest line; plain, or packed by gzip. Used by one thread at a time. */
struct attn_example_reader;

/* *out is closed by attn_examples_close, before the context is destroyed. ATTN_EINVAL: no file that can be read. */
attn_status attn_examples_open(attn_ctx *ctx, const char *path, struct attn_example_reader **out);

/* The next example, in the reader's memory until the next call; or *end. ATTN_EINVAL, with file, line, what was found and what was expected: an odd
 * number of coordinates or none, a number that is not finite, no "output", no number behind it or one that is not from 1 to n, a line above
 * ATTN_EXAMPLE_LINE bytes, a file without any example, damaged packed data. After an error nothing more is to be read. */
attn_status attn_examples_next(struct attn_example_reader *reader, struct attn_point_example *out, bool *end);

/* The line of the example that was given last, from 1. */
int64_t attn_examples_line(const struct attn_example_reader *reader);

void attn_examples_close(struct attn_example_reader *reader); /* NULL is allowed */

/* Writes one line. Coordinates have 12 significant digits, or 17 where those are not the same double: what is read back is what was written. target
 * counts from 0. ATTN_EINVAL: no point, no number, a coordinate that is not finite, a number outside [0, n), and nothing is written; ATTN_ESYSTEM: writing
 * failed. What the stream has not written yet (fflush, fclose) is the caller's to check. */
attn_status attn_example_write(attn_ctx *ctx, FILE *out, const double *xy, int64_t n, const int32_t *target, int64_t count);

#endif
