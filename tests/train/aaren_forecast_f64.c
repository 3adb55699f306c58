/* Forecasters of both forms: every parameter's gradient against differences, what a forecast may depend on, and streams against batches. */
#include "base/random.h"
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LENGTH = 7, HORIZON = 3, CHANNELS = 2, MARKS = 2, KERNEL = 3, WIDTH = 8, ROWS = LENGTH + HORIZON, BATCH = 2 };

static const struct {
    const char *mixer;
    int64_t label;
    enum attn_forecast_normal normal;
    bool circular, every;
} cases[] = {{"aaren:heads=2", -1, ATTN_FORECAST_RUNNING, false, true},
             {"aaren:heads=4", -1, ATTN_FORECAST_PLAIN, false, false},
             {"attention:heads=2", -1, ATTN_FORECAST_WINDOW, true, false},
             {"aaren:heads=2", 4, ATTN_FORECAST_WINDOW, true, false},
             {"aaren:heads=2+attention:heads=2", 0, ATTN_FORECAST_RUNNING, false, false},
             {"attention", LENGTH, ATTN_FORECAST_PLAIN, true, false}};
enum { CASES = sizeof cases / sizeof *cases };

struct net {
    attn_ctx *ctx;
    attn_model *model;
    struct attn_forecast_model m;
    struct attn_forecast_batch batch;
    double value[BATCH][ROWS * CHANNELS];
    attn_real mark[ROWS * MARKS];
};

static void fill(struct net *t) {
    for (int b = 0; b < BATCH; b++) attn_forecast_fill(&t->batch, b, t->value[b], t->mark, true);
    t->batch.count = BATCH;
}

/* Parameters uniform in [-0.5, 0.5], norms' gains around 1. */
static void open_net(struct net *t, int number) {
    const struct attn_forecast_config config = {
        .shape = {.length = LENGTH,
                  .horizon = HORIZON,
                  .channels = CHANNELS,
                  .marks = MARKS,
                  .kernel = KERNEL,
                  .label = cases[number].label,
                  .normal = cases[number].normal,
                  .circular = cases[number].circular,
                  .every = cases[number].every},
        .stack =
            {.width = WIDTH, .ffn = 12, .layers = 2, .length = LENGTH, .mixer = cases[number].mixer, .final_norm = true, .epsilon = 1e-5},
        .decoder_layers = 2,
        .heads = 2};
    struct attn_random random;
    char text[1024];
    t->ctx = test_context(1);
    assert_int_equal(attn_model_create(t->ctx, 5, &t->model), ATTN_OK);
    attn_forecast_model_make(t->model, &config, &t->m);
    if (attn_tape_status(attn_model_tape(t->model))) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    attn_random_init(&random, 17);
    for (int64_t p = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        const double middle = strstr(attn_model_name(t->model, p), "norm.weight") ? 1 : 0;
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] = (attn_real)(middle + attn_random_uniform(&random) - 0.5);
    }
    for (int b = 0; b < BATCH; b++)
        for (int i = 0; i < ROWS * CHANNELS; i++) t->value[b][i] = attn_random_normal(&random);
    for (int i = 0; i < ROWS * MARKS; i++) t->mark[i] = (attn_real)(attn_random_uniform(&random) - 0.5);
    assert_int_equal(attn_forecast_batch_open(t->ctx, &config.shape, BATCH, &t->batch), ATTN_OK);
    fill(t);
}

static void close_net(struct net *t) {
    attn_forecast_batch_close(t->ctx, &t->batch);
    attn_model_destroy(t->model);
    attn_ctx_destroy(t->ctx);
}

static attn_tensor *forward(struct net *t) {
    char text[1024];
    attn_tape_reset(attn_model_tape(t->model));
    attn_tensor *y = attn_forecast_model_forward(&t->m, &t->batch, true);
    if (!y) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    return y;
}

static attn_tensor *loss(struct net *t) {
    attn_tensor *y = forward(t);
    const int64_t size[] = {BATCH, attn_forecast_places(&t->m.shape), HORIZON, CHANNELS};
    return attn_mean_all(attn_square(attn_sub(y, attn_tensor_input(attn_model_tape(t->model), 4, size, t->batch.target))));
}

/* The error of a central difference is h^2 / 6 times the third derivative, that of rounding a loss of about 1 over h. */
static void gradients_are_those_of_differences(void **state) {
    const double h = 1e-5;
    (void)state;
    for (int number = 0; number < CASES; number++) {
        struct net t;
        open_net(&t, number);
        for (int64_t p = 0; p < attn_model_count(t.model); p++) {
            attn_tensor *x = attn_model_tensor(t.model, p);
            const int64_t stride = attn_count(x) > 40 ? attn_count(x) / 13 : 1;
            for (int64_t i = 0; i < attn_count(x); i += stride) {
                const attn_real middle = attn_data(x)[i];
                assert_int_equal(attn_tape_backward(loss(&t)), ATTN_OK);
                const double gradient = (double)attn_grad(x)[i];
                attn_data(x)[i] = (attn_real)((double)middle + h);
                const double above = (double)*attn_data(loss(&t));
                attn_data(x)[i] = (attn_real)((double)middle - h);
                const double below = (double)*attn_data(loss(&t));
                attn_data(x)[i] = middle;
                const double difference = (above - below) / (2 * h);
                if (!(fabs(difference - gradient) <= 1e-7 * fmax(1, fabs(gradient))))
                    fail_msg("case %d, %s, element %lld: %.12g, differences %.12g", number, attn_model_name(t.model, p), (long long)i,
                             gradient, difference);
            }
        }
        close_net(&t);
    }
}

