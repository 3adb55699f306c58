/* The flash forward pass against the naive kernel in double, on every instruction set of this machine: random problems of every feature in
 * guarded memory, and the same bits for any number of workers.
 */
#include "support/compare.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const isas[] = {"portable", "avx512"};

static bool forward_round(attn_ctx *ctx, uint64_t seed, const struct test_options *options) {
    struct test_case c;
    struct test_result exact, plain, got, again;
    bool good = true;
    test_case_make(&c, ctx, seed, options);
    assert_true(test_run(&c, ATTN_F64, "naive", 1, &exact));
    assert_true(test_run(&c, ATTN_F32, "naive", 1, &plain));
    assert_true(test_run(&c, ATTN_F32, "flash", 1, &got));
    good = test_result_bounded(&c, &got, &exact, &plain);
    for (int threads = 2; threads <= 3; threads++) {
        assert_true(test_run(&c, ATTN_F32, "flash", threads, &again));
        good = test_result_same(&got, &again) && good;
        test_result_free(&again);
    }
    test_result_free(&exact);
    test_result_free(&plain);
    test_result_free(&got);
    if (!good) test_case_print(&c);
    test_case_free(&c);
    return good;
}

static void rounds_on_every_isa(int64_t rounds, const struct test_options *options) {
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        setenv("ATTN_ISA", isas[i], 1);
        attn_ctx *ctx = NULL;
        char error[256];
        if (attn_ctx_create(NULL, &ctx, error, sizeof error) != ATTN_OK) {
            print_message("not run here: %s\n", error);
            continue;
        }
        uint64_t seed;
        int64_t n = test_rounds(rounds, &seed);
        int64_t bad = 0;
        for (int64_t r = 0; r < n; r++) bad += !forward_round(ctx, seed + (uint64_t)r, options);
        attn_ctx_destroy(ctx);
        if (bad) fail_msg("%s: %lld of %lld problems", isas[i], (long long)bad, (long long)n);
    }
    unsetenv("ATTN_ISA");
}

static void small_problems_of_every_feature_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.features &= ~(uint32_t)(ATTN_BACKWARD | ATTN_BIAS_GRAD);
    rounds_on_every_isa(400, &options);
}

static void long_plain_problems_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.features = 0;
    options.max_len = 1200;
    options.max_heads = 2;
    options.max_batch = 1;
    rounds_on_every_isa(50, &options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_problems_of_every_feature_are_within_the_bound),
        cmocka_unit_test(long_plain_problems_are_within_the_bound),
    };
    return cmocka_run_group_tests_name("kernel: flash forward", tests, NULL, NULL);
}
