/* Backward of the flash schedule, on each instruction set of this machine and on arrays of each type: within the bound against the naive
 * kernel in double on random problems of every feature, around the edges of its tiles, with NaN in rows that a mask excludes, and the
 * same bits for any number of threads. */
#include "kernel/flash/backward_tile.h"
#include "support/counts.h"
#include "support/each_kernel.h"
#include "support/parts.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const isas[] = {"portable", "neon", "avx2", "avx512", "avx512_bf16"};

/* A context that takes its kernels from this instruction set; NULL where it is not to be had. */
static attn_ctx *context_of(const char *isa) {
    attn_ctx *ctx;
    setenv("ATTN_ISA", isa, 1);
    const bool usable = attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK;
    if (usable)
        attn_ctx_destroy(ctx);
    else
        print_message("%s: not on this machine\n", isa);
    ctx = usable ? test_context(3) : NULL;
    unsetenv("ATTN_ISA");
    return ctx;
}

/* The kernel that is made for the instruction set and the type. */
static const char *kernel_for(const struct test_case *c) {
    const bool pairs = c->storage == ATTN_BF16 && strcmp(attn_ctx_isa(c->ctx), "avx512_bf16") == 0;
    return test_best_of(c->ctx, pairs ? "flash-pairs" : "flash", c->storage);
}

/* A parallel loop that runs everything on one worker, the last index first: what depends on the order of units shows. */
static void backwards(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (void)executor;
    (void)workers;
    for (int64_t i = count - 1; i >= 0; i--) task(arg, i, 0);
}

static void check_order(const struct test_case *c, const struct test_result *want) {
    attn_ctx_config config;
    struct test_case last_first = *c;
    struct test_result got;
    attn_ctx_config_init(&config);
    config.parallel = backwards;
    config.threads = 2;
    setenv("ATTN_ISA", attn_ctx_isa(c->ctx), 1);
    assert_int_equal(attn_ctx_create(&config, &last_first.ctx, NULL, 0), ATTN_OK);
    unsetenv("ATTN_ISA");
    assert_true(test_run(&last_first, c->storage, kernel_for(c), 2, &got));
    if (!test_result_same(want, &got)) {
        test_case_print(c);
        fail_msg("units run in another order give other bits");
    }
    test_result_free(&got);
    attn_ctx_destroy(last_first.ctx);
}

typedef void (*change_fn)(struct test_case *c, struct attn_random *r);

static void check_case(const struct test_case *c) {
    struct test_result want, plain, one, more;
    assert_true(test_run(c, ATTN_F64, "naive", 1, &want));
    assert_true(test_run(c, c->storage, "naive", 1, &plain));
    assert_true(test_run(c, c->storage, kernel_for(c), 1, &one));
    assert_true(test_result_bounded(c, &one, &want, &plain));
    for (int threads = 2; threads <= 3; threads++) {
        assert_true(test_run(c, c->storage, kernel_for(c), threads, &more));
        if (!test_result_same(&one, &more)) {
            test_case_print(c);
            fail_msg("%d threads give other bits than one", threads);
        }
        test_result_free(&more);
    }
    check_order(c, &one);
    test_result_free(&want);
    test_result_free(&plain);
    test_result_free(&one);
}

static void check_storage(attn_ctx *ctx, int64_t rounds, const struct test_options *options, change_fn change) {
    uint64_t seed;
    rounds = test_rounds(rounds, &seed);
    for (uint64_t s = seed; s < seed + (uint64_t)rounds; s++) {
        struct test_case c;
        struct attn_random r;
        test_case_make(&c, ctx, s, options);
        attn_random_init(&r, s);
        if (change) change(&c, &r);
        check_case(&c);
        test_case_free(&c);
    }
}

/* `rounds` of float32, a quarter of them of each type of 16 bits. */
static void check_rounds(int64_t rounds, const struct test_options *options, change_fn change) {
    static const attn_dtype types[] = {ATTN_F32, ATTN_BF16, ATTN_F16};
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        attn_ctx *ctx = context_of(isas[i]);
        for (size_t n = 0; ctx && n < sizeof types / sizeof types[0]; n++) {
            struct test_options stored = *options;
            stored.storage = types[n];
            check_storage(ctx, types[n] == ATTN_F32 ? rounds : rounds / 4, &stored, change);
        }
        if (ctx) attn_ctx_destroy(ctx);
    }
}

static void every_feature_mask_and_layout_is_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = ATTN_BACKWARD;
    check_rounds(120, &options, NULL);
}

/* Long enough for several tiles, a tile's last rows, and stretches that begin inside one. */
static void several_tiles_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = ATTN_BACKWARD;
    options.max_batch = 2;
    options.max_len = 700;
    options.max_heads = 3;
    options.max_dim = 80;
    check_rounds(20, &options, NULL);
}

