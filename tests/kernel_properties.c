/* What holds for every kernel of the table, on every instruction set of this machine: the same bits for any number of threads, exact
 * exclusion, every key counted once, no NaN from huge scores.
 */
#include "kernel/convert/convert.h"
#include "plan/plan.h"
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

static void complain(const struct test_case *c, const struct attn_kernel *kernel) {
    fprintf(stderr, "kernel %s, %s, %s\n", kernel->name, kernel->isa, attn_dtype_name(kernel->dtype));
    test_case_print(c);
    fail();
}

/* --------------------------------------------------------------------------------------------- same bits */

/* That may appear in its problems. */
static uint32_t features_of(const struct attn_kernel *kernel) {
    struct test_options options;
    test_options_init(&options);
    return kernel->backward ? options.features : ATTN_ALIBI | ATTN_BIAS | ATTN_SINK; /* "decode" */
}

static void check_threads(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_options options;
    uint64_t seed;
    test_options_init(&options);
    options.features = features_of(kernel);
    options.storage = kernel->dtype;
    options.max_len = 150;
    const int64_t rounds = test_rounds(25, &seed);
    for (const uint64_t end = seed + (uint64_t)rounds; seed < end; seed++) {
        struct test_case c;
        struct test_result one, more;
        test_case_make(&c, ctx, seed, &options);
        assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &one));
        for (int threads = 2; threads <= 3; threads++) {
            assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), threads, &more));
            if (!test_result_same(&one, &more)) complain(&c, kernel);
            test_result_free(&more);
        }
        test_result_free(&one);
        test_case_free(&c);
    }
}

static void one_two_and_three_threads_give_the_same_bits(void **state) {
    (void)state;
    test_every_kernel(check_threads);
}

/* --------------------------------------------------------------------------------------- exact exclusion */

/* First element of a token's row in a canonical array [plane, head, token, dim]. */
static int64_t row_of(const struct test_case *c, int64_t b, int side, int32_t heads, int32_t head, int64_t token, int64_t dim) {
    const struct test_span s = test_span_of(c, b, side);
    return ((s.plane * heads + head) * (side ? c->kv_len : c->q_len) + s.first + token) * dim;
}

/* Puts other bits into one token of all heads; returns nothing that must be undone: the case is used once. */
static void poison(const struct test_case *c, float *x, int64_t b, int side, int32_t heads, int64_t token, int64_t dim) {
    static const float bits[] = {NAN, INFINITY, -INFINITY, 1e30f};
    for (int32_t h = 0; x && h < heads; h++)
        for (int64_t e = 0; e < dim; e++) x[row_of(c, b, side, heads, h, token, dim) + e] = bits[(token + h + e) % 4];
}

static bool same_rows(const struct test_result *a, const struct test_result *b, int which, int64_t at, int64_t n) {
    return !a->data[which] || test_all_near(test_output_names[which], n, b->data[which] + at, a->data[which] + at, 0.0, 0.0);
}

/* The rows that do not see key j of sequence b are the same in both results. */
static bool key_is_unseen(const struct test_case *c, int64_t b, int64_t j, const struct test_result *x, const struct test_result *y) {
    const attn_problem *p = &c->problem;
    bool good = true;
    for (int32_t h = 0; h < p->heads; h++)
        for (int64_t i = 0; i < test_span_of(c, b, 0).length; i++)
            if (!test_allowed(c, b, h, i, j)) {
                good = same_rows(x, y, TEST_O, row_of(c, b, 0, p->heads, h, i, p->v_dim), p->v_dim) && good;
                good = same_rows(x, y, TEST_LSE, row_of(c, b, 0, p->heads, h, i, 1), 1) && good;
                good = same_rows(x, y, TEST_DQ, row_of(c, b, 0, p->heads, h, i, p->dim), p->dim) && good;
            }
    return good;
}

