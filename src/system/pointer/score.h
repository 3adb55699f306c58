/* How right answers are (the paper's sec. 4; src/metric has the parts), summed over examples of one number of points. */
#ifndef ATTN_SYSTEM_POINTER_SCORE_H
#define ATTN_SYSTEM_POINTER_SCORE_H

#include "system/pointer/problem.h"
#include "train/job.h"

struct attn_pointer_score {
    int64_t cases;
    int64_t exact; /* the truth's tokens, one by one */
    /* Hulls: the same polygon, from any vertex and in either direction; triangulations: the same set; sorting: as exact; tours: not
     * counted */
    int64_t right;
    int64_t valid;              /* hulls: a simple polygon; tours: every point once; triangulations: whole ascending triples */
    double area;                /* of valid hulls, as shares of the true ones; summed, as all below */
    double coverage, precision; /* triangles that are right, of the true ones and of those in the answer */
    double tour, best;          /* lengths of valid tours, and of the best ones of the same points */
    double label;               /* lengths of the tours that training has as labels, */
    int64_t labels;             /* of so many cases */
};

/* Bytes that attn_pointer_score_add needs for answers of so many numbers. */
size_t attn_pointer_score_scratch(int64_t n, int64_t numbers);

/* An answer (numbers, as attn_pointer_numbers gives them; ended: it said its end) beside the truth. */
void attn_pointer_score_add(const struct attn_pointer_problem *problem, const double *xy, int64_t n, const int32_t *answer, int64_t answers,
                            bool ended, const int32_t *truth, int64_t truths, void *scratch, struct attn_pointer_score *score);

/* Adds an example's label, `count` tokens, where training learns other tours than the best. One that does not name n points, as files may have, is passed over. */
void attn_pointer_score_label(const struct attn_pointer_problem *problem, const double *xy, int64_t n, const int32_t *tokens, int64_t count,
                              struct attn_pointer_score *score);

/* Adds what `from` has counted to `to`. */
void attn_pointer_score_sum(const struct attn_pointer_score *from, struct attn_pointer_score *to);

/* Adds the figures of examples of n points, "accuracy_10": hulls accuracy, area (NaN, the paper's FAIL, where more than 1% of the answers are no simple polygons), simple_area
 * (of those that are) and simple; triangulations accuracy, coverage, precision; tours ratio (of length, to the best; of the valid ones alone, as is length), length, valid (their share), label_length (of labels that are not the best tours); sorting accuracy. */
void attn_pointer_score_figures(const struct attn_pointer_problem *problem, const struct attn_pointer_score *score, int64_t n,
                                const char *suffix, struct attn_figures *out);

/* The figure that decides: of accuracy its mean over the scores, of tours the mean ratio. */
double attn_pointer_score_mean(const struct attn_pointer_problem *problem, const struct attn_pointer_score *scores, int count);

#endif
