/* The flash forward passes against the naive kernel in double, on every instruction set of this machine: random problems of every feature
 * in guarded memory, and the same bits for any number of workers.
 */
#include "plan/plan.h"
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t rounds_wanted;
static struct test_options options;

static bool forward_round(attn_ctx *ctx, const char *kernel, uint64_t seed) {
    struct test_case c;
    struct test_result exact, plain, got, again;
    bool good = true;
    test_case_make(&c, ctx, seed, &options);
    assert_true(test_run(&c, ATTN_F64, "naive", 1, &exact));
    assert_true(test_run(&c, options.storage, "naive", 1, &plain));
    assert_true(test_run(&c, options.storage, kernel, 1, &got));
    good = test_result_bounded(&c, &got, &exact, &plain);
    for (int threads = 2; threads <= 3; threads++) {
        assert_true(test_run(&c, options.storage, kernel, threads, &again));
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

static void check_rounds(attn_ctx *ctx, const struct attn_kernel *kernel) {
    uint64_t seed;
    const int64_t n = test_rounds(kernel->dtype == ATTN_F32 ? rounds_wanted : rounds_wanted / 4, &seed);
    int64_t bad = 0;
    if (strncmp(kernel->name, "flash", 5) != 0) return;
    options.storage = kernel->dtype;
    for (int64_t r = 0; r < n; r++) bad += !forward_round(ctx, test_full_name(kernel), seed + (uint64_t)r);
    if (bad)
        fail_msg("%s %s %s: %lld of %lld problems", kernel->name, kernel->isa, attn_dtype_name(kernel->dtype), (long long)bad,
                 (long long)n);
}

static void small_problems_of_every_feature_are_within_the_bound(void **state) {
    (void)state;
    test_options_init(&options);
    options.features &= ~(uint32_t)(ATTN_BACKWARD | ATTN_BIAS_GRAD);
    rounds_wanted = 400;
    test_each_kernel(check_rounds);
}

static void long_plain_problems_are_within_the_bound(void **state) {
    (void)state;
    test_options_init(&options);
    options.features = 0;
    options.max_len = 1200;
    options.max_heads = 2;
    options.max_batch = 1;
    rounds_wanted = 50;
    test_each_kernel(check_rounds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_problems_of_every_feature_are_within_the_bound),
        cmocka_unit_test(long_plain_problems_are_within_the_bound),
    };
    return cmocka_run_group_tests_name("kernel: flash forward", tests, NULL, NULL);
}
