/* Examples in files: what a task writes is read, learned from and evaluated on, and what does not fit is refused. */
#include "support/setting.h"
#include "system/pointer/examples.h"
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

static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp, &attn_pointer_sort};
static const char small[] = "points=4-7 hidden=8 init=1 batch=8 steps=20 test_examples=32 test_points=5+7 batching=mixed";
enum { TASKS = sizeof tasks / sizeof tasks[0], EXAMPLES = 20 };

static char path[96];

static int set_up(void **state) {
    test_setting_open(state);
    snprintf(path, sizeof path, "%s/examples.txt", test_folder);
    return 0;
}

/* The small recipe with these words over it, until the next call. */
static const char *with_small(const char *words) {
    static char all[512];
    snprintf(all, sizeof all, "%s%s%s", small, words[0] ? " " : "", words);
    return all;
}

/* What `attn data` writes. */
static void generate(const struct attn_task *task, const char *words) {
    struct test_job o;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    test_job_open(&o, test_ctx, task, with_small(words));
    assert_int_equal(task->generate(&o.job, EXAMPLES, out), ATTN_OK);
    test_job_close(&o);
    assert_int_equal(fclose(out), 0);
}

static void put_file(const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static struct attn_pointer_file *read_file(const struct attn_pointer_problem *problem) {
    char text[1024];
    struct attn_pointer_file *file;
    if (attn_pointer_file_read(test_ctx, problem, path, &file)) fail_msg("%s", attn_ctx_error(test_ctx, text, sizeof text));
    return file;
}

/* ------------------------------------------------------------------------------------------------------ what is read */

static bool has(const struct attn_pointer_file *file, const double *xy, int64_t n, const int32_t *tokens, int64_t count) {
    for (int64_t i = 0; i < file->count; i++)
        if (file->first_xy[i + 1] - file->first_xy[i] == 2 * n && file->first_token[i + 1] - file->first_token[i] == count &&
            memcmp(file->xy + file->first_xy[i], xy, (size_t)(2 * n) * sizeof *xy) == 0 &&
            memcmp(file->tokens + file->first_token[i], tokens, (size_t)count * sizeof *tokens) == 0)
            return true;
    return false;
}

/* To the bit, in the order of their numbers of points. */
static void written_examples_are_those_of_training(void **state) {
    (void)state;
    for (int t = 0; t < TASKS; t++) {
        struct test_job o;
        generate(tasks[t], "");
        test_job_open(&o, test_ctx, tasks[t], with_small(""));
        struct attn_pointer_task *s = o.job.self;
        struct attn_pointer_file *file = read_file(&s->problem);
        assert_int_equal(file->count, EXAMPLES);
        for (int64_t i = 0; i < EXAMPLES; i++) {
            if (i % 8 == 0) attn_pointer_source_fill(test_ctx, &s->source, i / 8, 0, 8, s->scratch, &s->batch);
            const struct attn_pointer_batch *b = &s->batch;
            const int32_t *tokens = b->target + i % 8 * b->tokens;
            int64_t count = 0;
            while (count < b->tokens && tokens[count] >= 0) count++;
            assert_true(has(file, b->xy + i % 8 * 2 * b->points, b->length[i % 8], tokens, count));
            assert_true(i == 0 || file->first_xy[i + 1] - file->first_xy[i] >= file->first_xy[i] - file->first_xy[i - 1]);
        }
        assert_true(file->least >= 4 && file->most <= 7 && file->least < file->most);
        attn_pointer_file_free(test_ctx, file);
        test_job_close(&o);
    }
}

static void expect_same(const struct attn_pointer_file *a, const struct attn_pointer_file *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->most_tokens, b->most_tokens);
    assert_memory_equal(a->first_token, b->first_token, (size_t)(a->count + 1) * sizeof *a->first_token);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->first_token[a->count] * sizeof *a->tokens);
    assert_memory_equal(a->xy, b->xy, (size_t)a->first_xy[a->count] * sizeof *a->xy);
}

