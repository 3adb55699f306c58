/* aaren/classify: training and figures of small models, generated series and files. */
#include "support/series.h"
#include "support/setting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const variants[] = {"", "head=mean", "head=last mixer=attention:heads=2",
                                       "padding=circular head=mean mixer=attention:heads=2",
                                       "head=last layers=2 mixer=aaren:heads=2+attention:heads=2"};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static void a_job_opens_with_its_defaults(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_classify, "");
    struct attn_job job;
    (void)state;
    assert_int_equal(attn_job_open(ctx, &attn_aaren_classify, recipe, NULL, 0, NULL, &job), ATTN_OK);
    assert_int_equal(job.epoch_steps, 15); /* 240 of 300 cases in batches of 16 */
    attn_job_close(&job);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

static void three_steps_lower_the_loss(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct test_series_job t;
        test_series_job_open(&t, 1, "dropout=0", NULL);
        test_series_job_close(&t);
        char words[256];
        snprintf(words, sizeof words, "dropout=0 %s", variants[v]);
        test_series_job_open(&t, 1, words, NULL);
        const double before = test_series_descend(&t, 0), after = test_series_descend(&t, 3);
        if (!(after < before)) fail_msg("%s: loss %g, then %g", words, before, after);
        test_series_job_close(&t);
    }
}

/* In each pass every case comes once, but for those that fill its last batch. */
static void passes_go_through_all_cases_in_orders_of_their_own(void **state) {
    struct test_series_job t;
    int64_t seen[3][9] = {{0}}, order[3][9], at = 0;
    (void)state;
    test_series_job_open(&t, 1, "batch=4", NULL);
    assert_int_equal(t.task->data.train.cases, 9);
    assert_int_equal(t.job.epoch_steps, 3);
    for (int64_t step = 0; at < 27; step++) {
        attn_tape_reset(attn_model_tape(t.job.model));
        assert_non_null(t.job.task->loss(&t.job, step, 0, 1));
        for (int64_t i = 0; i < 4 && at < 27; i++, at++) {
            seen[at / 9][t.task->index[i]]++;
            order[at / 9][at % 9] = t.task->index[i];
        }
    }
    for (int pass = 0; pass < 3; pass++)
        for (int c = 0; c < 9; c++) assert_int_equal(seen[pass][c], 1);
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    assert_memory_not_equal(order[1], order[2], sizeof order[1]);
    test_series_job_close(&t);
}

/* ---------------------------------------------------------------------------------------------------------- figures */

/* Accuracy, balanced accuracy and loss, one case after the other. */
static void slow_figures(struct test_series_job *t, const struct attn_aaren_classify_set *set, double figures[3]) {
    const int64_t classes = t->task->model.classes;
    double right = 0, loss = 0, of[8] = {0}, good[8] = {0}, balanced = 0, present = 0;
    for (int64_t c = 0; c < set->cases; c++) {
        attn_tape_reset(attn_model_tape(t->job.model));
        attn_tensor *logits = attn_aaren_classify_logits(&t->task->model, set, NULL, c, 1, false);
        assert_non_null(logits);
        const attn_real *z = attn_data(logits);
        double sum = 0;
        int64_t best = 0;
        for (int64_t k = 0; k < classes; k++) {
            sum += exp((double)z[k]);
            if (z[k] > z[best]) best = k;
        }
        loss += log(sum) - (double)z[set->label[c]];
        right += best == set->label[c];
        good[set->label[c]] += best == set->label[c];
        of[set->label[c]]++;
    }
    for (int k = 0; k < classes; k++) {
        balanced += of[k] > 0 ? good[k] / of[k] : 0;
        present += of[k] > 0;
    }
    figures[0] = right / (double)set->cases;
    figures[1] = balanced / present;
    figures[2] = loss / (double)set->cases;
}

static void near(const struct attn_figures *figures, const char *name, double wanted) {
    const double got = attn_figures_get(figures, name);
    if (!(fabs(got - wanted) <= 1e-5 * fmax(1, fabs(wanted)))) fail_msg("%s is %.9g, expected %.9g", name, got, wanted);
}

