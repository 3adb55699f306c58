/* The task aaren/forecast: training, figures against forecasts one by one, answers for tables of the user's own, saved models, what is refused. */
#include "io/table.h"
#include "support/forecasts.h"
#include "system/aaren/aaren.h"
#include "system/aaren/forecast.h"
#include "system/systems.h"
#include "train/work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LENGTH = TEST_FORECAST_LENGTH, HORIZON = TEST_FORECAST_HORIZON, CHANNELS = TEST_FORECAST_CHANNELS, ROWS = TEST_FORECAST_ROWS };

static double loss_of(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    char error[1024];
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *loss = job->task->loss(job, step, micro, micros);
    if (!loss) fail_msg("%s", attn_ctx_error(test_ctx, error, sizeof error));
    return (double)*attn_data(loss);
}

static const char *const models[] = {"", "mixer=attention:heads=2", "normalize=window supervise=last padding=circular",
                                     "form=encoder-decoder supervise=last normalize=window", "normalize=none marks=false kernel=1"};
enum { MODELS = sizeof models / sizeof *models };

/* ------------------------------------------------------------------------------------------------------------ training */

static void the_task_opens_with_its_defaults(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    (void)state;
    assert_int_equal(attn_task_recipe(test_ctx, &attn_aaren_forecast, &recipe), ATTN_OK);
    assert_int_equal(attn_job_open(test_ctx, &attn_aaren_forecast, recipe, NULL, 0, NULL, &job), ATTN_OK);
    assert_int_equal(job.epoch_steps, (7000 - 96 - 96 + 1) / 32);
    test_forecast_close(recipe, &job);
}

static void three_steps_lower_the_loss_of_every_form(void **state) {
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        attn_optimizer *optimizer;
        attn_optimizer_config config;
        test_forecast_open(test_ctx, models[i], &recipe, &job);
        attn_optimizer_config_init(&config);
        assert_int_equal(attn_model_optimizer(job.model, &config, 0, &optimizer), ATTN_OK);
        const double before = loss_of(&job, 0, 0, 1);
        for (int step = 0; step < 3; step++) {
            attn_tape_reset(attn_model_tape(job.model));
            assert_int_equal(attn_tape_backward(job.task->loss(&job, 0, 0, 1)), ATTN_OK);
            attn_optimizer_step(optimizer, 0.01);
        }
        const double after = loss_of(&job, 0, 0, 1);
        if (!(after < before)) fail_msg("%s: %g after %g", models[i], after, before);
        attn_optimizer_destroy(optimizer);
        test_forecast_close(recipe, &job);
    }
}

/* Sums of 8 pieces, each within a rounding of the whole. */
static void losses_of_micro_batches_add_up_to_that_of_the_batch(void **state) {
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        test_forecast_open(test_ctx, models[i], &recipe, &job);
        const double whole = loss_of(&job, 30, 0, 1); /* of the second pass */
        for (int64_t micros = 2; micros <= 8; micros *= 2) {
            double sum = 0;
            for (int64_t m = 0; m < micros; m++) sum += loss_of(&job, 30, m, micros);
            if (!(fabs(sum - whole) <= 16 * 1.2e-7 * whole)) fail_msg("%s: %.9g of %d, %.9g", models[i], sum, (int)micros, whole);
        }
        test_forecast_close(recipe, &job);
    }
}

static void every_window_of_training_is_seen_once_a_pass(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    (void)state;
    test_forecast_open(test_ctx, "batch=1", &recipe, &job);
    const struct attn_forecast_task *s = job.self;
    const int64_t windows = s->part[ATTN_FORECAST_TRAIN].windows;
    assert_int_equal(windows, 210 - LENGTH - HORIZON + 1);
    for (int64_t pass = 0; pass < 2; pass++) {
        int seen[ROWS] = {0};
        for (int64_t step = 0; step < windows; step++) {
            loss_of(&job, pass * windows + step, 0, 1);
            int64_t begin = 0; /* the window whose last row's first target is the batch's */
            const double first = (double)s->batch.target[(LENGTH - 1) * HORIZON * CHANNELS];
            while (fabs(s->data.series.value[(begin + LENGTH) * CHANNELS] - first) > 1e-6) begin++;
            seen[begin]++;
        }
        for (int64_t i = 0; i < windows; i++) assert_int_equal(seen[i], 1);
    }
    test_forecast_close(recipe, &job);
}

/* ------------------------------------------------------------------------------------------------------------- answers */

