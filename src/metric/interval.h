/* The mean of some measurements, and the 95% confidence interval of the mean (Student 1908). */
#ifndef ATTN_METRIC_INTERVAL_H
#define ATTN_METRIC_INTERVAL_H

#include <stdint.h>

struct attn_interval {
    int64_t count;
    double mean, deviation; /* of the sample, with count - 1 */
    double low, high;       /* of the mean; -inf and inf for a single measurement */
};

/* count 0: mean NaN. */
struct attn_interval attn_interval_of(const double *x, int64_t count);

#endif