static void figures_are_those_of_a_slow_count(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct test_series_job t;
        struct attn_figures figures = {.count = 0};
        double test[3], validation[3];
        test_series_job_open(&t, 2, variants[v], NULL);
        test_series_descend(&t, 5);
        assert_int_equal(attn_aaren_classify.evaluate(&t.job, NULL, &figures), ATTN_OK);
        slow_figures(&t, &t.task->data.test, test);
        slow_figures(&t, &t.task->data.validation, validation);
        assert_string_equal(figures.at[0].name, attn_aaren_classify.figure);
        near(&figures, "validation_score", (3 * validation[0] + 1 / (1 + validation[2])) / 4); /* of 3 cases */
        near(&figures, "validation_loss", validation[2]);
        near(&figures, "validation_accuracy", validation[0]);
        near(&figures, "accuracy", test[0]);
        near(&figures, "balanced_accuracy", test[1]);
        near(&figures, "loss", test[2]);
        near(&figures, "accuracy_majority", 1.0 / 3); /* classes in turn */
        assert_true(isfinite(attn_figures_get(&figures, "accuracy_nearest")));
        test_series_job_close(&t);
    }
}

/* The majority of the training cases is b; of the tests a third is. */
static void files_are_learned_from_and_evaluated(void **state) {
    char train[TEST_PATH], test[TEST_PATH], words[3 * TEST_PATH];
    struct test_series_job t;
    struct attn_figures figures = {.count = 0}, of_file = {.count = 0};
    (void)state;
    test_series_file(test_folder, "train.ts",
                     "@classLabel true a b\n@data\n1,2,3:a\n2,2,1:b\n0,?,1:b\n5,4:b\n1,1:a\n3,2,1:b\n7,7,7:a\n2,3:b\n1,0,0:b\n", train);
    test_series_file(test_folder, "test.ts", "@classLabel true b a\n@data\n1,2:a\n5,3,1,1:b\n2,2:a\n", test);
    snprintf(words, sizeof words, "data=%s test=%s held_out=0.3 batch=4", train, test);
    test_series_job_open(&t, 1, words, NULL);
    assert_int_equal(t.task->data.kind.length, 4);
    assert_int_equal(t.task->data.test.label[1], 1); /* the model's number of b */
    test_series_descend(&t, 2);
    assert_int_equal(attn_aaren_classify.evaluate(&t.job, NULL, &figures), ATTN_OK);
    near(&figures, "accuracy_majority", 1.0 / 3);
    assert_int_equal(attn_aaren_classify.evaluate(&t.job, test, &of_file), ATTN_OK);
    near(&of_file, "accuracy", attn_figures_get(&figures, "accuracy"));
    near(&of_file, "loss", attn_figures_get(&figures, "loss"));
    near(&of_file, "accuracy_majority", 1.0 / 3);
    test_series_job_close(&t);
    snprintf(words, sizeof words, "data=%s held_out=0.3 batch=4", train);
    test_series_job_open(&t, 1, words, NULL);
    figures.count = 0;
    assert_int_equal(attn_aaren_classify.evaluate(&t.job, NULL, &figures), ATTN_OK);
    assert_int_equal(figures.count, 3); /* there are no tests */
    test_series_job_close(&t);
}

