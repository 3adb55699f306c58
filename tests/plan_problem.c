/* Plans from problems: every wrong field is refused with a sentence that names it, defaults are filled in, the choice of kernel. */
#include "base/clock.h"
#include "plan/plan.h"
#include "support/fixture.h"
#include "support/problem.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[4096];

static attn_problem good(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 8;
    p.kv_heads = 2;
    p.dim = 64;
    p.q_len = 128;
    return p;
}

static void refused(const attn_problem *p, attn_status status, const char *part) {
    attn_plan *plan = (attn_plan *)&text;
    const attn_status got = attn_plan_create(test_ctx, p, &plan);
    attn_ctx_error(test_ctx, text, sizeof(text));
    if (got != status || !strstr(text, part))
        fail_msg("%s, \"%s\"; expected %s with \"%s\"", attn_status_name(got), text, attn_status_name(status), part);
    assert_null(plan);
}

static void choices_outside_their_enums_are_refused(void **state) {
    (void)state;
    attn_problem p = good();
    p.dtype = (attn_dtype)9;
    refused(&p, ATTN_EINVAL, "problem.dtype is 9");
    p.dtype = ATTN_DTYPE_SAME;
    refused(&p, ATTN_EINVAL, "problem.dtype is -1");
    p = good();
    p.o_dtype = (attn_dtype)9;
    refused(&p, ATTN_EINVAL, "problem.o_dtype is 9, expected a data type, or ATTN_DTYPE_SAME");
    p = good();
    p.grad_dtype = (attn_dtype)-2;
    refused(&p, ATTN_EINVAL, "problem.grad_dtype is -2");
    p = good();
    p.layout = (attn_layout)3;
    refused(&p, ATTN_EINVAL, "problem.layout is 3");
    p = good();
    p.score = (attn_score)7;
    refused(&p, ATTN_EINVAL, "problem.score is 7");
    p = good();
    p.weighting = (attn_weighting)-1;
    refused(&p, ATTN_EINVAL, "problem.weighting is -1");
    p = good();
    p.effort = (attn_effort)3;
    refused(&p, ATTN_EINVAL, "problem.effort is 3");
    p = good();
    p.alibi_align = (attn_align)2;
    refused(&p, ATTN_EINVAL, "problem.alibi_align is 2");
    p = good();
    p.features = 1u << 20;
    refused(&p, ATTN_EINVAL, "problem.features");
    p = good();
    p.bias_broadcast = 16;
    refused(&p, ATTN_EINVAL, "problem.bias_broadcast");
    p = good();
    p.kernel = "flush";
    refused(&p, ATTN_EINVAL, "problem.kernel is \"flush\", expected one of:");
    p.kernel = "naive/portabl";
    refused(&p, ATTN_EINVAL, "problem.kernel is \"naive/portabl\", expected one of:");
}

static void what_is_not_built_is_refused_by_name_with_the_nearest_case(void **state) {
    (void)state;
    attn_problem p = good();
    p.o_dtype = ATTN_F16;
    refused(&p, ATTN_EUNSUPPORTED, "problem.o_dtype is f16 with dtype f32; expected the same, or f32 with bf16 or f16");
    p.dtype = ATTN_BF16;
    refused(&p, ATTN_EUNSUPPORTED, "problem.o_dtype is f16 with dtype bf16");
    p = good();
    p.dtype = ATTN_F64;
    p.grad_dtype = ATTN_F32;
    refused(&p, ATTN_EUNSUPPORTED, "problem.grad_dtype is f32 with dtype f64");
    p = good();
    p.score = ATTN_SCORE_ADDITIVE;
    p.features = ATTN_ALIBI;
    refused(&p, ATTN_EUNSUPPORTED,
            "problem.features has ATTN_ALIBI, which ATTN_SCORE_ADDITIVE has no kernel for; it has ATTN_BACKWARD alone");
    p.features = 0;
    p.softcap = 2;
    refused(&p, ATTN_EUNSUPPORTED, "problem.softcap is 2, which ATTN_SCORE_ADDITIVE has no kernel for");
    p.softcap = (double)INFINITY;
    p = good();
    p.weighting = ATTN_SIGMOID;
    refused(&p, ATTN_EUNSUPPORTED, "ATTN_SIGMOID has no kernel yet; the nearest that has is ATTN_SOFTMAX");
    p.weighting = ATTN_RAW;
    refused(&p, ATTN_EUNSUPPORTED, "ATTN_RAW");
}

