/* Mixers against their definitions: loops in double over one sequence, written from the paper's formula, with the model's parameters by name. */
#ifndef TEST_TRAIN_SUPPORT_NAIVE_H
#define TEST_TRAIN_SUPPORT_NAIVE_H

#include "support/mixers.h"

#include <complex.h>

/* One sequence: u [T, D], its tokens, to y [T, D]. */
struct test_naive_sequence {
    const struct test_mixer_model *m;
    int64_t tokens, width;
    const double *u;
    const int32_t *token;
    bool training;
};
typedef void (*test_naive_fn)(const struct test_naive_sequence *s, double *y);

struct test_naive {
    struct test_mixer what;
    test_naive_fn define;
    double move; /* as in test_mixer_open */
    bool training;
};

/* Every case's result is the defined one within `bound` times its greatest element. Fails the test. */
void test_naive_mixers(const struct test_naive *cases, int count, double bound);

/* Memory of zeros, until the model is closed. */
double *test_naive_memory(const struct test_mixer_model *m, int64_t n);
/* A parameter's numbers; its size along an axis. Fails the test where there is none of this name. */
const double *test_naive_parameter(const struct test_mixer_model *m, const char *name);
int64_t test_naive_size(const struct test_mixer_model *m, const char *name, int axis);
/* x [rows, in] through "NAME.weight" [out, in] and "NAME.bias", where there is one: [rows, out]. */
double *test_naive_project(const struct test_mixer_model *m, const char *name, int64_t rows, const double *x);

/* The whole number behind `name`, as "taps=", in a mixer's text; otherwise this one. */
int64_t test_naive_option(const struct test_mixer_model *m, const char *name, int64_t otherwise);

/* y[i] = bias + sum over t of w[t] x[i - t], each channel by itself: x [rows, width], w [taps, width], bias NULL: 0. */
double *test_naive_convolve(const struct test_mixer_model *m, int64_t rows, int64_t width, const double *x, int64_t taps, const double *w,
                            const double *bias);

double test_naive_sigmoid(double x);
double complex test_naive_complex(double re, double im);

/* Softmax attention's output with the projections "qkv" and "out_proj", of the pairs that are allowed: [T, D]. */
typedef bool (*test_naive_allowed_fn)(int64_t query, int64_t key, int64_t size);
bool test_naive_causal(int64_t query, int64_t key, int64_t size);
double *test_naive_attend(const struct test_naive_sequence *s, int64_t heads, test_naive_allowed_fn allowed, int64_t size);

/* The cases of each file support/naive_*.c. */
extern const struct test_naive test_naive_attention[], test_naive_linear[], test_naive_retnet[], test_naive_select[], test_naive_aaren[];
extern const int test_naive_attention_count, test_naive_linear_count, test_naive_retnet_count, test_naive_select_count,
    test_naive_aaren_count;

#endif
