/* Plans of a learned query: what they refuse, by name, rows of weights, and executions that allocate nothing. */
#include "base/context.h"
#include "support/compare.h"
#include "support/counts.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[1024];

static void must(attn_ctx *ctx, attn_status status) {
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

static void rows_of_weights_give_o_and_end_at_their_own_key(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    float q[2] = {0.5f, -1.0f}, k[10], v[10], o[10], lse[5], weights[25];
    struct attn_random r;
    attn_problem p;
    attn_args args;
    attn_plan *plan;
    attn_random_init(&r, 2);
    attn_random_fill_normal(&r, k, 10, 1.0f);
    attn_random_fill_normal(&r, v, 10, 1.0f);
    attn_problem_init(&p);
    attn_args_init(&args);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.heads = 1;
    p.dim = 2;
    p.q_len = 5;
    args.q.data = q;
    args.k.data = k;
    args.v.data = v;
    args.o.data = o;
    args.lse.data = lse;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    must(ctx, attn_plan_create(ctx, &p, &plan));
    must(ctx, attn_weights(plan, &args, 0, 0, 0, 5, weights));
    for (int i = 0; i < 5; i++)
        for (int c = 0; c < 2; c++) {
            double sum = 0.0;
            for (int j = 0; j < 5; j++) sum += (double)weights[i * 5 + j] * (double)v[j * 2 + c];
            assert_true(test_near(sum, (double)o[i * 2 + c], 0.0, 1e-6));
            assert_true(i == 4 || weights[i * 5 + i + 1] == 0.0f);
        }
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

/* ---------------------------------------------------------------------------------------------- arguments */

static attn_problem learned_problem(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.heads = 2;
    p.dim = 4;
    p.batch = 2;
    p.q_len = 8;
    return p;
}

static void plan_refused(attn_ctx *ctx, const attn_problem *p, attn_status status, const char *part) {
    attn_plan *plan;
    const attn_status got = attn_plan_create(ctx, p, &plan);
    attn_ctx_error(ctx, text, sizeof text);
    if (got != status || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

static void run_refused(attn_ctx *ctx, const attn_problem *p, const attn_args *args, attn_status status, const char *part) {
    const attn_status got = attn_run(ctx, p, args, NULL);
    attn_ctx_error(ctx, text, sizeof text);
    if (got != status || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

static void what_a_learned_query_lacks_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        uint32_t bits;
        const char *name;
    } features[] = {{ATTN_ALIBI, "ATTN_ALIBI"},
                    {ATTN_BIAS, "ATTN_BIAS"},
                    {ATTN_SINK, "ATTN_SINK"},
                    {ATTN_DROPOUT, "ATTN_DROPOUT"},
                    {ATTN_DIM_STRIDE, "ATTN_DIM_STRIDE"}};
    attn_ctx *ctx = test_context(1);
    attn_problem p = learned_problem();
    for (int n = 0; n < 5; n++) {
        p.features = features[n].bits;
        plan_refused(ctx, &p, ATTN_EUNSUPPORTED, features[n].name);
    }
    p = learned_problem();
    p.softcap = 3.0;
    plan_refused(ctx, &p, ATTN_EUNSUPPORTED, "problem.softcap is 3");
    p = learned_problem();
    p.kv_len = 9;
    plan_refused(ctx, &p, ATTN_ESHAPE, "problem.kv_len is 9, expected problem.q_len, 8");
    p = learned_problem();
    p.kernel = "flash";
    plan_refused(ctx, &p, ATTN_EUNSUPPORTED, "no form for f32 and a learned query");
    p.kernel = "scan";
    p.score = ATTN_SCORE_DOT;
    plan_refused(ctx, &p, ATTN_EUNSUPPORTED, "the kernel \"scan\" has no form for f32");
    attn_ctx_destroy(ctx);
}

static void packed_keys_are_as_many_as_rows(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    attn_problem p = learned_problem();
    attn_plan *plan;
    p.layout = ATTN_THD;
    p.q_tokens = 11;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    attn_plan_destroy(plan);
    p.kv_tokens = 12;
    plan_refused(ctx, &p, ATTN_ESHAPE, "problem.kv_tokens is 12, expected problem.q_tokens, 11");
    attn_ctx_destroy(ctx);
}

static void wrong_arguments_are_refused_by_name(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    attn_problem p = learned_problem(), dot = p;
    attn_args args;
    attn_mask *mask;
    float x[128] = {0}, o[128], lse[32];
    const int32_t lens[] = {3, 4}, others[] = {3, 5};
    must(ctx, attn_mask_parse(ctx, "causal", &mask));
    attn_args_init(&args);
    args.q.data = args.k.data = args.v.data = x;
    args.o.data = o;
    args.lse.data = lse;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    args.mask = mask;
    run_refused(ctx, &p, &args, ATTN_EUNSUPPORTED, "args.mask is given");
    args.mask = NULL;
    args.accumulate = ATTN_ACCUMULATE_O;
    run_refused(ctx, &p, &args, ATTN_EUNSUPPORTED, "ATTN_ACCUMULATE_O");
    args.accumulate = 0;
    args.q_lens = lens;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    args.kv_lens = others;
    run_refused(ctx, &p, &args, ATTN_ESHAPE, "sequence 1 has 4 rows and 5 keys");
    args.q_lens = args.kv_lens = NULL;
    args.state_o.data = x;
    run_refused(ctx, &p, &args, ATTN_EINVAL, "args.state_lse is NULL");
    args.state_lse.data = x;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    dot.score = ATTN_SCORE_DOT;
    run_refused(ctx, &dot, &args, ATTN_EINVAL, "args.state_o is given, but the plan lacks ATTN_SCORE_LEARNED_QUERY");
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

static int64_t allocations;

static void *allocate(void *user, size_t bytes, size_t alignment) {
    (void)user;
    allocations++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static void thousands_of_executions_allocate_nothing(void **state) {
    (void)state;
    enum { MOST = 1100, WIDE = 2 };
    static float q[WIDE], x[MOST * WIDE], o[MOST * WIDE], lse[MOST], dq[WIDE], dk[MOST * WIDE], dv[MOST * WIDE];
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_problem p = learned_problem();
    attn_args args;
    attn_gradients g;
    attn_plan *plan;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.threads = 2;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    p.heads = 1;
    p.batch = 1;
    p.dim = WIDE;
    p.q_len = MOST;
    p.features = ATTN_BACKWARD;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    attn_args_init(&args);
    attn_gradients_init(&g);
    args.q.data = q;
    args.k.data = args.v.data = g.d_o.data = x;
    args.o.data = o;
    args.lse.data = lse;
    g.dq.data = dq;
    g.dk.data = dk;
    g.dv.data = dv;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    const int64_t before = allocations;
    const int executions = getenv("ATTN_TEST_QUICK") ? 300 : (int)attn_min64(10000, test_share(10000));
    for (int n = 0; n < executions; n++) {
        args.q_len = n % 100 ? n % 40 : n / 100 * 11 % (MOST + 1);
        must(ctx, attn_forward(plan, &args));
        must(ctx, attn_backward(plan, &args, &g));
    }
    assert_int_equal(allocations, before);
    free(args.workspace);
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_weights_give_o_and_end_at_their_own_key),
        cmocka_unit_test(what_a_learned_query_lacks_is_refused_by_name),
        cmocka_unit_test(packed_keys_are_as_many_as_rows),
        cmocka_unit_test(wrong_arguments_are_refused_by_name),
        cmocka_unit_test(thousands_of_executions_allocate_nothing),
    };
    return cmocka_run_group_tests_name("plan: learned query", tests, NULL, NULL);
}
