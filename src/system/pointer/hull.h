/* Convex hulls, exact: Andrew's monotone chain (1979, "Another efficient algorithm for convex hulls in two dimensions") with exact orientations. */
#ifndef ATTN_SYSTEM_POINTER_HULL_H
#define ATTN_SYSTEM_POINTER_HULL_H

#include <stddef.h>
#include <stdint.h>

/* The corners of the hull of n finite points (x and y each; n < 2^31): their indices, counter-clockwise, from the lowest one on. hull has room for n.
 * Returns how many: points within a side are no corners, and of points in one place only the first may be one. 2 where all lie on a line, 1 where all are in one
 * place, 0 of none. O(n log n); any thread, with a scratch of its own. */
int64_t attn_hull(const double *xy, int64_t n, int32_t *hull, void *scratch);
size_t attn_hull_scratch(int64_t n);

#endif
