#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

double *test_naive_memory(const struct test_mixer_model *m, int64_t n) {
    double *memory = attn_model_memory(m->model, (size_t)(n + 1) * sizeof *memory);
    assert_non_null(memory);
    return memory;
}

static attn_tensor *find(const struct test_mixer_model *m, const char *name) {
    for (int64_t i = 0; i < attn_model_count(m->model); i++)
        if (strcmp(attn_model_name(m->model, i), name) == 0) return attn_model_tensor(m->model, i);
    return NULL;
}

static attn_tensor *found(const struct test_mixer_model *m, const char *name) {
    attn_tensor *x = find(m, name);
    if (!x) fail_msg("%s has no parameter %s", m->what->text, name);
    return x;
}

static const double *numbers_of(const struct test_mixer_model *m, attn_tensor *x) {
    double *to = test_naive_memory(m, attn_count(x));
    for (int64_t i = 0; i < attn_count(x); i++) to[i] = (double)attn_data(x)[i];
    return to;
}

const double *test_naive_parameter(const struct test_mixer_model *m, const char *name) {
    return numbers_of(m, found(m, name));
}

int64_t test_naive_size(const struct test_mixer_model *m, const char *name, int axis) {
    return attn_size(found(m, name), axis);
}

double *test_naive_project(const struct test_mixer_model *m, const char *name, int64_t rows, const double *x) {
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const int64_t out = test_naive_size(m, weight, 0), in = test_naive_size(m, weight, 1);
    const double *w = test_naive_parameter(m, weight), *b = find(m, bias) ? test_naive_parameter(m, bias) : NULL;
    double *y = test_naive_memory(m, rows * out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = b ? b[o] : 0;
            for (int64_t i = 0; i < in; i++) sum += x[r * in + i] * w[o * in + i];
            y[r * out + o] = sum;
        }
    return y;
}

int64_t test_naive_option(const struct test_mixer_model *m, const char *name, int64_t otherwise) {
    const char *found = strstr(m->what->text, name);
    return found ? strtol(found + strlen(name), NULL, 10) : otherwise;
}

double *test_naive_convolve(const struct test_mixer_model *m, int64_t rows, int64_t width, const double *x, int64_t taps, const double *w,
                            const double *bias) {
    double *y = test_naive_memory(m, rows * width);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < width; c++) {
            double sum = bias ? bias[c] : 0;
            for (int64_t t = 0; t < taps && t <= i; t++) sum += w[t * width + c] * x[(i - t) * width + c];
            y[i * width + c] = sum;
        }
    return y;
}

double test_naive_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

double complex test_naive_complex(double re, double im) {
    const double parts[] = {re, im};
    double complex z;
    memcpy(&z, parts, sizeof z);
    return z;
}

static void check(attn_ctx *ctx, const struct test_naive *c, double bound) {
    struct test_mixer_model m;
    test_mixer_open(&m, ctx, &c->what, c->move);
    attn_tensor *y = test_mixer_output(&m, c->training, NULL);
    const int64_t tokens = c->what.length, n = tokens * c->what.width;
    for (int64_t b = 0; b < TEST_MIXER_BATCH; b++) {
        double *want = test_naive_memory(&m, n), *u = test_naive_memory(&m, n), greatest = 0;
        for (int64_t i = 0; i < n; i++) u[i] = (double)attn_data(m.u)[b * n + i];
        c->define(&(struct test_naive_sequence){&m, tokens, c->what.width, u, m.tokens + b * tokens, c->training}, want);
        for (int64_t i = 0; i < n; i++) greatest = fmax(greatest, fabs(want[i]));
        for (int64_t i = 0; i < n; i++) {
            const double got = (double)attn_data(y)[b * n + i];
            if (!(fabs(got - want[i]) <= bound * greatest))
                fail_msg("%s (D %d, T %d): sequence %d, element %d is %.12g, must be %.12g", c->what.text, (int)c->what.width, (int)tokens,
                         (int)b, (int)i, got, want[i]);
        }
    }
    test_mixer_close(&m);
}

void test_naive_mixers(const struct test_naive *cases, int count, double bound) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int i = 0; i < count; i++) check(ctx, &cases[i], bound);
    attn_ctx_destroy(ctx);
}
