/* Mixers against plain loops written from their papers' formulas, on parameters that are looked up by name. */
#ifndef TEST_TRAIN_SUPPORT_LOOPS_H
#define TEST_TRAIN_SUPPORT_LOOPS_H

#include "support/mixers.h"

#include <complex.h>

/* The numbers of the parameter NAME. Fails the test where there is none. */
const attn_real *test_numbers(const struct test_mixer_model *m, const char *name);
/* The same with a name that is put together, as of printf. */
const attn_real *test_numbers_of(const struct test_mixer_model *m, const char *format, ...);

/* y [rows, out] = x [rows, in] through "NAME.weight" [out, in] and "NAME.bias" [out], if `bias`. */
void test_linear(const struct test_mixer_model *m, const char *name, bool bias, int64_t rows, int64_t in, int64_t out, const double *x,
                 double *y);

double test_sigmoid(double x);
double complex test_complex(double re, double im);

/* Memory of zeros for the caller to free. Fails the test. */
double *test_zeros(int64_t count);

/* y [B, T, D] from u [B, T, D], of the mixer's parameters. */
typedef void (*test_naive_fn)(const struct test_mixer_model *m, const double *u, double *y);

/* The mixer's output is the naive one, to within `bound` times the greatest element of that, with parameters moved by up to 0.4 (test_mixer_open). */
void test_mixer_values(const struct test_mixer *what, test_naive_fn naive, double bound);

#endif