static void a_closing_point_in_the_file_makes_no_difference(void **state) {
    (void)state;
    for (int t = 0; t < TASKS; t += 2) /* hulls and tours */
        for (int close = 0; close < 2; close++) {
            const struct attn_pointer_problem problem = {t == 0 ? ATTN_POINTER_HULL : ATTN_POINTER_TSP, .close = close == 1};
            generate(tasks[t], "close=true");
            struct attn_pointer_file *with = read_file(&problem);
            generate(tasks[t], "close=false");
            struct attn_pointer_file *without = read_file(&problem);
            expect_same(with, without);
            attn_pointer_file_free(test_ctx, with);
            attn_pointer_file_free(test_ctx, without);
        }
}

/* As the published files have them: a blank at the end, 12 digits. */
static void published_files_are_read(void **state) {
    static const int32_t want[] = {1, 2, 3, 1, 0};
    const struct attn_pointer_problem problem = {.kind = ATTN_POINTER_HULL, .close = true};
    (void)state;
    put_file("0.607122483215 0.664447296344 0.953592710256 0.021519035801 0.757626410361 0.921023752127 output 1 2 3 1 \n"
             "0.607122483215 0.664447296344 0.953592710256 0.021519035801 0.757626410361 0.921023752127 output 1 2 3");
    struct attn_pointer_file *file = read_file(&problem);
    assert_int_equal(file->count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file->first_token[i + 1] - file->first_token[i], 5);
        assert_memory_equal(file->tokens + file->first_token[i], want, sizeof want);
    }
    assert_true(file->xy[0] == 0.607122483215);
    attn_pointer_file_free(test_ctx, file);
}

/* ------------------------------------------------------------------------------------------- training and evaluation */

static void train(const struct attn_task *task, const char *words, char run[TEST_PATH], int64_t stop_at) {
    struct attn_recipe *recipe = test_task_recipe(test_ctx, task, with_small(words));
    struct test_training training = {.task = task, .stop_at = stop_at};
    enum attn_train_end end;
    char text[1024];
    if (test_train(test_ctx, recipe, test_folder, run, &training, &end))
        fail_msg("%s: %s", words, attn_ctx_error(test_ctx, text, sizeof text));
    attn_free(test_ctx, recipe);
}

static void training_from_a_file_goes_on_bit_for_bit(void **state) {
    static const char *const ways[] = {"batching=mixed", "batching=equal micro_batches=2"};
    (void)state;
    for (int t = 0; t < TASKS; t++)
        for (int w = 0; w < 2; w++) {
            char words[256], whole[TEST_PATH] = "", parts[TEST_PATH] = "";
            generate(tasks[t], "");
            snprintf(words, sizeof words, "%s data=%s", ways[w], path);
            train(tasks[t], words, whole, 0);
            train(tasks[t], words, parts, 7);
            train(tasks[t], words, parts, 0);
            test_same_file(whole, parts, ATTN_MODEL_FILE);
        }
}

/* The examples of an evaluation, written into a file. */
static void write_tests(const struct attn_pointer_task *s, int64_t n, FILE *out) {
    struct attn_pointer_source source = {
        .problem = &s->problem, .seed = ((uint64_t)1 << 31) + s->source.seed, .low = n, .high = n, .batch = 128};
    struct attn_pointer_batch batch;
    void *scratch = malloc(attn_pointer_source_scratch(&source));
    assert_non_null(scratch);
    assert_int_equal(attn_pointer_batch_open(test_ctx, 128, n, attn_pointer_source_tokens(&source), &batch), ATTN_OK);
    attn_pointer_source_fill(test_ctx, &source, 0, 0, s->test_examples, scratch, &batch);
    for (int64_t i = 0; i < batch.count; i++) {
        int32_t *target = batch.target + i * batch.tokens;
        int64_t count = 0;
        for (; count < batch.tokens && target[count] > 0; count++) target[count]--;
        assert_int_equal(attn_example_write(test_ctx, out, batch.xy + 2 * i * n, n, target, count), ATTN_OK);
    }
    attn_pointer_batch_close(test_ctx, &batch);
    free(scratch);
}

