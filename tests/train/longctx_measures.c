/* longctx: materialised scores are what the definition says, and the tasks' figures are those of what was timed. */
#include "base/random.h"
#include "support/failing_memory.h"
#include "support/training.h"
#include "system/longctx/longctx.h"
#include "system/longctx/turns.h"
#include "train/try.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Against the plain loops: forward and backward, shared key heads, rows that see nothing. */
static void materialised_scores_give_what_plain_loops_give(void **state) {
    static const char *const masks[] = {"full", "causal", "sliding_window_causal:3", "document:20,5,12 & causal",
                                        "causal & ! sliding_window:4,4"};
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        for (int backward = 0; backward < 2; backward++) {
            struct attn_timed plain, dense;
            struct attn_timed_spec spec = {
                .kernel = "naive", .mask = masks[i], .heads = 6, .kv_heads = 2, .dim = 7, .tokens = 37, .seed = i + 1};
            char text[512];
            spec.backward = backward;
            if (attn_timed_open(ctx, &spec, &plain)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
            spec.kernel = "materialised";
            if (attn_timed_open(ctx, &spec, &dense)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
            const attn_real *const arrays[][2] = {
                {plain.o, dense.o}, {plain.lse, dense.lse}, {plain.dq, dense.dq}, {plain.dk, dense.dk}, {plain.dv, dense.dv}};
            const int counts[] = {6 * 37 * 7, 6 * 37, 6 * 37 * 7, 2 * 37 * 7, 2 * 37 * 7};
            for (int a = 0; a < (backward ? 5 : 2); a++)
                for (int n = 0; n < counts[a]; n++) {
                    const double x = (double)arrays[a][0][n], y = (double)arrays[a][1][n];
                    if (!(x == y || fabs(x - y) <= 2e-5)) fail_msg("mask %s, array %d, number %d: %g and %g", masks[i], a, n, x, y);
                }
            assert_true(plain.flops == dense.flops);
            assert_int_equal(attn_timed_compare(ctx, &plain, &dense), ATTN_OK);
            ((attn_real *)(backward ? dense.dq : dense.o))[5] += 1;
            assert_int_equal(attn_timed_compare(ctx, &plain, &dense), ATTN_EINVAL);
            attn_timed_close(&plain);
            attn_timed_close(&dense);
        }
    attn_ctx_destroy(ctx);
}

static void all_scores_of_a_head_are_held_at_once(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_timed t;
    const struct attn_timed_spec spec = {.kernel = "materialised", .mask = "causal", .heads = 2, .kv_heads = 1, .dim = 8, .tokens = 256};
    (void)state;
    assert_int_equal(attn_timed_open(ctx, &spec, &t), ATTN_OK);
    assert_true(attn_timed_bytes(&t) >= 256 * 256 * (sizeof(attn_real) + 1));
    assert_true(t.flops == 4.0 * (256 * 257 / 2) * 2 * 8); /* useful ones */
    attn_timed_close(&t);
    attn_ctx_destroy(ctx);
}

static void medians_are_of_rounds_and_ratios_of_the_same_round(void **state) {
    static struct attn_turns turns = {.count = 2, .rounds = 4};
    static const double seconds[4][2] = {{1, 2}, {10, 20}, {2, 6}, {4, 12}};
    (void)state;
    for (int r = 0; r < 4; r++) memcpy(turns.seconds[r], seconds[r], sizeof seconds[r]);
    turns.subject[0].flops = 6e9;
    assert_true(attn_turns_seconds(&turns, 0) == 3);
    assert_true(attn_turns_seconds(&turns, 1) == 9);
    assert_true(attn_turns_ratio(&turns, 1, 0) == 2.5);
    assert_true(attn_turns_gflops(&turns, 0) == 2);
}

static bool always(void *user) {
    (void)user;
    return true;
}

static void figures_are_of_every_length_and_mask(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_figures f;
    (void)state;
    assert_int_equal(
        attn_job_try(ctx, &attn_longctx_lengths, (const char *const[]){"from=8", "to=33", "rounds=1", "peer=materialised", NULL}, 0, &f),
        ATTN_OK);
    const double rate[] = {attn_figures_get(&f, "gflops_8"), attn_figures_get(&f, "gflops_16"), attn_figures_get(&f, "gflops_32")};
    assert_true(attn_figures_get(&f, "gflops") == rate[2]);
    assert_true(fabs(attn_figures_get(&f, "rise") / (rate[2] / rate[0]) - 1) < 1e-12);
    assert_true(fabs(attn_figures_get(&f, "least_gain") / fmin(rate[1] / rate[0], rate[2] / rate[1]) - 1) < 1e-12);
    assert_true(attn_figures_get(&f, "larger_8") > 0);
    assert_true(isnan(attn_figures_get(&f, "gflops_64")));
    assert_int_equal(
        attn_job_try(ctx, &attn_longctx_masks, (const char *const[]){"tokens=1024", "rounds=1", "heads=1", "dim=16", NULL}, 0, &f),
        ATTN_OK);
    assert_true(attn_figures_get(&f, "area_causal") > 0.5 && attn_figures_get(&f, "area_causal") < 0.501);
    assert_true(attn_figures_get(&f, "least_share") <= attn_figures_get(&f, "mean_share"));
    assert_true(isnan(attn_figures_get(&f, "mean_dense")));
    attn_ctx_destroy(ctx);
}

static void mistakes_are_told(void **state) {
    static const struct {
        const char *words[4], *sentence;
    } cases[] = {
        {{"from=64", "to=32"}, "longctx/lengths: found from=64 and to=32, 0 lengths, expected 1 to 16"},
        {{"from=1", "to=65536"}, "longctx/lengths: found from=1 and to=65536, 17 lengths, expected 1 to 16"},
        {{"kernel=materialised", "dtype=bf16", "to=16"},
         "kernel materialised: found dtype=bf16, expected f32: a BLAS multiplies no bfloat16"},
    };
    attn_ctx *ctx = test_context(1);
    struct attn_figures f;
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(attn_job_try(ctx, &attn_longctx_lengths, cases[i].words, 0, &f) != ATTN_OK);
        assert_string_equal(attn_ctx_error(ctx, text, sizeof text), cases[i].sentence);
    }
    assert_int_equal(attn_job_try(ctx, &attn_longctx_lengths, (const char *const[]){"kernel=flask", "to=16", NULL}, 0, &f), ATTN_EINVAL);
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_longctx_lengths, "to=16");
    struct attn_halt halt = {.asked = always};
    f.count = 0;
    assert_int_equal(attn_longctx_lengths.measure(ctx, recipe, &halt, &f), ATTN_OK);
    assert_true(halt.heard && f.count == 0);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

static attn_status measure_small(attn_ctx *ctx) {
    struct attn_figures f;
    return attn_job_try(ctx, &attn_longctx_lengths, (const char *const[]){"to=32", "rounds=1", "peer=materialised", NULL}, 0, &f);
}

static void measuring_survives_memory_that_is_refused(void **state) {
    (void)state;
    test_survives(measure_small, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(materialised_scores_give_what_plain_loops_give),
        cmocka_unit_test(all_scores_of_a_head_are_held_at_once),
        cmocka_unit_test(medians_are_of_rounds_and_ratios_of_the_same_round),
        cmocka_unit_test(figures_are_of_every_length_and_mask),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(measuring_survives_memory_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