/* The keys that query i of sequence b does not see, by any head of their group, have the same gradients in both results. */
static bool query_is_unseen(const struct test_case *c, int64_t b, int64_t i, const struct test_result *x, const struct test_result *y) {
    const attn_problem *p = &c->problem;
    const int32_t group = p->heads / p->kv_heads;
    bool good = true;
    for (int32_t g = 0; g < p->kv_heads; g++)
        for (int64_t j = 0; j < test_span_of(c, b, 1).length; j++) {
            bool seen = false;
            for (int32_t h = g * group; h < (g + 1) * group; h++) seen = seen || test_allowed(c, b, h, i, j);
            if (!seen) {
                good = same_rows(x, y, TEST_DK, row_of(c, b, 1, p->kv_heads, g, j, p->dim), p->dim) && good;
                good = same_rows(x, y, TEST_DV, row_of(c, b, 1, p->kv_heads, g, j, p->v_dim), p->v_dim) && good;
            }
        }
    return good;
}

static void check_exclusion(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_options options;
    uint64_t seed;
    test_options_init(&options);
    options.features = features_of(kernel);
    options.storage = kernel->dtype;
    options.max_len = 100;
    const int64_t rounds = test_rounds(40, &seed);
    for (const uint64_t end = seed + (uint64_t)rounds; seed < end; seed++) {
        struct test_case c;
        struct test_result clean, dirty;
        test_case_make(&c, ctx, seed, &options);
        const attn_problem *p = &c.problem;
        const int64_t b = (int64_t)seed % c.batch, rows = test_span_of(&c, b, 0).length, keys = test_span_of(&c, b, 1).length;
        if (c.mask && rows > 0 && keys > 0) {
            const int64_t i = (int64_t)(seed * 7) % rows, j = (int64_t)(seed * 13) % keys;
            assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &clean));
            poison(&c, c.k, b, 1, p->kv_heads, j, p->dim);
            poison(&c, c.v, b, 1, p->kv_heads, j, p->v_dim);
            assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 2, &dirty));
            if (!key_is_unseen(&c, b, j, &clean, &dirty)) complain(&c, kernel);
            test_result_free(&clean);
            test_result_free(&dirty);
            test_case_free(&c);
            test_case_make(&c, ctx, seed, &options);
            assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &clean));
            poison(&c, c.q, b, 0, p->heads, i, p->dim);
            poison(&c, c.d_o, b, 0, p->heads, i, p->v_dim);
            assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 2, &dirty));
            if (!query_is_unseen(&c, b, i, &clean, &dirty)) complain(&c, kernel);
            test_result_free(&clean);
            test_result_free(&dirty);
        }
        test_case_free(&c);
    }
}

static void an_excluded_pair_leaves_no_bit_in_either_direction(void **state) {
    (void)state;
    test_every_kernel(check_exclusion);
}

/* The bias of excluded pairs alone: every element of it is other bits, no output may change. */
static void check_excluded_bias(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_options options;
    test_options_init(&options);
    options.storage = kernel->dtype;
    options.features = features_of(kernel);
    options.always = ATTN_BIAS | (kernel->backward ? ATTN_BACKWARD : 0u);
    options.bias_broadcast = 0;
    options.layout = ATTN_BHTD;
    options.max_len = 70;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_case c;
        struct test_result clean, dirty;
        test_case_make(&c, ctx, seed, &options);
        assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &clean));
        for (int64_t b = 0; b < c.batch; b++)
            for (int32_t h = 0; h < c.problem.heads; h++)
                for (int64_t i = 0; i < test_span_of(&c, b, 0).length; i++)
                    for (int64_t j = 0; j < test_span_of(&c, b, 1).length; j++)
                        if (!test_allowed(&c, b, h, i, j))
                            c.bias[((b * c.bias_extent[1] + h) * c.bias_extent[2] + i + c.q_offset) * c.bias_extent[3] + j + c.kv_offset] =
                                (i + j) % 2 ? NAN : INFINITY;
        assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &dirty));
        if (!test_result_same(&clean, &dirty)) complain(&c, kernel);
        test_result_free(&clean);
        test_result_free(&dirty);
        test_case_free(&c);
    }
}

static void the_bias_of_an_excluded_pair_leaves_no_bit(void **state) {
    (void)state;
    test_every_kernel(check_excluded_bias);
}

/* ----------------------------------------------------------------------------------------- counting keys */

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof(text)));
}

/* Equal scores and one-hot values: O_e is the share of the keys whose value is unit vector e, so O_e n is a whole number that is wrong
 * by at least 1 when a key is lost or counted twice. Row i sees the keys up to j = i + S - T. */
