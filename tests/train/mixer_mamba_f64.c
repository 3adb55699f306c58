/* Mamba against its recurrence, token by token and channel by channel. */
#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sizes {
    int64_t tokens, width, inner, rank, states, taps;
};

static int64_t option_of(const char *text, const char *name, int64_t otherwise) {
    const char *found = strstr(text, name);
    return found ? strtol(found + strlen(name), NULL, 10) : otherwise;
}

static struct sizes sizes_of(const struct test_mixer *what) {
    return (struct sizes){.tokens = what->length,
                          .width = what->width,
                          .inner = option_of(what->text, "expand=", 2) * what->width,
                          .rank = (what->width + 15) / 16,
                          .states = option_of(what->text, "d_state=", 16),
                          .taps = option_of(what->text, "kernel=", 4)};
}

static double silu(double x) {
    return x * test_sigmoid(x);
}

/* x [rows, inner] = SiLU(bias + sum over t of w[t] from[i - t]) of the first half of xz [rows, 2 inner]. */
static void convolve(const struct test_mixer_model *m, struct sizes s, const double *xz, double *x) {
    const attn_real *w = test_numbers(m, "conv.weight"), *bias = test_numbers(m, "conv.bias");
    for (int64_t row = 0; row < TEST_MIXER_BATCH * s.tokens; row++)
        for (int64_t c = 0; c < s.inner; c++) {
            double sum = bias[c];
            for (int64_t t = 0; t < s.taps && t <= row % s.tokens; t++) sum += w[t * s.inner + c] * xz[(row - t) * 2 * s.inner + c];
            x[row * s.inner + c] = silu(sum);
        }
}

/* y of all tokens of one sequence in channel c. parts [rows, rank + 2 states] is x W_x: delta, B, C. */
static void scan(const struct test_mixer_model *m, struct sizes s, int64_t sequence, int64_t c, const double *x, const double *parts,
                 double *y) {
    const attn_real *w = test_numbers(m, "dt_proj.weight"), *bias = test_numbers(m, "dt_proj.bias"), *log_a = test_numbers(m, "log_a");
    double *h = test_zeros(s.states);
    for (int64_t row = sequence * s.tokens; row < (sequence + 1) * s.tokens; row++) {
        const double *part = parts + row * (s.rank + 2 * s.states), *b = part + s.rank, *read = b + s.states;
        double before = bias[c], sum = test_numbers(m, "skip")[c] * x[row * s.inner + c];
        for (int64_t i = 0; i < s.rank; i++) before += w[c * s.rank + i] * part[i];
        const double delta = log1p(exp(before));
        for (int64_t i = 0; i < s.states; i++) {
            h[i] = exp(-delta * exp(log_a[c * s.states + i])) * h[i] + delta * b[i] * x[row * s.inner + c];
            sum += read[i] * h[i];
        }
        y[row * s.inner + c] = sum;
    }
    free(h);
}

static void mamba(const struct test_mixer_model *m, const double *u, double *y) {
    const struct sizes s = sizes_of(m->what);
    const int64_t rows = TEST_MIXER_BATCH * s.tokens;
    double *xz = test_zeros(rows * 2 * s.inner), *x = test_zeros(rows * s.inner), *o = test_zeros(rows * s.inner);
    double *parts = test_zeros(rows * (s.rank + 2 * s.states));
    test_linear(m, "in_proj", false, rows, s.width, 2 * s.inner, u, xz);
    convolve(m, s, xz, x);
    test_linear(m, "x_proj", false, rows, s.inner, s.rank + 2 * s.states, x, parts);
    for (int64_t i = 0; i < TEST_MIXER_BATCH * s.inner; i++) scan(m, s, i / s.inner, i % s.inner, x, parts, o);
    for (int64_t i = 0; i < rows * s.inner; i++) o[i] *= silu(xz[i / s.inner * 2 * s.inner + s.inner + i % s.inner]);
    test_linear(m, "out_proj", false, rows, s.inner, s.width, o, y);
    free(xz);
    free(x);
    free(o);
    free(parts);
}

static void outputs_are_those_of_the_recurrence(void **state) {
    static const struct test_mixer cases[] = {{"mamba", 5, 9, 0, 2},
                                              {"mamba", 17, 40, 0, 1},
                                              {"mamba", 1, 1, 0, 1},
                                              {"mamba:expand=1:d_state=3:kernel=1", 4, 6, 0, 1},
                                              {"mamba:expand=3:d_state=1:kernel=9", 3, 6, 0, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_mixer_values(&cases[i], mamba, 1e-12);
}

static void parameters_begin_as_the_paper_says(void **state) {
    static const struct test_mixer what = {"mamba", 20, 8, 0, 4};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    const attn_real *bias = test_numbers(&m, "dt_proj.bias"), *w = test_numbers(&m, "dt_proj.weight");
    for (int64_t c = 0; c < 40; c++) {
        const double delta = log1p(exp(bias[c]));
        assert_true(delta >= 1e-3 * (1 - 1e-12) && delta <= 0.1 * (1 + 1e-12));
        assert_true(test_numbers(&m, "skip")[c] == 1);
        for (int i = 0; i < 16; i++) assert_true(fabs(exp(test_numbers(&m, "log_a")[c * 16 + i]) - (i + 1)) < 1e-13);
        for (int i = 0; i < 2; i++) assert_true(fabs(w[c * 2 + i]) <= 1 / sqrt(2.0)); /* of rank 20 / 16, rounded up */
    }
    for (int64_t i = 0; i < 20 * 40; i++) assert_true(fabs(test_numbers(&m, "out_proj.weight")[i]) <= 1 / sqrt(40.0) / 2);
    assert_int_equal(attn_mixer_state(m.mixer, 8), 4 * 40 + 40 * 16);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_the_recurrence),
        cmocka_unit_test(parameters_begin_as_the_paper_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
