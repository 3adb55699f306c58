/* The measuring planner: what times say, that a choice does not depend on threads and executor, that measuring leaves nothing behind, and
 * that a measured plan computes what a plan with its kernel named computes. */
#include "plan/measure.h"
#include "plan/trial.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a context asked of its allocator and its executor. */
struct counts {
    int64_t allocations, live, loops;
    size_t bytes, most;
};

static void *count_allocate(void *user, size_t bytes, size_t alignment) {
    struct counts *c = user;
    c->allocations++;
    c->live++;
    char *memory = aligned_alloc(alignment, bytes + alignment); /* the size lies in front, one alignment away */
    assert_non_null(memory);
    memcpy(memory, &bytes, sizeof bytes);
    c->bytes += bytes;
    c->most = c->bytes > c->most ? c->bytes : c->most;
    return memory + alignment;
}

static void count_release(void *user, void *memory) {
    struct counts *c = user;
    size_t bytes;
    memcpy(&bytes, (char *)memory - 64, sizeof bytes);
    c->live--;
    c->bytes -= bytes;
    free((char *)memory - 64);
}

static void count_loop(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (void)workers;
    ((struct counts *)executor)->loops++;
    for (int64_t i = 0; i < count; i++) task(arg, i, 0);
}

static attn_ctx *counting_context(struct counts *counts) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.allocate = count_allocate;
    config.release = count_release;
    config.allocator_user = config.executor = counts;
    config.parallel = count_loop;
    config.threads = 3;
    memset(counts, 0, sizeof *counts);
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static attn_problem small(uint32_t features) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 4;
    p.kv_heads = 2;
    p.dim = 8;
    p.q_len = 24;
    p.features = features;
    p.effort = ATTN_MEASURE;
    p.measure_seconds = 0.02;
    return p;
}

static attn_plan *plan_of(attn_ctx *ctx, const attn_problem *p) {
    attn_plan *plan = NULL;
    char text[512];
    const attn_status status = attn_plan_create(ctx, p, &plan);
    if (status) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
    return plan;
}

/* Times of `count` candidates: base[c], disturbed in a pattern of a few percent that differs from candidate to candidate. */
static struct attn_samples samples(int count, const double *base, double noise) {
    struct attn_samples s = {.count = count, .rounds = 16};
    for (int c = 0; c < count; c++)
        for (int r = 0; r < s.rounds; r++) s.seconds[c][r] = base[c] * (1.0 + noise * ((r * 7 + c * 5) % 16) / 16.0);
    return s;
}

static void the_first_candidate_stays_unless_another_is_faster_beyond_the_spread(void **state) {
    (void)state;
    struct attn_samples s = samples(3, (double[]){1.0, 1.0, 1.1}, 0.05);
    assert_int_equal(attn_samples_choose(&s), 0);
    s = samples(3, (double[]){1.0, 0.985, 0.999}, 0.0); /* always faster, but by less than two hundredths */
    assert_int_equal(attn_samples_choose(&s), 0);
    s = samples(3, (double[]){1.0, 0.97, 1.2}, 0.0);
    assert_int_equal(attn_samples_choose(&s), 1);
    s = samples(3, (double[]){1.0, 0.97, 1.2}, 0.2); /* the spread is seven times the difference */
    assert_int_equal(attn_samples_choose(&s), 0);
    s = samples(3, (double[]){1.0, 0.5, 0.4}, 0.2);
    assert_int_equal(attn_samples_choose(&s), 2);
    s = samples(1, (double[]){1.0}, 0.1);
    assert_int_equal(attn_samples_choose(&s), 0);
    s.rounds = 0;
    assert_int_equal(attn_samples_choose(&s), 0);
}

static void a_few_disturbed_rounds_change_nothing(void **state) {
    (void)state;
    struct attn_samples s = samples(2, (double[]){1.0, 0.9}, 0.0);
    for (int r = 0; r < 3; r++) s.seconds[1][5 * r] = 40.0;
    assert_int_equal(attn_samples_choose(&s), 1);
    s = samples(2, (double[]){0.9, 1.0}, 0.0);
    for (int r = 0; r < 3; r++) s.seconds[0][5 * r] = 40.0;
    assert_int_equal(attn_samples_choose(&s), 0);
}

static void candidates_far_behind_leave_and_are_never_chosen(void **state) {
    (void)state;
    struct attn_samples s = samples(4, (double[]){2.0, 1.0, 1.2, 1.4}, 0.0);
    s.rounds = 2;
    attn_samples_thin(&s);
    assert_false(s.out[0] || s.out[1] || s.out[2] || s.out[3]); /* too early to say */
    s.rounds = 3;
    attn_samples_thin(&s);
    assert_true(s.out[0] && !s.out[1] && !s.out[2] && s.out[3]);
    assert_false(attn_samples_settled(&s)); /* 1.2 is in */
    assert_int_equal(attn_samples_choose(&s), 1);
    s.rounds = 16;
    assert_true(attn_samples_settled(&s)); /* 1.2 is always slower */
    s.out[2] = true;
    assert_true(attn_samples_settled(&s));
    for (int r = 0; r < s.rounds; r++) s.seconds[0][r] = 0.1; /* what is out does not come back */
    assert_int_equal(attn_samples_choose(&s), 1);
}

