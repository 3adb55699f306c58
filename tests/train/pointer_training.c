/* Training of pointer networks: stopped and resumed, on any number of threads, in micro-batches, from files. */
#include "support/setting.h"
#include "system/pointer/pointer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char small[] = "points=4-7 hidden=8 batch=8 test_points=5+9 test_examples=8 steps=25 init=1";
/* An epoch ends in the middle of the steps at which runs are stopped, and at one of them. */
#define TRANSFORMER "model=transformer width=8 heads=2 layers=2 baseline_steps=6 baseline_tests=20 "
static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp, &attn_pointer_sort};
enum { TASKS = sizeof tasks / sizeof tasks[0] };

static struct attn_recipe *recipe_of(attn_ctx *ctx, const struct attn_task *task, const char *words) {
    char all[2048];
    snprintf(all, sizeof all, "%s %s", small, words);
    return test_task_recipe(ctx, task, all);
}

/* Trains to `stop_at`, or to the end. */
static void advance(const struct attn_task *task, int threads, const char *words, char folder[TEST_PATH], int64_t stop_at) {
    attn_ctx *ctx = test_context(threads);
    struct attn_recipe *recipe = recipe_of(ctx, task, words);
    struct test_training training = {.task = task, .stop_at = stop_at};
    enum attn_train_end end;
    char text[1024];
    if (test_train(ctx, recipe, test_folder, folder, &training, &end))
        fail_msg("%s %s: %s", task->name, words, attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(end, stop_at > 0 ? ATTN_TRAIN_STOPPED : ATTN_TRAIN_DONE);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

/* 25 steps at once against 7 and 17, and one more. */
static void check_resume(const struct attn_task *task, int threads, const char *words) {
    char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
    advance(task, threads, words, whole, 24);
    advance(task, threads, words, parts, 7);
    advance(task, threads, words, parts, 24);
    test_same_checkpoint(whole, parts);
    advance(task, threads, words, whole, 0);
    advance(task, threads, words, parts, 0);
    test_same_file(whole, parts, ATTN_MODEL_FILE);
    char *a = test_lines(whole), *b = test_lines(parts);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

/* Tours of a set that repeats are kept, and found again behind a resume. */
static void every_task_goes_on_bit_for_bit(void **state) {
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        check_resume(tasks[i], 1, "train_examples=64 micro_batches=2 clip=1");
        check_resume(tasks[i], 1, "train_examples=0 batching=mixed loss=token model=attention test_points=5");
    }
    check_resume(&attn_pointer_tsp, 2, "train_examples=10 exact=5 micro_batches=4");
    check_resume(&attn_pointer_tsp, 2, "train_examples=40 batching=mixed labels=a2 direction=any eval_every=6 wide_beam=2");
    check_resume(&attn_pointer_tsp, 2, TRANSFORMER "micro_batches=2 eval_every=9 wide_beam=3");
    check_resume(&attn_pointer_tsp, 1, TRANSFORMER "baseline=starts train_examples=40 ema=0.9 augment=3");
    check_resume(&attn_pointer_tsp, 2, "train_examples=40 batching=mixed end_slot=false eval_every=6 wide_beam=2");
    check_resume(&attn_pointer_hull, 2, "train_examples=40 model=lstm feed=words start=learned close=false eval_every=9 test_points=5");
}

/* Without a triangle, with one place to go. */
static void one_and_two_points_are_learned_from_too(void **state) {
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        check_resume(tasks[i], 1, "points=1-3 test_points=1+2+3 train_examples=9 batching=mixed constrain=true wide_beam=3");
        check_resume(tasks[i], 1, "points=1-3 test_points=1+2+3 train_examples=0 model=attention feed=words");
    }
    check_resume(&attn_pointer_hull, 1, "points=1-3 test_points=1+2+3 batching=mixed constrain=true end_slot=false wide_beam=3");
    check_resume(&attn_pointer_tsp, 1, "points=1-3 test_points=1+2+3 end_slot=false");
}

static void check_threads(const struct attn_task *task, const char *words) {
    char first[TEST_PATH] = "";
    for (int threads = 1; threads <= 3; threads++) {
        char folder[TEST_PATH] = "";
        advance(task, threads, words, folder, 0);
        if (threads == 1) memcpy(first, folder, sizeof first);
        test_same_file(first, folder, ATTN_MODEL_FILE);
        char *a = test_lines(first), *b = test_lines(folder);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

static void the_model_is_the_same_bytes_on_1_2_and_3_threads(void **state) {
    static const char *const words[] = {"train_examples=64 micro_batches=2", "train_examples=0 batching=mixed start=learned tie_end=true",
                                        "train_examples=16 batching=mixed model=attention test_points=5 constrain=true beam=3"};
    (void)state;
    for (int i = 0; i < TASKS; i++)
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) check_threads(tasks[i], words[w]);
    check_threads(&attn_pointer_tsp, TRANSFORMER);
    check_threads(&attn_pointer_tsp, TRANSFORMER "baseline=starts beam=3");
}

/* ------------------------------------------------------------------------------------------------------ micro-batches */

/* All gradients of a step, added up over its micro-batches; freed by free. */
static double *gradients(struct attn_job *job, int64_t step, int64_t micros, double *loss) {
    attn_tape *tape = attn_model_tape(job->model);
    double *sum = calloc((size_t)attn_model_elements(job->model), sizeof *sum);
    assert_non_null(sum);
    *loss = 0;
    for (int64_t m = 0; m < micros; m++) {
        attn_tape_reset(tape);
        attn_tensor *part = job->task->loss(job, step, m, micros);
        assert_int_equal(attn_tape_backward(part), ATTN_OK);
        *loss += (double)attn_data(part)[0];
        for (int64_t p = 0, at = 0; p < attn_model_count(job->model); p++) {
            attn_tensor *x = attn_model_tensor(job->model, p);
            for (int64_t i = 0; i < attn_count(x); i++) sum[at++] += (double)attn_grad(x)[i];
        }
    }
    return sum;
}

static void check_micros(const struct attn_task *task, const char *words) {
    struct attn_recipe *recipe = recipe_of(test_ctx, task, words);
    struct attn_job job;
    assert_int_equal(attn_job_open(test_ctx, task, recipe, NULL, 0, NULL, &job), ATTN_OK);
    for (int64_t step = 0; step < 6; step++)
        for (int64_t micros = 2; micros <= 8; micros *= 2) {
            double loss[2], most = 0, error = 0;
            double *one = gradients(&job, step, 1, &loss[0]), *many = gradients(&job, step, micros, &loss[1]);
            for (int64_t i = 0; i < attn_model_elements(job.model); i++) {
                most = fmax(most, fabs(one[i]));
                error = fmax(error, fabs(one[i] - many[i]));
            }
            free(one);
            free(many);
            if (!(fabs(loss[1] - loss[0]) <= 1e-5 * loss[0] && error <= 1e-5 * most))
                fail_msg("%s %s, step %d in %d: loss %.9g, at once %.9g; gradients up to %g differ by %g", task->name, words, (int)step,
                         (int)micros, loss[1], loss[0], most, error);
        }
    attn_job_close(&job);
    attn_free(test_ctx, recipe);
}

static void micro_batches_have_the_losses_and_gradients_of_the_whole_batch(void **state) {
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        check_micros(tasks[i], "train_examples=64");
        check_micros(tasks[i], "train_examples=0 batching=mixed");
        check_micros(tasks[i], "train_examples=16 model=attention feed=words");
        check_micros(tasks[i], "train_examples=0 batching=mixed model=lstm");
    }
    check_micros(&attn_pointer_hull, "train_examples=64 end_slot=false");
    check_micros(&attn_pointer_tsp, "loss=token"); /* as many tokens in each */
    check_micros(&attn_pointer_tsp, TRANSFORMER);
    check_micros(&attn_pointer_tsp, TRANSFORMER "baseline=starts");
    check_micros(&attn_pointer_tsp, "model=transformer width=8 heads=2 layers=2 baseline_steps=2 baseline_tests=20");
}

/* ---------------------------------------------------------------------------------------------------- without an end */

/* Plain gradient descent on the first batch. */
static void without_an_end_slot_training_lowers_the_loss_of_hulls(void **state) {
    struct attn_recipe *recipe = recipe_of(test_ctx, &attn_pointer_hull, "end_slot=false train_examples=8");
    struct attn_job job;
    double first = 0, loss = 0;
    (void)state;
    assert_int_equal(attn_job_open(test_ctx, &attn_pointer_hull, recipe, NULL, 0, NULL, &job), ATTN_OK);
    for (int step = 0; step < 300; step++) {
        double *gradient = gradients(&job, 0, 1, &loss);
        if (step == 0) first = loss;
        for (int64_t p = 0, at = 0; p < attn_model_count(job.model); p++) {
            attn_tensor *x = attn_model_tensor(job.model, p);
            for (int64_t j = 0; j < attn_count(x); j++) attn_data(x)[j] -= (attn_real)(0.1 * gradient[at++]);
        }
        free(gradient);
    }
    if (!(loss < first / 2)) fail_msg("a loss of %g behind 300 steps, %g before", loss, first);
    attn_job_close(&job);
    attn_free(test_ctx, recipe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_task_goes_on_bit_for_bit, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(one_and_two_points_are_learned_from_too, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(the_model_is_the_same_bytes_on_1_2_and_3_threads, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(micro_batches_have_the_losses_and_gradients_of_the_whole_batch, test_setting_open,
                                        test_setting_close),
        cmocka_unit_test_setup_teardown(without_an_end_slot_training_lowers_the_loss_of_hulls, test_setting_open, test_setting_close),
    };
    return cmocka_run_group_tests_name("pointer: training", tests, NULL, NULL);
}
