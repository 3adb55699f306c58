/* Answers about points as pictures (train/picture.h): the points with their numbers, what is true, and what a model has answered. Title and caption are the
 * caller's; the description is filled in. Numbers of points count from 0. */
#ifndef ATTN_SYSTEM_POINTER_PICTURES_H
#define ATTN_SYSTEM_POINTER_PICTURES_H

#include "train/picture.h"

/* An answer, or the truth; count 0: there is none. */
struct attn_point_answer {
    const int32_t *at;
    int64_t count;
};

/* Hulls and tours, closed: [count] points each, as they follow one another. */
attn_status attn_pointer_picture_cycles(attn_ctx *ctx, struct attn_picture *picture, const double *xy, int64_t n,
                                        struct attn_point_answer predicted, struct attn_point_answer truth);

/* Triangulations: three numbers a triangle, a rest at the end is passed over. Edges of both are drawn once, as ATTN_PICTURE_BOTH. */
attn_status attn_pointer_picture_triangles(attn_ctx *ctx, struct attn_picture *picture, const double *xy, int64_t n,
                                           struct attn_point_answer predicted, struct attn_point_answer truth);

/* Weights [steps][n + 1] of a decoder: how much it looked at the end (column 0) and at each point in each step. */
attn_status attn_pointer_picture_weights(attn_ctx *ctx, struct attn_picture *picture, const double *weights, int64_t steps, int64_t n);

#endif