static void nothing_is_settled_while_the_first_may_lose(void **state) {
    (void)state;
    struct attn_samples s = samples(2, (double[]){1.0, 1.01}, 0.03);
    assert_false(attn_samples_settled(&s));
    s = samples(2, (double[]){1.0, 0.9}, 0.0);
    assert_false(attn_samples_settled(&s));
    s = samples(2, (double[]){1.0, 1.1}, 0.0);
    assert_true(attn_samples_settled(&s));
    s.rounds = 5;
    assert_false(attn_samples_settled(&s));
}

static void measuring_uses_one_thread_and_frees_all_but_plan_and_wisdom(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        struct counts counts;
        attn_ctx *ctx = counting_context(&counts);
        attn_problem p = small(ATTN_BACKWARD);
        p.threads = threads;
        attn_plan *plan = plan_of(ctx, &p);
        assert_int_equal(counts.loops, 0); /* the executor is not asked */
        assert_int_equal(plan->shape.threads, threads);
        assert_int_equal(counts.live, attn_wisdom_export(ctx, NULL, 0) > 0 ? 3 : 2); /* context, plan, wisdom */
        attn_plan_destroy(plan);
        attn_wisdom_forget(ctx);
        assert_int_equal(counts.live, 1);
        attn_ctx_destroy(ctx);
        assert_int_equal(counts.live, 0);
    }
}

