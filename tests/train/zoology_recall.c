/* The tasks zoology/mqar, zoology/ar_single and zoology/stacked: what they refuse, questions in words, and what an evaluation of a mixture says. */
#include "support/setting.h"
#include "system/zoology/zoology.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the untrained model of these words answers to a line; freed by free. */
static char *answer(const char *words, const char *line) {
    char error[1024];
    attn_status status;
    char *text = test_job_answer(NULL, words, &(struct attn_predict_options){.tokens = 1}, line, &status);
    if (status) fail_msg("%s: %s", line, attn_ctx_error(test_ctx, error, sizeof error));
    return text;
}

static void a_line_may_ask_more_than_a_batch_of_examples_does(void **state) {
    enum { QUESTIONS = 200 };
    char line[2 * QUESTIONS + 16] = "a x ?";
    (void)state;
    for (int i = 0; i < QUESTIONS; i++) strcat(line, " a");
    char *small = answer("vocabulary=512 length=410 pairs=1 batch=1", line),
         *large = answer("vocabulary=512 length=410 pairs=1 batch=256", line);
    int words = 0;
    for (const char *at = small; *at; at++) words += *at == ' ' || *at == '\n';
    assert_true(words >= QUESTIONS);
    assert_string_equal(small, large);
    free(small);
    free(large);
}

static void a_mixture_of_more_examples_than_can_be_counted_is_refused(void **state) {
    static const char *const mixtures[] = {"16:2:1152921504606846976", "16:2:9223372036854775807", "16:2:9+16:2:99999999999999999999",
                                           "16:2:0", "16:2:-1"};
    (void)state;
    for (size_t i = 0; i < sizeof mixtures / sizeof mixtures[0]; i++) {
        char words[128], error[1024];
        struct attn_job job;
        snprintf(words, sizeof words, "batch=1 mixture=%s", mixtures[i]);
        struct attn_recipe *recipe = test_recipe(test_ctx, words);
        assert_int_equal(attn_job_open(test_ctx, &attn_zoology_mqar, recipe, NULL, 0, NULL, &job), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "expected LENGTH:PAIRS:EXAMPLES"));
        attn_job_close(&job);
        attn_free(test_ctx, recipe);
    }
}

/* In bytes of a batch of 512 examples and of what draws one the second length is a few thousand, modulo 2^64. */
static void a_mixture_of_longer_examples_than_a_recipe_may_have_is_refused(void **state) {
    static const char *const mixtures[] = {"mixture=1000001:4:100", "mixture=2305843009213693961:4:100",
                                           "test_mixture=9:4:100+1000001:4:100"};
    (void)state;
    for (size_t i = 0; i < sizeof mixtures / sizeof mixtures[0]; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        char error[1024];
        assert_int_equal(attn_task_recipe(test_ctx, &attn_zoology_ar_single, &recipe), ATTN_OK);
        assert_int_equal(attn_recipe_set(recipe, "mixer=baseconv"), ATTN_OK);
        assert_int_equal(attn_recipe_set(recipe, mixtures[i]), ATTN_OK);
        assert_int_equal(attn_job_open(test_ctx, &attn_zoology_ar_single, recipe, NULL, 0, NULL, &job), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "of at most 1000000 tokens"));
        attn_job_close(&job);
        attn_free(test_ctx, recipe);
    }
}

static void every_example_of_a_mixture_counts_alike(void **state) {
    static const struct attn_train_options options = {.system = NULL};
    struct attn_recipe *recipe =
        test_recipe(test_ctx, "steps=60 train_examples=0 mixture=16:2:640+28:6:640 test_mixture=16:2:300+28:6:100");
    struct attn_job job;
    struct attn_figures figures;
    enum attn_train_end end;
    (void)state;
    assert_int_equal(attn_job_open(test_ctx, &attn_zoology_mqar, recipe, NULL, 0, NULL, &job), ATTN_OK);
    assert_int_equal(attn_train(&job, NULL, false, &options, &end, &figures), ATTN_OK);
    const double few = attn_figures_get(&figures, "accuracy_16_2"), many = attn_figures_get(&figures, "accuracy_28_6");
    assert_true(few != many);
    assert_true(fabs(attn_figures_get(&figures, "accuracy") - (0.75 * few + 0.25 * many)) < 1e-15);
    attn_job_close(&job);
    attn_free(test_ctx, recipe);
}

/* An untrained model of zoology/ar_single asked by a line; *answer freed by free. */
static attn_status ask_single(const char *line, char **answer) {
    struct attn_recipe *recipe;
    struct attn_job job;
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)line, strlen(line), "r"), *out = open_memstream(answer, &bytes);
    assert_true(in && out);
    assert_int_equal(attn_task_recipe(test_ctx, &attn_zoology_ar_single, &recipe), ATTN_OK);
    assert_int_equal(attn_job_open(test_ctx, &attn_zoology_ar_single, recipe, NULL, 0, NULL, &job), ATTN_OK);
    attn_tape_record(attn_model_tape(job.model), false);
    const attn_status status = attn_zoology_ar_single.predict(&job, &(struct attn_predict_options){.tokens = 1}, in, out);
    attn_job_close(&job);
    attn_free(test_ctx, recipe);
    fclose(in);
    fclose(out);
    return status;
}

