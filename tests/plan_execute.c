/* Plans at work: one plan for changing lengths without a single allocation, many documents, rows of weights, the one-shot call, rows
 * without keys, the caller's executor. */
#include "base/clock.h"
#include "base/parallel.h"
#include "plan/plan.h"
#include "support/compare.h"
#include "support/counts.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof(text)));
}

/* ---------------------------------------------------------------------------------------- no allocations */

struct counter {
    int64_t calls;
};

static void *count_and_allocate(void *user, size_t bytes, size_t alignment) {
    ((struct counter *)user)->calls++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static attn_ctx *counting_context(struct counter *counter) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.allocate = count_and_allocate;
    config.release = release;
    config.allocator_user = counter;
    config.threads = 2;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void changing_lengths_on_one_plan_allocate_nothing(void **state) {
    (void)state;
    enum { MOST = 12, HEADS = 2, DIM = 4, N = MOST * HEADS * DIM };
    static float q[N], k[N], v[N], o[N], lse[MOST * HEADS], dq[N], dk[N], dv[N];
    struct counter counter = {0};
    attn_ctx *ctx = counting_context(&counter);
    attn_problem p;
    attn_plan *plan;
    attn_mask *mask;
    attn_problem_init(&p);
    p.features = ATTN_BACKWARD;
    p.heads = HEADS;
    p.dim = DIM;
    p.q_len = MOST;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_TOP_LEFT, &mask));
    attn_args args;
    attn_gradients g;
    attn_args_init(&args);
    attn_gradients_init(&g);
    args.q.data = q;
    args.k.data = k;
    args.v.data = v;
    args.o.data = o;
    args.lse.data = lse;
    g.d_o.data = q;
    g.dq.data = dq;
    g.dk.data = dk;
    g.dv.data = dv;
    args.mask = mask;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes + 64);
    const int64_t before = counter.calls;
    const int executions = getenv("ATTN_TEST_QUICK") ? 500 : (int)attn_min64(10000, test_share(10000));
    for (int n = 0; n < executions; n++) {
        args.q_len = n % (MOST + 1);
        args.kv_len = n / 3 % (MOST + 1);
        must(ctx, attn_forward(plan, &args));
        must(ctx, attn_backward(plan, &args, &g));
    }
    assert_int_equal(counter.calls, before);
    free(args.workspace);
    attn_mask_destroy(mask);
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

/* ---------------------------------------------------------------------------------------- many documents */

static void binding_4096_documents_takes_at_most_100_us(void **state) {
    (void)state;
    enum { DOCUMENTS = 4096 };
    static int32_t cu[DOCUMENTS + 1];
    attn_ctx *ctx = test_context(1);
    attn_problem p;
    attn_plan *plan;
    attn_mask *mask;
    attn_args args;
    float *x = calloc(DOCUMENTS * 4 * 3, sizeof(float)), *o = calloc(DOCUMENTS * 4, sizeof(float)), *lse = calloc(DOCUMENTS, sizeof(float));
    for (int n = 0; n <= DOCUMENTS; n++) cu[n] = n;
    attn_problem_init(&p);
    p.layout = ATTN_THD;
    p.heads = 1;
    p.dim = 4;
    p.batch = DOCUMENTS;
    p.q_len = 1;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    must(ctx, attn_mask_band(ctx, -100, 0, ATTN_TOP_LEFT, &mask));
    attn_args_init(&args);
    args.q.data = x;
    args.k.data = x + DOCUMENTS * 4;
    args.v.data = x + DOCUMENTS * 8;
    args.o.data = o;
    args.lse.data = lse;
    args.cu_q = args.cu_kv = cu;
    args.mask = mask;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes + 64);
    double best = 1.0;
    for (int n = 0; n < 50; n++) {
        struct attn_exec exec;
        const double start = attn_clock();
        must(ctx, attn_bind(plan, &args, NULL, ATTN_PASS_FORWARD, &exec));
        best = fmin(best, attn_clock() - start);
    }
    print_message("binding %d documents with a mask: %.1f us\n", DOCUMENTS, best * 1e6);
    assert_true(best <= 100e-6 || !test_times_count());
    must(ctx, attn_forward(plan, &args));
    free(args.workspace);
    free(x);
    free(o);
    free(lse);
    attn_mask_destroy(mask);
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

/* ------------------------------------------------------------------------------------------ small arrays */

