/* Which implementation is the truth. */
#include "system/pointer/truth.h"

#include "system/pointer/delaunay.h"
#include "system/pointer/hull.h"

int64_t attn_truth_hull(const double *xy, int64_t n, int32_t *hull, void *scratch) {
    return attn_hull(xy, n, hull, scratch);
}

size_t attn_truth_hull_scratch(int64_t n) {
    return attn_hull_scratch(n);
}

int64_t attn_truth_delaunay(const double *xy, int64_t n, int32_t *triangles, void *scratch) {
    return attn_delaunay(xy, n, triangles, scratch);
}

size_t attn_truth_delaunay_scratch(int64_t n) {
    return attn_delaunay_scratch(n);
}
