/* The naive kernels: in double they equal brute force on matrices, in single they stay near, on random problems of every feature. */
#include "kernel/convert/convert.h"
#include "support/compare.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static bool equals_brute(const struct test_case *c, const struct test_result *got, const struct test_result *want) {
    bool good = true;
    for (int which = 0; which < TEST_OUTPUTS; which++) {
        if (!want->data[which]) continue;
        /* dBias, dALiBi and dSink leave in float whatever the problem's type is. */
        const double rtol = which >= TEST_DBIAS ? 1.2e-7 : 1e-12;
        const double scale = fmax(1.0, test_max_abs(want->count[which], want->data[which]));
        good = test_all_near(test_output_names[which], want->count[which], got->data[which], want->data[which], rtol,
                             scale * (which >= TEST_DBIAS ? 1e-7 : 1e-12)) &&
               good;
    }
    if (!good) test_case_print(c);
    return good;
}

static void round_output(attn_dtype type, struct test_result *r, int which) {
    for (int64_t i = 0; r->data[which] && i < r->count[which]; i++)
        r->data[which][i] = (double)attn_f32_of_half(type, attn_half_of_f32(type, (float)r->data[which][i]));
}

static void check_rounds(int64_t rounds, const struct test_options *options) {
    uint64_t seed;
    rounds = test_rounds(rounds, &seed);
    attn_ctx *ctx = test_context(2);
    for (const uint64_t end = seed + (uint64_t)rounds; seed < end; seed++) {
        struct test_case c;
        struct test_result want, exact, plain, threaded;
        test_case_make(&c, ctx, seed, options);
        test_brute(&c, &want);
        assert_true(test_run(&c, ATTN_F64, "naive", 2, &exact));
        assert_true(equals_brute(&c, &exact, &want));
        assert_true(test_run(&c, ATTN_F32, "naive", 1, &plain));
        assert_true(test_run(&c, ATTN_F32, "naive", 2, &threaded) && test_result_same(&threaded, &plain));
        test_result_free(&want);
        test_result_free(&exact);
        test_result_free(&plain);
        test_result_free(&threaded);
        test_case_free(&c);
    }
    attn_ctx_destroy(ctx);
}

/* Numbers of 16 bits are exact in float, so all that may differ is the last rounding. Of backward's inputs O is rounded: its type is
 * float. */
static void results_in_16_bits_are_those_of_float32_rounded_once(void **state) {
    (void)state;
    static const attn_dtype types[] = {ATTN_BF16, ATTN_F16};
    uint64_t seed;
    const int64_t rounds = test_rounds(60, &seed);
    attn_ctx *ctx = test_context(2);
    for (int n = 0; n < 2; n++)
        for (int64_t i = 0; i < rounds; i++) {
            struct test_case c;
            struct test_options options;
            struct test_result single, half;
            test_options_init(&options);
            options.storage = types[n];
            test_case_make(&c, ctx, seed + (uint64_t)i, &options);
            if (c.d_o) c.problem.o_dtype = ATTN_F32;
            assert_true(test_run(&c, ATTN_F32, "naive", 2, &single));
            assert_true(test_run(&c, types[n], "naive", 1, &half));
            if (c.problem.o_dtype != ATTN_F32) round_output(types[n], &single, TEST_O);
            for (int which = TEST_DQ; which <= TEST_DV && c.problem.grad_dtype != ATTN_F32; which++) round_output(types[n], &single, which);
            if (!test_result_same(&single, &half)) {
                test_case_print(&c);
                fail();
            }
            test_result_free(&single);
            test_result_free(&half);
            test_case_free(&c);
        }
    attn_ctx_destroy(ctx);
}

static void double_equals_brute_force_on_every_feature(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    check_rounds(120, &options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_equals_brute_force_on_every_feature),
        cmocka_unit_test(results_in_16_bits_are_those_of_float32_rounded_once),
    };
    return cmocka_run_group_tests_name("kernel: naive", tests, NULL, NULL);
}