static void single_recall_answers_one_question_and_refuses_two(void **state) {
    char *text, error[1024];
    (void)state;
    assert_int_equal(ask_single("apple red grass green ? grass\n", &text), ATTN_OK);
    assert_true(strcmp(text, "red\n") == 0 || strcmp(text, "green\n") == 0 || strcmp(text, "(none of these)\n") == 0);
    free(text);
    assert_int_equal(ask_single("a x ? a\napple red grass green ? grass apple\n", &text), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), "line 2: found 2 words after '?', expected 1 to 1 keys"));
    free(text);
}

static void single_recall_is_learned_by_attention_behind_a_convolution(void **state) {
    static const char *const words[] = {
        "mixer=baseconv:kernel=3+attention", "steps=250", "width=32", "batch=256", "test_examples=500", "positions=no", "lr=0.01"};
    static const struct attn_train_options options = {.system = NULL};
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_figures figures;
    enum attn_train_end end;
    (void)state;
    assert_int_equal(attn_task_recipe(test_ctx, &attn_zoology_ar_single, &recipe), ATTN_OK);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) assert_int_equal(attn_recipe_set(recipe, words[i]), ATTN_OK);
    assert_int_equal(attn_job_open(test_ctx, &attn_zoology_ar_single, recipe, NULL, 0, NULL, &job), ATTN_OK);
    assert_int_equal(attn_train(&job, NULL, false, &options, &end, &figures), ATTN_OK);
    if (!(attn_figures_get(&figures, "accuracy") > 0.9)) fail_msg("accuracy %g", attn_figures_get(&figures, "accuracy"));
    attn_job_close(&job);
    attn_free(test_ctx, recipe);
}

/* Sums of at most 16 floats, each within a unit in its last place. */
static void losses_of_micro_batches_add_up_to_that_of_the_batch(void **state) {
    static const struct attn_task *const tasks[] = {&attn_zoology_mqar, &attn_zoology_ar_single, &attn_zoology_stacked};
    (void)state;
    for (size_t n = 0; n < sizeof tasks / sizeof tasks[0]; n++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        double whole = 0;
        assert_int_equal(attn_task_recipe(test_ctx, tasks[n], &recipe), ATTN_OK);
        assert_int_equal(attn_recipe_set(recipe, "batch=16"), ATTN_OK);
        assert_int_equal(attn_job_open(test_ctx, tasks[n], recipe, NULL, 0, NULL, &job), ATTN_OK);
        for (int64_t micros = 1; micros <= 16; micros *= 4) {
            double sum = 0;
            for (int64_t m = 0; m < micros; m++) {
                attn_tape_reset(attn_model_tape(job.model));
                attn_tensor *loss = tasks[n]->loss(&job, 3, m, micros);
                assert_non_null(loss);
                sum += (double)attn_data(loss)[0];
            }
            if (micros == 1) whole = sum;
            if (!(fabs(sum - whole) <= 16 * 1.2e-7 * whole)) fail_msg("%s: %.9g of %d, %.9g", tasks[n]->name, sum, (int)micros, whole);
        }
        attn_job_close(&job);
        attn_free(test_ctx, recipe);
    }
}

static void positions_of_stacked_recall_are_refused_as_it_has_none(void **state) {
    static const char *const words[] = {"positions=yes", "positions=auto"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        char error[1024];
        assert_int_equal(attn_task_recipe(test_ctx, &attn_zoology_stacked, &recipe), ATTN_OK);
        assert_int_equal(attn_recipe_set(recipe, words[i]), ATTN_OK);
        assert_int_equal(attn_job_open(test_ctx, &attn_zoology_stacked, recipe, NULL, 0, NULL, &job), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(test_ctx, error, sizeof error), words[i]));
        attn_job_close(&job);
        attn_free(test_ctx, recipe);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_may_ask_more_than_a_batch_of_examples_does),
        cmocka_unit_test(a_mixture_of_more_examples_than_can_be_counted_is_refused),
        cmocka_unit_test(a_mixture_of_longer_examples_than_a_recipe_may_have_is_refused),
        cmocka_unit_test(every_example_of_a_mixture_counts_alike),
        cmocka_unit_test(single_recall_answers_one_question_and_refuses_two),
        cmocka_unit_test(single_recall_is_learned_by_attention_behind_a_convolution),
        cmocka_unit_test(losses_of_micro_batches_add_up_to_that_of_the_batch),
        cmocka_unit_test(positions_of_stacked_recall_are_refused_as_it_has_none),
    };
    return cmocka_run_group_tests_name("zoology: recall", tests, test_setting_open, test_setting_close);
}
