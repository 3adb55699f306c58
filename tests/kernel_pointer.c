/* The kernels of the additive score on every instruction set of this machine: random problems of every layout and mask in guarded memory against
 * the naive kernel in double, which is held against brute force and central differences; exclusion to the bit; the hyperbolic tangent.
 */
#include "kernel/pointer/pointer.h"
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/problem.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void pointer_options(struct test_options *options) {
    test_options_init(options);
    options->additive = true;
    options->features = ATTN_BACKWARD;
}

static void the_double_kernel_equals_brute_force(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(3);
    struct test_options options;
    uint64_t seed;
    pointer_options(&options);
    const int64_t rounds = test_rounds(200, &seed);
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

static void check_kernel(const struct test_case *c, const struct test_scan *scan, const struct test_result *want,
                         const struct test_result *plain) {
    struct test_case on = *c;
    struct test_result one, more;
    on.ctx = scan->ctx;
    assert_true(test_run(&on, ATTN_F32, test_full_name(scan->kernel), 1, &one));
    if (!test_result_bounded(c, &one, want, plain)) fail_msg("%s %s", scan->kernel->name, scan->kernel->isa);
    for (int threads = 2; threads <= 3; threads++) {
        assert_true(test_run(&on, ATTN_F32, test_full_name(scan->kernel), threads, &more));
        if (!test_result_same(&one, &more)) {
            test_case_print(c);
            fail_msg("%s %s: %d threads give other bits than one", scan->kernel->name, scan->kernel->isa, threads);
        }
        test_result_free(&more);
    }
    test_result_free(&one);
}

static void check_rounds(int64_t rounds, const struct test_options *options) {
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_ADDITIVE, ATTN_F32, scans);
    uint64_t seed;
    rounds = test_rounds(rounds, &seed);
    assert_true(count >= 2); /* naive and the portable one run everywhere */
    for (int64_t n = 0; n < rounds; n++) {
        struct test_case c;
        struct test_result want, plain;
        test_case_make(&c, scans[0].ctx, seed + (uint64_t)n, options);
        assert_true(test_run(&c, ATTN_F64, "naive", 1, &want));
        assert_true(test_run(&c, ATTN_F32, "naive", 1, &plain));
        for (int i = 0; i < count; i++) check_kernel(&c, &scans[i], &want, &plain);
        test_result_free(&want);
        test_result_free(&plain);
        test_case_free(&c);
    }
    test_scans_close(scans, count);
}

static void small_problems_of_every_layout_and_mask_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    pointer_options(&options);
    check_rounds(120, &options);
}

/* More keys than are listed, or differentiated, at a time. */
static void long_problems_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    pointer_options(&options);
    options.max_len = 700;
    options.max_heads = 2;
    options.max_batch = 2;
    options.max_dim = 40;
    check_rounds(4, &options);
}

/* ------------------------------------------------------------------------------------- central differences */

enum { T = 3, S = 5, D = 4, E = 2 };

struct tiny {
    double q[T * D], k[S * D], v[S * E], w[D];
    double r_o[T * E], r_lse[T], r_weights[T * S]; /* the loss is the sum of outputs times these */
};

static attn_problem tiny_problem(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.dtype = ATTN_F64;
    p.score = ATTN_SCORE_ADDITIVE;
    p.features = ATTN_BACKWARD;
    p.heads = 1;
    p.dim = D;
    p.v_dim = E;
    p.q_len = T;
    p.kv_len = S;
    p.scale = 0.7;
    return p;
}

static double loss(attn_ctx *ctx, const struct tiny *t, const attn_mask *mask, double *lse, const attn_gradients *gradients) {
    const attn_problem p = tiny_problem();
    double o[T * E], weights[T * S], sum = 0.0;
    attn_args args;
    attn_args_init(&args);
    args.q.data = t->q;
    args.k.data = t->k;
    args.v.data = t->v;
    args.w.data = t->w;
    args.o.data = o;
    args.lse.data = lse;
    args.weights.data = weights;
    args.mask = mask;
    assert_int_equal(attn_run(ctx, &p, &args, gradients), ATTN_OK);
    for (int n = 0; n < T * E; n++) sum += t->r_o[n] * o[n];
    for (int n = 0; n < T; n++) sum += t->r_lse[n] * lse[n];
    for (int n = 0; n < T * S; n++) sum += t->r_weights[n] * weights[n];
    return sum;
}