static void check_counts(attn_ctx *ctx, const struct attn_kernel *kernel) {
    enum { T = 40, D = 3, E = 48 };
    const int64_t S = strcmp(kernel->name, "naive") != 0 ? 100003 : 5003;
    float *q = calloc(T * D, sizeof(float)), *k = calloc((size_t)S * D, sizeof(float)), *v = calloc((size_t)S * E, sizeof(float));
    float *o = calloc(T * E, sizeof(float));
    attn_problem p;
    attn_args args;
    attn_mask *mask;
    attn_problem_init(&p);
    attn_args_init(&args);
    for (int64_t j = 0; j < S; j++) {
        const int64_t at = j * E + j * 7919 % S % E;
        if (kernel->dtype == ATTN_F32)
            v[at] = 1.0f;
        else
            ((uint16_t *)v)[at] = attn_half_of_f32(kernel->dtype, 1.0f);
    }
    p.dtype = kernel->dtype;
    p.o_dtype = ATTN_F32;
    p.heads = 1;
    p.dim = D;
    p.v_dim = E;
    p.q_len = T;
    p.kv_len = S;
    p.kernel = test_full_name(kernel);
    args.q.data = q;
    args.k.data = k;
    args.v.data = v;
    args.o.data = o;
    must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &mask));
    args.mask = mask;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    int64_t count[E] = {0};
    for (int64_t j = 0; j < S; j++) {
        count[j * 7919 % S % E]++;
        const int64_t i = j - (S - T);
        for (int e = 0; i >= 0 && e < E; e++)
            if (fabs((double)o[i * E + e] * (double)(j + 1) - (double)count[e]) > 0.1)
                fail_msg("%s %s: row %lld has %.9g keys of kind %d, expected %lld", kernel->name, kernel->isa, (long long)i,
                         (double)o[i * E + e] * (double)(j + 1), e, (long long)count[e]);
    }
    attn_mask_destroy(mask);
    free(q);
    free(k);
    free(v);
    free(o);
}

static void every_key_of_a_long_row_counts_exactly_once(void **state) {
    (void)state;
    test_every_kernel(check_counts);
}

/* ------------------------------------------------------------------------------------------- huge scores */

static void scale_values(float *x, int64_t n, float factor) {
    for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

static void check_huge_scores(attn_ctx *ctx, const struct attn_kernel *kernel) {
    static const float wide[] = {1e2f, 1e15f, 1e-20f}, narrow[] = {1e2f, 2e3f, 1e-6f}; /* float16 ends at 65504 */
    const float *factors = kernel->dtype == ATTN_F16 ? narrow : wide;
    struct test_options options;
    test_options_init(&options);
    options.storage = kernel->dtype;
    options.features = features_of(kernel) & ~(uint32_t)(ATTN_BACKWARD | ATTN_BIAS_GRAD);
    options.max_len = 90;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        const float factor = factors[seed % 3];
        struct test_case c;
        struct test_result got;
        test_case_make(&c, ctx, seed, &options);
        scale_values(c.q, c.planes * c.problem.heads * c.q_len * c.problem.dim, factor);
        scale_values(c.k, c.planes * c.problem.kv_heads * c.kv_len * c.problem.dim, factor);
        c.accumulate = 0;
        assert_true(test_run(&c, kernel->dtype, test_full_name(kernel), 1, &got));
        for (int64_t n = 0; n < got.count[TEST_O]; n++)
            if (!isfinite(got.data[TEST_O][n])) complain(&c, kernel);
        for (int64_t n = 0; n < got.count[TEST_LSE]; n++)
            if (isnan(got.data[TEST_LSE][n]) || got.data[TEST_LSE][n] == (double)INFINITY) complain(&c, kernel);
        test_result_free(&got);
        test_case_free(&c);
    }
}

static void scores_up_to_1e31_and_denormal_ones_give_finite_results(void **state) {
    (void)state;
    test_every_kernel(check_huge_scores);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_two_and_three_threads_give_the_same_bits),
        cmocka_unit_test(an_excluded_pair_leaves_no_bit_in_either_direction),
        cmocka_unit_test(the_bias_of_an_excluded_pair_leaves_no_bit),
        cmocka_unit_test(every_key_of_a_long_row_counts_exactly_once),
        cmocka_unit_test(scores_up_to_1e31_and_denormal_ones_give_finite_results),
    };
    return cmocka_run_group_tests_name("kernel: properties of all kernels", tests, NULL, NULL);
}