enum { T = 7, S = 9, D = 4 };

struct small {
    double q[T * D], k[S * D], v[S * D], o[T * D], lse[T], d_o[T * D], dq[T * D], dk[S * D], dv[S * D];
    attn_problem problem;
    attn_args args;
    attn_gradients gradients;
};

static void fill_small(struct small *s) {
    struct attn_random r;
    attn_random_init(&r, 5);
    double *const inputs[] = {s->q, s->k, s->v, s->d_o};
    const int counts[] = {T * D, S * D, S * D, T * D};
    for (int n = 0; n < 4; n++)
        for (int i = 0; i < counts[n]; i++) inputs[n][i] = attn_random_normal(&r);
    attn_problem_init(&s->problem);
    s->problem.dtype = ATTN_F64;
    s->problem.features = ATTN_BACKWARD;
    s->problem.heads = 1;
    s->problem.dim = D;
    s->problem.q_len = T;
    s->problem.kv_len = S;
    attn_args_init(&s->args);
    attn_gradients_init(&s->gradients);
    s->args.q.data = s->q;
    s->args.k.data = s->k;
    s->args.v.data = s->v;
    s->args.o.data = s->o;
    s->args.lse.data = s->lse;
    s->gradients.d_o.data = s->d_o;
    s->gradients.dq.data = s->dq;
    s->gradients.dk.data = s->dk;
    s->gradients.dv.data = s->dv;
}

