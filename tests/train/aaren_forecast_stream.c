/* The task aaren/forecast row by row: the same forecasts as of whole windows, a state that goes on elsewhere, what rows may lack, what is no stream. */
#include "support/forecasts.h"
#include "system/aaren/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LENGTH = TEST_FORECAST_LENGTH, HORIZON = TEST_FORECAST_HORIZON, CHANNELS = TEST_FORECAST_CHANNELS, ROWS = TEST_FORECAST_ROWS };

/* A model of float beside itself in a batch; the state is saved and goes on elsewhere in the middle. */
static void rows_one_by_one_give_a_batchs_forecasts_and_allocate_nothing(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_stream_face face;
    struct attn_forecast_series series;
    struct attn_forecast_batch batch;
    (void)state;
    test_forecast_open(test_ctx, "layers=3 length=100", &recipe, &job);
    struct attn_forecast_task *s = job.self;
    assert_int_equal(attn_forecast_generate(test_ctx, 1, ROWS, &series), ATTN_OK);
    assert_int_equal(attn_forecast_batch_open(test_ctx, &s->shape, 1, &batch), ATTN_OK);
    attn_forecast_fill(&batch, 0, s->data.series.value, s->data.mark, true);
    batch.count = 1;
    attn_tensor *y = attn_forecast_model_forward(&s->model, &batch, false);
    assert_non_null(y);
    double want[100][CHANNELS];
    for (int i = 0; i < 100; i++)
        for (int c = 0; c < CHANNELS; c++) want[i][c] = (double)attn_data(y)[i * HORIZON * CHANNELS + c];
    assert_int_equal(job.task->stream(&job, 1 << 20, &face), ATTN_OK);
    const size_t bytes = (size_t)face.state * sizeof(attn_real);
    attn_real *memory = calloc(2, bytes);
    int64_t allocations = 0;
    assert_non_null(memory);
    for (int t = 0; t < 3 * ROWS; t++) {
        double in[CHANNELS + 1], out[CHANNELS];
        attn_real *at = memory + (t < 50 ? 0 : face.state);
        if (t == 50) memcpy(at, memory, bytes);
        for (int c = 0; c < CHANNELS; c++) in[c] = series.value[t % ROWS * CHANNELS + c];
        in[CHANNELS] = (double)(series.second[0] + 3600 * t);
        assert_int_equal(job.task->push(&job, at, 1 << 20, t, in, out), ATTN_OK);
        for (int c = 0; c < CHANNELS && t < 100; c++) {
            const double got = (out[c] - s->units.mean[c]) / s->units.deviation[c];
            if (!(fabs(got - want[t][c]) <= 1e-5)) fail_msg("row %d, channel %d: %.8g, not %.8g", t, c, got, want[t][c]);
        }
        for (int c = 0; c < CHANNELS; c++) assert_true(isfinite(out[c]));
        if (t == 1) allocations = attn_tape_allocations(attn_model_tape(job.model));
    }
    assert_int_equal(attn_tape_allocations(attn_model_tape(job.model)), allocations);
    free(memory);
    attn_forecast_batch_close(test_ctx, &batch);
    attn_forecast_series_free(test_ctx, &series);
    test_forecast_close(recipe, &job);
}

static void the_streams_figure_is_that_of_rows_pushed_one_by_one(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_stream_face face;
    struct attn_forecast_series series;
    struct attn_figures figures = {.count = 0};
    double squares = 0;
    int64_t count = 0;
    (void)state;
    test_forecast_open(test_ctx, "stream_steps=5 stride=2", &recipe, &job);
    const struct attn_forecast_task *s = job.self;
    assert_int_equal(attn_forecast_generate(test_ctx, 1, ROWS, &series), ATTN_OK);
    assert_int_equal(job.task->evaluate(&job, NULL, &figures), ATTN_OK);
    assert_int_equal(job.task->stream(&job, 100, &face), ATTN_OK);
    attn_real *memory = calloc((size_t)face.state, sizeof *memory);
    assert_non_null(memory);
    for (int64_t t = 240 - LENGTH; t + HORIZON < ROWS; t++) { /* row t is the last that is known */
        double in[CHANNELS + 1], out[HORIZON * CHANNELS];
        memcpy(in, series.value + t * CHANNELS, sizeof(double[CHANNELS]));
        in[CHANNELS] = (double)series.second[t];
        assert_int_equal(job.task->push(&job, memory, 100, t - (240 - LENGTH), in, out), ATTN_OK);
        if (t < 239 || (t - 239) % 2 == 1) continue;
        for (int64_t k = 0; k < HORIZON * CHANNELS; k++, count++)
            squares += pow((out[k] - series.value[(t + 1) * CHANNELS + k]) / s->units.deviation[k % CHANNELS], 2);
    }
    const double want = squares / (double)count, got = attn_figures_get(&figures, "test_mse_of_stream");
    if (!(fabs(got - want) <= 1e-6 * want)) fail_msg("%.9g, not %.9g", got, want);
    free(memory);
    attn_forecast_series_free(test_ctx, &series);
    test_forecast_close(recipe, &job);
}

