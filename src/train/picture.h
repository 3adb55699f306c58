/* A picture that a task describes in terms of its data, for a report or a file to draw (report/picture.h): points, with lines over them, or a matrix.
 *
 *   struct attn_picture p = {.title = "Hull of 10 points"};
 *   attn_picture_points(ctx, &p, xy, 10, true);
 *   attn_picture_line(ctx, &p, ATTN_PICTURE_TRUTH, true, xy, hull, 5);
 *   ...
 *   attn_picture_free(ctx, &p);
 *
 * What is added is copied. Statuses: ATTN_ENOMEM; ATTN_EINVAL: a coordinate that is not finite. */
#ifndef ATTN_TRAIN_PICTURE_H
#define ATTN_TRAIN_PICTURE_H

#include "attn.h"

#include <stdbool.h>

enum attn_picture_role {
    ATTN_PICTURE_PLAIN,
    ATTN_PICTURE_TRUTH,
    ATTN_PICTURE_PREDICTED,
    ATTN_PICTURE_BOTH /* predicted, and true */
};

enum { ATTN_PICTURE_LABEL = 24, ATTN_PICTURE_MODELS = 3 };

struct attn_picture_line {
    enum attn_picture_role role;
    bool closed;
    int64_t first, count; /* of attn_picture.vertex */
    int model;            /* which one's, of predicted lines */
};

/* Zeros: nothing. x grows to the right, y upwards. */
struct attn_picture {
    char title[160], caption[480];
    char description[960];               /* read aloud in the picture's place: what can be seen in it */
    const char *truth;                   /* what lines of the truth are called, static; NULL: "truth" */
    int models;                          /* 0: there is one, without a name */
    bool apart;                          /* x and y have scales of their own, as of a curve over time; else they are of one plane */
    bool numbered;                       /* points show their numbers, from 1 */
    char model[ATTN_PICTURE_MODELS][48]; /* what predicted lines are called, by their model */

    double *point; /* [points][2] */
    int64_t points, point_room;

    double *vertex; /* [vertices][2] */
    int64_t vertices, vertex_room;
    struct attn_picture_line *line;
    int64_t lines, line_room;

    double *cell; /* [rows][columns], NULL: no matrix; NaN: a cell that is left empty */
    int64_t rows, columns;
    double full;                          /* what is drawn in full colour; 0: the greatest cell */
    char (*label)[ATTN_PICTURE_LABEL];    /* [rows + columns], to be filled in: rows first */
    char row_title[48], column_title[48]; /* without a matrix: of the axes y and x; "": none */
};

/* Nothing has been added. */
bool attn_picture_empty(const struct attn_picture *picture);

/* n points of xy [n][2]; numbered: with their numbers. */
attn_status attn_picture_points(attn_ctx *ctx, struct attn_picture *picture, const double *xy, int64_t n, bool numbered);

/* A line through xy[index[0]], xy[index[1]], ... (index NULL: xy[0], xy[1], ...), `count` of them; closed: back to the first. */
attn_status attn_picture_line(attn_ctx *ctx, struct attn_picture *picture, enum attn_picture_role role, bool closed, const double *xy,
                              const int32_t *index, int64_t count);

/* The matrix: cell [rows][columns], none of them 0, and its labels, which are numbers from 1 until they are overwritten. A picture has one at most. */
attn_status attn_picture_matrix(attn_ctx *ctx, struct attn_picture *picture, const double *cell, int64_t rows, int64_t columns);

/* Gives the predicted lines, all of one model, its name. */
void attn_picture_name(struct attn_picture *picture, const char *model);

/* Adds what another model predicts, lines and the points that come with them, if both pictures show the same beside it: equal titles, and equal lines of all other
 * roles. picture has a name, other has none yet. *joined: false where they do not, where one is a matrix, or where there is no room for one more model. */
attn_status attn_picture_join(attn_ctx *ctx, struct attn_picture *picture, const struct attn_picture *other, const char *model,
                              bool *joined);

void attn_picture_free(attn_ctx *ctx, struct attn_picture *picture);

#endif
