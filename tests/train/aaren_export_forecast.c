/* aaren/forecast as C: the written program forecasts as the model does, on this machine and on a Cortex-M4F, and what cannot be written is refused. */
#include "support/counts.h"
#include "support/exports.h"
#include "support/forecasts.h"

#include "base/random.h"
#include "system/aaren/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60, CHANNELS = TEST_FORECAST_CHANNELS, MOST = CHANNELS + 2, DAY = 86400 };

/* Rows for a model and for the program that is written of it, whose time is two numbers; what neither is told is the same. */
struct rows {
    int64_t count, inputs, outputs;
    double *model;
    float *program;
};

static struct rows make_rows(const struct attn_forecast_task *s, int64_t count, uint64_t seed) {
    const int64_t timed = s->shape.marks > 0, channels = s->shape.channels;
    struct rows r = {count, channels + timed, s->stream_steps * channels, NULL, NULL};
    struct attn_random random;
    attn_random_init(&random, seed);
    r.model = calloc((size_t)(count * r.inputs), sizeof *r.model);
    r.program = calloc((size_t)(count * (channels + 2 * timed)), sizeof *r.program);
    assert_true(r.model && r.program);
    for (int64_t i = 0; i < count; i++) {
        double *in = r.model + i * r.inputs;
        float *to = r.program + i * (channels + 2 * timed);
        for (int64_t c = 0; c < channels; c++) {
            to[c] = (float)(s->units.mean[c] + s->units.deviation[c] * attn_random_normal(&random));
            if (attn_random_below(&random, 20) == 0) to[c] = NAN;
            in[c] = (double)to[c];
        }
        if (!timed) continue;
        const int64_t second = (int64_t)attn_random_below(&random, 250000000000) - 60000000000, /* years 68 to 7990 */
            day = (second - (second % DAY + DAY) % DAY) / DAY;
        const bool known = i % 5 != 4 && i != 0;
        to[channels] = known ? (float)day : NAN;
        to[channels + 1] = known ? (float)(second - day * DAY) : NAN;
        in[channels] = known ? (double)second : (double)NAN;
    }
    return r;
}

static void free_rows(struct rows *r) {
    free(r->model);
    free(r->program);
}

/* The job is stirred, written, and both are pushed the same rows. With int8 the model's own weights are rounded by then. */
static void compare(const struct test_trial *t, enum test_machine machine, int64_t count) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_export_report report;
    test_forecast_open(test_ctx, t->words, &recipe, &job);
    const struct attn_forecast_task *s = job.self;
    test_export_stir(&job, 3, 0.15);
    test_export_write(&job, t->int8, t->no_libm, &report);
    struct rows r = make_rows(s, count, 11);
    double *want = calloc((size_t)(count * r.outputs), sizeof *want), scale[MOST * 8];
    float *got = calloc((size_t)(count * r.outputs), sizeof *got);
    assert_true(want && got && r.outputs == report.outputs);
    for (int64_t k = 0; k < r.outputs; k++)
        scale[k] = test_export_scale(s->units.mean[k % s->shape.channels], s->units.deviation[k % s->shape.channels]);
    test_export_push(&job, count, r.model, want);
    test_export_run(machine, &report, t->no_libm, count, r.program, got);
    test_export_compare(t->words, count, r.outputs, want, got, scale);
    test_export_print(&report);
    free(want);
    free(got);
    free_rows(&r);
    test_forecast_close(recipe, &job);
}

static const struct test_trial trials[] = {
    {"", false, false},
    {"layers=3 mixer=aaren:heads=1+aaren:heads=4 width=20 ffn=9 kernel=2 stream_steps=3", false, true},
    {"normalize=none marks=false kernel=1 width=7 mixer=aaren layers=2", false, false},
    {"layers=2 ffn=40", true, false},
    {"width=18 stream_steps=5", true, true}};

static void the_written_program_forecasts_as_the_model_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) compare(&trials[i], i % 2 == 0 ? TEST_DESK : TEST_DESK_SLOW, ROWS);
}

static void after_many_rows_too(void **state) {
    (void)state;
    compare(&(struct test_trial){"stream_steps=1 marks=false normalize=none", false, false}, TEST_DESK, 1000);
}

/* Nor are such days and seconds. */
static void numbers_that_are_too_great_are_not_known(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    (void)state;
    test_forecast_open(test_ctx, "", &recipe, &job);
    struct rows r = make_rows(job.self, ROWS, 13);
    test_export_infinite(&job, ROWS, r.program);
    free_rows(&r);
    test_forecast_close(recipe, &job);
}

static void of_one_channel_too(void **state) {
    char path[96], words[256];
    (void)state;
    snprintf(path, sizeof path, "%s/one.csv", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 300; i++) fprintf(file, "%.6f\n", 1000 + 3 * sin(0.3 * i) + cos(i));
    assert_int_equal(fclose(file), 0);
    snprintf(words, sizeof words, "data=%s kernel=1", path);
    compare(&(struct test_trial){words, false, false}, TEST_DESK, ROWS);
}

static void on_a_cortex_m4f_too(void **state) {
    (void)state;
    const size_t count = test_thinned() ? 1 : sizeof trials / sizeof trials[0]; /* the program is the same in every configuration */
    for (size_t i = 0; i < count; i++) compare(&trials[i], TEST_BOARD, ROWS);
}

static void models_that_are_no_small_streams_are_refused(void **state) {
    static const struct {
        const char *words, *piece;
    } cases[] = {{"form=encoder-decoder supervise=last normalize=window", "expected form=encoder"},
                 {"layers=2 mixer=aaren:heads=2+attention:heads=2", "block 1 has the mixer 'attention', expected aaren in every block"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_export_report report;
        test_forecast_open(test_ctx, cases[i].words, &recipe, &job);
        const struct attn_export_options options = {.folder = test_folder, .name = "refused"};
        assert_int_equal(attn_export(&job, &options, &report), ATTN_EUNSUPPORTED);
        test_expect_sentence(test_ctx, cases[i].piece);
        test_forecast_close(recipe, &job);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_written_program_forecasts_as_the_model_does),
        cmocka_unit_test(after_many_rows_too),
        cmocka_unit_test(numbers_that_are_too_great_are_not_known),
        cmocka_unit_test(of_one_channel_too),
        cmocka_unit_test(on_a_cortex_m4f_too),
        cmocka_unit_test(models_that_are_no_small_streams_are_refused),
    };
    return cmocka_run_group_tests_name("aaren: forecasts as C", tests, test_setting_open, test_setting_close);
}
