#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const attn_real *test_numbers(const struct test_mixer_model *m, const char *name) {
    for (int64_t i = 0; i < attn_model_count(m->model); i++)
        if (strcmp(attn_model_name(m->model, i), name) == 0) return attn_data(attn_model_tensor(m->model, i));
    fail_msg("%s: no parameter \"%s\"", m->what->text, name);
    return NULL;
}

const attn_real *test_numbers_of(const struct test_mixer_model *m, const char *format, ...) {
    char name[256];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return test_numbers(m, name);
}

void test_linear(const struct test_mixer_model *m, const char *name, bool bias, int64_t rows, int64_t in, int64_t out, const double *x,
                 double *y) {
    const attn_real *w = test_numbers_of(m, "%s.weight", name), *b = bias ? test_numbers_of(m, "%s.bias", name) : NULL;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = b ? (double)b[o] : 0;
            for (int64_t i = 0; i < in; i++) sum += x[r * in + i] * (double)w[o * in + i];
            y[r * out + o] = sum;
        }
}

double test_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

double complex test_complex(double re, double im) {
    const double parts[] = {re, im};
    double complex z;
    memcpy(&z, parts, sizeof z);
    return z;
}

double *test_zeros(int64_t count) {
    double *x = calloc((size_t)count + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

void test_mixer_values(const struct test_mixer *what, test_naive_fn naive, double bound) {
    attn_ctx *ctx;
    struct test_mixer_model m;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, what, 0.4);
    attn_tensor *y = test_mixer_output(&m, false, NULL);
    const int64_t count = attn_count(y);
    double *u = test_zeros(count), *want = test_zeros(count), greatest = 0;
    for (int64_t i = 0; i < count; i++) u[i] = (double)attn_data(m.u)[i];
    naive(&m, u, want);
    for (int64_t i = 0; i < count; i++) greatest = fmax(greatest, fabs(want[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)attn_data(y)[i] - want[i]) <= bound * greatest))
            fail_msg("%s (D %d, T %d): element %d is %.15g, must be %.15g", what->text, (int)what->width, (int)what->length, (int)i,
                     (double)attn_data(y)[i], want[i]);
    free(u);
    free(want);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}
