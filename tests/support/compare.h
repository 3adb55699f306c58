/* Comparison of results. A NaN equals only a NaN, an infinity only itself; every difference is printed with its place. */
#ifndef TEST_SUPPORT_COMPARE_H
#define TEST_SUPPORT_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

/* |got - want| <= atol + rtol |want|. */
bool test_near(double got, double want, double rtol, double atol);
bool test_all_near(const char *name, int64_t n, const double *got, const double *want, double rtol, double atol);

/* Greatest |got - want|; INFINITY where one is NaN or infinite and the other is not the same. */
double test_max_error(int64_t n, const double *got, const double *want);
double test_max_abs(int64_t n, const double *x); /* of the finite ones */

/* The bound of this project: the error of `got` against the double reference `want` may be at most twice that of the same formula
 * in plain single precision, plus 1e-6 scale. */
bool test_error_bounded(const char *name, int64_t n, const double *got, const double *want, const double *plain, double scale);

#endif
