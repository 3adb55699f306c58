/* What the answers of the hull and of the triangulation are in training, evaluation and files: the library's own attn_hull and attn_delaunay. They are exact on points on a
 * line, on a circle and in one place, where Qhull merges what is nearly so, and 3 to 300 times as fast on the 5 to 50 points of training (`attn bench tour` measures both). */
#ifndef ATTN_SYSTEM_POINTER_TRUTH_H
#define ATTN_SYSTEM_POINTER_TRUTH_H

#include <stddef.h>
#include <stdint.h>

/* As attn_hull. */
int64_t attn_truth_hull(const double *xy, int64_t n, int32_t *hull, void *scratch);
size_t attn_truth_hull_scratch(int64_t n);

/* As attn_delaunay; room for attn_delaunay_most(n) triangles. */
int64_t attn_truth_delaunay(const double *xy, int64_t n, int32_t *triangles, void *scratch);
size_t attn_truth_delaunay_scratch(int64_t n);

#endif
