/* A2: all nearest-neighbour tours, each after 2-opt; the shortest. */
#include "system/pointer/tours.h"

#include "system/pointer/distances.h"
#include "system/pointer/local_search.h"

#include <string.h>

size_t attn_tour_nearest_scratch(int64_t n) {
    return (size_t)(n * n) * sizeof(double) + attn_local_search_scratch(n, 0) + 2 * (size_t)n * sizeof(int32_t);
}

void attn_tour_nearest(const double *xy, int64_t n, int32_t *tour, void *scratch) {
    struct attn_local_search s;
    double *d = scratch, least = 0;
    char *rest = (char *)(d + n * n);
    attn_tour_ascending(tour, n);
    if (n < 4) return;
    attn_distances(xy, n, d);
    attn_local_search_open(&s, d, n, 0, false, rest);
    int32_t *begun = (int32_t *)(void *)(rest + attn_local_search_scratch(n, 0));
    for (int32_t start = 0; start < n; start++) {
        attn_tour_from(d, n, start, begun, begun + n);
        attn_local_search_begin(&s, begun);
        attn_local_search_run(&s);
        const double length = attn_tour_sum(d, s.tour, n);
        if (start > 0 && !(length < least)) continue;
        least = length;
        memcpy(tour, s.tour, (size_t)n * sizeof *tour);
    }
    attn_tour_from_first(tour, n);
}
