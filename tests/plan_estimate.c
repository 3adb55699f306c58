/* Estimates of executions: pairs and tiles against counting every pair of random problems, FLOPs and bytes against their formulas, the
 * choice of kernel by predicted time. */
#include "plan/plan.h"
#include "support/fixture.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char text[2048];

static void must(attn_status status) {
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(test_ctx, text, sizeof text));
}

static attn_args args_of(const struct test_case *c) {
    attn_args args;
    attn_args_init(&args);
    args.batch = c->batch;
    if (!c->cu_q) {
        args.q_len = c->q_len;
        args.kv_len = c->kv_len;
    }
    args.q_lens = c->q_lens;
    args.kv_lens = c->kv_lens;
    args.q_starts = c->q_starts;
    args.kv_starts = c->kv_starts;
    args.cu_q = c->cu_q;
    args.cu_kv = c->cu_kv;
    args.mask = c->mask;
    args.q_offset = c->q_offset;
    args.kv_offset = c->kv_offset;
    args.global_q_len = c->global_q_len;
    args.global_kv_len = c->global_kv_len;
    return args;
}

struct totals {
    int64_t pairs, full, partial, empty;
    double queries, keys;
};

/* The tile of head h whose first pair is (i0, j0), cut to the lengths. */
static void count_tile(const struct test_case *c, int64_t b, int32_t h, int64_t i0, int64_t i1, int64_t j0, int64_t j1, struct totals *t) {
    int64_t pairs = 0;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < j1; j++) pairs += test_allowed(c, b, h, i, j);
    t->pairs += pairs;
    if (pairs == 0)
        t->empty++;
    else if (pairs == (i1 - i0) * (j1 - j0))
        t->full++;
    else
        t->partial++;
}

static struct totals count_all(const struct test_case *c, int64_t rows, int64_t columns) {
    struct totals t = {0};
    for (int64_t b = 0; b < c->batch; b++) {
        const int64_t q = test_span_of(c, b, 0).length, k = test_span_of(c, b, 1).length;
        t.queries += (double)q;
        t.keys += (double)k;
        for (int32_t h = 0; h < c->problem.heads; h++)
            for (int64_t i = 0; i < q; i += rows)
                for (int64_t j = 0; j < k; j += columns) count_tile(c, b, h, i, attn_min64(i + rows, q), j, attn_min64(j + columns, k), &t);
    }
    return t;
}

static void check_case(const struct test_case *c, const struct attn_kernel *kernel) {
    attn_problem p = c->problem;
    attn_plan *plan;
    attn_estimate e;
    const attn_args args = args_of(c);
    p.dtype = kernel->dtype;
    p.kernel = kernel->name;
    if (!kernel->backward && (p.features & (ATTN_BACKWARD | ATTN_DROPOUT | ATTN_DIM_STRIDE))) return; /* it has no form for these */
    must(attn_plan_create(c->ctx, &p, &plan));
    attn_estimate_init(&e);
    must(attn_plan_estimate(plan, &args, &e));
    const struct totals t = count_all(c, e.tile_queries, e.tile_keys);
    const double d = plan->shape.dim, v = plan->shape.v_dim, bytes = (double)attn_dtype_bytes(p.dtype);
    if (e.pairs != t.pairs || e.tiles_full != t.full || e.tiles_partial != t.partial || e.tiles_empty != t.empty)
        fail_msg("seed %llu, %s: pairs %lld for %lld, tiles %lld %lld %lld for %lld %lld %lld", (unsigned long long)c->seed, kernel->name,
                 (long long)e.pairs, (long long)t.pairs, (long long)e.tiles_full, (long long)e.tiles_partial, (long long)e.tiles_empty,
                 (long long)t.full, (long long)t.partial, (long long)t.empty);
    assert_true(e.forward_flops == 2 * (d + v) * (double)t.pairs);
    const double lse = p.dtype == ATTN_F64 ? 8 : 4;
    const double arrays = t.queries * plan->shape.heads * (bytes * (d + v) + lse) + bytes * t.keys * plan->shape.kv_heads * (d + v);
    assert_true(p.features & ATTN_BIAS ? e.forward_bytes >= arrays : e.forward_bytes == arrays);
    assert_true(e.forward_seconds > 0);
    const bool backward = p.features & ATTN_BACKWARD;
    assert_true(e.backward_flops == (backward ? (6 * d + 4 * v) * (double)t.pairs : 0));
    assert_true(backward ? e.backward_seconds > 0 && e.backward_bytes >= e.forward_bytes
                         : e.backward_seconds == 0 && e.backward_bytes == 0);
    attn_plan_destroy(plan);
}

static void pairs_and_tiles_are_those_of_brute_counting(void **state) {
    (void)state;
    uint64_t seed;
    struct test_options options;
    test_options_init(&options);
    options.max_len = 90;
    options.max_dim = 9;
    const int64_t rounds = test_rounds(400, &seed);
    for (int64_t n = 0; n < rounds; n++) {
        struct test_case c;
        test_case_make(&c, test_ctx, seed + (uint64_t)n, &options);
        for (int i = 0; i < attn_kernel_count; i++)
            if (attn_kernels[i]->score == ATTN_SCORE_DOT && (attn_kernels[i]->isa_bits & test_ctx->isa) == attn_kernels[i]->isa_bits)
                check_case(&c, attn_kernels[i]);
        test_case_free(&c);
    }
}

static attn_problem long_problem(int64_t length) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 8;
    p.dim = 64;
    p.q_len = length;
    p.features = ATTN_BACKWARD;
    return p;
}