static void rows_of_weights_give_o_and_sum_to_1(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    static struct small s;
    double weights[T * S];
    attn_mask *mask;
    attn_plan *plan;
    fill_small(&s);
    must(ctx, attn_mask_band(ctx, -2, 1, ATTN_TOP_LEFT, &mask));
    s.args.mask = mask;
    must(ctx, attn_run(ctx, &s.problem, &s.args, NULL));
    must(ctx, attn_plan_create(ctx, &s.problem, &plan));
    must(ctx, attn_weights(plan, &s.args, 0, 0, 1, T - 1, weights));
    for (int i = 1; i < T; i++) {
        const double *w = weights + (i - 1) * S;
        double sum = 0.0;
        for (int j = 0; j < S; j++) {
            sum += w[j];
            assert_true((j >= i - 2 && j <= i + 1) == (w[j] != 0.0));
        }
        assert_true(test_near(sum, 1.0, 0.0, 1e-14));
        for (int e = 0; e < D; e++) {
            double o = 0.0;
            for (int j = 0; j < S; j++) o += w[j] * s.v[j * D + e];
            assert_true(test_near(o, s.o[i * D + e], 1e-13, 1e-14));
        }
    }
    attn_plan_destroy(plan);
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

static void the_one_shot_call_compiles_the_mask_and_equals_the_long_way(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(2);
    static struct small once, slowly;
    attn_mask *mask, *band, *compiled;
    attn_plan *plan;
    fill_small(&once);
    fill_small(&slowly);
    must(ctx, attn_mask_band(ctx, -2, 1, ATTN_TOP_LEFT, &band));
    must(ctx, attn_mask_not(ctx, band, &mask)); /* two pieces a row: not executable as it is */
    attn_mask_destroy(band);
    once.args.mask = mask;
    must(ctx, attn_run(ctx, &once.problem, &once.args, &once.gradients));
    must(ctx, attn_mask_compile(ctx, mask, T, S, &compiled));
    must(ctx, attn_plan_create(ctx, &slowly.problem, &plan));
    slowly.args.mask = compiled;
    slowly.args.workspace_bytes = attn_plan_workspace(plan);
    slowly.args.workspace = aligned_alloc(64, slowly.args.workspace_bytes);
    must(ctx, attn_forward(plan, &slowly.args));
    must(ctx, attn_backward(plan, &slowly.args, &slowly.gradients));
    assert_memory_equal(once.o, slowly.o, sizeof(once.o));
    assert_memory_equal(once.dq, slowly.dq, sizeof(once.dq));
    assert_memory_equal(once.dk, slowly.dk, sizeof(once.dk));
    assert_memory_equal(once.dv, slowly.dv, sizeof(once.dv));
    assert_int_equal(attn_run(ctx, &once.problem, NULL, NULL), ATTN_EINVAL);
    once.args.mask = NULL;
    once.problem.heads = 0;
    assert_int_equal(attn_run(ctx, &once.problem, &once.args, NULL), ATTN_EINVAL);
    free(slowly.args.workspace);
    attn_plan_destroy(plan);
    attn_mask_destroy(mask);
    attn_mask_destroy(compiled);
    attn_ctx_destroy(ctx);
}

/* Sequences of differing lengths, packed and padded, against one call for each. */
static void the_one_shot_call_compiles_the_mask_for_each_length(void **state) {
    (void)state;
    enum { BATCH = 4, MOST = 9, WIDTH = 3 };
    static const int32_t cu[BATCH + 1] = {0, 9, 9, 13, 17};
    static const char *const masks[] = {"!sliding_window:1,1", "prefix_lm_causal:2", "global_sliding_window:1", "causal & !band:-3,-2"};
    attn_ctx *ctx = test_context(2);
    float q[BATCH * MOST * WIDTH], k[BATCH * MOST * WIDTH], v[BATCH * MOST * WIDTH], packed[BATCH * MOST * WIDTH];
    float padded[BATCH * MOST * WIDTH] = {0}, alone[MOST * WIDTH];
    int32_t lens[BATCH];
    struct attn_random r;
    attn_random_init(&r, 5);
    attn_random_fill_normal(&r, q, BATCH * MOST * WIDTH, 1.0f);
    attn_random_fill_normal(&r, k, BATCH * MOST * WIDTH, 1.0f);
    attn_random_fill_normal(&r, v, BATCH * MOST * WIDTH, 1.0f);
    for (int b = 0; b < BATCH; b++) lens[b] = cu[b + 1] - cu[b];
    for (size_t n = 0; n < sizeof masks / sizeof *masks; n++) {
        attn_problem p;
        attn_args args;
        attn_mask *mask;
        attn_problem_init(&p);
        attn_args_init(&args);
        p.heads = 1;
        p.dim = WIDTH;
        p.batch = BATCH;
        p.q_len = MOST;
        p.kernel = "naive"; /* the same order of sums wherever a sequence lies */
        must(ctx, attn_mask_parse(ctx, masks[n], &mask));
        args.q.data = q;
        args.k.data = k;
        args.v.data = v;
        args.mask = mask;
        args.q_lens = args.kv_lens = lens;
        args.o.data = padded;
        must(ctx, attn_run(ctx, &p, &args, NULL));
        p.layout = ATTN_THD;
        args.q_lens = args.kv_lens = NULL;
        args.cu_q = args.cu_kv = cu;
        args.o.data = packed;
        must(ctx, attn_run(ctx, &p, &args, NULL));
        p.layout = ATTN_BHTD;
        p.batch = 1;
        args.cu_q = args.cu_kv = NULL;
        args.o.data = alone;
        for (int b = 0; b < BATCH; b++)
            for (int side = 0; side < 2; side++) {
                const int64_t first = (side ? b * MOST : cu[b]) * WIDTH;
                args.q.data = q + first;
                args.k.data = k + first;
                args.v.data = v + first;
                args.q_len = args.kv_len = lens[b];
                must(ctx, attn_run(ctx, &p, &args, NULL));
                assert_memory_equal((side ? padded : packed) + first, alone, (size_t)lens[b] * WIDTH * sizeof(float));
            }
        attn_mask_destroy(mask);
    }
    attn_ctx_destroy(ctx);
}

static void the_one_shot_call_writes_nothing_if_either_pass_is_refused(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    static struct small s, before;
    attn_mask *band, *stack;
    fill_small(&s);
    s.problem.features = 0; /* without ATTN_BACKWARD */
    s.o[0] = 42.0;
    before = s;
    assert_int_equal(attn_run(ctx, &s.problem, &s.args, &s.gradients), ATTN_EINVAL);
    assert_memory_equal(s.o, before.o, sizeof s.o);
    fill_small(&s);
    s.gradients.dk.data = NULL;
    s.o[0] = 42.0;
    assert_int_equal(attn_run(ctx, &s.problem, &s.args, &s.gradients), ATTN_EINVAL);
    assert_true(s.o[0] == 42.0);
    fill_small(&s);
    s.gradients.d_o.data = s.args.o.data; /* dO would be written before it is read */
    s.o[0] = 42.0;
    assert_int_equal(attn_run(ctx, &s.problem, &s.args, &s.gradients), ATTN_EINVAL);
    assert_true(s.o[0] == 42.0);
    must(ctx, attn_mask_band(ctx, -1, 1, ATTN_TOP_LEFT, &band));
    must(ctx, attn_mask_stack(ctx, 3, 1, (const attn_mask *[]){band, band, band}, &stack));
    s.args.mask = stack;
    char text[512];
    assert_int_equal(attn_run(ctx, &s.problem, &s.args, NULL), ATTN_EMASK);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "a stack for 3 sequences, the execution has 1"));
    attn_mask_destroy(stack);
    attn_mask_destroy(band);
    attn_ctx_destroy(ctx);
}