static void a_problem_measured_once_is_not_measured_again(void **state) {
    (void)state;
    struct counts counts;
    attn_ctx *ctx = counting_context(&counts);
    attn_problem p = small(0);
    p.q_len = 3; /* here more than one kernel comes near, on any instruction set */
    attn_plan *plan = plan_of(ctx, &p);
    assert_non_null(strstr(plan->why, "measured on one thread: "));
    const struct attn_kernel *const kernel = plan->kernel;
    attn_plan_destroy(plan);
    static const attn_effort efforts[] = {ATTN_MEASURE, ATTN_WISDOM};
    for (int i = 0; i < 2; i++)
        for (p.threads = 1; p.threads <= 3; p.threads++) {
            const int64_t before = counts.allocations;
            p.effort = efforts[i];
            plan = plan_of(ctx, &p);
            assert_int_equal(counts.allocations, before + 1); /* the plan */
            assert_ptr_equal(plan->kernel, kernel);
            assert_non_null(strstr(plan->why, "wisdom: "));
            attn_plan_destroy(plan);
        }
    p.q_len = 6; /* another class: nothing is known of it */
    plan = plan_of(ctx, &p);
    assert_null(strstr(plan->why, "wisdom: "));
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

static void memory_for_a_huge_problem_stays_within_its_limit(void **state) {
    (void)state;
    struct counts counts;
    attn_ctx *ctx = counting_context(&counts);
    attn_problem p = small(ATTN_BACKWARD | ATTN_BIAS | ATTN_BIAS_GRAD);
    p.batch = 64;
    p.heads = p.kv_heads = 32;
    p.q_len = 1 << 16;
    attn_plan *plan = plan_of(ctx, &p);
    assert_true(counts.most < ((size_t)1 << 28) + ((size_t)1 << 21));
    assert_true(strstr(plan->why, ", on batch 1 heads ") || strstr(plan->why, "no other kernel")); /* only one: nothing to measure */
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

/* Executes forward and backward on the trial's arrays and copies what came out. */
static void execute(attn_ctx *ctx, const attn_problem *p, const attn_plan *plan, float *out, size_t count) {
    struct attn_trial trial;
    assert_int_equal(attn_trial_open(ctx, &plan->problem, attn_plan_workspace(plan), 64, &trial), ATTN_OK);
    assert_int_equal(attn_forward(plan, &trial.args), ATTN_OK);
    assert_int_equal(attn_backward(plan, &trial.args, &trial.gradients), ATTN_OK);
    const float *const arrays[] = {trial.args.o.data, trial.args.lse.data, trial.gradients.dq.data, trial.gradients.dk.data,
                                   trial.gradients.dv.data};
    const size_t q = (size_t)(p->batch * p->heads * p->q_len), k = (size_t)(p->batch * p->kv_heads * p->q_len), d = (size_t)p->dim;
    const size_t counts[] = {q * d, q, q * d, k * d, k * d};
    for (int i = 0; i < 5; i++) {
        assert_true(counts[i] <= count);
        memcpy(out, arrays[i], counts[i] * sizeof(float));
        out += counts[i];
        count -= counts[i];
    }
    memset(out, 0, count * sizeof(float));
    attn_trial_close(&trial);
}

static void a_measured_plan_gives_the_bits_of_a_plan_with_its_kernel_named(void **state) {
    (void)state;
    static float measured[1 << 17], named[1 << 17];
    static const int64_t lengths[] = {1, 2, 3, 7, 16, 33, 100};
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        struct counts counts;
        attn_ctx *ctx = counting_context(&counts);
        attn_problem p = small(ATTN_BACKWARD);
        char kernel[64];
        p.q_len = lengths[n];
        attn_plan *plan = plan_of(ctx, &p);
        execute(ctx, &p, plan, measured, sizeof measured / sizeof measured[0]);
        assert_true(counts.loops > 0 || p.q_len < 16); /* the plan itself runs on the executor */
        snprintf(kernel, sizeof kernel, "%s/%s", attn_plan_kernel(plan), attn_plan_isa(plan));
        attn_plan_destroy(plan);
        p.effort = ATTN_ESTIMATE;
        p.kernel = kernel;
        p.threads = 1;
        plan = plan_of(ctx, &p);
        assert_string_equal(attn_plan_kernel(plan), strtok(kernel, "/"));
        execute(ctx, &p, plan, named, sizeof named / sizeof named[0]);
        assert_memory_equal(measured, named, sizeof measured);
        attn_plan_destroy(plan);
        attn_ctx_destroy(ctx);
    }
}

/* Any legal problem can be measured: the trial's arguments are accepted by every kernel. */
static void every_feature_layout_and_type_can_be_measured(void **state) {
    (void)state;
    static const uint32_t features[] = {ATTN_BACKWARD, ATTN_ALIBI, ATTN_BIAS, ATTN_SINK, ATTN_DROPOUT, ATTN_DIM_STRIDE};
    uint64_t seed;
    const int64_t rounds = test_rounds(60, &seed);
    attn_ctx *ctx = test_context(2);
    for (int64_t n = 0; n < rounds; n++) {
        struct attn_random r;
        attn_random_init(&r, seed + (uint64_t)n);
        attn_problem p = small(0);
        for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
            if (attn_random_below(&r, 2)) p.features |= features[i];
        if ((p.features & ATTN_BACKWARD) && (p.features & ATTN_BIAS) && attn_random_below(&r, 2)) p.features |= ATTN_BIAS_GRAD;
        p.dropout = p.features & ATTN_DROPOUT ? 0.25 : 0.0;
        p.bias_broadcast = (uint32_t)attn_random_below(&r, 16);
        p.dtype = (attn_dtype)attn_random_below(&r, ATTN_F16 + 1);
        p.layout = (attn_layout)attn_random_below(&r, 3);
        p.kv_heads = (int32_t)attn_random_between(&r, 1, 3);
        p.heads = p.kv_heads * (int32_t)attn_random_between(&r, 1, 3);
        p.dim = (int32_t)attn_random_between(&r, 1, 20);
        p.v_dim = (int32_t)attn_random_between(&r, 1, 20);
        p.batch = attn_random_between(&r, 0, 4);
        p.q_len = attn_random_between(&r, 0, 20);
        p.kv_len = attn_random_between(&r, 0, 20);
        p.q_tokens = attn_random_between(&r, -1, 40);
        p.kv_tokens = attn_random_between(&r, -1, 40);
        if (attn_random_below(&r, 4) == 0) p.softcap = 20.0;
        p.measure_seconds = 1e-4;
        attn_plan *plan = plan_of(ctx, &p);
        assert_true(strstr(plan->why, "measured on one thread: ") || strstr(plan->why, "wisdom: ") || strstr(plan->why, "least predicted"));
        attn_plan_destroy(plan);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_candidate_stays_unless_another_is_faster_beyond_the_spread),
        cmocka_unit_test(a_few_disturbed_rounds_change_nothing),
        cmocka_unit_test(candidates_far_behind_leave_and_are_never_chosen),
        cmocka_unit_test(nothing_is_settled_while_the_first_may_lose),
        cmocka_unit_test(measuring_uses_one_thread_and_frees_all_but_plan_and_wisdom),
        cmocka_unit_test(a_problem_measured_once_is_not_measured_again),
        cmocka_unit_test(memory_for_a_huge_problem_stays_within_its_limit),
        cmocka_unit_test(a_measured_plan_gives_the_bits_of_a_plan_with_its_kernel_named),
        cmocka_unit_test(every_feature_layout_and_type_can_be_measured),
    };
    return cmocka_run_group_tests_name("plan: measuring", tests, NULL, NULL);
}