/* The first `wanted` random problems of a kind that few of them are. */
static void check_some(int wanted, const struct test_options *options, bool (*is_one)(const struct test_case *c)) {
    attn_ctx *ctx = test_context(3);
    int checked = 0;
    for (uint64_t seed = 1; checked < wanted && seed < 4000; seed++) {
        struct test_case c;
        test_case_make(&c, ctx, seed, options);
        if (is_one(&c)) {
            check_case(&c);
            checked++;
        }
        test_case_free(&c);
    }
    assert_int_equal(checked, wanted);
    attn_ctx_destroy(ctx);
}

/* Long enough for several chunks of keys, whose borders follow the mask's area. */
static bool is_cut_by_area(const struct test_case *c) {
    const bool together = (c->problem.features & ATTN_BIAS_GRAD) && c->problem.bias_broadcast;
    return c->kv_len > 3 * ATTN_BACKWARD_KEYS && c->problem.batch * c->problem.kv_heads <= 4 && !together;
}

static void chunks_that_follow_the_mask_are_within_the_bound(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = ATTN_BACKWARD;
    options.max_batch = 2;
    options.max_len = 1500;
    options.max_heads = 4;
    options.max_dim = 40;
    static const attn_dtype types[] = {ATTN_F32, ATTN_BF16, ATTN_F16};
    const int wanted = (int)attn_min64(16, test_share(16));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        options.storage = types[i];
        check_some(types[i] == ATTN_F32 ? wanted : wanted / 2, &options, is_cut_by_area);
    }
}

/* Ragged sequences, long enough for several chunks, that add to the same columns of dBias. */
static bool shares_ragged_columns(const struct test_case *c) {
    return c->batch > 1 && c->kv_lens && c->kv_len > 3 * ATTN_BACKWARD_KEYS && (c->problem.bias_broadcast & ATTN_SHARE_BATCH) &&
           !(c->problem.bias_broadcast & ATTN_SHARE_KEY);
}

static void shared_bias_gradients_of_ragged_sequences_do_not_depend_on_order(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = options.features = ATTN_BACKWARD | ATTN_BIAS | ATTN_BIAS_GRAD;
    options.max_batch = 3;
    options.max_len = 1200;
    options.max_heads = 1;
    options.max_dim = 4;
    options.layout = ATTN_BHTD;
    check_some(5, &options, shares_ragged_columns);
}

/* Values wider than keys whose elements lie apart, in a whole key tile: they are gathered before they are packed. */
static bool scatters_wide_values(const struct test_case *c) {
    return c->gaps && c->problem.v_dim >= c->problem.dim + 32 && c->kv_len >= 256;
}

static void scattered_values_are_gathered_within_their_buffer(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = options.features = ATTN_BACKWARD | ATTN_DIM_STRIDE;
    options.max_batch = 1;
    options.max_len = 300;
    options.max_heads = 1;
    options.max_dim = 80;
    options.layout = ATTN_BHTD;
    check_some(3, &options, scatters_wide_values);
}

/* One key of weight 1 under many queries: dV is the sum of their dO, all 1/3. Within a tile a sum is rounded as often as there are rows, at
 * its own size; the tiles' sums once each at the size of the whole. One after the other 16384 roundings would lose ten bits. */
static void a_long_sum_is_rounded_tile_by_tile(void **state) {
    enum { QUERIES = 16384, TILE = 128, DIM = 16 };
    const size_t bytes = QUERIES * DIM * sizeof(float);
    float *zeros = test_memory(bytes), *d_o = test_memory(bytes), *o = test_memory(bytes), *lse = test_memory(bytes),
          *dq = test_memory(bytes), dk[DIM], dv[DIM];
    (void)state;
    for (int i = 0; i < QUERIES * DIM; i++) d_o[i] = 1.0f / 3.0f;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        attn_ctx *ctx = context_of(isas[i]);
        if (!ctx) continue;
        attn_problem p;
        attn_args args;
        attn_gradients g;
        attn_problem_init(&p);
        attn_args_init(&args);
        attn_gradients_init(&g);
        p.features = ATTN_BACKWARD, p.kernel = test_best_of(ctx, "flash", ATTN_F32), p.heads = 1, p.dim = DIM, p.q_len = QUERIES,
        p.kv_len = 1;
        args.q.data = args.k.data = args.v.data = zeros, args.o.data = o, args.lse.data = lse;
        g.d_o.data = d_o, g.dq.data = dq, g.dk.data = dk, g.dv.data = dv;
        assert_int_equal(attn_run(ctx, &p, &args, &g), ATTN_OK);
        const double want = QUERIES * (double)d_o[0];
        for (int c = 0; c < DIM; c++) assert_true(fabs((double)dv[c] - want) <= (TILE + QUERIES / TILE) * 0x1p-24 * want);
        attn_ctx_destroy(ctx);
    }
    free(zeros), free(d_o), free(o), free(lse), free(dq);
}