static void wrong_numbers_are_refused(void **state) {
    (void)state;
    attn_problem p = good();
    p.heads = 0;
    refused(&p, ATTN_EINVAL, "problem.heads is 0");
    p = good();
    p.kv_heads = 0;
    refused(&p, ATTN_EINVAL, "problem.kv_heads is 0");
    p.kv_heads = 3;
    refused(&p, ATTN_ESHAPE, "problem.kv_heads is 3, expected a divisor of problem.heads, 8");
    p = good();
    p.dim = -4;
    refused(&p, ATTN_EINVAL, "problem.dim is -4");
    p = good();
    p.v_dim = 0;
    refused(&p, ATTN_EINVAL, "problem.v_dim is 0");
    p = good();
    p.threads = -1;
    refused(&p, ATTN_EINVAL, "problem.threads is -1");
    p = good();
    p.scale = (double)INFINITY;
    refused(&p, ATTN_EINVAL, "problem.scale is inf");
    p = good();
    for (int i = 0; i < 4; i++) {
        static const double wrong[] = {1e-46, 2.5e38, 1e39, DBL_MAX};
        p.softcap = wrong[i];
        refused(&p, ATTN_EINVAL, "expected a number from 1.18e-38 to 2.36e+38, or INFINITY");
    }
    p.softcap = (double)INFINITY;
    p.scale = -3e38;
    refused(&p, ATTN_EINVAL, "problem.scale is -3e+38, expected a number from -2.36e+38 to 2.36e+38, or NaN");
    p.scale = (double)NAN;
    p.softcap = 0.0;
    refused(&p, ATTN_EINVAL, "problem.softcap is 0");
    p.softcap = (double)NAN;
    refused(&p, ATTN_EINVAL, "problem.softcap is");
    p = good();
    p.features = ATTN_DROPOUT;
    p.dropout = 1.0;
    refused(&p, ATTN_EINVAL, "problem.dropout is 1");
    p.dropout = (double)NAN;
    refused(&p, ATTN_EINVAL, "problem.dropout is");
    p.features = 0;
    p.dropout = 0.1;
    refused(&p, ATTN_EINVAL, "lacks ATTN_DROPOUT");
    p = good();
    p = good();
    p.measure_seconds = 0.0;
    refused(&p, ATTN_EINVAL, "problem.measure_seconds is 0, expected seconds greater than 0");
    p.measure_seconds = (double)NAN;
    refused(&p, ATTN_EINVAL, "problem.measure_seconds is");
    p = good();
    p.features = ATTN_BIAS_GRAD | ATTN_BACKWARD;
    refused(&p, ATTN_EINVAL, "ATTN_BIAS_GRAD without ATTN_BIAS;");
    p.features = ATTN_BIAS_GRAD | ATTN_BIAS;
    refused(&p, ATTN_EINVAL, "ATTN_BIAS_GRAD without ATTN_BACKWARD;");
}

static void wrong_capacities_are_refused(void **state) {
    (void)state;
    attn_problem p = good();
    p.batch = -1;
    refused(&p, ATTN_EINVAL, "problem.batch is -1");
    p = good();
    p.q_len = -1;
    refused(&p, ATTN_EINVAL, "problem.q_len is -1");
    p.q_len = (int64_t)1 << 40;
    refused(&p, ATTN_ESHAPE, "problem.q_len is 1099511627776");
    p = good();
    p.kv_len = -2;
    refused(&p, ATTN_EINVAL, "problem.kv_len is -2");
    p = good();
    p.layout = ATTN_THD;
    p.q_tokens = -2;
    refused(&p, ATTN_EINVAL, "problem.q_tokens is -2");
    p.q_tokens = -1;
    p.kv_tokens = (int64_t)INT32_MAX + 1;
    refused(&p, ATTN_ESHAPE, "problem.kv_tokens");
    p = good();
    p.batch = p.q_len = INT32_MAX;
    refused(&p, ATTN_ESHAPE, "does not fit memory's addresses");
    p.q_len = 0; /* sums of each sequence and head are kept even where there is no query */
    p.heads = p.kv_heads = INT32_MAX;
    refused(&p, ATTN_ESHAPE, "does not fit memory's addresses");
    p = good();
    p.features = ATTN_BIAS;
    p.batch = 1 << 20;
    p.q_len = 1 << 20;
    p.kv_len = 1 << 20;
    p.dim = 1;
    refused(&p, ATTN_ESHAPE, "a bias of batch");
}