/* Figures by number of points are those of the recipe's own tests, where the file holds those: there truths are solved, of the recipe's own they may be the labels. */
static void an_evaluation_of_a_file_has_the_figures_of_its_examples(void **state) {
    static const char *const others[TASKS] = {"close=false", "triangles=random", "labels=a1", "constrain=true"};
    (void)state;
    for (int t = 0; t < TASKS; t++)
        for (int way = 0; way < 3; way++) {
            const bool constrain = way == 1;
            struct test_job o;
            struct attn_figures own = {.count = 0}, of_file = {.count = 0};
            test_job_open(&o, test_ctx, tasks[t],
                          with_small(constrain  ? "constrain=true wide_beam=3"
                                     : way == 0 ? "constrain=false"
                                                : others[t]));
            FILE *out = fopen(path, "w");
            assert_non_null(out);
            write_tests(o.job.self, 7, out); /* in the other order */
            write_tests(o.job.self, 5, out);
            assert_int_equal(fclose(out), 0);
            assert_int_equal(tasks[t]->evaluate(&o.job, NULL, &own), ATTN_OK);
            assert_int_equal(tasks[t]->evaluate(&o.job, path, &of_file), ATTN_OK);
            assert_string_equal(own.at[0].name, tasks[t]->figure);
            assert_string_equal(of_file.at[0].name, tasks[t]->figure);
            int shared = 0;
            for (int i = 1; i < of_file.count; i++) {
                const double a = of_file.at[i].value, b = attn_figures_get(&own, of_file.at[i].name);
                if (!(a == b || (isnan(a) && isnan(b))))
                    fail_msg("%s: %s is %.17g, of the file %.17g", tasks[t]->name, of_file.at[i].name, b, a);
                shared++;
            }
            assert_true(shared >= 2 * (constrain ? 3 : 1));
            assert_true(isnan(attn_figures_get(&of_file, "loss"))); /* a file's labels may be anything */
            assert_true(t != 2 || strcmp(own.at[1].name, "valid") == 0);
            if (t != 2) assert_true(fabs(own.at[0].value - of_file.at[0].value) <= 1e-15); /* as many of each number */
            test_job_close(&o);
        }
}

static void a_saved_model_takes_no_memory_for_training_and_no_file_to_be_evaluated(void **state) {
    static const char *const words[] = {"train_examples=40 data=/nowhere/at/all", "model=transformer width=8 heads=2 batching=equal",
                                        "model=transformer width=8 heads=2 batching=equal baseline=starts"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct attn_figures figures = {.count = 0};
        struct test_job o;
        assert_int_equal(test_job_try(&o, test_ctx, &attn_pointer_tsp, with_small(words[i]), ""), ATTN_OK);
        const struct attn_pointer_task *s = o.job.self;
        assert_true(!s->scratch && !s->source.kept && !s->source.file && !s->batch.xy && !s->reinforce.tours);
        attn_tape_record(attn_model_tape(o.job.model), false);
        assert_int_equal(attn_pointer_tsp.evaluate(&o.job, NULL, &figures), ATTN_OK);
        assert_true(attn_figures_get(&figures, "ratio") >= 1);
        test_job_close(&o);
    }
}

/* -------------------------------------------------------------------------------------------------------- what is refused */

static void expect_refused(const char *words, const char *sentence) {
    char all[256], text[2048] = "";
    struct test_job o;
    snprintf(all, sizeof all, "%s%sdata=%s", words, words[0] ? " " : "", path);
    const attn_status status = test_job_try(&o, test_ctx, &attn_pointer_hull, with_small(all), NULL);
    attn_ctx_error(test_ctx, text, sizeof text);
    test_job_close(&o);
    assert_int_equal(status, ATTN_EINVAL);
    if (!strstr(text, sentence) || !strstr(text, path)) fail_msg("expected %s and \"%s\" in \"%s\"", path, sentence, text);
}

