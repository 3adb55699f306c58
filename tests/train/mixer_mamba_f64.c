/* Mamba against its recurrence, token by token and channel by channel. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static double silu(double x) {
    return x * test_naive_sigmoid(x);
}

/* y of all tokens in channel c. parts [T, rank + 2 states] is x W_x: delta, B, C. */
static void scan(const struct test_naive_sequence *s, int64_t inner, int64_t states, int64_t c, const double *x, const double *parts,
                 double *y) {
    const double *bias = test_naive_parameter(s->m, "dt_proj.bias"), *w = test_naive_parameter(s->m, "dt_proj.weight");
    const double *log_a = test_naive_parameter(s->m, "log_a"), skip = test_naive_parameter(s->m, "skip")[c];
    const int64_t rank = (s->width + 15) / 16;
    double *h = test_naive_memory(s->m, states);
    for (int64_t i = 0; i < s->tokens; i++) {
        const double *part = parts + i * (rank + 2 * states), *b = part + rank, *read = b + states;
        double before = bias[c];
        for (int64_t r = 0; r < rank; r++) before += w[c * rank + r] * part[r];
        const double delta = log1p(exp(before));
        y[i * inner + c] = skip * x[i * inner + c];
        for (int64_t n = 0; n < states; n++) {
            h[n] = exp(-delta * exp(log_a[c * states + n])) * h[n] + delta * b[n] * x[i * inner + c];
            y[i * inner + c] += read[n] * h[n];
        }
    }
}

static void mamba(const struct test_naive_sequence *s, double *y) {
    const int64_t inner = test_naive_option(s->m, "expand=", 2) * s->width, states = test_naive_option(s->m, "d_state=", 16);
    const double *xz = test_naive_project(s->m, "in_proj", s->tokens, s->u);
    double *half = test_naive_memory(s->m, s->tokens * inner), *o = test_naive_memory(s->m, s->tokens * inner);
    for (int64_t i = 0; i < s->tokens * inner; i++) half[i] = xz[i / inner * 2 * inner + i % inner];
    double *x = test_naive_convolve(s->m, s->tokens, inner, half, test_naive_option(s->m, "kernel=", 4),
                                    test_naive_parameter(s->m, "conv.weight"), test_naive_parameter(s->m, "conv.bias"));
    for (int64_t i = 0; i < s->tokens * inner; i++) x[i] = silu(x[i]);
    const double *parts = test_naive_project(s->m, "x_proj", s->tokens, x);
    for (int64_t c = 0; c < inner; c++) scan(s, inner, states, c, x, parts, o);
    for (int64_t i = 0; i < s->tokens * inner; i++) o[i] *= silu(xz[i / inner * 2 * inner + inner + i % inner]);
    memcpy(y, test_naive_project(s->m, "out_proj", s->tokens, o), (size_t)(s->tokens * s->width) * sizeof *y);
}

static void outputs_are_those_of_the_recurrence(void **state) {
    static const struct test_naive cases[] = {{{"mamba", 5, 9, 0, 2}, mamba, 0.4, false},
                                              {{"mamba", 17, 40, 0, 1}, mamba, 0.4, false},
                                              {{"mamba", 1, 1, 0, 1}, mamba, 0.4, false},
                                              {{"mamba:expand=1:d_state=3:kernel=1", 4, 6, 0, 1}, mamba, 0.4, false},
                                              {{"mamba:expand=3:d_state=1:kernel=9", 3, 6, 0, 1}, mamba, 0.4, false}};
    (void)state;
    test_naive_mixers(cases, sizeof cases / sizeof *cases, 1e-12);
}

static void parameters_begin_as_the_paper_says(void **state) {
    static const struct test_mixer what = {"mamba", 20, 8, 0, 4};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    const double *bias = test_naive_parameter(&m, "dt_proj.bias"), *w = test_naive_parameter(&m, "dt_proj.weight");
    for (int64_t c = 0; c < 40; c++) {
        const double delta = log1p(exp(bias[c]));
        assert_true(delta >= 1e-3 * (1 - 1e-12) && delta <= 0.1 * (1 + 1e-12));
        assert_true(test_naive_parameter(&m, "skip")[c] == 1);
        for (int i = 0; i < 16; i++) assert_true(fabs(exp(test_naive_parameter(&m, "log_a")[c * 16 + i]) - (i + 1)) < 1e-13);
        for (int i = 0; i < 2; i++) assert_true(fabs(w[c * 2 + i]) <= 1 / sqrt(2.0)); /* of rank 20 / 16, rounded up */
    }
    for (int64_t i = 0; i < 20 * 40; i++) assert_true(fabs(test_naive_parameter(&m, "out_proj.weight")[i]) <= 1 / sqrt(40.0) / 2);
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
