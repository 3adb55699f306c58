/* Figures: errors over all windows of a segment, on standardised values, and those of two forecasts that learn nothing. */
#include "system/aaren/forecast.h"

#include "metric/metric.h"

#include <math.h>
#include <string.h>

struct scores {
    struct attn_error_sum model, repeat, mean; /* repeat: the last row again and again; mean: that of the window */
};

/* Errors of window number `index` of the batch asked. */
static void add_window(const struct attn_forecast_task *s, int64_t index, const double *past, const attn_real *forecast,
                       struct scores *out) {
    const struct attn_forecast_shape *shape = &s->shape;
    for (int64_t c = 0; c < shape->channels; c++) {
        double mean = 0;
        for (int64_t i = 0; i < shape->length; i++) mean += past[i * shape->channels + c] / (double)shape->length;
        for (int64_t i = 0; i < shape->horizon; i++) {
            const double truth = past[(shape->length + i) * shape->channels + c];
            attn_error_add(&out->model, (double)forecast[(index * shape->horizon + i) * shape->channels + c], truth);
            attn_error_add(&out->repeat, past[(shape->length - 1) * shape->channels + c], truth);
            attn_error_add(&out->mean, mean, truth);
        }
    }
}

/* Windows that begin at first, first + stride, ... of rows from `begin` on. */
static attn_status score(struct attn_job *job, const struct attn_forecast_data *data, int64_t begin, int64_t windows, struct scores *out) {
    struct attn_forecast_task *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t room = attn_recipe_whole(job->recipe, "batch"), all = attn_div_up(windows, s->stride);
    *out = (struct scores){.model = {.count = 0}};
    for (int64_t first = 0; first < all; first += room) {
        const int64_t count = attn_min64(room, all - first);
        for (int64_t i = 0; i < count; i++) attn_forecast_ask(s, i, data, begin + (first + i) * s->stride, true);
        s->asked.count = count;
        attn_tape_reset(tape);
        attn_tensor *y = attn_forecast_model_forward(&s->model, &s->asked, false);
        if (!y) return attn_tape_status(tape);
        for (int64_t i = 0; i < count; i++)
            add_window(s, i, data->series.value + (begin + (first + i) * s->stride) * s->shape.channels, attn_data(y), out);
    }
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- streams */

/* The room of one stream. */
struct stream {
    attn_real *state;
    double *in, *out; /* a row and its time; [horizon, channels] */
};

/* A row that is row number i of the data, in the units of the file. */
static void put_row(const struct attn_forecast_task *s, const struct attn_forecast_data *data, int64_t i, double *in) {
    const int64_t channels = s->shape.channels;
    for (int64_t c = 0; c < channels; c++) in[c] = data->series.value[i * channels + c] * s->units.deviation[c] + s->units.mean[c];
    in[channels] = data->series.second ? (double)data->series.second[i] : (double)NAN;
}

/* One stream over the rows of all windows; its forecasts are those of the windows that end where it is. */
static attn_status follow(struct attn_job *job, const struct attn_forecast_data *data, int64_t begin, int64_t windows, struct stream *x,
                          struct attn_error_sum *sum) {
    const struct attn_forecast_task *s = job->self;
    const struct attn_forecast_shape *shape = &s->shape;
    const int64_t rows = windows + shape->length - 1, channels = shape->channels;
    for (int64_t i = 0; i < rows; i++) {
        const double *next = data->series.value + (begin + i + 1) * channels;
        put_row(s, data, begin + i, x->in);
        const bool asked = i + 1 >= shape->length && (i + 1 - shape->length) % s->stride == 0;
        const attn_status status = attn_forecast_push_steps(job, x->state, rows, i, asked ? shape->horizon : 1, x->in, x->out);
        if (status) return status;
        for (int64_t k = 0; asked && k < shape->horizon * channels; k++)
            attn_error_add(sum, (x->out[k] - s->units.mean[k % channels]) / s->units.deviation[k % channels], next[k]);
    }
    return ATTN_OK;
}

static attn_status score_stream(struct attn_job *job, const struct attn_forecast_data *data, int64_t begin, int64_t windows,
                                struct attn_figures *out) {
    const struct attn_forecast_task *s = job->self;
    const int64_t state = attn_forecast_state(s, windows + s->shape.length - 1);
    const size_t bytes = (size_t)state * sizeof(attn_real), forecast = (size_t)(s->shape.horizon * s->shape.channels) * sizeof(double);
    struct attn_error_sum sum = {.count = 0};
    struct stream x = {.state = attn_alloc(job->ctx, bytes),
                       .in = attn_alloc(job->ctx, (size_t)(s->shape.channels + 1) * sizeof *x.in),
                       .out = attn_alloc(job->ctx, forecast)};
    attn_status status = x.state && x.in && x.out ? ATTN_OK : attn_no_memory(job->ctx, "a stream", bytes + forecast);
    if (!status) memset(x.state, 0, bytes);
    if (!status) status = follow(job, data, begin, windows, &x, &sum);
    if (!status) attn_figures_add(out, "test_mse_of_stream", attn_error_mse(&sum));
    if (!status) attn_figures_add(out, "test_mae_of_stream", attn_error_mae(&sum));
    attn_free(job->ctx, x.state);
    attn_free(job->ctx, x.in);
    attn_free(job->ctx, x.out);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- figures */

static void add_test(const struct scores *x, struct attn_figures *out) {
    attn_figures_add(out, "test_mse", attn_error_mse(&x->model));
    attn_figures_add(out, "test_mae", attn_error_mae(&x->model));
    attn_figures_add(out, "test_mse_of_last_row", attn_error_mse(&x->repeat));
    attn_figures_add(out, "test_mae_of_last_row", attn_error_mae(&x->repeat));
    attn_figures_add(out, "test_mse_of_mean", attn_error_mse(&x->mean));
    attn_figures_add(out, "test_mae_of_mean", attn_error_mae(&x->mean));
}

/* Windows, each from its own first row; and, where the state is constant, one stream over all of them, which has seen more than a window's rows. */
static attn_status test(struct attn_job *job, const struct attn_forecast_data *data, int64_t begin, int64_t windows,
                        struct attn_figures *out) {
    const struct attn_forecast_task *s = job->self;
    struct scores scores;
    const attn_status status = score(job, data, begin, windows, &scores);
    if (status) return status;
    add_test(&scores, out);
    const bool streams = attn_forecast_streams(s) && attn_aaren_stack_constant(s->model.stack);
    return streams ? score_stream(job, data, begin, windows, out) : ATTN_OK;
}

/* A file of the user's own is tested as a whole. */
static attn_status evaluate_file(struct attn_job *job, const char *path, struct attn_figures *out) {
    const struct attn_forecast_task *s = job->self;
    struct attn_forecast_data data;
    attn_status status = attn_forecast_data_read(job, path, &data);
    if (status) return status;
    const int64_t rows = data.series.rows, windows = attn_forecast_windows(rows, s->shape.length, s->shape.horizon);
    if (windows == 0)
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found %lld rows, expected at least length + horizon = %lld", path, (long long)rows,
                           (long long)(s->shape.length + s->shape.horizon));
    if (!status) status = test(job, &data, 0, windows, out);
    attn_forecast_data_free(job->ctx, &data);
    return status;
}

attn_status attn_forecast_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct attn_forecast_task *s = job->self;
    struct scores scores;
    if (data) return evaluate_file(job, data, out);
    attn_status status = attn_forecast_load(job);
    if (status) return status;
    const struct attn_forecast_segment *validation = &s->part[ATTN_FORECAST_VALIDATION], *last = &s->part[ATTN_FORECAST_TEST];
    status = score(job, &s->data, validation->begin, validation->windows, &scores);
    if (status) return status;
    attn_figures_add(out, "validation_mse", attn_error_mse(&scores.model));
    attn_figures_add(out, "validation_mae", attn_error_mae(&scores.model));
    return test(job, &s->data, last->begin, last->windows, out);
}
