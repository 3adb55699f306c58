/* Where points of the plane lie to each other: the exact sign, for any finite doubles, subnormal and greatest ones too. A point is two doubles, x and y.
 *
 * A floating-point value with a bound of its error decides nearly always (Shewchuk 1997, "Adaptive precision floating-point arithmetic and fast robust geometric
 * predicates", sec. 4.2 to 4.4); where it does not, coordinates are whole multiples of one power of two, and the sign is that of whole numbers (metric/whole.h). That
 * takes longer, the farther apart the coordinates' greatest and lowest bits are: about 0.1 us where those are 30 bits, some 0.1 ms at most. */
#ifndef ATTN_METRIC_PLANE_H
#define ATTN_METRIC_PLANE_H

/* 1: a, b, c turn counter-clockwise, -1: clockwise, 0: they lie on a line. */
int attn_orientation(const double *a, const double *b, const double *c);

/* Where a, b, c turn counter-clockwise, 1: d lies inside their circle, -1: outside, 0: on it. Where they turn clockwise, the other sign. */
int attn_in_circle(const double *a, const double *b, const double *c, const double *d);

#endif