static void data_that_cannot_be_learned_from_are_refused(void **state) {
    static const struct {
        const char *train, *test, *words, *sentence;
    } wrong[] = {
        {"@data\n1,2\n", NULL, "", "train.ts: found no classes, expected '@classLabel true NAMES' in the header"},
        {"@classLabel true a\n@data\n1:a\n2:?\n", NULL, "", "train.ts: line 4: found the class '?', expected one that is known"},
        {"@classLabel true a b\n@data\n1:a\n2:b\n", NULL, "", "held_out=0.25 of 2 cases: found none that can be held out"},
        {"@classLabel true a\n@data\n1:a\n2:a\n3:a\n", "@classLabel true b\n@data\n1:b\n", "held_out=0.4",
         "test.ts: line 3: found the class 'b', expected one that the model has learned, as 'a'"},
        {"@classLabel true a\n@data\n1:a\n2:a\n3:a\n", "@classLabel true a\n@data\n1:2:a\n", "held_out=0.4",
         "test.ts: found series of 2 dimensions, expected 1 as in training"},
        {"@classLabel true a\n@data\n1:a\n2:a\n3:a\n", "@classLabel true a\n@data\n1:2:a\n", "compat=true",
         "test.ts: found series of 2 dimensions, expected 1 as in training"},
        {"@classLabel true a\n@data\n1:a\n2:a\n3:x\n", NULL, "",
         "train.ts: line 5: found the class 'x', expected one of the 1 of @classLabel"},
        {"@classLabel true a\n@data\n1:a\n2:a\n3:a\n", NULL, "compat=true", "compat=true without test="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char train[TEST_PATH], test[TEST_PATH] = "", words[3 * TEST_PATH];
        test_series_file(test_folder, "train.ts", wrong[i].train, train);
        if (wrong[i].test) test_series_file(test_folder, "test.ts", wrong[i].test, test);
        snprintf(words, sizeof words, "data=%s test=%s %s", train, test, wrong[i].words);
        test_series_job_refused(words, ATTN_EINVAL, wrong[i].sentence);
    }
    test_series_job_refused("data=/nowhere/x.ts", ATTN_EINVAL, "/nowhere/x.ts");
    test_series_job_refused("test=/nowhere/x.ts", ATTN_EINVAL, "test=/nowhere/x.ts without data=");
    test_series_job_refused("mixer=aaren:heads=3", ATTN_EINVAL, "heads");
}

/* ---------------------------------------------------------------------------------------------------------- training */

static void advance(int threads, const char *words, char run[TEST_PATH], int64_t stop_at) {
    attn_ctx *ctx = test_context(threads);
    char all[1024], text[1024];
    snprintf(all, sizeof all,
             "length=11 channels=2 train_examples=30 test_examples=9 width=8 ffn=12 layers=1 batch=4 steps=25 eval_every=5 %s", words);
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_classify, all);
    struct test_training training = {.task = &attn_aaren_classify, .stop_at = stop_at};
    enum attn_train_end end;
    if (test_train(ctx, recipe, test_folder, run, &training, &end)) fail_msg("%s: %s", words, attn_ctx_error(ctx, text, sizeof text));
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

static void training_goes_on_bit_for_bit_on_any_number_of_threads(void **state) {
    static const char *const words[] = {"mixer=aaren:heads=2 micro_batches=2", "mixer=attention:heads=2 head=mean patience=0"};
    (void)state;
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
        advance(1, words[w], whole, 0);
        advance(2, words[w], parts, 7);
        advance(3, words[w], parts, 0);
        test_same_file(whole, parts, ATTN_MODEL_FILE);
        char *a = test_lines(whole), *b = test_lines(parts);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

/* Generated series are a file that can be learned from: the same numbers, up to their nine digits. */
static void generated_series_are_a_file_that_is_read_back(void **state) {
    struct test_series_job t, u;
    char path[TEST_PATH], words[3 * TEST_PATH];
    (void)state;
    test_series_job_open(&t, 1, "", NULL);
    snprintf(path, sizeof path, "%s/waves.ts", test_folder);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(attn_aaren_classify.generate(&t.job, 12, out), ATTN_OK);
    assert_int_equal(fclose(out), 0);
    snprintf(words, sizeof words, "data=%s", path);
    test_series_job_open(&u, 1, words, NULL);
    assert_int_equal(u.task->data.train.cases, t.task->data.train.cases);
    assert_memory_equal(u.task->data.train.label, t.task->data.train.label, (size_t)t.task->data.train.cases * sizeof(int32_t));
    for (int64_t i = 0; i < t.task->data.train.cases * 22; i++)
        assert_true(fabs((double)u.task->data.train.x[i] - (double)t.task->data.train.x[i]) <=
                    1e-6 * fmax(1, fabs((double)t.task->data.train.x[i])));
    test_series_job_close(&t);
    test_series_job_close(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_opens_with_its_defaults),
        cmocka_unit_test(three_steps_lower_the_loss),
        cmocka_unit_test(passes_go_through_all_cases_in_orders_of_their_own),
        cmocka_unit_test(figures_are_those_of_a_slow_count),
        cmocka_unit_test_setup_teardown(files_are_learned_from_and_evaluated, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(data_that_cannot_be_learned_from_are_refused, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(training_goes_on_bit_for_bit_on_any_number_of_threads, test_setting_open, test_setting_close),
        cmocka_unit_test_setup_teardown(generated_series_are_a_file_that_is_read_back, test_setting_open, test_setting_close),
    };
    return cmocka_run_group_tests_name("aaren: classification", tests, NULL, NULL);
}
