/* Closed tours over points: point i is xy[2 i], xy[2 i + 1]. */
#ifndef ATTN_METRIC_TOUR_H
#define ATTN_METRIC_TOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The Euclidean length of the tour through n points, back to its first one; 0 for no point and for one. Every index must be that of a point. */
double attn_tour_length(const double *xy, const int32_t *tour, int64_t n);

/* Whether `count` indices visit each of n points once. They may be any numbers. */
bool attn_tour_valid(const int32_t *tour, int64_t count, int64_t n, void *scratch);
size_t attn_tour_valid_scratch(int64_t n);

#endif
