/* Points of the user's own, from a stream: sets one after the other, told apart by how each begins. Lines that begin with '#' are comments, and empty
 * lines between sets are passed over.
 *
 *   a line of coordinates    "0.1 0.2 0.5 0.9 0.4 0.3", separated by blanks alone, 4 or more; or with "output" and whatever follows, which is
 *                            not read (system/pointer/examples.h): one line, one set
 *   TSPLIB                   a line that begins with a keyword ("NAME: berlin52"), up to "EOF" or the stream's end; EDGE_WEIGHT_TYPE EUC_2D and
 *                            NODE_COORD_SECTION, cities in the order of their numbers
 *   rows                     a point a row, up to an empty line; cells separated by ';', else ',', else tabs, else blanks, as the first row has it, and
 *                            double quotes around a cell are taken away. A first row of names is a header: the columns "x" and "y", or "lon" and
 *                            "lat" (also longitude, lng, latitude), in any case of letters, hold the coordinates, of this set and of those that
 *                            follow without a header. Without a header, and where a header has two columns of other names, the first two
 *                            do. What else is in a row is not read. */
#ifndef ATTN_SYSTEM_POINTER_READ_POINTS_H
#define ATTN_SYSTEM_POINTER_READ_POINTS_H

#include "attn.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    ATTN_POINTS_MOST = 10000000, /* points of a set */
    ATTN_POINTS_LINE = 1 << 28,  /* bytes of a line of coordinates */
    ATTN_POINTS_COLUMNS = 1024   /* of a header */
};

/* Zeros before the first set of a stream. */
struct attn_point_set {
    double *xy; /* [n][2], finite; points may coincide */
    int64_t n;
    char name[64];     /* TSPLIB's NAME, else "" */
    int64_t line;      /* that was read last, from 1; the next set goes on from there */
    int32_t column[2]; /* of rows: where x and y stand, from 0; {0, 0}: no header has said */
    bool columns_said; /* by a header, or by a note that there is none */
    bool degrees_said; /* that degrees are taken as lengths */
};

/* Reads the next set, of at least one point, or *end: only comments and empty lines are left. Nothing behind the set is read, so that a reader of answers may
 * be waited for. The memory follows what was read. The log is told once (ATTN_LOG_WARN) where columns are degrees, which are taken as coordinates in the
 * plane, and where rows without a header have more than two columns of which the first counts them. ATTN_EINVAL, with name_of_stream, line, what was found
 * and what was expected: cells that are no finite numbers, rows that lack a column, a header of more than two columns without those names, an odd number
 * of coordinates, more points than ATTN_POINTS_MOST, TSPLIB of other distances, of another kind than TSP, or with another number of cities than its
 * DIMENSION; ATTN_ESYSTEM: reading failed. *out is freed by attn_points_free, and then goes into the next call; after an error there is nothing to free. */
attn_status attn_points_read(attn_ctx *ctx, FILE *in, const char *name_of_stream, struct attn_point_set *out, bool *end);

/* Frees the points; line, columns and what was said stay for the next set. */
void attn_points_free(attn_ctx *ctx, struct attn_point_set *set);

#endif
