/* Order statistics of measured times, and the greatest of errors. */
#ifndef ATTN_BENCH_STATISTICS_H
#define ATTN_BENCH_STATISTICS_H

/* Sorts in place, ascending. */
void attn_sort(double *values, int count);

/* Quantile p in [0, 1] of sorted values, linear between neighbours; NaN for none. */
double attn_quantile(const double *sorted, int count, double p);

/* Median of values in any order; they are sorted in place. */
double attn_median(double *values, int count);

/* The greater one; NaN if one of them is, which fmax would forget. */
double attn_worse(double a, double b);

#endif