/* Rows [begin, end) of the task's own series as a table with a header, in the units of the file; freed by free. */
static char *table_of(int64_t begin, int64_t end) {
    struct attn_forecast_series s;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(attn_forecast_generate(test_ctx, 1, ROWS, &s), ATTN_OK);
    fputs("date,x1,x2,x3,x4,x5,x6,x7\n", out);
    for (int64_t i = begin; i < end; i++) {
        fprintf(out, "2020-01-%02d %02d:00:00", (int)(1 + i / 24), (int)(i % 24));
        for (int c = 0; c < CHANNELS; c++) fprintf(out, ",%.17g", s.value[i * CHANNELS + c]);
        fputc('\n', out);
    }
    fclose(out);
    attn_forecast_series_free(test_ctx, &s);
    return text;
}

/* What the model says to a table; freed by free. */
static char *say(struct attn_job *job, const char *table, bool check, struct attn_picture *picture, attn_status *status) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)table, strlen(table), "r"), *out = open_memstream(&text, &bytes);
    assert_true(in && out);
    const struct attn_predict_options options = {.check = check, .input = "the input", .picture = picture};
    *status = job->task->predict(job, &options, in, out);
    fclose(in);
    fclose(out);
    return text;
}

/* Errors of a forecast that was printed beside what came, standardised. */
static void add_errors(const struct attn_forecast_units *u, const char *text, double *squares, double *absolutes, int64_t *count) {
    const struct attn_table_options options = {ATTN_TABLE_CSV, true, false};
    struct attn_table table;
    assert_int_equal(attn_table_parse(test_ctx, "forecast", (const uint8_t *)text, strlen(text), &options, &table), ATTN_OK);
    assert_int_equal(table.rows, HORIZON);
    assert_int_equal(table.columns, 1 + 2 * CHANNELS);
    for (size_t i = 0; i < HORIZON; i++)
        for (size_t c = 0; c < CHANNELS; c++) {
            const double error =
                (atof(attn_table_text(&table, i, 1 + 2 * c)) - atof(attn_table_text(&table, i, 2 + 2 * c))) / u->deviation[c];
            *squares += error * error;
            *absolutes += fabs(error);
            ++*count;
        }
    attn_table_free(test_ctx, &table);
}

/* Seven digits are printed, of numbers below 10. */
static void figures_are_errors_of_forecasts_asked_one_by_one(void **state) {
    static const struct {
        const char *figure[2];
        int64_t begin, end; /* the first of 300 rows: 210 to train, 30 to validate, 60 to test */
    } parts[] = {{{"validation_mse", "validation_mae"}, 210, 240}, {{"test_mse", "test_mae"}, 240, 300}};
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_figures figures = {.count = 0};
        test_forecast_open(test_ctx, models[i], &recipe, &job);
        attn_tape_record(attn_model_tape(job.model), false);
        assert_int_equal(job.task->evaluate(&job, NULL, &figures), ATTN_OK);
        assert_string_equal(figures.at[0].name, job.task->figure);
        for (int part = 0; part < 2; part++) {
            double squares = 0, absolutes = 0;
            int64_t count = 0;
            for (int64_t first = parts[part].begin; first + HORIZON <= parts[part].end; first++) {
                attn_status status;
                char *table = table_of(first - LENGTH, first + HORIZON), *text = say(&job, table, true, NULL, &status);
                assert_int_equal(status, ATTN_OK);
                add_errors(&((const struct attn_forecast_task *)job.self)->units, text, &squares, &absolutes, &count);
                free(table);
                free(text);
            }
            const double want[] = {squares / (double)count, absolutes / (double)count};
            for (int k = 0; k < 2; k++) {
                const double got = attn_figures_get(&figures, parts[part].figure[k]);
                if (!(fabs(got - want[k]) <= 1e-5 * want[k]))
                    fail_msg("%s: %s %.9g, not %.9g", models[i], parts[part].figure[k], got, want[k]);
            }
        }
        test_forecast_close(recipe, &job);
    }
}

static void baselines_repeat_the_last_row_and_the_windows_mean(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_figures figures = {.count = 0};
    double last = 0, mean = 0;
    int64_t count = 0;
    (void)state;
    test_forecast_open(test_ctx, "stride=3", &recipe, &job);
    attn_tape_record(attn_model_tape(job.model), false);
    assert_int_equal(job.task->evaluate(&job, NULL, &figures), ATTN_OK);
    const double *x = ((const struct attn_forecast_task *)job.self)->data.series.value;
    for (int64_t first = 240; first + HORIZON <= ROWS; first += 3)
        for (int64_t i = 0; i < HORIZON; i++)
            for (int64_t c = 0; c < CHANNELS; c++, count++) {
                double middle = 0;
                for (int64_t k = first - LENGTH; k < first; k++) middle += x[k * CHANNELS + c] / LENGTH;
                const double truth = x[(first + i) * CHANNELS + c];
                last += pow(x[(first - 1) * CHANNELS + c] - truth, 2);
                mean += pow(middle - truth, 2);
            }
    assert_true(fabs(attn_figures_get(&figures, "test_mse_of_last_row") - last / (double)count) < 1e-12);
    assert_true(fabs(attn_figures_get(&figures, "test_mse_of_mean") - mean / (double)count) < 1e-12);
    test_forecast_close(recipe, &job);
}