static void rows_without_keys_give_0_minus_infinity_and_no_gradient(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(2);
    static struct small s;
    attn_mask *mask;
    fill_small(&s);
    must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, -3, ATTN_TOP_LEFT, &mask)); /* rows 0, 1, 2 see nothing */
    s.args.mask = mask;
    for (int e = 0; e < D; e++) s.d_o[e] = (double)NAN; /* row 0 may hold anything */
    must(ctx, attn_run(ctx, &s.problem, &s.args, &s.gradients));
    for (int i = 0; i < 3; i++) {
        assert_true(isinf(s.lse[i]) && s.lse[i] < 0);
        for (int e = 0; e < D; e++) assert_true(s.o[i * D + e] == 0.0 && s.dq[i * D + e] == 0.0);
    }
    for (int n = 0; n < S * D; n++) assert_true(isfinite(s.dk[n]) && isfinite(s.dv[n]));
    s.args.kv_len = 0;
    s.args.mask = NULL;
    must(ctx, attn_run(ctx, &s.problem, &s.args, &s.gradients));
    for (int i = 0; i < T; i++) assert_true(isinf(s.lse[i]) && s.o[i * D] == 0.0 && s.dq[i * D] == 0.0);
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

static void backwards(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (*(int64_t *)executor)++;
    for (int64_t i = count - 1; i >= 0; i--) task(arg, i, (int)((i * 7) % workers));
}

static void the_callers_executor_in_any_order_gives_the_same_bits(void **state) {
    (void)state;
    struct test_options options;
    test_options_init(&options);
    int64_t uses = 0;
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.parallel = backwards;
    config.executor = &uses;
    config.threads = 3;
    attn_ctx *own = test_context(1), *theirs;
    assert_int_equal(attn_ctx_create(&config, &theirs, NULL, 0), ATTN_OK);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct test_case c;
        struct test_result a, b;
        test_case_make(&c, own, seed, &options);
        assert_true(test_run(&c, ATTN_F32, NULL, 1, &a));
        c.ctx = theirs;
        assert_true(test_run(&c, ATTN_F32, NULL, 3, &b));
        if (!test_result_same(&a, &b)) {
            test_case_print(&c);
            fail();
        }
        test_result_free(&a);
        test_result_free(&b);
        test_case_free(&c);
    }
    assert_true(uses > 0);
    attn_ctx_destroy(own);
    attn_ctx_destroy(theirs);
}

struct shared {
    attn_ctx *ctx;
    const attn_plan *plan;
    struct small *callers;
};

/* One caller: runs the shared plan on its own arrays, and fails once on purpose in between. */
static void call(void *arg, int64_t index, int worker) {
    struct shared *shared = arg;
    struct small *s = &shared->callers[index];
    char text[256];
    (void)worker;
    s->args.workspace_bytes = attn_plan_workspace(shared->plan);
    s->args.workspace = aligned_alloc(64, s->args.workspace_bytes);
    attn_args wrong = s->args;
    wrong.q.data = NULL;
    if (attn_forward(shared->plan, &wrong) != ATTN_EINVAL || !strstr(attn_ctx_error(shared->ctx, text, sizeof(text)), "args.q is NULL") ||
        attn_forward(shared->plan, &s->args) != ATTN_OK || attn_backward(shared->plan, &s->args, &s->gradients) != ATTN_OK)
        s->o[0] = (double)NAN;
    free(s->args.workspace);
}

