/* The weights of two partial results over disjoint keys (Dao 2023, sec. 3.1.1): LSE = log(exp(a) + exp(b)), w = exp(. - LSE).
 * A part of weight 0 (its LSE is -inf, or far below) must not be read into the sum: it may hold anything. */
#ifndef ATTN_KERNEL_MERGE_H
#define ATTN_KERNEL_MERGE_H

#include <math.h>

static inline double attn_merge_weights(double a, double b, double *weight_a, double *weight_b) {
    const double high = a > b ? a : b, low = a > b ? b : a;
    if (high == (double)-INFINITY && low == (double)-INFINITY) {
        *weight_a = *weight_b = 0.0;
        return (double)-INFINITY;
    }
    const double lse = high + log1p(exp(low - high));
    *weight_a = exp(a - lse);
    *weight_b = exp(b - lse);
    return lse;
}

#endif