/* The forecast of place p must not change with rows behind it, and must with its own. */
static void forecasts_depend_on_no_row_behind_their_place(void **state) {
    struct net t;
    double before[LENGTH * HORIZON * CHANNELS];
    (void)state;
    open_net(&t, 0);
    memcpy(before, attn_data(forward(&t)), sizeof before);
    for (int row = 0; row < ROWS; row++) {
        const double kept = t.value[0][row * CHANNELS];
        t.value[0][row * CHANNELS] += 1;
        fill(&t);
        const attn_real *after = attn_data(forward(&t));
        for (int p = 0; p < LENGTH; p++) {
            const size_t at = (size_t)(p * HORIZON * CHANNELS);
            const bool same = memcmp(before + at, after + at, sizeof(double[HORIZON * CHANNELS])) == 0;
            if (same != (row > p)) fail_msg("row %d, place %d: %s", row, p, same ? "nothing changed" : "the forecast changed");
        }
        t.value[0][row * CHANNELS] = kept;
    }
    close_net(&t);
}

/* With the decoder, too, rows of the horizon are unknown. */
static void no_forecast_sees_what_it_forecasts(void **state) {
    (void)state;
    for (int number = 1; number < CASES; number++) {
        struct net t;
        double before[BATCH * HORIZON * CHANNELS];
        open_net(&t, number);
        memcpy(before, attn_data(forward(&t)), sizeof before);
        for (int i = LENGTH * CHANNELS; i < ROWS * CHANNELS; i++) t.value[0][i] += 5;
        fill(&t);
        assert_memory_equal(before, attn_data(forward(&t)), sizeof before);
        close_net(&t);
    }
}

/* ------------------------------------------------------------------------------------------------------------- streams */

static const char tiny[] = "rows=400 length=12 horizon=5 width=8 ffn=12 layers=2 batch=4 stream_steps=3 dropout=0.3";

static void open_job(attn_ctx *ctx, const char *words, struct attn_recipe **recipe, struct attn_job *job) {
    char all[512], text[1024];
    snprintf(all, sizeof all, "%s%s%s", tiny, words[0] ? " " : "", words);
    *recipe = test_task_recipe(ctx, &attn_aaren_forecast, all);
    if (attn_job_open(ctx, &attn_aaren_forecast, *recipe, NULL, 0, NULL, job)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
}

static void rows_one_by_one_give_the_forecasts_of_whole_windows(void **state) {
    static const char *const words[] = {"mixer=aaren:heads=2", "mixer=attention:heads=2", "mixer=aaren normalize=none",
                                        "mixer=aaren kernel=1 marks=false"};
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_stream_face face;
        struct attn_forecast_series series;
        open_job(ctx, words[k], &recipe, &job);
        struct attn_forecast_task *s = job.self;
        assert_int_equal(attn_forecast_generate(ctx, 1, 400, &series), ATTN_OK);
        assert_int_equal(job.task->stream(&job, 100, &face), ATTN_OK);
        assert_int_equal(face.outputs, 3 * 7);
        assert_int_equal(face.inputs, s->shape.marks > 0 ? 8 : 7);
        assert_string_equal(face.input_name[0], "x1");
        assert_string_equal(face.output_name[8], "x2+2");
        assert_int_equal(face.constant, k != 1);
        attn_real *memory = calloc((size_t)face.state, sizeof *memory);
        struct attn_forecast_batch batch;
        assert_non_null(memory);
        assert_int_equal(attn_forecast_batch_open(ctx, &s->shape, 1, &batch), ATTN_OK);
        attn_forecast_fill(&batch, 0, s->data.series.value + 30 * 7, s->data.mark ? s->data.mark + 30 * s->shape.marks : NULL, true);
        batch.count = 1;
        attn_tape_reset(attn_model_tape(job.model));
        attn_tensor *y = attn_forecast_model_forward(&s->model, &batch, false);
        assert_non_null(y);
        double want[12 * 5 * 7];
        for (int i = 0; i < 12 * 5 * 7; i++) want[i] = (double)attn_data(y)[i] * s->units.deviation[i % 7] + s->units.mean[i % 7];
        for (int t = 0; t < 12; t++) {
            double in[8], out[21];
            for (int c = 0; c < 7; c++) in[c] = series.value[(30 + t) * 7 + c];
            in[7] = t % 3 == 2 ? (double)NAN : (double)series.second[30 + t]; /* a time that is not said is an hour behind the last */
            assert_int_equal(job.task->push(&job, memory, 100, t, in, out), ATTN_OK);
            for (int i = 0; i < 21; i++)
                if (!(fabs(out[i] - want[t * 35 + i]) <= 1e-10))
                    fail_msg("%s, row %d, output %d: %.12g, not %.12g", words[k], t, i, out[i], want[t * 35 + i]);
        }
        attn_forecast_batch_close(ctx, &batch);
        attn_forecast_series_free(ctx, &series);
        free(memory);
        attn_job_close(&job);
        attn_free(ctx, recipe);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(forecasts_depend_on_no_row_behind_their_place),
        cmocka_unit_test(no_forecast_sees_what_it_forecasts),
        cmocka_unit_test(rows_one_by_one_give_the_forecasts_of_whole_windows),
    };
    return cmocka_run_group_tests_name("aaren: forecasters", tests, NULL, NULL);
}