static void many_threads_share_a_plan_and_a_context(void **state) {
    (void)state;
    enum { CALLERS = 16 };
    static struct small callers[CALLERS];
    attn_ctx *threads = test_context(4), *ctx = test_context(2);
    attn_plan *plan;
    for (int n = 0; n < CALLERS; n++) fill_small(&callers[n]);
    must(ctx, attn_plan_create(ctx, &callers[0].problem, &plan));
    struct shared shared = {ctx, plan, callers};
    attn_parallel(threads, CALLERS, 4, call, &shared);
    for (int n = 1; n < CALLERS; n++) {
        assert_memory_equal(callers[n].o, callers[0].o, sizeof(callers[0].o));
        assert_memory_equal(callers[n].dk, callers[0].dk, sizeof(callers[0].dk));
    }
    assert_true(isfinite(callers[0].o[0]));
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
    attn_ctx_destroy(threads);
}

/* One head, T = S, D = E, causal; all strides of rows are `dim`. */
static void run_rows(attn_ctx *ctx, const char *kernel, int32_t dim, int64_t length, int64_t dim_stride, const float *in, float *out) {
    const int64_t n = length * dim, strides[4] = {n, n, dim, dim_stride};
    attn_problem p;
    attn_args args;
    attn_gradients g;
    attn_mask *mask;
    attn_problem_init(&p);
    p.kernel = kernel;
    p.features = ATTN_BACKWARD;
    p.heads = 1;
    p.dim = dim;
    p.q_len = length;
    attn_args_init(&args);
    attn_gradients_init(&g);
    const void **inputs[] = {&args.q.data, &args.k.data, &args.v.data, &g.d_o.data};
    for (int i = 0; i < 4; i++) *inputs[i] = in + i * n;
    attn_output *outputs[] = {&args.o, &g.dq, &g.dk, &g.dv};
    for (int i = 0; i < 4; i++) outputs[i]->data = out + i * n;
    args.lse.data = out + 4 * n;
    int64_t *all[] = {args.q.stride, args.k.stride, args.v.stride, g.d_o.stride, args.o.stride, g.dq.stride, g.dk.stride, g.dv.stride};
    for (int i = 0; i < 8; i++) memcpy(all[i], strides, sizeof strides);
    must(ctx, attn_mask_parse(ctx, "causal", &mask));
    args.mask = mask;
    must(ctx, attn_run(ctx, &p, &args, &g));
    attn_mask_destroy(mask);
}

static void a_head_of_one_element_may_have_any_dim_stride(void **state) {
    (void)state;
    enum { LENGTH = 67 };
    float in[4 * LENGTH], want[5 * LENGTH], got[5 * LENGTH];
    attn_ctx *ctx = test_context(2);
    for (int i = 0; i < 4 * LENGTH; i++) in[i] = sinf((float)(i * i));
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *kernel = attn_kernels[i];
        if (kernel->dtype != ATTN_F32 || !kernel->backward || kernel->score != ATTN_SCORE_DOT) continue;
        if (strcmp(kernel->isa, "portable") != 0 && strcmp(kernel->isa, "avx512") != 0) continue;
        attn_ctx *own;
        setenv("ATTN_ISA", kernel->isa, 1);
        if (attn_ctx_create(NULL, &own, NULL, 0) == ATTN_OK) {
            run_rows(own, kernel->name, 1, LENGTH, 1, in, want);
            for (int64_t stride = 0; stride <= 2; stride += 2) {
                run_rows(own, kernel->name, 1, LENGTH, stride, in, got);
                assert_memory_equal(got, want, sizeof want);
            }
            attn_ctx_destroy(own);
        }
        unsetenv("ATTN_ISA");
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_of_one_element_may_have_any_dim_stride),
        cmocka_unit_test(changing_lengths_on_one_plan_allocate_nothing),
        cmocka_unit_test(binding_4096_documents_takes_at_most_100_us),
        cmocka_unit_test(rows_of_weights_give_o_and_sum_to_1),
        cmocka_unit_test(the_one_shot_call_compiles_the_mask_and_equals_the_long_way),
        cmocka_unit_test(the_one_shot_call_compiles_the_mask_for_each_length),
        cmocka_unit_test(the_one_shot_call_writes_nothing_if_either_pass_is_refused),
        cmocka_unit_test(rows_without_keys_give_0_minus_infinity_and_no_gradient),
        cmocka_unit_test(many_threads_share_a_plan_and_a_context),
        cmocka_unit_test(the_callers_executor_in_any_order_gives_the_same_bits),
    };
    return cmocka_run_group_tests_name("plan: execution", tests, NULL, NULL);
}