/* A key that is minus infinity along one element, seen by queries that are positive there, has the weight 0: its gradients are 0, and those
 * of the other keys are what they are without it. */
static void a_key_of_minus_infinity_has_no_gradient(void **state) {
    enum { QUERIES = 40, KEYS = 48, DIM = 16, KEY = 7, SIZE = KEYS * DIM };
    float q[SIZE], k[SIZE], v[SIZE], d_o[SIZE], o[SIZE], lse[QUERIES], dq[SIZE], dk[SIZE], dv[SIZE];
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 5);
    for (int i = 0; i < SIZE; i++) {
        q[i] = (float)attn_random_uniform(&r) + 0.5f;
        k[i] = (float)attn_random_uniform(&r) - 0.5f;
        v[i] = (float)attn_random_uniform(&r) - 0.5f;
        d_o[i] = (float)attn_random_uniform(&r) - 0.5f;
    }
    k[KEY * DIM + 3] = -INFINITY;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        attn_ctx *ctx = context_of(isas[i]);
        if (!ctx) continue;
        attn_problem p;
        attn_args args;
        attn_gradients g;
        attn_problem_init(&p);
        attn_args_init(&args);
        attn_gradients_init(&g);
        p.features = ATTN_BACKWARD, p.kernel = test_best_of(ctx, "flash", ATTN_F32), p.heads = 1, p.dim = DIM, p.q_len = QUERIES,
        p.kv_len = KEYS;
        p.scale = 0.4; /* times log2(e) it is less than the float next to it: the rest has the other sign */
        args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.lse.data = lse;
        g.d_o.data = d_o, g.dq.data = dq, g.dk.data = dk, g.dv.data = dv;
        assert_int_equal(attn_run(ctx, &p, &args, &g), ATTN_OK);
        for (int n = 0; n < SIZE; n++) {
            assert_true(isfinite(dk[n]) && isfinite(dv[n]));
            assert_true((dv[n] == 0.0f) == (n / DIM == KEY) && (dk[n] == 0.0f) == (n / DIM == KEY));
        }
        attn_ctx_destroy(ctx);
    }
}

static void poison_row(float *x, int64_t tokens, int32_t dim, struct attn_random *r) {
    x[(int64_t)attn_random_below(r, (uint64_t)tokens) * dim + (int64_t)attn_random_below(r, (uint64_t)dim)] = NAN;
}

/* One row of one array, wherever it falls: pairs that see it must be NaN, all others must not. */
static void poison(struct test_case *c, struct attn_random *r) {
    const int64_t q_rows = c->planes * c->problem.heads * c->q_len, k_rows = c->planes * c->problem.kv_heads * c->kv_len;
    if (!q_rows || !k_rows) return;
    switch (attn_random_below(r, 4)) {
    case 0:
        poison_row(c->q, q_rows, c->problem.dim, r);
        break;
    case 1:
        poison_row(c->k, k_rows, c->problem.dim, r);
        break;
    case 2:
        poison_row(c->v, k_rows, c->problem.v_dim, r);
        break;
    default:
        poison_row(c->d_o, q_rows, c->problem.v_dim, r);
        break;
    }
}

static void excluded_pairs_see_no_bit_of_a_poisoned_row(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    options.always = ATTN_BACKWARD;
    options.features = ATTN_BACKWARD | ATTN_DIM_STRIDE;
    const enum test_mask_kind kinds[] = {TEST_MASK_CAUSAL, TEST_MASK_WINDOW, TEST_MASK_BITS, TEST_MASK_SLICES};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        options.mask = kinds[i];
        check_rounds(25, &options, poison);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feature_mask_and_layout_is_within_the_bound),
        cmocka_unit_test(several_tiles_are_within_the_bound),
        cmocka_unit_test(chunks_that_follow_the_mask_are_within_the_bound),
        cmocka_unit_test(shared_bias_gradients_of_ragged_sequences_do_not_depend_on_order),
        cmocka_unit_test(scattered_values_are_gathered_within_their_buffer),
        cmocka_unit_test(a_long_sum_is_rounded_tile_by_tile),
        cmocka_unit_test(a_key_of_minus_infinity_has_no_gradient),
        cmocka_unit_test(excluded_pairs_see_no_bit_of_a_poisoned_row),
    };
    return cmocka_run_group_tests_name("kernel: flash backward", tests, NULL, NULL);
}
