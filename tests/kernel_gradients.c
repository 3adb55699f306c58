/* Every gradient of the double kernel against central differences of its own forward pass: the loss is
 *   sum dO_ie O_ie + sum dLSE_i LSE_i   (over finite LSE).
 * Inputs are floats, so a step is what two neighbouring floats really differ by.
 */
#include "support/compare.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const float step = 0x1p-13f;

static double loss_of(const struct test_case *c) {
    struct test_case forward = *c;
    struct test_result r;
    double loss = 0.0;
    forward.problem.features &= ~(uint32_t)(ATTN_BACKWARD | ATTN_BIAS_GRAD);
    assert_true(test_run(&forward, ATTN_F64, "naive", 1, &r));
    for (int64_t n = 0; n < r.count[TEST_O]; n++) loss += isnan(c->d_o[n]) ? 0.0 : (double)c->d_o[n] * r.data[TEST_O][n];
    for (int64_t n = 0; c->d_lse && n < r.count[TEST_LSE]; n++)
        loss += isnan(c->d_lse[n]) || isinf(r.data[TEST_LSE][n]) ? 0.0 : (double)c->d_lse[n] * r.data[TEST_LSE][n];
    test_result_free(&r);
    return loss;
}

static double difference(const struct test_case *c, float *x) {
    const float old = *x, up = old + step, down = old - step;
    *x = up;
    const double high = loss_of(c);
    *x = down;
    const double low = loss_of(c);
    *x = old;
    return (high - low) / ((double)up - (double)down);
}

/* A few elements of one input. */
static bool check_input(struct test_case *c, struct attn_random *r, float *x, int which, const struct test_result *gradients) {
    const int64_t n = gradients->count[which];
    const double scale = fmax(1.0, test_max_abs(n, gradients->data[which]));
    for (int tries = 0; tries < 4 && n > 0 && x; tries++) {
        const int64_t at = (int64_t)attn_random_below(r, (uint64_t)n);
        if (isnan(x[at])) continue;
        const double want = difference(c, &x[at]);
        if (!test_near(gradients->data[which][at], want, 1e-5, 1e-6 * scale)) {
            fprintf(stderr, "%s[%lld] is %.12g, central differences give %.12g\n", test_output_names[which], (long long)at,
                    gradients->data[which][at], want);
            return false;
        }
    }
    return true;
}

static void check_case(attn_ctx *ctx, uint64_t seed, const struct test_options *options) {
    struct test_case c;
    struct test_result gradients;
    struct attn_random r;
    attn_random_init(&r, seed);
    test_case_make(&c, ctx, seed, options);
    c.accumulate = 0;
    assert_true(test_run(&c, ATTN_F64, "naive", 1, &gradients));
    float *const inputs[] = {c.q, c.k, c.v, c.bias, c.alibi, c.sink};
    static const int outputs[] = {TEST_DQ, TEST_DK, TEST_DV, TEST_DBIAS, TEST_DALIBI, TEST_DSINK};
    bool good = true;
    for (int n = 0; n < 6; n++)
        if (gradients.data[outputs[n]]) good = check_input(&c, &r, inputs[n], outputs[n], &gradients) && good;
    if (!good) {
        test_case_print(&c);
        fail();
    }
    test_result_free(&gradients);
    test_case_free(&c);
}

static struct test_options small_problems(void) {
    struct test_options options;
    test_options_init(&options);
    options.always = ATTN_BACKWARD;
    options.max_len = 12;
    options.max_heads = 4;
    options.max_dim = 6;
    return options;
}

static void every_gradient_equals_central_differences(void **state) {
    (void)state;
    const struct test_options options = small_problems();
    uint64_t seed;
    const int64_t rounds = test_rounds(150, &seed);
    attn_ctx *ctx = test_context(1);
    for (int64_t n = 0; n < rounds; n++) check_case(ctx, seed + (uint64_t)n, &options);
    attn_ctx_destroy(ctx);
}

static void the_bias_gradient_is_right_for_every_combination_of_shared_axes(void **state) {
    (void)state;
    struct test_options options = small_problems();
    attn_ctx *ctx = test_context(1);
    options.always |= ATTN_BIAS | ATTN_BIAS_GRAD;
    for (options.bias_broadcast = 0; options.bias_broadcast < 16; options.bias_broadcast++)
        for (uint64_t seed = 1; seed <= 6; seed++) check_case(ctx, seed, &options);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_equals_central_differences),
        cmocka_unit_test(the_bias_gradient_is_right_for_every_combination_of_shared_axes),
    };
    return cmocka_run_group_tests_name("kernel: gradients", tests, NULL, NULL);
}