static void a_forecast_goes_on_behind_the_tables_last_row(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    attn_status status;
    struct attn_picture picture = {.points = 0};
    (void)state;
    test_forecast_open(test_ctx, "", &recipe, &job);
    attn_tape_record(attn_model_tape(job.model), false);
    char *table = table_of(20, 24), *longer = table_of(0, 24), *text = say(&job, longer, false, &picture, &status);
    assert_int_equal(status, ATTN_OK);
    assert_int_equal(strncmp(text, "date,x1,x2,x3,x4,x5,x6,x7\n2020-01-02 00:00:00,", 46), 0);
    assert_non_null(strstr(text, "\n2020-01-02 04:00:00,"));
    assert_int_equal(picture.lines, 2);
    attn_picture_free(test_ctx, &picture);
    free(text);
    text = say(&job, table, false, NULL, &status);
    assert_int_equal(status, ATTN_EINVAL);
    test_expect_sentence(test_ctx, "the input: found 4 rows, expected at least 12: the model looks at length=12");
    free(text);
    free(table);
    table = table_of(0, LENGTH + 2); /* two rows are held out, three are not there */
    text = say(&job, table, true, NULL, &status);
    assert_int_equal(status, ATTN_OK);
    assert_non_null(strstr(text, "x7,x7_true\n"));
    const char *end = text + strlen(text);
    assert_true(end[-1] == '\n' && end[-2] == ',');
    free(text);
    free(table);
    table = table_of(0, LENGTH);
    text = say(&job, table, true, NULL, &status);
    assert_int_equal(status, ATTN_EINVAL);
    test_expect_sentence(test_ctx, "expected at least 13");
    free(text);
    text = say(&job, "a,b\n1,2\n", false, NULL, &status);
    assert_int_equal(status, ATTN_EINVAL);
    test_expect_sentence(test_ctx, "the input: found 2 columns of numbers, expected the model's 7");
    free(text);
    text = say(&job, "", false, NULL, &status);
    assert_int_equal(status, ATTN_EINVAL);
    free(text);
    free(table);
    free(longer);
    test_forecast_close(recipe, &job);
}

static void pictures_end_and_have_three_lines(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    int64_t index = 0;
    (void)state;
    test_forecast_open(test_ctx, "", &recipe, &job);
    attn_tape_record(attn_model_tape(job.model), false);
    for (;; index++) {
        struct attn_picture picture = {.points = 0};
        assert_int_equal(job.task->picture(&job, index, &picture), ATTN_OK);
        if (attn_picture_empty(&picture)) break;
        assert_int_equal(picture.lines, 3);
        assert_int_equal(picture.vertices, LENGTH + 2 * (HORIZON + 1));
        assert_true(picture.title[0] && picture.caption[0] && picture.description[0]);
        attn_picture_free(test_ctx, &picture);
    }
    assert_int_equal(index, 4);
    test_forecast_close(recipe, &job);
}

static void generated_data_are_those_that_training_sees(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_forecast_series a, b;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    (void)state;
    test_forecast_open(test_ctx, "", &recipe, &job);
    assert_int_equal(job.task->generate(&job, 50, out), ATTN_OK);
    fclose(out);
    assert_int_equal(attn_forecast_parse(test_ctx, "t", (const uint8_t *)text, bytes, (double)NAN, &a), ATTN_OK);
    assert_int_equal(attn_forecast_generate(test_ctx, 1, 50, &b), ATTN_OK);
    assert_memory_equal(a.second, b.second, 50 * sizeof *a.second);
    for (int i = 0; i < 50 * CHANNELS; i++) assert_true(fabs(a.value[i] - b.value[i]) <= 1e-8 * fmax(1, fabs(b.value[i])));
    attn_forecast_series_free(test_ctx, &a);
    attn_forecast_series_free(test_ctx, &b);
    free(text);
    test_forecast_close(recipe, &job);
}

/* ------------------------------------------------------------------------------------------------------------- models */

