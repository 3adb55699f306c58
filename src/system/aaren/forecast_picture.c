/* Pictures: one channel's past, what came, and what was forecast, over time. */
#include "system/aaren/forecast.h"

#include <string.h>

enum { PICTURES = 4 };

/* Points of rows first, first + 1, ... behind each other; row 0 is the last of the past. */
static void lay_out(const double *value, int64_t channels, int64_t channel, int64_t rows, int64_t first, double *xy) {
    for (int64_t i = 0; i < rows; i++) {
        xy[2 * i] = (double)(first + i);
        xy[2 * i + 1] = value[i * channels + channel];
    }
}

/* Each line begins at the last row of the past, so that it hangs together. */
static attn_status draw_lines(attn_ctx *ctx, const struct attn_forecast_shape *s, const double *xy, bool truth, struct attn_picture *out) {
    const double *now = xy + 2 * (s->length - 1), *next = xy + 2 * s->length;
    attn_status status = attn_picture_line(ctx, out, ATTN_PICTURE_PLAIN, false, xy, NULL, s->length);
    if (!status && truth) status = attn_picture_line(ctx, out, ATTN_PICTURE_TRUTH, false, now, NULL, s->horizon + 1);
    if (status) return status;
    const int64_t room = s->horizon + 1;
    double *line = attn_alloc(ctx, (size_t)(2 * room) * sizeof *line);
    if (!line) return attn_no_memory(ctx, "a picture", (size_t)(2 * room) * sizeof *line);
    memcpy(line, now, 2 * sizeof *line);
    memcpy(line + 2, next + (truth ? 2 * s->horizon : 0), (size_t)(2 * s->horizon) * sizeof *line);
    status = attn_picture_line(ctx, out, ATTN_PICTURE_PREDICTED, false, line, NULL, room);
    attn_free(ctx, line);
    return status;
}

static void describe(const struct attn_forecast_task *s, int64_t channel, bool truth, struct attn_picture *out) {
    const struct attn_forecast_shape *shape = &s->shape;
    const char *name = s->units.name[channel], *column = s->units.titled ? "" : "column ";
    attn_append(out->title, sizeof out->title, "%s%s: %lld rows from the %lld before them", column, name, (long long)shape->horizon,
                (long long)shape->length);
    attn_append(out->caption, sizeof out->caption, "%lld rows of the past, the last of them 0, then the forecast%s.",
                (long long)shape->length, truth ? " and what came" : "");
    attn_append(out->description, sizeof out->description, "A line of %lld rows of %s%s, and behind it a line of %lld forecast rows%s.",
                (long long)shape->length, column, name, (long long)shape->horizon, truth ? " beside the true ones" : "");
    attn_append(out->row_title, sizeof out->row_title, "%s%s", column, name);
    strcpy(out->column_title, "row");
    out->apart = true;
}

attn_status attn_forecast_draw(attn_ctx *ctx, const struct attn_forecast_task *s, int64_t channel, const double *past,
                               const double *forecast, const double *truth, struct attn_picture *out) {
    const struct attn_forecast_shape *shape = &s->shape;
    const int64_t length = shape->length, horizon = shape->horizon, points = length + (truth ? 2 : 1) * horizon;
    double *xy = attn_alloc(ctx, (size_t)(2 * points) * sizeof *xy);
    if (!xy) return attn_no_memory(ctx, "a picture", (size_t)(2 * points) * sizeof *xy);
    lay_out(past, shape->channels, channel, length, 1 - length, xy);
    if (truth) lay_out(truth, shape->channels, channel, horizon, 1, xy + 2 * length);
    lay_out(forecast, shape->channels, channel, horizon, 1, xy + 2 * (points - horizon));
    describe(s, channel, truth != NULL, out);
    const attn_status status = draw_lines(ctx, shape, xy, truth != NULL, out);
    attn_free(ctx, xy);
    return status;
}

/* A window of the test segment in the units of the file. */
static attn_status draw_window(struct attn_job *job, int64_t begin, int64_t channel, double *rows, double *forecast,
                               struct attn_picture *out) {
    struct attn_forecast_task *s = job->self;
    const struct attn_forecast_units *u = &s->units;
    const int64_t channels = s->shape.channels, all = (s->shape.length + s->shape.horizon) * channels;
    attn_forecast_ask(s, 0, &s->data, begin, true);
    s->asked.count = 1;
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *y = attn_forecast_model_forward(&s->model, &s->asked, false);
    if (!y) return attn_tape_status(attn_model_tape(job->model));
    for (int64_t i = 0; i < all; i++)
        rows[i] = s->data.series.value[begin * channels + i] * u->deviation[i % channels] + u->mean[i % channels];
    for (int64_t i = 0; i < s->shape.horizon * channels; i++)
        forecast[i] = (double)attn_data(y)[i] * u->deviation[i % channels] + u->mean[i % channels];
    return attn_forecast_draw(job->ctx, s, channel, rows, forecast, rows + s->shape.length * channels, out);
}

/* The last channel, in the benchmarks' tables the target, at the test's beginning, middle and end, then the first channel. */
attn_status attn_forecast_picture(struct attn_job *job, int64_t index, struct attn_picture *out) {
    struct attn_forecast_task *s = job->self;
    const int64_t channels = s->shape.channels;
    attn_status status = index < PICTURES - (channels == 1) ? attn_forecast_load(job) : ATTN_OK;
    if (status || index >= PICTURES - (channels == 1)) return status;
    const struct attn_forecast_segment *test = &s->part[ATTN_FORECAST_TEST];
    const int64_t begin = test->begin + (test->windows - 1) * (index % (PICTURES - 1)) / 2;
    const size_t past = (size_t)((s->shape.length + s->shape.horizon) * channels), next = (size_t)(s->shape.horizon * channels);
    double *rows = attn_alloc(job->ctx, (past + next) * sizeof *rows);
    if (!rows) return attn_no_memory(job->ctx, "a picture", (past + next) * sizeof *rows);
    status = draw_window(job, begin, index < PICTURES - 1 ? channels - 1 : 0, rows, rows + past, out);
    static const char *const where[] = {"beginning", "middle", "end", "beginning"};
    attn_append(out->title, sizeof out->title, ", at the test's %s", where[index]);
    attn_free(job->ctx, rows);
    return status;
}
