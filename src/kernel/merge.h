/* The weights of two partial results over disjoint keys (Dao 2023, sec. 3.1.1): LSE = log(exp(a) + exp(b)), w = exp(. - LSE).
 * A part of weight 0 (its LSE is -inf, or far below) must not be read into the sum: it may hold anything. */
#ifndef ATTN_KERNEL_MERGE_H
#define ATTN_KERNEL_MERGE_H

#include <math.h>

/* 0 where a float would be 0: what is multiplied is a float. */
static inline double attn_merge_weight(double log_weight) {
    const double weight = exp(log_weight);
    return (float)weight == 0.0f ? 0.0 : weight;
}

static inline double attn_merge_weights(double a, double b, double *weight_a, double *weight_b) {
    const double high = a > b ? a : b, low = a > b ? b : a;
    if (high == (double)-INFINITY && low == (double)-INFINITY) {
        *weight_a = *weight_b = 0.0;
        return (double)-INFINITY;
    }
    const double lse = high + log1p(exp(low - high));
    *weight_a = attn_merge_weight(a - lse);
    *weight_b = attn_merge_weight(b - lse);
    return lse;
}

#endif
