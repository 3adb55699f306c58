/* Hyena against its formulas: the projections' short convolution, the filter's network and window, both gates. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* h [N, D]: Linear(3 -> 64), three times sine and Linear, then the window. */
static const double *filter(const struct test_naive_sequence *s, int64_t length) {
    const char *const layers[] = {"filter.0", "filter.1", "filter.2"};
    const double *omega = test_naive_parameter(s->m, "filter.frequency"), *x = test_naive_parameter(s->m, "filter.positions");
    for (int layer = 0; layer < 3; layer++) {
        double *a = test_naive_project(s->m, layers[layer], length, x);
        for (int64_t i = 0; i < length * 64; i++) a[i] = sin(omega[i % 64] * a[i]);
        x = a;
    }
    double *h = test_naive_project(s->m, "filter.3", length, x);
    for (int64_t t = 0; t < length; t++)
        for (int64_t c = 0; c < s->width; c++) {
            const double share = s->width > 1 ? (double)c / (double)(s->width - 1) : 0;
            const double delta = log(0.01) / 1.5 * (1 - share) + log(0.01) / 0.3 * share;
            h[t * s->width + c] *= exp(-(double)t / (double)(length - 1) * fabs(delta));
        }
    return h;
}

static void hyena(const struct test_naive_sequence *s, double *y) {
    const int64_t width = s->width;
    const double *z = test_naive_project(s->m, "in_proj", s->tokens, s->u), *skip = test_naive_parameter(s->m, "filter.skip");
    const double *h = filter(s, s->tokens + 3);
    const double *x = test_naive_convolve(s->m, s->tokens, 3 * width, z, 3, test_naive_parameter(s->m, "short.weight"),
                                          test_naive_parameter(s->m, "short.bias")); /* x1, x2, v */
    double *gated = test_naive_memory(s->m, s->tokens * width);
    for (int64_t i = 0; i < s->tokens; i++)
        for (int64_t c = 0; c < width; c++) {
            double r = 0;
            for (int64_t t = 0; t <= i; t++) {
                const double *from = x + (i - t) * 3 * width;
                r += (h[t * width + c] + (t == 0 ? skip[c] : 0)) * from[c] * from[2 * width + c];
            }
            gated[i * width + c] = r * x[i * 3 * width + width + c];
        }
    memcpy(y, test_naive_project(s->m, "out_proj", s->tokens, gated), (size_t)(s->tokens * width) * sizeof *y);
}

static void outputs_are_those_of_the_formulas(void **state) {
    static const struct test_naive cases[] = {{{"hyena", 5, 8, 0, 1}, hyena, 0.4, false},
                                              {{"hyena", 1, 3, 0, 2}, hyena, 0.4, false},
                                              {{"hyena", 4, 1, 1, 2}, hyena, 0.4, false},
                                              {{"hyena", 3, 420, 0, 1}, hyena, 0.4, false}};
    (void)state;
    test_naive_mixers(cases, sizeof cases / sizeof *cases, 1e-11);
}

/* Positions are those of the definition, every frequency is 1, and the last projection is small in deep models. */
static void parameters_begin_as_the_paper_says(void **state) {
    static const struct test_mixer what = {"hyena", 32, 97, 0, 8};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &what, 0);
    const double *z = test_naive_parameter(&m, "filter.positions"), *omega = test_naive_parameter(&m, "filter.frequency");
    for (int t = 0; t < 100; t++) {
        assert_true(fabs(z[3 * t] - t / 99.0) < 1e-15);
        assert_true(fabs(z[3 * t + 1] - cos(2 * acos(-1.0) * 1e-4 * t / 100)) < 1e-15);
        assert_true(fabs(z[3 * t + 2] + sin(2 * acos(-1.0) * 1e-4 * t / 100)) < 1e-15);
    }
    for (int i = 0; i < 64; i++) assert_true(omega[i] == 1);
    const double *w = test_naive_parameter(&m, "out_proj.weight");
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
