/* The kernels of a learned query on every instruction set of this machine: random problems of every layout in guarded memory against the
 * naive kernel in double, which is held against brute force and differences; the same bits for any number of threads and any order.
 */
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void scan_options(struct test_options *options) {
    test_options_init(options);
    options->learned = true;
    options->features = ATTN_BACKWARD;
}

static void the_double_kernel_equals_brute_force(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(3);
    struct test_options options;
    uint64_t seed;
    scan_options(&options);
    const int64_t rounds = test_rounds(300, &seed);
    for (int64_t n = 0; n < rounds; n++) {
        struct test_case c;
        struct test_result want, got;
        test_case_make(&c, ctx, seed + (uint64_t)n, &options);
        test_brute(&c, &want);
        assert_true(test_run(&c, ATTN_F64, "naive", 3, &got));
        for (int which = 0; which < TEST_OUTPUTS; which++) {
            if (!want.data[which]) continue;
            const double scale = fmax(1.0, test_max_abs(want.count[which], want.data[which]));
            if (!test_all_near(test_output_names[which], want.count[which], got.data[which], want.data[which], 1e-11, 1e-11 * scale)) {
                test_case_print(&c);
                fail();
            }
        }
        test_result_free(&want);
        test_result_free(&got);
        test_case_free(&c);
    }
    attn_ctx_destroy(ctx);
}

/* A parallel loop that runs everything on one worker, the last index first: what depends on the order of units shows. */
static void backwards(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (void)executor;
    (void)workers;
    for (int64_t i = count - 1; i >= 0; i--) task(arg, i, 0);
}

static void check_order(const struct test_case *c, const struct test_scan *scan, const struct test_result *want) {
    attn_ctx_config config;
    struct test_case last_first = *c;
    struct test_result got;
    attn_ctx_config_init(&config);
    config.parallel = backwards;
    config.threads = 2;
    setenv("ATTN_ISA", scan->kernel->isa, 1);
    assert_int_equal(attn_ctx_create(&config, &last_first.ctx, NULL, 0), ATTN_OK);
    unsetenv("ATTN_ISA");
    assert_true(test_run(&last_first, c->storage, test_full_name(scan->kernel), 2, &got));
    if (!test_result_same(want, &got)) {
        test_case_print(c);
        fail_msg("%s %s: units run in another order give other bits", scan->kernel->name, scan->kernel->isa);
    }
    test_result_free(&got);
    attn_ctx_destroy(last_first.ctx);
}

/* `one`: of one thread. */
static void check_threads(const struct test_case *on, const struct test_scan *scan, const struct test_result *one, int most) {
    struct test_result more;
    for (int threads = 2; threads <= most; threads++) {
        assert_true(test_run(on, on->storage, test_full_name(scan->kernel), threads, &more));
        if (!test_result_same(one, &more)) {
            test_case_print(on);
            fail_msg("%s %s: %d threads give other bits than one", scan->kernel->name, scan->kernel->isa, threads);
        }
        test_result_free(&more);
    }
    check_order(on, scan, one);
}

static void check_scan(const struct test_case *c, const struct test_scan *scan, const struct test_result *want,
                       const struct test_result *plain) {
    struct test_case on = *c;
    struct test_result one;
    on.ctx = scan->ctx;
    assert_true(test_run(&on, c->storage, test_full_name(scan->kernel), 1, &one));
    if (!test_result_bounded(c, &one, want, plain)) fail_msg("%s %s", scan->kernel->name, scan->kernel->isa);
    check_threads(&on, scan, &one, 3);
    test_result_free(&one);
}

static void check_rounds(int64_t rounds, const struct test_options *options) {
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, options->storage, scans);
    uint64_t seed;
    rounds = test_rounds(rounds, &seed);
    assert_true(count >= (options->storage == ATTN_F32 ? 5 : 2)); /* naive and the portable ones run everywhere */
    for (int64_t n = 0; n < rounds; n++) {
        struct test_case c;
        struct test_result want, plain;
        test_case_make(&c, scans[0].ctx, seed + (uint64_t)n, options);
        assert_true(test_run(&c, ATTN_F64, "naive", 1, &want));
        assert_true(test_run(&c, c.storage, "naive", 1, &plain));
        for (int i = 0; i < count; i++) check_scan(&c, &scans[i], &want, &plain);
        test_result_free(&want);
        test_result_free(&plain);
        test_case_free(&c);
    }
    test_scans_close(scans, count);
}

static void small_problems_of_every_layout_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    scan_options(&options);
    check_rounds(100, &options);
}

static void arrays_of_16_bits_are_within_the_bound(void **state) {
    (void)state;
    static const attn_dtype types[] = {ATTN_BF16, ATTN_F16};
    struct test_options options;
    for (int n = 0; n < 2; n++) {
        scan_options(&options);
        options.storage = types[n];
        check_rounds(30, &options);
        options.max_len = 700;
        options.max_heads = 2;
        options.max_batch = 2;
        options.max_dim = 70;
        check_rounds(2, &options);
    }
}

/* Many chunks, few heads: workers share the chunks of a head. */
static void long_problems_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    scan_options(&options);
    options.max_len = 1500;
    options.max_heads = 2;
    options.max_batch = 2;
    options.max_dim = 70;
    check_rounds(6, &options);
}

/* One head of many chunks: workers take several at a time, and sum some while they compute the rows of others. */
static void check_long_head(const struct test_case *c, const struct test_scan *scan) {
    struct test_case on = *c;
    struct test_result one;
    on.ctx = scan->ctx;
    assert_true(test_run(&on, c->storage, test_full_name(scan->kernel), 1, &one));
    check_threads(&on, scan, &one, 5);
    test_result_free(&one);
}

static void a_long_head_has_the_same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    enum { RUNS_OF_TWO_CHUNKS = 2 * 8 * 2 * 256 }; /* rows at which two workers take more than one chunk at a time */
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    struct test_options options;
    uint64_t seed;
    int64_t left = test_rounds(4, &seed);
    scan_options(&options);
    options.features = 0;
    options.max_len = 3 * RUNS_OF_TWO_CHUNKS;
    options.max_batch = options.max_heads = 1;
    options.max_dim = 40;
    for (; left > 0; seed++) {
        struct test_case c;
        test_case_make(&c, scans[0].ctx, seed, &options);
        const bool wanted = c.q_len >= RUNS_OF_TWO_CHUNKS && (c.problem.dim == c.problem.v_dim || left % 4 == 1);
        for (int i = 0; i < count && wanted; i++)
            if (strcmp(scans[i].kernel->name, "scan") == 0) check_long_head(&c, &scans[i]);
        left -= wanted;
        test_case_free(&c);
    }
    test_scans_close(scans, count);
}

/* Sequences beyond the parts that dq is summed by. */
static void many_sequences_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    scan_options(&options);
    options.max_len = 6;
    options.max_batch = 300;
    options.max_heads = 3;
    check_rounds(6, &options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_double_kernel_equals_brute_force),   cmocka_unit_test(small_problems_of_every_layout_are_within_the_bound),
        cmocka_unit_test(arrays_of_16_bits_are_within_the_bound), cmocka_unit_test(long_problems_are_within_the_bound),
        cmocka_unit_test(many_sequences_are_within_the_bound),    cmocka_unit_test(a_long_head_has_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests_name("kernel: scan", tests, NULL, NULL);
}