static void what_a_row_lacks_stays_as_it_was(void **state) {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_stream_face face;
    (void)state;
    test_forecast_open(test_ctx, "", &recipe, &job);
    assert_int_equal(job.task->stream(&job, 10, &face), ATTN_OK);
    attn_real *memory = calloc(2, (size_t)face.state * sizeof *memory);
    double in[CHANNELS + 1] = {1, 2, 3, 4, 5, 6, 7, 0}, lacks[CHANNELS + 1], a[CHANNELS], b[CHANNELS];
    assert_non_null(memory);
    memcpy(lacks, in, sizeof in);
    for (int t = 0; t < 5; t++) {
        if (t == 2) lacks[3] = (double)NAN;
        if (t == 4) lacks[CHANNELS] = (double)NAN; /* an hour behind the last */
        in[CHANNELS] = t * 3600;
        if (t < 4) lacks[CHANNELS] = t * 3600;
        assert_int_equal(job.task->push(&job, memory, 10, t, in, a), ATTN_OK);
        assert_int_equal(job.task->push(&job, memory + face.state, 10, t, lacks, b), ATTN_OK);
        for (int c = 0; c < CHANNELS; c++) assert_true(fabs(a[c] - b[c]) <= 1e-5); /* of floats, as a state's last row has 48 bits */
    }
    in[2] = (double)INFINITY;
    assert_int_equal(job.task->push(&job, memory, 10, 5, in, a), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "stream: x3: found inf, expected a finite number");
    in[2] = 3;
    in[CHANNELS] = 1e300;
    assert_int_equal(job.task->push(&job, memory, 10, 5, in, a), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "stream: unix_time: found 1e+300");
    free(memory);
    test_forecast_close(recipe, &job);
}

/* What is just near enough leaves no trace but a poor forecast; what is further is refused, and changes nothing. */
static void a_number_that_would_leave_a_float_is_refused(void **state) {
    static const char *const words[] = {"", "normalize=none"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_stream_face face;
        test_forecast_open(test_ctx, words[i], &recipe, &job);
        const struct attn_forecast_task *s = job.self;
        assert_int_equal(job.task->stream(&job, 10, &face), ATTN_OK);
        attn_real *memory = calloc(2, (size_t)face.state * sizeof *memory), *kept = memory + face.state;
        double in[CHANNELS + 1] = {1, 2, 3, 4, 5, 6, 7, 0}, out[CHANNELS];
        assert_non_null(memory);
        for (int t = 0; t < 5; t++) {
            in[2] = t == 1 ? s->units.mean[2] - 0.999e12 * s->units.deviation[2] : 3;
            assert_int_equal(job.task->push(&job, memory, 10, t, in, out), ATTN_OK);
            for (int c = 0; c < CHANNELS; c++) assert_true(isfinite(out[c]));
        }
        memcpy(kept, memory, (size_t)face.state * sizeof *memory);
        in[2] = s->units.mean[2] + 1.001e12 * s->units.deviation[2];
        assert_int_equal(job.task->push(&job, memory, 10, 5, in, out), ATTN_EINVAL);
        test_expect_sentence(test_ctx, "expected a number within 1e+12 deviations of training's mean");
        assert_memory_equal(kept, memory, (size_t)face.state * sizeof *memory);
        free(memory);
        test_forecast_close(recipe, &job);
    }
}

static void models_that_need_their_whole_window_are_no_streams(void **state) {
    static const char *const words[] = {"normalize=window supervise=last padding=circular",
                                        "form=encoder-decoder supervise=last normalize=window", "padding=circular supervise=last"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_stream_face face;
        test_forecast_open(test_ctx, words[i], &recipe, &job);
        assert_int_equal(job.task->stream(&job, 10, &face), ATTN_EUNSUPPORTED);
        test_expect_sentence(test_ctx, "expected form=encoder, normalize=running or none, and padding=causal");
        test_forecast_close(recipe, &job);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_one_by_one_give_a_batchs_forecasts_and_allocate_nothing),
        cmocka_unit_test(the_streams_figure_is_that_of_rows_pushed_one_by_one),
        cmocka_unit_test(what_a_row_lacks_stays_as_it_was),
        cmocka_unit_test(a_number_that_would_leave_a_float_is_refused),
        cmocka_unit_test(models_that_need_their_whole_window_are_no_streams),
    };
    return cmocka_run_group_tests_name("aaren: forecasts as streams", tests, test_setting_open, test_setting_close);
}