static void missing_structs_are_refused(void **state) {
    (void)state;
    attn_problem p = good();
    attn_plan *plan;
    refused(NULL, ATTN_EINVAL, "problem is NULL");
    p.size = 8;
    refused(&p, ATTN_EINVAL, "problem.size is 8");
    p = good();
    assert_int_equal(attn_plan_create(test_ctx, &p, NULL), ATTN_EINVAL);
    assert_int_equal(attn_plan_create(NULL, &p, &plan), ATTN_EINVAL);
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    attn_problem p;
    attn_plan *plan;
    attn_problem_init(&p);
    p.heads = 6;
    p.dim = 16;
    p.q_len = 10;
    p.batch = 3;
    assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
    assert_int_equal(plan->shape.kv_heads, 6);
    assert_int_equal(plan->shape.v_dim, 16);
    assert_int_equal(plan->shape.kv_len, 10);
    assert_int_equal(plan->shape.q_tokens, 30);
    assert_int_equal(plan->shape.threads, attn_ctx_threads(test_ctx));
    assert_true(plan->shape.scale == 0.25 && isinf(plan->shape.softcap));
    attn_plan_destroy(plan);
}

static void the_kernel_is_chosen_by_type_and_by_name(void **state) {
    (void)state;
    attn_problem p = good();
    attn_plan *plan;
    p.dtype = ATTN_F64;
    assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
    assert_string_equal(attn_plan_kernel(plan), "naive");
    assert_string_equal(attn_plan_isa(plan), "portable");
    attn_plan_destroy(plan);
    p.dtype = ATTN_F32;
    for (int n = 0; n < attn_kernel_count; n++) {
        const struct attn_kernel *k = attn_kernels[n];
        p.kernel = k->name;
        p.dtype = k->dtype;
        p.score = k->score;
        assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
        assert_string_equal(attn_plan_kernel(plan), k->name);
        attn_plan_destroy(plan);
        snprintf(text, sizeof(text), "%s/%s", k->name, k->isa);
        p.kernel = text;
        assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
        assert_ptr_equal(plan->kernel, k);
        attn_plan_destroy(plan);
    }
    p.score = ATTN_SCORE_DOT;
    for (int n = 0; n < attn_kernel_count; n++)
        if (strcmp(attn_kernels[n]->name, "naive") != 0) {
            p.kernel = attn_kernels[n]->name;
            p.dtype = ATTN_F64;
            refused(&p, ATTN_EUNSUPPORTED, "has no form for f64");
            return;
        }
}

static void a_plan_prints_itself_into_any_buffer(void **state) {
    (void)state;
    attn_problem p = good();
    attn_plan *plan;
    p.features = ATTN_BACKWARD | ATTN_ALIBI;
    p.softcap = 30.0;
    assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
    const size_t needed = attn_plan_text(plan, text, sizeof(text));
    assert_int_equal(needed, strlen(text));
    assert_non_null(strstr(text, "8 heads on 2 key/value heads"));
    assert_non_null(strstr(text, "backward, ALiBi, soft-cap 30"));
    assert_non_null(strstr(text, attn_plan_kernel(plan)));
    char cut[8] = "unused!";
    assert_int_equal(attn_plan_text(plan, cut, 5), needed);
    assert_string_equal(cut, "prob");
    assert_int_equal(attn_plan_text(plan, NULL, 0), needed);
    attn_plan_destroy(plan);
    attn_plan_destroy(NULL);
    const size_t table = attn_support_text(test_ctx, text, sizeof(text));
    assert_int_equal(table, strlen(text));
    assert_non_null(strstr(text, "naive              portable   f64    learned-query  yes"));
    assert_int_equal(attn_support_text(test_ctx, NULL, 0), table);
}

static void a_small_plan_takes_under_10_us(void **state) {
    (void)state;
    attn_problem p = good();
    double best = 1.0;
    for (int n = 0; n < 200; n++) {
        attn_plan *plan;
        const double start = attn_clock();
        assert_int_equal(attn_plan_create(test_ctx, &p, &plan), ATTN_OK);
        const double seconds = attn_clock() - start;
        best = seconds < best ? seconds : best;
        attn_plan_destroy(plan);
    }
    assert_true(best < 10e-6 || !test_times_count());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_outside_their_enums_are_refused),
        cmocka_unit_test(what_is_not_built_is_refused_by_name_with_the_nearest_case),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(wrong_capacities_are_refused),
        cmocka_unit_test(missing_structs_are_refused),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(the_kernel_is_chosen_by_type_and_by_name),
        cmocka_unit_test(a_plan_prints_itself_into_any_buffer),
        cmocka_unit_test(a_small_plan_takes_under_10_us),
    };
    return cmocka_run_group_tests_name("plan: problems", tests, test_open_context, test_close_context);
}
