/* What claims and tables compare tours with: lengths of other methods' tours of the same cities. */
#include "support/setting.h"
#include "metric/tour.h"
#include "system/pointer/pointer.h"
#include "system/pointer/task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL "points=4-7 hidden=8 init=1 test_points=5+9+51 test_examples=8 "

/* Of an untrained model's evaluation, and the references behind them. */
static struct attn_figures figures_of(int threads, const char *words) {
    attn_ctx *ctx = test_context(threads);
    struct attn_figures out = {.count = 0};
    struct test_job job;
    char all[256];
    snprintf(all, sizeof all, SMALL "%s", words);
    test_job_open(&job, ctx, &attn_pointer_tsp, all);
    assert_int_equal(attn_pointer_tsp.evaluate(&job.job, NULL, &out), ATTN_OK);
    assert_int_equal(attn_pointer_tsp.references(ctx, job.recipe, &out), ATTN_OK);
    test_job_close(&job);
    attn_ctx_destroy(ctx);
    return out;
}

static double figure(const struct attn_figures *figures, const char *name, int n) {
    char text[32];
    snprintf(text, sizeof text, "%s_%d", name, n);
    return attn_figures_get(figures, text);
}

/* Sums of 8 lengths in the same order, each to the last bits. */
static void lengths_are_those_of_the_labels_that_a_model_would_learn(void **state) {
    static const char *const names[] = {"a1", "a2", "a3"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        char words[32];
        snprintf(words, sizeof words, "labels=%s", names[i]);
        const struct attn_figures f = figures_of(1, words);
        for (int n = 5; n <= 9; n += 4) {
            const double label = figure(&f, "label_length", n);
            assert_true(fabs(figure(&f, names[i], n) - label) <= 1e-12 * label);
        }
    }
}

/* Of the examples of a test, found anew. */
static double shortest(const char *words, int n) {
    attn_ctx *ctx = test_context(1);
    struct test_job job;
    double sum = 0, xy[2 * 9];
    int32_t tour[9];
    char all[256];
    snprintf(all, sizeof all, SMALL "%s", words);
    test_job_open(&job, ctx, &attn_pointer_tsp, all);
    const struct attn_pointer_task *s = job.job.self;
    void *scratch = malloc(attn_pointer_scratch(&s->problem, n));
    assert_non_null(scratch);
    for (int64_t i = 0; i < s->test_examples; i++) {
        attn_pointer_draw(&s->problem, n, ATTN_POINTER_TEST_SEEDS + s->source.seed, (uint64_t)i, xy);
        attn_pointer_solve(&s->problem, xy, n, tour, scratch, NULL);
        sum += attn_tour_length(xy, tour, n);
    }
    const double mean = sum / (double)s->test_examples;
    free(scratch);
    test_job_close(&job);
    attn_ctx_destroy(ctx);
    return mean;
}

static void none_is_shorter_than_the_shortest_and_the_nearest_neighbours_are_the_longest(void **state) {
    (void)state;
    const struct attn_figures f = figures_of(1, "seed=3");
    for (int n = 5; n <= 9; n += 4) {
        const double best = figure(&f, "optimal", n), nearest = figure(&f, "nearest", n);
        assert_true(fabs(best - shortest("seed=3", n)) <= 1e-12 * best);
        for (int m = 1; m <= 3; m++) {
            char name[16];
            snprintf(name, sizeof name, "a%d", m);
            assert_true(figure(&f, name, n) >= best * (1 - 1e-12) && figure(&f, name, n) <= nearest);
        }
    }
}

static void above_50_cities_and_of_answers_that_are_no_tours_there_are_none(void **state) {
    (void)state;
    const struct attn_figures all = figures_of(1, "seed=3"), free = figures_of(1, "constrain=false");
    assert_true(figure(&all, "length", 51) > 0);
    assert_true(isnan(figure(&all, "nearest", 51)) && isnan(figure(&all, "a1", 51)) && isnan(figure(&all, "optimal", 51)));
    assert_true(figure(&free, "valid", 9) < 1);
    assert_true(isnan(figure(&free, "optimal", 9)) && figure(&free, "a1", 9) > 0);
}

static void what_a_run_has_told_itself_stays(void **state) {
    struct attn_figures f = {.count = 0};
    struct test_job job;
    (void)state;
    attn_ctx *ctx = test_context(1);
    test_job_open(&job, ctx, &attn_pointer_tsp, SMALL "seed=3");
    attn_figures_add(&f, "nearest_5", 7);
    assert_int_equal(attn_pointer_tsp.references(ctx, job.recipe, &f), ATTN_OK);
    assert_true(figure(&f, "nearest", 5) == 7 && isnan(figure(&f, "a1", 5)) && figure(&f, "a1", 9) > 0);
    test_job_close(&job);
    attn_ctx_destroy(ctx);
}

static void they_are_the_same_on_1_and_on_3_threads(void **state) {
    (void)state;
    const struct attn_figures one = figures_of(1, "seed=2"), three = figures_of(3, "seed=2");
    assert_int_equal(one.count, three.count);
    for (int i = 0; i < one.count; i++) {
        assert_string_equal(one.at[i].name, three.at[i].name);
        assert_memory_equal(&one.at[i].value, &three.at[i].value, sizeof one.at[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_those_of_the_labels_that_a_model_would_learn),
        cmocka_unit_test(none_is_shorter_than_the_shortest_and_the_nearest_neighbours_are_the_longest),
        cmocka_unit_test(above_50_cities_and_of_answers_that_are_no_tours_there_are_none),
        cmocka_unit_test(what_a_run_has_told_itself_stays),
        cmocka_unit_test(they_are_the_same_on_1_and_on_3_threads),
    };
    return cmocka_run_group_tests_name("pointer: references", tests, NULL, NULL);
}
