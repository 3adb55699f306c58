#include "metric/interval.h"

#include <math.h>

/* The 0.975 quantile of Student's distribution; beyond the table by its expansion around the normal one (Fisher and Cornish 1960), which is within
 * 1e-4 there. */
static double quantile(int64_t freedom) {
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const double z = 1.959964, n = (double)freedom;
    if (freedom <= (int64_t)(sizeof table / sizeof table[0])) return table[freedom - 1];
    return z + (z * z * z + z) / (4 * n) + (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * n * n);
}

struct attn_interval attn_interval_of(const double *x, int64_t count) {
    struct attn_interval i = {count, 0, 0, -(double)INFINITY, (double)INFINITY};
    double square = 0;
    for (int64_t n = 0; n < count; n++) i.mean += x[n];
    i.mean /= (double)count;
    if (count < 2) return i;
    for (int64_t n = 0; n < count; n++) square += (x[n] - i.mean) * (x[n] - i.mean);
    i.deviation = sqrt(square / (double)(count - 1));
    const double half = quantile(count - 1) * i.deviation / sqrt((double)count);
    i.low = i.mean - half;
    i.high = i.mean + half;
    return i;
}