static void a_saved_model_answers_without_the_data_it_has_learned_from(void **state) {
    static const struct attn_task *const task = &attn_aaren_forecast;
    char store[64], folder[TEST_PATH] = "", data[TEST_PATH], words[2 * TEST_PATH], path[TEST_PATH + 32], error[1024];
    struct attn_saved_model model;
    struct test_training training = {.task = task};
    enum attn_train_end end;
    struct attn_figures figures = {.count = 0};
    attn_status status;
    (void)state;
    test_folder_make(store);
    snprintf(data, sizeof data, "%s/data.csv", store);
    char *table = table_of(0, ROWS), *asked = table_of(100, 100 + LENGTH);
    FILE *file = fopen(data, "w");
    assert_non_null(file);
    fputs(table, file);
    fclose(file);
    snprintf(words, sizeof words, "%s data=%s steps=6 epochs=0 eval_every=2", test_forecast_words, data);
    struct attn_recipe *recipe = test_task_recipe(test_ctx, task, words);
    if (test_train(test_ctx, recipe, store, folder, &training, &end)) fail_msg("%s", attn_ctx_error(test_ctx, error, sizeof error));
    attn_free(test_ctx, recipe);
    assert_int_equal(remove(data), 0);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (attn_work_open_model(test_ctx, attn_task_named, path, NULL, 0, &model))
        fail_msg("%s", attn_ctx_error(test_ctx, error, sizeof error));
    char *text = say(&model.job, asked, false, NULL, &status);
    assert_int_equal(status, ATTN_OK);
    assert_non_null(strstr(text, "\n2020-01-05 16:00:00,"));
    assert_int_equal(task->evaluate(&model.job, NULL, &figures), ATTN_EINVAL); /* its data are gone */
    file = fopen(data, "w");
    assert_non_null(file);
    fputs(table, file);
    fclose(file);
    assert_int_equal(task->evaluate(&model.job, NULL, &figures), ATTN_OK);
    struct attn_figures whole = {.count = 0};
    assert_int_equal(task->evaluate(&model.job, data, &whole), ATTN_OK); /* all rows are asked */
    assert_string_equal(whole.at[0].name, "test_mse");
    assert_true(whole.at[0].value > 0);
    attn_work_close_model(&model);
    free(text);
    free(table);
    free(asked);
    test_folder_remove(store);
}

static void recipes_that_contradict_themselves_are_refused(void **state) {
    static const struct {
        const char *words, *piece;
    } cases[] = {
        {"form=encoder-decoder", "recipe: form=encoder-decoder supervise=every: expected supervise=last"},
        {"normalize=window", "recipe: normalize=window supervise=every: expected supervise=last"},
        {"padding=circular", "recipe: padding=circular supervise=every: expected supervise=last"},
        {"form=encoder-decoder supervise=last label=13", "recipe: label=13: expected at most length=12"},
        {"stream_steps=6", "recipe: stream_steps=6: expected at most horizon=5"},
        {"batch=1000", "recipe: batch=1000: found 194 windows to train on, expected at least as many"},
        {"length=250", "the generated series: found 300 rows, of which 210 are to train"},
        {"split=ett-h", "the generated series: found 300 rows, expected at least 14400, as split=ett-h has"},
        {"data=/nonexistent.csv", "/nonexistent.csv"},
        {"missing=x", "recipe: missing=x: expected a number"},
        {"mixer=aaren:heads=3", "heads=3 must divide the width, 16"},
        {"form=encoder-decoder supervise=last cross_heads=3", "recipe: cross_heads=3 must divide width=16"},
        {"mixer=aren", "aaren"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char all[512];
        struct attn_job job;
        snprintf(all, sizeof all, "%s %s", test_forecast_words, cases[i].words);
        struct attn_recipe *recipe = test_task_recipe(test_ctx, &attn_aaren_forecast, all);
        if (attn_job_open(test_ctx, &attn_aaren_forecast, recipe, NULL, 0, NULL, &job) == ATTN_OK)
            fail_msg("%s was not refused", cases[i].words);
        test_expect_sentence(test_ctx, cases[i].piece);
        test_forecast_close(recipe, &job);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_task_opens_with_its_defaults),
        cmocka_unit_test(three_steps_lower_the_loss_of_every_form),
        cmocka_unit_test(losses_of_micro_batches_add_up_to_that_of_the_batch),
        cmocka_unit_test(every_window_of_training_is_seen_once_a_pass),
        cmocka_unit_test(figures_are_errors_of_forecasts_asked_one_by_one),
        cmocka_unit_test(baselines_repeat_the_last_row_and_the_windows_mean),
        cmocka_unit_test(a_forecast_goes_on_behind_the_tables_last_row),
        cmocka_unit_test(pictures_end_and_have_three_lines),
        cmocka_unit_test(generated_data_are_those_that_training_sees),
        cmocka_unit_test(a_saved_model_answers_without_the_data_it_has_learned_from),
        cmocka_unit_test(recipes_that_contradict_themselves_are_refused),
    };
    return cmocka_run_group_tests_name("aaren: forecasts", tests, test_setting_open, test_setting_close);
}
