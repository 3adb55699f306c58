/* Hyena against its formulas: the projections' short convolution, the filter's network and window, both gates. */
#include "support/loops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* h [N, D]: Linear(3 -> 64), three times sine and Linear, then the window. */
static void filter(const struct test_mixer_model *m, int64_t length, double *h) {
    const int64_t width = m->what->width, hidden = 64;
    double *a = test_zeros(length * hidden), *b = test_zeros(length * hidden);
    const char *const layers[] = {"filter.0", "filter.1", "filter.2"};
    const attn_real *omega = test_numbers(m, "filter.frequency");
    for (int layer = 0; layer < 3; layer++) {
        test_linear(m, layers[layer], true, length, layer == 0 ? 3 : hidden, hidden, layer == 0 ? test_numbers(m, "filter.positions") : b,
                    a);
        for (int64_t i = 0; i < length * hidden; i++) b[i] = sin(omega[i % hidden] * a[i]);
    }
    test_linear(m, "filter.3", false, length, hidden, width, b, h);
    for (int64_t t = 0; t < length; t++)
        for (int64_t c = 0; c < width; c++) {
            const double share = width > 1 ? (double)c / (double)(width - 1) : 0;
            const double delta = log(0.01) / 1.5 * (1 - share) + log(0.01) / 0.3 * share;
            h[t * width + c] *= exp(-(double)t / (double)(length - 1) * fabs(delta));
        }
    free(a);
    free(b);
}

static void hyena(const struct test_mixer_model *m, const double *u, double *y) {
    const int64_t tokens = m->what->length, width = m->what->width, rows = TEST_MIXER_BATCH * tokens, length = tokens + 3;
    double *z = test_zeros(rows * 3 * width), *x = test_zeros(rows * 3 * width), *h = test_zeros(length * width);
    double *gated = test_zeros(rows * width);
    const attn_real *w = test_numbers(m, "short.weight"), *bias = test_numbers(m, "short.bias"), *skip = test_numbers(m, "filter.skip");
    test_linear(m, "in_proj", true, rows, width, 3 * width, u, z);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < 3 * width; c++) {
            double sum = bias[c];
            for (int64_t t = 0; t < 3 && t <= row % tokens; t++) sum += w[t * 3 * width + c] * z[(row - t) * 3 * width + c];
            x[row * 3 * width + c] = sum;
        }
    filter(m, length, h);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < width; c++) {
            double r = 0;
            for (int64_t t = 0; t <= row % tokens; t++) {
                const double *from = x + (row - t) * 3 * width; /* x1, x2, v */
                r += (h[t * width + c] + (t == 0 ? skip[c] : 0)) * from[c] * from[2 * width + c];
            }
            gated[row * width + c] = r * x[row * 3 * width + width + c];
        }
    test_linear(m, "out_proj", true, rows, width, width, gated, y);
    free(z);
    free(x);
    free(h);
    free(gated);
}

static void outputs_are_those_of_the_formulas(void **state) {
    static const struct test_mixer cases[] = {{"hyena", 5, 8, 0, 1}, {"hyena", 1, 3, 0, 2}, {"hyena", 4, 1, 1, 2}, {"hyena", 3, 420, 0, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_mixer_values(&cases[i], hyena, 1e-11);
}

/* Positions are those of the definition, every frequency is 1, and the last projection is small in deep models. */
static void parameters_begin_as_the_paper_says(void **state) {
    static const struct test_mixer what = {"hyena", 32, 97, 0, 8};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    const attn_real *z = test_numbers(&m, "filter.positions"), *omega = test_numbers(&m, "filter.frequency");
    for (int t = 0; t < 100; t++) {
        assert_true(fabs(z[3 * t] - t / 99.0) < 1e-15);
        assert_true(fabs(z[3 * t + 1] - cos(2 * acos(-1.0) * 1e-4 * t / 100)) < 1e-15);
        assert_true(fabs(z[3 * t + 2] + sin(2 * acos(-1.0) * 1e-4 * t / 100)) < 1e-15);
    }
    for (int i = 0; i < 64; i++) assert_true(omega[i] == 1);
    const attn_real *w = test_numbers(&m, "out_proj.weight");
    double squares = 0;
    for (int i = 0; i < 32 * 32; i++) squares += w[i] * w[i];
    assert_true(fabs(sqrt(squares / 1024) / (0.02 / 4) - 1) < 0.1); /* 0.02 / sqrt(2 layers); four deviations of the estimate are 0.09 */
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_the_formulas),
        cmocka_unit_test(parameters_begin_as_the_paper_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
