/* Points along a Hilbert curve (Hilbert 1891) through their bounding box: neighbours on it are neighbours in the plane. */
#ifndef ATTN_SYSTEM_POINTER_HILBERT_H
#define ATTN_SYSTEM_POINTER_HILBERT_H

#include "system/pointer/order.h"

/* Fills n places in the order of the curve, numbers ascending where it does not part points, as copies of one point; x and y are not the points'. `spare` has as
 * much room. */
void attn_hilbert_order(const double *xy, int64_t n, struct attn_place *places, struct attn_place *spare);

#endif
