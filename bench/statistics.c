/* Sorting and quantiles: a measured time is never averaged, because disturbances only ever add. */
#include "bench/statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void attn_sort(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
}

double attn_quantile(const double *sorted, int count, double p) {
    if (count == 0) return (double)NAN;
    const double place = p * (count - 1);
    const int low = (int)place, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

double attn_median(double *values, int count) {
    attn_sort(values, count);
    return attn_quantile(values, count, 0.5);
}

double attn_worse(double a, double b) {
    return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}