static attn_estimate estimate(const attn_problem *p, const char *mask, double rate) {
    attn_plan *plan;
    attn_args args;
    attn_estimate e;
    attn_mask *parsed = NULL, *compiled = NULL;
    attn_args_init(&args);
    attn_estimate_init(&e);
    e.flops_per_second = rate;
    if (mask) {
        must(attn_mask_parse(test_ctx, mask, &parsed));
        must(attn_mask_compile(test_ctx, parsed, p->q_len, p->q_len, &compiled));
        args.mask = compiled;
    }
    must(attn_plan_create(test_ctx, p, &plan));
    must(attn_plan_estimate(plan, &args, &e));
    attn_plan_destroy(plan);
    attn_mask_destroy(parsed);
    attn_mask_destroy(compiled);
    return e;
}

static void long_masks_are_counted_without_visiting_their_pairs(void **state) {
    (void)state;
    const int64_t T = 1 << 20;
    attn_problem p = long_problem(T);
    const clock_t start = clock(); /* of the processor: a busy machine takes none of it */
    const attn_estimate full = estimate(&p, NULL, 0), causal = estimate(&p, "causal", 0), window = estimate(&p, "sliding_window:127,0", 0);
    assert_true(clock() - start < CLOCKS_PER_SEC || !test_times_count());
    assert_int_equal(full.pairs, 8 * T * T);
    assert_int_equal(causal.pairs, 8 * (T * (T + 1) / 2));
    assert_int_equal(window.pairs, 8 * (T * 128 - 127 * 128 / 2));
    assert_int_equal(full.tiles_partial, 0);
    assert_true(causal.forward_seconds < 0.51 * full.forward_seconds && causal.backward_seconds < 0.51 * full.backward_seconds);
}

static void a_given_rate_scales_the_prediction(void **state) {
    (void)state;
    attn_problem p = long_problem(16384);
    const attn_estimate e = estimate(&p, NULL, 1e11), half = estimate(&p, NULL, 5e10);
    assert_true(fabs(half.forward_seconds / e.forward_seconds - 2) < 1e-12);
    assert_true(fabs(half.backward_seconds / e.backward_seconds - 2) < 1e-12);
    /* A long dense pass reaches nearly the rate that was given. */
    assert_true(e.forward_seconds > e.forward_flops / 1e11 && e.forward_seconds < 1.2 * e.forward_flops / 1e11);
}

static void the_kernel_of_least_predicted_time_is_chosen(void **state) {
    (void)state;
    for (int64_t length = 1; length <= 4096; length *= 4)
        for (int32_t dim = 1; dim <= 256; dim *= 4) {
            attn_problem p = long_problem(length);
            p.dim = dim;
            const attn_estimate chosen = estimate(&p, NULL, 0);
            for (int i = 0; i < attn_kernel_count; i++) {
                p.kernel = attn_kernels[i]->name;
                if (attn_kernels[i]->dtype != ATTN_F32 || !attn_kernels[i]->backward || attn_kernels[i]->score != ATTN_SCORE_DOT) continue;
                const attn_estimate other = estimate(&p, NULL, 0);
                assert_true(chosen.forward_seconds + chosen.backward_seconds <= other.forward_seconds + other.backward_seconds);
            }
        }
    attn_problem p = long_problem(64);
    attn_plan *plan;
    must(attn_plan_create(test_ctx, &p, &plan));
    const bool wide = attn_cpu_core() == ATTN_CORE_WIDE && strncmp(attn_plan_isa(plan), "avx512", 6) == 0;
    assert_string_equal(attn_plan_kernel(plan), wide ? "flash32" : "flash");
    attn_plan_destroy(plan);
}

static void refused(const attn_plan *plan, const attn_args *args, attn_estimate *e, attn_status status, const char *part) {
    const attn_status got = attn_plan_estimate(plan, args, e);
    attn_ctx_error(test_ctx, text, sizeof text);
    if (got != status || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

static void wrong_arguments_are_refused(void **state) {
    (void)state;
    attn_problem p = long_problem(16);
    attn_plan *plan;
    attn_args args;
    attn_estimate e;
    attn_args_init(&args);
    attn_estimate_init(&e);
    must(attn_plan_create(test_ctx, &p, &plan));
    assert_int_equal(attn_plan_estimate(NULL, &args, &e), ATTN_EINVAL);
    refused(plan, NULL, &e, ATTN_EINVAL, "args is NULL");
    refused(plan, &args, NULL, ATTN_EINVAL, "out is NULL");
    e.flops_per_second = -1;
    refused(plan, &args, &e, ATTN_EINVAL, "flops_per_second is -1");
    e.flops_per_second = (double)NAN;
    refused(plan, &args, &e, ATTN_EINVAL, "flops_per_second is");
    e.size = 8;
    refused(plan, &args, &e, ATTN_EINVAL, "attn_estimate_init");
    attn_estimate_init(&e);
    args.q_len = 17;
    refused(plan, &args, &e, ATTN_ESHAPE, "args.q_len is 17");
    attn_plan_destroy(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_and_tiles_are_those_of_brute_counting),
        cmocka_unit_test(long_masks_are_counted_without_visiting_their_pairs),
        cmocka_unit_test(a_given_rate_scales_the_prediction),
        cmocka_unit_test(the_kernel_of_least_predicted_time_is_chosen),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests_name("plan: estimates", tests, test_open_context, test_close_context);
}
