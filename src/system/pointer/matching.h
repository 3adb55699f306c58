/* Perfect matchings of an even number of cities: every city gets one other. d[i * n + j] are distances, mate[i] becomes the city that i is paired with. */
#ifndef ATTN_SYSTEM_POINTER_MATCHING_H
#define ATTN_SYSTEM_POINTER_MATCHING_H

#include <stddef.h>
#include <stdint.h>

/* The shortest pair first, then the shortest among what is left, and so on. O(n^2 log n). */
void attn_matching_greedy(const double *d, int64_t n, int32_t *mate, void *scratch);
size_t attn_matching_greedy_scratch(int64_t n);

/* One of least total length (Edmonds 1965, "Maximum matching and a polyhedron with 0,1-vertices"), in O(n^3). Distances are rounded to whole multiples of the longest one
 * over 2^40, so that the length is least but for n / 2^41 times the longest distance. */
void attn_matching_minimum(const double *d, int64_t n, int32_t *mate, void *scratch);
size_t attn_matching_minimum_scratch(int64_t n);

#endif