static void assert_differences(attn_ctx *ctx, struct tiny *t, const attn_mask *mask, double *x, const double *dx, int count) {
    const double h = 1e-5;
    double lse[T];
    for (int n = 0; n < count; n++) {
        const double at = x[n];
        x[n] = at + h;
        const double above = loss(ctx, t, mask, lse, NULL);
        x[n] = at - h;
        const double below = loss(ctx, t, mask, lse, NULL);
        x[n] = at;
        assert_true(test_near(dx[n], (above - below) / (2 * h), 1e-8, 1e-8));
    }
}

static void gradients_are_central_differences_of_all_three_outputs(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    struct attn_random random;
    struct tiny t;
    attn_mask *mask;
    double *const numbers = (double *)&t, lse[T], dq[T * D], dk[S * D], dv[S * E], dw[D];
    attn_gradients g;
    attn_random_init(&random, 11);
    for (size_t n = 0; n < sizeof(t) / sizeof(double); n++) numbers[n] = attn_random_normal(&random);
    assert_int_equal(attn_mask_band(ctx, -1, 2, ATTN_TOP_LEFT, &mask), ATTN_OK);
    attn_gradients_init(&g);
    g.d_o.data = t.r_o;
    g.d_lse.data = t.r_lse;
    g.d_weights.data = t.r_weights;
    g.dq.data = dq;
    g.dk.data = dk;
    g.dv.data = dv;
    g.dw.data = dw;
    (void)loss(ctx, &t, mask, lse, &g);
    assert_differences(ctx, &t, mask, t.q, dq, T * D);
    assert_differences(ctx, &t, mask, t.k, dk, S * D);
    assert_differences(ctx, &t, mask, t.v, dv, S * E);
    assert_differences(ctx, &t, mask, t.w, dw, D);
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

/* -------------------------------------------------------------------------------------------- exclusion */

enum { ROWS = 4, KEYS = 90, DIM = 21, WIDTH = 19, FIRST = 33, LAST = 60 };

struct wide {
    float q[ROWS * DIM], k[KEYS * DIM], v[KEYS * WIDTH], w[DIM], d_o[ROWS * WIDTH], d_weights[ROWS * KEYS];
};
struct outputs {
    float o[ROWS * WIDTH], lse[ROWS], weights[ROWS * KEYS], dq[ROWS * DIM], dk[KEYS * DIM], dv[KEYS * WIDTH], dw[DIM];
};

static void run_wide(attn_ctx *ctx, const struct wide *in, const attn_mask *mask, struct outputs *out) {
    attn_problem p;
    attn_args args;
    attn_gradients g;
    attn_problem_init(&p);
    attn_args_init(&args);
    attn_gradients_init(&g);
    p.score = ATTN_SCORE_ADDITIVE;
    p.features = ATTN_BACKWARD;
    p.heads = 1;
    p.dim = DIM;
    p.v_dim = WIDTH;
    p.q_len = ROWS;
    p.kv_len = KEYS;
    p.kernel = test_best_of(ctx, "pointer", ATTN_F32);
    args.q.data = in->q;
    args.k.data = in->k;
    args.v.data = in->v;
    args.w.data = in->w;
    args.o.data = out->o;
    args.lse.data = out->lse;
    args.weights.data = out->weights;
    args.mask = mask;
    g.d_o.data = in->d_o;
    g.d_weights.data = in->d_weights;
    g.dq.data = out->dq;
    g.dk.data = out->dk;
    g.dv.data = out->dv;
    g.dw.data = out->dw;
    assert_int_equal(attn_run(ctx, &p, &args, &g), ATTN_OK);
}

static void keys_that_are_excluded_change_no_bit_even_where_they_are_nan(void **state) {
    (void)state;
    static struct wide in;
    static struct outputs finite, poisoned;
    struct test_scan scans[TEST_SCANS];
    struct attn_random random;
    const attn_slice slices[] = {{0, ROWS, 0, FIRST, -ATTN_UNLIMITED, ATTN_UNLIMITED},
                                 {0, ROWS, LAST, KEYS, -ATTN_UNLIMITED, ATTN_UNLIMITED}};
    const int count = test_scans_open(ATTN_SCORE_ADDITIVE, ATTN_F32, scans);
    attn_random_init(&random, 5);
    for (int i = 0; i < count; i++) {
        attn_mask *mask;
        assert_int_equal(attn_mask_slices(scans[i].ctx, ROWS, KEYS, slices, 2, &mask), ATTN_OK);
        attn_random_fill_normal(&random, (float *)&in, sizeof(in) / sizeof(float), 1.0f);
        run_wide(scans[i].ctx, &in, mask, &finite);
        for (int j = FIRST; j < LAST; j++) {
            for (int e = 0; e < DIM; e++) in.k[j * DIM + e] = NAN;
            for (int e = 0; e < WIDTH; e++) in.v[j * WIDTH + e] = e % 2 ? NAN : INFINITY;
            for (int row = 0; row < ROWS; row++) in.d_weights[row * KEYS + j] = NAN;
        }
        run_wide(scans[i].ctx, &in, mask, &poisoned);
        assert_memory_equal(&finite, &poisoned, sizeof(finite));
        for (int j = FIRST; j < LAST; j++) assert_true(finite.weights[j] == 0 && finite.dk[j * DIM] == 0 && finite.dv[j * WIDTH] == 0);
        attn_mask_destroy(mask);
    }
    test_scans_close(scans, count);
}

/* ------------------------------------------------------------------------------------------------- tanh */

/* Every exponent of float, both signs: as many numbers of each as `step` leaves. */
static void check_tanh(const char *isa, attn_tanh_fn run) {
    enum { COUNT = 4096 };
    static float x[COUNT], y[COUNT];
    const uint32_t step = getenv("ATTN_TEST_LONG") ? 101 : 4999;
    double worst = 0.0;
    float where = 0.0f;
    for (uint64_t bits = 0; bits < 0x7f800000u;) {
        for (int i = 0; i < COUNT; i++, bits += step) {
            const uint32_t word = (uint32_t)(bits < 0x7f800000u ? bits : 0x7f7fffffu) | (i % 2 ? 1u << 31 : 0u);
            memcpy(&x[i], &word, sizeof(word));
        }
        run(x, COUNT, y);
        for (int i = 0; i < COUNT; i++) {
            const double want = tanh((double)x[i]), error = want == 0.0 ? fabs((double)y[i]) : fabs((double)y[i] / want - 1.0);
            assert_true(fabsf(y[i]) <= 1.0f && !signbit(y[i]) == !signbit(x[i]));
            if (fabsf(x[i]) >= 9.02f) assert_true(fabsf(y[i]) == 1.0f);
            if (fabsf(x[i]) < FLT_MIN) continue; /* a denormal has fewer digits: looked at below */
            if (error > worst) {
                worst = error;
                where = x[i];
            }
        }
    }
    print_message("%s: tanh within %.3g of itself (at %.9g)\n", isa, worst, (double)where);
    assert_true(worst <= 3.6e-7);
    float special[] = {0.0f, -0.0f, 1e-44f, -1e-40f, 1e-30f, INFINITY, -INFINITY, NAN, FLT_MAX}, got[9], mirrored[9];
    const float want[] = {0.0f, -0.0f, 1e-44f, -1e-40f, 1e-30f, 1.0f, -1.0f};
    for (int64_t n = 0; n <= 9; n++) run(special, n, got);
    assert_memory_equal(got, want, sizeof(want));
    assert_true(isnan(got[7]) && got[8] == 1.0f);
    for (int i = 0; i < 9; i++) special[i] = -special[i];
    run(special, 9, mirrored);
    for (int i = 0; i < 9; i++) assert_true(i == 7 || mirrored[i] == -got[i]);
}

static void tanh_is_odd_bounded_saturated_and_within_its_stated_error(void **state) {
    (void)state;
#define X(isa)                                                                                                                             \
    if (setenv("ATTN_ISA", #isa, 1) == 0) {                                                                                                \
        attn_ctx *ctx;                                                                                                                     \
        if (attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK) check_tanh(#isa, attn_tanh_f32__##isa);                                       \
        attn_ctx_destroy(ctx);                                                                                                             \
    }
    ATTN_POINTER_LIST(X)
#undef X
    unsetenv("ATTN_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tanh_is_odd_bounded_saturated_and_within_its_stated_error),
        cmocka_unit_test(the_double_kernel_equals_brute_force),
        cmocka_unit_test(gradients_are_central_differences_of_all_three_outputs),
        cmocka_unit_test(keys_that_are_excluded_change_no_bit_even_where_they_are_nan),
        cmocka_unit_test(small_problems_of_every_layout_and_mask_are_within_the_bound),
        cmocka_unit_test(long_problems_are_within_the_bound),
    };
    return cmocka_run_group_tests_name("kernel: pointer", tests, NULL, NULL);
}