static void files_outside_the_recipes_points_are_refused_by_name(void **state) {
    (void)state;
    generate(&attn_pointer_hull, "points=3-9");
    expect_refused("points=4-7", "expected 4 to 7, as the recipe's points=");
    expect_refused("points=3-8", "found examples of 3 to 9 points, expected 3 to 8");
    expect_refused("points=4-9", "found examples of 3 to 9 points, expected 4 to 9");
    expect_refused("points=20", "expected 20 to 20");
    struct test_job o;
    char words[128];
    snprintf(words, sizeof words, "points=3-9 data=%s", path);
    test_job_open(&o, test_ctx, &attn_pointer_hull, with_small(words));
    test_job_close(&o);
}

static void files_of_other_tasks_are_refused(void **state) {
    static const struct {
        const struct attn_task *task;
        const char *sentence;
    } wrong[] = {{&attn_pointer_hull, "found 4 numbers, 3 of them different, for 4 points, expected none twice"},
                 {&attn_pointer_tsp, "found 4 numbers, 3 of them different, for 4 points, expected every point once"},
                 {&attn_pointer_sort, "found 4 numbers, 3 of them different, for 4 points, expected every point once"},
                 {&attn_pointer_delaunay, "found 4 numbers, 3 of them different, for 4 points, expected three a triangle"}};
    (void)state;
    put_file("0 0 1 0 1 1 0 1 output 1 2 3 2\n");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char words[256], text[2048] = "";
        struct test_job o;
        snprintf(words, sizeof words, "points=4 data=%s", path);
        const attn_status status = test_job_try(&o, test_ctx, wrong[i].task, with_small(words), NULL);
        attn_ctx_error(test_ctx, text, sizeof text);
        test_job_close(&o);
        assert_int_equal(status, ATTN_EINVAL);
        if (!strstr(text, wrong[i].sentence)) fail_msg("%s", text);
    }
}

static void malformed_files_are_refused_with_their_line(void **state) {
    (void)state;
    put_file("0 0 1 0 0 1 output 1 2 3\n0 0 1 0 0 1 output 1 2 4\n");
    expect_refused("", "line 2");
    put_file("0 0 1 0 0 1 output 1 2 3\n0 0 1 0 0 1\n");
    expect_refused("", "line 2");
    put_file("0 0 1 0 0 nan output 1 2 3\n");
    expect_refused("", "line 1");
    put_file("");
    expect_refused("", "expected an example");
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i < 1001; i++) fprintf(out, "%d %d ", i, i * i);
    fputs("output 1 2 3\n", out);
    assert_int_equal(fclose(out), 0);
    expect_refused("", "found 1001 points, expected at most 1000");
    assert_int_equal(remove(path), 0);
    expect_refused("", "No such file");
}

/* A dictionary has no words for them: refused in an evaluation too. */
static void an_evaluation_of_more_points_than_the_dictionary_has_is_refused(void **state) {
    struct attn_figures figures = {.count = 0};
    struct test_job o;
    char text[1024];
    (void)state;
    generate(&attn_pointer_hull, "points=5-9");
    test_job_open(&o, test_ctx, &attn_pointer_hull, with_small("points=4-7 model=lstm"));
    assert_int_equal(attn_pointer_hull.evaluate(&o.job, path, &figures), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(attn_ctx_error(test_ctx, text, sizeof text), "expected at most 7"));
    test_job_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_examples_are_those_of_training, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(a_closing_point_in_the_file_makes_no_difference, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(published_files_are_read, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(training_from_a_file_goes_on_bit_for_bit, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(an_evaluation_of_a_file_has_the_figures_of_its_examples, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(a_saved_model_takes_no_memory_for_training_and_no_file_to_be_evaluated, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(files_outside_the_recipes_points_are_refused_by_name, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(files_of_other_tasks_are_refused, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(malformed_files_are_refused_with_their_line, set_up, test_setting_close),
        cmocka_unit_test_setup_teardown(an_evaluation_of_more_points_than_the_dictionary_has_is_refused, set_up, test_setting_close),
    };
    return cmocka_run_group_tests_name("pointer: files", tests, NULL, NULL);
}
