/* Distances between cities. */
#ifndef ATTN_SYSTEM_POINTER_DISTANCES_H
#define ATTN_SYSTEM_POINTER_DISTANCES_H

#include <stdint.h>

/* d[i * n + j] = the Euclidean distance of points i and j of n. */
void attn_distances(const double *xy, int64_t n, double *d);

/* tour = 0, 1, ... n - 1. */
void attn_tour_ascending(int32_t *tour, int64_t n);

/* The length of a closed tour by such distances. */
double attn_tour_sum(const double *d, const int32_t *tour, int64_t n);

/* From a city to the nearest one that is not visited yet, the lowest of equally near ones, until all are; `left` has room for n. */
void attn_tour_from(const double *d, int64_t n, int32_t start, int32_t *tour, int32_t *left);

/* Rotates a tour in place so that it begins with city 0. */
void attn_tour_from_first(int32_t *tour, int64_t n);

#endif
