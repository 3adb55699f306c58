/* The order in which points are inserted into a triangulation: in rounds, each of about as many points as all before it, drawn by chance, and along a Hilbert curve in
 * each (Amenta, Choi, Rote 2003, "Incremental constructions con BRIO"). Neighbours on the curve are neighbours in the plane, and chance keeps what an
 * insertion changes small, wherever the points are. */
#ifndef ATTN_SYSTEM_POINTER_HILBERT_H
#define ATTN_SYSTEM_POINTER_HILBERT_H

#include "system/pointer/order.h"

/* Fills n places in that order, the same always; numbers ascend where nothing parts points, as copies of one. x and y are not the points'. `spare` has as much
 * room. */
void attn_hilbert_order(const double *xy, int64_t n, struct attn_place *places, struct attn_place *spare);

#endif
