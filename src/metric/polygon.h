/* Polygons whose vertices are points named by their indices: point i is xy[2 i], xy[2 i + 1]; every index must be that of a point. */
#ifndef ATTN_METRIC_POLYGON_H
#define ATTN_METRIC_POLYGON_H

#include <stdbool.h>
#include <stdint.h>

/* The signed area, above 0 where the polygon runs counter-clockwise; rounded, infinite beyond the greatest double. */
double attn_polygon_area(const double *xy, const int32_t *index, int64_t count);

/* Whether its boundary nowhere meets itself: at least three vertices, no two in one place, no two edges that are not neighbours touch, neighbours share
 * their vertex alone. Vertices in the middle of a straight side are allowed. Exact for finite coordinates. O(count^2). */
bool attn_polygon_simple(const double *xy, const int32_t *index, int64_t count);

/* Whether two closed sequences are the same but for where they begin and which way they run. O(count). */
bool attn_same_cycle(const int32_t *a, int64_t count_a, const int32_t *b, int64_t count_b);

#endif
