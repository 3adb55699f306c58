/* Triangulations as sets: how much two lists of triangles have in common, whatever the order of triangles and of their corners. */
#ifndef ATTN_METRIC_TRIANGLES_H
#define ATTN_METRIC_TRIANGLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attn_triangle_match {
    int64_t common;    /* triangles of both */
    int64_t predicted; /* different triangles predicted, those too that are none: with an index that is negative or comes twice */
    int64_t truth;     /* different triangles of the truth */
    bool exact;        /* the same sets, of triangles alone, and no incomplete one at the end of the prediction */
};

/* What attn_triangles_match works in, for so many indices of both lists together. */
size_t attn_triangles_scratch(int64_t numbers_of_both);

/* Compares lists of three indices a triangle; one or two that are left at an end are no triangle. O(t log t) of t triangles. */
void attn_triangles_match(const int32_t *predicted, int64_t predicted_numbers, const int32_t *truth, int64_t truth_numbers, void *scratch,
                          struct attn_triangle_match *out);

#endif
