/* Delaunay triangulations, exact: points are inserted one by one (Bowyer 1981, Watson 1981), with exact predicates and a vertex at infinity, so that no outer triangle
 * of invented points is needed. */
#ifndef ATTN_SYSTEM_POINTER_DELAUNAY_H
#define ATTN_SYSTEM_POINTER_DELAUNAY_H

#include <stddef.h>
#include <stdint.h>

/* A Delaunay triangulation of n finite points (x and y each; n < 2^29): triangles of three indices, ascending, in the order of attn_delaunay_order;
 * `triangles` has room for attn_delaunay_most(n) of them. Returns how many: 2 d - 2 - b for d different points of which b lie on the hull's boundary. Of points
 * in one place only the first belongs to triangles. 0 where all lie on a line. Where more than three lie on a circle with none inside, one of the
 * triangulations that are right, the same always. O(n log n) expected, whatever the points; O(n^2) at worst. Any thread, with a scratch of its own. */
int64_t attn_delaunay(const double *xy, int64_t n, int32_t *triangles, void *scratch);
int64_t attn_delaunay_most(int64_t n);
size_t attn_delaunay_scratch(int64_t n);

/* Sorts triangles by x, then by y, of the centres of their inscribed circles, in double, then by their indices; each one's indices ascending. */
void attn_delaunay_order(const double *xy, int32_t *triangles, int64_t count, void *scratch);
size_t attn_delaunay_order_scratch(int64_t count);

#endif
