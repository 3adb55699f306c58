/* One of a tour's two directions. */
#include "system/pointer/tours.h"

#include "metric/polygon.h"

void attn_tour_direct(const double *xy, int32_t *tour, int64_t n) {
    const double area = attn_polygon_area(xy, tour, n);
    if (n < 3 || area > 0 || (!(area < 0) && tour[1] < tour[n - 1])) return;
    for (int64_t i = 1, j = n - 1; i < j; i++, j--) {
        const int32_t kept = tour[i];
        tour[i] = tour[j];
        tour[j] = kept;
    }
}
